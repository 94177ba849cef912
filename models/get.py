"""`models get`: a fetch with its progress shown to a person, or told to a program line by line."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol

from models.catalog import Catalog
from models.console import print_json
from models.errors import ModelError
from models.fetch import Notice, Progress, fetch
from models.messages import FETCH_CANCELLED, GOT, SOURCE_NOTICE
from models.store import Store

if TYPE_CHECKING:
    from tqdm import tqdm

_EVERY_S = 0.2


class _View(Protocol):
    """How a fetch is shown."""

    def source(self, notice: Notice) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def done(self, path: str) -> None: ...
    def error(self, error: ModelError) -> None: ...
    def is_gone(self) -> bool:
        """Whether nobody watches any more."""


def get_model(spec: str, progress: str) -> int:
    """Fetch a model; `progress` is `bar`, `json` or `none`. Gives the exit code."""
    # An editor that cancels ends this process: pip, if it is running, has to end with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    view: _View = {"bar": _Bar, "json": _Lines, "none": _Silent}[progress]()
    store = Store()
    try:
        entry = Catalog.load().resolve(spec)
        fetch(entry, store, view.progress, view.is_gone, on_source=view.source)
    except ModelError as error:
        view.error(error)
        return 1
    except KeyboardInterrupt:
        view.error(ModelError("fetch-cancelled", FETCH_CANCELLED))
        return 1
    view.done(str(store.path(entry)))
    return 0


class _Silent:
    """Errors only."""

    def source(self, notice: Notice) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass

    def done(self, path: str) -> None:
        pass

    def error(self, error: ModelError) -> None:
        print(error, file=sys.stderr)

    def is_gone(self) -> bool:
        return False


class _Bar(_Silent):
    """A progress bar on stderr."""

    def __init__(self) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._phase = ""

    def source(self, notice: Notice) -> None:
        size = round(notice.size_bytes / 1e6)
        text = SOURCE_NOTICE(
            model=notice.model, size=size, licence=notice.licence, licence_url=notice.licence_url, where=notice.where
        )
        self._close()
        print(text, file=sys.stderr)

    def progress(self, progress: Progress) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - needed here only

        if progress.phase == "waiting":
            return
        if self._bar is None or progress.phase != self._phase:
            self._close()
            self._phase = progress.phase
            description = "SHA-256" if progress.phase == "verify" else ""
            self._bar = tqdm(total=progress.total_bytes or None, unit="B", unit_scale=True, desc=description)
        self._bar.update(progress.done_bytes - self._bar.n)

    def done(self, path: str) -> None:
        self._close()
        print(GOT(path=path))

    def error(self, error: ModelError) -> None:
        self._close()
        super().error(error)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Lines(_Silent):
    """One JSON object a line on stdout, errors on stderr too. A reader that is gone has cancelled the fetch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -_EVERY_S
        self._phase = ""
        self._gone = False

    def source(self, notice: Notice) -> None:
        self._print({"event": "source", **vars(notice)})

    def progress(self, progress: Progress) -> None:
        is_last = progress.done_bytes == progress.total_bytes
        if progress.phase == self._phase and not is_last and self._clock() - self._last < _EVERY_S:
            return
        self._last, self._phase = self._clock(), progress.phase
        self._print({"event": "progress", **vars(progress)})

    def done(self, path: str) -> None:
        self._print({"event": "done", "path": path})

    def error(self, error: ModelError) -> None:
        self._print({"event": "error", "code": error.code, "message": str(error)})
        super().error(error)

    def is_gone(self) -> bool:
        return self._gone

    def _print(self, event: dict[str, object]) -> None:
        try:
            print_json(event)
        except OSError:  # the pipe is closed: the language server ended
            self._gone = True
