"""A backend whose answers come from a script: a real engine for tests of everything around a model.

Owns: a small reversible tokenizer and the rules of the script. A script is a TOML file; the first rule whose pattern is
found in the prompt's text answers, else the answer is empty:

    n_ctx = 4096
    prefill_delay_ms = 0          # per prompt token that is not in the cache
    crash_at_load = false
    load_ms = 0                   # how long it loads

    [[answer]]
    match = "сумм"                # regular expression, searched with DOTALL
    text = "return a + b\\n"
    delay_ms = 0                  # per token
    crash_after = 3               # tokens; the process dies without a word
"""

from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from lsp_server.engine.backend import BackendError, OnLoad, ShouldStop, shared_length
from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps, LoraScale, StopType, Timings
from lsp_server.engine.textstream import TextStream

_SPECIAL = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<s>", "</s>"),
)
_PIECE = re.compile("|".join(re.escape(text) for text in _SPECIAL) + r"|\w+|[^\w\s]| +|\s")
_FIRST_SPECIAL_ID = 1 << 25
_SPECIAL_IDS = {text: (_FIRST_SPECIAL_ID + number,) for number, text in enumerate(_SPECIAL)}
_TOKEN_BYTES = 3
_CRASH_EXIT_CODE = 86
_SLEEP_STEP_S = 0.005
_LOAD_STEPS = 100


@dataclass(frozen=True)
class Rule:
    """An answer, and the prompts it is for. Times in milliseconds."""

    match: str
    text: str
    delay_ms: float = 0.0
    crash_after: int | None = None


@dataclass(frozen=True)
class Script:
    """A whole script, as its file says it."""

    answers: tuple[Rule, ...]
    n_ctx: int = 4096
    prefill_delay_ms: float = 0.0
    crash_at_load: bool = False
    load_ms: float = 0.0

    @staticmethod
    def load(path: Path) -> Script:
        """Read a script.

        Raises:
            BackendError: `script_damaged` where the file is missing or not a script.
        """
        try:
            data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            answers = tuple(Rule(**answer) for answer in data.pop("answer", []))
            return Script(answers=answers, **data)
        except (OSError, ValueError, TypeError) as error:
            raise BackendError("script_damaged", f"{path}: {error}") from error


