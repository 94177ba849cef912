"""Guess ahead from the context, check the guesses in one batch, keep exactly greedy's output.

Prompt lookup (Saxena, 2023, https://github.com/apoorvumang/prompt-lookup-decoding): an answer repeats the names and
phrases of its context, so what followed the last few tokens when they last occurred is a good guess of what follows
now. On a CPU a token checked in a batch costs a fraction of a token decoded alone.

Exactly greedy: the logits of a batch differ a little from those of single tokens (other kernels, other order of sums).
Where the best token leads by less than that difference, the batch does not decide: the token is evaluated alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

MIN_LEAD = 0.5
"""How far (in logits) the best token of a batch must lead. Kernels were seen to differ by 0.14 between two tokens."""

_NGRAM_SIZES = (4, 3, 2)
_FIRST_LENGTH = 3
_MAX_PAUSE = 32


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
    """Where each short run of tokens last occurred, over a list that only grows at its end."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        for token in tokens:
            self.append(token)

    def append(self, token: int) -> None:
        """The list grows. The run that ends here is only entered once it is known what follows."""
        end = len(self._tokens)
        for size in _NGRAM_SIZES:
            if end >= size:
                self._after[tuple(self._tokens[end - size :])] = end
        self._tokens.append(token)

    def guess(self, n_tokens: int) -> list[int]:
        """What followed the longest known run that the list ends with; nothing where none is known."""
        for size in _NGRAM_SIZES:
            at = self._after.get(tuple(self._tokens[-size:]))
            if at is not None:
                return self._tokens[at : at + n_tokens]
        return []


class Drafter:
    """Greedy decoding with drafts. Adapts their length to what is accepted, and pauses where nothing is."""

    MAX_BATCH = 16

    def __init__(self) -> None:
        self.n_drafted = 0
        self.n_accepted = 0
        self._length = _FIRST_LENGTH
        self._misses = 0
        self._pause = 0

    def tokens(self, context: Evaluator) -> Iterator[int]:
        """Endless. All but the token yielded last are in the cache when it is yielded."""
        lookup = Lookup(context.tokens)
        token = int(context.logits(-1).argmax())
        while True:
            lookup.append(token)
            yield token
            draft = self._draft(lookup, context.n_ctx - len(context.tokens) - 1)
            if not draft:
                context.evaluate((token,), 1)
                token = int(context.logits(-1).argmax())
                continue
            accepted, token = self._verify(context, token, draft)
            for guessed in accepted:
                lookup.append(guessed)
                yield guessed

    def _draft(self, lookup: Lookup, n_free: int) -> list[int]:
        if self._pause:
            self._pause -= 1
            return []
        return lookup.guess(max(0, min(self._length, n_free)))

    def _verify(self, context: Evaluator, token: int, draft: list[int]) -> tuple[list[int], int]:
        """Returns the guesses that greedy decoding would have chosen, and the token it chooses after them."""
        n_before = len(context.tokens)
        batch = (token, *draft)
        context.evaluate(batch, len(batch))
        n_right = 0
        while True:
            best, is_sure = _best(context.logits(n_right))
            if not is_sure or n_right == len(draft) or best != draft[n_right]:
                break
            n_right += 1
        if is_sure:
            context.truncate(n_before + 1 + n_right)
        else:
            context.truncate(n_before + n_right)
            context.evaluate(batch[n_right : n_right + 1], 1)
            best = int(context.logits(-1).argmax())
        self._adapt(len(draft), n_right)
        return draft[:n_right], best

    def _adapt(self, n_drafted: int, n_right: int) -> None:
        self.n_drafted += n_drafted
        self.n_accepted += n_right
        if n_right == 0:
            self._misses += 1
            self._pause = min(2**self._misses, _MAX_PAUSE)
            self._length = _FIRST_LENGTH
            return
        self._misses = 0
        longer = min(2 * self._length + 1, self.MAX_BATCH - 1)
        self._length = longer if n_right == n_drafted else max(_FIRST_LENGTH, n_right)


def _best(logits: npt.NDArray[np.float32]) -> tuple[int, bool]:
    """The best token, and whether it leads far enough for a batch to decide."""
    best = int(logits.argmax())
    lead = logits[best] - MIN_LEAD
    return best, int(np.count_nonzero(logits > lead)) == 1
