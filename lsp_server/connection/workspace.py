"""The open documents, with LSP's idea of a line, and places in them in every position encoding.

Owns: keeping texts in step with the editor's changes; converting positions; notebooks as rows of cells. Does not own:
what stands in the texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from urllib.parse import unquote

from lsprotocol import types
from pygls.workspace import PositionCodec, TextDocument, Workspace

from lsp_server.source.document import Place, Source

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_REVISIONS = count(1)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODINGS = {
    types.PositionEncodingKind.Utf8: ("utf-8", 1),
    types.PositionEncodingKind.Utf16: ("utf-16-le", 2),
    types.PositionEncodingKind.Utf32: ("utf-32-le", 4),
}


def split_lines(text: str) -> list[str]:
    """Lines with their ends, as LSP counts them: a form feed or U+2028 does not end a line, unlike in `splitlines`."""
    return _LINE.findall(text)


class LineDocument(TextDocument):
    """A document kept as lines, so that a keystroke in a long file costs what its line costs.

    `lines` has a last line even where it is empty, so that every LSP position lies on a line. `revision` is another one
    after each change, and in each document: an editor's `version` need not be, where it counts wrongly or opens anew.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._lines: list[str] | None = None
        self.revision = next(_REVISIONS)
        if self._source is not None:
            self._set_text(self._source)

    @property
    def lines(self) -> Sequence[str]:
        """Lines with their ends; the last one has none."""
        if self._lines is None:
            self._set_text(super().source)
        assert self._lines is not None
        return self._lines

    @property
    def source(self) -> str:
        """The whole text."""
        return "".join(self.lines)

    @property
    def is_python(self) -> bool:
        """Whether it is Python, or may be: some editors do not tell."""
        return self.language_id in ("python", "", None)

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Take an editor's change."""
        self.revision = next(_REVISIONS)
        super().apply_change(change)

    def _set_text(self, text: str) -> None:
        lines = split_lines(_clean(text))
        if not lines or lines[-1].endswith(("\n", "\r")):
            lines.append("")
        self._lines, self._source = lines, None

    def _apply_full_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        self._set_text(change.text)

    def _apply_incremental_change(self, change: types.TextDocumentContentChangePartial) -> None:
        lines = self.lines
        assert isinstance(lines, list)
        start, end = sorted((self.place(change.range.start), self.place(change.range.end)))
        first, last = start.line, end.line
        before, after = lines[first][: start.column], lines[last][end.column :]
        if first and lines[first - 1].endswith("\r"):  # a \n that comes behind it belongs to that line
            first -= 1
            before = lines[first] + before
        if last + 1 < len(lines) and lines[last + 1].startswith("\n"):  # and this one to a \r that comes before it
            last += 1
            after += lines[last]
        new = split_lines(before + _clean(change.text) + after) or [""]
        if last == len(lines) - 1 and new[-1].endswith(("\n", "\r")):
            new.append("")
        lines[first : last + 1] = new

    def place(self, position: types.Position) -> Place:
        """Where an editor's position is; positions outside the document come to the nearest place in it."""
        lines = self.lines
        if position.line >= len(lines):
            return Place(len(lines) - 1, len(lines[-1]))
        text = lines[position.line].rstrip("\r\n")
        encoding, unit_bytes = _encoding(self.position_codec)
        if text.isascii() or unit_bytes == 4:
            return Place(position.line, min(position.character, len(text)))
        # "ignore" drops half a character: a position inside one means the character's start.
        head = text.encode(encoding)[: position.character * unit_bytes].decode(encoding, "ignore")
        return Place(position.line, len(head))

    def position(self, place: Place) -> types.Position:
        """A place as the editor counts it."""
        encoding, unit_bytes = _encoding(self.position_codec)
        head = self.lines[place.line][: place.column] if place.line < len(self.lines) else ""
        return types.Position(place.line, len(head.encode(encoding)) // unit_bytes)

    def span(self, start: Place, end: Place) -> types.Range:
        """A range as the editor counts it."""
        return types.Range(self.position(start), self.position(end))

    def text_between(self, start: Place, end: Place) -> str:
        """The text from `start` to before `end`."""
        lines = list(self.lines[start.line : end.line + 1])
        lines[-1] = lines[-1][: end.column] if start.line != end.line else lines[-1][start.column : end.column]
        if start.line != end.line:
            lines[0] = lines[0][start.column :]
        return "".join(lines)

    def snapshot(self) -> Source:
        """The text as it is now, for the pipeline."""
        lines = self.lines if self.lines[-1] else self.lines[:-1]
        return Source(self.uri, tuple(lines), self.version or 0)


class LineWorkspace(Workspace):
    """pygls' workspace with our documents in it."""

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> LineDocument:
        return LineDocument(
            doc_uri,
            source=source,
            version=version,
            language_id=language_id,
            sync_kind=self._sync_kind,
            position_codec=self._position_codec,
        )

    def opened(self, uri: str) -> LineDocument | None:
        """The document, where the editor has it open."""
        document = self._text_documents.get(unquote(uri))
        return document if isinstance(document, LineDocument) else None

    def earlier_cells(self, uri: str) -> tuple[str, ...]:
        """The texts of the Python cells above a notebook cell, from the first one on; nothing for other documents."""
        notebook = self.get_notebook_document(cell_uri=uri)
        texts: list[str] = []
        for cell in notebook.cells if notebook else ():
            if unquote(cell.document) == unquote(uri):
                break
            document = self.opened(cell.document)
            if document is not None and document.language_id == "python":
                texts.append(document.source)
        return tuple(texts)


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can carry and UTF-8 cannot; UTF-16 lengths stay as they were."""
    return text if text.isascii() else _LONE_SURROGATE.sub("�", text)


def _encoding(codec: PositionCodec) -> tuple[str, int]:
    return _ENCODINGS[types.PositionEncodingKind(codec.encoding or "utf-16")]
