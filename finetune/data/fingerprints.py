"""What of a program survives translation and renaming: its structure, the literals of its examples, its names.

Everything leaves this module as salted hashes, so that an index of a benchmark holds nothing of the benchmark's text.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from finetune.data.structure import number, structure_of

_SALT = "kodopis decontamination 1"
_HASH_CHARS = 16
LEAST_NODES = 8
"""Functions with fewer nodes than this are everybody's: `return a + b`."""
_LEAST_LITERAL_CHARS = 8
_LONGEST_LITERAL_CHARS = 2_000
_FENCED = re.compile(r"```[\w+-]*\n(.*?)(?:```|\Z)", re.DOTALL)
_OPENING = re.compile(r"""[\[({]|["']""")
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_MOST_ATOMS = 200
_ATOM = re.compile(r"""(?<![\w.])-?\d+(?:\.\d+)?(?![\w])|"[^"\n]*"|(?<!\w)'[^'\n]*'|\b(?:True|False|None)\b""")
_DOCTEST = re.compile(r"^\s*(?:>>>|\.\.\.) ?(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Fingerprint:
    """A program or a text.

    `statements`: hash of a statement's structure → its number of nodes. `examples`: hash of what goes in and comes out
    → how many values that is. `literals`: hashes of long values wherever they stand.
    """

    names: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    statements: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, int] = field(default_factory=dict)
    literals: frozenset[str] = frozenset()


def fingerprint(texts: Iterable[str]) -> Fingerprint:
    """Of everything that belongs to one task: its words, its code, its tests."""
    names: set[str] = set()
    functions: set[str] = set()
    statements: dict[str, int] = {}
    literals: set[str] = set()
    examples: dict[str, int] = {}
    for text in texts:
        literals |= literals_in(text)
        examples |= examples_in(text)
        for tree in _programs(text):
            nodes = list(ast.walk(tree))
            examples |= _asserted(nodes)
            structure = structure_of(nodes)
            names.update(map(name_hash, structure.names))
            functions.update(_hash(shape.text) for shape in structure.functions if shape.size >= LEAST_NODES)
            statements.update(
                (_hash(f"statement {shape.text}"), shape.size)
                for shape in structure.statements
                if shape.size >= LEAST_NODES // 2
            )
    return Fingerprint(frozenset(names), frozenset(functions), statements, examples, frozenset(literals))


def name_hash(name: str) -> str:
    """The hash of a function's name; `countVowels` and `count_vowels` are one."""
    return _hash("name " + name.replace("_", "").lower())


def is_telling(name: str) -> bool:
    """Whether a name of several words: `search` alone says nothing of where a task comes from."""
    return len(re.findall(r"[A-Z]?[a-z0-9]+", name)) > 1


def literals_in(text: str) -> frozenset[str]:
    """Hashes of the lists, tuples, mappings and strings of a text that are long enough to be no chance."""
    found = set()
    position = 0
    while match := _OPENING.search(text, position):
        literal = _literal_at(text, match.start())
        position = match.end()
        if literal is None:
            continue
        value, end = literal
        position = end
        found |= {_hash("literal " + canonical) for canonical in _telling_values(value)}
    return frozenset(found)


def examples_in(text: str) -> dict[str, int]:
    """Examples as people write them: `f(1, 2) → 3`, a doctest with its next line, `вход: 1, 2; выход: 3`."""
    lines = text.splitlines()
    found: dict[str, int] = {}
    for place, line in enumerate(lines):
        if not _ATOM.search(line):
            continue
        below = lines[place + 1] if ">>>" in line and place + 1 < len(lines) else ""
        found |= _example(_ATOM.findall(f"{line} {below}"))
    return found


def _asserted(nodes: Iterable[ast.AST]) -> dict[str, int]:
    """Examples in assertions, without their messages."""
    found: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Assert):
            test = node.test
            ending = "" if isinstance(test, ast.Compare) else " False" if isinstance(test, ast.UnaryOp) else " True"
            found |= _example(_ATOM.findall(ast.unparse(test) + ending))
    return found


def _example(atoms: list[str]) -> dict[str, int]:
    if not 2 <= len(atoms) <= _MOST_ATOMS:
        return {}
    return {_hash("example " + " ".join(map(_atom, atoms))): len(atoms)}


def _atom(text: str) -> str:
    if text[0] in "\"'":
        return '"' + text[1:-1] + '"'
    return str(int(float(text))) if re.fullmatch(r"-?\d+\.0+", text) else text


def _programs(text: str) -> Iterator[ast.Module]:
    """The parts of a text that are Python: all of it, its fenced blocks, or what its doctests call."""
    blocks = [text, *(match[1] for match in _FENCED.finditer(text))]
    blocks.append("\n".join(match[1] for match in _DOCTEST.finditer(text)))
    for block in blocks:
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(_dedented(block))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if tree.body:
            yield tree


def _dedented(code: str) -> str:
    lines = [line for line in code.splitlines() if line.strip()]
    width = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(line[width:] for line in code.splitlines())


def _literal_at(text: str, start: int) -> tuple[object, int] | None:
    """The literal that opens at a place of a text, and where it ends."""
    opening = text[start]
    end = _end_of_quoted(text, start) if opening in "\"'" else _end_of_brackets(text, start)
    if end is None or end - start > _LONGEST_LITERAL_CHARS:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.literal_eval(text[start:end]), end
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _end_of_quoted(text: str, start: int) -> int | None:
    if text.startswith(text[start] * 3, start):  # a docstring: its inside is looked at, not the whole
        return None
    end = start + 1
    while end < len(text) and text[end] not in (text[start], "\n"):
        end += 2 if text[end] == "\\" else 1
    return end + 1 if end < len(text) and text[end] == text[start] else None


def _end_of_brackets(text: str, start: int) -> int | None:
    depth: list[str] = []
    end = start
    while end < min(len(text), start + _LONGEST_LITERAL_CHARS):
        sign = text[end]
        if sign in _CLOSING:
            depth.append(_CLOSING[sign])
        elif sign in "\"'":
            after = _end_of_quoted(text, end)
            if after is None:
                return None
            end = after - 1
        elif depth and sign == depth[-1]:
            depth.pop()
            if not depth:
                return end + 1
        elif sign in ")]}":
            return None
        end += 1
    return None


def _telling_values(value: object) -> Iterator[str]:
    """A literal and those inside it, each as canonical text, without what stands in everybody's examples."""
    canonical = _canonical(value)
    if len(canonical) >= _LEAST_LITERAL_CHARS and not _is_plain(value):
        yield canonical
    if isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            if isinstance(one, (list, tuple, set, dict, str)):
                yield from _telling_values(one)


def _canonical(value: object) -> str:
    """Text that does not depend on quotes, spaces, the kind of a sequence, or 1.0 against 1."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{_canonical(key)}:{_canonical(one)}" for key, one in value.items())) + "}"
    if isinstance(value, (set, frozenset)):
        return "[" + ",".join(sorted(map(_canonical, value))) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return number(value)


def _is_plain(value: object) -> bool:
    """Counting runs, empty things, and single words: examples of anything."""
    if isinstance(value, str):
        return len(value.split()) < 2 or value.isspace() or not value.isascii()
    if isinstance(value, (list, tuple)) and all(type(one) is int for one in value):
        steps = {after - before for before, after in pairwise(value)}
        return len(value) < 3 or (len(steps) <= 1 and len(value) < 7)
    return not value


def _hash(text: str) -> str:
    return hashlib.sha256(f"{_SALT} {text}".encode()).hexdigest()[:_HASH_CHARS]
