"""Near-duplicates across all sources: MinHash LSH finds candidates, true Jaccard similarity of 5-grams decides.

Rows that are the same but for a few words are dropped, all but the first; rows that are merely alike are kept, and
kept together, so that the split cannot put a task into training and its neighbour into the test.
Lee et al., "Deduplicating Training Data Makes Language Models Better", 2022.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

SAME = 0.6
"""Similarity from which on two texts are one."""
ALIKE = 0.5
"""Similarity from which on two texts stay on one side of the split."""
GRAM = 5
_PERMUTATIONS = 128
_BANDS, _ROWS = 32, 4  # finds 87 % of pairs at 0.5, 99 % at 0.6, 99.98 % at 0.7
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
_WORD = re.compile(r"\w+|[^\w\s]")
_FENCE_LINE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)

Shingles = NDArray[np.uint32]


@dataclass(frozen=True)
class Unit:
    """What is compared: one row, or all rows of one task. Of two that are the same, a `kept` one stays."""

    text: str
    kept: bool = False


@dataclass(frozen=True)
class Found:
    """`same`: unit → the earlier unit that it repeats. `cluster`: for each unit, the first unit of its cluster."""

    same: dict[int, int]
    cluster: list[int]


def find(units: Iterable[Unit], progress: Callable[[int], object] = lambda number: None) -> Found:
    """Compare all units with all; the cost is that of each with the few that share a band."""
    index = MinHashLSH(num_perm=_PERMUTATIONS, params=(_BANDS, _ROWS))
    seed = MinHash(num_perm=_PERMUTATIONS, hashfunc=int)  # shingles are hashes already
    texts: list[Shingles] = []
    kept: list[bool] = []
    parent: list[int] = []
    same: dict[int, int] = {}
    for number, unit in enumerate(units):
        grams = shingles(unit.text)
        texts.append(grams)
        kept.append(unit.kept)
        parent.append(number)
        signature = _signature(seed, grams)
        for other in sorted(index.query(signature)):
            similarity = jaccard(grams, texts[other])
            if similarity >= ALIKE:
                _join(parent, number, other)
            if similarity >= SAME and other not in same and number not in same:
                _drop(same, number, other, kept)
        index.insert(number, signature)
        progress(number)
    return Found(same, [_root(parent, number) for number in range(len(parent))])


def shingles(text: str) -> Shingles:
    """Hashes of all runs of five words or signs, sorted, each once.

    Neither case, nor the dots of ё, nor the lines of Markdown's fences count: one set writes its answers with fences
    and another without, and in a short answer the fences alone would be a third of the shingles.
    """
    words = _WORD.findall(_FENCE_LINE.sub("", text).lower().replace("ё", "е"))
    codes = np.array([_code(word) for word in words], dtype=np.uint64)
    width = min(GRAM, len(codes))
    if not width:
        return np.zeros(0, dtype=np.uint32)
    mixed = np.zeros(len(codes) - width + 1, dtype=np.uint64)
    for offset in range(width):
        mixed = (mixed * _FACTOR) ^ codes[offset : offset + len(mixed)]
        mixed ^= mixed >> np.uint64(29)
    return np.unique((mixed * _FACTOR >> np.uint64(32)).astype(np.uint32))


def jaccard(one: Shingles, other: Shingles) -> float:
    """Shared shingles among all shingles of both."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    union = len(one) + len(other) - shared
    return shared / union if union else 1.0


def _code(word: str) -> int:
    return zlib.crc32(word.encode()) | len(word) << 32


def _signature(seed: MinHash, grams: Shingles) -> MinHash:
    signature = seed.copy()
    signature.update_batch(grams.tolist())
    return signature


def _drop(same: dict[int, int], number: int, other: int, kept: Sequence[bool]) -> None:
    if not kept[number]:
        same[number] = other
    elif not kept[other]:
        same[other] = number


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


def _join(parent: list[int], one: int, other: int) -> None:
    roots = sorted((_root(parent, one), _root(parent, other)))
    parent[roots[1]] = roots[0]
