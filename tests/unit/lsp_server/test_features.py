"""Commands whose document changes at a moment when nobody types in a test with a whole editor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from lsprotocol import types

from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps
from lsp_server.errors import KodopisError
from lsp_server.features import COMMANDS, build_server
from lsp_server.features.completion import completion
from lsp_server.server import KodopisServer
from lsp_server.serving.served import Served

FILE = "file:///main.py"
TEXT = "x = 1\n# верни y\n\n"


class Saying:
    """An engine that always says the same."""

    async def props(self) -> EngineProps:
        return EngineProps("", 4096)

    async def tokenize(self, text: str, *, parse_special: bool = False) -> tuple[int, ...]:
        return tuple(text.encode())

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        yield Chunk("```python\ny = 3\n```", 1)
        yield Chunk("", stop_type="eos")

    async def close(self) -> None:
        return


class Nobody:
    """A writer of which nobody reads."""

    def write(self, data: bytes) -> None:
        return

    def close(self) -> None:
        return


Tell = Callable[[str, Mapping[str, Any]], None]


@pytest.fixture
async def session(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[KodopisServer, Tell]]:
    server = build_server()
    server.protocol.set_writer(Nobody())
    handle: Any = server.protocol.handle_message

    def tell(method: str, params: Mapping[str, Any], **more: Any) -> None:
        handle({"jsonrpc": "2.0", "method": method, "params": params, **more})

    async def apply(*_: object) -> bool:
        return True

    monkeypatch.setattr(server.editor, "apply", apply)
    tell("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=1)
    tell("initialized", {})
    open_text(tell, TEXT)
    yield server, tell
    server.scheduler.close()


def open_text(tell: Tell, text: str) -> None:
    document = {"uri": FILE, "languageId": "python", "version": 1, "text": text}
    tell("textDocument/didOpen", {"textDocument": document})


def edit(tell: Tell) -> None:
    change = {"text": "import os\n\n\n" + TEXT}
    tell("textDocument/didChange", {"textDocument": {"uri": FILE, "version": 2}, "contentChanges": [change]})


def open_anew(tell: Tell) -> None:
    tell("textDocument/didClose", {"textDocument": {"uri": FILE}})
    open_text(tell, "import os\n\n\n" + TEXT)


def served() -> Served:
    formats = {"code": "chatml", "docstring": "chatml", "fim": "qwen-fim", "chat": "chatml"}
    return Served(Saying(), "", "", formats, {}, 4096)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [edit, open_anew])
@pytest.mark.parametrize("command", ["fix", "variants"])
async def test_what_changed_while_the_model_came_is_not_edited(
    session: tuple[KodopisServer, Tell], monkeypatch: pytest.MonkeyPatch, command: str, change: Callable[[Tell], None]
) -> None:
    server, tell = session

    async def come(*, may_ask: bool) -> Served:
        change(tell)
        return served()

    monkeypatch.setattr(server.engines, "served", come)
    position = {"line": 1, "character": 9}
    argument = {"textDocument": {"uri": FILE}, "position": position}
    argument |= {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}}}
    with pytest.raises(KodopisError) as caught:
        await COMMANDS[f"kodopis.{command}"](server, argument, None)
    assert caught.value.code == "document_changed"


async def test_what_changed_while_the_editor_was_asked_is_not_written_into(
    session: tuple[KodopisServer, Tell], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, tell = session

    async def come(*, may_ask: bool) -> Served:
        return served()

    async def no_token() -> None:
        edit(tell)

    monkeypatch.setattr(server.engines, "served", come)
    monkeypatch.setattr(server.editor, "_new_token", no_token)
    argument = {"textDocument": {"uri": FILE}, "position": {"line": 1, "character": 9}}
    with pytest.raises(KodopisError) as caught:
        await COMMANDS["kodopis.write"](server, argument, None)
    assert caught.value.code == "document_changed"


@pytest.mark.parametrize("is_changed", [False, True])
async def test_a_completion_that_waited_for_settings_is_for_the_text_as_it_was(
    session: tuple[KodopisServer, Tell], monkeypatch: pytest.MonkeyPatch, is_changed: bool
) -> None:
    server, tell = session

    async def come(*, may_ask: bool) -> Served:
        return served()

    monkeypatch.setattr(server.engines, "served", come)
    server.configured.clear()
    params = types.CompletionParams(types.TextDocumentIdentifier(FILE), types.Position(2, 0))
    asked = asyncio.ensure_future(completion(server, params))
    await asyncio.sleep(0)
    if is_changed:
        change = {"text": f"{TEXT}z = 1\n"}
        tell("textDocument/didChange", {"textDocument": {"uri": FILE, "version": 2}, "contentChanges": [change]})
    server.configured.set()
    assert len((await asked).items) == (0 if is_changed else 1)
