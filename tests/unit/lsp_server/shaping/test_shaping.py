"""Answers as models give them, and what of each belongs in the file."""

from __future__ import annotations

import pytest

from lsp_server.request import instruction
from lsp_server.shaping import Shaper
from lsp_server.shaping.scan import Scan
from lsp_server.shaping.wrapping import Unwrapper, Verdict

from ..places import at_cursor
from .answers import shape

SUM = "def total(xs):\n    # посчитай сумму чётных\n    ‸\n    return result\n"
ADD = "import os\n\n\n# функция add, которая складывает два числа\n‸\n"
STACK = (
    "class Stack:\n"
    '    """Стек."""\n\n'
    "    limit = 10\n\n"
    "    def __init__(self):\n"
    "        self.items = []\n\n"
    "    # метод push: положить, при переполнении OverflowError\n"
    "    ‸\n"
)
PUSH = (
    "    def push(self, item):\n"
    "        if len(self.items) >= self.limit:\n"
    "            raise OverflowError\n"
    "        self.items.append(item)"
)
DOCSTRING = 'def mean(xs):\n    """Среднее арифметическое, для пустого списка 0."""\n    ‸\n'


METHODS = "".join(f"    def get_{number}(self):\n        return {number}\n\n" for number in range(60))
LOAD = "    def load(self, url):\n        # скачать страницу\n        ‸\n"
BROKEN = "    def wait(self):\n        x = (1,\n\n"
TEXT = '        text = """\nпо левому краю\n"""\n        return text\n'

RESULT = "    result = 0\n    for x in xs:\n        if x % 2 == 0:\n            result += x"

