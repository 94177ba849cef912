"""How alike phrasings are: Jaccard similarity of their sets of three consecutive words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from .schema import Task

ALIKE = 0.5
Grams = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Pair:
    """Two phrasings whose similarity is at least `ALIKE`; the tasks are the same one where the task repeats itself."""

    task: Task
    phrasing: str
    other_task: Task
    other_phrasing: str
    similarity: float


def grams(text: str, n: int = 3) -> Grams:
    """Sets of `n` consecutive words, without case, punctuation and the dots of ё; a shorter text is one gram."""
    words = re.findall(r"\w+", text.lower().replace("ё", "е"))
    if len(words) <= n:
        return frozenset({tuple(words)})
    return frozenset(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def jaccard(one: Grams, other: Grams) -> float:
    """Shared grams among all grams of both."""
    return len(one & other) / len(one | other)


def near_duplicates(tasks: Iterable[Task]) -> list[Pair]:
    """All pairs that are alike, found through shared grams rather than by comparing everything with everything."""
    entries = [(task, text, grams(text)) for task in tasks for text in task.phrasings]
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, (_, _, found) in enumerate(entries):
        for gram in found:
            holders[gram].append(i)
    candidates = {pair for ids in holders.values() for pair in combinations(ids, 2)}
    pairs = []
    for i, j in sorted(candidates):
        (task, text, one), (other_task, other_text, other) = entries[i], entries[j]
        similarity = jaccard(one, other)
        if similarity >= ALIKE:
            pairs.append(Pair(task, text, other_task, other_text, similarity))
    return pairs


def rate(tasks: Sequence[Task], pairs: Iterable[Pair]) -> float:
    """The share of phrasings that are like some other phrasing."""
    n_phrasings = sum(len(task.phrasings) for task in tasks)
    alike = {(task.id, text) for pair in pairs for task, text in _ends(pair)}
    return len(alike) / n_phrasings if n_phrasings else 0.0


def _ends(pair: Pair) -> tuple[tuple[Task, str], tuple[Task, str]]:
    return (pair.task, pair.phrasing), (pair.other_task, pair.other_phrasing)
