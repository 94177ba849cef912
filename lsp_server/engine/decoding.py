"""A backend over a real model: prefill what is not cached, then decode until something says stop.

Owns: the loop from prompt to chunks, and what it measures. Does not own: llama.cpp (`llama`), the choice of a cache
(`slots`), guessing ahead (`drafting`), or whose turn it is (`worker`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lsp_server.engine.backend import BackendError, OnLoad, ShouldStop, shared_length
from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps, StopType, Timings
from lsp_server.engine.drafting import Drafter, Pace
from lsp_server.engine.llama import LlamaContext, LlamaModel, Sampler
from lsp_server.engine.slots import Slots
from lsp_server.engine.textstream import TextStream

_N_BATCH = 128
_MAX_SLOTS = 4
_MIN_SLOTS = 2
_KV_BYTES = 1 << 30
_SPEED_FROM_TOKENS = 32
_SPEED_WEIGHT = 0.3


@dataclass(frozen=True)
class DecodingOptions:
    """How a model is loaded. `n_threads` is the number of threads that compute."""

    model: Path
    adapters: tuple[Path, ...] = ()
    n_ctx: int = 4096
    n_threads: int = 1
    n_gpu_layers: int = -1
    may_draft: bool = False


class LlamaBackend:
    """Fulfils `Backend`. Greedy and repeatable unless a temperature is asked for."""

    def __init__(self, options: DecodingOptions, pace: Pace | None = None, on_load: OnLoad | None = None) -> None:
        self._options = options
        self._model = LlamaModel(options.model, options.adapters, options.n_gpu_layers, on_load)
        self._n_ctx = min(options.n_ctx, self._model.n_ctx_train)
        limit = _KV_BYTES // (self._model.kv_bytes_per_token * self._n_ctx)
        self._slots = Slots(self._new_context, limit=max(_MIN_SLOTS, min(_MAX_SLOTS, limit)))
        self._pace = pace or Pace()
        self._prefill_tokens_per_s = 0.0
        self._warm_up()

    def props(self) -> EngineProps:
        """See `Backend`."""
        return EngineProps(
            model_path=str(self._options.model),
            n_ctx=self._n_ctx,
            prefill_tokens_per_s=self._prefill_tokens_per_s,
            adapters=tuple(str(adapter) for adapter in self._options.adapters),
        )

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """See `Backend`."""
        return self._model.tokenize(text, add_special=add_special, parse_special=parse_special)

    def generate(self, request: CompletionRequest, should_stop: ShouldStop) -> Iterator[Chunk]:
        """See `Backend`."""
        prompt = self._checked(request)
        context = self._slots.choose(request, prompt)
        n_evaluated = len(prompt) - 1 if request.n_predict else len(prompt)  # the last token's logits are needed anew
        n_cached = min(shared_length(context.tokens, prompt), n_evaluated) if request.cache_prompt else 0
        context.truncate(n_cached)
        n_cached = len(context.tokens)
        started = time.perf_counter()
        is_done = self._prefill(context, prompt, should_stop)
        n_prompt = len(context.tokens) - n_cached
        prompt_ms = (time.perf_counter() - started) * 1000
        self._note_speed(n_prompt, prompt_ms)
        timings = Timings(cached_tokens=n_cached, prompt_tokens=n_prompt, prompt_ms=prompt_ms)
        if not is_done or request.n_predict == 0:
            yield Chunk("", stop_type="limit" if is_done else "cancelled", timings=timings)
            return
        yield from self._decode(context, request, timings, should_stop)

    def close(self) -> None:
        """See `Backend`."""
        self._slots.close()
        self._model.close()

    def _checked(self, request: CompletionRequest) -> tuple[int, ...]:
        prompt = request.prompt
        if isinstance(prompt, str) or not prompt:
            raise BackendError("bad_request", "the prompt must be token ids, at least one")
        if len(prompt) >= self._n_ctx:
            raise BackendError("context_too_long", f"the prompt has {len(prompt)} tokens, n_ctx is {self._n_ctx}")
        if not (min(prompt) >= 0 and max(prompt) < self._model.n_vocab):
            raise BackendError("bad_request", f"token ids go from 0 to {self._model.n_vocab - 1}")
        return prompt

    def _prefill(self, context: LlamaContext, prompt: tuple[int, ...], should_stop: ShouldStop) -> bool:
        """Evaluate what the cache lacks, batch by batch. False where it was stopped."""
        while (n_done := len(context.tokens)) < len(prompt):
            batch = prompt[n_done : n_done + context.n_batch]
            is_last = n_done + len(batch) == len(prompt)
            if should_stop() or not context.evaluate(batch, int(is_last), should_stop):
                return False
        return True

    def _decode(
        self, context: LlamaContext, request: CompletionRequest, timings: Timings, should_stop: ShouldStop
    ) -> Iterator[Chunk]:
        stream = TextStream(request.stop)
        drafter = Drafter(context, self._pace) if self._options.may_draft and request.temperature <= 0 else None
        n_said = 0
        stop_type: StopType = "eos"
        started = time.perf_counter()
        for token in self._tokens(context, request, drafter):
            if self._model.ends_generation(token):
                break
            n_said += 1
            text = stream.feed(self._model.piece(token))
            # The text before a stop string belongs to this token; what is held back comes with a later one.
            yield Chunk(text, 1, tokens=(token,))
            if stream.is_stopped:
                stop_type = "word"
                break
            if n_said == request.n_predict or len(request.prompt) + n_said >= context.n_ctx:
                stop_type = "limit"
                break
            if should_stop():
                stop_type = "cancelled"
                break
        predicted_ms = (time.perf_counter() - started) * 1000
        timings = replace(timings, predicted_tokens=n_said, predicted_ms=predicted_ms)
        if drafter is not None:
            timings = replace(timings, drafted_tokens=drafter.n_drafted, accepted_tokens=drafter.n_accepted)
        yield Chunk(stream.finish(), stop_type=stop_type, timings=timings)

    def _tokens(self, context: LlamaContext, request: CompletionRequest, drafter: Drafter | None) -> Iterator[int]:
        """Endless: each token is evaluated when the next one is asked for."""
        if drafter is not None:
            yield from drafter.tokens()
            return
        pick, close = _picker(context, request)
        try:
            while True:
                token = pick()
                yield token
                context.evaluate((token,), 1)
        finally:
            close()

    def _new_context(self) -> LlamaContext:
        return self._model.context(self._n_ctx, self._options.n_threads, _N_BATCH, n_outputs=Drafter.MAX_BATCH)

    def _warm_up(self) -> None:
        """Read the weights once, make the first cache, and measure how fast a prompt is evaluated here."""
        context = self._slots.choose(CompletionRequest(prompt=(), n_predict=0), ())
        context.evaluate((0,), 0)
        started = time.perf_counter()
        context.evaluate((0,) * _SPEED_FROM_TOKENS, 0)
        self._note_speed(_SPEED_FROM_TOKENS, (time.perf_counter() - started) * 1000)
        context.truncate(0)

    def _note_speed(self, n_tokens: int, ms: float) -> None:
        if n_tokens < _SPEED_FROM_TOKENS or ms <= 0:
            return
        speed, known = n_tokens / ms * 1000, self._prefill_tokens_per_s
        self._prefill_tokens_per_s = known + _SPEED_WEIGHT * (speed - known) if known else speed


def _picker(context: LlamaContext, request: CompletionRequest) -> tuple[Callable[[], int], Callable[[], None]]:
    if request.temperature <= 0:
        return lambda: int(context.logits(-1).argmax()), lambda: None
    sampler = Sampler(request.temperature, request.seed)
    return lambda: context.sample(sampler), sampler.close
