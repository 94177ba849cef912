"""One generation for one place, which can be interrupted and gone on with while requests for it come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from lsp_server.answering.offer import agrees, closings, typed_since
from lsp_server.answering.suggest import Answer, Question, locate, make_plan, other_kind
from lsp_server.connection.workspace import LineDocument
from lsp_server.engine.base import Priority
from lsp_server.errors import EngineError
from lsp_server.request.instruction import Insertion, Instruction
from lsp_server.serving.engines import Engines
from lsp_server.serving.served import Served
from lsp_server.source.document import Place
from models.prompt import Kind


class Run:
    """A question on its way to an answer. `on_growth` is called each time the answer has grown."""

    def __init__(
        self,
        engines: Engines,
        question: Question,
        located: tuple[Instruction | None, Insertion],
        *,
        is_warm: bool,
        priority: Priority,
    ) -> None:
        self.question = question
        self.insertion = located[1]
        self._located = located
        self.settings = engines.settings
        self.answer: Answer | None = None
        self.on_growth: Callable[[], None] = _nothing
        self._engines = engines
        self._is_warm = is_warm
        self._priority = priority
        self._task: asyncio.Task[None] | None = None
        self._is_second = False
        self._typed: tuple[int, str | None] | None = None

    @property
    def task(self) -> asyncio.Task[None]:
        """The work under way; cancelled where the run was stopped."""
        assert self._task is not None
        return self._task

    @property
    def text(self) -> str:
        """The answer as far as it is."""
        return self.answer.text if self.answer else ""

    @property
    def is_done(self) -> bool:
        """Whether the answer is whole."""
        return self.answer is not None and self.answer.is_done

    @property
    def replaced(self) -> str:
        """What stood in the range when the question was asked."""
        return self.question.source.line(self.insertion.line)[: self.insertion.replace_end]

    def has_cells(self, cells: tuple[str, ...]) -> bool:
        """Whether the question was asked below these cells of a notebook."""
        return self.question.earlier_cells == cells

    def typed(self, document: LineDocument) -> str | None:
        """What stands in the range now; None where the document has changed in another way."""
        revision = document.revision
        if self._typed is None or self._typed[0] != revision:
            place = self.insertion
            now = document.snapshot()
            self._typed = (revision, typed_since(self.question.source, place.line, place.replace_end, now))
        return self._typed[1]

    def agrees(self, document: LineDocument) -> bool:
        """Whether what stands in the range now may still become (a part of) the answer."""
        typed = self.typed(document)
        return typed is not None and agrees(self.text, self.replaced, typed, is_done=self.is_done)

    def is_for(self, document: LineDocument, cursor: Place) -> bool:
        """Whether a request there is for this very answer: at the same place, or where what was typed into it ends."""
        typed = self.typed(document)
        if typed is None:
            return False
        if typed == self.replaced and cursor != self.insertion.place:
            located = locate(replace(self.question, source=document.snapshot(), cursor=cursor, is_automatic=False))
            return located is not None and located[1] == self.insertion
        line, column = self.insertion.line + typed.count("\n"), len(typed) - (typed.rfind("\n") + 1)
        closing = closings(self.text, self.replaced, typed, is_done=self.is_done)
        return any(cursor == Place(line, column - n_closing) for n_closing in closing)

    def lift(self) -> None:
        """Somebody asked by hand for what was begun automatically: no time budget, and before others."""
        self._priority = Priority.MANUAL
        if self.answer is not None:
            self.answer.lift()

    def go_on(self) -> None:
        """Begin, or go on after an interruption: each request that comes has its own time budget."""
        if self.answer is not None:
            self.answer.renew()
        before = self._task
        if before is None or before.done() or before.cancelling():
            self._task = asyncio.create_task(self._work(before))
            self._task.add_done_callback(_look_at_error)

    def stop(self) -> None:
        """Interrupt: the engine is free at once, and what it said is kept."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        for attempt in range(2):
            served = await self._engines.served(may_ask=self._priority is Priority.MANUAL)
            if self._engines.settings != self.settings:  # the question is asked anew, of this model by these settings
                raise asyncio.CancelledError
            try:
                with self._engines.thinking(served):
                    await self._generate(served)
                return
            except EngineError as error:
                if attempt or error.code != "engine_died":
                    raise
                self._engines.crashed()

    async def _generate(self, served: Served) -> None:
        if self.answer is None:
            self.answer = await self._begun(served)
        if self.answer is None:
            return
        await self._stream(served, self.answer)
        kind = None if self._is_second else other_kind(served, self.answer)
        if kind is not None:
            self._is_second = True
            self.answer = await self._begun(served, kind) or self.answer
            await self._stream(served, self.answer)

    async def _begun(self, served: Served, kind: Kind | None = None) -> Answer | None:
        plan = await make_plan(served, self.question, is_warm=self._is_warm, kind=kind, located=self._located)
        if plan is None:
            return None
        answer = Answer(plan, self._priority)
        if self._priority is Priority.MANUAL:
            answer.lift()
        return answer

    async def _stream(self, served: Served, answer: Answer) -> None:
        async with aclosing(answer.stream(served)) as texts:
            async for _ in texts:
                self.on_growth()


def _nothing() -> None:
    return


def _look_at_error(task: asyncio.Task[None]) -> None:
    """A run that nobody waits for any more must not leave an unread exception."""
    if not task.cancelled():
        task.exception()
