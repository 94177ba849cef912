"""The whole way with a real model: a Russian comment is typed, the code that comes is taken, and it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.store import Store

from .conftest import OpenWindow, StartServer
from .world import World, wait_for

pytestmark = [pytest.mark.editor, pytest.mark.model]

MODEL = "qwen2.5-coder-0.5b"
MODEL_S = 240.0


@pytest.fixture
def model() -> Path:
    """The default model's file."""
    entry, store = Catalog.load().get(MODEL), Store()
    if entry is None or not store.is_installed(entry):
        pytest.skip(f"needs the model {MODEL}: kodopis models get {MODEL}")
    return store.path(entry)


def test_comment_becomes_code_that_runs(
    model: Path, world: World, start_server: StartServer, open_window: OpenWindow
) -> None:
    file = world.folder / "числа.py"
    file.parent.mkdir(parents=True)
    file.write_text("", encoding="utf-8")
    settings = {"kodopis.serverPython": sys.executable, "kodopis.model": str(model), "kodopis.language": "ru"}
    window = open_window(start_server(settings), file)
    window.wait_for_status("ожидает")
    window.type("# функция is_even(n), которая возвращает True, если число чётное")
    window.press("Enter")
    wait_for(lambda: "return" in window.ghost(), "ghost text", window.ghost, MODEL_S)
    window.wait_for_status(r"Instruct(?!.*думает)", MODEL_S)
    window.shoot("grown")
    window.press("Tab")
    text = window.save(file, "return")
    subprocess.run([sys.executable, "-c", f"{text}\nassert is_even(4) and not is_even(3)"], check=True, timeout=20)