class ScriptedBackend:
    """Answers from a script, token by token, with the bookkeeping of a prefix cache."""

    def __init__(
        self,
        script: Script,
        name: str = "scripted",
        adapters: tuple[str, ...] = (),
        on_load: OnLoad = lambda part: None,
    ) -> None:
        if script.crash_at_load:
            os._exit(_CRASH_EXIT_CODE)
        for step in range(_LOAD_STEPS if script.load_ms else 0):
            on_load(step / _LOAD_STEPS)
            time.sleep(script.load_ms / 1000 / _LOAD_STEPS)
        self._script = script
        self._props = EngineProps(model_path=name, n_ctx=script.n_ctx, adapters=adapters)
        self._cached: dict[tuple[str, tuple[LoraScale, ...]], tuple[int, ...]] = {}

    def props(self) -> EngineProps:
        """See `Backend`."""
        return self._props

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """See `Backend`."""
        return encode(text, parse_special=parse_special)

    def generate(self, request: CompletionRequest, should_stop: ShouldStop) -> Iterator[Chunk]:
        """See `Backend`."""
        prompt = tuple(int(token) for token in request.prompt)
        if len(prompt) >= self._script.n_ctx:
            raise BackendError("context_too_long", f"{len(prompt)} tokens, n_ctx is {self._script.n_ctx}")
        started = time.perf_counter()
        n_cached, n_done = self._prefill(request, prompt, should_stop)
        timings = Timings(
            cached_tokens=n_cached, prompt_tokens=n_done - n_cached, prompt_ms=(time.perf_counter() - started) * 1000
        )
        if n_done < len(prompt):
            yield Chunk("", stop_type="cancelled", timings=timings)
            return
        yield from self._answer(request, prompt, timings, should_stop)

    def close(self) -> None:
        """Nothing to free."""

    def _prefill(self, request: CompletionRequest, prompt: tuple[int, ...], should_stop: ShouldStop) -> tuple[int, int]:
        """Returns how many tokens were cached, and up to which one the prompt is evaluated now."""
        slot = (request.family, request.lora)
        known = self._cached.get(slot, ()) if request.cache_prompt else ()
        n_cached = min(shared_length(known, prompt), max(len(prompt) - 1, 0))
        done = n_cached
        while done < len(prompt):
            if not _sleep(self._script.prefill_delay_ms, should_stop):
                break
            done += 1
        self._cached[slot] = prompt[:done]
        return n_cached, done

    def _answer(
        self, request: CompletionRequest, prompt: tuple[int, ...], timings: Timings, should_stop: ShouldStop
    ) -> Iterator[Chunk]:
        asked = b"".join(map(decode, prompt)).decode("utf-8", "replace")
        rule = self._rule(asked)
        stream = TextStream(request.stop)
        stop_type: StopType = "eos"
        n_said = 0
        started = time.perf_counter()
        for token in encode(rule.text[_n_said_already(rule.text, asked) :]):
            if n_said == request.n_predict >= 0:
                stop_type = "limit"
                break
            if not _sleep(rule.delay_ms, should_stop):
                stop_type = "cancelled"
                break
            if rule.crash_after == n_said:
                os._exit(_CRASH_EXIT_CODE)
            n_said += 1
            yield Chunk(stream.feed(decode(token)), 1, tokens=(token,))
            if stream.is_stopped:
                stop_type = "word"
                break
        yield Chunk(
            stream.finish(),
            stop_type=stop_type,
            timings=replace(timings, predicted_tokens=n_said, predicted_ms=(time.perf_counter() - started) * 1000),
        )

    def _rule(self, text: str) -> Rule:
        for rule in self._script.answers:
            if re.search(rule.match, text, re.DOTALL):
                return rule
        return Rule(match="", text="")


def _n_said_already(answer: str, prompt: str) -> int:
    """How much of an answer a prompt ends with: like a model, a script goes on where it was interrupted."""
    for n_said in range(len(answer), 0, -1):
        if prompt.endswith(answer[:n_said]) and answer[:n_said].strip():
            return n_said
    return 0


def encode(text: str, *, parse_special: bool = False) -> list[int]:
    """Up to three bytes of a word, or of a run of spaces, make a token; its id is those bytes.

    So ids mean the same in every process, and a token may end inside a character, as real ones may.
    """
    special = _SPECIAL_IDS if parse_special else {}
    parts = (special.get(piece) or _ids_of(piece) for piece in _PIECE.findall(text))
    return list(chain.from_iterable(parts))


@lru_cache(maxsize=1 << 14)  # as quick as a model's own tokenizer, so that benchmarks see the server and not this
def _ids_of(piece: str) -> tuple[int, ...]:
    data = piece.encode("utf-8", "replace")
    parts = (data[at : at + _TOKEN_BYTES] for at in range(0, len(data), _TOKEN_BYTES))
    return tuple(int.from_bytes(b"\x01" + part) for part in parts)  # the 1 keeps leading zero bytes


def decode(token: int) -> bytes:
    """The bytes of a token."""
    if token >= _FIRST_SPECIAL_ID:
        return _SPECIAL[token - _FIRST_SPECIAL_ID].encode()
    return token.to_bytes(_TOKEN_BYTES + 1).lstrip(b"\0")[1:]


def _sleep(delay_ms: float, should_stop: ShouldStop) -> bool:
    """Wait, in steps short enough to be cancelled. False where it was."""
    end = time.perf_counter() + delay_ms / 1000
    while not should_stop():
        left = end - time.perf_counter()
        if left <= 0:
            return True
        time.sleep(min(left, _SLEEP_STEP_S))
    return False
