"""The HTTP application of an engine: a subset of llama.cpp's server API over one `Worker`.

Owns: routes, authorisation, and the bridge from the decoding thread to the event loop. Does not own: the process
around it (`__main__`), the form of the JSON (`wire`), or who goes first (`worker`).

Only loopback may be served: every request but `/health` needs the bearer token, its Host header must name loopback
(a page that rebinds its DNS name cannot), and no request may have an Origin (a browser's page cannot).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lsp_server.engine import wire
from lsp_server.engine.backend import Backend, BackendError
from lsp_server.engine.base import Chunk, CompletionRequest
from lsp_server.engine.worker import Job, Worker

_PING_S = 10
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Host:
    """The application and what it knows of its use."""

    def __init__(self, worker: Worker, token: str, version: str, shut_down: Callable[[], None]) -> None:
        self._worker = worker
        self._version = version
        self._shut_down = shut_down
        self._last_use = time.monotonic()
        self.app: ASGIApp = Starlette(
            routes=[
                Route("/health", self._health, methods=["GET"]),
                Route("/props", self._props, methods=["GET"]),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/completion", self._completion, methods=["POST"]),
                Route("/lora-adapters", self._lora_adapters, methods=["GET"]),
                Route("/shutdown", self._shutdown, methods=["POST"]),
            ],
            middleware=[Middleware(_Guard, token=token, on_use=self._note_use)],
            exception_handlers={BackendError: _error_response},
        )

    @property
    def idle_s(self) -> float:
        """Seconds since the last request ended or came; 0 while something is decoded."""
        if self._worker.is_busy:
            self._note_use()
        return time.monotonic() - self._last_use

    def _note_use(self) -> None:
        self._last_use = time.monotonic()

    @property
    def _backend(self) -> Backend:
        if self._worker.load_error is not None:
            raise self._worker.load_error
        if self._worker.backend is None:
            raise BackendError("loading", "Loading model", self._worker.load_percent)
        return self._worker.backend

    async def _health(self, _request: Request) -> Response:
        assert self._backend
        return JSONResponse({"status": "ok"})

    async def _props(self, _request: Request) -> Response:
        return JSONResponse(wire.props_to_json(self._backend.props(), self._version))

    async def _lora_adapters(self, _request: Request) -> Response:
        adapters = self._backend.props().adapters
        return JSONResponse([{"id": i, "path": path, "scale": 0.0} for i, path in enumerate(adapters)])

    async def _shutdown(self, _request: Request) -> Response:
        self._shut_down()
        return JSONResponse({"success": True})

    async def _tokenize(self, request: Request) -> Response:
        body = await _json(request)
        if not isinstance(body, dict) or not isinstance(content := body.get("content", ""), str):
            raise BackendError("bad_request", "`content` must be a string")
        tokens = self._backend.tokenize(
            content,
            add_special=bool(body.get("add_special", False)),
            parse_special=bool(body.get("parse_special", True)),
        )
        return JSONResponse({"tokens": tokens})

    async def _completion(self, request: Request) -> Response:
        backend = self._backend
        body = await _json(request)
        completion = wire.completion_from_json(
            body, lambda text, is_first: backend.tokenize(text, add_special=is_first, parse_special=True)
        )
        n_ctx = backend.props().n_ctx
        if len(completion.prompt) >= n_ctx:
            raise BackendError("context_too_long", f"the prompt has {len(completion.prompt)} tokens, n_ctx is {n_ctx}")
        if body.get("stream"):
            # The response closes the generator when the client goes away, and that cancels the job.
            return EventSourceResponse(_events(self._stream(completion)), ping=_PING_S, sep="\n")
        return await self._whole(completion, request)

    async def _whole(self, completion: CompletionRequest, request: Request) -> Response:
        """The answer in one piece; given up when the client goes away."""
        collecting = asyncio.ensure_future(_collect(self._stream(completion)))
        watching = asyncio.ensure_future(_disconnected(request))
        await asyncio.wait((collecting, watching), return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        if collecting.done():
            return JSONResponse(collecting.result())
        collecting.cancel()
        return Response(status_code=499)

    async def _stream(self, completion: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        """Chunks of one request; those that came while the loop was busy are joined into one."""
        mailbox = _Mailbox(asyncio.get_running_loop())
        job: Job = self._worker.submit(completion, mailbox.put)
        try:
            while True:
                for chunk in _joined(await mailbox.take()):
                    yield chunk
                    if chunk.stop_type is not None:
                        return
        finally:
            self._worker.cancel(job)
            self._note_use()


class _Mailbox:
    """Carries items from the decoding thread to the event loop, waking the loop once for all that wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Chunk | BackendError] = deque()
        self._arrived = asyncio.Event()
        self._is_woken = False

    def put(self, item: Chunk | BackendError) -> None:
        """From any thread."""
        self._items.append(item)
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._arrived.set)
            except RuntimeError:  # the loop is closed: the process is on its way out, and nobody reads
                return

    async def take(self) -> list[Chunk | BackendError]:
        """All items that have arrived; waits for the first."""
        await self._arrived.wait()
        self._arrived.clear()
        self._is_woken = False  # before emptying: what is put from now on wakes the loop again
        items: list[Chunk | BackendError] = []
        while self._items:
            items.append(self._items.popleft())
        return items


