"""What the VS Code extension adds to the engine's time, and what it costs: `python -m benchmarks.editors`.

Run `make vsix` before: measured is what users install, in a real workbench (code-server in Chromium; see
tests/editors/vscode/setup.py for what that needs). The engine is the scripted one, so that its own time to a line is
known and no model hides the rest. Its first line can stand alone: a line that cannot, like `def f():`, is held back by
the server until the next one is there, and that is the engine's time.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright

from benchmarks.console import BenchmarkError, told, whole_number
from benchmarks.server import Measured
from benchmarks.timed_engine import TimedEngine
from lsp_server.engine.client import API_KEY_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "editors"))

from vscode import setup  # noqa: E402 - the tests' workbench
from vscode.workbench import CHROMIUM_ARGUMENTS, Workbench  # noqa: E402
from vscode.world import EXTENSION, CodeServer, World, install_extension, wait_for  # noqa: E402

_SCRIPT = """
[[answer]]
match = "."
delay_ms = 25
text = '''
numbers = [int(word) for word in input().split()]
result = sum(numbers)
average = result / len(numbers)
'''
"""
_LAST_LINE = "average = result / len(numbers)"
_RUNNING = "idle|scripted"
_N_FIRST = 2  # requests that still start things
_WATCH = """
() => {
  const enter = event => { if (event.key === "Enter") window.measured = { enter: event.timeStamp }; };
  document.addEventListener("keydown", enter, true);
  new MutationObserver(() => {
    const measured = window.measured;
    if (!measured || measured.shown !== undefined) return;
    if (document.querySelector(".monaco-editor .view-line [class*=ghost-text-decoration]") === null) return;
    measured.shown = null;
    requestAnimationFrame(shown => { measured.shown = shown; });
  }).observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true });
}
"""


@dataclass(frozen=True)
class Shown:
    """One answer. Times in milliseconds: from Enter to the first ghost line, and the engine's own to that line.

    `before_ms`: from Enter until the engine had the request.
    """

    total_ms: float
    engine_ms: float
    before_ms: float


@told
def main(arguments: list[str] | None = None) -> int:
    """Measure and print; exit code 1 where a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.editors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=whole_number(2), default=15, help="answers to measure, at least 2")
    parser.add_argument("--windows", type=whole_number(1), default=5, help="windows opened to measure the activation")
    options = parser.parse_args(arguments)
    missing = setup.missing_packages()
    if missing:
        parser.error("needs these Debian packages: " + " ".join(missing))
    bundle = _bundle()
    setup.install()
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        rows = [bundle, *_workbench(Path(folder), options.repeat, options.windows)]
    for row in rows:
        print(row)
    return 0 if all(row.limit is None or row.value <= row.limit for row in rows) else 1


def _bundle() -> Measured:
    found = list(EXTENSION.glob("*.vsix"))
    if len(found) != 1:
        raise BenchmarkError(f"{len(found)} packages in {EXTENSION}, one is needed: run make vsix first.")
    [vsix] = found
    with zipfile.ZipFile(vsix) as archive:
        size = archive.getinfo("extension/dist/extension.js").file_size
    return Measured("the extension's bundle", size / 1024, "KiB", 600)


def _workbench(root: Path, repeat: int, n_windows: int) -> list[Measured]:
    script = root / "script.toml"
    script.write_text(_SCRIPT, encoding="utf-8")
    extensions = install_extension(root / "extensions", root / "installing")
    with _engine(script) as engine, sync_playwright() as playwright:
        world = World(root, extensions)
        world.settings = {"kodopis.serverPython": sys.executable, "kodopis.endpoint": engine.url}
        world.environment[API_KEY_VARIABLE] = engine.token
        server = CodeServer(world)
        browser = playwright.chromium.launch(executable_path=setup.chromium(), args=list(CHROMIUM_ARGUMENTS))
        try:
            shown = _answers(browser, server, engine, repeat)
            return [*_added(shown), *_activations(browser, server, n_windows)]
        finally:
            browser.close()
            server.close()


