"""One window of a real VS Code in a browser: keys go in, what the screen shows comes out.

Owns: reading and driving the workbench. Does not own: what is right (the tests), or where it runs (`world`).
"""

from __future__ import annotations

import contextlib
import re
import warnings
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, Error, Locator, Page
from playwright.sync_api import TimeoutError as NotInTimeError

from .world import PATIENCE_S, ROOT, CodeServer, wait_for

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ACCEPT_LINE = "Control+Alt+ArrowRight"
ARTIFACTS = ROOT / "artifacts" / "editors" / "vscode"


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

        def seen() -> str:
            return f"{self.notices()}, status {self.status()!r}, and in the log:\n{self.log()[-2000:]}"

        return wait_for(find, f"message {pattern!r}", seen, patience_s)

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


def _plain(text: str) -> str:
    """Without the no-break spaces and marks that the editor draws."""
    return text.replace("\u00a0", " ").replace("\u200c", "").replace("\u200b", "")
