"""Guess ahead from the context, check the guesses in one batch, keep exactly greedy's output.

Prompt lookup (Saxena, 2023, https://github.com/apoorvumang/prompt-lookup-decoding): an answer repeats parts of its
context, so what followed the last few tokens when they last occurred is a good guess of what follows now. A token
checked in a batch costs less than a token decoded alone; how much less, and so how long the known run must be for a
guess to pay, was measured with `benchmarks.engine`.

Exactly greedy: llama.cpp uses other kernels for a batch than for single tokens, so logits differ a little, those of
later tokens too, since they attend to keys and values from the batch. Where the best token leads by less than that
difference, nothing from batches decides: all that was evaluated in batches is evaluated again, token by token.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

MIN_LEAD = 0.5
"""In logits: how far the best token must lead where batches had a part. Leads were seen to differ by up to 0.42."""

_RUN_LENGTHS = (12, 8)
_DRAFT_LENGTHS = (3, 7, 15)  # with the token before them 4, 8, 16: what the kernels are made for
_FIRST_PAUSE = 4
_MAX_PAUSE = 64
_CREDIT_STEPS = 6  # so many steps may drafts have cost before they rest
_FIRST_REST = 256
_MAX_REST = 1 << 14
_TIME_WEIGHT = 0.1


class Evaluator(Protocol):
    """What is needed of a KV cache: see `llama.LlamaContext`."""

    tokens: list[int]
    n_ctx: int

    def evaluate(self, tokens: Sequence[int], n_outputs: int) -> bool:
        """Append tokens."""
        ...

    def truncate(self, n_tokens: int) -> None:
        """Forget all but the first tokens."""
        ...

    def logits(self, index: int) -> npt.NDArray[np.float32]:
        """Logits after a token of the last batch."""
        ...


class Lookup:
    """Where each run of tokens last occurred, over a list that only grows at its end."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        for token in tokens:
            self.append(token)

    def append(self, token: int) -> None:
        """The list grows. The run that ends here is only entered now that it is known what follows it."""
        end = len(self._tokens)
        for length in _RUN_LENGTHS:
            if end >= length:
                self._after[tuple(self._tokens[end - length :])] = end
        self._tokens.append(token)

    def guess(self, n_tokens: int) -> list[int]:
        """What followed the longest known run that the list ends with; nothing where none is known."""
        for length in _RUN_LENGTHS:
            at = self._after.get(tuple(self._tokens[-length:]))
            if at is not None:
                return self._tokens[at : at + n_tokens]
        return []


class Pace:
    """How many tokens to guess: more while guesses are right, none for a while after they were wrong.

    It also keeps an account of the time that drafts have spared and cost. Where they do not pay, on this machine and
    with this model, they stop for long. One account serves all answers of a model.
    """

    def __init__(self) -> None:
        self._level = 0
        self._misses = 0
        self._pause = 0
        self._plain_ms = 0.0
        self._balance_ms = 0.0
        self._rest = _FIRST_REST

    def next_length(self) -> int:
        """Tokens to guess now; 0 while pausing, and until it is known what a token costs alone."""
        if self._pause or not self._plain_ms:
            self._pause = max(0, self._pause - 1)
            return 0
        return _DRAFT_LENGTHS[self._level]

    def note_plain(self, ms: float) -> None:
        """A token was evaluated alone."""
        self._plain_ms += (ms - self._plain_ms) * (_TIME_WEIGHT if self._plain_ms else 1.0)

    def note_draft(self, n_drafted: int, n_right: int, ms: float) -> None:
        """A draft was checked: it gave `n_right` tokens and the one after them."""
        if n_right == n_drafted:
            self._level = min(self._level + 1, len(_DRAFT_LENGTHS) - 1)
        else:
            self._level = 0
        self._misses = self._misses + 1 if n_right == 0 else 0
        if self._misses:
            self._pause = min(_FIRST_PAUSE << self._misses, _MAX_PAUSE)
        self.note_cost(ms - (n_right + 1) * self._plain_ms)

    def note_cost(self, ms: float) -> None:
        """Drafts cost this much time, or spared it where it is negative."""
        self._balance_ms = min(self._balance_ms - ms, _CREDIT_STEPS * self._plain_ms)
        if self._balance_ms < -_CREDIT_STEPS * self._plain_ms:
            self._balance_ms = 0.0
            self._pause = self._rest
            self._rest = min(2 * self._rest, _MAX_REST)


class Drafter:
    """Greedy decoding with drafts, over one context and for one answer."""

    MAX_BATCH = 1 + _DRAFT_LENGTHS[-1]

    def __init__(self, context: Evaluator, pace: Pace) -> None:
        self.n_drafted = 0
        self.n_accepted = 0
        self._context = context
        self._pace = pace
        self._lookup = Lookup(context.tokens)
        self._n_plain = len(context.tokens)  # so many tokens of the cache owe nothing to drafts
        self._has_drafts = False

    def tokens(self) -> Iterator[int]:
        """Endless. All but the token yielded last are in the cache when it is yielded."""
        context = self._context
        token = int(context.logits(-1).argmax())
        while True:
            self._lookup.append(token)
            yield token
            n_free = context.n_ctx - len(context.tokens) - 1
            draft = self._lookup.guess(max(0, min(self._pace.next_length(), n_free)))
            if draft:
                accepted, token = self._verify(token, draft)
                for guessed in accepted:
                    self._lookup.append(guessed)
                    yield guessed
            else:
                started = time.perf_counter()
                context.evaluate((token,), 1)
                self._pace.note_plain(_ms_since(started))
                token = self._decided()

    def _verify(self, token: int, draft: list[int]) -> tuple[list[int], int]:
        """Returns the guesses that greedy decoding would have chosen, and the token it chooses after them."""
        n_before = len(self._context.tokens)
        if not self._has_drafts:
            self._n_plain, self._has_drafts = n_before, True
        started = time.perf_counter()
        self._context.evaluate((token, *draft), len(draft) + 1)
        ms = _ms_since(started)
        n_right = 0
        while n_right < len(draft) and _best(self._context.logits(n_right)) == (draft[n_right], True):
            n_right += 1
        self.n_drafted += len(draft)
        self.n_accepted += n_right
        self._pace.note_draft(len(draft), n_right, ms)
        best, is_sure = _best(self._context.logits(n_right))
        self._context.truncate(n_before + 1 + n_right)
        return draft[:n_right], best if is_sure else self._repeat_plainly()

    def _decided(self) -> int:
        """The token that greedy decoding chooses after one that was evaluated alone."""
        logits = self._context.logits(-1)
        if not self._has_drafts:
            return int(logits.argmax())
        best, is_sure = _best(logits)
        return best if is_sure else self._repeat_plainly()

    def _repeat_plainly(self) -> int:
        """Evaluate alone what owes something to drafts; the choice that follows is plain decoding's."""
        again = self._context.tokens[self._n_plain :]
        started = time.perf_counter()
        self._context.truncate(self._n_plain)
        for token in again:
            self._context.evaluate((token,), 1)
        self._pace.note_cost(_ms_since(started))
        self._has_drafts = False
        return int(self._context.logits(-1).argmax())


def _best(logits: npt.NDArray[np.float32]) -> tuple[int, bool]:
    """The best token, and whether it leads far enough although batches had a part in these logits."""
    best = int(logits.argmax())
    return best, int(np.count_nonzero(logits > logits[best] - MIN_LEAD)) == 1


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
