"""Rows that come from HumanEval, HumanEval-XL or MBPP, translated or renamed, by an index that holds hashes alone.

A row is a leak where it shares with one benchmark task: a whole function; most of its statements; several of its
examples, or one and its name; or a telling name. Runs of words are no sign, since translation leaves none.
`docs/data.md` says what the committed index covers; `python -m finetune.data index` builds it anew.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.data.fingerprints import Fingerprint, fingerprint, is_telling, name_hash
from finetune.data.rows import Row

INDEX = Path(__file__).parent / "benchmarks.json"
MOST_STATEMENTS = 0.7
_LEAST_WEIGHT = 24
_LITERALS = 2
_SOME = 0.4


@dataclass(frozen=True)
class Known:
    """One benchmark task as hashes; `benchmark` is the set's name, `number` its place in the index."""

    benchmark: str
    fingerprint: Fingerprint
    telling_names: frozenset[str]


class Index:
    """Benchmark tasks by each of their hashes, so that a row costs what it holds and not what the index holds."""

    def __init__(self, known: Sequence[Known]) -> None:
        self.known = tuple(known)
        self._names: dict[str, set[int]] = defaultdict(set)
        self._functions: dict[str, set[int]] = defaultdict(set)
        self._statements: dict[str, set[int]] = defaultdict(set)
        self._examples: dict[str, set[int]] = defaultdict(set)
        self._literals: dict[str, set[int]] = defaultdict(set)
        for number, one in enumerate(self.known):
            print_ = one.fingerprint
            for table, keys in (
                (self._names, print_.names),
                (self._functions, print_.functions),
                (self._statements, print_.statements),
                (self._examples, print_.examples),
                (self._literals, print_.literals),
            ):
                for key in keys:
                    table[key].add(number)

    @classmethod
    def read(cls, path: Path = INDEX) -> Index:
        """The committed index."""
        return cls([_known(one) for one in json.loads(path.read_text(encoding="utf-8"))["tasks"]])

    def leak(self, found: Fingerprint) -> str | None:
        """Which benchmark a text comes from and by what sign, or None."""
        functions = _tasks(self._functions, found.functions)
        if functions:
            return self._said(functions, "structure")
        shared: Counter[int] = Counter()
        for key, weight in found.statements.items():
            for number in self._statements.get(key, ()):
                shared[number] += weight
        alike = {number for number, weight in shared.items() if self._share(number, weight) >= MOST_STATEMENTS}
        if alike:
            return self._said(alike, "statements")
        parts = Counter(number for key in found.literals for number in self._literals.get(key, ()))
        if several := {number for number, count in parts.items() if count >= _LITERALS}:
            return self._said(several, "literals")
        if alike := self._same_examples(found):
            return self._said(alike, "examples")
        named = _tasks(self._names, found.names)
        parts.update(_tasks(self._examples, found.examples))
        if both := {number for number in named if parts[number] or self._share(number, shared[number]) > _SOME}:
            return self._said(both, "name and a part")
        telling = {number for number in named if found.names & self.known[number].telling_names}
        return self._said(telling, "name") if telling else None

    def _same_examples(self, found: Fingerprint) -> set[int]:
        """Tasks of which a text gives several examples: three, or two with many values, or one with very many."""
        shared: dict[int, list[int]] = defaultdict(list)
        for key, n_values in found.examples.items():
            for number in self._examples.get(key, ()):
                shared[number].append(n_values)
        return {
            number
            for number, values in shared.items()
            if len(values) >= 3 or (len(values) == 2 and sum(values) >= 8) or max(values) >= 10
        }

    def _share(self, number: int, weight: int) -> float:
        """The share of a task's statements, by nodes, that a text has; too small a task says nothing."""
        whole = sum(self.known[number].fingerprint.statements.values())
        return weight / whole if whole >= _LEAST_WEIGHT else 0.0

    def _said(self, numbers: set[int], sign: str) -> str:
        return f"{self.known[min(numbers)].benchmark}: {sign}"


def texts_of(row: Row, tests: str = "") -> Iterable[str]:
    """All that a row says, piece by piece."""
    whole = f"{row.prefix}{row.answer}{row.suffix}" if row.is_edit else row.answer
    return [text for text in (row.instruction, whole, row.context, tests) if text]


def leak_of(row: Row, index: Index, tests: str = "") -> str | None:
    """Which benchmark a row comes from and by what sign, or None."""
    return index.leak(fingerprint(texts_of(row, tests)))


def write_index(known: Iterable[Known], path: Path, covers: dict[str, str]) -> None:
    """Save an index, a task a line."""
    lines = [json.dumps(_as_json(one), ensure_ascii=False) for one in known]
    text = json.dumps(covers, ensure_ascii=False, indent=1)
    path.write_text(f'{{"covers": {text},\n"tasks": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def known_task(benchmark: str, names: Iterable[str], texts: Iterable[str]) -> Known:
    """A benchmark task with the names of what it asks for."""
    names = list(names)
    found = fingerprint(texts)
    print_ = replace(found, names=frozenset(map(name_hash, names)))
    return Known(benchmark, print_, frozenset(name_hash(name) for name in names if is_telling(name)))


def _tasks(table: dict[str, set[int]], keys: Iterable[str]) -> set[int]:
    return {number for key in keys for number in table.get(key, ())}


def _known(tree: dict[str, Any]) -> Known:
    print_ = Fingerprint(
        names=frozenset(tree.get("names", ())),
        functions=frozenset(tree.get("functions", ())),
        statements=tree.get("statements", {}),
        examples=tree.get("examples", {}),
        literals=frozenset(tree.get("literals", ())),
    )
    return Known(tree["benchmark"], print_, frozenset(tree.get("telling", ())))


def _as_json(one: Known) -> dict[str, Any]:
    print_ = one.fingerprint
    tree: dict[str, Any] = {"benchmark": one.benchmark, "names": sorted(print_.names)}
    tree |= {"telling": sorted(one.telling_names), "functions": sorted(print_.functions)}
    tree |= {"statements": dict(sorted(print_.statements.items()))}
    tree |= {"examples": dict(sorted(print_.examples.items())), "literals": sorted(print_.literals)}
    return {key: value for key, value in tree.items() if value}
