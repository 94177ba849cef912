"""The main job on the real 0.5B: fetched by `make test`, or lent by KODOPIS_TEST_MODEL."""

from __future__ import annotations

import ast
import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled

from e2e.harness import AUTOMATIC, TestEditor
from lsp_server.engine.process import running_engines, stop_engine
from models.catalog import Catalog
from models.store import Store

pytestmark = pytest.mark.model

MODEL = "qwen2.5-coder-0.5b"
LENT = os.environ.get("KODOPIS_TEST_MODEL", "")
TEXT = '''from dataclasses import dataclass


@dataclass
class Товар:
    name: str
    price: float


def is_palindrome(text):
    # проверь, что строка читается одинаково в обе стороны
{gap}

def factorial(n):
    """Факториал числа n, через цикл."""
{gap}
'''.replace("{gap}", "    ")  # indentation that editors leave on an empty line


def model_path() -> Path:
    """Where the model lies; the test says in one line what is missing."""
    entry, store = Catalog.load(user=False).get(MODEL), Store()
    assert entry is not None
    if LENT:
        return Path(LENT)
    if not store.is_installed(entry):
        pytest.skip(f"the model {MODEL} is not installed: python -m models get {MODEL}")
    return store.path(entry)


@pytest_asyncio.fixture
async def editor(tmp_path: Path) -> AsyncIterator[TestEditor]:
    made = TestEditor(tmp_path, wait_s=300)  # no more than a guard: machines are slow in different ways
    await made.start({"model": str(model_path()), "timeBudgetMs": 0})
    yield made
    await made.stop()
    for engine in running_engines(tmp_path / "engine"):
        await stop_engine(engine.path, engine.state)


async def test_comments_become_code_that_works(editor: TestEditor) -> None:
    uri = editor.open(TEXT)
    for line in (15, 11):  # the lower one first: the file above it is broken then, as files are while one types
        item = await editor.complete(uri, editor.end(uri, line), AUTOMATIC)
        assert item is not None
        editor.accept(uri, item)
        assert all(str(item.insert_text).startswith(partial["text"]) for partial in editor.partials)
        editor.partials.clear()
    names: dict[str, object] = {}
    exec(compile(editor.texts[uri], "main.py", "exec"), names)
    assert eval("factorial(5) == 120 and is_palindrome('казак') and not is_palindrome('ab')", names), editor.texts[uri]


async def test_the_same_question_has_the_same_answer(editor: TestEditor) -> None:
    texts = []
    for name in ("a.py", "b.py"):
        uri = editor.open(TEXT, name)
        item = await editor.complete(uri, editor.end(uri, 15))
        assert item is not None
        texts.append(item.insert_text)
    assert texts[0] == texts[1]


async def test_marks_of_the_template_in_a_file_stay_text(editor: TestEditor) -> None:
    uri = editor.open("STOP = '<|im_end|><|endoftext|>'\n\n# функция is_stop(text): текст равен STOP?\n\n")
    item = await editor.complete(uri, editor.end(uri, 3))
    assert item is not None
    ast.parse(editor.accept(uri, item))


async def test_variants_of_the_model_differ(editor: TestEditor) -> None:
    uri = editor.open(TEXT)
    place = {"textDocument": {"uri": uri}, "position": {"line": 15, "character": 4}, "count": 2}
    texts = [item["insertText"] for item in (await editor.command("variants", place))["items"]]
    assert len(texts) == len(set(texts)) == 2


async def test_an_explanation_is_russian(editor: TestEditor) -> None:
    uri = editor.open("def square(x):\n    return x * x\n")
    span = types.Range(types.Position(0, 0), types.Position(2, 0))
    argument = {"textDocument": {"uri": uri}, "range": span, "partialToken": "e"}
    asked = asyncio.create_task(editor.command("explain", argument))

    def is_russian() -> bool:
        said = str(editor.partials[-1]["text"]).lower() if editor.partials else ""
        return sum("а" <= letter <= "я" for letter in said) > 20

    await editor.until(is_russian, "Russian words")
    editor.cancel_last()
    with pytest.raises(JsonRpcRequestCancelled):
        await asked


async def test_the_server_is_light(editor: TestEditor) -> None:
    uri = editor.open(TEXT)
    await editor.complete(uri, editor.end(uri, 15))
    assert psutil.Process(editor.pid).memory_info().rss < 150_000_000
