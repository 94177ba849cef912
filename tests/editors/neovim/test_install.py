"""The ways to install the plugin that its README names, in Neovim itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .editor import PLUGIN, Editor, Settings, StartEditor

pytestmark = pytest.mark.editor


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Git repository with the plugin where the project has it."""
    folder = tmp_path / "kodopis"
    shutil.copytree(PLUGIN, folder / "neovim-plugin", ignore=shutil.ignore_patterns("node_modules"))
    author = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "Plugin")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def assert_works(editor: Editor) -> None:
    editor.open("установка.py")
    editor.keys("i# сложи два числа<CR>")
    editor.wait(lambda: editor.ghost.startswith("def add"), "ghost text")
    assert editor.nvim.funcs.exists(":Kodopis") == 2


def test_runtimepath(start: StartEditor) -> None:
    assert_works(start())


def test_vim_pack(start: StartEditor, repository: Path, script: Path) -> None:
    before = f"""
    vim.pack.add({{ 'file://{repository}' }}, {{ confirm = false }})
    vim.opt.runtimepath:append(vim.fn.stdpath('data') .. '/site/pack/core/opt/kodopis/neovim-plugin')
    """
    settings = Settings(server={"model": f"scripted:{script}"}, before=before, plugin=None)
    editor = start(settings)
    assert_works(editor)
    assert "site/pack/core/opt" in editor.lua("return vim.api.nvim_get_runtime_file('lsp/kodopis.lua', false)[1]")


def test_enabled_after_a_file_is_open(start: StartEditor, script: Path) -> None:
    """As lazy.nvim does with `ft = 'python'`: the plugin comes when the file is already there."""
    settings = Settings(server={"model": f"scripted:{script}"}, plugin=None)
    editor = start(settings)
    path = editor.workspace / "лениво.py"
    path.write_text("", encoding="utf-8")
    editor.command(f"edit {editor.nvim.funcs.fnameescape(str(path))}")
    editor.lua("vim.opt.runtimepath:append(...) vim.cmd.runtime('plugin/kodopis.lua')", str(PLUGIN))
    editor.lua("vim.lsp.enable('kodopis', false) vim.lsp.enable('kodopis')")
    assert_works(editor)


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_server_in_the_opened_folder_is_not_run(neovim: str, tmp_path: Path, *, is_installed: bool) -> None:
    """Windows looks there first; here PATH says so."""
    folder, programs = tmp_path / "Чужой проект", tmp_path / "программы"
    for place in (folder, programs) if is_installed else (folder,):
        place.mkdir()
        (place / "kodopis").write_text("#!/bin/sh\n", encoding="utf-8")
        (place / "kodopis").chmod(0o755)
    ask = "lua io.write(vim.lsp.config.kodopis.cmd[1], '|', require('kodopis.server').missing_executable() or '')"
    command = [
        neovim,
        "--headless",
        "-u",
        "NONE",
        "-i",
        "NONE",
        "--cmd",
        f"set rtp^={PLUGIN}",
        "-c",
        ask,
        "-c",
        "qall!",
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f".::{programs}", "XDG_DATA_HOME": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    found, missing = done.stdout.split("|")
    assert found == str(programs / "kodopis" if is_installed else tmp_path / "data" / "nvim" / "kodopis")
    assert missing == ("" if is_installed else "kodopis")
