"""What is said of rows that cannot be learned from: one sentence a row, the first few by name; and of none left."""

from __future__ import annotations

import json

from finetune.errors import FinetuneError
from finetune.messages import (
    DROPPED_BREAKS_TEMPLATE,
    DROPPED_EMPTY,
    DROPPED_MORE,
    DROPPED_NOT_OBJECT,
    DROPPED_NOT_TEXT,
    DROPPED_NOT_UTF8,
    SPLIT_EMPTY,
)
from finetune.stage import Run
from models.json_lines import read_json_lines

_NAMED = 5
_SENTENCES = {
    "empty": DROPPED_EMPTY,
    "not UTF-8": DROPPED_NOT_UTF8,
    "not text": DROPPED_NOT_TEXT,
    "not an object": DROPPED_NOT_OBJECT,
    "breaks-template": DROPPED_BREAKS_TEMPLATE,
}


def require_rows(run: Run) -> None:
    """Refuse data of which a part has no rows: all of it may have been too long.

    Raises:
        FinetuneError: `split-empty`.
    """
    folder = run.folder("data")
    rows = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["rows"]
    for name, count in rows.items():
        if not count:
            raise FinetuneError("split-empty", SPLIT_EMPTY, split=name, path=folder / "dropped.jsonl")


def sentences(run: Run) -> list[str]:
    """One sentence for each of the first bad rows, and one that says where the others stand.

    Rows that are merely too long or near-duplicates are no mistakes of the set: they are counted alone.
    """
    path = run.folder("data") / "dropped.jsonl"
    rows = list(read_json_lines(path))
    bad = [row for row in rows if _kind(row["reason"]) in _SENTENCES]
    said = [
        _SENTENCES[_kind(row["reason"])](path=row["source"], row=row["number"], detail=row["reason"].partition(": ")[2])
        for row in bad[:_NAMED]
    ]
    others = len(rows) - len(said)
    return [*said, DROPPED_MORE(count=others, path=path)] if others else said


def _kind(reason: str) -> str:
    return reason.partition(": ")[0]
