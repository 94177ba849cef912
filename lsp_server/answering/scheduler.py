"""When a model is asked, for whom, and when not: one answer at a time for each document.

Owns: the newest request wins, typing through, the cache, dropping what no longer fits, warm-up. Does not own: making
an answer (`suggest`), or LSP (`features`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from lsp_server import messages
from lsp_server.answering.cache import AnswerCache, Found, Known
from lsp_server.answering.offer import Offer, rebase, typed_since
from lsp_server.answering.run import Run
from lsp_server.answering.statistics import Statistics
from lsp_server.answering.suggest import Answer, Question, locate, warm_up
from lsp_server.connection.workspace import LineDocument
from lsp_server.engine.base import Priority
from lsp_server.errors import EngineError, KodopisError
from lsp_server.serving.choice import identity
from lsp_server.serving.engines import Engines
from lsp_server.settings import Settings
from lsp_server.source.document import Place, Source
from models.errors import ModelError

logger = logging.getLogger(__name__)

OnGrowth = Callable[[Offer], None]
"""Told of an answer as far as it is."""

WARM_UP_IDLE_S = 0.6
_WARM_LINES = 40


@dataclass(eq=False)
class _Wait:
    """A request that waits for an answer. `is_command`: the answer goes into the file, it is not just shown."""

    is_automatic: bool
    is_command: bool
    revision: int
    superseded: asyncio.Future[None]


@dataclass
class _Slot:
    """What goes on in one document."""

    wait: _Wait | None = None
    run: Run | None = None
    shown: tuple[Source, Offer] | None = None
    warm_up: asyncio.Task[None] | None = None
    warm_line: int | None = None
    cells: tuple[str, ...] = field(default=())

    def is_for(self, document: LineDocument, cursor: Place) -> bool:
        """Whether the generation under way is what a request at a place asks for."""
        run = self.run
        return run is not None and run.has_cells(self.cells) and run.agrees(document) and run.is_for(document, cursor)

    def drop(self) -> None:
        """End the generation under way, which no longer fits, and the wait for it."""
        if self.run is not None:
            self.run.stop()
        self.run = None
        if self.wait is not None and not self.wait.superseded.done():
            self.wait.superseded.set_result(None)

    def stop(self) -> None:
        """End everything."""
        self.drop()
        self.wait = None
        if self.warm_up is not None:
            self.warm_up.cancel()
        self.warm_up = None


class Scheduler:
    """Answers for places in documents."""

    def __init__(
        self, engines: Engines, statistics: Statistics, session: str, on_answer: Callable[[Answer], None] | None = None
    ) -> None:
        self._engines = engines
        self._statistics = statistics
        self._session = session
        self._on_answer = on_answer
        self._cache = AnswerCache()
        self._slots: dict[str, _Slot] = {}

    async def suggest(
        self,
        document: LineDocument,
        cursor: Place,
        *,
        is_automatic: bool,
        is_command: bool = False,
        cells: tuple[str, ...] = (),
        on_growth: OnGrowth | None = None,
    ) -> Offer | None:
        """Code for a place, as an edit of the document as it is when this returns; None where there is none.

        A newer request for the document makes this one return None, a command's only one by hand. Cancelling interrupts
        the generation; what was generated is kept for a request that agrees with it.

        Raises:
            KodopisError, ModelError: why the model cannot answer; `superseded` where a command's answer was ended.
        """
        slot = self._slots.setdefault(document.uri, _Slot())
        slot.cells = cells
        by_hand = slot.wait if slot.wait is not None and not slot.wait.is_automatic else None
        if is_automatic and by_hand is not None and (by_hand.is_command or not slot.is_for(document, cursor)):
            return None  # somebody waits for an answer asked for by hand; what a command writes is not shown too
        if slot.wait is not None and not slot.wait.superseded.done():
            slot.wait.superseded.set_result(None)
        if slot.warm_up is not None:
            slot.warm_up.cancel()
        superseded = asyncio.get_running_loop().create_future()
        wait = slot.wait = _Wait(is_automatic, is_command, document.revision, superseded)
        try:
            offer = await self._answer(slot, wait, document, cursor, on_growth)
        except asyncio.CancelledError:
            if slot.wait is wait and slot.run is not None:
                slot.run.stop()
            raise
        finally:
            if slot.wait is wait:
                slot.wait = None
        if offer is None and is_command and superseded.done():
            raise EngineError("superseded", messages.ANSWER_SUPERSEDED)
        if offer is not None:
            slot.shown = (document.snapshot(), offer)
            self._statistics.shown += 1
        return offer

    def changed(self, document: LineDocument, place: Place | None, cells: tuple[str, ...] = ()) -> None:
        """A document was opened or edited (at `place`): drop what no longer agrees, and get ready for a request."""
        slot = self._slots.setdefault(document.uri, _Slot())
        slot.cells = cells
        if slot.shown is not None and self._accepted(slot.shown, document):
            self._statistics.accepted += 1
            slot.shown = None
        if slot.run is not None and not slot.run.agrees(document):
            slot.drop()
        if slot.warm_up is not None:
            slot.warm_up.cancel()
        slot.warm_up = asyncio.create_task(self._warm_up_later(slot, document, place))

    def cells_changed(self, cells_of: Callable[[str], tuple[str, ...]]) -> None:
        """A notebook was edited: drop what is made from other cells than stand above now (`cells_of` a URI)."""
        for uri, slot in self._slots.items():
            if slot.run is not None and not slot.run.has_cells(cells_of(uri)):
                slot.drop()

    def closed(self, uri: str) -> None:
        """A document was closed: nothing more is made for it."""
        if (slot := self._slots.pop(uri, None)) is not None:
            slot.stop()

    def close(self) -> None:
        """The session ends."""
        for uri in list(self._slots):
            self.closed(uri)

    def question(
        self, document: LineDocument, cursor: Place, *, is_automatic: bool, cells: tuple[str, ...] = ()
    ) -> Question:
        """A question with the user's settings."""
        settings = self._engines.settings
        return Question(
            source=document.snapshot(),
            cursor=cursor,
            is_automatic=is_automatic,
            may_be_english=not is_automatic or settings.automatic_english,
            earlier_cells=cells,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            time_budget_ms=settings.time_budget_ms if is_automatic else 0,
            document=f"{self._session}:{document.uri}",
        )

    def is_warm(self, uri: str, line: int) -> bool:
        """Whether the engine has prefilled the neighbourhood of a line."""
        slot = self._slots.get(uri)
        return slot is not None and slot.warm_line is not None and abs(slot.warm_line - line) <= _WARM_LINES

    @property
    def cache_hits(self) -> int:
        """Answers that cost no generation."""
        return self._cache.hits

    async def _answer(
        self, slot: _Slot, wait: _Wait, document: LineDocument, cursor: Place, on_growth: OnGrowth | None
    ) -> Offer | None:
        found = self._find(slot, document, cursor, is_automatic=wait.is_automatic)
        if found is not None:
            if slot.run is not None:
                slot.run.stop()  # nobody waits for it any more
            return _rest(found.known.text, found.known.replaced, found.typed, found.line)
        while True:
            run = self._run_for(slot, document, cursor, is_automatic=wait.is_automatic)
            if run is None:
                return None
            run.on_growth = lambda: self._grown(slot, document, on_growth)
            task = run.task
            await asyncio.wait({task, wait.superseded}, return_when=asyncio.FIRST_COMPLETED)
            if wait.superseded.done():
                return None
            if task.cancelled():  # what came does not agree with what was typed
                slot.run = None
                if wait.revision != document.revision:
                    return None
                continue
            slot.run = None
            await task
            return self._finished(run, document)

    def _find(self, slot: _Slot, document: LineDocument, cursor: Place, *, is_automatic: bool) -> Found | None:
        """A known answer. Asked by hand, one that was cut short or is used up does not do, nor one of several
        before anything of it was typed."""
        settings = self._engines.settings
        found = self._cache.find(document.snapshot(), cursor, _identity(settings, slot.cells))
        if found is None or is_automatic:
            return found
        is_used_up = found.known.text.strip() == found.typed.strip()
        is_another_wanted = settings.temperature > 0 and found.typed == found.known.replaced
        return None if found.known.is_cut or is_used_up or is_another_wanted else found

    def _run_for(self, slot: _Slot, document: LineDocument, cursor: Place, *, is_automatic: bool) -> Run | None:
        """The generation to wait for: the one under way (or interrupted) for this very place, else a new one."""
        settings = self._engines.settings
        if slot.run is not None and slot.run.settings == settings and slot.is_for(document, cursor):
            if not is_automatic:
                slot.run.lift()
            slot.run.go_on()
            return slot.run
        if slot.run is not None:
            slot.run.stop()
        question = self.question(document, cursor, is_automatic=is_automatic, cells=slot.cells)
        located = locate(question)
        if located is None:
            slot.run = None
            return None
        slot.run = Run(
            self._engines,
            question,
            located,
            is_warm=self.is_warm(document.uri, cursor.line),
            priority=Priority.AUTOMATIC if is_automatic else Priority.MANUAL,
        )
        slot.run.go_on()
        return slot.run

    def _grown(self, slot: _Slot, document: LineDocument, on_growth: OnGrowth | None) -> None:
        run = slot.run
        if run is None:
            return
        if not run.agrees(document):
            run.stop()
        elif on_growth is not None and (offer := _current(run, document)) is not None:
            on_growth(offer)

    def _finished(self, run: Run, document: LineDocument) -> Offer | None:
        if run.answer is None:
            return None
        self._statistics.count(run.answer)
        if self._on_answer is not None:
            self._on_answer(run.answer)
        self._engines.note_speed(self._statistics.tokens_per_s)
        question, place = run.question, run.insertion
        known = Known(run.text, run.replaced, run.answer.is_cut)
        key = _identity(run.settings, question.earlier_cells)  # those it was made with, whatever holds by now
        self._cache.put(question.source, place.line, place.replace_end, key, known)
        return _current(run, document)

    def _accepted(self, shown: tuple[Source, Offer], document: LineDocument) -> bool:
        source, offer = shown
        return typed_since(source, offer.line, offer.end_column, document.snapshot()) == offer.text

    async def _warm_up_later(self, slot: _Slot, document: LineDocument, place: Place | None) -> None:
        await asyncio.sleep(WARM_UP_IDLE_S)
        if slot.wait is not None:
            return
        if place is None and self._engines.ready is None:
            return  # opening a file alone starts no engine
        served = await self._engines.warm() if self._engines.settings.automatic else self._engines.ready
        if served is None:
            return
        cursor = place or Place(len(document.lines) - 1, 0)
        with contextlib.suppress(KodopisError, ModelError):
            await warm_up(served, self.question(document, cursor, is_automatic=False, cells=slot.cells))
            slot.warm_line = cursor.line


def _identity(settings: Settings, cells: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\0".join(cells).encode()).hexdigest()[:16] if cells else ""
    return f"{identity(settings)}:{digest}"


def _current(run: Run, document: LineDocument) -> Offer | None:
    typed = run.typed(document)
    return None if typed is None else _rest(run.text, run.replaced, typed, run.insertion.line)


def _rest(text: str, replaced: str, typed: str, line: int) -> Offer | None:
    """The offer, unless there is nothing in it."""
    if not text.strip() or text.rstrip() == replaced.rstrip():
        return None
    offer = rebase(text, replaced, typed, line)
    return None if offer is None or offer.text == typed[typed.rfind("\n") + 1 :] else offer
