"""What a pair shows around its code: the file above, or the nearest part of it under the headers of its scopes.

A file that is too long to be shown from its begin is shown from a definition near the code. Where that stands inside
a class or a function, their headers come first, a class with its attributes and `__init__` as far as they fit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

PREFIX_CHARS = 4_000
SUFFIX_LINES = 16
SUFFIX_CHARS = 600
_HEAD_CHARS = 1_200
_LINE_CHARS = 120
_AUTHOR = re.compile(
    r"\b(?:автор\w?|authors?|maintainers?)\s*[:—–-]|[:@]authors?\b|__(?:author|email|maintainer|copyright)__|copyright|©|\(c\)",
    re.IGNORECASE,
)
_QUOTES = re.compile("\"{3}|'{3}")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Begin:
    """A line, from 0, where a window may begin, and the definitions that it stands in, from the outside in."""

    line: int
    scopes: tuple[_Definition, ...]
    is_definition: bool


@dataclass(frozen=True)
class File:
    """A file's tree and lines."""

    tree: ast.Module
    lines: Sequence[str]

    def prefix(self, end: int) -> str | None:
        """The text above line `end`, from 0, within `PREFIX_CHARS`; None where no window is small enough."""
        for begin, room in self._begins_before(end):
            body = self._text(begin.line, end)
            if len(body) <= room:
                return self._head(begin, PREFIX_CHARS - len(body)) + body
        return None

    def suffix(self, end: int) -> str:
        """The next lines, whole."""
        kept: list[str] = []
        for line in self.lines[end : end + SUFFIX_LINES]:
            if sum(map(len, kept)) + len(line) > SUFFIX_CHARS:
                break
            kept.append(line)
        while kept and not kept[-1].strip():
            kept.pop()
        return "".join(line + "\n" for line in kept)

    def _text(self, first: int, end: int) -> str:
        return "".join(self.lines[number] + "\n" for number in range(first, end) if number not in self._names_author)

    def _begins_before(self, end: int) -> Iterator[tuple[Begin, int]]:
        """Begins, the best first, and the characters that the text from there may have.

        The file's begin, the farthest top-level definition, the farthest definition, the farthest statement.
        """
        yield Begin(0, (), is_definition=False), PREFIX_CHARS
        above = [begin for begin in self._begins if begin.line < end and self._is_near(begin.line, end)]
        yield from ((begin, PREFIX_CHARS) for begin in above if begin.is_definition and not begin.scopes)
        for head in (_HEAD_CHARS, 0):
            for is_definition in (True, False):
                for begin in above:
                    if begin.is_definition == is_definition:
                        yield begin, PREFIX_CHARS - max(head, len(self._headers(begin.scopes)))

    def _is_near(self, first: int, end: int) -> bool:
        return self._offsets[end] - self._offsets[first] <= PREFIX_CHARS

    @cached_property
    def _offsets(self) -> list[int]:
        """Where each line begins."""
        offsets = [0]
        for line in self.lines:
            offsets.append(offsets[-1] + len(line) + 1)
        return offsets

    @cached_property
    def _begins(self) -> list[Begin]:
        """Statements of the module, of classes and of functions: all that is valid under their headers alone."""

        def inside(body: Sequence[ast.stmt], scopes: tuple[_Definition, ...]) -> Iterator[Begin]:
            for node in body:
                is_definition = isinstance(node, _DEFINITIONS)
                yield Begin(first_line(node) - 1, scopes, is_definition)
                if isinstance(node, _DEFINITIONS):
                    yield from inside(node.body, (*scopes, node))

        return sorted(inside(self.tree.body, ()), key=lambda begin: begin.line)

    def _head(self, begin: Begin, room: int) -> str:
        room = min(room, _HEAD_CHARS) - len(self._headers(begin.scopes))
        parts: list[str] = []
        for scope in begin.scopes:
            parts.append(self._header(scope))
            if isinstance(scope, ast.ClassDef):
                for member in self._members(scope, begin.line):
                    if len(member) > room:
                        break
                    room -= len(member)
                    parts.append(member)
        return "".join(parts)

    def _headers(self, scopes: Sequence[_Definition]) -> str:
        return "".join(map(self._header, scopes))

    def _header(self, scope: _Definition) -> str:
        """The lines of a definition down to its body, without decorators."""
        end = first_line(scope.body[0]) - 1
        while end > scope.lineno and not self.lines[end - 1].rstrip().endswith(":"):
            end -= 1
        return "".join(line + "\n" for line in self.lines[scope.lineno - 1 : end])

    def _members(self, scope: ast.ClassDef, end: int) -> Iterator[str]:
        """A class's attributes, and `__init__` with what it assigns, above a line."""
        for node in scope.body:
            if (node.end_lineno or node.lineno) > end:
                return
            if self._is_short_assignment(node):
                yield self._text(node.lineno - 1, node.lineno)
            elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
                kept = [one for one in node.body if self._is_short_assignment(one)]
                header = self._header(node)
                assigned = "".join(self._text(one.lineno - 1, one.lineno) for one in kept)
                yield header + assigned if kept else header.rstrip() + " ...\n"

    def _is_short_assignment(self, node: ast.stmt) -> bool:
        return (
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and node.end_lineno == node.lineno
            and len(self.lines[node.lineno - 1]) < _LINE_CHARS
        )

    @cached_property
    def _names_author(self) -> frozenset[int]:
        """Lines of the file's own header that name its authors: no window shows them."""
        body = self.tree.body
        has_docstring = ast.get_docstring(self.tree, clean=False) is not None
        header = range(body[0].end_lineno or 0) if has_docstring else range(first_line(body[0]) - 1 if body else 0)
        dunders = (
            node.lineno - 1
            for node in body
            if node.end_lineno == node.lineno and self.lines[node.lineno - 1].startswith("__")
        )
        return frozenset(
            number
            for number in (*header, *dunders)
            if _AUTHOR.search(self.lines[number]) and not _QUOTES.search(self.lines[number])
        )


def first_line(node: ast.stmt) -> int:
    """A statement's first line, from 1, its decorators included."""
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])
