"""What the server costs without a model: its start, its memory, its own share of a request's time, shared engines.

    python -m benchmarks.server

The engine is the scripted one, so that no model's speed hides the server's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.client import BenchmarkEditor
from benchmarks.console import told, whole_number
from benchmarks.timed_engine import TimedEngine
from lsp_server.engine.client import API_KEY_VARIABLE
from lsp_server.engine.process import running_engines, stop_engine

MIB = 1024 * 1024
_N_FIRST = 3  # requests that still start things
_SETTLE_S = 0.2
_BLOCK = '''
def обработать_{n}(items: list[int], limit: int = {n}) -> list[int]:
    """Оставляет не больше limit чисел."""
    result = []
    for item in items:
        if item > limit:  # лишнее
            result.append(item)
    return result

'''
_TASK = "\n# верни сумму чисел списка\n"


@dataclass(frozen=True)
class Measured:
    """One row of the table. `limit` is what the value must not exceed; None: reported only."""

    name: str
    value: float
    unit: str
    limit: float | None

    def __str__(self) -> str:
        bar = "" if self.limit is None else f"≤ {self.limit:g} {self.unit}"
        verdict = "" if self.limit is None else ("reached" if self.value <= self.limit else "MISSED")
        return f"{self.name:<58} {self.value:>9.1f} {self.unit:<4} {bar:<12} {verdict}".rstrip()


def source_of(n_lines: int) -> str:
    """A file of about so many lines, with an instruction at its end."""
    block_lines = _BLOCK.count("\n")
    return "".join(_BLOCK.format(n=n) for n in range(max(1, n_lines // block_lines))) + _TASK


@told
def main(arguments: list[str] | None = None) -> int:
    """Measure and print; exit code 1 where a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.server", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=whole_number(1), default=15, help="requests for each median")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        rows = asyncio.run(_measure(Path(home), options.repeat))
    for row in rows:
        print(row)
    return 0 if all(row.limit is None or row.value <= row.limit for row in rows) else 1


async def _measure(home: Path, repeat: int) -> list[Measured]:
    script = home / "script.toml"
    script.write_text('[[answer]]\nmatch = "."\ntext = "total = sum(items)\\n"\n', encoding="utf-8")
    environment = {**os.environ, "KODOPIS_HOME": str(home)}
    rows = await _starts(script, environment, min(repeat, 5))
    rows += await _latencies(script, environment, repeat)
    editors = [BenchmarkEditor({"model": f"scripted:{script}"}, environment) for _ in range(3)]
    try:
        for editor in editors:
            await editor.start()
        rows += await _sharing(editors, home)
    finally:
        for editor in editors:
            await editor.stop()
        for engine in running_engines(home / "engine"):
            await stop_engine(engine.path, engine.state)
    return rows


async def _starts(script: Path, environment: Mapping[str, str], repeat: int) -> list[Measured]:
    times, heavy = [], set()
    for _ in range(repeat):
        editor = BenchmarkEditor({"model": f"scripted:{script}"}, environment)
        await editor.start()
        times.append(editor.start_ms)
        heavy |= {name for name in ("llama", "torch", "ggml") if name in _mapped_files(editor.pid)}
        await editor.stop()
    return [
        Measured("start to `initialize` answered, median", statistics.median(times), "ms", 1500),
        Measured("heavy libraries in the server (llama, ggml, torch)", len(heavy), "", 0),
    ]


async def _latencies(script: Path, environment: Mapping[str, str], repeat: int) -> list[Measured]:
    engine = TimedEngine(script)
    await engine.start()
    environment = {**environment, API_KEY_VARIABLE: engine.token}
    editor = BenchmarkEditor({"endpoint": engine.url}, environment)
    try:
        await editor.start()
        return [await _latency(editor, engine, n_lines, repeat) for n_lines in (200, 20_000)]
    finally:
        await editor.stop()
        await engine.stop()


async def _latency(editor: BenchmarkEditor, engine: TimedEngine, n_lines: int, repeat: int) -> Measured:
    """From the request's leaving the editor until the engine has the prompt, tokenising included.

    The instruction is edited just before every request, so that no cached answer serves.
    """
    text = source_of(n_lines)
    n_line = text.count("\n") - 1  # the instruction's
    uri = editor.open(text)
    await asyncio.sleep(_SETTLE_S)  # opening a document is not part of a request
    times = []
    for number in range(repeat + _N_FIRST):
        task = f"# верни сумму {number} чисел списка"
        text = text[: text.rindex("#")] + task + "\n"
        editor.replace_line(uri, n_line, task, version=number + 2)
        n_before = len(engine.arrivals)
        reply = await editor.complete(uri, text, n_line + 1, 0)
        if len(engine.arrivals) == n_before:
            raise RuntimeError(f"the request did not reach the engine: {reply.problems}")
        times.append((engine.arrivals[n_before].at - reply.sent_at) * 1000)
    editor.close(uri)
    median = statistics.median(times[_N_FIRST:])
    return Measured(f"request to engine having it, {n_lines} lines, median", median, "ms", 15)


async def _sharing(editors: Sequence[BenchmarkEditor], home: Path) -> list[Measured]:
    text = source_of(200)
    for number, editor in enumerate(editors):
        changed = text.replace("сумму", f"сумму окна {number}")
        uri = editor.open(changed)
        reply = await editor.complete(uri, changed, changed.count("\n"), 0)
        assert reply.inserted, reply
    memory = [psutil.Process(editor.pid).memory_info().rss / MIB for editor in editors]
    return [
        Measured("memory of the first window's server", memory[0], "MiB", 150),
        Measured("memory of the largest further window's server", max(memory[1:]), "MiB", 150),
        Measured("engine processes for three windows", len(running_engines(home / "engine")), "", 1),
    ]


def _mapped_files(pid: int) -> str:
    """The names of the files mapped into a process; empty where the system does not tell."""
    time.sleep(0.2)
    try:
        return " ".join(Path(region.path).name for region in psutil.Process(pid).memory_maps())
    except (psutil.Error, AttributeError):  # macOS has no memory_maps
        return ""


if __name__ == "__main__":
    sys.exit(main())
