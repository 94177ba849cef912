"""Real processes with a scripted engine: start, share, crash, restart, end."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lsp_server import messages
from lsp_server.engine.base import CompletionRequest
from lsp_server.engine.client import HttpEngine
from lsp_server.engine.local import LocalEngine
from lsp_server.engine.process import (
    EngineProcess,
    _await_end,
    _windows_flags,
    is_alive,
    running_engines,
    start_error,
    stop_engine,
)
from lsp_server.engine.spec import EngineSpec
from lsp_server.engine.statefile import EngineState
from lsp_server.errors import EngineError

SCRIPT = """
[[answer]]
match = "долго"
text = "{words}"
delay_ms = 5

[[answer]]
match = "упади"
text = "раз два три четыре"
crash_after = 3

[[answer]]
match = "сумма"
text = "return a + b"
""".format(words="слово " * 200)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory with a name as users have them."""
    path = tmp_path / "Иван Петров" / "engine"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def spec(tmp_path: Path) -> EngineSpec:
    path = tmp_path / "Иван Петров" / "сценарий 1.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPT, encoding="utf-8")
    return EngineSpec(scripted=path)


@pytest.fixture(autouse=True)
async def nothing_left(home: Path) -> AsyncIterator[None]:
    yield
    for engine in running_engines(home):
        await stop_engine(engine.path, engine.state)


async def answer(engine: HttpEngine | LocalEngine, text: str) -> str:
    ids = await engine.tokenize(text)
    return "".join([chunk.text async for chunk in engine.complete(CompletionRequest(ids, 1000))])


async def test_an_engine_is_started_and_found_again(spec: EngineSpec, home: Path) -> None:
    first = await EngineProcess(spec, directory=home).connect()
    second = await EngineProcess(spec, directory=home).connect()
    assert second == first
    assert await answer(HttpEngine(first.url, first.token), "сумма") == "return a + b"
    assert [engine.state for engine in running_engines(home)] == [first]


async def test_two_starts_at_once_make_one_engine(spec: EngineSpec, home: Path) -> None:
    states = await asyncio.gather(*(EngineProcess(spec, directory=home).connect() for _ in range(3)))
    assert len({state.pid for state in states}) == 1


async def test_two_servers_starting_at_once_make_one_engine(spec: EngineSpec, home: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from lsp_server.engine.process import EngineProcess;"
        "from lsp_server.engine.spec import EngineSpec;"
        "p = EngineProcess(EngineSpec(scripted=Path(sys.argv[1])), directory=Path(sys.argv[2]));"
        "print(asyncio.run(p.connect()).pid)"
    )
    command = [sys.executable, "-c", program, str(spec.scripted), str(home)]
    servers = [await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(2)]
    pids = {int((await server.communicate())[0]) for server in servers}
    assert len(pids) == 1
    assert psutil.pid_exists(pids.pop()), "the engine outlives the server that started it"


async def test_other_numbers_mean_another_engine(spec: EngineSpec, home: Path) -> None:
    first = await EngineProcess(spec, directory=home).connect()
    second = await EngineProcess(replace(spec, n_ctx=2048), directory=home).connect()
    assert first.pid != second.pid


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's; Windows relies on the profile's rights")
async def test_only_the_user_reads_the_token(spec: EngineSpec, home: Path) -> None:
    await EngineProcess(spec, directory=home).connect()
    assert stat.S_IMODE((home / f"{spec.identity()}.json").stat().st_mode) == 0o600


async def test_killed_in_the_middle_of_an_answer(spec: EngineSpec, home: Path) -> None:
    local = LocalEngine(EngineProcess(spec, directory=home))
    ids = await local.tokenize("долго")
    state, path = await local.process.connect(), home / f"{spec.identity()}.json"
    with pytest.raises(EngineError) as caught:
        async for chunk in local.complete(CompletionRequest(ids, 1000)):
            if chunk.text and is_alive(path, state):
                psutil.Process(state.pid).kill()  # SIGKILL, or what Windows has
    assert caught.value.code == "engine_died"
    assert await answer(local, "сумма") == "return a + b"
    assert (await local.process.connect()).pid != state.pid
    await local.close()


