"""Reading prepared sets: every row as a `Row`, and every unusable one named with its reason.

A set is JSON lines, a JSON list, or a set on the hub. A row is either a task with its answer (`instruction`, `input`,
`output`; also `prompt`/`completion`, `вопрос`/`ответ`) or an editing example (`instruction`, `prefix`, `suffix`,
`indent`, `completion`), told apart by its columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError
from finetune.messages import COLUMNS_MISSING, DATA_MISSING, HUB_UNREACHABLE, NOT_JSON
from finetune.outside import is_local, source_file
from finetune.recipe import Source

_ALIASES = {"вопрос": "instruction", "ответ": "output", "question": "instruction", "answer": "output"}


@dataclass(frozen=True)
class Row:
    """One example before rendering. `prefix` is None for a conversation; `number` counts from 1 in its source."""

    source: str
    number: int
    instruction: str
    answer: str
    context: str = ""
    prefix: str | None = None
    suffix: str = ""
    indent: str = ""

    @property
    def is_edit(self) -> bool:
        """Whether this is code for a place in a file."""
        return self.prefix is not None


@dataclass(frozen=True)
class Dropped:
    """A row that was left out, and why."""

    source: str
    number: int
    reason: str


def read_rows(source: Source) -> Iterator[Row | Dropped]:
    """All rows of a set, in order; unusable ones as `Dropped`.

    Raises:
        FinetuneError: `data-missing`, `columns-missing`, `not-json`, `hub-unreachable`.
    """
    taken = 0
    for number, item in enumerate(_items(source), 1):
        if source.limit is not None and taken >= source.limit:
            return
        if isinstance(item, str):
            yield Dropped(source.path, number, item)
            continue
        taken += 1
        yield _row(source, number, item)


def _items(source: Source) -> Iterable[Mapping[str, Any] | str]:
    """Rows as mappings; a string is the reason why one cannot be read."""
    if not is_local(source.path) and not source_file(source.path).is_file():
        return _from_hub(source)
    path = source_file(source.path)
    if not path.is_file():
        raise FinetuneError("data-missing", DATA_MISSING, path=source.path)
    if path.suffix == ".json":
        try:
            return list(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise FinetuneError("not-json", NOT_JSON, path=path, row=1, reason=error) from error
    return _json_lines(path)


def _json_lines(path: Path) -> Iterator[Mapping[str, Any] | str]:
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
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


def _from_hub(source: Source) -> Iterator[Mapping[str, Any]]:
    import datasets  # noqa: PLC0415 - heavy, and only for sets on the hub

    try:
        yield from datasets.load_dataset(source.path, split=source.split)
    except Exception as error:  # the hub's client raises its own, httpx's and the system's errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FinetuneError("hub-unreachable", HUB_UNREACHABLE, what=source.path, reason=reason) from error


def _row(source: Source, number: int, item: Mapping[str, Any]) -> Row | Dropped:
    renamed = {_ALIASES.get(key, key): value for key, value in item.items()}
    for ours, theirs in source.columns.items():
        if theirs in item:
            renamed[ours] = item[theirs]
    instruction = renamed.get("instruction", renamed.get("prompt"))
    answer = renamed.get("completion", renamed.get("output"))
    if instruction is None or answer is None:
        found = ", ".join(map(str, item)) or "—"
        raise FinetuneError("columns-missing", COLUMNS_MISSING, path=source.path, row=number, found=found)
    if not isinstance(instruction, str) or not isinstance(answer, str):
        return Dropped(source.path, number, "not text")
    if not instruction.strip() or not answer.strip():
        return Dropped(source.path, number, "empty")
    prefix = renamed.get("prefix")
    return Row(
        source=source.path,
        number=number,
        instruction=instruction.strip(),
        answer=answer,
        context=str(renamed.get("input") or ""),
        prefix=str(prefix) if prefix is not None else None,
        suffix=str(renamed.get("suffix") or ""),
        indent=str(renamed.get("indent") or ""),
    )
