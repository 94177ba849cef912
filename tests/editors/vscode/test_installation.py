"""The first meeting: what is offered, what is installed, what goes wrong, what helps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ANSWERS, EXTENSION, OpenWindow, StartServer
from .workbench import World, wait_for

pytestmark = pytest.mark.editor

INSTALL_S = 240.0
STORAGE = "User/globalStorage/kodopis.kodopis"


@pytest.fixture
def file(world: World) -> Path:
    """A Python file in the world's folder."""
    path = world.folder / "слова.py"
    path.parent.mkdir(parents=True)
    path.write_text("x = 1\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wheels(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the server needs, as somebody would carry it into a closed network."""
    folder = tmp_path_factory.mktemp("пакеты для сервера")
    [wheel] = (EXTENSION / "wheel").glob("*.whl")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder), str(wheel)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def endpoint(world: World) -> Iterator[tuple[str, str]]:
    """A model server that runs already: its address and its key."""
    script, state = world.root / "ответы.toml", world.root / "endpoint.json"
    script.write_text(ANSWERS, encoding="utf-8")
    command = [sys.executable, "-m", "lsp_server.engine", "--scripted", str(script), "--state-file", str(state)]
    process = subprocess.Popen(command)

    def told() -> dict[str, object]:
        return json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}

    found = wait_for(told, "the model server's address")
    yield f"http://127.0.0.1:{found['port']}", str(found["token"])
    process.kill()
    process.wait()


def test_installed_from_a_folder_without_engine(
    world: World,
    file: Path,
    wheels: Path,
    endpoint: tuple[str, str],
    start_server: StartServer,
    open_window: OpenWindow,
) -> None:
    address, key = endpoint
    world.environment["KODOPIS_API_KEY"] = key
    world.environment["PIP_INDEX_URL"] = "http://127.0.0.1:9/nothing"
    half_made = world.user_data / STORAGE / "env" / "bin" / "python"
    half_made.parent.mkdir(parents=True)
    half_made.write_text("not a program", encoding="utf-8")
    settings = {
        "kodopis.language": "ru",
        "kodopis.endpoint": address,
        "kodopis.python": sys.executable,
        "kodopis.wheelsFolder": str(wheels),
    }
    window = open_window(start_server(settings), file)
    assert "Кодопись установит свой сервер" in window.wait_for_notice("Кодопись")
    assert window.wait_for_status("не установлена")
    window.shoot("offered")
    window.click_button("Установить")
    window.wait_for_notice("создаётся окружение|ставится сервер")
    window.shoot("installing")
    wait_for((world.user_data / STORAGE / "ready.json").exists, "the environment is whole", window.notices, INSTALL_S)
    window.wait_for_status("ожидает")
    window.go_to_end()
    window.type("# верни самую длинную строку списка\n")
    window.wait_for_ghost("return best")
    window.shoot("working")

    window.run("Kodopis: Remove What Was Installed")
    window.click_button("Удалить")
    window.wait_for_status("не установлена")
    assert not half_made.exists()


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
    window.wait_for_notice("Кодопись установит")
    window.click_button("Установить")
    window.wait_for_notice(told)
    assert window.page.locator(".notification-list-item .monaco-button", has_text="Выбрать Python").count() == 1
    window.wait_for_status("ошибка")
    window.shoot("told")


def test_nothing_in_the_folder(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    empty = world.root / "пусто"
    empty.mkdir()
    settings = {"kodopis.language": "ru", "kodopis.python": sys.executable, "kodopis.wheelsFolder": str(empty)}
    window = open_window(start_server(settings), file)
    window.wait_for_notice("Кодопись установит")
    window.click_button("Установить")
    window.wait_for_notice("не нашёлся", INSTALL_S)
    assert not (world.user_data / STORAGE / "ready.json").exists()
    window.shoot("told")


def test_no_network(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    nowhere = {"PIP_INDEX_URL": "https://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "",
               "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}  # fmt: skip
    world.environment.update(nowhere)
    window = open_window(start_server({"kodopis.language": "ru", "kodopis.python": sys.executable}), file)
    window.wait_for_notice("Кодопись установит")
    window.click_button("Установить")
    window.wait_for_notice("сети нет", INSTALL_S)
    window.shoot("told")
