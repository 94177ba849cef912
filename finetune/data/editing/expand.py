"""Which places, neighbours and indentation each task gets: drawn once for each phrasing, the same for one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from finetune.data.editing.code import parses, third_party
from finetune.data.editing.places import PLACES, Place
from finetune.data.editing.subject import Around, Edit, Kind, Subject, names_of, whole_file
from finetune.data.rows import Dropped, Row
from models.prompt import CodeRequest, render_code

_UNITS = ("    ", "\t", "  ")
_UNIT_WEIGHTS = (0.84, 0.1, 0.06)
_NEIGHBOURS = (0, 1, 2)
_NEIGHBOUR_WEIGHTS = (0.45, 0.35, 0.2)
_NEIGHBOUR_LINES = 14
_TRIES = 12


@dataclass(frozen=True)
class Neighbour:
    """Another task's code, as it may stand in the same file."""

    group: str
    phrasing: str
    imports: tuple[str, ...]
    body: str
    names: frozenset[str]


def shows_suffix(prompt_format: str) -> bool:
    """Whether a prompt format tells the model what stands after the cursor."""
    texts = {render_code(prompt_format, CodeRequest("a", prefix="", suffix=suffix)).text for suffix in ("", "b\n")}
    return len(texts) > 1


def expand(rows: Sequence[Row], prompt_format: str, seed: int, *, docstrings: bool = True) -> Iterator[Row | Dropped]:
    """Turn whole tasks into editing examples; neighbours come from these rows alone.

    Without `docstrings`, every instruction is a comment.
    """
    fitting = _fitting(suffix=shows_suffix(prompt_format), docstrings=docstrings)
    whole = [_is_whole(row) for row in rows]
    neighbours = _neighbours([row for row, is_whole in zip(rows, whole, strict=True) if is_whole])
    for row, is_whole in zip(rows, whole, strict=True):
        rng = Random(_number(f"{seed}:{row.group}:{row.instruction}"))  # noqa: S311 - a choice, not a secret
        found = _edit(row, neighbours, rng, fitting) if is_whole else None
        if found is None:
            yield Dropped(row.source, row.number, "fits no place")
            continue
        place, edit = found
        yield replace(
            row,
            is_task=False,
            place=edit.place,
            is_docstring=place.is_docstring,
            instruction=edit.instruction,
            answer=edit.completion,
            context="",
            prefix=edit.prefix,
            suffix=edit.suffix,
            indent=edit.indent,
        )


def whole_tasks_in_files(rows: Iterable[Row], prompt_format: str, seed: int, *, docstrings: bool = True) -> list[Row]:
    """Rows as they will be learned: whole tasks in a file each, the others as they are."""
    kept = list(rows)
    tasks = [row for row in kept if row.is_task]
    edits = [row for row in expand(tasks, prompt_format, seed, docstrings=docstrings) if isinstance(row, Row)]
    return [row for row in kept if not row.is_task] + edits


def _is_whole(row: Row) -> bool:
    if row.indent or row.suffix:
        return parses(whole_file(row))
    return parses(row.answer) and parses(row.context)


def _fitting(*, suffix: bool, docstrings: bool) -> dict[Kind, list[Place]]:
    """The places that a prompt format and a recipe leave, by the kind of code."""
    return {
        kind: [
            place for place in places if (suffix or not place.needs_suffix) and (docstrings or not place.is_docstring)
        ]
        for kind, places in PLACES.items()
    }


def _edit(
    row: Row, neighbours: Sequence[Neighbour], rng: Random, fitting: Mapping[Kind, Sequence[Place]]
) -> tuple[Place, Edit] | None:
    subject = Subject.of(row)
    places = fitting[subject.kind]
    for _ in range(_TRIES):
        (place,) = rng.choices(places, [place.weight for place in places])
        edit = place.make(subject, _around(row, subject, neighbours, rng), rng)
        if edit is not None:
            return place, edit
    return None


def _around(row: Row, subject: Subject, neighbours: Sequence[Neighbour], rng: Random) -> Around:
    (count,) = rng.choices(_NEIGHBOURS, _NEIGHBOUR_WEIGHTS)
    taken = names_of(row)
    chosen: list[Neighbour] = []
    pool = _likely(row, subject, neighbours, rng) if count else []
    for one in rng.sample(pool, min(len(pool), 4 * count)):
        if len(chosen) < count and one.group != row.group and not one.names & taken:
            chosen.append(one)
            taken |= one.names
    above: list[str] = []
    below: list[str] = []
    for one in chosen:
        (above if rng.random() < 0.55 else below).append(_text(one, rng))
    (unit,) = rng.choices(_UNITS, _UNIT_WEIGHTS)
    imports = tuple(statement for one in chosen for statement in one.imports)
    return Around(imports, tuple(above), tuple(below), unit, is_loose=rng.random() < 0.8)


def _likely(row: Row, subject: Subject, neighbours: Sequence[Neighbour], rng: Random) -> Sequence[Neighbour]:
    """Neighbours of the task's own domain most of the time; no numpy in files that have no other reason for it."""
    if rng.random() < 0.7:
        same = [one for one in neighbours if _domain(one.group) == _domain(row.group)]
        if len(same) > 2:
            return same
    if third_party((*subject.parts.imports, *subject.context.imports)):
        return neighbours
    return [one for one in neighbours if not third_party(one.imports)]


def _domain(group: str) -> str:
    return group.split("-", maxsplit=1)[0]


def _text(neighbour: Neighbour, rng: Random) -> str:
    """A neighbour, now and then under its own comment: so files look where an answer was taken before."""
    if rng.random() < 0.3 and "\n" not in neighbour.phrasing:
        return f"# {neighbour.phrasing}\n{neighbour.body}"
    return neighbour.body


def _neighbours(rows: Sequence[Row]) -> list[Neighbour]:
    found: dict[str, Neighbour] = {}
    for row in rows:
        if row.group in found or row.context or row.suffix or row.indent:
            continue
        subject = Subject.of(row)
        if subject.is_definition and subject.parts.body.count("\n") < _NEIGHBOUR_LINES:
            found[row.group] = Neighbour(
                row.group, row.instruction, subject.parts.imports, subject.parts.body, names_of(row)
            )
    return list(found.values())


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
