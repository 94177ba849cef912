"""Answers that were made before, found again at the same place and after a part of them was typed.

Owns: the key (what stands before and after, and who answers), the look-back over typed lines, forgetting. In memory
only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.answering.offer import agrees
from lsp_server.source.closers import CLOSERS
from lsp_server.source.document import Place, Source

SIZE = 250
NEAR_CHARS = 8_192
LOOK_BACK_CHARS = 4_096
LOOK_BACK_LINES = 80

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Known:
    """An answer `text` for a range that held `replaced`. `is_cut`: a time budget ended it early."""

    text: str
    replaced: str
    is_cut: bool = False


@dataclass(frozen=True)
class Found:
    """A known answer, the line where its range begins now, and what stands in that range."""

    known: Known
    line: int
    typed: str


class AnswerCache:
    """The least recently used answers are forgotten first."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._known: OrderedDict[_Key, Known] = OrderedDict()
        self.hits = 0

    def put(self, source: Source, line: int, end_column: int, identity: str, known: Known) -> None:
        """Keep an answer for (line, 0)…(line, end_column) of a text. `identity` names all else that it depends on."""
        before = _before(source, line)[-NEAR_CHARS:]
        key = (identity, before, _after(source, Place(line, end_column)))
        self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def find(self, source: Source, cursor: Place, identity: str) -> Found | None:
        """An answer whose range begins in a line at or above the cursor, and that what was typed since agrees with."""
        for end in _ends(source, cursor):
            after = _after(source, end)
            for line, before, typed in _beginnings(source, end):
                known = self._known.get((identity, before, after))
                if known is not None and agrees(known.text, known.replaced, typed, is_done=True):
                    self._known.move_to_end((identity, before, after))
                    self.hits += 1
                    return Found(known, line, typed)
        return None


def _ends(source: Source, cursor: Place) -> Iterator[Place]:
    """Where what was typed may end: at the cursor, or behind closers that the editor has put there."""
    yield cursor
    behind = source.line(cursor.line)[cursor.column :]
    for n_closing in range(1, len(behind) - len(behind.lstrip(CLOSERS)) + 1):
        yield Place(cursor.line, cursor.column + n_closing)


def _beginnings(source: Source, cursor: Place) -> Iterator[tuple[int, str, str]]:
    """Lines where an answer may begin, nearest first: the line, the text before it, the text from it to the cursor."""
    text = source.line(cursor.line)
    column = len(text) if not text[cursor.column :].strip() else cursor.column
    before = _before(source, cursor.line)
    typed = text[:column]
    for line in range(cursor.line, max(-1, cursor.line - LOOK_BACK_LINES), -1):
        yield line, before[-NEAR_CHARS:], typed
        above = source.lines[line - 1] if 0 < line <= len(source.lines) else ""
        typed = above + typed
        if not above or len(typed) > LOOK_BACK_CHARS:
            return
        before = before[: len(before) - len(above)]


def _before(source: Source, line: int) -> str:
    """Enough text before a line for the key of every line that the look-back reaches."""
    parts: list[str] = []
    n_chars = 0
    for number in range(min(line, len(source.lines)) - 1, -1, -1):
        parts.append(source.lines[number])
        n_chars += len(parts[-1])
        if n_chars > NEAR_CHARS + LOOK_BACK_CHARS:
            break
    return "".join(reversed(parts))


def _after(source: Source, place: Place) -> str:
    """The text behind a place. Blanks up to the line's end count for nothing: answers replace them."""
    rest = source.line(place.line)[place.column :]
    parts = [rest if rest.strip() else ""]
    n_chars = len(rest)
    for number in range(place.line + 1, len(source.lines)):
        parts.append(source.lines[number])
        n_chars += len(parts[-1])
        if n_chars > NEAR_CHARS:
            break
    return "".join(parts)[:NEAR_CHARS]
