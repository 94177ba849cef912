"""Bytes to text: whole characters, no part of a stop string, nothing lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engine.scripted import decode, encode
from lsp_server.engine.textstream import TextStream

TEXT = st.text(alphabet="аб\n`<|>🦊e ", max_size=40)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


@given(TEXT, st.lists(st.integers(0, 120), max_size=20), st.lists(TEXT.filter(bool), max_size=3))
def test_whatever_the_pieces_the_text_ends_before_the_first_stop(text: str, cuts: list[int], stops: list[str]) -> None:
    stream = TextStream(tuple(stops))
    shown: list[str] = []
    for piece in pieces_of(text.encode(), cuts):
        shown.append(stream.feed(piece))
    shown.append(stream.finish())
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    whole = "".join(shown)
    assert stream.is_stopped == bool(ends)
    if not ends:
        assert whole == text
        return
    # Whichever stop string is complete first ends the answer; what was shown never holds any of them.
    assert text.startswith(whole)
    assert not any(stop in whole for stop in stops)
    assert any(text.startswith(stop, len(whole)) for stop in stops)


def test_the_beginning_of_a_stop_string_is_held_back() -> None:
    stream = TextStream(("\n```",))
    assert stream.feed(b"x = 1\n``") == "x = 1"
    assert stream.feed(b"y") == "\n``y"
    assert stream.feed(b"\n") == ""
    assert stream.feed(b"```\nrest") == ""
    assert stream.is_stopped
    assert stream.feed(b"more") == ""


def test_half_a_character_at_the_end_is_dropped() -> None:
    stream = TextStream()
    assert stream.feed("да".encode() + "🦊".encode()[:2]) == "да"
    assert stream.finish() == ""


@given(st.text())
def test_the_scripted_tokenizer_is_reversible(text: str) -> None:
    expected = text.encode("utf-8", "replace")
    assert b"".join(map(decode, encode(text))) == expected
    assert b"".join(map(decode, encode(text, parse_special=True))) == expected


def test_scripted_special_tokens_arise_only_where_asked() -> None:
    assert len(encode("<|im_end|>", parse_special=True)) == 1
    assert encode("<|im_end|>", parse_special=True)[0] not in encode("x <|im_end|> y")
