"""Takes the pictures of the README and of the extension's walkthrough. `python -m tests.editors.vscode.pictures MODEL`.

Owns: what is in the pictures. They show a real workbench and answers of a real model: `MODEL` is a catalog id that is
fetched already, or the path of a GGUF file. Run it again when the looks change, and look at what it made.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from models.home import data_home

from . import setup
from .workbench import CHROMIUM_ARGUMENTS, Workbench
from .world import EXTENSION, ROOT, CodeServer, World, install_extension, wait_for

MODEL_S = 240.0
MEDIA = EXTENSION / "media"
IMAGES = ROOT / "docs" / "images"
EXPLAINED = """def fib(limit):
    a, b = 0, 1
    while a < limit:
        yield a
        a, b = b, a + b
"""
COMMENT = "# функция, которая проверяет, что число простое"


def main(model: str) -> None:
    """Take them all."""
    MEDIA.mkdir(exist_ok=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        world = World(
            Path(folder), install_extension(Path(folder) / "extensions", Path(folder) / "data"), _settings(model)
        )
        world.folder.mkdir(parents=True)
        world.home.mkdir(parents=True)
        (world.home / "models").symlink_to(data_home() / "models")
        (world.folder / "строки.py").write_text("", encoding="utf-8")
        (world.folder / "числа.py").write_text(EXPLAINED, encoding="utf-8")
        server = CodeServer(world)
        browser = playwright.chromium.launch(executable_path=setup.chromium(), args=list(CHROMIUM_ARGUMENTS))
        try:
            _ghost(Workbench(browser, server, "pictures", world.folder / "строки.py"))
            _explanation(Workbench(browser, server, "pictures", world.folder / "числа.py"))
        finally:
            browser.close()
            server.close()


def _settings(model: str) -> dict[str, object]:
    return {
        "kodopis.serverPython": sys.executable,
        "kodopis.model": model,
        "kodopis.language": "ru",
        "editor.fontSize": 16,
        "workbench.activityBar.location": "hidden",
        "workbench.colorTheme": "Default Dark Modern",
        "window.commandCenter": False,
    }


def _ghost(window: Workbench) -> None:
    window.page.set_viewport_size({"width": 900, "height": 420})
    window.press("Control+b")
    window.wait_for_status("ожидает|B")
    window.type(COMMENT)
    window.press("Enter")
    wait_for(lambda: window.ghost().count("\n") >= 2, "ghost text", window.ghost)
    window.wait_for_status(r"B\b(?!.*думает)")
    window.page.screenshot(path=IMAGES / "vscode-ghost.png")
    shutil.copyfile(IMAGES / "vscode-ghost.png", MEDIA / "walkthrough-ghost.png")
    window.page.set_viewport_size({"width": 900, "height": 680})  # a list takes two fifths of it
    window.status_item.click()
    window.page.locator(".quick-input-list .monaco-list-row", has_text="Статистика").wait_for()
    window.page.screenshot(path=MEDIA / "walkthrough-status.png")
    window.choose("Выбрать модель")
    window.page.locator(".quick-input-list .monaco-list-row", has_text="Apache").first.wait_for()
    window.page.screenshot(path=MEDIA / "walkthrough-model.png")
    window.close()


def _explanation(window: Workbench) -> None:
    window.page.set_viewport_size({"width": 1100, "height": 520})
    window.press("Control+b")
    window.wait_for_status("Qwen|ожидает")
    window.page.locator(".editor-instance .view-line").first.click()
    window.press("Control+a")
    window.run("Kodopis: Explain Selection")
    window.wait_for_frame("a", MODEL_S)
    wait_for(lambda: not re.search("думает", window.status()), "the end of the explanation", patience_s=MODEL_S)
    window.page.screenshot(path=IMAGES / "vscode-explain.png")
    shutil.copyfile(IMAGES / "vscode-explain.png", MEDIA / "walkthrough-explain.png")
    window.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
