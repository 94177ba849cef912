"""What a model must know of the lines it does not see: imports, signatures, the enclosing class.

Owns: reading them out of a file as short Python text. It looks at a bounded number of lines only, and (but for
`signatures_below`) at the lines above an anchor only, so that the result stays the same while one types below it.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from itertools import takewhile

from lsp_server.document import Source
from lsp_server.syntax import Scope, Window, indent_of, scopes, width, window

LINES_ABOVE = 2_000
IMPORT_LINES = 400
CHARS = 150_000
LINE_CHARS = 120
SIGNATURE_LINES = 20

_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s+(\w+)")
_IMPORT = re.compile(r"(?:import\s+\w|from\s+[\w.]+\s+import\b)")
_ATTRIBUTE = re.compile(r"\s*(?:self\.\w+\s*(?::[^=]+)?=(?!=)|\w+\s*:\s*\S|\w+\s*=(?!=))")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*\s*(?::[^=]+)?=(?!=)")
_SIGNATURE_END = re.compile(r":\s*(?:#.*)?$")


def imports(source: Source, end: int) -> list[str]:
    """The top-level imports before a line and before the first definition, each whole."""
    found: list[str] = []
    number = 0
    end = min(end, len(source.lines), IMPORT_LINES)
    while number < end:
        text = source.line(number)
        if _IMPORT.match(text):
            statement = [text]
            while "(" in statement[0] and ")" not in statement[-1] and len(statement) < SIGNATURE_LINES:
                number += 1
                statement.append(source.line(number))
            found.append("\n".join(statement))
        elif _DEFINITION.match(text):
            break
        number += 1
    return found


class Outline:
    """The lines above an anchor, told in short."""

    def __init__(self, source: Source, anchor: int) -> None:
        self._view = window(source, anchor, LINES_ABOVE, 1, CHARS)
        self._anchor = anchor
        self._scopes = scopes(self._view, anchor, indent_of(source.line(anchor)))

    def top_level(self) -> list[str]:
        """Constants and signatures of the module, in their order; the enclosing class left out."""
        around = {scope.line for scope in self._scopes}
        found: list[str] = []
        for number in range(self._view.first_line, self._anchor):
            text = self._view.line(number)
            if number in around or not text[:1].isalpha() or self._view.is_in_string(number):
                continue
            if _DEFINITION.match(text):
                found.append(_signature(self._view, number) + " ...")
            elif _CONSTANT.match(text) and len(text) < LINE_CHARS:
                found.append(text)
        return found

    def enclosing(self) -> list[str]:
        """Headers of the scopes around the anchor, outermost first, a class with its attributes and signatures."""
        found: list[str] = []
        for scope in reversed(self._scopes):
            found.append(_signature(self._view, scope.line))
            if scope.kind == "class":
                found.extend(self._members(scope))
        return found

    def _members(self, scope: Scope) -> list[str]:
        """Attributes and signatures of methods; of `__init__` also what it assigns."""
        view, level = self._view, 0
        found: list[str] = []
        is_init = False
        for number in range(scope.line + 1, self._anchor):
            text = view.line(number)
            indent = width(indent_of(text))
            if not text.strip() or indent <= width(scope.indent):
                continue
            level = level or indent
            starts_method = indent == level and _DEFINITION.match(text.lstrip()) is not None
            is_attribute = _ATTRIBUTE.match(text) is not None and len(text) < LINE_CHARS
            if not (starts_method or is_attribute) or view.is_in_string(number):
                continue
            if starts_method:
                is_init = "def __init__" in text
                found.append(_signature(view, number) + ("" if is_init else " ..."))
            elif indent == level or (is_init and text.lstrip().startswith("self.")):
                found.append(text)
        return _with_bodies(found)


def _with_bodies(members: list[str]) -> list[str]:
    """An `__init__` of which no assignment was kept gets `...` for a body: the text stays valid Python."""
    found: list[str] = []
    for index, text in enumerate(members):
        follows = members[index + 1] if index + 1 < len(members) else ""
        is_bare = _SIGNATURE_END.search(text) and "def __init__" in text and not follows.lstrip().startswith("self.")
        found.append(text + " ..." if is_bare else text)
    return found


def signatures_below(source: Source, first: int, names: AbstractSet[str], n_lines: int = 400) -> list[str]:
    """Signatures of the named functions and classes that are defined further down."""
    found: list[str] = []
    for number in range(first, min(len(source.lines), first + n_lines)):
        match = _DEFINITION.match(source.line(number))
        if match and match[1] in names:
            ending = range(number, min(len(source.lines), number + SIGNATURE_LINES))
            lines = [source.line(one).rstrip() for one in ending]
            head = list(takewhile(lambda line: not _SIGNATURE_END.search(line), lines))
            found.append("\n".join(lines[: len(head) + 1]) + " ...")
    return found


def _signature(view: Window, number: int) -> str:
    lines = [view.line(number).rstrip()]
    while not _SIGNATURE_END.search(lines[-1]) and len(lines) < SIGNATURE_LINES and number + len(lines) < view.end_line:
        lines.append(view.line(number + len(lines)).rstrip())
    return "\n".join(lines)
