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
