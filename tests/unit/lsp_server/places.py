"""Short notation for tests: a file as one text with the cursor marked by ‸."""

from __future__ import annotations

from lsp_server.source.document import Place, Source


def at_cursor(text: str, newline: str = "\n") -> tuple[Source, Place]:
    """The file without its mark, and the place of the mark."""
    before, _, after = text.partition("‸")
    line = before.count("\n")
    column = len(before) - before.rfind("\n") - 1
    parts = (before + after).split("\n")
    lines = [part + newline for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
    return Source("file:///проба.py", lines), Place(line, column)
