"""An editor for tests: a pytest-lsp client that keeps its own text of each file, as editors do.

Owns: starting the server on an engine with a script, editing with incremental changes, asking, applying what comes
back. Off-spec behaviour of the server is an error (`pytestmark` of `conftest`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Union

from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

from lsp_server.connection.workspace import split_lines
from lsp_server.engine.process import running_engines

WAIT_S = 30.0
ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
AUTOMATIC = types.InlineCompletionTriggerKind.Automatic
INVOKED = types.InlineCompletionTriggerKind.Invoked


def toml_script(*answers: Mapping[str, Any], **settings: Any) -> str:
    """A script of the scripted engine; `json` writes strings and numbers as TOML does."""
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()]
    for answer in answers:
        lines += [
            "[[answer]]",
            *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in answer.items()),
        ]
    return "\n".join(lines) + "\n"


class TestEditor:
    """One editor window with one server."""

    __test__ = False

    def __init__(self, home: Path, encoding: str = "utf-16", wait_s: float = WAIT_S) -> None:
        self.wait_s = wait_s
        self.home = home
        self.encoding = encoding
        self.client: LanguageClient = make_test_lsp_client()
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.partials: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.questions: list[types.ShowMessageRequestParams] = []
        self.edits: list[types.ApplyWorkspaceEditParams] = []
        self.answer_questions_with: str | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        _mend_code_actions(self.client)
        feature: Callable[..., Any] = self.client.feature
        feature("kodopis/partial")(lambda params: self.partials.append(as_dict(params)))
        feature("kodopis/status")(lambda params: self.statuses.append(as_dict(params)))

        async def on_question(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
            return await self._on_question(params)

        feature(types.WINDOW_SHOW_MESSAGE_REQUEST)(on_question)
        feature(types.WORKSPACE_APPLY_EDIT)(_free(self._on_edit))

    async def start(
        self,
        settings: Mapping[str, Any],
        *,
        capabilities: types.ClientCapabilities | None = None,
        trusted: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> types.InitializeResult:
        """Start the server and initialise the session."""
        import os

        env = {**os.environ, "KODOPIS_HOME": str(self.home), "KODOPIS_LANG": "ru", **(environment or {})}
        await self.client.start_io(sys.executable, "-m", "lsp_server", "serve", "--stdio", env=env)
        return await self.client.initialize_session(
            types.InitializeParams(
                capabilities=capabilities or self.capabilities(),
                initialization_options={"kodopis": dict(settings), "trusted": trusted},
            )
        )

    def capabilities(self, **changes: Any) -> types.ClientCapabilities:
        """What this editor can do."""
        made = types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(self.encoding)]),
            text_document=types.TextDocumentClientCapabilities(
                inline_completion=types.InlineCompletionClientCapabilities(),
                code_action=types.CodeActionClientCapabilities(
                    tag_support=types.CodeActionTagOptions([types.CodeActionTag.LlmGenerated])
                ),
            ),
            workspace=types.WorkspaceClientCapabilities(
                workspace_edit=types.WorkspaceEditClientCapabilities(
                    document_changes=True, resource_operations=[types.ResourceOperationKind.Create]
                ),
            ),
            window=types.WindowClientCapabilities(work_done_progress=True),
            notebook_document=types.NotebookDocumentClientCapabilities(types.NotebookDocumentSyncClientCapabilities()),
            experimental={"kodopis": {"partial": True, "status": True}},
        )
        for name, value in changes.items():
            setattr(made, name, value)
        return made

    async def stop(self) -> None:
        """End the session as an editor does."""
        await asyncio.wait_for(self.client.shutdown_session(), self.wait_s)
        stop: Any = self.client.stop
        await stop()

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self.client._server is not None
        return int(self.client._server.pid)

    @property
    def shown(self) -> list[str]:
        """Messages that the user saw."""
        return [message.message for message in self.client.messages]

    def open(self, text: str, name: str = "main.py", language: str = "python") -> str:
        """Open a file; gives its URI."""
        uri = (self.home / name).as_uri()
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def close(self, uri: str) -> None:
        """Close a file."""
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def position(self, uri: str, line: int, column: int) -> types.Position:
        """A place (column in code points) as this editor counts it."""
        lines = [*split_lines(self.texts[uri]), ""]
        codec, unit_bytes = ENCODINGS[self.encoding]
        return types.Position(line, len(lines[line][:column].encode(codec)) // unit_bytes)

    def end(self, uri: str, line: int) -> types.Position:
        """The end of a line."""
        lines = [*split_lines(self.texts[uri]), ""]
        return self.position(uri, line, len(lines[line].rstrip("\r\n")))

    def offset(self, uri: str, position: types.Position) -> int:
        """Where a position of the server is in this editor's text; fails where it is inside a character."""
        lines = [*split_lines(self.texts[uri]), ""]
        codec, unit_bytes = ENCODINGS[self.encoding]
        text = lines[position.line].rstrip("\r\n")
        encoded = text.encode(codec)
        assert position.character * unit_bytes <= len(encoded), "a position behind the line's end"
        column = len(encoded[: position.character * unit_bytes].decode(codec))
        return sum(map(len, lines[: position.line])) + column

    def replace(self, uri: str, span: types.Range, text: str) -> None:
        """Edit the file, and tell the server incrementally."""
        start, end = self.offset(uri, span.start), self.offset(uri, span.end)
        self.texts[uri] = self.texts[uri][:start] + text + self.texts[uri][end:]
        self.versions[uri] += 1
        change = types.TextDocumentContentChangePartial(span, text)
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def type_at(self, uri: str, position: types.Position, text: str) -> types.Position:
        """Type text; gives the cursor after it."""
        offset = self.offset(uri, position) + len(text)
        self.replace(uri, types.Range(position, position), text)
        before = self.texts[uri][:offset]
        lines = split_lines(before) or [""]
        if lines[-1].endswith(("\n", "\r")):
            lines.append("")
        return self.position(uri, len(lines) - 1, len(lines[-1]))

    def request(
        self, uri: str, position: types.Position, trigger: types.InlineCompletionTriggerKind = INVOKED, **more: Any
    ) -> asyncio.Task[types.InlineCompletionItem | None]:
        """Ask for inline completion."""
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(trigger), types.TextDocumentIdentifier(uri), position, **more
        )

        async def ask() -> types.InlineCompletionItem | None:
            got = await self.client.text_document_inline_completion_async(params)
            assert isinstance(got, types.InlineCompletionList)
            assert len(got.items) <= 1
            if not got.items:
                return None
            item = got.items[0]
            assert item.range is not None, "an item without a range"
            assert item.range.start.line == item.range.end.line, "a range over several lines"
            return item

        return asyncio.create_task(ask())

    async def complete(
        self, uri: str, position: types.Position, trigger: types.InlineCompletionTriggerKind = INVOKED, **more: Any
    ) -> types.InlineCompletionItem | None:
        """Ask for inline completion and wait."""
        return await asyncio.wait_for(self.request(uri, position, trigger, **more), self.wait_s)

    def accept(self, uri: str, item: types.InlineCompletionItem) -> str:
        """Put an item into the file; gives the new text."""
        assert item.range is not None
        self.replace(uri, item.range, str(item.insert_text))
        return self.texts[uri]

    async def command(self, name: str, argument: Mapping[str, Any] | None = None) -> Any:
        """Run one of the server's commands."""
        params = types.ExecuteCommandParams(f"kodopis.{name}", [dict(argument or {})])
        return as_dict(await asyncio.wait_for(self.client.workspace_execute_command_async(params), self.wait_s))

    async def configure(self, settings: Mapping[str, Any]) -> None:
        """Push new settings."""
        params = types.DidChangeConfigurationParams({"kodopis": dict(settings)})
        self.client.workspace_did_change_configuration(params)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something to become true."""
        for _ in range(int(self.wait_s / 0.02)):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never happened: {what}")

    def cancel_last(self) -> None:
        """Cancel the request that was sent last."""
        numbers = list(self.client.protocol._request_futures)
        self.client.cancel_request(types.CancelParams(numbers[-1]))

    def engine_pids(self) -> list[int]:
        """The engines of this test's own data directory."""
        return [engine.state.pid for engine in running_engines(self.home / "engine")]

    async def _on_question(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self.questions.append(params)
        await self.may_answer.wait()
        chosen = self.answer_questions_with
        return types.MessageActionItem(chosen) if chosen is not None else None

    def _on_edit(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        self.edits.append(params)
        return types.ApplyWorkspaceEditResult(applied=True)


def _free(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A plain function: pygls sets attributes on handlers, which methods do not take."""

    def handle(params: Any) -> Any:
        return method(params)

    return handle


def _mend_code_actions(client: LanguageClient) -> None:
    """Take code actions as they are: lsprotocol 2025.0 takes each that has a command for a bare `Command`."""
    converter = client.protocol._converter

    def structure(found: dict[str, Any], _: object) -> types.Command | types.CodeAction:
        if isinstance(found.get("command"), str):
            return converter.structure(found, types.Command)
        return converter.structure(found, types.CodeAction)

    converter.register_structure_hook(types.Command | types.CodeAction, structure)
    converter.register_structure_hook(Union[types.Command, types.CodeAction], structure)  # noqa: UP007


def as_dict(value: Any) -> Any:
    """Plain data of what pygls made objects of."""
    if hasattr(value, "_asdict"):
        return {name: as_dict(inner) for name, inner in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [as_dict(inner) for inner in value]
    return value
