"""Who is answered when several requests come, while one types, after a cancel: with as little generation as can be."""

from __future__ import annotations

import asyncio
from typing import Any

import psutil
import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled

from e2e.conftest import StartEditor
from e2e.harness import AUTOMATIC, TestEditor
from lsp_server.engine.scripted import encode

FUNCTION = "def add(a, b):\n    # сложи два числа и верни сумму\n    \n"
LINES = [f"c{number} = a + {number}" for number in range(8)]
BODY = "\n".join(LINES)
ANSWER = "\n".join(f"    {line}" for line in LINES)
SLOW: dict[str, Any] = {"match": "сложи", "text": BODY + "\n```\n", "delay_ms": 10}
ENDLESS: dict[str, Any] = {"match": "умножь", "text": "x = 1\n" + "y = 2\nz = 3\n" * 3000, "delay_ms": 50}


async def test_cancelling_stops_the_engine(start: StartEditor) -> None:
    # The endless answer would take minutes, and among equals who came first goes first.
    editor = await start(SLOW, ENDLESS, settings={"maxTokens": 4096})
    endless = editor.open(FUNCTION.replace("сложи", "умножь"), "endless.py")
    other = editor.open(FUNCTION)
    request = editor.request(endless, editor.end(endless, 2))
    await editor.until(lambda: editor.partials, "a first partial")
    editor.cancel_last()
    with pytest.raises(JsonRpcRequestCancelled):
        await asyncio.wait_for(request, 10)
    item = await editor.complete(other, editor.end(other, 2))
    assert item is not None
    assert item.insert_text == ANSWER


async def test_the_progress_token_cancels_too(start: StartEditor) -> None:
    editor = await start(SLOW, ENDLESS, settings={"maxTokens": 4096})
    endless = editor.open(FUNCTION.replace("сложи", "умножь"), "endless.py")
    editor.client.progress_reports["t1"] = []
    request = editor.request(endless, editor.end(endless, 2), work_done_token="t1")
    await editor.until(lambda: editor.partials, "a first partial")
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("t1"))
    with pytest.raises(JsonRpcRequestCancelled):
        await asyncio.wait_for(request, 10)
    begun, ended = editor.client.progress_reports["t1"][0], editor.client.progress_reports["t1"][-1]
    assert isinstance(begun, types.WorkDoneProgressBegin)
    assert begun.cancellable
    assert isinstance(ended, types.WorkDoneProgressEnd)


