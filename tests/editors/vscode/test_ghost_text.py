"""Ghost text in a real workbench, with the scripted engine: it grows, is taken, gone along with, dropped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import OpenEditor
from .workbench import wait_for

pytestmark = pytest.mark.editor


def passes(file: Path, check: str) -> None:
    """What was written runs, and does what the check says."""
    program = file.read_text(encoding="utf-8") + "\n" + check
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)


def test_comment_becomes_code(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# функция, которая возвращает самую длинную строку списка")
    window.press("Enter")
    seen: list[str] = []

    def grown() -> bool:
        if (text := window.ghost()) and (not seen or text != seen[-1]):
            seen.append(text)
        return bool(seen) and "return best" in seen[-1]

    wait_for(grown, "the whole answer", lambda: seen)
    assert len({len(text) for text in seen}) >= 2, seen
    window.shoot("grown")
    window.press("Tab")
    window.save(file, "return best")
    passes(file, "assert longest(['a', 'abc', 'ab']) == 'abc'")
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
    window.wait_for_status(r"^\s*ответы(?!.*думает)")
    window.page.wait_for_timeout(1500)
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
    window.wait_for_ghost("return best")
    window.press("Control+ArrowRight")
    wait_for(lambda: window.ghost().strip().startswith("longest"), "one word taken", window.ghost)
    window.page.wait_for_timeout(300)
    window.press("Control+ArrowRight")
    wait_for(lambda: window.ghost().strip().startswith("("), "two words taken", window.ghost)
    assert window.save(file, "def longest").splitlines()[-1].startswith("def longest")
    window.press("Tab")
    window.save(file, "return best")


def test_asked_by_hand(editor: OpenEditor) -> None:
    window, file = editor("numbers = [1, 2, 3]\n")
    window.type("total = ")
    window.page.wait_for_timeout(500)
    assert window.ghost() == ""
    window.press("Control+Alt+k")
    window.wait_for_ghost("sum(numbers)")
    window.press("Tab")
    window.save(file, "total = sum(numbers)")


def test_automatic_suggestions_can_be_turned_off(editor: OpenEditor) -> None:
    window, _file = editor()
    window.run("Kodopis: Turn Automatic Suggestions On or Off")
    window.type("# верни самую длинную строку")
    window.press("Enter")
    window.page.wait_for_timeout(1500)
    assert window.ghost() == ""
    window.press("Control+Alt+k")
    window.wait_for_ghost("def longest")
    window.wait_for_status("по запросу")
    window.run("Kodopis: Turn Automatic Suggestions On or Off")
    window.wait_for_status("ожидает")
