"""Whose turn it is: one model, one thread that decodes, many requests that want it.

Owns: the queue and its rules. Does not own: HTTP (`host`), or decoding (a `Backend`).

The rules:
- A higher priority goes first, and interrupts a lower one that runs. What was interrupted before it said anything
  waits for its next turn (its prefilled prompt stays in the backend's cache); else it ends as `superseded`.
- The newest request of a document replaces older ones of that document which have no higher priority: they end as
  `superseded`, which is an answer, not an error.
- Among equals, who came first goes first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from lsp_server.engine.backend import Backend, BackendError, OnLoad
from lsp_server.engine.base import Chunk, CompletionRequest, StopType

log = logging.getLogger(__name__)

Emit = Callable[[Chunk | BackendError], None]


class Job:
    """One request in the queue. `emit` is called from the worker's thread, or from the one that ends the job."""

    def __init__(self, request: CompletionRequest, emit: Emit) -> None:
        self.request = request
        self.emit = emit
        self.end_as: StopType | None = None
        self.must_yield = False
        self.has_spoken = False

    def should_stop(self) -> bool:
        """Asked by the backend between tokens; two attribute reads, no lock."""
        return self.must_yield or self.end_as is not None

    def deliver(self, chunk: Chunk) -> None:
        """Pass a chunk on."""
        self.has_spoken = self.has_spoken or bool(chunk.n_tokens)
        self.emit(chunk)


class Worker:
    """The thread that owns the model: loads it, then serves the queue until `close`."""

    def __init__(self, load: Callable[[OnLoad], Backend], on_loaded: Callable[[BackendError | None], None]) -> None:
        self._load = load
        self._on_loaded = on_loaded
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="decode", daemon=True)
        self.backend: Backend | None = None
        self.load_error: BackendError | None = None
        self.load_percent: int | None = None

    def start(self) -> None:
        """Begin loading the model."""
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether anything runs or waits."""
        with self._changed:
            return self._running is not None or bool(self._waiting)

    def submit(self, request: CompletionRequest, emit: Emit) -> Job:
        """Queue a request; its chunks, the last one with a stop type, go to `emit`."""
        job = Job(request, emit)
        with self._changed:
            replaced = [other for other in self._waiting if _replaces(job, other)]
            for other in replaced:
                self._waiting.remove(other)
            if self._running is not None:
                if _replaces(job, self._running):
                    self._running.end_as = self._running.end_as or "superseded"
                elif job.request.priority > self._running.request.priority:
                    self._running.must_yield = True
            self._waiting.append(job)
            self._changed.notify()
        for other in replaced:
            other.emit(Chunk("", stop_type="superseded"))
        return job

    def cancel(self, job: Job) -> None:
        """End a job nobody waits for any more. A job that only waited just disappears."""
        with self._changed:
            job.end_as = job.end_as or "cancelled"
            if job in self._waiting:
                self._waiting.remove(job)

    def close(self, timeout_s: float = 5.0) -> None:
        """End everything that runs or waits, and free the model."""
        with self._changed:
            self._is_closed = True
            for job in (*self._waiting, *([self._running] if self._running else [])):
                job.end_as = job.end_as or "cancelled"
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _note_load(self, part: float) -> None:
        self.load_percent = int(part * 100)

    def _serve(self) -> None:
        try:
            self.backend = self._load(self._note_load)
        except BackendError as error:
            self.load_error = error
        except Exception as error:
            log.exception("loading the model failed")
            self.load_error = BackendError("engine_failed", repr(error))
        self._on_loaded(self.load_error)
        if self.backend is None:
            return
        while (job := self._next()) is not None:
            self._run(self.backend, job)
        self.backend.close()

    def _next(self) -> Job | None:
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                for job in self._waiting:
                    job.emit(Chunk("", stop_type="cancelled"))
                return None
            # max() returns the first of equals: who came first goes first.
            job = max(self._waiting, key=lambda waiting: waiting.request.priority)
            self._waiting.remove(job)
            job.must_yield = False
            self._running = job
            return job

    def _run(self, backend: Backend, job: Job) -> None:
        try:
            for chunk in backend.generate(job.request, job.should_stop):
                if chunk.stop_type != "cancelled":
                    job.deliver(chunk)
                elif not self._put_back(job):
                    job.deliver(replace(chunk, stop_type=job.end_as or "superseded"))
        except BackendError as error:
            job.emit(error)
        except Exception as error:
            log.exception("generation failed")
            job.emit(BackendError("engine_failed", repr(error)))
        finally:
            with self._changed:
                self._running = None

    def _put_back(self, job: Job) -> bool:
        """Let an interrupted job wait for another turn, where that is invisible from outside."""
        with self._changed:
            if job.end_as is not None or job.has_spoken or self._is_closed:
                return False
            self._waiting.insert(0, job)
            return True


def _replaces(new: Job, old: Job) -> bool:
    document = new.request.document
    return bool(document) and document == old.request.document and new.request.priority >= old.request.priority
