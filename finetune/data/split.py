"""Which rows are held out, and which of the rest are learned within a budget of tokens.

The split follows a hash of each cluster, so that a task keeps its side when others come or go, and tasks that are
alike share a side.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from finetune.data.rows import Row
from finetune.errors import FinetuneError
from finetune.messages import TOO_FEW_ROWS

SPLITS = ("train", "validation", "test")


class Sized(Protocol):
    """What a budget is made of."""

    @property
    def row(self) -> Row:
        """Where it comes from."""

    @property
    def n_tokens(self) -> int:
        """What it costs."""


SizedT = TypeVar("SizedT", bound=Sized)


def split(rows: Sequence[Row], clusters: Sequence[str], validation_rows: int, test_rows: int) -> dict[str, list[Row]]:
    """Hold out whole clusters until there are as many rows as asked for; `clusters` names that of each row.

    Raises:
        FinetuneError: `too-few-rows`.
    """
    held_out = validation_rows + test_rows
    if len(rows) <= held_out:
        raise FinetuneError("too-few-rows", TOO_FEW_ROWS, rows=len(rows), held_out=held_out)
    members: dict[str, list[Row]] = defaultdict(list)
    for row, cluster in zip(rows, clusters, strict=True):
        members[cluster].append(row)
    parts: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for cluster in sorted(members, key=digest):
        if len(parts["validation"]) < validation_rows:
            side = "validation"
        else:
            side = "test" if len(parts["test"]) < test_rows else "train"
        parts[side] += members[cluster]
    return {name: sorted(part, key=lambda row: (row.source, row.number)) for name, part in parts.items()}


def same_words(instruction: str) -> str:
    """An instruction as its cluster is named by: case and spacing do not count."""
    return digest(" ".join(instruction.lower().split()))


def digest(text: str) -> str:
    """A hash that orders texts as if by chance."""
    return hashlib.sha256(text.encode()).hexdigest()


def within_budget(examples: Iterable[SizedT], budget_tokens: int) -> list[SizedT]:
    """As many examples as fit: one of every task before a second one of any; the order is kept."""
    order = list(examples)
    if not budget_tokens:
        return order
    seen: dict[str, int] = defaultdict(int)
    ranked: list[tuple[int, str, int]] = []
    by_chance = sorted(
        range(len(order)), key=lambda index: digest(f"{order[index].row.source}:{order[index].row.number}")
    )
    for index in by_chance:
        row = order[index].row
        key = row.group or f"{row.source}:{row.number}"
        ranked.append((seen[key], digest(key), index))
        seen[key] += 1
    chosen: set[int] = set()
    left = budget_tokens
    for _, _, index in sorted(ranked):
        left -= order[index].n_tokens
        if left < 0:
            break
        chosen.add(index)
    return [order[index] for index in sorted(chosen)]


def clusters_of(rows: Sequence[Row], roots: Mapping[int, int]) -> list[str]:
    """A name for the cluster of each row: rows of one group, of equal instructions, or alike share it.

    `roots`: row → the first row that it is alike to.
    """
    parent = list(range(len(rows)))
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        keys = [f"words {same_words(row.instruction)}"] + ([f"group {row.group}"] if row.group else [])
        for other in [first.setdefault(key, index) for key in keys] + [roots.get(index, index)]:
            one, two = sorted((_root(parent, index), _root(parent, other)))
            parent[two] = one
    named = [rows[_root(parent, index)] for index in range(len(rows))]
    return [row.group or same_words(row.instruction) for row in named]


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
