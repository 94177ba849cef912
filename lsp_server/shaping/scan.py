"""Where Python's strings and brackets are open, line by line, while text is still coming."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(r"\"\"\"|'''|\"|'|#|[()\[\]{}]")
_CLOSING = {quote: re.compile(r"\\.|" + quote, re.DOTALL) for quote in ('"""', "'''", '"', "'")}


@dataclass(frozen=True)
class Scan:
    """The state at the start of a line: the open triple quote (or ''), open brackets, and a backslash before."""

    quote: str = ""
    depth: int = 0
    is_continued: bool = False

    @property
    def is_free(self) -> bool:
        """Whether a new statement may begin here."""
        return not self.quote and not self.depth and not self.is_continued

    def after(self, line: str) -> Scan:
        """The state after a line (given without its end)."""
        return self._walk(line)[0]

    def code(self, line: str) -> str:
        """What of a line is code: its strings and comments left out."""
        return self._walk(line)[1]

    def is_in_string(self, line: str, position: int) -> bool:
        """Whether a place of a line is inside a string that is not left open by a broken line."""
        return any(start <= position < end for start, end in self._walk(line)[2])

    def _walk(self, line: str) -> tuple[Scan, str, list[tuple[int, int]]]:
        """The state after a line, its code, and where its strings are."""
        quote, depth, position, opened = self.quote, self.depth, 0, 0
        code: list[str] = []
        strings: list[tuple[int, int]] = []
        while position < len(line):
            match = (_CLOSING[quote] if quote else _OPENING).search(line, position)
            if match is None:
                code.append("" if quote else line[position:])
                break
            mark = match[0]
            if quote:
                if mark == quote:
                    quote = ""
                    strings.append((opened, match.end()))
            else:
                code.append(line[position : match.start()])
                if mark == "#":
                    return Scan("", depth), "".join(code), strings
                if mark[0] in "\"'":
                    quote, opened = mark, match.start()
                    code.append('""')
                else:
                    depth = max(0, depth + (1 if mark in "([{" else -1))
                    code.append(mark)
            position = match.end()
        ends_open = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if len(quote) == 1 and not ends_open:
            quote = ""  # a short string ends with its line: it is broken, and what follows is code again
        if quote:
            strings.append((opened, len(line)))
        return Scan(quote, depth, ends_open and not quote), "".join(code), strings


Piece = tuple[str, Scan, Scan]
"""A line of an answer, and the state of the code before and after it."""
