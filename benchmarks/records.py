"""Results as JSON lines: a run that was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from models.json_lines import lines_of

Record = dict[str, Any]


class Records:
    """The rows of one file, found again by their key. Without a file they live in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rows: dict[str, Record] = {}
        if path is not None and path.exists():
            for line in lines_of(path):
                try:
                    row = json.loads(line)
                except ValueError:  # the line being written when the run was killed
                    continue
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
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                file.write(_after_whole_line(file) + json.dumps(row, ensure_ascii=False).encode() + b"\n")
        return row


def _after_whole_line(file: BinaryIO) -> bytes:
    """What has to be written first, so that a line that a killed run left half written does not swallow the next."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"