def _joined(items: list[Chunk | BackendError]) -> list[Chunk]:
    """One chunk for the text, one for the end. An error ends the stream."""
    spoken: list[Chunk] = []
    for item in items:
        if isinstance(item, BackendError):
            raise item
        spoken.append(item)
    end = spoken.pop() if spoken and spoken[-1].stop_type is not None else None
    joined = []
    if spoken:
        tokens = tuple(token for chunk in spoken for token in chunk.tokens)
        n_tokens = sum(chunk.n_tokens for chunk in spoken)
        joined.append(Chunk("".join(chunk.text for chunk in spoken), n_tokens, tokens=tokens))
    return [*joined, end] if end else joined


async def _events(chunks: AsyncGenerator[Chunk, None]) -> AsyncIterator[bytes]:
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield _event(wire.chunk_to_json(chunk))
        except BackendError as error:
            yield _event(wire.error_to_json(error)[1])


def _event(body: wire.Json) -> bytes:
    return b"data: " + json.dumps(body, separators=(",", ":")).encode("ascii") + b"\n\n"


async def _collect(chunks: AsyncGenerator[Chunk, None]) -> wire.Json:
    text: list[str] = []
    tokens: list[int] = []
    last = Chunk("")
    async with aclosing(chunks):
        async for last in chunks:
            text.append(last.text)
            tokens.extend(last.tokens)
    return {**wire.chunk_to_json(last), "content": "".join(text), "tokens": tokens}


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise BackendError("bad_request", f"not JSON: {error}") from error


def _error_response(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BackendError)
    status, body = wire.error_to_json(error)
    return JSONResponse(body, status_code=status)


class _Guard:
    """Lets through what comes from a program of this machine that knows the token."""

    def __init__(self, app: ASGIApp, token: str, on_use: Callable[[], None]) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._on_use = on_use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, body = wire.error_to_json(refusal)
            await JSONResponse(body, status_code=status)(scope, receive, send)
            return
        if scope["path"] != "/health":
            self._on_use()
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> BackendError | None:
        headers = dict(scope["headers"])
        host_name = re.sub(r":\d+$", "", headers.get(b"host", b"").decode("latin-1"))
        if host_name not in _LOOPBACK_NAMES or b"origin" in headers:
            return BackendError("forbidden", "only programs of this machine may use this engine")
        if scope["path"] == "/health":
            return None
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return BackendError("unauthorized", "Invalid API Key")
        return None


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0: any that is free.

    Its protocol is named, for asyncio sends small writes at once (TCP_NODELAY) only where it is, and accepted
    connections inherit it. Without, each answer's body waits some 40 ms for the client to acknowledge its headers.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
