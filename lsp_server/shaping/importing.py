"""New imports of an answer that repeats a function or a class: held back, and put where they are seen.

Above a repeated function they go first into its body, above a repeated class into the body of its first new method.
What only the repeated lines need (annotations, decorators) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from lsp_server.shaping.indenting import columns
from lsp_server.shaping.scan import Piece
from lsp_server.source.syntax import Scope, indent_of

IMPORT = re.compile(r"\s*(?:import\s+\w|from\s+[\w.]+\s+import\b)")

_FUTURE = re.compile(r"\s*from\s+__future__\b")  # right on a file's first line only
_FOR_HEADERS = re.compile(r"\s*(?:from|import)\s+(?:__future__|typing|collections\.abc)\b")
_FOR_CLASSES = re.compile(rf"{_FOR_HEADERS.pattern}|\s*(?:from|import)\s+(?:abc|dataclasses|enum|functools|pydantic)\b")
_METHOD_BEGINS = re.compile(r"\s*(?:@|def\b|async\b)")
_METHOD = re.compile(r"\s*(?:async\s+)?def\b")


class NewImports:
    """The imports of one answer that the file lacks. `known`: lines whose imports the place sees."""

    def __init__(self, around: Sequence[Scope], known: set[str], tab: int) -> None:
        self._is_in_block = bool(around)
        self._is_in_class = bool(around) and around[0].kind == "class"
        self._known = known
        self._tab = tab
        self._held: list[Piece] = []
        self._for_method: list[Piece] = []
        self._has_method = False

    def hold(self, piece: Piece, *, is_following: bool) -> bool:
        """Hold a line back, if it may belong above a function that is repeated next, and to the file's imports so."""
        line, before, _ = piece
        if not self._is_in_block:
            return False
        if before.is_free:
            is_of_body = is_following and columns(line, self._tab) > 0
            is_new = not is_of_body and IMPORT.match(line) is not None and line.strip() not in self._known
        else:
            is_new = bool(self._held) and not self._held[-1][2].is_free
        if is_new:
            self._held.append(piece)
        return is_new

    def flush(self) -> list[Piece]:
        """All that are held, at the end of the answer."""
        held, self._held = self._held, []
        return held

    def before(self, first: Piece, *, is_following: bool) -> list[Piece]:
        """What stands before the first line that belongs at the cursor; `is_following`: the file was repeated."""
        imports = self.flush()
        if not imports:
            return []
        if self._is_in_class:
            if _METHOD_BEGINS.match(first[0]):
                self._for_method = list(_without(imports, _FOR_CLASSES.match))
                return []
            return [] if is_following else list(_without(imports, _FUTURE.match))
        if not is_following:
            return list(_without(imports, _FUTURE.match))
        return _indented(list(_without(imports, _FOR_HEADERS.match)), first[0])

    def in_method(self, piece: Piece) -> list[Piece]:
        """Those of a class's new method, once the line comes that stands first in its body."""
        line, before, _ = piece
        if not self._for_method or not before.is_free or not line.strip():
            return []
        if _METHOD.match(line):
            self._has_method = True
            return []
        if not self._has_method or line.lstrip()[:1] in "\"'#@":
            return []
        imports, self._for_method = self._for_method, []
        return _indented(imports, line)


def _without(imports: Sequence[Piece], is_unwanted: Callable[[str], object]) -> Iterator[Piece]:
    """Imports without the unwanted ones, each with all of its lines."""
    is_kept = True
    for piece in imports:
        if piece[1].is_free:
            is_kept = not is_unwanted(piece[0])
        if is_kept:
            yield piece


def _indented(imports: Sequence[Piece], like: str) -> list[Piece]:
    if not imports:
        return []
    own, body = indent_of(imports[0][0]), indent_of(like)
    return [(body + line.removeprefix(own), before, after) for line, before, after in imports]
