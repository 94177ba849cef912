"""The fixes: code with an everyday mistake, what one sees of it, the code mended, and tests that tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import yaml

from . import messages
from .check import style_mistakes
from .phrasing import ALIKE, grams, jaccard
from .ran import Claim, prove
from .schema import (
    Mistake,
    Task,
    code_mistakes,
    filled,
    line_of,
    read_fields,
    read_nodes,
    text_mistakes,
    without_repeats,
)

KEYS = ("id", "error", "broken", "fixed", "tests")


@dataclass(frozen=True)
class Fix:
    """One fix. `error` is a line of a traceback, or what is wrong in Russian; the tests run after `fixed`."""

    id: str
    error: str
    broken: str
    fixed: str
    tests: str
    path: Path
    line: int

    @property
    def claim(self) -> Claim:
        """That the tests pass on the fixed code and not on the broken one."""
        return Claim(self.id, self.path, self.line, f"{self.fixed}\n{self.tests}", f"{self.broken}\n{self.tests}")


def load(path: Path) -> tuple[list[Fix], list[Mistake]]:
    """Read the file: the fixes whose form is right, and all mistakes of the others."""
    nodes, mistakes = read_nodes(path)
    fixes = []
    for node in nodes:
        found = [Mistake(path, line, text) for line, text in _form_mistakes(node, path.stem)]
        mistakes += found
        if not found:
            fields = {key.value: value.value for key, value in node.value}
            fixes.append(Fix(**fields, path=path, line=line_of(node)))
    unique, repeats = without_repeats(fixes)
    return unique, mistakes + repeats


def _form_mistakes(node: yaml.Node, domain: str) -> Iterator[tuple[int, str]]:
    fields, mistakes = read_fields(node, KEYS)
    yield from mistakes
    for key in KEYS:
        if key in fields:
            yield from text_mistakes(key, fields[key], domain)
            if key in ("fixed", "tests") and filled(fields[key]):
                yield from code_mistakes(key, fields[key])


def check(
    path: Path, *, recheck: bool = False, jobs: int = 2, progress: Callable[[str], None] = lambda text: None
) -> tuple[int, list[Mistake], int]:
    """Check the file: how many fixes there are, what is wrong, and how many were run now."""
    fixes, mistakes = load(path)
    mistakes += alike_mistakes(fixes)
    mistakes += style_mistakes([Task(fix.id, (), fix.fixed, "", "", fix.path, fix.line) for fix in fixes])
    wrong, checked = prove([fix.claim for fix in fixes], recheck=recheck, jobs=jobs, progress=progress)
    return len(fixes), mistakes + wrong, checked


def alike_mistakes(fixes: list[Fix]) -> list[Mistake]:
    """Fixes whose broken code is nearly that of another."""
    codes = [(fix, grams(fix.broken)) for fix in fixes]
    return [
        Mistake(other.path, other.line, messages.SAME_AS(id=other.id, other=one.id))
        for (one, first), (other, second) in combinations(codes, 2)
        if jaccard(first, second) >= ALIKE
    ]
