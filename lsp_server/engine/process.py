"""The engine's process from outside: find one, start one, wait for it, start it again, stop it.

Owns: the state directory and the lock under which engines start. Does not own: what is asked (`client`, `local`), or
what the process does (`__main__`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import psutil

from lsp_server import messages
from lsp_server.engine.spec import EngineSpec, state_dir
from lsp_server.engine.statefile import EngineState
from lsp_server.engine.transport import Transport
from lsp_server.errors import EngineError
from models.messages import Message

OnWait = Callable[[float, int | None], None]
"""Told now and then, while a model loads, how many seconds it has been loading, and the percent loaded where known."""

_START_TIMEOUT_S = 60.0
_LOAD_TIMEOUT_S = 900.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.05
_CLOCK_TOLERANCE_S = 2.0
_STATE_FILE_OPTION = "--state-file="
_RECENT_S = 120.0
_BACK_OFF_S = (0.0, 0.5, 2.0, 5.0)
_REPEAT_LOAD_ERROR_S = 20.0
_LOG_TAIL_BYTES = 2000
_LEAST_FREE_BYTES = 1 << 16
_ILLEGAL_INSTRUCTION = (-4, 0xC000001D)  # SIGILL; the same on Windows

_LOAD_ERRORS: dict[str, Message] = {
    "model_missing": messages.MODEL_FILE_MISSING,
    "model_damaged": messages.MODEL_DAMAGED,
    "adapter_damaged": messages.ADAPTER_DAMAGED,
    "out_of_memory": messages.OUT_OF_MEMORY,
    "llama_cpp_missing": messages.LLAMA_CPP_MISSING,
    "port_taken": messages.PORT_TAKEN,
}


class EngineProcess:
    """The engine for one spec: started when first needed, shared with whoever needs the same.

    `check` is called, on another thread, before each start; an EngineError of it is why there is none.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        directory: Path | None = None,
        idle_timeout_s: float = 900.0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self._check = check
        self._directory = directory or state_dir()
        self._idle_timeout_s = idle_timeout_s
        self._starts: deque[float] = deque()
        self._child: subprocess.Popen[bytes] | None = None
        self._failure: tuple[float, str, EngineError] | None = None
        self._connecting = asyncio.Lock()

    async def connect(self, on_wait: OnWait | None = None) -> EngineState:
        """Find the engine, or start it, and wait until it answers.

        Raises:
            EngineError: `model_missing`, `model_damaged`, `adapter_damaged`, `out_of_memory`, `llama_cpp_missing`,
                `illegal_instruction`, `engine_keeps_dying` (three starts within two minutes did not help),
                `engine_start_failed`, or what `check` raises.
        """
        async with self._connecting:
            identity = self.spec.identity()
            self._repeat_failure(identity)
            try:
                found = self._living(identity)
                if found is not None and await self._is_loaded(identity, found, on_wait):
                    return found
                await asyncio.to_thread(self._check)
                await asyncio.sleep(self._back_off())
                started = await asyncio.to_thread(self._start, identity)
                if await self._is_loaded(identity, started, on_wait):
                    return started
                raise start_error(self._child.poll() if self._child else None, _tail(self._path(identity)))
            except EngineError as error:
                self._failure = (time.monotonic(), identity, error)
                if error.code in _LOAD_ERRORS and self._starts:
                    self._starts.pop()  # it said why it did not load: that is no death
                raise

    async def stop(self) -> bool:
        """End the engine, for every window; one that starts just now, too. False where none ran."""
        self._starts.clear()
        self._failure = None
        identity = self.spec.identity()
        state = await asyncio.to_thread(self._settled, identity)
        return state is not None and await stop_engine(self._path(identity), state)

    def _path(self, identity: str) -> Path:
        return self._directory / f"{identity}.json"

    def _living(self, identity: str) -> EngineState | None:
        if self._child is not None:
            self._child.poll()  # a child that has ended is only gone once it is waited for
        path = self._path(identity)
        state = EngineState.read(path)
        return state if state is not None and not state.error and is_alive(path, state) else None

    def _repeat_failure(self, identity: str) -> None:
        """A model that could not be loaded a moment ago is not tried again for every key pressed."""
        if self._failure is not None:
            at, of, error = self._failure
            if of == identity and time.monotonic() - at < _REPEAT_LOAD_ERROR_S:
                raise error
            self._failure = None

    def _back_off(self) -> float:
        """Seconds to wait before the next start. Counts starts: each but the first follows a death."""
        now = time.monotonic()
        while self._starts and now - self._starts[0] > _RECENT_S:
            self._starts.popleft()
        if len(self._starts) >= len(_BACK_OFF_S):
            raise EngineError("engine_keeps_dying", messages.ENGINE_KEEPS_DYING, log=self._directory)
        self._starts.append(now)
        return _BACK_OFF_S[len(self._starts) - 1]

    def _start(self, identity: str) -> EngineState:
        """Start the process, unless another window just did; returns once it listens."""
        path = self._path(identity)
        with self._locked(path):
            if (state := self._living(identity)) is not None:
                return state
            path.unlink(missing_ok=True)
            return self._spawn(path)

    def _settled(self, identity: str) -> EngineState | None:
        """The engine, if there is one after all starts that are under way: nothing ends the thread that does one."""
        with self._locked(self._path(identity)):
            return self._living(identity)

    @contextlib.contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """While nobody else starts this engine; what fails is told as an `EngineError`."""
        try:
            # On Windows the profile's own rights do; 0o700 of an elevated process would lock its user out.
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o777 if os.name == "nt" else 0o700)
            with filelock.FileLock(path.with_suffix(".lock"), timeout=_START_TIMEOUT_S):
                yield
        except filelock.Timeout as error:
            raise EngineError("engine_start_failed", messages.ENGINE_START_FAILED, detail=error) from error
        except OSError as error:
            raise EngineError(
                "data_unwritable", messages.DATA_UNWRITABLE, path=self._directory, reason=error
            ) from error

    def _spawn(self, path: Path) -> EngineState:
        # -P: the working directory is never searched for modules; a user's project may hold a json.py.
        command = [sys.executable, "-P", "-m", "lsp_server.engine", *self.spec.arguments()]
        command += [f"{_STATE_FILE_OPTION}{path}", f"--idle-timeout-s={self._idle_timeout_s}"]
        with path.with_suffix(".err").open("wb") as errors:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd=self._directory,
                env={**os.environ, "PYTHONUTF8": "1"},
                start_new_session=os.name != "nt",
                creationflags=_windows_flags(),
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            # On Windows the child may be a launcher, with another pid than the engine: the file is what counts.
            if (state := EngineState.read(path)) is not None:
                return state
            if self._child.poll() is not None:
                break
            time.sleep(_POLL_S)
        said = _tail(path)
        if not said and shutil.disk_usage(self._directory).free < _LEAST_FREE_BYTES:  # it could not even say so
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise start_error(self._child.poll(), said)

    async def _is_loaded(self, identity: str, state: EngineState, on_wait: OnWait | None) -> bool:
        """Wait until the model is loaded. False where the process has ended, without saying why."""
        transport = Transport(state.url, state.token)
        started = time.monotonic()
        try:
            while (waited := time.monotonic() - started) < _LOAD_TIMEOUT_S:
                trouble = await _trouble(transport)
                if trouble is None:
                    return True
                if self._has_ended(identity, state):
                    return False
                if on_wait is not None:
                    on_wait(waited, _loaded_percent(trouble))
                await asyncio.sleep(min(_POLL_S + waited / 20, 0.5))
            return False
        finally:
            await transport.close()

    def _has_ended(self, identity: str, state: EngineState) -> bool:
        if self._child is not None:
            self._child.poll()
        path = self._path(identity)
        is_gone = not is_alive(path, state)  # before reading: an engine writes why it ends, then it ends
        written = EngineState.read(path)
        if written is not None and written.token == state.token and written.error:
            raise load_error(written)
        return is_gone