async def test_a_newer_request_gets_the_answer_and_the_older_an_empty_one(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open(FUNCTION)
    first = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    second = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert await first is None
    assert second is not None
    assert second.insert_text == ANSWER
    assert await tokens(editor) <= len(encode(SLOW["text"]))


async def test_typing_what_comes_goes_on_with_it(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open(FUNCTION)
    first = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    cursor = editor.type_at(uri, editor.end(uri, 2), "c0 = ")
    second = await editor.complete(uri, cursor, AUTOMATIC)
    assert await first is None
    assert second is not None
    assert second.insert_text == ANSWER
    assert editor.accept(uri, second) == FUNCTION.replace("    \n", ANSWER + "\n")
    assert await tokens(editor) <= len(encode(SLOW["text"]))


async def test_a_bracket_that_the_editor_closes_does_not_end_the_answer(start: StartEditor) -> None:
    text, answer = f"total = sum(x for x in (a, b))\n{BODY}\n```\n", f"    total = sum(x for x in (a, b))\n{ANSWER}"
    editor = await start({**SLOW, "text": text})
    uri = editor.open(FUNCTION)
    first = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    cursor = editor.type_at(uri, editor.end(uri, 2), "total = sum(")
    editor.type_at(uri, cursor, ")")
    second = await editor.complete(uri, cursor, AUTOMATIC)
    assert await first is None
    assert second is not None
    assert editor.accept(uri, second) == FUNCTION.replace("    \n", answer + "\n")
    assert await tokens(editor) <= len(encode(text))


async def test_a_request_at_another_place_gets_that_places_answer(start: StartEditor) -> None:
    editor = await start({"match": "Задание: вычти", "text": "return a - b\n```\n"}, SLOW)
    uri = editor.open(FUNCTION + "\n\n" + FUNCTION.replace("add", "sub").replace("сложи", "вычти"))
    first = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    second = await editor.complete(uri, editor.end(uri, 7))
    assert await first is None
    assert second is not None
    assert (second.range and second.range.start, second.insert_text) == (types.Position(7, 0), "    return a - b")


async def test_typing_after_a_cancel_goes_on_with_what_was_said(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open(FUNCTION)
    first = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    editor.cancel_last()
    with pytest.raises(JsonRpcRequestCancelled):
        await first
    cursor = editor.type_at(uri, editor.end(uri, 2), "c0 = a + 0\n    c")
    second = await editor.complete(uri, cursor, AUTOMATIC)
    assert second is not None
    assert editor.accept(uri, second) == FUNCTION.replace("    \n", ANSWER + "\n")
    assert await tokens(editor) <= len(encode(SLOW["text"]))


async def test_typing_something_else_drops_the_answer(start: StartEditor) -> None:
    editor = await start(SLOW, ENDLESS)
    uri = editor.open(FUNCTION.replace("сложи", "умножь"))
    request = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    editor.type_at(uri, editor.end(uri, 2), "return None")
    assert await asyncio.wait_for(request, 10) is None


async def test_an_edit_elsewhere_above_drops_the_answer(start: StartEditor) -> None:
    editor = await start(ENDLESS)
    uri = editor.open(FUNCTION.replace("сложи", "умножь"))
    request = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    editor.type_at(uri, types.Position(0, 0), "import os\n")
    assert await asyncio.wait_for(request, 10) is None


async def test_a_known_answer_needs_no_engine(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open(FUNCTION)
    first = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    for pid in editor.engine_pids():
        psutil.Process(pid).kill()
    again = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert first is not None
    assert again is not None
    assert again.insert_text == first.insert_text
    cursor = editor.type_at(uri, editor.end(uri, 2), "c0 = a + 0\n    c1 = a")
    rest = await editor.complete(uri, cursor, AUTOMATIC)
    assert rest is not None
    assert rest.range is not None
    assert rest.range.start == types.Position(3, 0)
    assert editor.accept(uri, rest) == FUNCTION.replace("    \n", ANSWER + "\n")
    assert await editor.complete(uri, editor.end(uri, 9), AUTOMATIC) is None
    statistics = await editor.command("statistics")
    assert statistics["cacheHits"] == 3
    assert statistics["accepted"] == 1


async def test_another_suffix_is_another_question(start: StartEditor) -> None:
    editor = await start({"match": "сложи.*после.*\nНапиши", "text": "return 2\n```"}, SLOW)
    uri = editor.open(FUNCTION)
    first = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    editor.type_at(uri, types.Position(3, 0), "\n\nпосле = 1\n")
    second = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert first is not None
    assert second is not None
    assert (first.insert_text, second.insert_text) == (ANSWER, "    return 2")


async def test_automatic_answers_end_at_a_line_when_time_is_up(start: StartEditor) -> None:
    editor = await start(ENDLESS, settings={"timeBudgetMs": 400, "maxTokens": 4096})
    uri = editor.open(FUNCTION.replace("сложи", "умножь"))
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None
    lines = str(item.insert_text).split("\n")
    assert set(lines) <= {"    x = 1", "    y = 2", "    z = 3"}
    assert len(lines) < 3000
    assert all(str(item.insert_text).startswith(partial["text"]) for partial in editor.partials)


async def test_settings_take_effect_at_once(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open(FUNCTION)
    model = f"scripted:{editor.home / 'script.toml'}"
    await editor.configure({"model": model, "automatic": False})
    assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    await editor.configure({"model": model, "automatic": True, "maxTokens": 5})
    short = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.configure({"model": model})
    whole = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert whole is not None
    assert whole.insert_text == ANSWER
    assert short is None or len(str(short.insert_text)) < len(ANSWER)


async def test_settings_are_pulled_where_the_client_tells_them(start: StartEditor) -> None:
    def capabilities(editor: TestEditor) -> types.ClientCapabilities:
        editor.client.set_configuration({"automatic": False}, section="kodopis")
        made = editor.capabilities()
        assert made.workspace is not None
        made.workspace.configuration = True
        return made

    editor = await start(SLOW, capabilities=capabilities)
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    editor.client.set_configuration({"automatic": True}, section="kodopis")
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    item = await editor.complete(uri, editor.end(uri, 2), AUTOMATIC)
    assert item is not None


async def test_several_windows_share_one_engine(start: StartEditor) -> None:
    first, second, third = await start(SLOW), await start(), await start()
    editors = (first, second, third)
    uris = [editor.open(FUNCTION, f"{number}.py") for number, editor in enumerate(editors)]
    items = await asyncio.gather(
        *(editor.complete(uri, editor.end(uri, 2)) for editor, uri in zip(editors, uris, strict=True))
    )
    assert all(item is not None and item.insert_text == ANSWER for item in items)
    assert len(first.engine_pids()) == 1


async def tokens(editor: TestEditor) -> int:
    """Tokens that the answers of this session cost."""
    return int((await editor.command("statistics"))["tokens"])


@pytest.mark.parametrize("nothing", ["", "pass\n", "# TODO\n"])
async def test_what_comes_to_nothing_is_asked_once_more_in_another_form(start: StartEditor, nothing: str) -> None:
    as_conversation = {"match": "Задание: сложи", "text": nothing}
    as_a_file = {"match": "сложи", "text": "    return a + b\n"}
    editor = await start(as_conversation, as_a_file)
    uri = editor.open(FUNCTION)
    item = await editor.complete(uri, editor.end(uri, 2))
    assert item is not None
    assert item.insert_text == "    return a + b"
    assert all(item.insert_text.startswith(str(partial["text"])) for partial in editor.partials)


async def test_an_edit_is_seen_though_the_version_does_not_count_up(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open(FUNCTION)
    request = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    editor.versions[uri] = 0
    editor.type_at(uri, types.Position(0, 0), "import os\n")
    assert await asyncio.wait_for(request, 10) is None
    item = await editor.complete(uri, editor.end(uri, 3), AUTOMATIC)
    assert item is not None
    assert editor.accept(uri, item) == "import os\n" + FUNCTION.replace("    \n", ANSWER + "\n")


async def test_a_file_that_is_opened_once_more_gets_nothing_of_before(start: StartEditor) -> None:
    editor = await start(ENDLESS)
    uri = editor.open(FUNCTION.replace("сложи", "умножь"))
    request = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    editor.open("x = 1\ny = 2\nz = 3456\n")
    assert await asyncio.wait_for(request, 10) is None


async def test_a_known_answer_elsewhere_interrupts_the_one_under_way(start: StartEditor) -> None:
    long = {**ENDLESS, "text": "".join(f"d{number} = {number}\n" for number in range(400))}
    settings = {"maxTokens": 4096, "timeBudgetMs": 0}
    editor = await start({"match": "Задание: вычти", "text": "return a - b\n```\n"}, long, settings=settings)
    other = FUNCTION.replace("add", "sub").replace("сложи", "вычти")
    uri = editor.open(FUNCTION.replace("сложи", "умножь") + "\n\n" + other)
    known = await editor.complete(uri, editor.end(uri, 7), AUTOMATIC)
    n_partials = len(editor.partials)
    request = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: len(editor.partials) > n_partials, "a first partial")
    assert await editor.complete(uri, editor.end(uri, 7), AUTOMATIC) == known
    assert await asyncio.wait_for(request, 10) is None
    await editor.until(lambda: editor.statuses[-1]["state"] == "ready", "an engine that is free")


async def test_an_answer_is_known_by_the_settings_it_was_made_with(start: StartEditor) -> None:
    editor = await start(SLOW, script={"load_ms": 3000})
    uri = editor.open(FUNCTION)
    request = editor.request(uri, editor.end(uri, 2))
    await editor.until(lambda: editor.statuses and editor.statuses[-1]["state"] == "loading", "an engine that loads")
    await editor.configure({"model": f"scripted:{editor.home / 'script.toml'}", "maxTokens": 200})
    first = await asyncio.wait_for(request, 30)
    assert first is not None
    assert await editor.complete(uri, editor.end(uri, 2)) == first
    assert (await editor.command("statistics"))["cacheHits"] == 1


async def test_a_comment_that_is_deleted_is_not_offered_again(start: StartEditor) -> None:
    editor = await start(SLOW)
    uri = editor.open("# сложи два числа")
    item = await editor.complete(uri, editor.end(uri, 0))
    assert item is not None
    assert item.insert_text == f"# сложи два числа\n{BODY}"
    editor.replace(uri, types.Range(types.Position(0, 0), editor.end(uri, 0)), "")
    assert await editor.complete(uri, types.Position(0, 0), AUTOMATIC) is None
    empty = editor.open("", "empty.py")
    assert await editor.complete(empty, types.Position(0, 0), AUTOMATIC) is None


async def test_a_text_that_moved_while_the_settings_came_gets_nothing(start: StartEditor) -> None:
    asked: list[object] = []

    def capabilities(editor: TestEditor) -> types.ClientCapabilities:
        feature: Any = editor.client.feature

        async def configuration(params: types.ConfigurationParams) -> list[object]:
            asked.append(params)
            await editor.may_answer.wait()
            return [{}]

        editor.client.protocol.fm.builtin_features.pop(types.WORKSPACE_CONFIGURATION, None)
        editor.client.protocol.fm.features.pop(types.WORKSPACE_CONFIGURATION, None)
        feature(types.WORKSPACE_CONFIGURATION)(configuration)
        made = editor.capabilities()
        assert made.workspace is not None
        made.workspace.configuration = True
        return made

    editor = await start({**SLOW, "match": "."}, capabilities=capabilities)
    editor.may_answer.clear()
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    uri = editor.open(FUNCTION)
    request = editor.request(uri, editor.end(uri, 2))
    await editor.until(lambda: len(asked) > 1, "a question for settings")
    editor.type_at(uri, types.Position(0, 0), "\n\n\n")
    await editor.command("statistics")  # the edit has arrived
    editor.may_answer.set()
    assert await asyncio.wait_for(request, 10) is None


CELLS = ["rate = 100\n", "# сложи цены\n"]
BOOK = "file:///book.ipynb"


def open_book(editor: TestEditor) -> list[str]:
    """Open a notebook of two cells; gives their URIs."""
    uris = [f"vscode-notebook-cell:/book.ipynb#{number}" for number in range(len(CELLS))]
    items = [types.TextDocumentItem(uri, "python", 1, text) for uri, text in zip(uris, CELLS, strict=True)]
    cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in uris]
    book = types.NotebookDocument(BOOK, "jupyter-notebook", 1, cells)
    editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(book, items))
    return uris


def edit_first_cell(editor: TestEditor, uri: str) -> None:
    """Make 200 of the 100 in the first cell."""
    edit = types.TextDocumentContentChangePartial(types.Range(types.Position(0, 7), types.Position(0, 8)), "2")
    text = types.NotebookDocumentCellContentChanges(types.VersionedTextDocumentIdentifier(2, uri), [edit])
    change = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[text]))
    book = types.VersionedNotebookDocumentIdentifier(2, BOOK)
    editor.client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(book, change))


async def test_a_cell_above_that_changes_drops_the_answer(start: StartEditor) -> None:
    rule = {"text": "rate_is_100 = 1\n" + BODY + "\n```\n", "delay_ms": 20}
    editor = await start({**rule, "match": "rate = 100.*сложи"}, {**SLOW, "text": "rate_is_other = 1\n```\n"})
    uris = open_book(editor)
    request = editor.request(uris[1], types.Position(1, 0), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    edit_first_cell(editor, uris[0])
    assert await asyncio.wait_for(request, 10) is None
    item = await editor.complete(uris[1], types.Position(1, 0), AUTOMATIC)
    assert item is not None
    assert item.insert_text == "rate_is_other = 1"


async def test_typing_in_a_notebook_starts_the_engine(start: StartEditor) -> None:
    editor = await start(SLOW)
    uris = open_book(editor)
    edit_first_cell(editor, uris[0])
    await editor.until(editor.engine_pids, "an engine")
