"""An editor for benchmarks: drives the real language server over stdio, as an editor would.

Owns: the session, opening documents and notebooks, asking for inline completion, applying what comes back. Besides the
protocol's own it listens to `kodopis/raw` (the unshaped answer), which the server sends to clients that ask for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.lsp.client import LanguageClient
from pygls.protocol import default_converter
from pygls.workspace import PositionCodec

from benchmarks.console import BenchmarkError

SERVER = (sys.executable, "-P", "-m", "lsp_server", "serve", "--stdio")
REQUEST_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Raw:
    """What the model said before shaping."""

    text: str
    n_tokens: int
    stop_type: str


@dataclass(frozen=True)
class Reply:
    """The server's answer to one request. `document` is the text with the answer in it.

    `sent_at` is of `time.perf_counter`, `wall_ms` counts from it. `problems` is what the server complained of since the
    reply before, or since it was started: an option that it cannot use, an adapter that it refuses.
    """

    document: str
    inserted: str
    sent_at: float
    wall_ms: float
    raw: Raw | None
    problems: tuple[str, ...]


@dataclass
class _Heard:
    """What the server told on its own since it was last asked."""

    raw: Raw | None = None
    problems: list[str] = field(default_factory=list)


class BenchmarkEditor:
    """One session with one server process."""

    def __init__(self, settings: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings)
        self._environment = environment
        self._client = LanguageClient("kodopis-benchmark", version("kodopis"), converter_factory=_converter)
        self._heard = _Heard()
        self._codec = PositionCodec(types.PositionEncodingKind.Utf16)
        self._n_opened = 0
        self._draining: asyncio.Task[None] | None = None
        self.start_ms = 0.0

    async def start(self) -> None:
        """Start the server and initialize it; `start_ms` is how long that took."""
        self._listen()
        started = time.perf_counter()
        await self._client.start_io(*SERVER, env=self._environment)
        self._draining = asyncio.create_task(self._drain())
        await self._client.initialize_async(
            types.InitializeParams(
                capabilities=_capabilities(),
                process_id=None,
                root_uri=None,
                initialization_options={"kodopis": self._settings},
            )
        )
        self.start_ms = (time.perf_counter() - started) * 1000
        self._client.initialized(types.InitializedParams())

    @property
    def pid(self) -> int:
        """The server's process."""
        process = self._client._server  # pygls has no public way to it
        assert process is not None
        return int(process.pid)

    async def stop(self) -> None:
        """Shut the session down; the process is killed where it does not end."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._client.shutdown_async(None), 10)
            self._client.exit(None)
        try:
            await asyncio.wait_for(self._client.stop(), 10)  # type: ignore[no-untyped-call]
        except TimeoutError:
            self._client._server.kill()  # type: ignore[union-attr]
        if self._draining is not None:
            self._draining.cancel()

    def open(self, text: str, cells: Sequence[str] = ()) -> str:
        """Open a new document, or a notebook that has it as its last cell; returns its URI."""
        self._n_opened += 1
        if not cells:
            uri = f"file:///benchmark/case_{self._n_opened}.py"
            item = types.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)
            self._client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
            return uri
        notebook = f"file:///benchmark/case_{self._n_opened}.ipynb"
        uris = [f"vscode-notebook-cell:{notebook.removeprefix('file:')}#{n}" for n in range(len(cells) + 1)]
        self._client.notebook_document_did_open(
            types.DidOpenNotebookDocumentParams(
                notebook_document=types.NotebookDocument(
                    uri=notebook,
                    notebook_type="jupyter-notebook",
                    version=1,
                    cells=[types.NotebookCell(kind=types.NotebookCellKind.Code, document=uri) for uri in uris],
                ),
                cell_text_documents=[
                    types.TextDocumentItem(uri=uri, language_id="python", version=1, text=cell)
                    for uri, cell in zip(uris, [*cells, text], strict=True)
                ],
            )
        )
        return uris[-1]

    def replace_line(self, uri: str, number: int, text: str, version: int) -> None:
        """Change one line of an open document, as typing does."""
        end = len(text.encode("utf-16-le")) + 1000  # past the end of the line: positions are clamped to it
        change = types.TextDocumentContentChangePartial(
            range=types.Range(types.Position(number, 0), types.Position(number, end)), text=text
        )
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=version), content_changes=[change]
            )
        )

    def close(self, uri: str) -> None:
        """Close a document (notebooks stay open: their cells cannot be closed one by one)."""
        if uri.startswith("file:"):
            identifier = types.TextDocumentIdentifier(uri=uri)
            self._client.text_document_did_close(types.DidCloseTextDocumentParams(text_document=identifier))

    async def complete(self, uri: str, text: str, line: int, column: int) -> Reply:
        """Ask at a place (column in code points) for the document's `text`, and apply the first item.

        Raises:
            BenchmarkError: the server could not ask its model, which says nothing of the model's answers.
        """
        self._heard.raw, n_before = None, len(self._heard.problems)
        lines = text.splitlines(keepends=True) or [""]
        lines += [""] if text.endswith("\n") else []
        position = self._codec.position_to_client_units(lines, types.Position(line, column))
        started = time.perf_counter()
        answer = await asyncio.wait_for(
            self._client.text_document_inline_completion_async(
                types.InlineCompletionParams(
                    text_document=types.TextDocumentIdentifier(uri=uri),
                    position=position,
                    context=types.InlineCompletionContext(trigger_kind=types.InlineCompletionTriggerKind.Invoked),
                )
            ),
            REQUEST_TIMEOUT_S,
        )
        wall_ms = (time.perf_counter() - started) * 1000
        heard, self._heard = self._heard, _Heard()
        if heard.raw is None and len(heard.problems) > n_before:
            raise BenchmarkError(heard.problems[-1])
        items = answer.items if isinstance(answer, types.InlineCompletionList) else list(answer or ())
        document, inserted = (text, "")
        if items:
            document, inserted = self._apply(lines, items[0], position)
        return Reply(document, inserted, started, wall_ms, heard.raw, tuple(heard.problems))

    def _apply(self, lines: list[str], item: types.InlineCompletionItem, position: types.Position) -> tuple[str, str]:
        range_ = item.range or types.Range(position, position)
        start, end = (self._codec.position_from_client_units(lines, one) for one in (range_.start, range_.end))
        inserted = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
        before = "".join(lines[: start.line]) + lines[start.line][: start.character]
        after = lines[end.line][end.character :] + "".join(lines[end.line + 1 :])
        return before + inserted + after, inserted

    def _listen(self) -> None:
        handlers = {
            "kodopis/raw": self._on_raw,
            types.WINDOW_SHOW_MESSAGE: self._on_message,
            types.WINDOW_SHOW_MESSAGE_REQUEST: self._on_message,  # a benchmark fetches nothing: no answer is a no
            types.WINDOW_LOG_MESSAGE: _ignore,
        }
        for name, handler in handlers.items():
            self._client.feature(name)(partial(handler))  # pygls marks what it is given, which a method refuses

    def _on_raw(self, params: Any) -> None:
        self._heard.raw = Raw(params.text, int(params.nTokens), str(params.stopType))

    def _on_message(self, params: types.ShowMessageParams | types.ShowMessageRequestParams) -> None:
        self._heard.problems.append(params.message)

    async def _drain(self) -> None:
        """Read the server's stderr: a full pipe would stop it."""
        process = self._client._server
        assert process is not None and process.stderr is not None
        while await process.stderr.read(65536):
            pass


def _converter() -> Converter:
    """lsprotocol 2025.0 cannot read the notebook filter that a server with notebook cells sends in `initialize`."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    filters = (
        str
        | types.NotebookDocumentFilterNotebookType
        | types.NotebookDocumentFilterScheme
        | types.NotebookDocumentFilterPattern
        | None
    )
    converter.register_structure_hook(filters, lambda value, _: value)
    return converter


def _ignore(params: types.LogMessageParams) -> None:
    """Nobody reads a benchmark's log."""


def _capabilities() -> types.ClientCapabilities:
    return types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf16]),
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities(),
            synchronization=types.TextDocumentSyncClientCapabilities(),
        ),
        notebook_document=types.NotebookDocumentClientCapabilities(
            synchronization=types.NotebookDocumentSyncClientCapabilities()
        ),
        experimental={"kodopis": {"raw": True}},
    )
