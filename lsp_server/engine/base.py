"""What the server and an engine say to each other, as types.

Owns: the request, the chunk, the properties, and the protocol that every engine client fulfils. The wire form is the
subset of llama.cpp's server API described in `host` (ours) and `client` (any).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, Protocol

StopType = Literal["eos", "limit", "word", "cancelled", "superseded"]


class Priority(IntEnum):
    """Who goes first when several requests want the one model. A higher one interrupts a lower one."""

    WARM_UP = 0
    AUTOMATIC = 1
    MANUAL = 2


@dataclass(frozen=True)
class LoraScale:
    """An adapter by its place in the engine's list, and how strongly it acts (0 = off)."""

    id: int
    scale: float


@dataclass(frozen=True)
class CompletionRequest:
    """One generation.

    `prompt` is token ids, or text for endpoints that cannot tokenise. `n_predict` counts tokens; 0 only prefills
    (warm-up). `document` names the file asked for: the newest request of equal or higher priority for a document
    replaces the older one. `family` keeps KV prefixes of different templates apart. Without `cache_prompt` the prompt
    is evaluated anew, whatever the engine remembers.
    """

    prompt: tuple[int, ...] | str
    n_predict: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    seed: int = 0
    lora: tuple[LoraScale, ...] = ()
    family: str = ""
    document: str = ""
    priority: Priority = Priority.MANUAL
    cache_prompt: bool = True


@dataclass(frozen=True)
class Timings:
    """What the engine measured for one request. Times in milliseconds."""

    cached_tokens: int = 0
    prompt_tokens: int = 0
    prompt_ms: float = 0.0
    predicted_tokens: int = 0
    predicted_ms: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Decode speed, in tokens per second."""
        return self.predicted_tokens / self.predicted_ms * 1000 if self.predicted_ms else 0.0


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer, in whole characters. The last chunk of a stream has `stop_type`, and `timings`.

    `tokens` are the ids of the piece, where the engine tells them; `n_tokens` counts them anyway.
    """

    text: str
    n_tokens: int = 0
    stop_type: StopType | None = None
    timings: Timings = field(default_factory=Timings)
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class EngineProps:
    """What an engine says of itself. `n_ctx` in tokens; `prefill_tokens_per_s` is 0 until measured."""

    model_path: str
    n_ctx: int
    can_tokenize: bool = True
    prefill_tokens_per_s: float = 0.0
    adapters: tuple[str, ...] = ()


class Engine(Protocol):
    """How the server reaches a model, wherever it runs."""

    async def props(self) -> EngineProps:
        """What is served. Raises EngineError where nothing answers."""
        ...

    async def tokenize(self, text: str, *, parse_special: bool = False) -> tuple[int, ...]:
        """Token ids of `text`, no BOS or EOS added."""
        ...

    def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        """Stream an answer. Closing the iterator cancels the generation in the engine."""
        ...

    async def close(self) -> None:
        """Let go of connections. The engine process itself goes on for others."""
        ...
