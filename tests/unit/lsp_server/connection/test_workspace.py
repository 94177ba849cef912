from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec

from lsp_server.connection.workspace import LineDocument, split_lines
from lsp_server.source.document import Place

ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
TEXT = st.text(alphabet=st.sampled_from("aё😀\n\r\t \x0c\u2028\x1c"), max_size=40)


def document(text: str, encoding: str = "utf-16") -> LineDocument:
    codec = PositionCodec(types.PositionEncodingKind(encoding))
    return LineDocument("file:///x.py", source=text, version=1, language_id="python", position_codec=codec)


def position(text: str, offset: int, encoding: str) -> types.Position:
    """What an editor would send for an offset."""
    lines = split_lines(text[:offset]) or [""]
    if lines[-1].endswith(("\n", "\r")):
        lines.append("")
    codec, unit_bytes = ENCODINGS[encoding]
    return types.Position(len(lines) - 1, len(lines[-1].encode(codec)) // unit_bytes)


def test_lines_end_where_lsp_says() -> None:
    text = "a\x0cb\n\u2028c\r\nd\re\x1cf\x85g"
    assert split_lines(text) == ["a\x0cb\n", "\u2028c\r\n", "d\r", "e\x1cf\x85g"]
    assert "".join(split_lines(text)) == text


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXT, data=st.data())
def test_an_edit_does_what_it_does_to_a_string(encoding: str, text: str, data: st.DataObject) -> None:
    cuts = st.integers(0, len(text)).filter(lambda at: text[max(0, at - 1) : at + 1] != "\r\n")
    start, end = sorted((data.draw(cuts), data.draw(cuts)))
    new = data.draw(TEXT)
    edited = document(text, encoding)
    span = types.Range(position(text, start, encoding), position(text, end, encoding))
    edited.apply_change(types.TextDocumentContentChangePartial(span, new))
    assert edited.source == text[:start] + new + text[end:]
    assert list(edited.lines) == list(document(edited.source, encoding).lines)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXT, data=st.data())
def test_places_and_positions_are_inverse(encoding: str, text: str, data: st.DataObject) -> None:
    kept = document(text, encoding)
    line = data.draw(st.integers(0, len(kept.lines) - 1))
    column = data.draw(st.integers(0, len(kept.lines[line].rstrip("\r\n"))))
    place = Place(line, column)
    assert kept.place(kept.position(place)) == place


@given(text=TEXT, line=st.integers(0, 2**31 - 1), character=st.integers(0, 2**31 - 1))
def test_any_position_means_a_place_in_the_text(text: str, line: int, character: int) -> None:
    kept = document(text)
    place = kept.place(types.Position(line, character))
    assert 0 <= place.line < len(kept.lines)
    assert 0 <= place.column <= len(kept.lines[place.line].rstrip("\r\n"))


def test_a_position_inside_a_character_means_its_start() -> None:
    assert document("a😀b").place(types.Position(0, 2)) == Place(0, 1)
    assert document("aёb", "utf-8").place(types.Position(0, 2)) == Place(0, 1)


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    kept = document("a\ud800b")
    kept.source.encode()
    assert kept.place(types.Position(0, 2)) == Place(0, 2)


@given(text=TEXT)
def test_a_snapshot_is_the_text(text: str) -> None:
    kept = document(text)
    source = kept.snapshot()
    assert "".join(source.lines) == kept.source
    assert list(source.lines) == split_lines(kept.source)


@given(text=TEXT, data=st.data())
def test_text_between_two_places(text: str, data: st.DataObject) -> None:
    kept = document(text)
    places = [Place(n, c) for n, line in enumerate(kept.lines) for c in range(len(line.rstrip("\r\n")) + 1)]
    start, end = sorted((data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))))

    def offset(place: Place) -> int:
        return sum(map(len, kept.lines[: place.line])) + place.column

    assert kept.text_between(start, end) == kept.source[offset(start) : offset(end)]


def test_each_change_and_each_document_has_a_revision_of_its_own() -> None:
    kept = document("a\n")
    seen = {document("a\n").revision, kept.revision}
    whole: types.TextDocumentContentChangeEvent = types.TextDocumentContentChangeWholeDocument("b\n")
    for change in (whole, types.TextDocumentContentChangePartial(types.Range(*[types.Position(0, 0)] * 2), "c")):
        kept.apply_change(change)
        seen.add(kept.revision)
    assert len(seen) == 4


@pytest.mark.parametrize(("language", "is_python"), [("python", True), ("", True), ("markdown", False)])
def test_what_may_be_python(language: str, is_python: bool) -> None:
    assert LineDocument("file:///x", source="", version=1, language_id=language).is_python is is_python
