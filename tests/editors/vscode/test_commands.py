"""What the user can ask for by name, in a real workbench with the scripted engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import LONGEST, OpenEditor
from .world import CodeServer, processes, wait_for

pytestmark = pytest.mark.editor


def test_code_by_the_light_bulb(editor: OpenEditor) -> None:
    window, file = editor("# верни самую длинную строку списка\n")
    window.press("ArrowUp")
    window.page.locator(":is([class*=gutter-lightbulb], .lightBulbWidget):visible").first.wait_for()
    window.press("Control+.")
    action = window.page.locator(
        ".action-widget .action-item, .action-widget .monaco-list-row", has_text="написать код"
    )
    action.first.wait_for()
    window.shoot("light-bulb")
    while "focused" not in (action.first.get_attribute("class") or ""):
        window.press("ArrowDown")
    window.press("Enter")
    wait_for(lambda: "return best" in window.text(), "the code in the file", window.text)
    window.save(file, "return best")


def test_explanation_grows_beside_the_code(editor: OpenEditor) -> None:
    window, _file = editor(LONGEST)
    window.press("Control+a")
    window.page.locator(".editor-instance .view-line").nth(2).click(button="right", position={"x": 40, "y": 8})
    window.page.locator(".monaco-menu .action-label", has_text="Kodopis").hover()
    window.page.locator(".monaco-menu .action-label", has_text="Explain Selection").hover()
    window.press("Enter")
    first = window.wait_for_frame("Функция")
    whole = window.wait_for_frame("собака")
    assert len(first) < len(whole)
    assert "**" not in whole
    window.shoot("explained")


def test_selection_is_fixed(editor: OpenEditor) -> None:
    window, file = editor("def half(number)\n    return number / 2\n")
    window.press("Control+a")
    window.run("Kodopis: Fix Selection")
    wait_for(lambda: "def half(number):" in window.text(), "the mended code", window.text)
    text = window.save(file, "def half(number):")
    subprocess.run([sys.executable, "-c", f"{text}\nassert half(4) == 2"], check=True)


def test_docstring_is_written(editor: OpenEditor) -> None:
    window, file = editor(LONGEST)
    window.press("ArrowUp")
    window.run("Kodopis: Write Docstring")
    wait_for(lambda: "Возвращает самую" in window.text(), "the docstring", window.text)
    text = window.save(file, "Возвращает самую длинную строку списка.")
    subprocess.run([sys.executable, "-c", f"{text}\nassert longest.__doc__.startswith('Возвращает')"], check=True)


def test_tests_are_written(editor: OpenEditor) -> None:
    window, file = editor(LONGEST)
    window.press("Control+a")
    window.run("Kodopis: Write Tests")
    made = file.with_name("test_слова.py")
    wait_for(lambda: made.exists() or "test_слова.py" in str(window.page.title()), "the file of tests")
    window.page.locator(".tab", has_text="test_слова.py").wait_for()
    window.save(made, "def test_longest")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(made)], check=True, cwd=file.parent
    )


def test_statistics_stay_here(editor: OpenEditor) -> None:
    window, _file = editor()
    window.type("# верни самую длинную строку")
    window.press("Enter")
    window.wait_for_ghost("return best")
    window.press("Tab")
    wait_for(lambda: "return best" in window.text(), "the code in the file", window.text)
    text = window.statistics()
    assert "Показано: 1" in text  # nothing that was asked to draw what has grown reached the server
    assert "Принято: 1 (100 %)" in text
    assert "не покидают" in text


def test_engine_is_stopped_and_starts_by_itself(editor: OpenEditor, shared_server: CodeServer) -> None:
    window, _file = editor()
    window.type("# верни самую длинную строку\n")
    window.wait_for_ghost("return best")
    window.run("Kodopis: Stop the Engine")
    window.wait_for_notice("Движок остановлен")
    wait_for(lambda: not processes(shared_server.world, "lsp_server.engine"), "no engine")
    window.wait_for_status("ожидает")
    window.type("# функция, которая возвращает самую длинную строку\n")
    window.wait_for_ghost("return best")
    window.wait_for_status("ответы")


def test_restart_and_log(editor: OpenEditor, shared_server: CodeServer) -> None:
    window, _file = editor()
    [before] = processes(shared_server.world, "lsp_server")
    window.run("Kodopis: Restart")
    wait_for(lambda: before not in processes(shared_server.world, "lsp_server"), "the server has ended")
    window.wait_for_status("ожидает|ответы")
    window.run("Kodopis: Show Log")
    window.page.locator(".part.panel .view-line", has_text="activated").first.wait_for()
    window.shoot("log")


def test_status_item_opens_a_menu(editor: OpenEditor) -> None:
    window, _file = editor()
    window.status_item.click()
    window.page.locator(".quick-input-list .monaco-list-row", has_text="Показать журнал").wait_for()
    window.shoot("menu")
    window.choose("Выбрать модель")
    window.page.locator(".quick-input-list .monaco-list-row", has_text="Apache").first.wait_for()
    window.shoot("models")
    window.press("Escape")


def test_walkthrough_has_its_pictures(editor: OpenEditor) -> None:
    window, _file = editor()
    window.run("Kodopis: Get Started")
    window.page.locator(".getting-started-step, .step-list-container button").first.wait_for()
    picture = window.page.locator(".getting-started-media img").first
    picture.wait_for()
    wait_for(lambda: picture.evaluate("image => image.naturalWidth > 0"), "the picture is there")
    window.shoot("walkthrough")
