"""The language server: what belongs to one session, and its wiring.

Owns: the session's parts, the settings' way from the editor to them, keeping documents in step. Does not own: what
requests do (`features`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Literal, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException, PyglsError
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from lsp_server import messages, settings
from lsp_server.answering.scheduler import Scheduler
from lsp_server.answering.statistics import Statistics
from lsp_server.answering.suggest import Answer
from lsp_server.connection.editor import Editor
from lsp_server.connection.protocol import KodopisProtocol
from lsp_server.connection.transport import serve_stdio, serve_tcp
from lsp_server.connection.workspace import LineDocument, LineWorkspace
from lsp_server.errors import KodopisError
from lsp_server.serving.engines import Engines
from lsp_server.source.document import Place
from models.errors import ModelError
from models.messages import set_language

logger = logging.getLogger(__name__)

_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        # Any notebook: lsprotocol's own client cannot read a selector that names no kind of notebook.
        types.NotebookDocumentFilterWithNotebook("*", cells=[types.NotebookCellLanguage(language="python")])
    ]
)


_OF_NO_INTEREST = ("not_open", "not_python", "document_changed", "consent_awaited", "model_awaited")
"""Errors that only somebody who asked by hand is told of."""


class KodopisServer(LanguageServer):
    """One editor's session."""

    def __init__(self) -> None:
        super().__init__(
            "kodopis",
            version("kodopis"),
            notebook_document_sync=_NOTEBOOKS,
            protocol_cls=KodopisProtocol,
            converter_factory=default_converter,
        )
        self.editor = Editor(self)
        self.engines = Engines(self.editor)
        self.statistics = Statistics()
        self.session = uuid.uuid4().hex[:8]
        self.scheduler = Scheduler(self.engines, self.statistics, self.session, self._tell_raw)
        self.configured = asyncio.Event()
        self._initial: Mapping[str, Any] = {}
        self._is_trusted = True
        self._locale = ""

    def learn(self, params: types.InitializeParams) -> None:
        """Take in what the client says of itself in `initialize`."""
        cast("KodopisProtocol", self.protocol).keep_lines()
        self.editor.learn(params.capabilities)
        options = params.initialization_options
        options = options if isinstance(options, Mapping) else {}
        self._is_trusted = options.get("trusted") is not False
        own = options.get(settings.SECTION, options)
        self._initial = own if isinstance(own, Mapping) else {}
        self._locale = params.locale or ""
        self.configure(None)

    def configure(self, later: object) -> None:
        """Take settings that came after `initialize` (None: none), over those that came with it."""
        raw: object = later
        if later is None or isinstance(later, Mapping):
            given = {name: value for name, value in (later or {}).items() if value is not None}
            raw = {**self._initial, **given}
        chosen, problems = settings.read(raw, trusted=self._is_trusted)
        set_language(_language(chosen.language, self._locale))
        for problem in problems:
            logger.warning("%s", problem)
            self.editor.show_once(str(problem))
        self.engines.configure(chosen)

    async def pull_configuration(self) -> None:
        """Ask the editor for its settings, where it can tell them."""
        try:
            if self.editor.gives_configuration and (told := await self.editor.configuration(settings.SECTION)):
                self.configure(told[0])
        finally:
            self.configured.set()

    def _tell_raw(self, answer: Answer) -> None:
        self.editor.send_raw(
            {
                "text": answer.raw,
                "nTokens": answer.n_tokens,
                "stopType": answer.stop_type,
                "timings": asdict(answer.timings),
            }
        )

    def report(self, error: KodopisError | ModelError, *, is_automatic: bool) -> None:
        """Tell the user why there is no answer; once in a session where nobody asked for one by hand, if at all."""
        if is_automatic and error.code in _OF_NO_INTEREST:
            return
        logger.warning("%s: %s", error.code, error)
        if error.code not in _OF_NO_INTEREST:  # those say nothing of the engine
            self.engines.failed(error)
        if is_automatic:
            self.editor.show_once(str(error))
        else:
            self.editor.show(str(error))

    def report_server_error(self, error: Exception, source: type[PyglsError] | type[JsonRpcException]) -> None:
        """Log. pygls would show each malformed message to the user."""
        logger.error("%s: %s", source.__name__, error)

    @property
    def documents(self) -> LineWorkspace:
        """The open documents."""
        return cast("LineWorkspace", self.workspace)

    def python_document(self, uri: str) -> LineDocument:
        """An open Python document.

        Raises:
            KodopisError: `not_open` or `not_python`.
        """
        document = self.documents.opened(uri)
        if document is None:
            raise KodopisError("not_open", messages.NOT_OPEN, uri=uri)
        if not document.is_python:
            raise KodopisError("not_python", messages.NOT_PYTHON, language=document.language_id)
        return document

    def run_stdio(self) -> None:
        """Serve the editor that started this process."""
        serve_stdio(self.protocol, self._ending(), self.report_server_error)

    def run_tcp(self, host: str, port: int) -> None:
        """Serve one editor over TCP."""
        serve_tcp(self.protocol, self._ending(), self.report_server_error, host, port)

    def _ending(self) -> threading.Event:
        self._stop_event = threading.Event()
        return self._stop_event