@contextmanager
def _engine(script: Path) -> Iterator[TimedEngine]:
    """The engine, in an event loop of a thread of its own: playwright keeps this one's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> TimedEngine:
        engine = TimedEngine(script)
        await engine.start()
        return engine

    engine = asyncio.run_coroutine_threadsafe(make(), loop).result()

    async def end() -> None:
        await engine.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # watchers of the streaming library, which would outlive the loop

    try:
        yield engine
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _answers(browser: Browser, server: CodeServer, engine: TimedEngine, repeat: int) -> list[Shown]:
    file = server.world.folder / "числа.py"
    file.write_text("", encoding="utf-8")
    window = Workbench(browser, server, "benchmark", file)
    window.wait_for_status(_RUNNING)
    window.page.evaluate(_WATCH)
    shown = [_answer(window, engine, number) for number in range(repeat + _N_FIRST)]
    window.close()
    return shown[_N_FIRST:]


def _answer(window: Workbench, engine: TimedEngine, number: int) -> Shown:
    window.type(f"# функция, которая возвращает сумму {number} чисел списка", delay_ms=40)
    n_before = len(engine.arrivals)
    window.page.evaluate("window.measured = undefined")
    window.press("Enter")
    shown = wait_for(lambda: window.page.evaluate("window.measured?.shown") or 0.0, "ghost text", window.status)
    enter, origin = window.page.evaluate("[window.measured.enter, performance.timeOrigin]")
    [arrival] = engine.arrivals[n_before:]
    assert arrival.first_line_at is not None
    to_wall_s = time.time() - time.perf_counter()
    before_ms = (arrival.at + to_wall_s) * 1000 - origin - enter
    window.wait_for_ghost(_LAST_LINE)
    window.press("Tab", "Control+a", "Delete")  # each answer into an empty file: under this one it would be an echo
    window.wait_for_no_ghost()
    return Shown(shown - enter, (arrival.first_line_at - arrival.at) * 1000, before_ms)


def _added(shown: list[Shown]) -> list[Measured]:
    added = [one.total_ms - one.engine_ms for one in shown]
    before = statistics.median(one.before_ms for one in shown)
    after = statistics.median(one.total_ms - one.engine_ms - one.before_ms for one in shown)
    lower, _, upper = statistics.quantiles(added, n=4)
    return [
        Measured("Enter to the first ghost line, over the engine's own, median", statistics.median(added), "ms", 150),
        Measured("  of it until the engine has the request, median", before, "ms", None),
        Measured("  of it from the engine's line to the screen, median", after, "ms", None),
        Measured("  lower quartile", lower, "ms", None),
        Measured("  upper quartile", upper, "ms", None),
        Measured("  largest", max(added), "ms", None),
    ]


def _activations(browser: Browser, server: CodeServer, n_windows: int) -> list[Measured]:
    """By the extension's own log, and by VS Code's count, which holds the bundle's loading too."""
    file = server.world.folder / "пусто.py"
    file.write_text("", encoding="utf-8")
    counted = []
    for number in range(n_windows):
        window = Workbench(browser, server, f"activation-{number}", file)
        window.wait_for_status(_RUNNING)
        window.run("Developer: Show Running Extensions")
        row = window.page.locator(".runtime-extensions-editor .monaco-list-row", has_text="Kodopis").first
        text = wait_for(lambda row=row: _activation(row.text_content()), "the activation's time")  # type: ignore[misc]
        counted.append(float(text))
        log = window.log()
        window.close()
    own = [float(found) for found in re.findall(r"activated in ([\d.]+) ms", log)]
    return [
        Measured("activation by the extension's own measure, median", statistics.median(own), "ms", 100),
        Measured("activation by VS Code's, with the bundle's loading, median", statistics.median(counted), "ms", None),
    ]


def _activation(row: str | None) -> str:
    found = re.search(r"Activation: (?:Startup )?\D*(\d+)\s*ms", row or "")
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
