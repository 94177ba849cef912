"""Short notation for tests: what of an answer gets into a file."""

from __future__ import annotations

from lsp_server.request import instruction
from lsp_server.shaping import Shaper, Suggestion

from ..places import at_cursor


def shape(
    text: str, answer: str, head: str = "", newline: str = "\n", truncated: bool = False, piece: int = 1
) -> Suggestion:
    """Stream an answer into the file with its cursor marked, so many characters at a time."""
    source, cursor = at_cursor(text, newline)
    found = instruction.find(source, cursor, automatic=False)
    insertion = found.place if found else instruction.insertion_at(source, cursor)
    shaper = Shaper(source, insertion, found, head)
    for start in range(0, len(answer), piece):
        if shaper.done:
            break
        shaper.feed(answer[start : start + piece])
    return shaper.finish(truncated=truncated)
