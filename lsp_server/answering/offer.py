"""An answer as an edit of a file, and what becomes of it when the file has changed since it was asked for.

Owns: the one-line range that clients want, and rebasing over typed text. Pure functions over texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.source.closers import closing_of, n_closers
from lsp_server.source.document import Place, Source


@dataclass(frozen=True)
class Offer:
    """Replace (line, 0)…(line, end_column) by `text`, whose line ends are the file's. Columns in code points."""

    line: int
    end_column: int
    text: str

    @property
    def start(self) -> Place:
        """Where the range begins."""
        return Place(self.line, 0)

    @property
    def end(self) -> Place:
        """Where the range ends."""
        return Place(self.line, self.end_column)


def all_lines(source: Source) -> Sequence[str]:
    """The lines with the empty last one that a `Source` leaves out."""
    lines = source.lines
    return lines if lines and not lines[-1].endswith(("\n", "\r")) else (*lines, "")


def typed_since(asked: Source, line: int, end_column: int, now: Source) -> str | None:
    """What stands in `now` in the place of (line, 0)…(line, end_column) of `asked`; None where more has changed."""
    old, new = all_lines(asked), all_lines(now)
    n_more = len(new) - len(old)
    if n_more < 0 or line >= len(old):
        return None
    if new[:line] != old[:line] or new[line + n_more + 1 :] != old[line + 1 :]:
        return None
    tail, last = old[line][end_column:], new[line + n_more]
    if not last.endswith(tail):
        return None
    return "".join(new[line : line + n_more]) + last[: len(last) - len(tail)]


def rebase(text: str, replaced: str, typed: str, line: int) -> Offer | None:
    """An answer `text` for a range that held `replaced`, now that it holds `typed`; None where they disagree.

    Typed text that the answer begins with is taken off it; the range moves to the last typed line, and covers the
    closers that the editor put behind the cursor.
    """
    if typed == replaced and not text.startswith(typed):
        return Offer(line, len(replaced), text)
    for n_closing in closings(text, replaced, typed, is_done=True):
        begun = typed[: len(typed) - n_closing]
        above = begun[: begun.rfind("\n") + 1]
        return Offer(line + above.count("\n"), len(typed) - len(above), text[len(above) :])
    return None


def agrees(text: str, replaced: str, typed: str, *, is_done: bool) -> bool:
    """Whether what was typed may still become (a part of) the answer, of which `text` is known so far."""
    return bool(closings(text, replaced, typed, is_done=is_done))


def closings(text: str, replaced: str, typed: str, *, is_done: bool) -> list[int]:
    """How many closers at the end of `typed` the editor itself may have put there, fewest first; empty: it disagrees.

    Where a part of what the question was about is gone (its comment, the beginning of its line), it disagrees. Editors
    close brackets and quotes while one types: `sum(` stands in the file as `sum()`, the cursor before the `)`.
    """

    def fits(begun: str) -> bool:
        return begun.startswith(asked) and (text.startswith(begun) or (not is_done and begun.startswith(text)))

    asked = replaced.rstrip()

    found = [0] if typed == replaced or fits(typed) else []
    for n_closing in range(1, 0 if typed == replaced else n_closers(typed) + 1):
        begun = typed[:-n_closing]
        if fits(begun) and closing_of(begun).startswith(typed[-n_closing:]):
            found.append(n_closing)
    return found
