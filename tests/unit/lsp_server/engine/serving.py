"""An application over a real socket, and reading an engine's whole answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn

from lsp_server.engine.base import Chunk, CompletionRequest
from lsp_server.engine.client import HttpEngine, OpenAIEngine
from lsp_server.engine.host import listen


async def serve(app: object, certificate: Path | None = None) -> AsyncIterator[str]:
    listener = listen(0)
    config = uvicorn.Config(app, log_config=None, lifespan="off", ssl_certfile=certificate)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http{'s' if certificate else ''}://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await serving


async def collect(engine: HttpEngine | OpenAIEngine, request: CompletionRequest) -> tuple[str, Chunk]:
    chunks = [chunk async for chunk in engine.complete(request)]
    return "".join(chunk.text for chunk in chunks), chunks[-1]