async def test_killed_between_two_requests_goes_unnoticed(spec: EngineSpec, home: Path) -> None:
    local = LocalEngine(EngineProcess(spec, directory=home))
    assert await answer(local, "сумма") == "return a + b"
    process = psutil.Process((await local.process.connect()).pid)
    process.kill()
    process.wait(10)
    assert await answer(local, "сумма") == "return a + b"
    await local.close()


async def test_an_engine_that_is_gone_again_says_nothing_of_its_address(
    spec: EngineSpec, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await EngineProcess(spec, directory=home).connect()
    local = LocalEngine(EngineProcess(spec, directory=home))

    async def connect(_: object = None) -> EngineState:
        return replace(state, port=1)  # as where it was stopped meanwhile

    monkeypatch.setattr(local.process, "connect", connect)
    for asked in (local.tokenize("сумма"), anext(local.complete(CompletionRequest((1,), 8)))):
        with pytest.raises(EngineError) as caught:
            await asked
        assert caught.value.code == "engine_died"


async def test_an_engine_that_keeps_dying_is_not_started_for_ever(spec: EngineSpec, home: Path) -> None:
    local = LocalEngine(EngineProcess(spec, directory=home))
    codes = []
    for _ in range(6):
        with pytest.raises(EngineError) as caught:
            await answer(local, "упади")
        codes.append(caught.value.code)
    assert codes[0] == "engine_died"
    assert codes[-1] == "engine_keeps_dying"
    assert str(home) in str(caught.value)
    await local.close()


async def test_an_idle_engine_ends_itself(spec: EngineSpec, home: Path) -> None:
    state = await EngineProcess(spec, directory=home, idle_timeout_s=0.5).connect()
    await asyncio.to_thread(psutil.Process(state.pid).wait, 20)
    assert not running_engines(home)
    assert EngineState.read(home / f"{spec.identity()}.json") is None


async def test_a_busy_engine_is_not_idle(spec: EngineSpec, home: Path) -> None:
    state = await EngineProcess(spec, directory=home, idle_timeout_s=0.5).connect()
    assert await answer(HttpEngine(state.url, state.token), "долго") == "слово " * 200


def test_an_engine_on_windows_has_a_console_without_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A venv's python.exe starts another, which opens a window where it inherits no console."""
    flags = {"CREATE_NEW_PROCESS_GROUP": 0x200, "CREATE_NO_WINDOW": 0x08000000, "DETACHED_PROCESS": 0x8}
    for name, value in flags.items():
        monkeypatch.setattr(subprocess, name, value, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert _windows_flags() == 0x08000200


async def test_the_check_comes_before_each_start_and_can_refuse_it(spec: EngineSpec, home: Path) -> None:
    checked: list[int] = []

    def refuse() -> None:
        raise EngineError("file-damaged", messages.MODEL_FILE_MISSING, path="m.gguf")

    with pytest.raises(EngineError, match=r"m\.gguf"):
        await EngineProcess(spec, directory=home, check=refuse).connect()
    assert not running_engines(home)
    checking = EngineProcess(spec, directory=home, check=lambda: checked.append(1))
    for n_starts in (1, 2):
        await checking.connect()
        await checking.connect()
        assert len(checked) == n_starts
        await checking.stop()


async def test_stop(spec: EngineSpec, home: Path) -> None:
    process = EngineProcess(spec, directory=home)
    state = await process.connect()
    assert await process.stop()
    assert not is_alive(home / f"{spec.identity()}.json", state)
    assert not await process.stop()
    assert (await process.connect()).pid != state.pid


async def test_a_wrong_token_is_refused(spec: EngineSpec, home: Path) -> None:
    state = await EngineProcess(spec, directory=home).connect()
    with pytest.raises(EngineError) as caught:
        await HttpEngine(state.url, "не тот".encode().hex()).tokenize("x")
    assert caught.value.code == "engine_unauthorized"


async def test_the_state_of_a_dead_engine_is_replaced(spec: EngineSpec, home: Path) -> None:
    dead = psutil.Process().pid  # this very pid, but another start time: not the one that wrote the file
    path = home / f"{spec.identity()}.json"
    EngineState(dead, 1.0, 1, "t", "0", "m").write(path)
    state = await EngineProcess(spec, directory=home).connect()
    assert state.pid != dead
    path.write_text("{оборванный файл", encoding="utf-8")
    assert not running_engines(home)
    assert not path.exists()
    assert await stop_engine(path, state)


async def test_a_clock_that_was_set_makes_no_second_engine(spec: EngineSpec, home: Path) -> None:
    state, path = await EngineProcess(spec, directory=home).connect(), home / f"{spec.identity()}.json"
    replace(state, created=state.created - 3600).write(path)  # what the system says of its start is an hour more now
    assert (await EngineProcess(spec, directory=home).connect()).pid == state.pid
    assert [engine.state.pid for engine in running_engines(home)] == [state.pid]
    assert await EngineProcess(spec, directory=home).stop()


async def test_a_damaged_script_is_told_and_not_tried_again_at_once(spec: EngineSpec, home: Path) -> None:
    assert spec.scripted is not None
    spec.scripted.write_text("это не TOML", encoding="utf-8")
    process = EngineProcess(spec, directory=home)
    for _ in range(6):
        with pytest.raises(EngineError) as caught:
            await process.connect()
        assert caught.value.code == "script_damaged"
    spec.scripted.write_text(SCRIPT, encoding="utf-8")
    state = await process.connect()
    assert await answer(HttpEngine(state.url, state.token), "сумма") == "return a + b"


async def test_waiting_is_told_how_far_the_load_is(spec: EngineSpec, home: Path) -> None:
    assert spec.scripted is not None
    spec.scripted.write_text("load_ms = 1500\n", encoding="utf-8")
    told: list[int | None] = []
    await EngineProcess(spec, directory=home).connect(lambda seconds, percent: told.append(percent))
    percents = [percent for percent in told if percent is not None]
    assert percents == sorted(percents)
    assert len(set(percents)) >= 2, told
    assert all(0 <= percent < 100 for percent in percents)


async def test_a_crash_while_loading(spec: EngineSpec, home: Path) -> None:
    assert spec.scripted is not None
    spec.scripted.write_text("crash_at_load = true\n", encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        await EngineProcess(spec, directory=home).connect()
    assert caught.value.code == "engine_start_failed"


@pytest.mark.parametrize("exit_status", [-4, 0xC000001D], ids=["posix", "windows"])
def test_a_build_for_another_processor_is_told_with_the_way_out(exit_status: int) -> None:
    error = start_error(exit_status, "")
    assert error.code == "illegal_instruction"
    assert "CMAKE_ARGS" in str(error)
    assert "exit status 3" in str(start_error(3, ""))


async def test_a_full_disk_is_told_where_the_engine_cannot_say_so(
    spec: EngineSpec, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(home)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(EngineError) as caught:
        await EngineProcess(spec, directory=home).connect()
    assert caught.value.code == "data_unwritable"
    assert os.strerror(errno.ENOSPC) in str(caught.value)


async def test_a_missing_model(home: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        await EngineProcess(EngineSpec(model_path=tmp_path / "нет.gguf"), directory=home).connect()
    assert caught.value.code == "model_missing"
    assert "нет.gguf" in str(caught.value)


async def test_a_model_that_is_no_gguf(home: Path, tmp_path: Path) -> None:
    model = tmp_path / "модель.gguf"
    model.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(EngineError) as caught:
        await EngineProcess(EngineSpec(model_path=model), directory=home).connect()
    assert caught.value.code == "model_damaged"
    assert "модель.gguf" in str(caught.value)


def test_a_taken_port_is_written_into_the_state(spec: EngineSpec, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        state_file = home / "s.json"
        command = [sys.executable, "-m", "lsp_server.engine", *spec.arguments(), f"--state-file={state_file}"]
        code = subprocess.run([*command, f"--port={taken.getsockname()[1]}"], check=False).returncode
    state = EngineState.read(state_file)
    assert code == 1
    assert state is not None
    assert state.error == "port_taken"


@pytest.mark.parametrize("is_next", [False, True])
def test_what_is_left_of_an_engine_that_ended_is_removed_but_not_the_next_one(home: Path, is_next: bool) -> None:
    path, gone = home / "x.json", subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ended = EngineState(gone.pid, 0.0, 1, "a", "", "")
    written = replace(ended, token="b") if is_next else ended
    written.write(path)
    _await_end(path, ended)
    assert EngineState.read(path) == (written if is_next else None)
    path.unlink(missing_ok=True)
