"""What goes wrong around the extension, and what the user sees of it: one message, with a button that helps."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from .conftest import ANSWERS, OpenWindow, StartServer
from .world import World, processes, scripted, wait_for

pytestmark = pytest.mark.editor

COMMENT = "# верни самую длинную строку списка"


@pytest.fixture
def file(world: World) -> Path:
    """An empty Python file in the world's folder."""
    path = world.folder / "слова.py"
    path.parent.mkdir(parents=True)
    path.write_text("", encoding="utf-8")
    return path


def answering(world: World) -> dict[str, object]:
    """Settings with which everything works."""
    return scripted(world.root / "ответы.toml", ANSWERS)


def test_killed_engine_is_started_again(
    world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    window = open_window(start_server(answering(world)), file)
    window.type("# функция, которая медленно складывает два числа\n")
    window.wait_for_ghost("def slow")
    [engine] = processes(world, "lsp_server.engine")
    engine.kill()
    window.wait_for_ghost("return total")
    [again] = processes(world, "lsp_server.engine")
    assert again.pid != engine.pid


def test_killed_server_is_started_again_then_given_up(
    world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    window = open_window(start_server(answering(world)), file)
    window.wait_for_status("ожидает|ответы")
    killed: set[int] = set()

    def kill_next() -> bool:
        for server in processes(world, "lsp_server"):
            if server.pid not in killed:
                killed.add(server.pid)
                os.kill(server.pid, signal.SIGKILL)
                return True
        return False

    assert kill_next()
    wait_for(lambda: len(set(map(_pid, processes(world, "lsp_server"))) - killed) == 1, "another server")
    window.wait_for_status("ожидает|ответы")
    window.type(f"{COMMENT}\n")
    window.wait_for_ghost("return best")

    def given_up() -> bool:
        kill_next()  # however long each start takes: what counts is how often it ended within some minutes
        return any("всё время завершается" in notice for notice in window.notices())

    wait_for(given_up, "a server that is given up", window.notices)
    assert len(window.notices()) == 1
    window.wait_for_status("ошибка")
    window.shoot("given-up")
    window.click_button("Перезапустить")
    window.wait_for_status("ожидает|ответы")


def _pid(process: psutil.Process) -> int:
    return process.pid


def test_missing_model_is_said_once(
    world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    settings = {**answering(world), "kodopis.model": str(world.root / "нет такой.gguf")}
    window = open_window(start_server(settings), file)
    window.type(f"{COMMENT}\n")
    window.wait_for_notice("нет такой")
    window.type(f"{COMMENT}\n{COMMENT}\n")
    window.statistics()  # the server answers in order, so it has seen the requests before
    assert len(window.notices()) == 1, window.notices()
    window.wait_for_status("ошибка")
    window.shoot("missing-model")
    window.click_button("Выбрать модель")
    window.page.locator(".quick-input-list .monaco-list-row", has_text="Файл GGUF").first.wait_for()


def test_endpoint_that_is_down(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    settings = {**answering(world), "kodopis.endpoint": "http://127.0.0.1:9"}
    window = open_window(start_server(settings), file)
    window.type(f"{COMMENT}\n")
    window.wait_for_notice("не отвечает")
    window.shoot("endpoint-down")
    window.click_button("Изменить адрес")
    box = window.page.locator(".quick-input-widget input[type=text]")
    box.wait_for()
    assert box.input_value() == "http://127.0.0.1:9"


def test_server_elsewhere_must_be_encrypted(
    world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    address = "http://192.0.2.7:8080"
    window = open_window(start_server({**answering(world), "kodopis.endpoint": address}), file)
    window.type(f"{COMMENT}\n")
    assert address in window.wait_for_notice("без https")
    assert "Изменить адрес…" in window.buttons()


def test_untrusted_folder_decides_nothing(
    world: World, file: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    world.trusts = False
    trap = world.folder / "ловушка.sh"
    sprung = world.root / "sprung"
    trap.write_text(f'#!/bin/sh\ntouch "{sprung}"\n', encoding="utf-8")
    trap.chmod(0o755)
    own = {"kodopis.serverPython": str(trap), "kodopis.python": str(trap), "kodopis.endpoint": "http://evil.example"}
    settings = world.folder / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps(own), encoding="utf-8")
    for name in ("lsp_server", "models"):
        (world.folder / name).mkdir()
        (world.folder / name / "__init__.py").write_text(f"open({str(sprung)!r}, 'w')", encoding="utf-8")
    window = open_window(start_server({**answering(world), "security.workspace.trust.startupPrompt": "never"}), file)
    window.page.locator(".statusbar-item", has_text="Restricted Mode").wait_for()
    window.type(f"{COMMENT}\n")
    window.wait_for_ghost("return best")
    window.shoot("untrusted")
    assert not sprung.exists()


def test_russian_workbench(world: World, file: Path, start_server: StartServer, open_window: OpenWindow) -> None:
    world.locale = "ru"
    window = open_window(start_server({**answering(world), "kodopis.language": "auto"}), file)
    window.type(f"{COMMENT}\n")
    window.wait_for_ghost("return best")
    window.press("Tab", "F1")
    window.page.locator(".quick-input-widget input[type=text]").fill(">Кодопись: Объяснить")
    window.page.locator(".quick-input-list .monaco-list-row", has_text="Объяснить выделенное").first.wait_for()
    window.shoot("palette")
