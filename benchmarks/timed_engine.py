"""The scripted engine in this process, noting when each request reaches it and when it has said the first line."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from lsp_server.engine.backend import BackendError
from lsp_server.engine.base import Chunk, CompletionRequest
from lsp_server.engine.host import Host, listen
from lsp_server.engine.scripted import Script, ScriptedBackend
from lsp_server.engine.worker import Emit, Job, Worker


@dataclass(frozen=True)
class Arrival:
    """A request as it reached the engine. `at` and `first_line_at` are of `time.perf_counter`."""

    at: float
    n_prompt_tokens: int
    first_line_at: float | None = None


class _TimedWorker(Worker):
    """Notes requests that want an answer; warm-ups do not."""

    arrivals: list[Arrival]

    def submit(self, request: CompletionRequest, emit: Emit) -> Job:
        """See `Worker`."""
        if not request.n_predict:
            return super().submit(request, emit)
        number = len(self.arrivals)
        self.arrivals.append(Arrival(time.perf_counter(), len(request.prompt)))

        def note(said: Chunk | BackendError) -> None:
            arrival = self.arrivals[number]
            if arrival.first_line_at is None and isinstance(said, Chunk) and "\n" in said.text:
                self.arrivals[number] = replace(arrival, first_line_at=time.perf_counter())
            emit(said)

        return super().submit(request, note)


class TimedEngine:
    """The engine's own HTTP application over a script, served by this process's event loop."""

    def __init__(self, script: Path) -> None:
        self.token = secrets.token_urlsafe(16)
        self._loaded = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_loaded(_: BackendError | None) -> None:
            loop.call_soon_threadsafe(self._loaded.set)

        self._worker = _TimedWorker(lambda _: ScriptedBackend(Script.load(script)), on_loaded)
        self._worker.arrivals = []
        host = Host(self._worker, self.token, "benchmark", lambda: None)
        config = uvicorn.Config(host.app, log_config=None, access_log=False, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._listener = listen(0)
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What `kodopis.endpoint` is set to."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def arrivals(self) -> list[Arrival]:
        """Requests so far, in order."""
        return self._worker.arrivals

    async def start(self) -> None:
        """Serve."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        self._worker.start()
        await self._loaded.wait()

    async def stop(self) -> None:
        """End."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        await asyncio.to_thread(self._worker.close)
