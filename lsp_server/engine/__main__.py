"""The engine's process: `python -m lsp_server.engine --state-file F (--model M.gguf | --scripted S.toml) …`.

Owns: the command line, the socket, the state file, the log, and the end of the process (idle, asked to, or the model
cannot be loaded). Started by `process`; nobody needs to start it by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import logging.handlers
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import uvicorn

from lsp_server.engine.backend import Backend, BackendError, OnLoad
from lsp_server.engine.host import Host, listen
from lsp_server.engine.scripted import Script, ScriptedBackend
from lsp_server.engine.statefile import EngineState
from lsp_server.engine.worker import Worker

log = logging.getLogger("lsp_server.engine")

_LOG_BYTES = 1_000_000
_IDLE_CHECKS = 20
_KEEP_ALIVE_S = 60  # longer than a client keeps an idle connection, so that none is closed under a request


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until idle or asked to stop. Returns the exit code: 1 where nothing could be served."""
    options = _parser().parse_args(arguments)
    _log_to(options.state_file.with_suffix(".log"), options.verbose)
    own = psutil.Process()
    state = EngineState(
        pid=own.pid,
        created=own.create_time(),
        port=0,
        token=secrets.token_urlsafe(32),
        version=version("kodopis"),
        model=str(options.scripted or options.model),
    )
    try:
        listener = listen(options.port)
    except OSError as error:
        log.error("cannot listen on port %d: %s", options.port, error)
        replace(state, error="port_taken", detail=str(error)).write(options.state_file)
        return 1
    state = replace(state, port=listener.getsockname()[1])
    # Windows' default loop does not hand the listener's protocol on to its connections (see `listen`).
    loop_factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_serve(options, state, listener))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lsp_server.engine", description="Serve one model on loopback.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, metavar="GGUF")
    source.add_argument("--scripted", type=Path, metavar="TOML", help="answers from a script instead of a model")
    parser.add_argument("--lora", type=Path, action="append", default=[], metavar="GGUF", help="may be repeated")
    parser.add_argument("--n-ctx", type=int, default=4096)
    parser.add_argument("--n-threads", type=int, default=0, help="0: as many as there are physical cores")
    parser.add_argument("--n-gpu-layers", type=int, default=-1, help="-1: all that fit")
    parser.add_argument("--draft", action="store_true", help="guess ahead from the context")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--state-file", type=Path, required=True)
    parser.add_argument("--idle-timeout-s", type=float, default=900.0, help="0: never")
    parser.add_argument("--verbose", action="store_true", help="llama.cpp's own log goes into the log file too")
    return parser


def _loader(options: argparse.Namespace) -> Callable[[OnLoad], Backend]:
    def load(on_load: OnLoad) -> Backend:
        if options.scripted is not None:
            script, adapters = Script.load(options.scripted), tuple(map(str, options.lora))
            return ScriptedBackend(script, str(options.scripted), adapters, on_load)
        try:
            from lsp_server.engine import decoding  # noqa: PLC0415 - heavy, and absent without the extra [engine]
        except ImportError as error:
            raise BackendError("llama_cpp_missing", str(error)) from error
        return decoding.LlamaBackend(
            decoding.DecodingOptions(
                model=options.model,
                adapters=tuple(options.lora),
                n_ctx=options.n_ctx,
                n_threads=options.n_threads or psutil.cpu_count(logical=False) or 1,
                n_gpu_layers=options.n_gpu_layers,
                may_draft=options.draft,
            ),
            on_load=on_load,
        )

    return load


async def _serve(options: argparse.Namespace, state: EngineState, listener: socket.socket) -> int:
    """Listen at once, load meanwhile, end when idle. Requests get 503 until the model is loaded."""
    loop = asyncio.get_running_loop()
    loaded: asyncio.Future[BackendError | None] = loop.create_future()

    def on_loaded(error: BackendError | None) -> None:
        loop.call_soon_threadsafe(loaded.set_result, error)

    def shut_down() -> None:
        server.should_exit = True

    worker = Worker(_loader(options), on_loaded)

    host = Host(worker, state.token, state.version, shut_down)
    server = uvicorn.Server(
        uvicorn.Config(
            host.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    state.write(options.state_file)
    log.info("pid %d listens on port %d", state.pid, state.port)
    worker.start()
    watching = asyncio.create_task(_watch_idle(host, options.idle_timeout_s, shut_down))
    await asyncio.wait((serving, loaded), return_when=asyncio.FIRST_COMPLETED)
    error = loaded.result() if loaded.done() else None
    if error is not None:
        log.error("%s", error)
        replace(state, error=error.code, detail=error.detail).write(options.state_file)
        shut_down()
    await serving
    watching.cancel()
    if error is None:
        state.remove(options.state_file)
    await asyncio.to_thread(worker.close)
    log.info("pid %d ends", state.pid)
    return 0 if error is None else 1


async def _watch_idle(host: Host, timeout_s: float, shut_down: Callable[[], None]) -> None:
    while timeout_s > 0:
        await asyncio.sleep(timeout_s / _IDLE_CHECKS)
        if host.idle_s >= timeout_s:
            log.info("idle for %g s", timeout_s)
            shut_down()
            return


def _log_to(path: Path, is_verbose: bool) -> None:
    """Log to a rotating file. What native code writes to stdout and stderr goes where `process` pointed them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if is_verbose else logging.INFO, handlers=[handler], force=True)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Not sys.exit(): a native thread that is still decoding would keep the process, or crash while it is torn down.
    sys.stdout.flush()
    os._exit(code)
