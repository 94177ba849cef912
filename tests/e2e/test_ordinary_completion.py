"""Completion of ordinary code, asked for by hand: inside lines, strings, docstrings, notebooks, with closers behind."""

from __future__ import annotations

from lsprotocol import types

from e2e.conftest import StartEditor
from e2e.harness import AUTOMATIC, TestEditor


def opened(editor: TestEditor, marked: str, name: str = "main.py") -> tuple[str, types.Position]:
    """Open a file whose cursor is marked by ‸."""
    before, _, after = marked.partition("‸")
    uri = editor.open(before + after, name)
    line = before.count("\n")
    return uri, editor.position(uri, line, len(before) - before.rfind("\n") - 1)


FITTING = [
    ("prices = [1]\ntotal = sum(‸)\n", "prices)\nprint(total)\n", "prices = [1]\ntotal = sum(prices)\n"),
    ('s = "😀" + f(‸, "б")\r\n', '"а", "б")', 's = "😀" + f("а", "б")\r\n'),
    ('print("Привет, ‸")\n', ' мир!")', 'print("Привет, мир!")\n'),
    ('print(f"Привет, {‸}!")\n', 'name}!")', 'print(f"Привет, {name}!")\n'),
    ("if ‸:\r\n\tpass\r\n", " x > 3:\n\tprint(x)", "if x > 3:\r\n\tpass\r\n"),
    (
        'def f():\n    """Складывает.\n\n    ‸\n    """\n    return 1\n',
        ' Возвращает сумму.\n    """\n    return 1',
        'def f():\n    """Складывает.\n\n    Возвращает сумму.\n    """\n    return 1\n',
    ),
    ("def f(x):\r\n    ‸return x\r\n", " x += 1\n    ", "def f(x):\r\n    x += 1\r\n    return x\r\n"),
    ("x = ‸\n", " 5\n<|file_sep|>b.py\n", "x = 5\n"),
]
NOTHING_NEW = [
    ("total = sum(‸)\n", ")"),
    ("total = sum(‸)\n", "   "),
    ("def f(x):\n    ‸return x\n", " return x\n"),
    ("x = ‸\n", "\n"),
    ("x = ‸\n", "<|endoftext|>"),
]


def number(index: int) -> str:
    """A file's last line, by which the script knows the file."""
    return f"this_is_file = {index}.0\n"


async def test_what_stands_behind_the_cursor_is_not_written_twice(start: StartEditor) -> None:
    answers = [{"match": number(index).strip(), "text": said} for index, (_, said, _) in enumerate(FITTING)]
    editor = await start(*answers)
    for index, (marked, _, expected) in enumerate(FITTING):
        uri, cursor = opened(editor, marked + number(index), f"{index}.py")
        item = await editor.complete(uri, cursor)
        assert item is not None, marked
        assert editor.accept(uri, item) == expected + number(index)


async def test_nothing_is_offered_where_nothing_new_came(start: StartEditor) -> None:
    answers = [{"match": number(index).strip(), "text": said} for index, (_, said) in enumerate(NOTHING_NEW)]
    editor = await start(*answers)
    for index, (marked, _) in enumerate(NOTHING_NEW):
        assert await editor.complete(*opened(editor, marked + number(index), f"{index}.py")) is None, marked


async def test_typing_through_with_a_closer_behind(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "prices)\nprint(total)\n"})
    uri, cursor = opened(editor, "prices = [1]\ntotal = sum(‸)\n")
    assert await editor.complete(uri, cursor) is not None
    cursor = editor.type_at(uri, cursor, "pri")
    item = await editor.complete(uri, cursor, AUTOMATIC)
    assert item is not None
    assert editor.accept(uri, item) == "prices = [1]\ntotal = sum(prices)\n"
    assert (await editor.command("statistics"))["cacheHits"] == 1


async def test_a_selected_completion_does_not_disturb(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "upper())"})
    uri, cursor = opened(editor, 'text = "a"\nprint(text.‸)\n')
    selected = types.SelectedCompletionInfo(types.Range(cursor, cursor), "upper")
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked, selected)
    params = types.InlineCompletionParams(context, types.TextDocumentIdentifier(uri), cursor)
    got = await editor.client.text_document_inline_completion_async(params)
    assert isinstance(got, types.InlineCompletionList)
    assert editor.accept(uri, got.items[0]) == 'text = "a"\nprint(text.upper())\n'
