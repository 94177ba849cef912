"""The one model of this session: chosen by the settings, fetched, started and watched, and the user told of it.

Owns: when to ask, download, start and stop; the status. Does not own: what `choice` settles, or what the engine does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from lsprotocol import types

from lsp_server import messages
from lsp_server.connection.editor import Editor, State, Status
from lsp_server.engine.client import require_secure
from lsp_server.engine.local import LocalEngine
from lsp_server.engine.process import EngineProcess
from lsp_server.engine.transport import shown_url
from lsp_server.errors import KodopisError
from lsp_server.serving import consent
from lsp_server.serving.choice import Choice, Processes, choose, serve
from lsp_server.serving.download import download
from lsp_server.serving.served import Served
from lsp_server.settings import Settings
from models.catalog import ModelEntry
from models.errors import ModelError
from models.home import data_home

logger = logging.getLogger(__name__)


class Engines:
    """Gives the `Served` model to whoever needs it, and starts it once however many ask."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._settings = Settings()
        self._served: Served | None = None
        self._starting: asyncio.Task[Served] | None = None
        self._processes: Processes = {}
        self._asked: set[str] = set()
        self._fetching: asyncio.Task[bool] | None = None
        self._n_awaiting_files = 0
        self._consenting: dict[str, asyncio.Task[bool]] = {}
        self._n_thinking = 0

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def ready(self) -> Served | None:
        """The model where it answers already; nothing is started."""
        return self._served

    def configure(self, settings: Settings) -> None:
        """Take new settings. What they change about the model takes effect at the next request."""
        if settings == self._settings:
            return
        self._settings = settings
        self._let_go()

    async def served(self, *, may_ask: bool) -> Served:
        """The model that answers. With `may_ask` the user is asked, and waited for, where something needs it.

        Raises:
            KodopisError, ModelError: why there is none.
        """
        if self._served is not None:
            return self._served
        choice, settled = await self._choice(), None
        while choice.settings != settled:  # others may have come while the user was asked: they need the same
            settled = choice.settings
            if choice.is_remote:
                await self._require_consent(choice, may_ask=may_ask)
            if choice.missing is not None:
                await self._require_files(choice.missing, may_ask=may_ask)
            choice = await self._choice()
        if self._starting is None:
            if may_ask:
                self._processes = {}  # who asks by hand has perhaps mended what was wrong
            self._starting = asyncio.create_task(self._start(choice))
            self._starting.add_done_callback(_look_at_error)
        try:
            return await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if self._settings == choice.settings or (this is not None and this.cancelling()):
                raise
        return await self.served(may_ask=may_ask)  # other settings ended the start: nobody has cancelled the request

    async def warm(self) -> Served | None:
        """The model where it runs, or can be started without asking anybody anything."""
        if self._served is not None:
            return self._served
        with contextlib.suppress(KodopisError, ModelError):
            choice = await self._choice()
            if choice.missing is None and not choice.settings.endpoint:
                return await self.served(may_ask=False)
        return None

    async def fetch(self, model: str) -> bool:
        """Fetch a model (`""`: the chosen one) without asking; the user has just said so. False where cancelled."""
        settings = self._settings if not model else Settings(model=model)
        with told_of_files():
            choice = await asyncio.to_thread(choose, settings)
        return True if choice.missing is None else await self._fetch(choice.missing)

    async def stop(self) -> bool:
        """End the engine's process, for every window. False where none ran, or where it is not ours."""
        served, choice = self._served, await self._choice()
        self._let_go()
        if served is not None and isinstance(served.engine, LocalEngine):
            return await served.engine.stop()
        if choice.spec is not None and choice.missing is None:
            return await LocalEngine(_process(choice)).stop()
        return False

    async def close(self) -> None:
        """Let go of connections; the engine goes on for others, and ends by itself."""
        for task in (self._starting, *self._consenting.values()):
            if task is not None:
                task.cancel()
        if self._served is not None:
            await self._served.engine.close()

    @contextlib.contextmanager
    def thinking(self, served: Served) -> Iterator[None]:
        """Show in the status that a generation is under way."""
        self._n_thinking += 1
        self._editor.update_status(state="thinking", message=None, percent=None)
        try:
            yield
        finally:
            self._n_thinking -= 1
            if not self._n_thinking and self._served is served:
                self._editor.update_status(state="ready")

    def note_speed(self, tokens_per_s: float) -> None:
        """Show the speed of the last answer."""
        self._editor.update_status(tokens_per_s=tokens_per_s or None)

    def crashed(self) -> None:
        """An answer broke off because the engine died; it is started again. The user is told once."""
        self._editor.show_once(messages.ENGINE_RESTARTED())

    def failed(self, error: Exception) -> None:
        """Note in the status that the engine could not answer."""
        self._editor.update_status(state="error", message=str(error), percent=None)

    def _let_go(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
        self._starting = None
        self._served = None
        self._processes = {}  # what did not load before may load now
        self._editor.set_status(Status("off"))

    async def _choice(self) -> Choice:
        try:
            with told_of_files():
                while True:
                    choice = await asyncio.to_thread(choose, self._settings)
                    if choice.settings == self._settings:  # others may have come meanwhile
                        return choice
        except (KodopisError, ModelError) as error:
            self.failed(error)
            raise

    async def _start(self, choice: Choice) -> Served:
        status = Status("starting", choice.title, choice.is_remote)
        self._editor.set_status(status)
        this = asyncio.current_task()
        assert this is not None
        try:
            async with self._editor.progress(messages.LOADING_TITLE(title=choice.title)) as report:

                def on_wait(seconds: float, percent: int | None) -> None:
                    if not this.done():
                        self._editor.update_status(state="loading", percent=percent)
                        report(percent, messages.SECONDS(count=f"{seconds:.0f}"))
                    elif self._n_thinking and self._settings == choice.settings:
                        # Started again. The progress has ended, and only `thinking` tells when this has.
                        self._editor.update_status(state="loading", percent=percent)

                with told_of_files():
                    served = await serve(choice, on_wait, processes=self._processes)
        except (KodopisError, ModelError) as error:
            self.failed(error)
            raise
        except asyncio.CancelledError:
            self._editor.set_status(Status("off"))
            raise
        finally:
            if self._starting is this:  # new settings may have begun another start
                self._starting = None
        if self._settings == choice.settings:
            self._served = served
            self._editor.set_status(Status("ready", served.title, served.is_remote))
        if served.trouble:
            self._editor.show_once(served.trouble)
        return served

    async def _require_consent(self, choice: Choice, *, may_ask: bool) -> None:
        """Ask once in a session; a request that somebody made by hand asks again after a no.

        The question outlives the request that it is asked for: the next keystroke ends that one.
        """
        require_secure(choice.settings.endpoint)  # before anybody is asked about what will not be done
        endpoint = shown_url(choice.settings.endpoint)
        if consent.is_allowed(endpoint):
            return
        if endpoint not in self._consenting and (may_ask or endpoint not in self._asked):
            self._asked.add(endpoint)
            self._consenting[endpoint] = asyncio.create_task(self._ask_for_consent(endpoint))
            self._consenting[endpoint].add_done_callback(_look_at_error)
        asking = self._consenting.get(endpoint)
        if asking is not None and not may_ask:
            raise KodopisError("consent_awaited", messages.CONSENT_AWAITED, endpoint=endpoint)
        if asking is None or not await asyncio.shield(asking):
            raise KodopisError("endpoint_refused", messages.ENDPOINT_REFUSED, endpoint=endpoint)

    async def _ask_for_consent(self, endpoint: str) -> bool:
        try:
            question = messages.ENDPOINT_QUESTION(endpoint=endpoint)
            answer = await self._editor.ask(question, [messages.ENDPOINT_YES(), messages.ENDPOINT_NO()])
            if answer == messages.ENDPOINT_YES():
                with told_of_files():
                    await asyncio.to_thread(consent.allow, endpoint)
            return answer == messages.ENDPOINT_YES()
        finally:
            del self._consenting[endpoint]

    async def _require_files(self, entry: ModelEntry, *, may_ask: bool) -> None:
        """Ask once in a session; a request that somebody made by hand asks again after a no.

        The question outlives the request that it is asked for, and so does the download: who types on is not told
        meanwhile that there is no model.
        """
        if self._fetching is None and (may_ask or entry.id not in self._asked):
            self._asked.add(entry.id)
            self._fetching = asyncio.create_task(self._ask_and_fetch(entry))
            self._fetching.add_done_callback(self._fetched)
        if self._fetching is not None and not may_ask:
            raise KodopisError("model_awaited", messages.MODEL_AWAITED, title=entry.title)
        if self._fetching is None or not await self._await_files(self._fetching):
            raise KodopisError("model_not_installed", messages.MODEL_NOT_INSTALLED, title=entry.title, id=entry.id)

    async def _await_files(self, fetching: asyncio.Task[bool]) -> bool:
        self._n_awaiting_files += 1
        try:
            return await asyncio.shield(fetching)
        finally:
            self._n_awaiting_files -= 1

    async def _ask_and_fetch(self, entry: ModelEntry) -> bool:
        question = messages.DOWNLOAD_QUESTION(
            title=entry.title, size=_size(entry), licence=entry.licence, source=entry.source_url
        )
        answer = await self._editor.ask(question, [messages.DOWNLOAD_YES(), messages.DOWNLOAD_NO()])
        if answer != messages.DOWNLOAD_YES():
            return False
        try:
            return await self._fetch(entry)
        except KodopisError as error:
            # A request that waits tells of it. Where none does any more, the user has still said yes, and looks for it.
            if not self._n_awaiting_files:
                self.failed(error)
                self._editor.show(str(error))
            raise

    def _fetched(self, task: asyncio.Task[bool]) -> None:
        self._fetching = None
        _look_at_error(task)

    async def _fetch(self, entry: ModelEntry) -> bool:
        task = asyncio.current_task()
        assert task is not None
        work = asyncio.create_task(self._download(entry))
        try:
            return await work
        except asyncio.CancelledError:
            if task.cancelling():
                work.cancel()
                raise
            self._editor.show(messages.DOWNLOAD_CANCELLED(id=entry.id), types.MessageType.Info)
            return False
        finally:
            served = self._served  # another model may answer meanwhile
            state: State = "off" if served is None else "thinking" if self._n_thinking else "ready"
            self._editor.set_status(Status(state, served.title, served.is_remote) if served else Status(state))

    async def _download(self, entry: ModelEntry) -> bool:
        this = asyncio.current_task()
        assert this is not None
        title = messages.DOWNLOAD_TITLE(title=entry.title)
        async with self._editor.progress(title, cancel=this.cancel) as report:

            def on_progress(percent: int | None, text: str) -> None:
                report(percent, text)
                self._editor.set_status(Status("downloading", entry.title, percent=percent))

            on_progress(None, "")
            await download(entry.id, entry.title, on_progress)
        return True


def _process(choice: Choice) -> EngineProcess:
    assert choice.spec is not None
    return EngineProcess(choice.spec)


def _size(entry: ModelEntry) -> str:
    return messages.GIGABYTES(size=f"{entry.size_bytes / 1e9:.1f}") if entry.size_bytes else "?"


@contextlib.contextmanager
def told_of_files() -> Iterator[None]:
    """Turn what the system says of files (a full disk, rights that are missing) into an error for the user."""
    try:
        yield
    except OSError as error:
        raise KodopisError("data_unwritable", messages.DATA_UNWRITABLE, path=data_home(), reason=error) from error


def _look_at_error(task: asyncio.Task[Served] | asyncio.Task[bool]) -> None:
    """A start that nobody waits for any more must not leave an unread exception."""
    if not task.cancelled():
        task.exception()
