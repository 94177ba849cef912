"""Runs Python code nobody has read, and says whether it ran to its end.

Owns: starting the process, feeding it, ending it in time, and its verdict. `sandbox_child` confines itself before the
code starts. Only the standard library is importable in there.

What holds the code back:

- Linux (x86_64, aarch64) where user namespaces and seccomp filters may be had: no network at all, no sockets but
  Internet ones and connected stream pairs (so no `multiprocessing.Manager` and no `forkserver`), no view of other
  processes, the whole file system read-only but for the working directory (which is in memory, 64 MiB), no devices but
  `/dev/null` and its like, no capabilities to undo any of that, at most 32 processes, and everything it started dies
  with it. Memory and CPU time are limited per process by rlimits.
- Elsewhere (macOS, Windows, Linux that refuses one of these): an audit hook refuses connections, new processes and
  interpreters, foreign libraries, and writing outside the working directory, sqlite3's files included; POSIX rlimits
  where they work; memory is watched from outside.
- Everywhere: an empty environment, no stdin, a temporary working directory that is removed, a wall-clock limit, and
  output kept up to 64 KiB.

What it does not cover:

- Everywhere: files the user may read can be read (nothing can be sent anywhere, but the output is kept); bugs of the
  kernel.
- Linux namespaces: named pipes that the user may write to can be written to, which a read-only file system does not
  hold; several processes can together use several times `memory_bytes`.
- Elsewhere: an audit hook stops careless code, not an attacker who knows Python's internals, so run only what models
  write for harmless tasks. Some writing outside raises no event: sqlite3's `ATTACH` and `VACUUM INTO`, `dbm`,
  `os.mkfifo`, shared memory. `socket.socketpair` on Windows needs connections to 127.0.0.1, so they are allowed there.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

KEPT_OUTPUT_BYTES = 64 * 1024
_CHILD = Path(__file__).with_name("sandbox_child.py")
_POLL_S = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    `passed`: the code ran to its last line. Leaving early, with `exit()` for one, is not passing. `error` is the
    traceback's last line or what ended the process; empty after a pass. `stdout` is what was printed (stderr included),
    cut after 64 KiB.
    """

    passed: bool
    timed_out: bool
    error: str
    stdout: str


def run(
    code: str,
    *,
    timeout_s: float = 10.0,
    memory_bytes: int = 512 * 1024 * 1024,
    files: Mapping[str, str] | None = None,
) -> Outcome:
    """Run `code` as a script in a fresh directory that holds `files` (relative path → text)."""
    nonce = secrets.token_hex(16)
    payload = {
        "code": code,
        "files": dict(files or {}),
        "nonce": nonce,
        "cpu_s": int(timeout_s) + 1,
        "memory_bytes": memory_bytes,
    }
    with tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True) as directory:
        process = _start(directory)
        printed, report = _Reader(process.stdout), _Reader(process.stderr)
        _feed(process, payload)
        ended_by = _wait(process, time.monotonic() + timeout_s, memory_bytes)
        _kill_tree(process)
        return _outcome(nonce, printed.text(), report.text(), ended_by, process.returncode)


def _start(directory: str) -> subprocess.Popen[bytes]:
    environment = {"HOME": directory, "TMPDIR": directory, "TEMP": directory, "TMP": directory, "LANG": "C.UTF-8"}
    if "SYSTEMROOT" in os.environ:  # Windows cannot seed its random generator without it
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_CHILD), directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=directory,
        start_new_session=sys.platform != "win32",
    )


def _feed(process: subprocess.Popen[bytes], payload: object) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            pipe.write(json.dumps(payload).encode("utf-8", "surrogatepass"))
    except OSError:  # it died before reading: `_outcome` says so (Windows raises EINVAL for a closed pipe)
        return


def _wait(process: subprocess.Popen[bytes], deadline: float, memory_bytes: int) -> str:
    """Wait for the end; returns "time" or "memory" where that is what ended it, else an empty string."""
    if sys.platform == "linux":  # rlimits hold memory there
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "time"
        return ""
    while process.poll() is None:
        if time.monotonic() > deadline:
            return "time"
        if _resident_bytes(process.pid) > memory_bytes:
            return "memory"
        time.sleep(_POLL_S)
    return ""


def _resident_bytes(pid: int) -> int:
    """Of the process and what it started: on Windows a virtual environment's `python.exe` only starts the real one."""
    try:
        process = psutil.Process(pid)
        together = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for one in together:
        with contextlib.suppress(psutil.Error):
            total += int(one.memory_info().rss)
    return total


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything it started; in a namespace the kernel does the latter."""
    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        started = []
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the group outlives its leader
    process.kill()
    for one in started:
        try:
            one.kill()
        except psutil.Error:
            continue
    process.wait()


class _Reader:
    """Drains a pipe, keeping its beginning, so that no amount of output blocks the writer or fills our memory."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with self._pipe as pipe:
            while piece := pipe.read1(65536):  # type: ignore[attr-defined]
                self._kept += piece[: KEPT_OUTPUT_BYTES - len(self._kept)]

    def text(self) -> str:
        self._thread.join(timeout=5.0)  # a process that escaped the kill may hold the pipe open
        return bytes(self._kept).decode("utf-8", "replace")


def _outcome(nonce: str, printed: str, report: str, ended_by: str, returncode: int) -> Outcome:
    if ended_by == "time":
        return Outcome(False, True, "time limit", printed)
    if ended_by == "memory":
        return Outcome(False, False, "MemoryError: memory limit", printed)
    try:
        verdict = json.loads(report.splitlines()[-1])
        if verdict["nonce"] == nonce:
            return Outcome(verdict["error"] == "", False, verdict["error"], printed)
    except (IndexError, ValueError, KeyError, TypeError):
        pass
    timed_out = sys.platform != "win32" and returncode in (-signal.SIGXCPU, 128 + signal.SIGXCPU)
    tail = report.strip().splitlines()[-1] if report.strip() else ""
    return Outcome(False, timed_out, f"process ended early, code {returncode} {tail}".strip(), printed)
