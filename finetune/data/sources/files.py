"""Local sets: JSON lines or a JSON list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from finetune.errors import FinetuneError
from finetune.messages import DATA_MISSING, NOT_JSON
from finetune.outside import source_file

MOST_BYTES = 4_000_000
"""A longer line is skipped unread: no row worth learning is so long."""


def read_items(name: str) -> Iterable[Mapping[str, Any] | str]:
    """Rows as mappings; a string is the reason why one cannot be read.

    Raises:
        FinetuneError: `data-missing`, `not-json`.
    """
    path = source_file(name)
    if not path.is_file():
        raise FinetuneError("data-missing", DATA_MISSING, path=name)
    if path.suffix == ".json":
        try:
            return list(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise FinetuneError("not-json", NOT_JSON, path=path, row=1, reason=error) from error
    return _json_lines(path)


def _json_lines(path: Path) -> Iterator[Mapping[str, Any] | str]:
    with path.open("rb") as stream:
        for number in count(1):
            raw = stream.readline(MOST_BYTES)
            if not raw:
                return
            if len(raw) == MOST_BYTES and not raw.endswith(b"\n"):
                _skip_line(stream)
                yield "a row of megabytes"
                continue
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                yield "not UTF-8"
                continue
            if not text:
                yield "empty"
                continue
            try:
                item = json.loads(text)
            except ValueError as error:
                raise FinetuneError("not-json", NOT_JSON, path=path, row=number, reason=error) from error
            yield item if isinstance(item, dict) else "not an object"


def _skip_line(stream: BinaryIO) -> None:
    while (part := stream.readline(MOST_BYTES)) and not part.endswith(b"\n"):
        pass
