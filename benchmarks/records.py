"""Results as JSON lines: a run that was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.console import BenchmarkError

Record = dict[str, Any]


class Records:
    """The rows of one file, found again by their key. Without a file they live in memory.

    Raises:
        BenchmarkError: the file cannot be read or written, or holds something else.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rows: dict[str, Record] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise BenchmarkError(f"{path} cannot be read ({error.strerror}): name another file with --out.") from error
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError:  # the line being written when the run was killed, which may end within a letter
                continue
            if not isinstance(row, dict) or "key" not in row:
                raise BenchmarkError(f"{path}, line {number}: no result of a benchmark; name another file with --out.")
            self._rows[row["key"]] = row

    def get(self, key: str) -> Record | None:
        """The row of a key, where a run has made it."""
        return self._rows.get(key)

    def rows(self) -> list[Record]:
        """All of them, the newest of each key."""
        return list(self._rows.values())

    def add(self, key: str, row: Record) -> Record:
        """Keep a row, on disk at once."""
        row = {"key": key, **row}
        self._rows[key] = row
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a+b") as file:
                    file.write(_after_whole_line(file) + json.dumps(row, ensure_ascii=False).encode() + b"\n")
            except OSError as error:
                raise BenchmarkError(f"{self._path} cannot be written: {error.strerror}.") from error
        return row


def _after_whole_line(file: BinaryIO) -> bytes:
    """What has to be written first, so that a line that a killed run left half written does not swallow the next."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"
