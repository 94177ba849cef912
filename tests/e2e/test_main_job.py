"""A comment becomes code: places, encodings, line ends, who is asked when."""

from __future__ import annotations

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcMethodNotFound

from e2e.conftest import StartEditor
from e2e.harness import AUTOMATIC, INVOKED

SUM = {"match": "сложи", "text": "return a + b\n```\n"}
FUNCTION = "def add(a, b):\n    # сложи два числа и верни сумму\n    \n"


async def test_a_comment_becomes_code(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION)
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None
    assert item.insert_text == "    return a + b"
    assert editor.accept(uri, item) == FUNCTION.replace("    \n", "    return a + b\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_positions_count_in_every_encoding(start: StartEditor, encoding: str) -> None:
    editor = await start(
        {"match": "итого", "text": " total = 1\n"}, settings={"promptFormat": "prefix"}, encoding=encoding
    )
    uri = editor.open("# посчитай итого\nname = '😀ё'; \n")
    item = await editor.complete(uri, editor.end(uri, 1))
    assert item is not None
    assert item.range is not None
    before = editor.texts[uri]
    after = editor.accept(uri, item)
    assert after.startswith(before.rstrip("\n"))
    assert "total = 1" in after


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_edits_behind_astral_characters_keep_the_text_in_step(start: StartEditor, encoding: str) -> None:
    editor = await start({"match": r"'😀ёж!' 🙂\n# посчитай итого", "text": "done = 1\n"}, encoding=encoding)
    uri = editor.open("'😀ё' 🙂\n# посчитай ито\n\n")
    editor.type_at(uri, editor.position(uri, 0, 3), "ж!")
    editor.type_at(uri, editor.end(uri, 1), "го")
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None
    assert item.insert_text == "done = 1"


async def test_crlf_stays_crlf(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "c = a + b\nreturn c\n```"})
    uri = editor.open(FUNCTION.replace("\n", "\r\n"))
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None
    assert editor.accept(uri, item) == FUNCTION.replace("    \n", "    c = a + b\n    return c\n").replace("\n", "\r\n")


async def test_tabs_stay_tabs(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "if a:\n    return a\nreturn b\n```"})
    uri = editor.open("def add(a, b):\n\t# сложи два числа, если они есть\n\t\n")
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None
    assert item.insert_text == "\tif a:\n\t\treturn a\n\treturn b"


async def test_partials_are_prefixes_of_the_answer(start: StartEditor) -> None:
    text = "c = a\nc += b\nprint(c)\nreturn c\n```"
    editor = await start({"match": "сложи", "text": text, "delay_ms": 5})
    uri = editor.open(FUNCTION)
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None
    grown = [partial["text"] for partial in editor.partials]
    assert len(set(grown)) >= 3
    assert all(str(item.insert_text).startswith(text) for text in grown)
    assert editor.partials[-1]["done"] is True
    assert grown[-1] == item.insert_text
    assert editor.partials[0]["position"] == {"line": 2, "character": 4}
    assert editor.partials[0]["range"] == {"start": {"line": 2, "character": 0}, "end": {"line": 2, "character": 4}}


async def test_partials_and_status_only_for_those_who_ask(start: StartEditor) -> None:
    editor = await start(SUM, capabilities=lambda editor: editor.capabilities(experimental=None))
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is not None
    assert editor.partials == []
    assert editor.statuses == []


async def test_automatic_requests_need_an_instruction(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "x = 1\n```"})
    uri = editor.open("x = 0\n\n# pylint: disable=all\n\n")
    assert await editor.complete(uri, editor.end(uri, 1), AUTOMATIC) is None
    assert await editor.complete(uri, editor.end(uri, 3), AUTOMATIC) is None
    assert editor.engine_pids() == []


async def test_invoked_answers_without_an_instruction(start: StartEditor) -> None:
    editor = await start({"match": "fim_middle", "text": " n + 1\n"})
    uri = editor.open("n = 0\nm = \n")
    item = await editor.complete(uri, editor.end(uri, 1), INVOKED)
    assert item is not None
    assert item.insert_text == "m = n + 1"


async def test_variants_are_different(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION)
    argument = {"textDocument": {"uri": uri}, "position": {"line": 2, "character": 4}, "count": 3}
    items = (await editor.command("variants", argument))["items"]
    texts = [item["insertText"] for item in items]
    assert texts
    assert len(texts) == len(set(texts))
    assert items[0]["range"] == {"start": {"line": 2, "character": 0}, "end": {"line": 2, "character": 4}}


async def test_completion_for_clients_without_inline_completion(start: StartEditor) -> None:
    editor = await start(SUM, capabilities=lambda editor: editor.capabilities(text_document=None))
    uri = editor.open(FUNCTION)
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), editor.end(uri, 2))
    got = await editor.client.text_document_completion_async(params)
    assert isinstance(got, types.CompletionList)
    (item,) = got.items
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.new_text == "    return a + b"


async def test_clients_with_inline_completion_get_no_second_offer(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION)
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), editor.end(uri, 2))
    with pytest.raises(JsonRpcMethodNotFound):
        await editor.client.text_document_completion_async(params)


async def test_a_notebook_cell_sees_the_cells_above(start: StartEditor) -> None:
    editor = await start({"match": "rate = 100.*посчитай цену", "text": "price = 5 * rate\n```"})
    cells = ["rate = 100\n", "# посчитай цену в рублях\n"]
    uris = [f"vscode-notebook-cell:/book.ipynb#{number}" for number in range(len(cells))]
    items = [types.TextDocumentItem(uri, "python", 1, text) for uri, text in zip(uris, cells, strict=True)]
    editor.client.notebook_document_did_open(
        types.DidOpenNotebookDocumentParams(
            types.NotebookDocument(
                "file:///book.ipynb",
                "jupyter-notebook",
                1,
                [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in uris],
            ),
            items,
        )
    )
    editor.texts[uris[1]] = cells[1]
    item = await editor.complete(uris[1], types.Position(1, 0))
    assert item is not None
    assert item.insert_text == "price = 5 * rate"
