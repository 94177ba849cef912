"""Ghost text in a real workbench, with the scripted engine: it grows, is taken, gone along with, dropped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import OpenWindow, StartServer
from .workbench import Workbench, World, scripted, wait_for

pytestmark = pytest.mark.editor

LONGEST = """def longest(words):
    best = ""
    for word in words:
        if len(word) > len(best):
            best = word
    return best
"""
SCRIPT = f'''
[[answer]]
match = "самую длинную"
text = """{LONGEST}"""
delay_ms = 25

[[answer]]
match = "медленно"
text = """def slow(first, second):
    total = first + second
    print(total)
    return total
"""
delay_ms = 400

[[answer]]
match = "total = "
text = "sum(numbers)\\n"
delay_ms = 5
'''

OpenEditor = Callable[..., tuple[Workbench, Path]]


@pytest.fixture
def editor(world: World, start_server: StartServer, open_window: OpenWindow) -> OpenEditor:
    """A window on a file whose server answers from the script."""

    def open_editor(text: str = "") -> tuple[Workbench, Path]:
        file = world.folder / "слова.py"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        window = open_window(start_server(scripted(world.root / "ответы.toml", SCRIPT)), file)
        window.wait_for_status("ответы|выключена")
        window.go_to_end()
        return window, file

    return open_editor


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
    window.type("# медленно")
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
    window.type("# самую длинную строку")
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
    window.type("# медленно")
    window.press("Enter")
    window.wait_for_ghost("def slow")
    window.type("x = 1", delay_ms=30)
    window.wait_for_no_ghost()
    window.wait_for_status(r"^\s*ответы(?!.*думает)")
    assert window.save(file, "x = 1").splitlines()[-1] == "x = 1"


def test_taken_by_word(editor: OpenEditor) -> None:
    window, file = editor()
    window.type("# самую длинную строку")
    window.press("Enter")
    window.wait_for_ghost("return best")
    window.press("Control+ArrowRight", "Control+ArrowRight")
    window.wait_for_ghost("(words)")
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
    window.wait_for_status("ответы")
    window.type("# самую длинную строку")
    window.press("Enter")
    window.page.wait_for_timeout(1500)
    assert window.ghost() == ""
    window.press("Control+Alt+k")
    window.wait_for_ghost("def longest")
    window.wait_for_status("по запросу")
