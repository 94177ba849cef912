"""A real VS Code workbench with our extension, in a world of its own: keys go in, what the screen shows comes out.

Owns: starting code-server and a browser over a fresh home folder, and reading the workbench. Does not own: what is
right (the tests), or how code-server got onto the machine (`setup`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psutil
from playwright.sync_api import Browser, Error, Locator, Page
from playwright.sync_api import TimeoutError as NotInTimeError

from . import setup

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
EXTENSION = ROOT / "vscode-extension"
ARTIFACTS = ROOT / "artifacts" / "editors" / "vscode"
PATIENCE_S = 150.0
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
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
ACCEPT_LINE = "Control+Alt+ArrowRight"
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


class Workbench:
    """One window in the browser."""

    def __init__(
        self, browser: Browser, server: CodeServer, name: str, file: Path | None = None, folder: Path | None = None
    ) -> None:
        self.server = server
        self._name = name
        self._shots = 0
        self._context = browser.new_context(
            viewport={"width": 1100, "height": 700}, locale="ru-RU" if server.world.locale == "ru" else "en-US"
        )
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.goto(server.address(file, folder), wait_until="domcontentloaded")
        self._appear(has_file=file is not None)

    def _appear(self, *, has_file: bool) -> None:
        """Wait for the window, and with a file for the extension.

        VS Code tries only once to reach its extension host, for some seconds: on a machine that gives it no time a
        window may be left without one. Then it is loaded again, as its user would, and a warning says so.
        """
        for is_last in (False, False, True):
            self.page.wait_for_selector(".monaco-workbench", state="visible")
            if not has_file:
                return
            self.page.wait_for_selector(".monaco-editor[data-uri] .view-line")
            try:
                self.status_item.wait_for(timeout=PATIENCE_S * (1000 if is_last else 300))
                break
            except NotInTimeError:
                if is_last:
                    raise
            warnings.warn(
                f"{self._name}: the window came without its extension host, and is loaded again", stacklevel=3
            )
            self.page.reload(wait_until="domcontentloaded")
        self.click_into(self.page.locator(".editor-instance .monaco-editor .view-lines").first)

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str, delay_ms: float = 5) -> None:
        """Type into the editor that has the focus. Waits for one: what is typed before is lost, or goes elsewhere."""
        wait_for(self._focused_editor, "an editor with the focus", self._focused)
        self.page.keyboard.type(text, delay=delay_ms)

    def go_to_end(self) -> None:
        """Put the cursor at the end of the file, as a user does who comes back from somewhere else."""
        if not self._focused_editor():
            self.click_into(self.page.locator(".editor-group-container.active .monaco-editor .view-lines").first)
        self.press("Control+End")

    def click_into(self, lines: Locator) -> None:
        """Click into an editor's lines, and wait until what is typed goes there."""
        lines.click()
        has_focus = "lines => lines.closest('.monaco-editor').contains(document.activeElement)"
        wait_for(lambda: lines.evaluate(has_focus), "the focus in the editor", self._focused)

    def _focused_editor(self) -> str:
        """The address of the file whose editor has the focus, empty where none has."""
        return str(self.page.evaluate("document.activeElement?.closest('.monaco-editor[data-uri]')?.dataset.uri ?? ''"))

    def _focused(self) -> object:
        return self.page.evaluate("document.activeElement?.outerHTML.slice(0, 300)")

    def save(self, file: Path, wanted: str) -> str:
        """Save, and wait for the file to hold something; gives all of it."""
        self.press("Control+s")
        wait_for(lambda: wanted in file.read_text(encoding="utf-8"), f"{file.name} holds {wanted!r}")
        return file.read_text(encoding="utf-8")

    def run(self, title: str) -> None:
        """Run a command of the palette by its title."""
        self.press("F1")
        box = self.page.locator(".quick-input-widget input[type=text]")
        box.fill(f">{title}")
        first = self.page.locator(".quick-input-list .monaco-list-row").first
        wait_for(lambda: title in (first.text_content() or ""), f"the palette offers {title!r}")
        self.press("Enter")

    def open(self, path: str) -> None:
        """Open a file of the folder by what the user types to find it."""
        self.press("Control+p")
        box = self.page.locator(".quick-input-widget input[type=text]")
        box.fill(path)
        name = path.rpartition("/")[2]
        self.page.locator(".quick-input-list .monaco-list-row", has_text=name).first.click()
        self.page.locator(".tab.active", has_text=name).wait_for()
        if not name.endswith(".ipynb"):
            # the tab comes first: until the editor has the new file, what is typed goes into the old one
            wait_for(lambda: self._focused_editor().endswith(f"/{quote(name)}"), f"{name} in the editor", self._focused)

    def statistics(self) -> str:
        """What the command for statistics says."""
        self.run("Kodopis: Show Statistics")
        box = self.page.locator(".monaco-dialog-box")
        box.wait_for()
        self.shoot("statistics")
        text = _plain(box.text_content() or "")
        self.press("Escape")
        box.wait_for(state="detached")
        return text

    def ghost(self) -> str:
        """The ghost text on screen: what is after the cursor, and the lines below it."""
        first = self.page.locator(".monaco-editor .view-line [class*=ghost-text-decoration]").all_text_contents()
        more = self.page.locator(".monaco-editor .suggest-preview-text .view-line").all_text_contents()
        return _plain("\n".join(["".join(first), *more])) if first or more else ""

    def wait_for_ghost(self, wanted: str) -> str:
        """Wait until the ghost text holds something; gives all of it."""
        return wait_for(lambda: text if wanted in (text := self.ghost()) else "", f"ghost text with {wanted!r}")

    def wait_for_other_ghost(self, before: str) -> str:
        """Wait until there is another ghost text; gives it."""
        return wait_for(lambda: text if (text := self.ghost()) != before else "", "other ghost text", self.ghost)

    def wait_for_ghost_left(self, text: str) -> None:
        """Wait until the ghost text is this and no more."""
        wait_for(lambda: self.ghost().strip() == text.strip(), f"{text!r} left", self.ghost)

    def wait_for_no_ghost(self) -> None:
        """Wait until there is no ghost text."""
        wait_for(lambda: self.ghost() == "", "no ghost text")

    def text(self) -> str:
        """The lines on screen as they are drawn, without ghost text."""
        lines = self.page.locator(".editor-instance .view-lines > .view-line")
        return _plain("\n".join(lines.all_text_contents()))

    @property
    def status_item(self) -> Locator:
        """Our status bar item."""
        return self.page.locator("#kodopis\\.kodopis\\.kodopis\\.status")

    def status(self) -> str:
        """What our status bar item says."""
        return _plain(self.status_item.text_content() or "") if self.status_item.count() else ""

    def wait_for_status(self, pattern: str, patience_s: float = PATIENCE_S) -> str:
        """Wait until the status matches; gives it."""

        def find() -> str:
            return text if re.search(pattern, text := self.status()) else ""

        return wait_for(find, f"status {pattern!r}", self.status, patience_s)

    def notices(self) -> list[str]:
        """Messages on screen."""
        return [_plain(text) for text in self.page.locator(".notification-list-item-message").all_text_contents()]

    def wait_for_notice(self, pattern: str, patience_s: float = PATIENCE_S) -> str:
        """Wait for a message; gives it."""

        def find() -> str:
            return next((text for text in self.notices() if re.search(pattern, text)), "")

        return wait_for(find, f"message {pattern!r}", self.notices, patience_s)

    def buttons(self) -> list[str]:
        """Titles of the buttons of the messages on screen."""
        return self.page.locator(".notification-list-item .monaco-button").all_text_contents()

    def click_button(self, title: str) -> None:
        """Press a button of a message or dialog."""
        self.page.locator(".monaco-button", has_text=title).first.click()

    def choose(self, row: str) -> None:
        """Take a row of the list that is open on top (palette, quick pick)."""
        self.page.locator(".quick-input-list .monaco-list-row", has_text=row).first.click()

    def wait_for_frame(self, wanted: str, patience_s: float = PATIENCE_S) -> str:
        """Wait until a web view shows a text; gives all of it."""

        def find() -> str:
            for frame in self.page.frames[1:]:
                with contextlib.suppress(Error):  # a frame may go while it is looked at
                    text = str(frame.evaluate("document.querySelector('main')?.textContent ?? ''"))
                    if wanted in text:
                        return text
            return ""

        return wait_for(find, f"a web view with {wanted!r}", patience_s=patience_s)

    def shoot(self, what: str) -> Path:
        """Keep a picture of the window."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self._shots += 1
        path = ARTIFACTS / f"{self._name}-{self._shots}-{what}.png"
        self.page.screenshot(path=path)
        return path

    def log(self) -> str:
        """The extension's own log."""
        found = sorted(self.server.world.user_data.glob("logs/**/*Kodopis*.log"))
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in found)


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


def _plain(text: str) -> str:
    """Without the no-break spaces and marks that the editor draws."""
    return text.replace("\u00a0", " ").replace("\u200c", "").replace("\u200b", "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
