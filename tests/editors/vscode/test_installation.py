"""The first meeting: what is offered, what is installed, what goes wrong, what helps."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tarfile import TarFile

import psutil
import pytest
from unit.models.hub_server import Hub, HubServer
from unit.models.model_files import write_gguf

from .conftest import ANSWERS, OpenWindow, StartServer
from .workbench import Workbench
from .world import World, wait_for

pytestmark = pytest.mark.editor

INSTALL_S = 240.0
STORAGE = "User/globalStorage/kodopis.kodopis"
BY_HAND = {"kodopis.language": "ru", "kodopis.python": sys.executable}
NOTHING_ELSE = {"PIP_INDEX_URL": "http://127.0.0.1:9/nothing", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "",
                "PIP_CONFIG_FILE": os.devnull}  # fmt: skip

# What pip knows as llama-cpp-python is a package of one function here, whose build takes as long as a test wants.
ENGINE = "llama_cpp_python-0.3.30"
ENGINE_METADATA = "Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 0.3.30\n"
ENGINE_BACKEND = f'''
import os, time, zipfile
from pathlib import Path


def build_wheel(folder, config_settings=None, metadata_directory=None):
    step = 0
    while not Path(os.environ["ENGINE_GATE"]).exists() or step < 3:
        step = min(step + 1, 57)
        print(f"[{{step}}/60] Building CXX object llama.cpp.o", flush=True)
        time.sleep(0.1)
    name = "{ENGINE}-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("llama_cpp.py", "def llama_backend_init(): pass")
        info = "{ENGINE}.dist-info"
        wheel.writestr(f"{{info}}/METADATA", {ENGINE_METADATA!r})
        wheel.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{{info}}/RECORD", "")
    return name
'''


@pytest.fixture
def file(world: World) -> Path:
    """A Python file in the world's folder."""
    path = world.folder / "слова.py"
    path.parent.mkdir(parents=True)
    path.write_text("x = 1\n", encoding="utf-8")
    return path


@pytest.fixture
def engine_source(world: World) -> Path:
    """A folder with the source distribution of an engine that is compiled until the world's gate opens."""
    source = world.root / "engine" / ENGINE
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n', encoding="utf-8"
    )
    (source / "PKG-INFO").write_text(ENGINE_METADATA, encoding="utf-8")
    (source / "backend.py").write_text(ENGINE_BACKEND, encoding="utf-8")
    with TarFile.open(source.parent / f"{ENGINE}.tar.gz", "w:gz") as archive:
        archive.add(source, ENGINE)
    return source.parent


def storage(world: World) -> Path:
    """Where the extension keeps what it makes."""
    return world.user_data / STORAGE


def install(window: Workbench) -> None:
    """Agree to the offer."""
    window.wait_for_notice("Кодопись установит")
    window.click_button("Установить")


def ask_for_code(window: Workbench) -> None:
    """Write a comment, and see code come of it."""
    window.go_to_end()
    window.type("# верни самую длинную строку списка\n")
    window.wait_for_ghost("return best")


