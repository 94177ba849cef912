"""One journey with the real 0.5B model, from a comment to code that passes a check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.store import Store

from .editor import Settings, StartEditor

pytestmark = [pytest.mark.editor, pytest.mark.model]

COMMENT = "# функция total(prices), которая циклом складывает цены и возвращает сумму"
MODEL = "qwen2.5-coder-0.5b"
CHECK = "import runpy; total = runpy.run_path(r'{path}')['total']; assert total([2, 3, 5]) == 10"


@pytest.fixture(scope="module")
def model() -> Path:
    """The real 0.5B model's file."""
    store, entry = Store(), Catalog.load(user=False).resolve(MODEL)
    if not store.is_installed(entry):
        pytest.skip(f"the 0.5B model is not installed: python -m models get {MODEL}")
    return store.path(entry)


def test_journey(start: StartEditor, model: Path) -> None:
    editor = start(Settings(server={"model": str(model), "timeBudgetMs": 0}))
    path = editor.open("слова.py")
    editor.keys(f"i{COMMENT}<CR>")
    seen: set[int] = set()

    def whole() -> bool:
        seen.add(len(editor.ghost))
        return editor.ghost != "" and not editor.requests

    editor.wait(whole, "whole ghost text", patience_s=300)
    assert len(seen - {0}) >= 2
    editor.keys("<Tab><Esc>:write<CR>")
    editor.wait(lambda: "def total" in path.read_text(encoding="utf-8"), "file on the disk")
    program = [sys.executable, "-c", CHECK.format(path=path)]
    checked = subprocess.run(program, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"{path.read_text(encoding='utf-8')}\n{checked.stderr}"
    editor.command("%Kodopis explain")

    def explained() -> bool:
        text = "\n".join(editor.nvim.windows[-1].buffer[:])
        return len(re.findall("[а-я]+", text.lower())) > 10

    editor.wait(explained, "ten Russian words of an explanation", patience_s=300)
    editor.keys("<C-w>lq")
    editor.wait(lambda: not editor.requests, "a free engine")
