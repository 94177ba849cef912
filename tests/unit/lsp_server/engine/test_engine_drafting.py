"""Guessing ahead: what is guessed, and when not. That greedy's output stays the same: `test_engine_decoding`."""

from __future__ import annotations

from lsp_server.engine.drafting import Lookup, Pace

RUN = list(range(100, 112))


def pace() -> Pace:
    pace = Pace()
    pace.note_plain(10.0)
    return pace


def test_what_followed_a_known_run_is_guessed() -> None:
    lookup = Lookup([*RUN, 1, 2, 3, 4, *RUN])
    assert lookup.guess(3) == [1, 2, 3]
    assert lookup.guess(0) == []


def test_the_latest_occurrence_counts() -> None:
    assert Lookup([*RUN, 1, 5, *RUN, 2, 6, *RUN]).guess(2) == [2, 6]


def test_short_or_unknown_runs_give_no_guess() -> None:
    assert Lookup([*RUN[-4:], 1, 2, *RUN[-4:]]).guess(3) == []
    assert Lookup(RUN).guess(3) == []
    assert Lookup([]).guess(3) == []


def test_a_repetition_without_end_is_guessed() -> None:
    assert Lookup([7] * 20).guess(3) == [7]
    assert Lookup([7, 8] * 10).guess(3) == [7, 8]


def test_nothing_is_guessed_before_a_token_was_timed() -> None:
    assert Pace().next_length() == 0


def test_right_guesses_make_longer_ones() -> None:
    it = pace()
    first = it.next_length()
    it.note_draft(first, first, 15.0)
    assert it.next_length() > first
    it.note_draft(7, 2, 20.0)
    assert it.next_length() == first


def test_wrong_guesses_make_a_pause() -> None:
    it = pace()
    it.note_draft(it.next_length(), 0, 15.0)
    lengths = [it.next_length() for _ in range(20)]
    assert lengths[0] == 0
    assert lengths[-1] > 0


def test_drafts_that_do_not_pay_rest_for_long_and_longer() -> None:
    it = pace()

    def rest() -> int:
        while it.next_length():
            it.note_draft(3, 1, 60.0)  # two tokens for the time of six
        n = 1
        while not it.next_length():
            n += 1
        return n

    first = rest()
    assert first > 200
    assert rest() > first


def test_past_gains_do_not_pay_for_long_losses() -> None:
    it = pace()
    for _ in range(1000):
        it.note_draft(15, 15, 80.0)
    n = 0
    while it.next_length():
        it.note_draft(3, 1, 60.0)
        n += 1
    assert n < 20