def test_from_a_folder_without_engine_then_repaired_and_removed(
    world: World,
    file: Path,
    wheels: Path,
    endpoint: tuple[str, str],
    start_server: StartServer,
    open_window: OpenWindow,
) -> None:
    address, key = endpoint
    world.environment |= {**NOTHING_ELSE, "KODOPIS_API_KEY": key}
    half_made = storage(world) / "env" / "bin" / "python"
    half_made.parent.mkdir(parents=True)
    half_made.write_text("not a program", encoding="utf-8")
    settings = {**BY_HAND, "kodopis.endpoint": address, "kodopis.wheelsFolder": str(wheels)}
    window = open_window(start_server(settings), file)
    window.wait_for_status("не установлена")
    window.shoot("offered")
    install(window)
    window.wait_for_notice("создаётся окружение|ставится сервер")
    window.shoot("installing")
    ready = storage(world) / "ready.json"
    wait_for(ready.exists, "the environment is whole", window.notices, INSTALL_S)
    window.wait_for_status("ожидает")
    ask_for_code(window)
    window.shoot("working")

    [module] = (storage(world) / "env").glob("lib/*/site-packages/lsp_server/__main__.py")
    module.write_text("raise SystemExit('broken')", encoding="utf-8")
    window.run("Kodopis: Restart")
    window.wait_for_notice("всё время завершается")
    window.click_button("Починить")
    wait_for(lambda: "broken" not in module.read_text(encoding="utf-8") if module.exists() else False, "mended",
             window.notices, INSTALL_S)  # fmt: skip
    wait_for(ready.exists, "the environment is whole again", window.notices, INSTALL_S)
    window.wait_for_status("ожидает|ответы")

    window.run("Kodopis: Remove What Was Installed")
    window.click_button("Удалить")
    window.wait_for_status("не установлена")
    assert not half_made.exists()


def test_engine_is_compiled_where_none_is_prebuilt(
    world: World,
    file: Path,
    wheels: Path,
    engine_source: Path,
    start_server: StartServer,
    open_window: OpenWindow,
) -> None:
    gate = world.root / "gate"
    world.environment |= {
        **NOTHING_ELSE,
        "PIP_NO_INDEX": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_FIND_LINKS": f"{wheels.as_uri()} {engine_source.as_uri()}",
        "ENGINE_GATE": str(gate),
    }
    script = world.root / "ответы.toml"
    script.write_text(ANSWERS, encoding="utf-8")
    window = open_window(start_server({**BY_HAND, "kodopis.model": f"scripted:{script}"}), file)
    install(window)
    window.wait_for_notice("движок компилируется", INSTALL_S)
    window.wait_for_status("установка, [1-9]")
    window.shoot("compiling")
    window.click_button("Cancel")
    window.wait_for_status("не установлена")
    wait_for(lambda: not compilers(gate), "the compilation has ended")
    assert not (storage(world) / "ready.json").exists()

    gate.touch()
    window.run("Kodopis: Install or Repair")
    ready = storage(world) / "ready.json"
    wait_for(ready.exists, "the environment is whole", window.notices, INSTALL_S)
    assert json.loads(ready.read_text(encoding="utf-8"))["engine"] == "compile"
    window.wait_for_status("ожидает")
    ask_for_code(window)


