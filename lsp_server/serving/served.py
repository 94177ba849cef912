"""A model that answers, with everything needed to ask it; and texts into its tokens.

Owns: what `engines` found out about one model (formats, adapters, speed). Does not own: the engine's life.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from lsp_server import messages
from lsp_server.engine.base import Engine, LoraScale
from lsp_server.errors import EngineError
from models.prompt import Kind, Prompt, Segment

COLD_PREFILL_S = 2.0
WARM_PREFILL_S = 8.0
_SPEED_HOLDS_S = 20.0
_UNMEASURED_TOKENS_PER_S = 130.0  # the 0.5B on two cores
_LEAST_PROMPT_TOKENS = 192
_REMEMBERED_TEXTS = 32
_MARGIN_TOKENS = 96  # template, and differences between counting pieces and the whole


@dataclass(frozen=True)
class Served:
    """One model behind one engine.

    `formats` and `lora` say, for each kind of request, how it is asked and which adapters act on it; `bare_formats`
    how the model is asked without any, and `bare_lora` what turns them off. `trouble` is why an adapter that was
    wanted does not act.
    """

    engine: Engine
    model_id: str
    title: str
    formats: Mapping[Kind, str]
    lora: Mapping[Kind, tuple[LoraScale, ...]]
    n_ctx: int
    bare_formats: Mapping[Kind, str] | None = None
    bare_lora: tuple[LoraScale, ...] = ()
    trouble: str = ""
    can_tokenize: bool = True
    is_remote: bool = False
    special_ids: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    speeds: list[tuple[float, float]] = field(default_factory=list, compare=False, repr=False)
    text_ids: OrderedDict[str, tuple[int, ...]] = field(default_factory=OrderedDict, compare=False, repr=False)
    densities: OrderedDict[str, float] = field(default_factory=OrderedDict, compare=False, repr=False)

    def format_for(self, kind: Kind) -> str:
        """The prompt format for a kind of request.

        Raises:
            EngineError: `no_format` where the model has none.
        """
        if kind not in self.formats:
            raise EngineError("no_format", messages.NO_FORMAT_FOR_KIND, model=self.title, kind=kind)
        return self.formats[kind]

    @property
    def bare(self) -> Served:
        """The same model without its adapters: what they were not trained for is best asked of their base."""
        if self.bare_formats is None:
            return self
        off = dict.fromkeys(self.bare_formats, self.bare_lora)
        return replace(self, formats=self.bare_formats, lora=off, bare_formats=None)

    async def tokens(self, prompt: Prompt) -> tuple[int, ...] | str:
        """A prompt as the engine takes it. Special tokens come from special segments alone, whatever a file holds."""
        if not self.can_tokenize:
            return _plain(prompt)
        parts = await asyncio.gather(*map(self._segment_ids, prompt.segments))
        return tuple(chain.from_iterable(parts))

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Token ids of text that is no prompt's own. The latest are remembered: one keystroke later most of a
        prompt's parts are the same, and what was counted to fit is what is sent.
        """
        ids = self.text_ids.get(text)
        if ids is None:
            ids = self.text_ids[text] = await self.engine.tokenize(text)
            while len(self.text_ids) > _REMEMBERED_TEXTS:
                self.text_ids.popitem(last=False)
        return ids

    def note_density(self, document: str, density: float) -> None:
        """Remember how far estimates of tokens are off in a document: its next window is found at the first try."""
        self.densities[document] = density
        while len(self.densities) > _REMEMBERED_TEXTS:
            self.densities.popitem(last=False)

    async def _segment_ids(self, segment: Segment) -> tuple[int, ...]:
        if not segment.is_special:
            return await self.tokenize(segment.text)
        if segment.text not in self.special_ids:
            self.special_ids[segment.text] = await self.engine.tokenize(segment.text, parse_special=True)
        return self.special_ids[segment.text]

    async def prompt_budget(self, max_tokens: int, *, is_warm: bool, n_least: int = 0) -> int:
        """Prompt tokens to spend: what the machine prefills in two seconds, more where a warm-up went before.

        A remote server is taken to be fast enough for all that fits. `n_least`: what the task itself takes, however
        slow the machine is.
        """
        room = max(self.n_ctx - max_tokens - _MARGIN_TOKENS, _LEAST_PROMPT_TOKENS)
        if self.is_remote:
            return room
        allowed = int(await self._prefill_speed() * (WARM_PREFILL_S if is_warm else COLD_PREFILL_S))
        return min(room, max(allowed, n_least, _LEAST_PROMPT_TOKENS))

    async def _prefill_speed(self) -> float:
        """Tokens per second, asked of the engine now and then: a question on the way to each answer costs time."""
        now = time.monotonic()
        asked = self.speeds[-1] if self.speeds else None
        if asked is None or now - asked[0] > _SPEED_HOLDS_S:
            speed = (await self.engine.props()).prefill_tokens_per_s
            self.speeds[:] = [asked := (now, speed)] if speed else []
        return asked[1] if asked and asked[1] else _UNMEASURED_TOKENS_PER_S


def _plain(prompt: Prompt) -> str:
    """A prompt as text for a server that tokenises by itself, and finds special tokens in a file's text too.

    There a file's text that looks like one of the prompt's own marks is pulled apart.
    """
    marks = {segment.text.strip() for segment in prompt.segments if segment.is_special} | set(prompt.stop)
    marks = {mark for mark in marks if mark.startswith("<") and mark.endswith(">")}
    parts: list[str] = []
    for segment in prompt.segments:
        text = segment.text
        for mark in () if segment.is_special else marks:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        parts.append(text)
    return "".join(parts)
