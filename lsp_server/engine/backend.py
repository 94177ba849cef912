"""What the host serves: a model in this process.

Owns: the protocol between `worker` (which thread decodes, and for whom) and the two backends, `llama` and `scripted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps

ShouldStop = Callable[[], bool]
"""Asked between tokens and inside prefill; true means: end now, with stop type `cancelled`."""


OnLoad = Callable[[float], None]
"""Told, while a model loads, which part of it has been loaded: 0 to 1."""


class BackendError(Exception):
    """A request or a load that failed. `code` is stable; `detail` is English, for logs and the wire.

    `percent`: how far the load is that a request came too early for, where it is known.
    """

    def __init__(self, code: str, detail: str = "", percent: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.percent = percent


class Backend(Protocol):
    """A model that one thread at a time may ask to generate. The other methods may be called from any thread."""

    def props(self) -> EngineProps:
        """What is served, with the prefill speed measured so far."""
        ...

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Token ids. `add_special` adds BOS where the model wants one."""
        ...

    def generate(self, request: CompletionRequest, should_stop: ShouldStop) -> Iterator[Chunk]:
        """Generate for a prompt of token ids. The last chunk, and only that one, has a `stop_type`.

        Raises:
            BackendError: `context_too_long`, or `engine_failed`.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their beginning: what a cache spares."""
    shortest = min(len(one), len(other))
    return next((i for i in range(shortest) if one[i] != other[i]), shortest)
