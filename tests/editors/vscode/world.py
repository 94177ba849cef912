"""A world of its own for one test of the extension: a fresh home folder, settings, and code-server over them.

Owns: starting and ending code-server, its settings, installing the extension. Does not own: the windows (`workbench`),
or how code-server got onto the machine (`setup`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psutil

from . import setup

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
EXTENSION = ROOT / "vscode-extension"
PATIENCE_S = 150.0
_QUIET = {
    "telemetry.telemetryLevel": "off",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.layoutControl.enabled": False,
    "extensions.ignoreRecommendations": True,
    "extensions.autoCheckUpdates": False,
    "editor.accessibilitySupport": "off",
    "editor.minimap.enabled": False,
    "editor.cursorBlinking": "solid",
    "workbench.reduceMotion": "on",
    "editor.fontSize": 15,
    "files.autoSave": "off",
    "files.hotExit": "off",
    "git.enabled": False,
    "kodopis.timeBudgetMs": 0,
    "chat.commandCenter.enabled": False,
}
# VS Code has no key for it by itself.
_KEYS = [{"key": "ctrl+alt+right", "command": "editor.action.inlineSuggest.acceptNextLine"}]
# What the extension declares with the scope "machine" is read from the machine's settings in a remote window.
_MACHINE = ("kodopis.model", "kodopis.adapter", "kodopis.endpoint", "kodopis.python", "kodopis.serverPython",
            "kodopis.wheelsFolder", "kodopis.engineBuild", "kodopis.nCtx", "kodopis.nThreads")  # fmt: skip


@dataclass
class World:
    """Where one test lives. `settings` are the user's; `trusts` opens folders without asking about trust."""

    root: Path
    extensions: Path
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    trusts: bool = True
    locale: str = "en"
    workspace: Path | None = None
    """A file that names several folders, to be opened instead of the one."""

    @property
    def folder(self) -> Path:
        """The folder that is opened; its name is one that people have."""
        return self.root / "Мои проекты"

    @property
    def home(self) -> Path:
        """Kodopis' own data."""
        return self.root / "Иван Петров" / "kodopis"

    @property
    def user_data(self) -> Path:
        """The workbench's own data."""
        return self.root / "Иван Петров" / "code"


class CodeServer:
    """One code-server process, as one machine that windows connect to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = _free_port()
        self._write_settings()
        world.folder.mkdir(parents=True, exist_ok=True)
        self._log = (world.root / "code-server.log").open("wb")
        self._starts = 0
        trust = ["--disable-workspace-trust"] if world.trusts else []
        command = [setup.node(), str(setup.entry()), "--auth", "none", "--bind-addr", f"127.0.0.1:{self.port}",
                   "--disable-telemetry", "--disable-update-check", *trust, "--locale", world.locale,
                   "--user-data-dir", str(world.user_data), "--extensions-dir", str(world.extensions)]  # fmt: skip
        self._command = command
        self._process = self._start()
        wait_for(self._answers, "code-server answers")

    def close(self) -> None:
        """End it, and with it the extension hosts and language servers; the engines do not wait until they are idle."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        for state in (self.world.home / "engine").glob("*.json"):
            with contextlib.suppress(psutil.Error, ValueError):
                psutil.Process(json.loads(state.read_text(encoding="utf-8"))["pid"]).kill()

    def address(self, file: Path | None, folder: Path | None) -> str:
        """The address of a window on a folder (the world's, unless one is named), with a file open in it."""
        opened = f"workspace={quote(str(workspace))}" if (workspace := self.world.workspace) else ""
        address = f"http://127.0.0.1:{self.port}/?{opened or f'folder={quote(str(folder or self.world.folder))}'}"
        if file is None:
            return address
        payload = [["openFile", f"vscode-remote://127.0.0.1:{self.port}{quote(str(file))}"]]
        return f"{address}&payload={quote(json.dumps(payload))}"

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts += 1
        environment = {**os.environ, "KODOPIS_HOME": str(self.world.home), **self.world.environment}
        return subprocess.Popen(self._command, stdout=self._log, stderr=self._log, env=environment)

    def _answers(self) -> bool:
        if self._process.poll() is not None and self._starts < 3:
            self._process = self._start()  # on a busy machine its two processes do not find each other in time
        elif self._process.poll() is not None:
            raise AssertionError((self.world.root / "code-server.log").read_text(encoding="utf-8", errors="replace"))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def change(self, **settings: Any) -> None:
        """Change settings while windows are open, as a user does who edits the files."""
        self.world.settings.update(settings)
        self._write_settings()

    def _write_settings(self) -> None:
        settings = {**_QUIET, **self.world.settings}
        machine = {name: value for name, value in settings.items() if name in _MACHINE}
        user = {name: value for name, value in settings.items() if name not in _MACHINE}
        written: dict[str, Any] = {"Machine/settings": machine, "User/settings": user, "User/keybindings": _KEYS}
        for name, values in written.items():
            path = self.world.user_data / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
        if self.world.locale != "en":
            self._write_language_pack()

    def _write_language_pack(self) -> None:
        """A language pack that translates nothing, so that the workbench has the language, and extensions theirs."""
        texts = self.world.user_data / "main.i18n.json"
        texts.write_text(json.dumps({"version": "1.0.0", "contents": {"vs/workbench": {}}}), encoding="utf-8")
        pack = {
            "hash": "test",
            "label": self.world.locale,
            "extensions": [{"extensionIdentifier": {"id": "kodopis.no-translations"}, "version": "1.0.0"}],
            "translations": {"vscode": str(texts)},
        }
        packs = self.world.user_data / "languagepacks.json"
        packs.write_text(json.dumps({self.world.locale: pack}), encoding="utf-8")


def install_extension(folder: Path, data: Path) -> Path:
    """Install the vsix that was built, as a user does, into a folder of extensions; gives the folder."""
    [vsix] = EXTENSION.glob("*.vsix")
    command = [setup.node(), str(setup.entry()), "--extensions-dir", str(folder), "--user-data-dir", str(data)]
    subprocess.run([*command, "--install-extension", str(vsix)], check=True)
    return folder


def wait_for(
    probe: Callable[[], T], what: str, seen: Callable[[], object] | None = None, patience_s: float = PATIENCE_S
) -> T:
    """Wait until `probe` gives something true. `seen` says what there was instead."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if found := probe():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {what}" + (f"; there was {seen()!r}" if seen else ""))


def processes(world: World, module: str) -> list[psutil.Process]:
    """The server's or the engine's processes of this world."""
    found = []
    for process in psutil.process_iter():
        try:
            command, environment = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        if module in command and environment.get("KODOPIS_HOME") == str(world.home):
            found.append(process)
    return found


def scripted(path: Path, answers: str) -> dict[str, Any]:
    """Settings with which the server of this project's environment answers from a script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(answers, encoding="utf-8")
    return {"kodopis.serverPython": sys.executable, "kodopis.model": f"scripted:{path}", "kodopis.language": "ru"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
