"""Ghost text in a real Neovim: it comes, grows, keeps to what is typed, is taken, and goes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from neovim_editor import Editor

pytestmark = pytest.mark.editor

ADD = "def add(a, b):\n    total = a + b\n    return total"
COMMENT = "# сложи два числа"
SLOW = "# медленно сложи"


def ask(editor: Editor, comment: str = COMMENT) -> None:
    editor.keys(f"i{comment}<CR>")


def test_a_comment_becomes_code_that_runs(editor: Editor) -> None:
    path = editor.open("сумма.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    assert editor.lines == [COMMENT, ""]
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1:] == ADD.split("\n"), "code in the buffer")
    assert editor.ghosts == []
    editor.keys("<Esc>:write<CR>")
    editor.wait(lambda: path.read_text(encoding="utf-8") == f"{COMMENT}\n{ADD}\n", "file on the disk")
    program = f"import runpy; print(runpy.run_path({str(path)!r})['add'](2, 3))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "5"


def test_the_ghost_text_grows(editor: Editor) -> None:
    editor.open("рост.py")
    ask(editor)
    seen: list[str] = []

    def grown() -> bool:
        ghost = editor.ghost
        if ghost and (not seen or seen[-1] != ghost):
            seen.append(ghost)
        return ghost == ADD

    editor.wait(grown, "whole ghost text")
    assert len(seen) >= 2
    assert all(later.startswith(earlier) for earlier, later in zip(seen, seen[1:], strict=False))
