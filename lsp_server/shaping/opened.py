"""Which brackets and strings are open at a place within a line of Python, those within f-strings too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Opened = tuple[str, ...]
"""What is open, the innermost last: brackets and quotes as they were opened, an f-string's quotes as `f"`."""

_MARK = re.compile(r"(?:\b([A-Za-z]{1,2}))?(\"\"\"|'''|[\"'])|[()\[\]{}#]")

_OPENERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Mark:
    """A place where something opens or closes, or a comment begins. `opened` is what is open behind it.

    None where it closes what was not open.
    """

    position: int
    text: str
    opened: Opened | None


def marks(opened: Opened, line: str) -> Iterator[Mark]:
    """The marks of a line that begins with this open, up to its comment or to what closes more than that."""
    position = 0
    while match := _next(opened, line, position):
        start, position = match.start(), match.end()
        mark = match[0]
        if quote := quote_of(opened):
            if mark == quote:
                opened = opened[:-1]
            elif mark == "{":
                opened = (*opened, mark)
            elif mark != "}":
                continue
            else:  # an f-string's own is doubled
                yield Mark(start, mark, None)
                return
        elif mark in ")]}":
            if not opened or opened[-1] != _OPENERS[mark]:
                yield Mark(start, mark, None)
                return
            opened = opened[:-1]
        elif mark in "([{":
            opened = (*opened, mark)
        elif mark != "#":
            opened = (*opened, ("f" if "f" in (match[1] or "").lower() else "") + match[2])
        yield Mark(start, mark, opened)
        if mark == "#" and not quote:
            return


def opened_after(opened: Opened, line: str) -> Opened | None:
    """What is open behind a line; None where it closes more than what was open before."""
    after: Opened | None = opened
    for mark in marks(opened, line):
        after = mark.opened
    return after


def opened_within(opened: Opened, line: str) -> Opened:
    """What a line itself leaves open behind it, where it may also close what earlier lines have opened."""
    for mark in marks(opened, line):
        if mark.opened is None:
            return opened_within((), line[mark.position + 1 :])
        opened = mark.opened
    return opened


def comment_of(opened: Opened, line: str) -> int | None:
    """Where a line's comment begins."""
    return next((mark.position for mark in marks(opened, line) if mark.text == "#"), None)


def quote_of(opened: Opened) -> str:
    """The quotes that end the string which a place is in; '' in code."""
    return opened[-1].removeprefix("f") if opened and opened[-1][-1] in "\"'" else ""


def without_short_strings(opened: Opened) -> Opened:
    """What stays open behind a line's end: strings in single quotes do not, nor what is open within them."""
    short = (index for index, one in enumerate(opened) if one[-1] in "\"'" and len(one.removeprefix("f")) == 1)
    return opened[: next(short, len(opened))]


def _next(opened: Opened, line: str, position: int) -> re.Match[str] | None:
    quote = quote_of(opened)
    if not quote:
        return _MARK.search(line, position)
    braces = r"|\{\{|\{|\}\}|\}" if opened[-1].startswith("f") else ""
    return re.compile(rf"\\.|{quote}{braces}").search(line, position)
