from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.answering.cache import AnswerCache, Known
from lsp_server.answering.offer import Offer, agrees, rebase, typed_since
from lsp_server.connection.workspace import split_lines
from lsp_server.source.closers import closing_of
from lsp_server.source.document import Place, Source

BEFORE, AFTER = "import os\n\ndef f():\n    # задание\n", "\n\nprint(f())\n"
ANSWER = "    x = 1\n    return x"
LINE = 4


def source(text: str) -> Source:
    return Source("file:///x.py", tuple(split_lines(text)))


def apply(text: str, offer: Offer) -> str:
    lines = [*split_lines(text), ""]
    lines[offer.line] = offer.text + lines[offer.line][offer.end_column :]
    return "".join(lines)


ASKED = source(BEFORE + "    " + AFTER)


@given(n_typed=st.integers(0, len(ANSWER)))
def test_typed_text_is_taken_off_the_answer(n_typed: int) -> None:
    typed = ANSWER[:n_typed]
    now = BEFORE + typed + AFTER
    assert typed_since(ASKED, LINE, 4, source(now)) == typed
    offer = rebase(ANSWER, "    ", typed, LINE)
    assert offer is not None
    assert apply(now, offer) == BEFORE + ANSWER + AFTER


@given(typed=st.text(alphabet="x =1\nreturn", max_size=20))
def test_an_offer_always_gives_the_answer(typed: str) -> None:
    now = BEFORE + typed + AFTER
    found = typed_since(ASKED, LINE, 4, source(now))
    if found is None:
        return
    offer = rebase(ANSWER, "    ", found, LINE)
    if offer is not None:
        assert apply(now, offer) == BEFORE + ANSWER + AFTER
    assert (offer is not None) == agrees(ANSWER, "    ", found, is_done=True)


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("total = sum(", ")"),
        ("f([{", "}])"),
        ("f(')', ", ")"),
        ("print('(", "')"),
        ('print("\\"', '")'),
        ('x = """a "b', '"""'),
        ("f(  # (it's\n    [", "])"),
        ("s = 'broken\nf(", ")"),
        ("f()", ""),
    ],
)
def test_what_closes_a_text(text: str, closing: str) -> None:
    assert closing_of(text) == closing


SUM = "    total = sum(x for x in [1])\n    return total"


@pytest.mark.parametrize(
    "typed", ["    total = sum()", "    total = sum(x for x in [])", "    total = sum(x for x in []"]
)
def test_brackets_that_the_editor_closes_are_covered(typed: str) -> None:
    assert agrees(SUM, "    ", typed, is_done=True)
    offer = rebase(SUM, "    ", typed, LINE)
    assert offer is not None
    assert apply(BEFORE + typed + AFTER, offer) == BEFORE + SUM + AFTER


@pytest.mark.parametrize("typed", ["    total = sum(y)", "    total = sum(]", "    total)"])
def test_brackets_that_close_nothing_disagree(typed: str) -> None:
    assert not agrees(SUM, "    ", typed, is_done=True)


def test_a_known_answer_is_found_before_a_closed_bracket() -> None:
    cache = AnswerCache()
    cache.put(ASKED, LINE, 4, "m", Known(SUM, "    "))
    typed = "    total = sum()"
    found = cache.find(source(BEFORE + typed + AFTER), Place(LINE, len(typed) - 1), "m")
    assert found is not None
    assert (found.line, found.typed) == (LINE, typed)


def test_a_change_elsewhere_is_seen() -> None:
    assert typed_since(ASKED, LINE, 4, source("# x\n" + BEFORE + "    " + AFTER)) is None
    assert typed_since(ASKED, LINE, 4, source(BEFORE + "    " + AFTER + "x = 1\n")) is None
    assert typed_since(ASKED, LINE, 4, source(BEFORE)) is None


def test_indentation_that_the_answer_corrects() -> None:
    assert rebase(ANSWER, "        ", "        ", LINE) == Offer(LINE, 8, ANSWER)
    assert rebase(ANSWER, "        ", "        x", LINE) is None


def test_what_is_still_coming_may_agree() -> None:
    assert agrees("    x", "    ", "    x = ", is_done=False)
    assert not agrees("    x", "    ", "    x = ", is_done=True)
    assert not agrees("    x", "    ", "    y", is_done=False)


def test_the_cache_finds_an_answer_while_it_is_typed() -> None:
    cache = AnswerCache()
    cache.put(ASKED, LINE, 4, "me", Known(ANSWER, "    "))
    for n_typed in range(len(ANSWER) + 1):
        typed = ANSWER[:n_typed]
        last = typed.split("\n")[-1]
        found = cache.find(source(BEFORE + typed + AFTER), Place(LINE + typed.count("\n"), len(last)), "me")
        assert found is not None, typed
        assert (found.line, found.typed) == (LINE, typed)


def test_the_cache_keeps_different_questions_apart() -> None:
    cache = AnswerCache()
    cache.put(ASKED, LINE, 4, "me", Known(ANSWER, "    "))
    cursor = Place(LINE, 4)
    assert cache.find(ASKED, cursor, "me") is not None
    assert cache.find(ASKED, cursor, "other settings") is None
    assert cache.find(source(BEFORE + "    " + AFTER + "y = 1\n"), cursor, "me") is None
    assert cache.find(source(BEFORE.replace("os", "re") + "    " + AFTER), cursor, "me") is None
    assert cache.find(source(BEFORE + "    y" + AFTER), Place(LINE, 5), "me") is None


def test_the_cache_forgets_what_was_used_least() -> None:
    cache = AnswerCache(size=2)
    sources = [source(f"# {number}\n\n") for number in range(3)]
    cache.put(sources[0], 1, 0, "me", Known("0", ""))
    cache.put(sources[1], 1, 0, "me", Known("1", ""))
    assert cache.find(sources[0], Place(1, 0), "me") is not None
    cache.put(sources[2], 1, 0, "me", Known("2", ""))
    kept = [cache.find(one, Place(1, 0), "me") is not None for one in sources]
    assert kept == [True, False, True]


@pytest.mark.parametrize("typed", ["", "#", "    # сложи", "    total"])
def test_what_lost_a_part_of_its_question_disagrees(typed: str) -> None:
    asked = "    # сложи числа"
    text = f"{asked}\n    return a + b"
    assert agrees(text, asked, asked, is_done=True)
    assert agrees(text, asked, f"{asked}\n    ret", is_done=True)
    assert not agrees(text, asked, typed, is_done=True)
    assert not agrees("", asked, typed, is_done=False)


def test_indentation_may_go() -> None:
    assert agrees(ANSWER, "    ", "", is_done=True)
