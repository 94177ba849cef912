from __future__ import annotations

import ast

import pytest

from lsp_server.request import context, instruction
from lsp_server.request.context import Budget, Context
from lsp_server.request.instruction import Insertion
from lsp_server.source.document import Place, Source

from ..places import at_cursor

CLASS = '''\
import os
from typing import (
    Any,
)

LIMIT = 10


def helper(a: int, b: str = "x") -> str:
    """Помощь."""
    return b * a


class Store(dict):
    path: str = "a"

    def __init__(self, root):
        self.root = root
        print(root)

    def load(
        self,
        key,
    ) -> Any:
        """
        self.no = 1
        """
        value = 1
        return value

'''


async def words(text: str) -> list[int]:
    """A tokenizer: a token for each word and each line end."""
    return [len(word) for word in text.replace("\n", " \n ").split(" ") if word]


def place(line: int, indent: str = "    ") -> Insertion:
    return Insertion(line, 0, indent, indent)


async def built(text: str, budget: Budget | None = None, newline: str = "\n", **more: object) -> Context:
    source, cursor = at_cursor(text, newline)
    found = instruction.find(source, cursor, automatic=False)
    insertion = found.place if found else instruction.insertion_at(source, cursor)
    cells = more.get("cells", ())
    assert isinstance(cells, tuple)
    return await context.build(source, insertion, words, budget or Budget(), cells, instruction=found)


async def test_small_file_is_seen_whole() -> None:
    seen = await built("import os\n# верни сумму\n‸\nx = 1\n")
    assert (seen.prefix, seen.suffix, seen.head, seen.anchor_line) == ("import os\n# верни сумму\n", "x = 1\n", "", 0)
    assert seen.n_prefix_tokens == len(await words(seen.prefix))


async def test_line_ends_and_byte_order_mark_are_not_seen() -> None:
    seen = await built("\ufeffx = 1\n# верни сумму\n‸\ny = 2\n", newline="\r\n")
    assert (seen.prefix, seen.suffix) == ("x = 1\n# верни сумму\n", "y = 2\n")


async def test_comment_on_the_cursors_line_is_in_the_prefix() -> None:
    assert (await built("x = 1\n# верни сумму‸\ny = 2\n")).prefix == "x = 1\n# верни сумму\n"


async def test_head_tells_what_lies_above_the_window() -> None:
    methods = "".join(f"    def method_{n}(self, a):\n        x = {n}\n        return x\n\n" for n in range(150))
    seen = await built(CLASS + methods + "    # верни сумму\n    ‸\n", Budget(1500))
    assert seen.anchor_line > 0
    for text in (
        "import os\n",
        "from typing import (\n    Any,\n)\n",
        "LIMIT = 10\n",
        'def helper(a: int, b: str = "x") -> str: ...\n',
        "class Store(dict):\n    path: str",
        "        self.root = root\n",
    ):
        assert text in seen.head, text
    assert "print(root)" not in seen.head
    assert seen.prefix.startswith(seen.head)
    ast.parse(seen.prefix)


async def test_typing_keeps_the_beginning_of_the_prompt() -> None:
    functions = "".join(f"def f{n}(a):\n    # шаг\n    return {n}\n\n\n" for n in range(400))
    same, longest = 0, ""
    for n_typed in range(40):
        typed = "".join(f"    x{n} = {n}\n" for n in range(n_typed))
        seen = await built(functions + "def last():\n" + typed + "    # верни сумму\n    ‸\n", Budget(1000))
        same += longest[:2000] == seen.prefix[:2000]
        longest = seen.prefix
    assert same >= 36  # the window may jump, in big steps; it must not slide


async def test_dense_lines_are_seen_as_far_as_they_fit() -> None:
    line = "    bot.send(chat, 'Привет! У нас новые товары, большие скидки, быстрая доставка и подарки для всех')\n"
    seen = await built("def send(chat):\n" + line * 60 + "    # верни сумму\n    ‸\n", Budget(500))
    assert seen.prefix.count(line) >= 5


async def test_budget_is_kept_with_one_endless_line() -> None:
    source = Source("f", ["x = [" + "1, " * 40_000 + "]\n", "# верни сумму\n", "\n"])
    seen = await context.build(source, place(2, ""), words, Budget(500, 100))
    assert 0 < seen.n_prefix_tokens <= 500


@pytest.mark.parametrize("tokenize", [words, None])
async def test_budget_is_kept(tokenize: context.Tokenize | None) -> None:
    source = Source("f", ["    сумма = слагаемое + слагаемое\n"] * 3000)
    seen = await context.build(source, place(2000), tokenize, Budget(300, 50))
    assert seen.n_prefix_tokens <= 300
    assert seen.n_suffix_tokens <= 50
    assert seen.suffix


async def test_suffix_is_capped_in_lines() -> None:
    seen = await built("# верни сумму\n‸\n" + "x = 1\n" * 50)
    assert seen.suffix == "x = 1\n" * 16


async def test_signature_of_what_is_used_and_defined_below() -> None:
    text = "# отсортируй через by_age(user)\n‸\n" + "x = 1\n" * 30 + "def by_age(\n    user,\n):\n    return user.age\n"
    assert (await built(text)).suffix == "x = 1\n" * 16 + "\n\ndef by_age(\n    user,\n): ...\n"


async def test_earlier_cells_come_first_and_the_last_ones_win() -> None:
    cells = ("a = 1\r\n", "", "b = 2")
    assert (await built("# верни сумму\n‸", cells=cells)).prefix == "a = 1\n\nb = 2\n\n# верни сумму\n"
    long = ("x = 0\n" * 1000, "b = 2")
    assert (await built("# верни сумму\n‸", Budget(100), cells=long)).prefix == "b = 2\n\n# верни сумму\n"


async def test_imports_of_earlier_cells_that_do_not_fit() -> None:
    first = "%matplotlib inline\nimport numpy as np\nfrom os import path\nimporting = 1\n" + "x = 0\n" * 1000
    cells = (first, "import numpy as np\n" + "y = 0\n" * 1000, "b = 2")
    seen = await built("# верни сумму\n‸", Budget(200), cells=cells)
    assert seen.prefix == "import numpy as np\nfrom os import path\n\nb = 2\n\n# верни сумму\n"


async def test_place_past_the_end_of_the_file() -> None:
    seen = await context.build(Source("f", []), instruction.insertion_at(Source("f", []), Place(0, 0)), None, Budget())
    assert (seen.prefix, seen.suffix) == ("", "")


async def test_a_long_rest_of_the_line_is_cut() -> None:
    source = Source("f", ["x = (" + "1, " * 50_000 + ")\n", "print(x)\n"])
    seen = await context.build(source, instruction.insertion_at(source, Place(0, 5)), words, Budget(100, 60))
    assert source.line(0)[5:].startswith(seen.tail)
    assert 0 < len(seen.tail) <= context.TAIL_CHARS
    assert seen.n_suffix_tokens == len(await words(seen.tail)) + len(await words(seen.suffix))
