"""The editor as the server may use it: what it can do, and saying things to it.

Owns: capabilities asked for, messages, questions, progress, `kodopis/status` and `kodopis/partial`. Does not own: what
is said when.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

logger = logging.getLogger(__name__)

State = Literal["off", "starting", "downloading", "loading", "ready", "thinking", "error"]
Report = Callable[[int | None, str], None]
"""Percent (None: unknown) and a short text."""

_CLIENT_ANSWER_S = 5.0
_CATCH_UP_S = 0.2


@dataclass(frozen=True)
class Status:
    """What an editor's one status item shows; see docs/protocol.md."""

    state: State = "off"
    model: str = ""
    remote: bool = False
    percent: int | None = None
    message: str | None = None
    tokens_per_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As `kodopis/status` has it."""
        found = {
            "state": self.state,
            "model": self.model,
            "remote": self.remote,
            "percent": self.percent,
            "message": self.message,
            "tokensPerSecond": None if self.tokens_per_s is None else round(self.tokens_per_s, 1),
        }
        return {name: value for name, value in found.items() if value is not None}


class Editor:
    """The client of this session."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._wants: Mapping[str, Any] = {}
        self._capabilities = types.ClientCapabilities()
        self._said: set[str] = set()
        self.status = self._told = Status()
        self._catching_up: asyncio.TimerHandle | None = None

    def learn(self, capabilities: types.ClientCapabilities) -> None:
        """Note what the client can do, from `initialize`."""
        self._capabilities = capabilities
        experimental = capabilities.experimental
        wants = experimental.get("kodopis") if isinstance(experimental, Mapping) else None
        self._wants = wants if isinstance(wants, Mapping) else {}

    @property
    def wants_partial(self) -> bool:
        """Whether `kodopis/partial` was asked for."""
        return self._wants.get("partial") is True

    @property
    def gives_configuration(self) -> bool:
        """Whether it answers `workspace/configuration`."""
        workspace = self._capabilities.workspace
        return bool(workspace and workspace.configuration)

    @property
    def registers_configuration(self) -> bool:
        """Whether `workspace/didChangeConfiguration` has to be asked for (LSP's pull model)."""
        workspace = self._capabilities.workspace
        change = workspace.did_change_configuration if workspace else None
        return bool(change and change.dynamic_registration)

    @property
    def knows_generated_tag(self) -> bool:
        """Whether it understands `CodeActionTag.LlmGenerated`."""
        document = self._capabilities.text_document
        support = document.code_action.tag_support if document and document.code_action else None
        return bool(support and types.CodeActionTag.LlmGenerated in support.value_set)

    @property
    def versions_edits(self) -> bool:
        """Whether its workspace edits may name a document's version."""
        workspace = self._capabilities.workspace
        return bool(workspace and workspace.workspace_edit and workspace.workspace_edit.document_changes)

    @property
    def creates_files(self) -> bool:
        """Whether its workspace edits may create a file."""
        workspace = self._capabilities.workspace
        edits = workspace.workspace_edit if workspace else None
        return bool(
            edits and edits.document_changes and types.ResourceOperationKind.Create in (edits.resource_operations or ())
        )

    @property
    def _lags(self) -> bool:
        return bool(getattr(self._server.protocol.writer, "crowded", False))

    def set_status(self, status: Status) -> None:
        """Keep the status, and tell editors that want it where it is a new one."""
        if status == self.status:
            return
        self.status = status
        self._tell_status()

    def _tell_status(self) -> None:
        """An editor that lags behind is told the latest status once it has caught up."""
        if self._wants.get("status") is not True or self.status == self._told:
            return
        if self._lags:
            if self._catching_up is None:
                self._catching_up = asyncio.get_running_loop().call_later(_CATCH_UP_S, self._catch_up)
            return
        self._told = self.status
        self._server.protocol.notify("kodopis/status", self.status.to_json())

    def _catch_up(self) -> None:
        self._catching_up = None
        self._tell_status()

    def update_status(self, **changes: Any) -> None:
        """Change parts of the status."""
        self.set_status(replace(self.status, **changes))

    def send_partial(self, partial: Mapping[str, Any]) -> None:
        """Send an answer as far as it is; left out for an editor that lags behind, since the last one says it all."""
        if self.wants_partial and (partial.get("done") or not self._lags):
            self._server.protocol.notify("kodopis/partial", dict(partial))

    def send_raw(self, raw: Mapping[str, Any]) -> None:
        """Send what the model said, unshaped, to a client that asks for it: for measuring."""
        if self._wants.get("raw") is True:
            self._server.protocol.notify("kodopis/raw", dict(raw))

    def show(self, text: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        """Show a message."""
        self._server.window_show_message(types.ShowMessageParams(kind, text))

    def show_once(self, text: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        """Show a message that was not shown in this session yet."""
        if text not in self._said:
            self._said.add(text)
            self.show(text, kind)

    async def ask(self, text: str, actions: Sequence[str]) -> str | None:
        """Ask the user; None where there is no answer. Waits as long as the user does."""
        params = types.ShowMessageRequestParams(
            types.MessageType.Info, text, [types.MessageActionItem(title) for title in actions]
        )
        try:
            answer = await self._server.window_show_message_request_async(params)
        except JsonRpcException:
            logger.warning("the editor cannot ask its user")
            return None
        return getattr(answer, "title", None)

    async def configuration(self, section: str) -> tuple[Any] | None:
        """The editor's settings of a section, which may be null; None where it does not answer."""
        params = types.ConfigurationParams([types.ConfigurationItem(section=section)])
        try:
            answer = await asyncio.wait_for(self._server.workspace_configuration_async(params), _CLIENT_ANSWER_S)
        except (JsonRpcException, TimeoutError):
            logger.warning("the editor did not tell its settings")
            return None
        return (answer[0] if answer else None,)

    async def apply(self, edit: types.WorkspaceEdit, label: str) -> bool:
        """Have the editor change files; whether it did."""
        try:
            answer = await self._server.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit, label))
        except JsonRpcException:
            logger.warning("the editor refused an edit")
            return False
        return bool(answer.applied)

    @asynccontextmanager
    async def progress(
        self, title: str, token: types.ProgressToken | None = None, *, cancel: Callable[[], object] | None = None
    ) -> AsyncIterator[Report]:
        """Show work under way. `token` is the request's own, if it has one; `cancel` is called when the user says so.

        Without support in the client nothing is shown.
        """
        progress = self._server.work_done_progress
        if token is None:
            token = await self._new_token()
        if token is None:
            yield lambda percent, text: None
            return
        stopped: Future[None] = progress.tokens.setdefault(token, Future())
        if cancel is not None:
            stopped.add_done_callback(lambda done: cancel() if done.cancelled() else None)
        known = token

        def report(percent: int | None, text: str) -> None:
            if not self._lags:
                progress.report(known, types.WorkDoneProgressReport(message=text, percentage=percent))

        progress.begin(token, types.WorkDoneProgressBegin(title, cancellable=cancel is not None))
        try:
            yield report
        finally:
            progress.end(token, types.WorkDoneProgressEnd())
            progress.tokens.pop(token, None)

    async def _new_token(self) -> str | None:
        window = self._capabilities.window
        if not (window and window.work_done_progress):
            return None
        token = uuid.uuid4().hex
        try:
            await asyncio.wait_for(self._server.work_done_progress.create_async(token), _CLIENT_ANSWER_S)
        except (JsonRpcException, TimeoutError):
            return None
        return token
