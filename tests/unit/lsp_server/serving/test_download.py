"""Ending a download, as it has to be done where a process is not told of its end."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psutil
import pytest

from lsp_server.serving import download

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid)
child.wait()
"""


async def test_on_windows_what_a_download_started_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-uc", PARENT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    below = psutil.Process(int(await process.stdout.readline()))
    monkeypatch.setattr(sys, "platform", "win32")
    download._end(process)
    monkeypatch.undo()
    assert await process.wait() != 0
    below.wait(30)
