"""Whether a file has no new syntax error with the suggestion in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lsp_server.request.instruction import Insertion
from lsp_server.source.document import Source
from lsp_server.source.syntax import Scope, Window, compiles, count_errors, indent_of, parses, scopes, width, window

REGION_BEFORE = 150
REGION_AFTER = 60
REGION_CHARS = 20_000

_CONTINUES_ABOVE = re.compile(r"\s*(?:elif|else|except|finally|case)\b")
_BEGINS_NOTHING = re.compile(r"[\s#)\]}]|$|(?:elif|else|except|finally)\b")


class SyntaxCheck:
    """Checks a suggestion within the lines around its place: as exactly as those lines' own state allows.

    Lines that compile with a placeholder must compile with the suggestion: many lines around, or where these are
    broken or begin within a long class, the functions and classes around the place, from the outermost on (at the left
    margin a suggestion is such a block, or goes on with the one above: `except` after `try`). Where all are broken, the
    suggestion must be right by itself and the parser that survives errors must count no more of them.

    `is_right`: whether the lines compile with a placeholder.
    """

    def __init__(self, source: Source, insertion: Insertion) -> None:
        view = window(source, insertion.line, REGION_BEFORE, REGION_AFTER, REGION_CHARS)
        index = insertion.line - view.first_line
        above, below = list(view.lines[:index]), list(view.lines[index + 1 :])
        self._opening = insertion.opening.replace("\r\n", "\n")
        self._tail = insertion.tail + "\n"
        self._indent = insertion.indent
        self._is_inline = bool(insertion.line_head.strip() or insertion.tail.strip())
        # Between brackets no statement may stand: there the lines that were right with nothing must stay right.
        head = insertion.line_head
        placeholders = (head, head + "x") if self._is_inline else (insertion.indent + "pass", "")
        block = above[_block_begin(above) :]
        end = next((number for number, line in enumerate(below) if line[:1].strip()), len(below))
        own = [*_own_blocks(view, insertion)] or [(block, below[:end]) if insertion.indent else ([], [])]
        self._continued = [] if insertion.indent else block
        self.is_right = False
        for self._above, self._below in ((above, below), *own):
            self.is_right = not view.opening and any(compiles(self._file(text)) for text in placeholders)
            if self.is_right:
                return
        self._above, self._below = above, below
        self._n_errors = count_errors(self._file(placeholders[0]))

    def adds_no_error(self, lines: Sequence[str]) -> bool:
        """Whether the lines, put at the place, leave the file no worse."""
        text = "\n".join(lines)
        if self.is_right:
            return compiles(self._file(text)) or self._goes_on_with_block(text)
        if not self._is_inline and not _CONTINUES_ABOVE.match(text):
            block = ("if 1:\n" if self._indent else "") + text
            if not parses(block + "\n"):
                return False
        return count_errors(self._file(text)) <= self._n_errors

    def _goes_on_with_block(self, text: str) -> bool:
        """Whether a branch is right with the block above it, in a file that is broken elsewhere or without it."""
        is_branch = not self._above and self._continued and _CONTINUES_ABOVE.match(text)
        return bool(is_branch) and compiles("\n".join([*self._continued, text]) + "\n")

    def _file(self, text: str) -> str:
        before = "".join(line + "\n" for line in self._above).removeprefix("\ufeff")
        after = "".join(line + "\n" for line in self._below)
        return before + self._opening + text + self._tail + after


def _own_blocks(view: Window, insertion: Insertion) -> Iterator[tuple[list[str], list[str]]]:
    """The lines above and below of the functions and classes around the place, outermost first.

    Each with all of it, then up to the end of the innermost; none within a function, whose names `nonlocal` may need.
    """
    around = scopes(view, insertion.line, insertion.indent)
    first = insertion.line + 1
    for scope in reversed(around):
        opening = ["if 1:"] if scope.indent else []  # a class around it may begin out of sight
        above = [view.line(number) for number in range(scope.line, insertion.line)]
        for end in dict.fromkeys((_end_of(view, scope, first), _end_of(view, around[0], first))):
            yield opening + above, [view.line(number) for number in range(first, end)]
        if scope.kind == "function":
            return


def _end_of(view: Window, scope: Scope, first: int) -> int:
    """The first line from a line on that does not belong to a scope."""
    for number in range(first, view.end_line):
        text = view.line(number)
        is_code = text.strip() and text.strip()[0] not in "#)]}" and not view.is_in_string(number)
        if is_code and width(indent_of(text)) <= width(scope.indent):
            return number
    return view.end_line


def _block_begin(lines: Sequence[str]) -> int:
    """Where the top-level statement begins that the last lines belong to."""
    numbers = reversed(range(len(lines)))
    return next((number for number in numbers if not _BEGINS_NOTHING.match(lines[number])), 0)
