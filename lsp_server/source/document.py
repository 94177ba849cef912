"""The text of a file as the steps of the pipeline see it: lines and places, free of LSP's position encodings.

Columns here are Python string indices (code points). Only `lsp_server.connection.workspace` converts from and to LSP
positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A place in a text: 0-based line and column, the column in code points."""

    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """A file's text at one version. `lines` keep their line ends (\\n or \\r\\n)."""

    uri: str
    lines: Sequence[str]
    version: int = 0

    def line(self, number: int) -> str:
        """A line without its end; empty past the end of the file."""
        return self.lines[number].rstrip("\r\n") if 0 <= number < len(self.lines) else ""

    @property
    def newline(self) -> str:
        """The file's line end, from its first line."""
        return "\r\n" if self.lines and self.lines[0].endswith("\r\n") else "\n"
