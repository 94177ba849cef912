"""Instructions in one file, each with the code that belongs under it: docstrings, and comments above statements."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from finetune.data.filters import is_russian
from finetune.data.mining.words import asks

PREFIX_CHARS = 4_000
SUFFIX_LINES = 16
SUFFIX_CHARS = 600
MOST_LINES = 40
_INSTRUCTION_CHARS = (8, 600)
_TOP_LEVEL = re.compile(r"(?:async\s+def|def|class|@)\s*\w")


@dataclass(frozen=True)
class Pair:
    """An instruction and its code. `line`, from 1, is the code's first; the texts are as in an editing example."""

    kind: str
    line: int
    instruction: str
    prefix: str
    completion: str
    suffix: str
    indent: str


def pairs_in(text: str) -> Iterator[Pair]:
    """All pairs of one file's text; none where it is no Python."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = text.split("\n")
    yield from _from_docstrings(tree, lines)
    yield from _from_comments(tree, text, lines)


def _from_docstrings(tree: ast.Module, lines: Sequence[str]) -> Iterator[Pair]:
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or len(node.body) < 2:
            continue
        said = ast.get_docstring(node)
        first, rest = node.body[0], node.body[1:]
        if said is None or _is_trivial(rest) or first.end_lineno is None:
            continue
        instruction = said if len(said) <= _INSTRUCTION_CHARS[1] else said.split("\n\n")[0]
        # A docstring describes; whatever it says is what its function is to do.
        if _is_usable(instruction):
            yield from _pair("docstring", instruction, lines, first.end_lineno, _end(rest))


def _from_comments(tree: ast.Module, text: str, lines: Sequence[str]) -> Iterator[Pair]:
    starts = {(node.lineno, node.col_offset): (node, block, place) for block in _blocks(tree)
              for place, node in enumerate(block)}  # fmt: skip
    for last, said in _comments(text, lines):
        line = lines[last]  # the line below the comment
        found = starts.get((last + 1, len(line) - len(line.lstrip())))
        if found is None or not _is_usable(said) or not asks(said):
            continue
        _, block, place = found
        chosen = _paragraph(block[place:], lines)
        if not _is_trivial(chosen):
            yield from _pair("comment", said, lines, last, _end(chosen))


def _comments(text: str, lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Blocks of comments on lines of their own: the line after the last, from 0, and the words."""
    rows: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and not lines[token.start[0] - 1][: token.start[1]].strip():
                rows[token.start[0] - 1] = token.string
    except (tokenize.TokenError, SyntaxError):
        return
    for row in sorted(rows):
        if row - 1 in rows:
            continue
        end = row
        while end in rows and _indent(lines[end]) == _indent(lines[row]):
            end += 1
        if end < len(lines):
            yield end, "\n".join(re.sub(r"^#+:?!? ?", "", rows[number]) for number in range(row, end)).strip()


def _blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Every run of statements of one level."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _paragraph(block: Sequence[ast.stmt], lines: Sequence[str]) -> list[ast.stmt]:
    """The statements that a comment speaks of: down to a blank line, another comment, or the first compound one."""
    chosen = [block[0]]
    for node in block[1:]:
        before = chosen[-1]
        between = lines[(before.end_lineno or 0) : _start(node) - 1]
        if between or isinstance(before, _COMPOUND) or isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            break
        chosen.append(node)
    return chosen


_COMPOUND = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.With, ast.Try)


def _start(node: ast.stmt) -> int:
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _end(nodes: Sequence[ast.stmt]) -> int:
    return nodes[-1].end_lineno or nodes[-1].lineno


def _pair(kind: str, said: str, lines: Sequence[str], first: int, end: int) -> Iterator[Pair]:
    """The pair whose code is lines `first`…`end` (from 0, exclusive), if it has a fair size."""
    while first < end and not lines[first].strip():
        first += 1
    code = lines[first:end]
    if not code or len(code) > MOST_LINES or any(len(one) > 200 for one in code):
        return
    suffix = _suffix(lines, end)
    prefix = _prefix(lines, first)
    if prefix is not None:
        yield Pair(kind, first + 1, said, prefix, "\n".join(code) + "\n", suffix, _indent(code[0]))


def _prefix(lines: Sequence[str], end: int) -> str | None:
    """The file above, from its begin or from a definition that is near enough."""
    text = "".join(line + "\n" for line in lines[:end])
    if len(text) <= PREFIX_CHARS:
        return text
    size = 0
    best = None
    for number in range(end - 1, -1, -1):
        size += len(lines[number]) + 1
        if size > PREFIX_CHARS:
            break
        if _TOP_LEVEL.match(lines[number]):
            best = number
    return None if best is None else "".join(line + "\n" for line in lines[best:end])


def _suffix(lines: Sequence[str], end: int) -> str:
    kept: list[str] = []
    for line in lines[end : end + SUFFIX_LINES]:
        if sum(map(len, kept)) + len(line) > SUFFIX_CHARS:
            break
        kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return "".join(line + "\n" for line in kept)


def _is_usable(said: str) -> bool:
    least, most = _INSTRUCTION_CHARS
    return least <= len(said) <= most and len(said.split()) >= 2 and is_russian(said)


def _is_trivial(body: Sequence[ast.stmt]) -> bool:
    """Nothing to learn: `pass`, `...`, a lone `raise NotImplementedError`, a bare import, a constant and its value."""
    if len(body) > 1:
        return all(isinstance(one, (ast.Import, ast.ImportFrom)) for one in body)
    (one,) = body
    if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
        return True
    if isinstance(one, (ast.Assign, ast.AnnAssign)):
        value = ast.walk(one.value) if one.value else ()
        return not any(isinstance(node, (ast.Name, ast.Call)) for node in value)
    if isinstance(one, ast.Raise) and "NotImplemented" in ast.dump(one):
        return True
    return isinstance(one, (ast.Pass, ast.Import, ast.ImportFrom, ast.Continue, ast.Break))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
