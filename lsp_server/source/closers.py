"""Brackets and quotes that an editor puts behind the cursor when one types their openers. Pure functions over texts."""

from __future__ import annotations

import re

CLOSERS = ")]}\"'"
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_MARK = re.compile(r"\"\"\"|'''|[\"'#()\[\]{}]")
_IN_STRING = {quote: re.compile(r"\\.|" + quote, re.DOTALL) for quote in ('"""', "'''")} | {
    quote: re.compile(r"\\.|\n|" + quote, re.DOTALL) for quote in ('"', "'")
}


def n_closers(text: str) -> int:
    """How many characters at a text's end are closers."""
    return len(text) - len(text.rstrip(CLOSERS))


def closing_of(text: str) -> str:
    """What closes all that Python text leaves open, the innermost first."""
    closing: list[str] = []
    position = 0
    while match := (_IN_STRING.get(closing[-1], _MARK) if closing else _MARK).search(text, position):
        mark, position = match[0], match.end()
        if closing and (mark == closing[-1] or mark == "\n"):  # a short string ends with its line
            closing.pop()
        elif mark == "#":
            position = text.find("\n", position) + 1 or len(text)
        elif mark in _CLOSERS:
            closing.append(_CLOSERS[mark])
        elif mark in _IN_STRING:
            closing.append(mark)
    return "".join(reversed(closing))