@dataclass(frozen=True)
class RunningEngine:
    """An engine process of this user, found by its state file."""

    path: Path
    state: EngineState
    memory_bytes: int


def running_engines(directory: Path | None = None) -> list[RunningEngine]:
    """All engines of this user. State files of dead ones are removed on the way."""
    engines = []
    for path in sorted((directory or state_dir()).glob("*.json")):
        state = EngineState.read(path)
        if state is not None and is_alive(path, state):
            with contextlib.suppress(psutil.Error):
                engines.append(RunningEngine(path, state, psutil.Process(state.pid).memory_info().rss))
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return engines


async def stop_engine(path: Path, state: EngineState) -> bool:
    """Ask an engine to end, and end it where it does not. False where it was gone already."""
    if not is_alive(path, state):
        return False
    transport = Transport(state.url, state.token)
    with contextlib.suppress(EngineError):
        await transport.post("/shutdown", {})
    await transport.close()
    await asyncio.to_thread(_await_end, path, state)
    return True


def _await_end(path: Path, state: EngineState) -> None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(state.pid)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except psutil.TimeoutExpired:
            if is_alive(path, state):
                process.kill()
    state.remove(path)  # another window may have started the next engine meanwhile


def is_alive(path: Path, state: EngineState) -> bool:
    """Whether the process that wrote the state still runs: its pid may belong to another by now.

    A start time alone does not tell: it moves with the system's clock when that is set. A process that was started for
    this very file is the one, for the file of another is removed before each start.
    """
    try:
        process = psutil.Process(state.pid)
        is_same = abs(process.create_time() - state.created) < _CLOCK_TOLERANCE_S
        is_same = is_same or f"{_STATE_FILE_OPTION}{path}" in process.cmdline()
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # the last two: no pid at all, in a damaged file
        return False


def load_error(state: EngineState) -> EngineError:
    """Why an engine could not serve, as it wrote it into its state."""
    message = _LOAD_ERRORS.get(state.error, messages.ENGINE_START_FAILED)
    return EngineError(state.error, message, path=state.model, detail=state.detail)


def start_error(exit_status: int | None, last_line: str) -> EngineError:
    """Why an engine ended while it started, by its exit status and the last line that it wrote."""
    if exit_status in _ILLEGAL_INSTRUCTION:
        return EngineError("illegal_instruction", messages.ENGINE_ILLEGAL_INSTRUCTION)
    if last_line.startswith("ModuleNotFoundError"):  # a part of the extra [engine]
        return EngineError("llama_cpp_missing", messages.EXTRA_MISSING)
    detail = last_line or f"exit status {exit_status}"
    return EngineError("engine_start_failed", messages.ENGINE_START_FAILED, detail=detail)


async def _trouble(transport: Transport) -> EngineError | None:
    """Why the engine does not serve yet; None where it does."""
    try:
        await transport.get("/health")
    except EngineError as error:
        return error
    return None


def _loaded_percent(trouble: EngineError) -> int | None:
    percent = trouble.fields.get("percent")
    return percent if isinstance(percent, int) else None


def _tail(path: Path) -> str:
    """The last line that the process wrote to stderr."""
    try:
        text = path.with_suffix(".err").read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _windows_flags() -> int:
    """A console of its own that has no window, and no Ctrl-C from ours.

    Not DETACHED_PROCESS, beside which CREATE_NO_WINDOW is ignored: a venv's python.exe only starts the real one, and a
    console program that is started without a console opens one, in a window whose closing ends the engine.
    """
    if sys.platform != "win32":
        return 0
    return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