def compilers(gate: Path) -> list[psutil.Process]:
    """Processes of an installation that waits at the gate."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ENGINE_GATE") == str(gate) and "pip" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (None, "указан не Python"),
        ("echo Python was not found", "указан не Python"),
        ('echo \'{"version": [3, 9, 2], "executable": "/opt/python3.9", "venv": true}\'', "3.9.2 слишком старый"),
        ('echo \'{"version": [3, 12, 0], "executable": "/opt/python3", "venv": false}\'', "python3-venv"),
    ],
    ids=["missing", "not-python", "old", "without-venv"],
)
def test_python_that_does_not_do(
    says: str | None, told: str, world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    python = world.root / "мой python"
    if says is not None:
        python.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
        python.chmod(0o755)
    window = open_window(start_server({"kodopis.language": "ru", "kodopis.python": str(python)}), file)
    install(window)
    window.wait_for_notice(told)
    assert len(window.notices()) == 1
    assert "Выбрать Python…" in window.buttons()
    window.wait_for_status("ошибка")
    window.shoot("told")


def test_no_python_at_all(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    empty = world.root / "пусто"
    empty.mkdir()
    # as if started from a shell already: else VS Code takes PATH from the user's login shell
    world.environment |= {"PATH": str(empty), "VSCODE_CLI": "1"}
    window = open_window(start_server({"kodopis.language": "ru"}), file)
    install(window)
    window.wait_for_notice("Python не найден")
    assert {"Выбрать Python…", "Скачать Python"} <= set(window.buttons())
    window.shoot("told")
    window.click_button("Выбрать Python")
    window.page.locator(".quick-input-title", has_text="Python 3.11").wait_for()


def test_nothing_in_the_folder(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    empty = world.root / "пусто"
    empty.mkdir()
    window = open_window(start_server({**BY_HAND, "kodopis.wheelsFolder": str(empty)}), file)
    install(window)
    window.wait_for_notice("не нашёлся", INSTALL_S)
    assert "Установить из папки…" in window.buttons()
    assert not (storage(world) / "ready.json").exists()
    window.shoot("told")


def test_no_network(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    nowhere = {**NOTHING_ELSE, "PIP_INDEX_URL": "https://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    world.environment |= nowhere
    window = open_window(start_server({**BY_HAND, "kodopis.engineBuild": "none"}), file)
    install(window)
    window.wait_for_notice("сети нет", INSTALL_S)
    window.shoot("told")
    window.click_button("Установить из папки")
    window.page.locator(".quick-input-widget input[type=text]").wait_for()


def test_folder_that_cannot_be_written_to(
    world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    storage(world).parent.mkdir(parents=True)
    storage(world).symlink_to("/sys/kernel")  # where not even root may write
    window = open_window(start_server(BY_HAND), file)
    install(window)
    window.wait_for_notice("нельзя писать")
    assert "Попробовать снова" in window.buttons()
    window.wait_for_status("ошибка")
    window.shoot("told")


TINY = """
[[model]]
id = "tiny"
title = "Крошка"
description = {{ ru = "", en = "" }}
licence = "MIT"
licence_url = "https://example.org/mit"
source_url = "https://example.org/tiny"
architecture = "qwen2"
n_params = 1
n_ctx_train = 1
prompt = {{ code = "prefix" }}
[[model.files]]
name = "model.gguf"
size_bytes = {size}
sha256 = "{sha256}"
hub = {{ repo = "somebody/model", file = "model.gguf" }}
"""


@pytest.fixture
def hub(world: World) -> Iterator[HubServer]:
    """A hub that holds a model of the user's own catalog, and that pauses in the middle of it."""
    world.home.mkdir(parents=True)
    content = write_gguf(world.root / "source.gguf", {"general.architecture": "qwen2"}).read_bytes() + os.urandom(
        1 << 22
    )
    entry = TINY.format(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    (world.home / "catalog.toml").write_text(entry, encoding="utf-8")
    with HubServer(Hub(content, pause_after_bytes=1 << 21)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        world.environment |= {"HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0"}
        yield server
        server.hub.go_on.set()
        server.shutdown()


def test_model_is_offered_cancelled_and_resumed(
    world: World, file: Path, hub: HubServer, start_server: StartServer, open_window: OpenWindow
) -> None:
    settings = {"kodopis.serverPython": sys.executable, "kodopis.model": "tiny", "kodopis.language": "ru"}
    window = open_window(start_server(settings), file)
    window.wait_for_status("ожидает")
    window.go_to_end()
    window.type("# верни самую длинную строку списка\n")
    asked = window.wait_for_notice("Скачать модель Крошка")
    assert "лицензия MIT" in asked
    assert "https://example.org/tiny" in asked
    window.shoot("offered")
    window.click_button("Скачать")
    assert hub.hub.paused.wait(60)
    window.wait_for_status(r"скачивается, \d+ %")
    window.shoot("downloading")
    window.click_button("Cancel")
    window.wait_for_notice("Скачивание отменено")
    hub.hub.pause_after_bytes = None
    hub.hub.go_on.set()
    window.run("Kodopis: Download Model")
    window.click_button("Скачать")
    wait_for((world.home / "models" / "model.gguf").exists, "the model is there", window.notices)
    assert hub.hub.gets[0] == ""
    assert hub.hub.gets[-1].startswith("bytes=")
