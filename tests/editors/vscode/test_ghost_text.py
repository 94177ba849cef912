"""Ghost text in a real workbench, with the scripted engine: it grows, is taken, gone along with, dropped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ANSWERS, LONGEST, OpenEditor, OpenWindow, StartServer
from .workbench import ACCEPT_LINE
from .world import World, processes, scripted, wait_for

pytestmark = pytest.mark.editor


def passes(file: Path, check: str) -> None:
    """What was written runs, and does what the check says."""
    program = file.read_text(encoding="utf-8") + "\n" + check
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)


def test_comment_becomes_code(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# функция, которая медленно складывает два числа")
    window.press("Enter")
    seen: list[str] = []

    def grown() -> bool:
        if (text := window.ghost()) and (not seen or text != seen[-1]):
            seen.append(text)
        return bool(seen) and "return total" in seen[-1]

    wait_for(grown, "the whole answer", lambda: seen)
    assert len({len(text) for text in seen}) >= 2, seen
    window.shoot("grown")
    window.press("Tab")
    window.save(file, "return total")
    passes(file, "assert slow(1, 2) == 6")
    window.wait_for_no_ghost()


def test_escape_stops_the_generation(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# функция, которая медленно складывает два числа")
    window.press("Enter")
    window.wait_for_ghost("def slow")
    window.wait_for_status("думает")
    window.shoot("before")
    window.press("Escape")
    window.wait_for_no_ghost()
    window.wait_for_status(r"^\s*ответы(?!.*думает)")  # the engine is free, nothing more can come
    assert window.ghost() == ""
    assert "slow" not in window.save(file, "медленно")


def test_typing_along_keeps_the_answer(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# верни самую длинную строку")
    window.press("Enter")
    window.wait_for_ghost("return best")
    window.type("def lon", delay_ms=30)
    window.wait_for_ghost("gest(words)")
    window.type("gest(words):", delay_ms=30)
    window.press("Enter")
    window.wait_for_ghost('best = ""')
    window.shoot("typed-along")
    window.press("Tab")
    window.save(file, "return best")
    passes(file, "assert longest(['a', 'abc', 'ab']) == 'abc'")


def test_typing_something_else_drops_the_answer(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# функция, которая медленно складывает два числа")
    window.press("Enter")
    window.wait_for_ghost("def slow")
    window.type("x = 1", delay_ms=30)
    window.wait_for_no_ghost()
    window.wait_for_status(r"^\s*ответы(?!.*думает)")
    assert window.save(file, "x = 1").splitlines()[-1] == "x = 1"


def test_taken_by_word(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# верни самую длинную строку")
    window.press("Enter")
    shown = window.wait_for_ghost("return best")
    n_steps = 0
    while not shown.startswith("("):  # VS Code takes the space between two words as a step of its own
        window.press("Control+ArrowRight")
        shown = window.wait_for_other_ghost(shown)
        n_steps += 1
    assert 2 <= n_steps <= 4
    assert window.save(file, "def longest").splitlines()[-1] == "def longest"
    window.press("Tab")
    window.save(file, "return best")
    passes(file, "assert longest(['a', 'abc', 'ab']) == 'abc'")


def test_taken_by_line(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# верни самую длинную строку")
    window.press("Enter")
    window.wait_for_ghost("return best")
    lines = LONGEST.splitlines()
    for n_taken in range(1, len(lines) + 1):
        window.press(ACCEPT_LINE)
        window.wait_for_ghost_left("\n".join(lines[n_taken:]))
    window.save(file, "return best")
    passes(file, "assert longest(['a', 'abc', 'ab']) == 'abc'")


def test_asked_by_hand(editor: OpenEditor) -> None:
    window, file = editor("numbers = [1, 2, 3]\n")
    window.type("total = ")
    assert window.ghost() == ""
    window.press("Control+Alt+k")
    window.wait_for_ghost("sum(numbers)")
    window.press("Tab")
    window.save(file, "total = sum(numbers)")


def test_automatic_suggestions_can_be_turned_off(editor: OpenEditor) -> None:
    window, _file = editor()
    window.run("Kodopis: Turn Automatic Suggestions On or Off")
    window.wait_for_status("по запросу")
    window.type("# верни самую длинную строку")
    window.press("Enter")
    window.wait_for_status("по запросу")
    window.press("Control+Alt+k")
    window.wait_for_ghost("return best")
    assert "Показано: 1" in window.statistics()  # the answer that was asked for by hand, and none before it
    window.run("Kodopis: Turn Automatic Suggestions On or Off")
    window.wait_for_status(r"^(?!.*по запросу)")


def test_status_shows_how_far_the_model_is_loaded(
    world: World, start_server: StartServer, open_window: OpenWindow
) -> None:
    file = world.folder / "слова.py"
    file.parent.mkdir(parents=True)
    file.write_text("", encoding="utf-8")
    window = open_window(start_server(scripted(world.root / "ответы.toml", f"load_ms = 8000\n{ANSWERS}")), file)
    window.wait_for_status("ожидает")
    window.type("# верни самую длинную строку\n")
    first = window.wait_for_status(r"загружается, \d+ %")
    window.shoot("loading")
    wait_for(lambda: window.status() != first and "%" in window.status(), "more is loaded", window.status)
    window.wait_for_ghost("return best")
    window.wait_for_status(r"^\s*ответы(?!.*[%…])")


def test_variants(world: World, start_server: StartServer, open_window: OpenWindow) -> None:
    """The scripted engine says the same to everybody, so that the other answer comes from another script."""
    file = world.folder / "варианты.py"
    file.parent.mkdir(parents=True)
    file.write_text("", encoding="utf-8")
    server = start_server(scripted(world.root / "ответы.toml", ANSWERS))
    window = open_window(server, file)
    window.wait_for_status("ожидает")
    window.type("# верни самую длинную строку\n")
    window.wait_for_ghost("return best")
    window.wait_for_status(r"^\s*ответы(?!.*думает)")
    other = ANSWERS.replace("best", "found")
    server.change(**scripted(world.root / "другие ответы.toml", other))
    window.wait_for_status("ожидает")
    window.press("Alt+]")
    window.wait_for_ghost("return found")
    window.shoot("other")
    window.press("Alt+[")
    window.wait_for_ghost("return best")
    window.press("Alt+]")
    window.wait_for_ghost("return found")
    window.press("Tab")
    window.save(file, "return found")
    passes(file, "assert longest(['a', 'abc', 'ab']) == 'abc'")


def test_folders_of_one_workspace(world: World, start_server: StartServer, open_window: OpenWindow) -> None:
    files = [world.folder / "первый проект" / "слова.py", world.folder / "второй" / "строки.py"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("", encoding="utf-8")
    world.workspace = world.root / "оба.code-workspace"
    folders = [{"path": str(file.parent)} for file in files]
    world.workspace.write_text(json.dumps({"folders": folders}, ensure_ascii=False), encoding="utf-8")
    window = open_window(start_server(scripted(world.root / "ответы.toml", ANSWERS)), files[0])
    for file in files:
        if file != files[0]:
            window.open(file.name)
        window.type("# верни самую длинную строку\n")
        window.wait_for_ghost("return best")
        window.press("Tab")
        window.save(file, "return best")
    assert len(processes(world, "lsp_server")) == 1


def test_notebook(world: World, start_server: StartServer, open_window: OpenWindow) -> None:
    def cell(source: str) -> dict[str, object]:
        return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}

    file = world.folder / "тетрадь.ipynb"
    file.parent.mkdir(parents=True)
    notebook = {"cells": [cell("import os"), cell("x = 1")], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    file.write_text(json.dumps(notebook), encoding="utf-8")
    window = open_window(start_server(scripted(world.root / "ответы.toml", ANSWERS)))
    window.open(file.name)
    window.click_into(window.page.locator(".cell.code .view-lines", has_text="x = 1"))
    window.go_to_end()
    window.type("\n# верни самую длинную строку\n")
    window.wait_for_ghost("return best")
    window.shoot("cell")
    window.press("Tab")
    window.save(file, "return best")
    code = "".join(json.loads(file.read_text(encoding="utf-8"))["cells"][1]["source"])
    subprocess.run([sys.executable, "-c", f"{code}\nassert longest(['a', 'abc']) == 'abc'"], check=True)