def _language(chosen: str, locale: str) -> Literal["ru", "en"] | None:
    """The language of messages: the setting, else the editor's, else (None) the environment's."""
    if chosen in ("ru", "en"):
        return cast("Literal['ru', 'en']", chosen)
    tag = locale.lower()[:2]
    return cast("Literal['ru', 'en']", tag) if tag in ("ru", "en") else None


def initialize(ls: KodopisServer, params: types.InitializeParams) -> None:
    """Before the capabilities are told."""
    ls.learn(params)


async def initialized(ls: KodopisServer, params: types.InitializedParams) -> None:
    """The session begins: settings, and notice of their changes."""
    if ls.editor.registers_configuration:
        options = types.DidChangeConfigurationRegistrationOptions(section=settings.SECTION)
        registration = types.Registration(uuid.uuid4().hex, types.WORKSPACE_DID_CHANGE_CONFIGURATION, options)
        ls.client_register_capability(types.RegistrationParams([registration]))
    await ls.pull_configuration()


async def did_change_configuration(ls: KodopisServer, params: types.DidChangeConfigurationParams) -> None:
    """New settings take effect at once: requests that came after them wait for them."""
    ls.configured.clear()
    try:
        pushed = params.settings.get(settings.SECTION) if isinstance(params.settings, Mapping) else None
        told: tuple[Any] | None = (None,)
        if ls.editor.gives_configuration:
            told = await ls.editor.configuration(settings.SECTION)
        if told is None and pushed is None:
            return  # what was told before is likelier than what nobody has set
        ls.configure(pushed if told is None or told[0] is None else told[0])
    finally:
        ls.configured.set()


def did_open(ls: KodopisServer, params: types.DidOpenTextDocumentParams) -> None:
    """Get ready for a document. What is under way for its text of before, where it was open already, is dropped."""
    ls.scheduler.closed(params.text_document.uri)
    _changed(ls, params.text_document.uri, None)


def did_change(ls: KodopisServer, params: types.DidChangeTextDocumentParams) -> None:
    """A document was edited: the end of the last change is where its user is."""
    _changed(ls, params.text_document.uri, _end_of(params.content_changes))


def did_close(ls: KodopisServer, params: types.DidCloseTextDocumentParams) -> None:
    """Nothing more is made for a closed document."""
    ls.scheduler.closed(params.text_document.uri)


def notebook_did_change(ls: KodopisServer, params: types.DidChangeNotebookDocumentParams) -> None:
    """A notebook's cells were edited."""
    cells = params.change.cells
    for text in (cells.text_content or ()) if cells else ():
        _changed(ls, text.document.uri, _end_of(text.changes))
    structure = cells.structure if cells else None
    for closed in (structure.did_close or ()) if structure else ():
        ls.scheduler.closed(closed.uri)
    ls.scheduler.cells_changed(ls.documents.earlier_cells)


def notebook_did_close(ls: KodopisServer, params: types.DidCloseNotebookDocumentParams) -> None:
    """Nothing more is made for a closed notebook."""
    for cell in params.cell_text_documents:
        ls.scheduler.closed(cell.uri)


async def shutdown(ls: KodopisServer, *_: object) -> None:
    """Let go of everything; the engine goes on for other windows."""
    ls.scheduler.close()
    await ls.engines.close()


def _changed(ls: KodopisServer, uri: str, place: Place | None) -> None:
    document = ls.documents.opened(uri)
    if document is not None and document.is_python:
        ls.scheduler.changed(document, place, ls.documents.earlier_cells(uri))


def _end_of(changes: Sequence[types.TextDocumentContentChangeEvent]) -> Place | None:
    last = changes[-1] if changes else None
    if not isinstance(last, types.TextDocumentContentChangePartial):
        return None
    return Place(last.range.start.line + last.text.count("\n"), 0)
