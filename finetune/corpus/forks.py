"""Runs many programs in one sandbox: the large packages are imported once, and each program runs in a fork of that.

This is the sandbox's program itself, read as text and never imported. It reads `job.json` (paths, environment, imports,
programs, timeout_s) and prints, as its last line, a list that says which programs ran to their end.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

PASSED, FAILED = 23, 1


def main() -> None:
    """Do the job."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    os.environ.update(job["environment"])
    sys.path.extend(job["paths"])
    for name in job["imports"]:
        importlib.import_module(name)
    folders = [Path(f"run{number}").absolute() for number in range(len(job["programs"]))]
    passed = [
        passes(program, folder, job["timeout_s"]) for program, folder in zip(job["programs"], folders, strict=True)
    ]
    print(json.dumps(passed))


def passes(program: str, folder: Path, timeout_s: float) -> bool:
    """Whether the program runs to its end, alone in a new folder; what it started ends with it."""
    folder.mkdir()
    (folder / "main.py").write_text(program, encoding="utf-8")
    child = os.fork()
    if not child:
        become(folder)
    watch = os.pidfd_open(child)
    ended, _, _ = select.select([watch], [], [], timeout_s)
    os.close(watch)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it may not have its own group yet
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
    return bool(ended) and os.waitstatus_to_exitcode(status) == PASSED


def become(folder: Path) -> None:
    """Be that program, in silence; never returns."""
    try:
        os.setsid()
        os.chdir(folder)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.argv = [str(folder / "main.py")]
        sys.path[0] = str(folder)
        runpy.run_path(sys.argv[0], run_name="__main__")
    except BaseException:  # leaving early, with exit() for one, is not running to the end
        os._exit(FAILED)
    os._exit(PASSED)


if __name__ == "__main__":
    main()
