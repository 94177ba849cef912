"""The editing cases measure what was not learned: none is like a task, an explanation or a fix of our corpus.

Compared are words, by the near-duplicates that keep a training set and its test apart, and structure, which renaming
and translation leave as it is.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from benchmarks.editing import cases
from finetune.corpus import CORPUS_DIR, EXPLANATIONS, FIXES, explanations, fixes, task_files
from finetune.corpus.schema import load_all
from finetune.data.contamination import Index, Known
from finetune.data.duplicates import Unit, find
from finetune.data.fingerprints import Fingerprint, fingerprint
from finetune.data.structure import structure_of
from lsp_server.request import instruction
from lsp_server.source.document import Place, Source

LEAST_NODES = 12
"""Functions with fewer nodes are everybody's: `return re.sub(pattern, "", text)`."""


@dataclass(frozen=True)
class Piece:
    """An instruction with its code, of a case or of the corpus."""

    id: str
    instruction: str
    code: str


def learned() -> Iterator[Piece]:
    """All code that training reads, once with every instruction."""
    for task in load_all(task_files())[0]:
        yield from (Piece(task.id, phrasing, task.alone) for phrasing in task.phrasings)
    for one in explanations.load(CORPUS_DIR / EXPLANATIONS)[0]:
        yield Piece(one.id, "", one.code)
    for fix in fixes.load(CORPUS_DIR / FIXES)[0]:
        yield Piece(fix.id, fix.error, fix.fixed)


def piece_of(case: cases.EditingCase) -> Piece:
    lines = tuple(case.text.replace("\r\n", "\n").split("\n"))
    found = instruction.find(Source("file:///case.py", lines), Place(case.line, len(case.typed)), automatic=False)
    assert found is not None, case.id
    return Piece(case.id, found.text, textwrap.dedent(case.reference.replace("\r\n", "\n")))


def alike(asked: Sequence[Piece], known: Sequence[Piece]) -> dict[str, set[str]]:
    """The ids of what each asked piece is like, for those that are like any."""
    found: dict[str, set[str]] = {}
    alone = list({piece.id: Piece(piece.id, "", piece.code) for piece in known}.values())
    asked_alone = [Piece(piece.id, "", piece.code) for piece in asked]
    for pairs in (same_clusters(asked, known), same_clusters(asked_alone, alone), same_structures(asked, alone)):
        for one, other in pairs:
            found.setdefault(one, set()).add(other)
    return found


def same_clusters(asked: Sequence[Piece], known: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    cluster = find(Unit(f"{piece.instruction}\n{piece.code}") for piece in (*known, *asked)).cluster
    members: dict[int, set[str]] = {}
    for piece, root in zip(known, cluster, strict=False):
        members.setdefault(root, set()).add(piece.id)
    for piece, root in zip(asked, cluster[len(known) :], strict=True):
        yield from ((piece.id, other) for other in members.get(root, ()))


def same_structures(asked: Sequence[Piece], known: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    """Those that share a whole function, or most statements."""
    index = Index([Known(p.id, Fingerprint(statements=fingerprint([p.code]).statements), frozenset()) for p in known])
    functions = {shape: piece.id for piece in known for shape in functions_of(piece.code)}
    for piece in asked:
        if leak := index.leak(fingerprint([piece.code])):
            yield piece.id, leak.split(":")[0]
        yield from ((piece.id, functions[shape]) for shape in functions_of(piece.code) if shape in functions)


def functions_of(code: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:  # an `else` by itself
        return set()
    return {shape.text for shape in structure_of(nodes).functions if shape.size >= LEAST_NODES}


@pytest.fixture(scope="module")
def held_out() -> list[Piece]:
    return [piece_of(case) for case in cases.load("test")]


def test_no_other_case_is_like_anything_learned() -> None:
    assert alike([piece_of(case) for case in cases.load()], list(learned())) == {}


def test_every_planted_copy_is_found(held_out: list[Piece]) -> None:
    planted = [Piece(f"copy of {piece.id}", "То же самое, но другими словами", piece.code) for piece in held_out]
    found = alike(held_out, planted)
    assert [piece.id for piece in held_out if f"copy of {piece.id}" not in found.get(piece.id, ())] == []


def test_a_copy_with_few_words_changed_is_found(held_out: list[Piece]) -> None:
    (piece,) = (one for one in held_out if one.id == "t-parse-query")
    changed = piece.instruction.replace("раскодировать", "декодировать").replace("игнорировать", "пропустить")
    planted = Piece("planted", changed, piece.code.replace("result", "found"))
    assert ("t-parse-query", "planted") in set(same_clusters(held_out, [planted]))


@pytest.mark.parametrize(
    ("id_", "names"),
    [("t-barcode", "check_digit|digits|total|digit|place"), ("t-tag-id", "tag_id|db|name|row")],
)
def test_a_copy_with_other_names_is_found_by_its_structure(held_out: list[Piece], id_: str, names: str) -> None:
    (piece,) = (one for one in held_out if one.id == id_)
    code = re.sub(rf"\b({names})\b", lambda match: f"x_{match[0][::-1]}", piece.code)
    planted = Piece("planted", "Translated into other words", code)
    assert set(same_structures(held_out, [planted])) == {(id_, "planted")}


def test_an_unlike_task_is_not_found(held_out: list[Piece]) -> None:
    code = "def thrice(items):\n    return [item for item in items for _ in range(3)]\n"
    assert alike(held_out, [Piece("planted", "повторить каждый элемент три раза", code)]) == {}
