"""A file of JSON lines that is written bit by bit, and goes on where a killed process left it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


class Lines:
    """Lines of JSON, each with a `number`, the row that it was made from.

    Opening the file cuts off a line that was written in half; `done` are the numbers that need no more work.
    """

    def __init__(self, path: Path) -> None:
        self.done: set[int] = set()
        whole = 0
        if path.exists():
            for raw in path.read_bytes().splitlines(keepends=True):
                number = _number(raw)
                if number is None:
                    break
                self.done.add(number)
                whole += len(raw)
            os.truncate(path, whole)
        self._stream = path.open("a", encoding="utf-8")

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()

    def write(self, number: int, row: Mapping[str, Any]) -> None:
        """Add a row, so that it is on disk when this returns."""
        self._stream.write(json.dumps({"number": number, **row}, ensure_ascii=False) + "\n")
        self._stream.flush()
        self.done.add(number)


def _number(raw: bytes) -> int | None:
    """The number of a whole line; None where it is damaged."""
    if not raw.endswith(b"\n"):
        return None
    try:
        return int(json.loads(raw)["number"])
    except (ValueError, KeyError, TypeError):
        return None
