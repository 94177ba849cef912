"""Fetching a model in a process of its own: the server stays light, and a cancelled download just ends.

Owns: reading the progress of `python -m models get ID --progress json`. Does not own: how models are fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import psutil

from lsp_server import messages
from lsp_server.errors import KodopisError
from models.messages import language

OnProgress = Callable[[int | None, str], None]
"""Percent, and a short text."""

_LAST_WORDS = 500


async def download(model_id: str, title: str, on_progress: OnProgress) -> None:
    """Fetch a model; cancelling ends the process, and what came stays for the next time.

    Raises:
        KodopisError: `download_failed`, with the reason that the process gave.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "models", "get", model_id, "--progress", "json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "KODOPIS_LANG": language()},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    reason = ""
    try:
        async for line in process.stdout:
            reason = _report(line, on_progress) or reason
        code = await process.wait()
    finally:
        if process.returncode is None:
            _end(process)
        said = (await errors).decode("utf-8", "replace").strip()[-_LAST_WORDS:]
    if code:
        reason = reason or (said.splitlines()[-1] if said else messages.DOWNLOAD_UNEXPLAINED(id=model_id))
        raise KodopisError("download_failed", messages.DOWNLOAD_FAILED, title=title, reason=reason)


def _end(process: asyncio.subprocess.Process) -> None:
    """Windows ends a process without a word to it, so that it cannot end its pip: that is done from here."""
    with contextlib.suppress(ProcessLookupError, psutil.Error):
        below = psutil.Process(process.pid).children(recursive=True) if sys.platform == "win32" else []
        process.terminate()
        for child in below:
            with contextlib.suppress(psutil.Error):
                child.kill()


def _report(line: bytes, on_progress: OnProgress) -> str:
    """Pass an event on; the message of an error."""
    try:
        event: Any = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(event, dict):
        return ""
    done, total = event.get("done_bytes"), event.get("total_bytes")
    if isinstance(done, int) and isinstance(total, int) and total > 0:
        text = messages.DOWNLOADED(done=f"{done / 1e6:.0f}", total=f"{total / 1e6:.0f}")
        on_progress(min(100, done * 100 // total), text)
    return str(event.get("message", "")) if event.get("event") == "error" else ""
