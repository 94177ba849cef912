"""One journey with the real 0.5B model, from a comment to code that passes a check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.store import Store

from .editor import Settings, StartEditor

pytestmark = [pytest.mark.editor, pytest.mark.model]

MODEL = "qwen2.5-coder-0.5b"
CHECK = "import runpy; f = runpy.run_path(r'{path}')['is_even']; assert f(4) is True and f(7) is False"


@pytest.fixture(scope="module")
def model() -> Path:
    """The real 0.5B model's file."""
    store, entry = Store(), Catalog.load(user=False).resolve(MODEL)
    if not store.is_installed(entry):
        pytest.skip(f"the 0.5B model is not installed: python -m models get {MODEL}")
    return store.path(entry)


def test_journey(start: StartEditor, model: Path) -> None:
    editor = start(Settings(server={"model": str(model), "timeBudgetMs": 0}))
    path = editor.open("чётность.py")
    editor.keys("i# функция is_even(n): верни True, если число чётное<CR>")
    seen: set[int] = set()

    def whole() -> bool:
        seen.add(len(editor.ghost))
        return editor.ghost != "" and not editor.requests

    editor.wait(whole, "whole ghost text", patience_s=300)
    assert len(seen - {0}) >= 2
    editor.keys("<Tab><Esc>:write<CR>")
    editor.wait(lambda: "def is_even" in path.read_text(encoding="utf-8"), "file on the disk")
    subprocess.run([sys.executable, "-c", CHECK.format(path=path)], check=True)
    editor.command("%Kodopis explain")
    editor.wait(lambda: len(editor.nvim.windows) == 2 and not editor.requests, "explanation", patience_s=300)
    explanation = "\n".join(editor.nvim.windows[1].buffer[:])
    assert any("а" <= letter <= "я" for letter in explanation.lower())
    assert len(explanation) > 40
