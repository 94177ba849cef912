"""Moving an answer's lines to the indentation of the place, their indentation to each other kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp_server.shaping.opened import marks
from lsp_server.shaping.scan import Scan
from lsp_server.source.syntax import indent_of

ANSWER_UNIT = 4

_STRING = re.compile(r"\s*[rRuU]?[\"']")


@dataclass(frozen=True)
class Line:
    """A line in the file's indentation. `depth` is columns from the target's (negative: left of it)."""

    text: str
    depth: int
    is_free: bool
    scan: Scan
    scan_after: Scan

    @property
    def stripped(self) -> str:
        """The line without whitespace around."""
        return self.text.strip()


class Indenter:
    """Takes an answer's lines, gives the file's. Holds the first one back where only the next statement tells its base.

    `expected` is the width that a line of the answer has where it counts from the file's own column 0; an answer
    that counts from its own is recognised by its first two statements.
    """

    def __init__(self, indent: str, unit: str) -> None:
        self._indent = indent
        self._unit = unit
        self._tab = tab_columns(unit)
        self._target = columns(indent, self._tab)
        self._is_docstring = False
        self._step = 0
        self.base: int | None = None
        self._first: tuple[str, Scan, Scan] | None = None
        self._following: list[tuple[str, Scan, Scan]] = []

    def take(self, line: str, before: Scan, after: Scan) -> list[Line]:
        """A line, and what was held back before it."""
        item = (line, before, after)
        if self.base is not None:
            return [self._moved(*item)]
        if self._first is None:
            first_width = columns(line, self._tab)
            if first_width == self._target:
                self.base = first_width
                return [self._moved(*item)]
            self._first = item
            return []
        if not line.strip() or not before.is_free:  # lines in brackets may be indented by how these are aligned
            self._following.append(item)
            return []
        self.base = self._choose_base(item)
        return [*self.flush(), self._moved(*item)]

    def flush(self) -> list[Line]:
        """What is held back, at the end of the answer."""
        if self._first is None:
            return []
        first, following = self._first, self._following
        if self.base is None:
            in_brackets = (item for item in following if item[0].strip() and not item[1].quote)
            second = next(in_brackets, None)
            self.base = self._choose_base(second) if second else columns(first[0], self._tab)
        self._first, self._following = None, []
        line = Line(self._indent + first[0].lstrip(), 0, first[1].is_free, first[1], first[2])
        return [line, *(self._moved(*item) for item in following)]

    def _choose_base(self, second: tuple[str, Scan, Scan]) -> int:
        """The answer's own base, or the file's where the first line alone lost or doubled its indentation."""
        assert self._first is not None
        first_width, second_width = columns(self._first[0], self._tab), columns(second[0], self._tab)
        if not second[1].is_free and second_width == _behind_bracket(self._first[0]):
            return first_width
        code = [line for line, _, _ in (self._first, *self._following) if line.strip()]
        opens = code[-1].split("#")[0].rstrip().endswith(":") or not second[1].is_free
        step = ANSWER_UNIT if opens else 0
        if first_width > self._target:
            return first_width if second_width >= first_width + (1 if opens else 0) else self._target
        return self._target if second_width >= self._target + step else first_width

    def _moved(self, line: str, before: Scan, after: Scan) -> Line:
        assert self.base is not None
        if before.quote:
            return Line(self._string_line(line), 0, False, before, after)
        if after.quote:
            self._is_docstring = before.is_free and _STRING.match(line) is not None
        depth = columns(line, self._tab) - self.base
        if not line.strip():
            return Line("", depth, before.is_free, before, after)
        if before.is_free and depth > 0:
            self._step = self._step or depth
        if depth >= 0:
            text = self._indent + self._steps(depth) + line.lstrip(" \t\f")
        else:
            text = line.lstrip(" \t\f") if before.is_free else self._indent + line.lstrip(" \t\f")
        return Line(text.rstrip() if not after.quote else text, depth, before.is_free, before, after)

    def _string_line(self, line: str) -> str:
        """A docstring moves with its block; the content of any other string is data and stays as it is."""
        assert self.base is not None
        if not self._is_docstring or self.base == self._target or not line.strip():
            return line
        depth = max(0, columns(line, self._tab) - self.base)
        return self._indent + " " * depth + line.lstrip(" \t\f")

    def _steps(self, depth: int) -> str:
        if self._unit == "\t":
            step = self._step or ANSWER_UNIT  # the answer's own: its first deeper line is one step in
            return "\t" * (depth // step) + " " * (depth % step)
        return " " * depth


def _behind_bracket(line: str) -> int:
    """The column behind the bracket that a line leaves open, to which the lines after it may be aligned; 0 for none."""
    behind: list[int] = []
    for mark in marks((), line):
        if mark.text in ("(", "[", "{"):
            behind.append(mark.position + 1)
        elif mark.text in (")", "]", "}") and behind:
            behind.pop()
    return behind[-1] if behind else 0


def tab_columns(unit: str) -> int:
    """How many columns a tab counts for: one step of the file where it has spaces, else one of the answer."""
    return ANSWER_UNIT if unit == "\t" else len(unit)


def columns(line: str, tab: int) -> int:
    """The width of a line's indentation, with tabs of so many columns."""
    return sum(tab if char == "\t" else 1 for char in indent_of(line) if char != "\f")
