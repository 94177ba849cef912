"""The way from a place in a file to code for it: instruction → context → prompt → engine → shaping.

Owns: walking that way, streaming, going on after an interruption, variants. Does not own: when to walk it
(`scheduler`), or which model answers (`engines`). Used by the features, by `kodopis ask` and by the benchmarks.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from lsp_server.engine.base import Chunk, CompletionRequest, LoraScale, Priority, Timings
from lsp_server.request import context, instruction, needed
from lsp_server.request.context import Budget, Context
from lsp_server.request.instruction import Insertion, Instruction
from lsp_server.serving.served import Served
from lsp_server.shaping import Shaper
from lsp_server.source.document import Place, Source
from models.prompt import CodeRequest, Kind, Prompt, render_code

SUFFIX_SHARE = 0.2
LINE_HEAD_CHARS = 1_000
"""How much of a long line the model sees before the cursor."""
LONG_LINE_HEAD_CHARS = 200  # shorter ones fit into the margin of every prompt
MAX_SUFFIX_LINES = 16
LONG_INSTRUCTION_CHARS = 400
_MAX_TASK_TOKENS = 1_000
_TASK_SHARE = 2.3  # room for its second telling in a conversation, for the code below, for what is above
_VARIANT_TEMPERATURES = (0.6, 0.8, 1.0, 1.2)
_VARIANTS = itertools.count(1)


@dataclass(frozen=True)
class Question:
    """What is asked for. `is_automatic`: nobody pressed a key, so only a finished instruction is answered.

    `time_budget_ms` (0: none) ends an answer at the first line end after it.
    """

    source: Source
    cursor: Place
    is_automatic: bool = False
    may_be_english: bool = True
    earlier_cells: tuple[str, ...] = ()
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    time_budget_ms: int = 0
    document: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the model is asked."""

    question: Question
    kind: Kind
    instruction: Instruction | None
    insertion: Insertion
    context: Context
    prompt: Prompt
    tokens: tuple[int, ...] | str
    lora: tuple[LoraScale, ...] = ()

    @property
    def replaced(self) -> str:
        """What stands now in the range that the answer replaces."""
        return self.question.source.line(self.insertion.line)[: self.insertion.replace_end]


def locate(question: Question) -> tuple[Instruction | None, Insertion] | None:
    """What is asked and where; None where an automatic request has nothing to answer."""
    found = instruction.find(
        question.source, question.cursor, automatic=question.is_automatic, english=question.may_be_english
    )
    if found is not None:
        return found, found.place
    if question.is_automatic:
        return None
    return None, instruction.insertion_at(question.source, question.cursor)


