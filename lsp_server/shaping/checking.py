"""Whether a file has no new syntax error with the suggestion in it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence

from lsp_server.document import Source
from lsp_server.instruction import Insertion
from lsp_server.syntax import count_errors, window

REGION_BEFORE = 150
REGION_AFTER = 60
REGION_CHARS = 20_000

_CONTINUES_ABOVE = re.compile(r"\s*(?:elif|else|except|finally|case)\b")


def parses(text: str) -> bool:
    """Whether Python itself takes a text as a module (`return` and `await` outside functions included)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


class SyntaxCheck:
    """Checks a suggestion within the lines around its place: as exactly as those lines' own state allows.

    Lines that are right with a placeholder must be right with the suggestion. Where they are broken already, the
    suggestion must be right by itself and the parser that survives errors must count no more of them.
    """

    def __init__(self, source: Source, insertion: Insertion) -> None:
        view = window(source, insertion.line, REGION_BEFORE, REGION_AFTER, REGION_CHARS)
        index = insertion.line - view.first_line
        self._before = "".join(line + "\n" for line in view.lines[:index])
        self._before += insertion.opening.replace("\r\n", "\n")
        self._before = self._before.removeprefix("\ufeff")
        self._after = insertion.tail + "\n" + "".join(line + "\n" for line in view.lines[index + 1 :])
        self._indent = insertion.indent
        self._is_inline = bool(insertion.line_head.strip() or insertion.tail.strip())
        placeholder = insertion.line_head if self._is_inline else insertion.indent + "pass"
        self._is_right = not view.opening and parses(self._file(placeholder))
        self._n_errors = 0 if self._is_right else count_errors(self._file(placeholder))

    def adds_no_error(self, lines: Sequence[str]) -> bool:
        """Whether the lines, put at the place, leave the file no worse."""
        text = "\n".join(lines)
        if self._is_right:
            return parses(self._file(text))
        if not self._is_inline and not _CONTINUES_ABOVE.match(text):
            block = ("if 1:\n" if self._indent else "") + text
            if not parses(block + "\n"):
                return False
        return count_errors(self._file(text)) <= self._n_errors

    def _file(self, text: str) -> str:
        return self._before + text + self._after
