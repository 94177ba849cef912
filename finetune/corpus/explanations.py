"""The explanations: everyday code, and what it does and why in a few Russian sentences."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
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

KEYS = ("id", "code", "explanation")
LEAST_LINES, MOST_LINES = 4, 25
LEAST_CHARS, MOST_CHARS = 100, 900
LEAST_SENTENCES, MOST_SENTENCES = 2, 6
LEAST_RUSSIAN = 0.6
MOST_SAME_OPENING = 4


@dataclass(frozen=True)
class Explanation:
    """Code, and the Markdown that explains it."""

    id: str
    code: str
    explanation: str
    path: Path
    line: int

    @property
    def claim(self) -> Claim:
        """That the code runs as it stands."""
        return Claim(self.id, self.path, self.line, self.code)


def load(path: Path) -> tuple[list[Explanation], list[Mistake]]:
    """Read the file: the explanations whose form is right, and all mistakes of the others."""
    nodes, mistakes = read_nodes(path)
    explanations = []
    for node in nodes:
        found = [Mistake(path, line, text) for line, text in _form_mistakes(node, path.stem)]
        mistakes += found
        if not found:
            fields = {key.value: value.value for key, value in node.value}
            explanations.append(Explanation(**fields, path=path, line=line_of(node)))
    unique, repeats = without_repeats(explanations)
    return unique, mistakes + repeats


def _form_mistakes(node: yaml.Node, domain: str) -> Iterator[tuple[int, str]]:
    fields, mistakes = read_fields(node, KEYS)
    yield from mistakes
    for key in KEYS:
        if key in fields:
            yield from text_mistakes(key, fields[key], domain)
            if key == "code" and filled(fields[key]):
                yield from code_mistakes(key, fields[key])


def check(
    path: Path, *, recheck: bool = False, jobs: int = 2, progress: Callable[[str], None] = lambda text: None
) -> tuple[int, list[Mistake], int]:
    """Check the file: how many explanations there are, what is wrong, and how many were run now."""
    found, mistakes = load(path)
    for one in found:
        mistakes += [Mistake(path, one.line, text) for text in text_mistakes_of(one)]
    mistakes += alike_mistakes(found)
    mistakes += style_mistakes([Task(one.id, (), one.code, "", "", one.path, one.line) for one in found])
    wrong, checked = prove([one.claim for one in found], recheck=recheck, jobs=jobs, progress=progress)
    return len(found), mistakes + wrong, checked


def text_mistakes_of(one: Explanation) -> Iterator[str]:
    """What is wrong with the sizes, the language and the names of one explanation."""
    n_lines = len([line for line in one.code.splitlines() if line.strip()])
    if not LEAST_LINES <= n_lines <= MOST_LINES:
        yield messages.CODE_LINES(id=one.id, count=n_lines, least=LEAST_LINES, most=MOST_LINES)
    if not LEAST_CHARS <= len(one.explanation) <= MOST_CHARS:
        yield messages.EXPLANATION_CHARS(id=one.id, count=len(one.explanation), least=LEAST_CHARS, most=MOST_CHARS)
    prose = re.sub(r"`[^`]*`", "", one.explanation)
    letters = re.findall(r"[^\W\d_]", prose)
    if len(re.findall("[а-яё]", prose, re.IGNORECASE)) < LEAST_RUSSIAN * len(letters):
        yield messages.NOT_RUSSIAN(text=one.explanation)
    n_sentences = len(re.findall(r"[.!?](?=\s|$)", prose))
    is_list = re.search(r"^(-|\d+\.) ", one.explanation, re.MULTILINE)
    if not is_list and not LEAST_SENTENCES <= n_sentences <= MOST_SENTENCES:
        yield messages.EXPLANATION_SENTENCES(id=one.id, count=n_sentences, least=LEAST_SENTENCES, most=MOST_SENTENCES)
    if not names_in_text(one.explanation) & names_in_code(one.code):
        yield messages.NO_NAME(id=one.id)


def names_in_text(text: str) -> set[str]:
    """All words inside code spans."""
    return {word for span in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", span)}


def names_in_code(code: str) -> set[str]:
    """All identifiers: names, attributes, arguments, functions, classes and modules."""
    fields = ("id", "attr", "arg", "name", "asname")
    values = [getattr(node, field, None) for node in ast.walk(ast.parse(code)) for field in fields]
    return {part for value in values if isinstance(value, str) for part in value.split(".")}


def alike_mistakes(found: list[Explanation]) -> list[Mistake]:
    """Explanations that repeat another, or begin as too many others do."""
    mistakes = []
    texts = [(one, grams(one.explanation), grams(one.code)) for one in found]
    for (one, text, code), (other, other_text, other_code) in combinations(texts, 2):
        if max(jaccard(text, other_text), jaccard(code, other_code)) >= ALIKE:
            mistakes.append(Mistake(other.path, other.line, messages.SAME_AS(id=other.id, other=one.id)))
    openings: defaultdict[str, list[Explanation]] = defaultdict(list)
    for one in found:
        openings[opening(one.explanation)].append(one)
    for words, same in openings.items():
        for one in same[MOST_SAME_OPENING:]:
            text_of = messages.SAME_OPENING(id=one.id, words=words, most=MOST_SAME_OPENING)
            mistakes.append(Mistake(one.path, one.line, text_of))
    return mistakes


def opening(text: str) -> str:
    """The first two words, whatever name stands in a code span among them."""
    return " ".join(re.findall(r"\w+", re.sub(r"`[^`]*`", "x", text).lower())[:2])