async def make_plan(
    served: Served,
    question: Question,
    *,
    is_warm: bool = False,
    kind: Kind | None = None,
    located: tuple[Instruction | None, Insertion] | None = None,
) -> Plan | None:
    """Settle what the model will see; None where an automatic request has nothing to answer.

    `located`: what `locate` found, where the caller has it already.
    """
    located = located or locate(question)
    if located is None:
        return None
    asked, insertion = located
    served = _asked(served, asked)
    kind = kind or _kind_of(served, asked)
    name = served.format_for(kind)
    n_task = await _tokens_of_task(served, question.source, asked, insertion) if asked else 0
    n_prompt = await served.prompt_budget(question.max_tokens, is_warm=is_warm, n_least=int(n_task * _TASK_SHARE))
    n_suffix = int(n_prompt * SUFFIX_SHARE)
    text, n_extra = await _fitting(served, asked.text if asked else "", n_prompt // 3)
    n_unseen = max(len(insertion.line_head) - LINE_HEAD_CHARS, 0)
    line_head = insertion.line_head[n_unseen:]
    n_extra += context.estimate_tokens(line_head) if len(line_head) > LONG_LINE_HEAD_CHARS else 0
    seen = await context.build(
        question.source,
        insertion,
        served.tokenize if served.can_tokenize else None,
        Budget(n_prompt - n_suffix - n_extra, n_suffix, MAX_SUFFIX_LINES),
        earlier_cells=question.earlier_cells,
        instruction=asked,
        density=served.densities.get(question.document, 0.0),
    )
    served.note_density(question.document, seen.density)
    start = needed.beginning(question.source, insertion, asked, question.earlier_cells) if asked else ""
    request = CodeRequest(text, seen.prefix, seen.suffix, line_head, start, seen.tail)
    prompt = render_code(name, request)
    if n_unseen:  # the answer goes on from all of the line
        prompt = replace(prompt, answer_head=insertion.line_head[:n_unseen] + prompt.answer_head)
    tokens = await served.tokens(prompt)
    return Plan(question, kind, asked, insertion, seen, prompt, tokens, served.lora.get(kind, ()))


def _asked(served: Served, asked: Instruction | None) -> Served:
    """Adapters are trained on Russian: an English instruction is for their base alone."""
    return served.bare if asked is not None and asked.language == "en" else served


def _kind_of(served: Served, asked: Instruction | None) -> Kind:
    kind: Kind = "fim" if asked is None else "docstring" if asked.kind == "docstring" else "code"
    return kind if kind in served.formats else "code"


async def _tokens_of_task(served: Served, source: Source, asked: Instruction, insertion: Insertion) -> int:
    """How many prompt tokens the task alone takes: a docstring with its function's header, a long comment."""
    lines = (source.line(number) + "\n" for number in range(asked.begins_at, insertion.line))
    text = "".join(lines)
    if len(text) < LONG_INSTRUCTION_CHARS or not served.can_tokenize:
        return min(context.estimate_tokens(text), _MAX_TASK_TOKENS)
    return min(len(await served.tokenize(text)), _MAX_TASK_TOKENS)


async def _fitting(served: Served, text: str, max_tokens: int) -> tuple[str, int]:
    """The beginning of an instruction that fits, and the tokens that a long one takes from the context."""
    if len(text) < LONG_INSTRUCTION_CHARS:
        return text, 0
    n_tokens = len(await served.tokenize(text)) if served.can_tokenize else context.estimate_tokens(text)
    return text[: len(text) * max_tokens // max(n_tokens, max_tokens)], min(n_tokens, max_tokens)


class Answer:
    """An answer that grows. It may be interrupted (close the stream) and gone on with, at no cost but the wait.

    `text` replaces the plan's range; each of its values is a beginning of the later ones. `is_cut`: the time budget
    ended it. `stop_type` is the engine's, or "shape" where the code was over before the model was, or "time".
    """

    def __init__(self, plan: Plan, priority: Priority = Priority.MANUAL) -> None:
        self.plan = plan
        self.priority = priority
        self.text = ""
        self.is_done = False
        self.is_cut = False
        self.stop_type = ""
        self.n_tokens = 0
        self.ttft_ms: float | None = None
        self.timings = Timings()
        self._first_token = self._last_token = 0.0
        self._budget_ms = plan.question.time_budget_ms
        self._asked = self._budget_from = time.monotonic()
        self._raw: list[str] = []

    @cached_property
    def _shaper(self) -> Shaper:
        """Made when the first token comes: it parses the file, which the request need not wait for."""
        plan = self.plan
        return Shaper(plan.question.source, plan.insertion, plan.instruction, plan.prompt.answer_head)

    @property
    def decode_ms(self) -> float:
        """Time from the first token to the last. The engine's own timings come only where it was not stopped."""
        return (self._last_token - self._first_token) * 1000

    @property
    def raw(self) -> str:
        """What the model said, unshaped, with the part of it that the prompt ended with."""
        return self.plan.prompt.answer_head + "".join(self._raw)

    def lift(self) -> None:
        """Somebody waits for the whole answer: no time budget, and before automatic ones."""
        self._budget_ms = 0
        self.priority = Priority.MANUAL

    def renew(self) -> None:
        """Another request waits for this answer: it has the whole time budget."""
        self._budget_from = time.monotonic()

    async def stream(self, served: Served) -> AsyncGenerator[str, None]:
        """Generate, or go on generating; yields `text` each time it has grown, and at the end.

        Raises:
            EngineError: the engine is gone or refuses; what was said until then is kept, and can be gone on with.
        """
        while not self.is_done:
            chunks = cast("AsyncGenerator[Chunk, None]", served.engine.complete(await self.request(served)))
            async with aclosing(chunks):
                async for chunk in chunks:
                    before = self.text
                    self._take(chunk)
                    if self.text != before and not self.is_done:
                        yield self.text
                    if self.is_done:
                        break
        yield self.text

    async def request(self, served: Served) -> CompletionRequest:
        """What the engine is asked: the prompt, and after an interruption what was said already.

        That is tokenised anew, for the last token may have been said in part only (half a character).
        """
        plan = self.plan
        prompt, said = plan.tokens, "".join(self._raw)
        if isinstance(prompt, str):
            prompt += said
        elif said:
            prompt = (*prompt, *await served.tokenize(said))
        return CompletionRequest(
            prompt=prompt,
            n_predict=max(plan.question.max_tokens - self.n_tokens, 1),
            stop=plan.prompt.stop,
            temperature=plan.question.temperature,
            seed=plan.question.seed,
            lora=plan.lora,
            family=plan.prompt.family,
            document=plan.question.document,
            priority=self.priority,
        )

    def _take(self, chunk: Chunk) -> None:
        if chunk.n_tokens:
            self._last_token = time.monotonic()
            if self.ttft_ms is None:
                self._first_token = self._last_token
                self.ttft_ms = (self._first_token - self._asked) * 1000
        self.n_tokens += chunk.n_tokens
        if chunk.stop_type is not None:
            self.timings = chunk.timings
        if chunk.text:
            self._raw.append(chunk.text)
            self._shaper.feed(chunk.text)
            self.text = self._shaper.partial
        if self._shaper.done:
            self._end("shape", is_whole=True)
        elif chunk.stop_type in ("eos", "word", "limit"):
            self._end(chunk.stop_type, is_whole=chunk.stop_type != "limit")
        elif self._is_late and "\n" in chunk.text and self.text.strip():
            self.is_cut = True
            self._end("time", is_whole=False)

    @property
    def _is_late(self) -> bool:
        return bool(self._budget_ms) and (time.monotonic() - self._budget_from) * 1000 >= self._budget_ms

    def _end(self, stop_type: str, *, is_whole: bool) -> None:
        self.stop_type = stop_type
        self.text = self._shaper.finish(truncated=not is_whole).text
        self.is_done = True


def other_kind(served: Served, answer: Answer) -> Kind | None:
    """The kind of request to try next where an answer has come to nothing; None where no other form is known.

    Greedy decoding would say the same again; in another form a model often answers what it left unanswered.
    """
    kind: Kind = "docstring" if answer.plan.kind == "code" else "code"
    served = _asked(served, answer.plan.instruction)
    is_empty = answer.is_done and not answer.is_cut and not answer.text.strip()
    is_other = served.formats.get(kind) not in (None, served.formats.get(answer.plan.kind))
    return kind if is_empty and answer.plan.instruction is not None and is_other else None


async def variants(served: Served, question: Question, count: int, *, is_warm: bool = False) -> AsyncGenerator[Answer]:
    """Up to `count` different answers, the greedy one first; fewer where the model has no more to say.

    They are asked for under a name of their own: two requests by hand under one, each of which is asked again when it
    is replaced, would replace each other for ever.
    """
    seen: set[str] = set()
    document = f"{question.document}#{next(_VARIANTS)}" if question.document else ""
    plan = await make_plan(served, replace(question, is_automatic=False, time_budget_ms=0), is_warm=is_warm)
    if plan is None:
        return
    for attempt, temperature in enumerate((plan.question.temperature, *_VARIANT_TEMPERATURES)):
        if len(seen) == count:
            return
        asked = replace(plan.question, temperature=temperature, seed=attempt, document=document)
        answer = Answer(replace(plan, question=asked))
        async for _ in answer.stream(served):
            pass
        if answer.text.strip() and answer.text.strip() not in seen:
            seen.add(answer.text.strip())
            yield answer


async def warm_up(served: Served, question: Question) -> None:
    """Prefill what a request at this place would see, at the lowest priority."""
    plan = await make_plan(served, replace(question, is_automatic=False), is_warm=True, kind="code")
    if plan is None:
        return
    request = replace(await Answer(plan, Priority.WARM_UP).request(served), n_predict=0)
    chunks = cast("AsyncGenerator[Chunk, None]", served.engine.complete(request))
    async with aclosing(chunks):
        async for _ in chunks:
            pass
