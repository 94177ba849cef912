"""The engine of this machine, as one that is always there: started on demand, and again after a crash."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from lsp_server import messages
from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps
from lsp_server.engine.client import HttpEngine
from lsp_server.engine.process import EngineProcess, OnWait
from lsp_server.errors import EngineError

_GONE = ("engine_unreachable", "engine_died", "engine_unauthorized")
_T = TypeVar("_T")


class LocalEngine:
    """Fulfils `Engine` over an `EngineProcess`.

    A request that finds the engine gone before anything was answered is asked again of a new one; an answer that
    broke off is an `engine_died`, and the next request starts the engine again.
    """

    def __init__(self, process: EngineProcess, on_wait: OnWait | None = None) -> None:
        self.process = process
        self._on_wait = on_wait
        self._engine: HttpEngine | None = None

    async def props(self) -> EngineProps:
        """See `Engine`. Starts the engine where none runs."""
        return await self._asked(lambda engine: engine.props())

    async def tokenize(self, text: str, *, parse_special: bool = False) -> tuple[int, ...]:
        """See `Engine`."""
        return await self._asked(lambda engine: engine.tokenize(text, parse_special=parse_special))

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        """See `Engine`."""
        for attempt in range(2):
            has_answered = False
            engine = await self._connected()
            try:
                async with aclosing(engine.complete(request)) as chunks:
                    async for chunk in chunks:
                        has_answered = True
                        yield chunk
                return
            except EngineError as error:
                if error.code not in _GONE:
                    raise
                await self._forget(engine)
                if has_answered or attempt:
                    raise _broken_off(error) from error

    async def stop(self) -> bool:
        """End the engine's process, for every window. False where none ran."""
        await self.close()
        return await self.process.stop()

    async def close(self) -> None:
        """See `Engine`."""
        if self._engine is not None:
            await self._forget(self._engine)

    async def _connected(self) -> HttpEngine:
        if self._engine is None:
            state = await self.process.connect(self._on_wait)
            if self._engine is None:  # another request may have connected meanwhile
                self._engine = HttpEngine(state.url, state.token)
        return self._engine

    async def _asked(self, question: Callable[[HttpEngine], Awaitable[_T]]) -> _T:
        for attempt in range(2):
            engine = await self._connected()
            try:
                return await question(engine)
            except EngineError as error:
                if error.code not in _GONE:
                    raise
                await self._forget(engine)
                if attempt:
                    raise _broken_off(error) from error
        raise AssertionError("the second attempt has returned or raised")

    async def _forget(self, engine: HttpEngine) -> None:
        if self._engine is engine:
            self._engine = None
        await engine.close()


def _broken_off(error: EngineError) -> EngineError:
    """What is said of an engine that is gone again: its address is nothing that the user has set."""
    return error if error.code == "engine_died" else EngineError("engine_died", messages.ENGINE_DIED)
