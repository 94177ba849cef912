"""Asking a model without the server: what one gets from a bare model in an editor, to compare the server with.

Three ways: `prefix` (the file up to the cursor), `fim` (the file around the cursor) and `chat` (the file in a
conversation, fences taken off the answer). No context selection, no shaping. The engine is the server's own.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, cast

from lsp_server.engine.base import Chunk, CompletionRequest
from lsp_server.serving.choice import choose, serve
from lsp_server.serving.served import Served
from lsp_server.settings import Settings
from models.prompt import Prompt, Segment, Turn, chat_template_of, render_chat

Way = Literal["prefix", "fim", "chat"]

MAX_TOKENS = 512
_FENCED = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL)
_FIM_END = ("<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>")


@dataclass(frozen=True)
class BareAnswer:
    """`code` is what a person would take over; `raw` is all that the model said."""

    code: str
    raw: str
    n_tokens: int
    stop_type: str


class BareModel:
    """A model behind the engine, asked by hand."""

    def __init__(self, served: Served) -> None:
        self._served = served

    @staticmethod
    async def of(model: str) -> BareModel:
        """Reach a model, starting its engine where none runs. Raises KodopisError or ModelError."""
        return BareModel(await serve(choose(Settings(model=model, adapter="none"))))

    @property
    def name(self) -> str:
        """The catalog's id of the model."""
        return self._served.model_id

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has."""
        return len(await self._served.engine.tokenize(text)) if text else 0

    async def ask(self, way: Way, before: str, after: str, task: str, *, stop: Sequence[str] = ()) -> BareAnswer:
        """Ask once, greedily. `task` is the wording of the chat; `stop` ends a prefix answer, as evaluations do."""
        answer = await self._complete(self._prompt(way, before, after, task), stop if way == "prefix" else ())
        if way == "chat":
            fenced = _FENCED.search(answer.raw)
            code = fenced.group(1) if fenced else answer.raw
            return BareAnswer(code, answer.raw, answer.n_tokens, answer.stop_type)
        return answer

    def _prompt(self, way: Way, before: str, after: str, task: str) -> Prompt:
        if way == "prefix":
            return Prompt((Segment(before),), stop=(), family="by-hand-prefix")
        if way == "fim":
            parts = ("<|fim_prefix|>", before, "<|fim_suffix|>", after, "<|fim_middle|>")
            segments = [Segment(part, is_special=number % 2 == 0) for number, part in enumerate(parts) if part]
            return Prompt(tuple(segments), stop=_FIM_END, family="by-hand-fim")
        template = chat_template_of(self._served.format_for("chat"))
        assert template is not None
        return render_chat(template, [Turn("user", task)])

    async def _complete(self, prompt: Prompt, stop: Sequence[str]) -> BareAnswer:
        request = CompletionRequest(
            prompt=await self._served.tokens(prompt),
            n_predict=MAX_TOKENS,
            stop=(*prompt.stop, *stop),
            family=prompt.family,
            document="by-hand",
        )
        text, n_tokens, stop_type = [], 0, ""
        chunks = cast("AsyncGenerator[Chunk, None]", self._served.engine.complete(request))
        async with aclosing(chunks):
            async for chunk in chunks:
                text.append(chunk.text)
                n_tokens += chunk.n_tokens
                stop_type = chunk.stop_type or stop_type
        raw = "".join(text)
        return BareAnswer(raw, raw, n_tokens, stop_type)

    async def close(self) -> None:
        """Let go of the engine."""
        await self._served.engine.close()
