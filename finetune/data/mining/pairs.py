"""Instructions in one file, each with the code that belongs under it: docstrings, and comments above statements."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from finetune.data.mining.stubs import is_trivial
from finetune.data.mining.window import File, first_line
from finetune.data.mining.words import asks, begins_with_action, is_of_parameters, is_said_in_russian, summary

MOST_LINES = 40
LINE_CHARS = 200
_INSTRUCTION_CHARS = (8, 600)
_COMPOUND = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.With, ast.Try)


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


def pairs_in(text: str, dropped: Counter[str]) -> Iterator[Pair]:
    """All pairs of one file's text. `dropped` counts the candidates that are none, by reason."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        dropped["file does not parse"] += 1
        return
    file = File(tree, text.split("\n"))
    for found in (*_from_docstrings(file), *_from_comments(file, text)):
        if isinstance(found, Pair):
            yield found
        else:
            dropped[found] += 1


def _from_docstrings(file: File) -> Iterator[Pair | str]:
    for node in ast.walk(file.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            said = ast.get_docstring(node)
            if said is not None:
                yield _from_docstring(file, node, said)


def _from_docstring(file: File, node: ast.FunctionDef | ast.AsyncFunctionDef, said: str) -> Pair | str:
    """The pair of a docstring, or the reason why it is none: whatever it says is what its function is to do."""
    instruction = said if len(said) <= _INSTRUCTION_CHARS[1] else summary(said)
    rest = node.body[1:]
    if is_of_parameters(said):
        return "only parameters"
    if refused := _refused(instruction):
        return refused
    if is_trivial(rest):
        return "a stub"
    if _is_property(node) and not begins_with_action(said):
        return "names a value"
    return _pair("docstring", instruction, file, node.body[0].end_lineno or 0, _end(rest))


def _from_comments(file: File, text: str) -> Iterator[Pair | str]:
    starts = {(first_line(node), node.col_offset): (block, place) for block in _blocks(file.tree)
              for place, node in enumerate(block)}  # fmt: skip
    for last, said in _comments(text, file.lines):
        line = file.lines[last]  # the line below the comment
        found = starts.get((last + 1, len(line) - len(line.lstrip())))
        yield _refused(said) or _from_comment(file, last, said, found)


def _from_comment(file: File, last: int, said: str, found: tuple[list[ast.stmt], int] | None) -> Pair | str:
    if not asks(said):
        return "asks for nothing"
    if found is None:
        return "no code under it"
    block, place = found
    chosen = _paragraph(block[place:], file.lines)
    return "a stub" if is_trivial(chosen) else _pair("comment", said, file, last, _end(chosen))


def _refused(said: str) -> str | None:
    """Why words are no instruction, or None."""
    least, most = _INSTRUCTION_CHARS
    if not is_said_in_russian(said):
        return "not Russian"
    if len(said) < least or len(said.split()) < 2:
        return "too short"
    return "too long" if len(said) > most else None


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one).endswith("property") for one in node.decorator_list)


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
        between = lines[(before.end_lineno or 0) : first_line(node) - 1]
        if between or isinstance(before, _COMPOUND) or isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            break
        chosen.append(node)
    return chosen


def _end(nodes: Sequence[ast.stmt]) -> int:
    return nodes[-1].end_lineno or nodes[-1].lineno


def _pair(kind: str, said: str, file: File, first: int, end: int) -> Pair | str:
    """The pair whose code is lines `first`…`end` (from 0, exclusive), if it has a fair size."""
    while first < end and not file.lines[first].strip():
        first += 1
    code = file.lines[first:end]
    if len(code) > MOST_LINES or any(len(one) > LINE_CHARS for one in code):
        return "too long"
    if not code:
        return "a stub"  # on the line of its docstring
    prefix = file.prefix(first)
    if prefix is None:
        return "no window"
    return Pair(kind, first + 1, said, prefix, "\n".join(code) + "\n", file.suffix(end), _indent(code[0]))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
