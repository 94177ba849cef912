from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lsp_server import messages
from lsp_server.connection.editor import Report
from lsp_server.engine.process import EngineProcess, OnWait
from lsp_server.engine.statefile import EngineState
from lsp_server.errors import EngineError, KodopisError
from lsp_server.features import build_server, commands
from lsp_server.serving import consent, engines
from lsp_server.serving.choice import Choice, choose
from lsp_server.serving.served import Served
from lsp_server.settings import Settings
from models.catalog import ModelEntry

ENDPOINT = "https://models.example.org/v1"


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings by which a model was to be reached. None is."""
    reached: list[Settings] = []

    async def serve(choice: Choice, *_: object, **__: object) -> Served:
        reached.append(choice.settings)
        raise EngineError("engine_unreachable", messages.ENGINE_UNREACHABLE, url="")

    monkeypatch.setattr(engines, "serve", serve)
    return reached


async def test_settings_that_come_while_a_model_is_chosen_are_the_ones_chosen_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    older, newer = (Settings(model=f"scripted:{tmp_path / 'script.toml'}", n_ctx=n_ctx) for n_ctx in (2048, 1024))
    made = build_server().engines
    made.configure(older)

    def choose_slowly(settings: Settings) -> Choice:
        made.configure(newer)
        return choose(settings)

    monkeypatch.setattr(engines, "choose", choose_slowly)
    assert (await made._choice()).settings == newer


async def test_an_endpoint_that_is_set_while_a_model_is_fetched_needs_consent_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: list[Settings]
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    made = build_server().engines
    made.configure(Settings(model="qwen2.5-coder-0.5b"))

    async def fetch(entry: ModelEntry) -> bool:
        made.configure(Settings(endpoint=ENDPOINT))
        return True

    async def refuse(text: str, actions: Sequence[str]) -> str:
        return messages.ENDPOINT_NO()

    monkeypatch.setattr(made, "_ask_and_fetch", fetch)
    monkeypatch.setattr(made._editor, "ask", refuse)
    with pytest.raises(KodopisError) as caught:
        await made.served(may_ask=True)
    assert (caught.value.code, reached) == ("endpoint_refused", [])


async def test_an_endpoint_that_was_given_up_while_its_user_was_asked_is_not_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: list[Settings]
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    here = Settings(model=f"scripted:{tmp_path / 'script.toml'}")
    made = build_server().engines
    made.configure(Settings(endpoint=ENDPOINT))

    async def agree_late(text: str, actions: Sequence[str]) -> str:
        made.configure(here)
        return messages.ENDPOINT_YES()

    monkeypatch.setattr(made._editor, "ask", agree_late)
    with pytest.raises(EngineError):
        await made.served(may_ask=True)
    assert reached == [here]


@pytest.mark.parametrize("is_given_up", [False, True])
async def test_a_download_that_fails_is_told_of_by_who_waits_or_else_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_given_up: bool
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    made = build_server().engines
    made.configure(Settings(model="qwen2.5-coder-0.5b"))
    has_begun, may_fail, shown = asyncio.Event(), asyncio.Event(), list[str]()

    async def agree(text: str, actions: Sequence[str]) -> str:
        return messages.DOWNLOAD_YES()

    async def download(*_: object) -> None:
        has_begun.set()
        await may_fail.wait()
        raise KodopisError("download_failed", messages.DOWNLOAD_FAILED, title="", reason="")

    monkeypatch.setattr(made._editor, "ask", agree)
    monkeypatch.setattr(made._editor, "show", shown.append)
    monkeypatch.setattr(engines, "download", download)
    asking = asyncio.create_task(made.served(may_ask=True))
    await has_begun.wait()
    fetching = made._fetching
    assert fetching is not None
    if is_given_up:  # its user typed on
        asking.cancel()
        await asyncio.wait({asking})
    may_fail.set()
    await asyncio.wait({fetching, asking})
    assert asking.cancelled() == is_given_up
    assert len(shown) == is_given_up
    assert is_given_up or isinstance(asking.exception(), KodopisError)


async def test_a_model_that_is_fetched_beside_the_one_that_answers_leaves_it_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    made = build_server().engines
    made._served = Served(None, "", "Эта", {}, {}, 4096)  # type: ignore[arg-type]

    async def download(*_: object) -> None:
        assert made._editor.status.state == "downloading"

    monkeypatch.setattr(engines, "download", download)
    assert await made.fetch("qwen2.5-coder-0.5b")
    assert (made._editor.status.state, made._editor.status.model) == ("ready", "Эта")


async def test_a_model_that_did_not_load_is_not_started_again_for_every_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    script = tmp_path / "script.toml"
    script.write_text("", encoding="utf-8")
    starts: list[str] = []

    def start(_: EngineProcess, identity: str) -> EngineState:
        starts.append(identity)
        raise EngineError("out_of_memory", messages.OUT_OF_MEMORY, path=script)

    monkeypatch.setattr(EngineProcess, "_start", start)
    made = build_server().engines
    made.configure(Settings(model=f"scripted:{script}"))
    for _ in range(3):
        with pytest.raises(EngineError) as caught:
            await made.served(may_ask=False)
        assert caught.value.code == "out_of_memory"
    assert len(starts) == 1
    with pytest.raises(EngineError):
        await made.served(may_ask=True)  # somebody asks by hand
    assert len(starts) == 2
    made.configure(Settings(model=f"scripted:{script}", automatic=False))
    with pytest.raises(EngineError):
        await made.served(may_ask=False)
    assert len(starts) == 3


async def test_an_engine_that_starts_again_later_leaves_no_loading_in_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    waits: list[OnWait] = []
    reports: list[int | None] = []

    async def serve(choice: Choice, on_wait: OnWait, **_: object) -> Served:
        waits.append(on_wait)
        on_wait(1.0, 50)
        return Served(None, "", choice.title, {}, {}, 4096)  # type: ignore[arg-type]

    @asynccontextmanager
    async def progress(title: str) -> AsyncIterator[Report]:
        yield lambda percent, text: reports.append(percent)

    monkeypatch.setattr(engines, "serve", serve)
    made = build_server().engines
    monkeypatch.setattr(made._editor, "progress", progress)
    made.configure(Settings(model=f"scripted:{tmp_path / 'script.toml'}"))
    served = await made.served(may_ask=False)
    (on_wait,) = waits
    on_wait(1.0, 80)  # as for a warm-up
    assert (reports, made._editor.status.state) == ([50], "ready")
    with made.thinking(served):
        on_wait(1.0, 80)
        assert made._editor.status.state == "loading"
    assert (reports, made._editor.status.state) == ([50], "ready")


async def test_a_consent_that_cannot_be_written_is_told_of_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    made = build_server().engines
    made.configure(Settings(endpoint=ENDPOINT))

    async def agree(text: str, actions: Sequence[str]) -> str:
        return messages.ENDPOINT_YES()

    def allow(endpoint: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(made._editor, "ask", agree)
    monkeypatch.setattr(consent, "allow", allow)
    with pytest.raises(KodopisError) as caught:
        await made.served(may_ask=True)
    assert caught.value.code == "data_unwritable"


async def test_the_password_of_an_endpoint_is_neither_shown_nor_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: list[Settings]
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    settings = Settings(endpoint=ENDPOINT.replace("//", "//user:secret@"))
    made = build_server().engines
    made.configure(settings)
    questions: list[str] = []

    async def agree(text: str, actions: Sequence[str]) -> str:
        questions.append(text)
        return messages.ENDPOINT_YES()

    monkeypatch.setattr(made._editor, "ask", agree)
    with pytest.raises(EngineError):
        await made.served(may_ask=True)
    assert reached == [settings]
    assert ENDPOINT in questions[0]
    assert consent.is_allowed(ENDPOINT)
    assert choose(settings).title == ENDPOINT
    assert not consent.is_allowed(settings.endpoint)


async def test_commands_tell_of_a_data_folder_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_HOME", "/" + "x" * 300)  # a name that is too long raises where none would not be there
    server = build_server()
    for asked in (commands.models(server, {}, None), commands.download(server, {}, None)):
        with pytest.raises(KodopisError) as caught:
            await asked
        assert caught.value.code == "data_unwritable"
    assert (await commands.status(server, {}, None))["state"] == "error"
