"""Whose turn it is, with the scripted backend in the worker's own thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lsp_server.engine.backend import Backend, BackendError, OnLoad
from lsp_server.engine.base import Chunk, CompletionRequest, Priority, StopType
from lsp_server.engine.scripted import Rule, Script, ScriptedBackend, encode
from lsp_server.engine.worker import Job, Worker

SLOW = Rule(match="slow", text="word " * 400, delay_ms=5)
QUICK = Rule(match="quick", text="done")
WAIT_S = 20


class Client:
    """Collects what one job says."""

    def __init__(self, worker: Worker, text: str, priority: Priority = Priority.MANUAL, document: str = "") -> None:
        self.has_text = threading.Event()
        self.has_ended = threading.Event()
        self.order: list[Client] | None = None
        self.text = ""
        self.stop_type: StopType | None = None
        self.error: BackendError | None = None
        request = CompletionRequest(tuple(encode(text)), -1, document=document, priority=priority)
        self.job: Job = worker.submit(request, self._take)

    def _take(self, item: Chunk | BackendError) -> None:
        if isinstance(item, BackendError):
            self.error = item
            self.has_ended.set()
            return
        self.text += item.text
        if item.text:
            self.has_text.set()
        if item.stop_type:
            self.stop_type = item.stop_type
            self.has_ended.set()

    def ends_as(self) -> StopType | None:
        assert self.has_ended.wait(WAIT_S)
        return self.stop_type

    def speaks(self) -> None:
        assert self.has_text.wait(WAIT_S)


@pytest.fixture
def worker() -> Iterator[Worker]:
    script = Script(answers=(SLOW, QUICK), prefill_delay_ms=5)
    worker = Worker(lambda _: ScriptedBackend(script), lambda error: None)
    worker.start()
    yield worker
    worker.close()


def test_a_request_is_answered(worker: Worker) -> None:
    client = Client(worker, "quick")
    assert client.ends_as() == "eos"
    assert client.text == "done"


def test_requests_of_equal_priority_take_turns(worker: Worker) -> None:
    first, second = Client(worker, "quick"), Client(worker, "quick")
    assert second.ends_as() == "eos"
    assert first.has_ended.is_set()


def test_the_newest_request_of_a_document_wins(worker: Worker) -> None:
    running = Client(worker, "slow", document="a.py")
    running.speaks()
    waiting = Client(worker, "slow", document="a.py")
    newest = Client(worker, "quick", document="a.py")
    assert running.ends_as() == "superseded"
    assert waiting.ends_as() == "superseded"
    assert newest.ends_as() == "eos"


def test_other_documents_are_left_alone(worker: Worker) -> None:
    running = Client(worker, "slow", document="a.py")
    running.speaks()
    other = Client(worker, "quick", document="b.py")
    unnamed = Client(worker, "quick")
    assert not running.job.should_stop()
    worker.cancel(running.job)
    assert running.ends_as() == "cancelled"
    assert other.ends_as() == "eos"
    assert unnamed.ends_as() == "eos"


def test_an_automatic_request_does_not_replace_a_manual_one(worker: Worker) -> None:
    manual = Client(worker, "slow", Priority.MANUAL, "a.py")
    manual.speaks()
    Client(worker, "quick", Priority.AUTOMATIC, "a.py")
    assert not manual.job.should_stop()


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Priority.WARM_UP, Priority.AUTOMATIC),
        (Priority.AUTOMATIC, Priority.MANUAL),
        (Priority.WARM_UP, Priority.MANUAL),
    ],
)
def test_a_higher_priority_interrupts(worker: Worker, low: Priority, high: Priority) -> None:
    running = Client(worker, "slow", low, "a.py")
    running.speaks()
    urgent = Client(worker, "quick", high, "b.py")
    assert urgent.ends_as() == "eos"
    assert running.ends_as() == "superseded"


def test_what_had_said_nothing_yet_goes_on_after_an_interruption(worker: Worker) -> None:
    prefilling = Client(worker, "quick " * 60, Priority.AUTOMATIC, "a.py")
    while not worker.is_busy or prefilling.job in worker._waiting:
        pass
    urgent = Client(worker, "quick", Priority.MANUAL, "b.py")
    assert urgent.ends_as() == "eos"
    assert not prefilling.has_ended.is_set()
    assert prefilling.ends_as() == "eos"
    assert prefilling.text == "done"


def test_a_higher_priority_goes_first(worker: Worker) -> None:
    running = Client(worker, "slow", Priority.MANUAL, "a.py")
    running.speaks()
    warm_up = Client(worker, "slow", Priority.WARM_UP, "b.py")
    automatic = Client(worker, "quick", Priority.AUTOMATIC, "c.py")
    worker.cancel(running.job)
    assert automatic.ends_as() == "eos"
    assert not warm_up.has_ended.is_set()


def test_a_waiting_request_can_be_cancelled(worker: Worker) -> None:
    running = Client(worker, "slow")
    running.speaks()
    waiting = Client(worker, "quick")
    worker.cancel(waiting.job)
    worker.cancel(running.job)
    assert running.ends_as() == "cancelled"
    assert not waiting.text
    assert not worker.is_busy or Client(worker, "quick").ends_as() == "eos"


def test_closing_ends_everything() -> None:
    worker = Worker(lambda _: ScriptedBackend(Script(answers=(SLOW,))), lambda error: None)
    worker.start()
    running, waiting = Client(worker, "slow"), Client(worker, "slow")
    running.speaks()
    worker.close()
    assert running.ends_as() == "cancelled"
    assert waiting.ends_as() == "cancelled"


def test_an_error_of_one_request_leaves_the_next_alone(worker: Worker) -> None:
    failing = Client(worker, "слово " * 5000)
    failing.ends_as()
    assert failing.error is not None
    assert failing.error.code == "context_too_long"
    assert Client(worker, "quick").ends_as() == "eos"


def test_a_load_that_fails_is_told() -> None:
    told: list[BackendError | None] = []

    def load(_on_load: OnLoad) -> Backend:
        raise BackendError("model_damaged", "no magic")

    worker = Worker(load, told.append)
    worker.start()
    worker.close()
    assert worker.load_error is not None
    assert [error.code for error in told if error] == ["model_damaged"]
