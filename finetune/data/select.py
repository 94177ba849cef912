"""From sources to the rows worth learning: read, cleaned, filtered, freed of leaks and duplicates, each loss named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing import get_context

from tqdm import tqdm

from finetune.data import filters, licences
from finetune.data.clean import clean
from finetune.data.contamination import Index, leak_of
from finetune.data.duplicates import Unit, find
from finetune.data.rows import Dropped, Row
from finetune.data.sources import read_rows
from finetune.data.split import clusters_of
from finetune.errors import FinetuneError
from finetune.messages import DATA_EMPTY
from finetune.recipe import DataSection, Source

_BATCH = 500
_FEW_ROWS = 3_000
"""So many rows are looked at sooner than other processes start."""


@dataclass
class Selection:
    """What came of the sources. `clusters` names the cluster of each row; `warnings` are sentences for the user."""

    rows: list[Row] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def select(data: DataSection) -> Selection:
    """All rows of all sources that are worth learning.

    Raises:
        FinetuneError: `noncommercial`, `data-missing`, `columns-missing`, `data-empty`, `not-json`, `hub-unreachable`.
    """
    made = Selection()
    for source in data.learned:
        warning = licences.check(source, allow_noncommercial=data.allow_noncommercial)
        made.warnings += [warning] if warning else []
    rows: list[Row] = []
    for source in data.sources:
        found = read_all(source, made.dropped)
        made.read[source.path] = len(found) + sum(one.source == source.path for one in made.dropped)
        wanted = [row for row in found if _is_wanted(row, source, data, made.dropped)]
        kept = [row for row in wanted if not _refused(row, data.language, made.dropped)]
        rows += _settled(_without_leaks(kept, made.dropped), source)
    compare(rows, made)
    for source in data.sources:
        if not any(row.source == source.path for row in made.rows):
            raise FinetuneError("data-empty", DATA_EMPTY, path=source.path, dropped=made.read[source.path])
    return made


def replayed(source: Source, dropped: list[Dropped]) -> list[Row]:
    """Rows that keep what the base knows. They come in any language and are learned as they are, but for leaks.

    Raises:
        FinetuneError: `data-missing`, `columns-missing`, `not-json`, `hub-unreachable`.
    """
    return _without_leaks(read_all(source, dropped), dropped)


def read_all(source: Source, dropped: list[Dropped]) -> list[Row]:
    """A source's rows, cleaned; those that cannot be read go to `dropped`."""
    kept: list[Row] = []
    for row in tqdm(read_rows(source), desc=source.path, unit="row", leave=False):
        if isinstance(row, Dropped):
            dropped.append(row)
        elif row.group or row.is_edit:
            kept.append(row)
        else:
            kept.append(replace(row, instruction=clean(row.instruction), answer=clean(row.answer)))
    return kept


def _is_wanted(row: Row, source: Source, data: DataSection, dropped: list[Dropped]) -> bool:
    wanted = data.learns == "all" or row.is_edit or row.is_task or source.editing
    if not wanted:
        dropped.append(Dropped(row.source, row.number, "a conversation"))
    return wanted


def _refused(row: Row, language: str, dropped: list[Dropped]) -> bool:
    """Our corpus has a check of its own, and is not filtered."""
    reason = None if row.group else filters.refusal(row, language)
    if reason:
        dropped.append(Dropped(row.source, row.number, reason))
    return reason is not None


def _settled(rows: Iterable[Row], source: Source) -> Iterator[Row]:
    for row in rows:
        code = filters.lone_code(row.answer) if source.editing and not (row.is_edit or row.is_task) else None
        if code is None:
            yield row
        else:
            yield replace(row, answer=code, context="", is_task=True, group=f"{row.source}:{row.number}")


def _without_leaks(rows: Sequence[Row], dropped: list[Dropped]) -> list[Row]:
    kept: list[Row] = []
    for row, leak in zip(rows, leaks_of(rows), strict=True):
        if leak:
            dropped.append(Dropped(row.source, row.number, f"leak of {leak}"))
        else:
            kept.append(row)
    return kept


def leaks_of(rows: Sequence[Row]) -> Iterator[str | None]:
    """For each row the benchmark that it comes from, or None; many rows are spread over processes."""
    batches = [rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH)]
    with ExitStack() as stack:
        if len(rows) > _FEW_ROWS and (os.cpu_count() or 1) > 1:
            pool = stack.enter_context(ProcessPoolExecutor(min(os.cpu_count() or 1, 8), get_context("spawn")))
            answers = pool.map(_leaks, batches)
        else:
            answers = map(_leaks, batches)
        for answer in tqdm(answers, desc="leaks", total=len(batches), leave=False):
            yield from answer


def _leaks(rows: Sequence[Row]) -> list[str | None]:
    return [leak_of(row, _index()) for row in rows]


@lru_cache(maxsize=1)
def _index() -> Index:
    return Index.read()


def compare(rows: Sequence[Row], made: Selection) -> None:
    """Leave out the rows that repeat another, and name the cluster of each that stays.

    A task of our corpus is compared once, by its code, and stays; a row of another source that repeats it goes.
    """
    firsts = list({row.group or index: index for index, row in reversed(list(enumerate(rows)))}.values())[::-1]
    units = (Unit(_compared(rows[index]), kept=bool(rows[index].group)) for index in firsts)
    found = find(tqdm(units, desc="duplicates", total=len(firsts), leave=False))
    for number, other in sorted(found.same.items()):
        row, like = rows[firsts[number]], rows[firsts[other]]
        made.dropped.append(Dropped(row.source, row.number, f"near-duplicate of {like.source}:{like.number}"))
    gone = {firsts[number] for number in found.same}
    roots = {firsts[number]: firsts[root] for number, root in enumerate(found.cluster)}
    clusters = clusters_of(rows, roots)
    made.rows = [row for index, row in enumerate(rows) if index not in gone]
    made.clusters = [cluster for index, cluster in enumerate(clusters) if index not in gone]


def _compared(row: Row) -> str:
    """What a row is compared by; questions of our own corpus are all in the same words."""
    return row.answer if row.group and not row.is_task else f"{row.instruction}\n{row.answer}"
