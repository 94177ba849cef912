"""Which cache serves which request, without a model."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lsp_server.engine.backend import BackendError
from lsp_server.engine.base import CompletionRequest
from lsp_server.engine.llama import LlamaContext
from lsp_server.engine.slots import Slots


class Cache:
    """A context that holds nothing."""

    def __init__(self) -> None:
        self.tokens: list[int] = []


def slots(n_that_fit: int) -> Slots:
    made: list[Any] = []

    def new() -> LlamaContext:
        if len(made) == n_that_fit:
            raise BackendError("out_of_memory")
        made.append(Cache())
        return cast("LlamaContext", made[-1])

    return Slots(new, limit=4)


def asked(family: str) -> CompletionRequest:
    return CompletionRequest((1,), 1, family=family, document="x.py")


def test_where_memory_ends_the_caches_that_there_are_are_taken_over() -> None:
    made = slots(n_that_fit=2)
    first, second = made.choose(asked("a"), (1,)), made.choose(asked("b"), (1,))
    assert made.choose(asked("c"), (1,)) is first
    assert made.choose(asked("a"), (1,)) is second


def test_without_memory_for_one_cache_there_is_none() -> None:
    with pytest.raises(BackendError, match="out_of_memory"):
        slots(n_that_fit=0).choose(asked("a"), (1,))