CASES = {
    "bare": (SUM, " result = sum(x for x in xs if x % 2 == 0)", "   ", "    result = sum(x for x in xs if x % 2 == 0)"),
    "stops at the suffix": (SUM, RESULT[4:] + "\n    return result\n\n\nprint(total([1]))\n", "    ", RESULT),
    "stops at a fence": (SUM, RESULT[4:] + "\n```\n\n### Объяснение:\n1. Цикл", "    ", RESULT),
    "stops at prose": (SUM, RESULT[4:] + "\n\nЭтот код считает сумму.", "    ", RESULT),
    "stops at a special token": (SUM, RESULT[4:] + "<|endoftext|>def f(): pass\n", "    ", RESULT),
    "indentation of the first line lost": (SUM, RESULT[4:], "", RESULT),
    "indentation doubled on the first line": (SUM, RESULT, "    ", RESULT),
    "indentation lost everywhere": (
        SUM,
        "result = 0\nfor x in xs:\n    if x % 2 == 0:\n        result += x\n",
        "",
        RESULT,
    ),
    "function rewritten": (SUM, f"```python\ndef total(xs):\n{RESULT}\n    return result\n```\nГотово", "", RESULT),
    "function rewritten without the comment, in English": (
        SUM,
        f"Here is the code:\n\n```python\ndef total(xs):\n    # sum the even numbers\n{RESULT}\n    return result\n```",
        "",
        "    # sum the even numbers\n" + RESULT,
    ),
    "comment said again": (SUM, f"    # посчитай сумму чётных\n{RESULT}\n", "", RESULT),
    "chatter and example": (
        ADD,
        "Вот функция:\n\n```python\ndef add(a, b):\n    return a + b\n\n# Пример вызова\nprint(add(1, 2))\n```\n",
        "",
        "def add(a, b):\n    return a + b",
    ),
    "file rewritten": (
        ADD,
        "```python\nimport os\n\n\n# функция add, которая складывает два числа\ndef add(a, b):\n    return a + b\n```",
        "",
        "def add(a, b):\n    return a + b",
    ),
    "file rewritten from a constant on": (
        'ALPHABET = "абв"\n\n\ndef mean(xs):\n    """Среднее чисел."""\n    ‸\n',
        '```python\nALPHABET = "абв"\n\ndef mean(xs):\n    """Mean."""\n    return sum(xs) / len(xs)\n```',
        "",
        "    return sum(xs) / len(xs)",
    ),
    "second function": (
        ADD,
        "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n",
        "",
        "def add(a, b):\n    return a + b",
    ),
    "main block": (
        ADD,
        'def add(a, b):\n    return a + b\n\n\nif __name__ == "__main__":\n    print(add(1, 2))\n',
        "",
        "def add(a, b):\n    return a + b",
    ),
    "new import kept, known one dropped": (
        ADD,
        "import os\nimport math\n\ndef add(a, b):\n    return math.fsum([a, b])\n",
        "",
        "import math\n\ndef add(a, b):\n    return math.fsum([a, b])",
    ),
    "shell fence passed over": (
        ADD,
        "```bash\npip install x\n```\n\n```python\ndef add(a, b):\n    return a + b\n```",
        "",
        "def add(a, b):\n    return a + b",
    ),
    "method": (STACK, PUSH[4:] + "\n\n    def pop(self):\n        return self.items.pop()\n", "    ", PUSH),
    "class rewritten": (
        STACK,
        f"```python\nclass Stack:\n    limit = 10\n\n    def __init__(self):\n        self.items = []\n\n{PUSH}\n",
        "",
        PUSH,
    ),
    "method without its class's indentation": (
        STACK,
        "\n".join(line[4:] for line in PUSH.splitlines()) + "\n",
        "",
        PUSH,
    ),
    "docstring repeated": (
        DOCSTRING,
        '    """Среднее арифметическое."""\n    return sum(xs) / len(xs) if xs else 0\n',
        "",
        "    return sum(xs) / len(xs) if xs else 0",
    ),
    "function renamed": (
        DOCSTRING,
        "```python\ndef average(xs):\n    return sum(xs) / len(xs) if xs else 0\n```",
        "",
        "    return sum(xs) / len(xs) if xs else 0",
    ),
    "function rewritten below a new import": (
        DOCSTRING,
        "```python\nimport statistics\n\ndef mean(xs):\n    return statistics.mean(xs)\n```",
        "",
        "    import statistics\n    return statistics.mean(xs)",
    ),
    "function rewritten below a known import and a new one": (
        "import os\n\n\n" + DOCSTRING,
        "import os\nfrom statistics import (\n    fmean,\n)\n\ndef mean(xs):\n    return fmean(xs)\n",
        "",
        "    from statistics import (\n        fmean,\n    )\n    return fmean(xs)",
    ),
    "class rewritten below a new import": (
        STACK,
        f"import abc\n\nclass Stack:\n    limit = 10\n\n{PUSH}\n",
        "",
        PUSH,
    ),
    "new import in a body": (
        DOCSTRING,
        "import statistics\nreturn statistics.mean(xs)\n",
        "",
        "    import statistics\n    return statistics.mean(xs)",
    ),
    "nothing but a new import": (DOCSTRING, "import statistics", "", "    import statistics"),
    "decorator keeps its inner function": (
        "import time\n\n\ndef timed(func):\n    # обёртка, которая печатает время\n    ‸\n",
        "    def wrapper(*args):\n        print(1)\n        return func(*args)\n    return wrapper\n\n\ntimed(1)\n",
        "",
        "    def wrapper(*args):\n        print(1)\n        return func(*args)\n    return wrapper",
    ),
    "tabs": (
        "def total(xs):\n\t# посчитай сумму\n\t‸\n",
        "    s = 0\n    for x in xs:\n        s += x\n    return s\n",
        "",
        "\ts = 0\n\tfor x in xs:\n\t\ts += x\n\treturn s",
    ),
    "tabs, and an answer in steps of two": (
        "class A:\n\tdef f(self):\n\t\tpass\n\n\t# метод g, который печатает чётные\n\t‸\n",
        "  def g(self):\n    for x in self.items:\n      if x % 2 == 0:\n        print(x)\n",
        "",
        "\tdef g(self):\n\t\tfor x in self.items:\n\t\t\tif x % 2 == 0:\n\t\t\t\tprint(x)",
    ),
    "special tokens in a string stay": (
        "# функция turn(role, text) для chatml\n‸\n",
        'def turn(role, text):\n    return f"<|im_start|>{role}\\n{text}<|im_end|>"<|endoftext|>\n',
        "",
        'def turn(role, text):\n    return f"<|im_start|>{role}\\n{text}<|im_end|>"',
    ),
    "special token after an open quote": (SUM, '    result = 1\n    text = "<|endoftext|>\n', "", "    result = 1"),
    "words of prose as names": (
        "import numpy as np\n# построить сетку координат\n‸\n",
        "I, J = np.meshgrid(range(3), range(4))\n",
        "",
        "I, J = np.meshgrid(range(3), range(4))",
    ),
    "fence in a string stays": (
        "# функция fenced(code): код в ограде Markdown\n‸\n",
        'def fenced(code):\n    return f"""\n```python\n{code}\n```\n"""\n\nprint(fenced("x"))\n',
        "",
        'def fenced(code):\n    return f"""\n```python\n{code}\n```\n"""',
    ),
    "data in a string is not moved": (
        SUM,
        'query = """\nselect 1\n"""\nresult = run(query)\n',
        "",
        '    query = """\nselect 1\n"""\n    result = run(query)',
    ),
    "third repetition": (
        SUM,
        "    result = 0\n" + "    result += xs.pop()\n" * 9,
        "",
        "    result = 0\n    result += xs.pop()\n    result += xs.pop()",
    ),
    "trailing comments": (SUM, "    result = 1\n    # готово\n    # проверено\n", "", "    result = 1"),
    "cut back to what parses": (SUM, "    result = 0\n    result += (1 +\n", "", "    result = 0"),
    "Cyrillic names not taken": (SUM, "    result = 0\n    сумма = 1\n    result = сумма\n", "", "    result = 0"),
    "Cyrillic names where the file has them": (
        "def сумма(числа):\n    # сложи\n    ‸\n",
        "    итог = sum(числа)\n    return итог\n",
        "",
        "    итог = sum(числа)\n    return итог",
    ),
    "print asked for": (
        "xs = [1]\n# отсортируй xs и выведи\n‸\n",
        "xs.sort()\nprint(xs)\n",
        "",
        "xs.sort()\nprint(xs)",
    ),
    "print not asked for": ("xs = [1]\n# отсортируй xs\n‸\n", "xs.sort()\nprint(xs)\n", "", "xs.sort()"),
    "two functions asked for": (
        "# две функции: add и sub\n‸\n",
        "def add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b\n\nprint(1)\n",
        "",
        "def add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b",
    ),
    "entries of a dict": (
        "CONFIG = {\n    'a': 1,\n    # добавить настройки базы: хост и порт\n    ‸\n}\n",
        "    'host': 'localhost',\n    'port': 5432,\n}\n",
        "",
        "    'host': 'localhost',\n    'port': 5432,",
    ),
    "links of a chain": (
        "df = (\n    df\n    # отфильтровать взрослых и отсортировать по имени\n    ‸\n)\n",
        "    .query('age >= 18')\n    .sort_values('name')\n)\n",
        "",
        "    .query('age >= 18')\n    .sort_values('name')",
    ),
    "statements between brackets": (
        "CONFIG = {\n    'a': 1,\n    # добавить настройки базы: хост и порт\n    ‸\n}\n",
        "    host = 'localhost'\n",
        "",
        "",
    ),
    "inside a line": ("def f(xs):\n    return ‸\n", "sum(xs)\n\ndef g(): pass\n", "    return ", "    return sum(xs)"),
    "inside a line, its head repeated": ("def f(xs):\n    return ‸\n", "return sum(xs)\n", "", "    return sum(xs)"),
    "nothing but chatter": (SUM, "Конечно! Я помогу вам.\n", "", ""),
    "nothing but the suffix": (SUM, "    return result\n", "", ""),
    "nothing": (SUM, "", "    ", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_answer_is_shaped(name: str) -> None:
    text, answer, head, expected = CASES[name]
    assert shape(text, answer, head).text == expected


@pytest.mark.parametrize(
    "task",
    [
        "выводим сумму и среднее списка",
        "выводить сумму списка",
        "вывожу сумму списка",
        "скрипт выводит сумму списка",
        "сообщи пользователю сумму",
        "выдай сумму списка",
        "сумму списка на консоль",
        "спроси имя и поприветствуй пользователя",
        "продемонстрируй сумму списка",
    ],
)
def test_output_is_asked_for_in_many_words(task: str) -> None:
    said = "total = sum(items)\nprint(total)\n"
    assert shape(f"items = [1, 2]\n# {task}\n‸\n", said).text == said.rstrip("\n")


def test_quotes_in_an_f_string_are_no_prose() -> None:
    unwrapper = Unwrapper(allow_cyrillic_names=False)
    assert unwrapper.take('print(f"{row["имя"]}")', Scan()) is Verdict.CODE
    assert unwrapper.take("row[имя]", Scan()) is Verdict.STOP
    assert Unwrapper(allow_cyrillic_names=False).take("Вот, код", Scan()) is Verdict.SKIP


def test_a_message_that_is_made_is_not_printed() -> None:
    said = "text = 'ошибка'\nprint(text)\n"
    assert shape("# составить сообщение об ошибке\n‸\n", said).text == "text = 'ошибка'"


@pytest.mark.parametrize(
    ("text", "answer", "reason"),
    [
        (SUM, RESULT + "\n    return result\n", "suffix"),
        (SUM, RESULT + "\nother()\n", "dedent"),
        (SUM, "    return sum(xs)\n", "end"),
        (ADD, "def add(a, b):\n    return a + b\nprint(1)", "example"),
        (ADD, "def add(a, b):\n    return a + b\n", "stream"),
    ],
)
def test_reason_to_stop(text: str, answer: str, reason: str) -> None:
    assert shape(text, answer).stop_reason == reason


def test_generation_stops_before_the_line_is_whole() -> None:
    source, cursor = at_cursor(SUM)
    found = instruction.find(source, cursor, automatic=False)
    assert found is not None
    shaper = Shaper(source, found.place, found)
    shaper.feed(RESULT + "\n\n")
    assert not shaper.done
    shaper.feed("d")
    assert shaper.done


def test_truncated_answer_loses_its_last_line() -> None:
    assert shape(SUM, "    result = 0\n    result = xs.ap", truncated=True).text == "    result = 0"


def test_line_ends_of_the_file() -> None:
    assert shape(SUM, RESULT + "\n", newline="\r\n").text == RESULT.replace("\n", "\r\n")


def test_comment_on_the_cursors_line_is_kept() -> None:
    assert shape("def f(xs):\n    # верни сумму‸\n", "    return sum(xs)\n").text == (
        "    # верни сумму\n    return sum(xs)"
    )


def test_partial_waits_for_a_whole_statement() -> None:
    source, cursor = at_cursor(SUM)
    found = instruction.find(source, cursor, automatic=False)
    assert found is not None
    shaper = Shaper(source, found.place, found, "    ")
    shown = []
    for piece in ("result = 0\n", "    for x in xs:\n", "        result += x\n", "    # дальше\n"):
        shaper.feed(piece)
        shown.append(shaper.partial)
    first, whole = "    result = 0", "    result = 0\n    for x in xs:\n        result += x"
    assert shown == [first, first, whole, whole]


def test_russian_docstring_does_not_allow_prose() -> None:
    text = 'def mean(xs):\n    """Среднее.\n\n    Пустой список нельзя.\n    """\n    ‸\n'
    assert shape(text, "Вот код:\n```python\nreturn sum(xs)\n```\n").text == "    return sum(xs)"


def test_prose_is_no_code_where_names_are_russian() -> None:
    text = "def сумма(числа):\n    # сложи\n    ‸\n"
    answer = "Конечно!\nВот этот код:\n    итог, часть = 0, 1\n    return итог\n\nЭтот код складывает.\n"
    assert shape(text, answer).text == "    итог, часть = 0, 1\n    return итог"


def test_line_of_a_later_block_below_is_no_end() -> None:
    below = "\n    def redo(self):\n        action = self.undone.pop()\n        return action\n"
    answer = "    def undo(self):\n        action = self.done.pop()\n        return action\n"
    assert shape("class A:\n    # метод undo\n    ‸\n" + below, answer).text == answer.rstrip("\n")


@pytest.mark.parametrize("broken", ["def broken(:\n  x = = ((\n\n", "x = '\n", ") ] }\n"])
def test_errors_elsewhere_do_not_silence_it(broken: str) -> None:
    assert shape(broken * 3 + SUM + broken, RESULT).text == RESULT
    assert shape(broken * 3 + SUM + broken, RESULT + "\n    x = (\n").text == RESULT


@pytest.mark.parametrize("said", ["pass\n", "# потом\n    pass\n", "...\n"])
def test_a_place_holder_is_no_answer(said: str) -> None:
    assert shape(DOCSTRING, f"    {said}").text == ""
    assert shape(ADD, f"def add(a, b):\n    {said}").text.startswith("def add")
    assert shape("def f():\n    # заглушка\n    ‸\n", f"    {said}").text.endswith(said.strip().splitlines()[-1])


@pytest.mark.parametrize("character", ["\x0c", "\x1c", "\x85", "\u2028"])
def test_what_the_line_has_before_the_cursor_stays_as_it_is(character: str) -> None:
    head = f"'{character}'; total = "
    source, cursor = at_cursor(f"n = 0\n{head}‸\nprint(total)\n")
    shaper = Shaper(source, instruction.insertion_at(source, cursor), None, head)
    shaper.feed(f"n +{character} 1\n")
    assert shaper.finish().text == f"{head}n + 1"


@pytest.mark.parametrize("above", ["", METHODS, BROKEN])
@pytest.mark.parametrize("below", ["", "\n" + METHODS, TEXT])
def test_an_error_is_seen_wherever_in_a_class_its_method_stands(above: str, below: str) -> None:
    file = f"class Client:\n{above}{LOAD}{below}"
    assert shape(file, "        page = await get(url)\n", piece=99).text == ""
    assert shape(file, "        page = get(url)\n", piece=99).text == "        page = get(url)"


@pytest.mark.parametrize("below", ["", METHODS, BROKEN])
def test_a_function_within_another_sees_its_names(below: str) -> None:
    file = f"def counter():\n    n = 0\n\n    def add():\n        # увеличить n\n        ‸\n\n\n{below}"
    assert shape(file, "        nonlocal m\n        m += 1\n", piece=99).text == ""
    assert shape(file, "        nonlocal n\n        n += 1\n", piece=99).text == "        nonlocal n\n        n += 1"
