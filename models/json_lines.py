"""Files with one JSON value a line, as every part of the project writes and reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file, empty ones left out.

    The file itself tells where they end. `str.splitlines` would cut at U+2028 and U+0085 too, which stand in JSON as
    they are.
    """
    with path.open(encoding="utf-8") as stream:
        yield from (line for line in stream if line.strip())


def read_json_lines(path: Path) -> Iterator[Any]:
    """The values of a file, one by one. Raises ValueError where a line is no JSON."""
    return map(json.loads, lines_of(path))


def write_json_lines(path: Path, values: Iterable[Any]) -> None:
    """Write a file of values; letters stay readable."""
    with path.open("w", encoding="utf-8") as stream:
        for value in values:
            stream.write(json.dumps(value, ensure_ascii=False) + "\n")
