"""JSON-RPC as the specification has it, where pygls is lenient or silent.

Owns: answers to malformed and out-of-order messages, cancelling commands, what an error looks like to the editor. Does
not own: framing (`transport`), what requests do (`features`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from lsp_server.connection.workspace import LineWorkspace
from lsp_server.errors import KodopisError
from models.errors import ModelError

logger = logging.getLogger(__name__)

_BEFORE_INITIALIZE = (types.INITIALIZE, types.EXIT)


class KodopisProtocol(LanguageServerProtocol):
    """pygls' protocol, strict about envelopes and ready for anything a client may send."""

    def _execute_handler(self, msg_id: Any, *args: Any, **kwargs: Any) -> None:
        """Run a handler, and forget its future when it is done: pygls keeps that of each notification for ever."""
        super()._execute_handler(msg_id, *args, **kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            forget = partial(self._request_futures.pop, msg_id, None)
            # Later, for `shutdown` cancels futures while it walks over them all.
            loop = asyncio.get_running_loop()
            future.add_done_callback(lambda _: loop.call_soon(forget))

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Leave JSON as it is: `handle_message` structures whole messages, and so can answer those that are wrong.

        pygls calls this for every object inside a message, and a failure there is never answered.
        """
        return data

    def handle_message(self, message: Any) -> None:
        """Check a message's envelope, then its content, and dispatch it; answer requests that cannot be taken."""
        if not isinstance(message, Mapping) or message.get("jsonrpc") != self.VERSION:
            self._refuse(None, types.ErrorCodes.InvalidRequest, "not a JSON-RPC 2.0 message")
            return
        data, number, method = dict(message), message.get("id"), message.get("method")
        if not isinstance(number, str | int | None) or not isinstance(method, str | None):
            self._refuse(None, types.ErrorCodes.InvalidRequest, "wrong type of id or method")
        elif method is None:
            self._take_answer(data)
        elif wrong := self._out_of_order(method):
            self._refuse(number, *wrong)
        else:
            try:
                structured = super().structure_message(data)
            except JsonRpcException as error:
                self._refuse(number, types.ErrorCodes.InvalidParams, f"{method}: {error}")
            else:
                super().handle_message(structured)

    def _out_of_order(self, method: str) -> tuple[types.ErrorCodes, str] | None:
        if self._shutdown and method != types.EXIT:
            return types.ErrorCodes.InvalidRequest, "the server is shutting down"
        if self._workspace is None and method not in _BEFORE_INITIALIZE:
            return types.ErrorCodes.ServerNotInitialized, "initialize comes first"
        if self._workspace is not None and method == types.INITIALIZE:
            return types.ErrorCodes.InvalidRequest, "already initialized"

        if method not in self.fm.builtin_features and method not in self.fm.features and method != types.CANCEL_REQUEST:
            return types.ErrorCodes.MethodNotFound, f"unknown method {method}"
        return None

    def _take_answer(self, data: dict[str, Any]) -> None:
        try:
            structured = super().structure_message(data)
        except JsonRpcException as error:  # a shape that we do not know: whoever waits must not wait for ever
            failed = types.ResponseError(types.ErrorCodes.InvalidParams, str(error))
            self._handle_response(data.get("id"), None, failed)
        else:
            super().handle_message(structured)

    def _refuse(self, number: str | int | None, code: types.ErrorCodes, why: str) -> None:
        """Answer a request with an error; a notification only leaves a line in the log."""
        logger.warning("refused a message: %s", why)
        if number is not None:
            self._send_data(types.ResponseErrorMessage(error=types.ResponseError(code, why), id=number))

    def _handle_response(self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None) -> None:
        """Take the client's answer to our request; ids of the client's own requests in flight are not answers."""
        future = self._request_futures.get(msg_id)
        if future is None or not isinstance(future, Future) or future.done():
            logger.warning("an answer to nothing asked: %r", msg_id)
            return
        super()._handle_response(msg_id, result, error)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        """Stop the request; its answer (an error, by the specification) is sent when it has stopped."""
        future = self._request_futures.get(msg_id)
        if isinstance(future, asyncio.Future):
            future.cancel()

    def _send_handler_result(self, future: Any, *, msg_id: Any) -> None:
        """Answer a request; an error meant for people goes out as one sentence, without a traceback."""
        if not future.cancelled() and isinstance(error := future.exception(), KodopisError | ModelError):
            self._request_futures.pop(msg_id, None)
            logger.warning("%s: %s", error.code, error)
            failed = types.ResponseError(types.LSPErrorCodes.RequestFailed, str(error), {"code": error.code})
            self._send_response(msg_id, error=failed)
            return
        super()._send_handler_result(future, msg_id=msg_id)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """Run a command as one task, so that cancelling the request cancels the command.

        pygls runs it as a second task that `$/cancelRequest` does not reach.
        """
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"unknown command {params.command}")
        argument = (params.arguments or [{}])[0]
        if not isinstance(argument, Mapping):
            raise JsonRpcInvalidParams("a command takes one object")
        return await handler(argument, params.work_done_token)

    def keep_lines(self) -> None:
        """Put our documents, which know LSP's idea of a line, in the place of pygls' own."""
        made = self.workspace
        self._workspace = LineWorkspace(
            made.root_uri, made._sync_kind, list(made.folders.values()), made.position_encoding
        )

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification; after the editor has gone there is nobody to tell."""
        with contextlib.suppress(BrokenPipeError):
            super().notify(method, params)
