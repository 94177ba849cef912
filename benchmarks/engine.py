"""Speed of the engine, as ratios taken in one run: `python -m benchmarks.engine [--model PATH]`.

What is compared: decoding through the engine's HTTP API with llama-cpp-python alone; the time to the first token one
keystroke later with a cold context; how long a cancelled request keeps the engine; decoding with drafts and without.
Everything runs on the same machine with the same number of threads, the compared things in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.console import told, whole_number
from lsp_server.engine.base import CompletionRequest, Timings
from lsp_server.engine.client import HttpEngine
from lsp_server.engine.process import EngineProcess
from lsp_server.engine.spec import EngineSpec
from models.catalog import Catalog
from models.store import Store

ROOT = Path(__file__).parents[1]
N_CONTEXT = 1200
N_LONG = 2000
N_DECODE = 64
SUFFIX_LINES = 16
TASK = '# Функция находит самое длинное слово в строке\ndef longest_word(text: str) -> str:\n    """Слово."""\n'


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    other: str
    ratio: float
    bar: str
    is_met: bool


@dataclass(frozen=True)
class Measured:
    """One request, as the client saw it."""

    first_ms: float
    timings: Timings
    tokens: tuple[int, ...]


async def measure(engine: HttpEngine, request: CompletionRequest) -> Measured:
    started = time.perf_counter()
    first_ms = 0.0
    tokens: list[int] = []
    timings = Timings()
    async for chunk in engine.complete(request):
        if not first_ms and chunk.n_tokens:
            first_ms = (time.perf_counter() - started) * 1000
        tokens.extend(chunk.tokens)
        timings = chunk.timings
    return Measured(first_ms, timings, tuple(tokens))


def context_text() -> str:
    """Ordinary Python, more than any row needs."""
    names = ("process.py", "host.py", "client.py", "worker.py")
    return "\n".join((ROOT / "lsp_server" / "engine" / name).read_text(encoding="utf-8") for name in names)


class Alone:
    """llama-cpp-python's own high-level API, in this process."""

    def __init__(self, model: Path, n_threads: int) -> None:
        from llama_cpp import Llama  # noqa: PLC0415 - only this row needs it

        self._llama = Llama(
            str(model), n_ctx=4096, n_threads=n_threads, n_threads_batch=n_threads, n_gpu_layers=-1, verbose=False
        )

    def ms_per_token(self, prompt: tuple[int, ...]) -> float:
        """Decode speed, without the prompt's evaluation: from the first token to the last."""
        tokens = self._llama.generate(list(prompt), temp=0.0, repeat_penalty=1.0, reset=True)
        next(tokens)
        started = time.perf_counter()
        for _ in range(N_DECODE - 1):
            next(tokens)
        return (time.perf_counter() - started) * 1000 / (N_DECODE - 1)


async def decode_speed(engine: HttpEngine, alone: Alone, repeat: int) -> Row:
    prompt = await engine.tokenize(TASK)
    request = CompletionRequest(prompt, N_DECODE)
    ratios, ours, theirs = [], [], []
    for _ in range(repeat):
        theirs.append(alone.ms_per_token(prompt))
        started = time.perf_counter()
        measured = await measure(engine, request)
        whole_ms = (time.perf_counter() - started) * 1000 - measured.first_ms
        ours.append(whole_ms / (len(measured.tokens) - 1))
        ratios.append(theirs[-1] / ours[-1])
    ratio = statistics.median(ratios)
    return Row(
        "decode speed: through HTTP / llama-cpp-python alone",
        f"{1000 / statistics.median(ours):.1f} tok/s",
        f"{1000 / statistics.median(theirs):.1f} tok/s",
        ratio,
        "≥ 0.95",
        ratio >= 0.95,
    )


async def first_token(engine: HttpEngine, suffix_lines: int, repeat: int) -> Row:
    text = context_text()
    suffix = "".join(text.splitlines(keepends=True)[300 : 300 + suffix_lines])
    ids = (await engine.tokenize(text))[:N_CONTEXT]
    tail: tuple[int, ...] = ()
    if suffix:
        special = [
            await engine.tokenize(f"<|fim_{name}|>", parse_special=True) for name in ("prefix", "suffix", "middle")
        ]
        tail = special[1] + await engine.tokenize(suffix) + special[2]
        ids = special[0] + ids[: N_CONTEXT - len(tail) - 1]
    typed = await engine.tokenize("x = некоторое_имя + другое")
    ratios, warm_ms, cold_ms = [], [], []
    for _ in range(repeat):
        cold = await measure(engine, CompletionRequest(ids + tail, 1, cache_prompt=False))
        cold_ms.append(cold.first_ms)
        for key in range(1, 4):
            warm_ms.append((await measure(engine, CompletionRequest(ids + typed[:key] + tail, 1))).first_ms)
        ratios.append(statistics.median(warm_ms[-3:]) / cold.first_ms)
    ratio, bar = statistics.median(ratios), 0.15 if suffix_lines else 0.03
    what = f"{suffix_lines} lines after" if suffix_lines else "nothing after"
    return Row(
        f"first token, {N_CONTEXT} tokens, {what}: one keystroke later / cold",
        f"{statistics.median(warm_ms):.0f} ms",
        f"{statistics.median(cold_ms):.0f} ms",
        ratio,
        f"≤ {bar}",
        ratio <= bar,
    )


async def cancelled_decode(engine: HttpEngine, repeat: int) -> Row:
    request = CompletionRequest(await engine.tokenize(TASK), N_DECODE, document="a")
    short = replace(request, n_predict=1, document="b")
    free_ms, step_ms = [], []
    for _ in range(repeat):
        timings = (await measure(engine, request)).timings
        step_ms.append(timings.predicted_ms / timings.predicted_tokens)
        usual = statistics.median([(await measure(engine, short)).first_ms for _ in range(3)])
        stream = engine.complete(request)
        n_tokens = 0
        async for chunk in stream:
            n_tokens += chunk.n_tokens
            if n_tokens >= 8:
                break
        cancelled = time.perf_counter()
        await stream.aclose()
        await measure(engine, short)
        free_ms.append((time.perf_counter() - cancelled) * 1000 - usual)
    ratio = statistics.median(free_ms) / statistics.median(step_ms)
    return Row(
        "cancelled while decoding: until free / one decode step",
        f"{statistics.median(free_ms):.0f} ms",
        f"{statistics.median(step_ms):.0f} ms",
        ratio,
        "≤ 2",
        ratio <= 2,
    )


async def cancelled_prefill(engine: HttpEngine, repeat: int) -> Row:
    ids = (await engine.tokenize(context_text()))[:N_LONG]
    short = CompletionRequest(await engine.tokenize(TASK), 1, family="short")
    whole = await measure(engine, CompletionRequest(ids, 1, cache_prompt=False, family="long"))
    free_ms = []
    for _ in range(repeat):
        usual = statistics.median([(await measure(engine, short)).first_ms for _ in range(3)])
        request = CompletionRequest(ids, 1, cache_prompt=False, family="long")
        running = asyncio.create_task(measure(engine, request))
        await asyncio.sleep(whole.first_ms / 1000 / 3)
        cancelled = time.perf_counter()
        running.cancel()
        await measure(engine, short)
        free_ms.append((time.perf_counter() - cancelled) * 1000 - usual)
    free = statistics.median(free_ms)
    return Row(
        f"cancelled while prefilling {N_LONG} tokens: until free / the whole prefill",
        f"{free:.0f} ms",
        f"{whole.first_ms:.0f} ms",
        free / whole.first_ms,
        "≤ 300 ms",
        free <= 300,
    )


async def drafting(plain: HttpEngine, drafted: HttpEngine, repeat: int) -> Row:
    """Completions of ordinary code, where names of the context come again. The tokens must be the same."""
    text = context_text()
    ids = await plain.tokenize(text)
    ratios: list[float] = []
    ours_ms = theirs_ms = 0.0
    n_tokens = n_other = 0
    for start in range(0, 600 * repeat, 600):
        request = CompletionRequest(ids[start : start + 500], N_DECODE)
        without, with_drafts = await measure(plain, request), await measure(drafted, request)
        n_other += with_drafts.tokens != without.tokens
        n_tokens += len(without.tokens)
        theirs_ms += without.timings.predicted_ms
        ours_ms += with_drafts.timings.predicted_ms
        ratios.append(without.timings.predicted_ms / with_drafts.timings.predicted_ms)
    ratio = theirs_ms / ours_ms
    return Row(
        f"decode speed: with drafts / without (worst of {repeat}: {min(ratios):.2f}; other answers: {n_other})",
        f"{n_tokens / ours_ms * 1000:.1f} tok/s",
        f"{n_tokens / theirs_ms * 1000:.1f} tok/s",
        ratio,
        "≥ 1.2",
        ratio >= 1.2 and not n_other,
    )


@asynccontextmanager
async def engine_of(spec: EngineSpec, home: Path) -> AsyncIterator[HttpEngine]:
    process = EngineProcess(spec, directory=home)
    state = await process.connect()
    engine = HttpEngine(state.url, state.token)
    try:
        yield engine
    finally:
        await engine.close()
        await process.stop()


async def run(model: Path, repeat: int, n_threads: int) -> list[Row]:
    rows = []
    plain_spec = EngineSpec(model_path=model, n_threads=n_threads, may_draft=False)
    with tempfile.TemporaryDirectory() as home:
        async with engine_of(plain_spec, Path(home)) as plain:
            rows.append(await decode_speed(plain, Alone(model, n_threads), repeat))
            rows.append(await first_token(plain, 0, repeat))
            rows.append(await first_token(plain, SUFFIX_LINES, repeat))
            rows.append(await cancelled_decode(plain, repeat))
            rows.append(await cancelled_prefill(plain, repeat))
            async with engine_of(replace(plain_spec, may_draft=True), Path(home)) as drafted:
                rows.append(await drafting(plain, drafted, repeat))
    return rows


@told
def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Exit code 2 where there is no model to run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the installed 0.5B")
    parser.add_argument("--repeat", type=whole_number(1), default=5)
    parser.add_argument("--n-threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    options = parser.parse_args(arguments)
    model = options.model or Store().path(Catalog.load(user=False).resolve("qwen2.5-coder-0.5b"))
    print(f"{model.name}, {options.n_threads} threads, {os.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}\n")
    print("| what | ours | other | ratio | bar | met |\n|---|---|---|---|---|---|")
    for row in asyncio.run(run(model, options.repeat, options.n_threads)):
        met = "yes" if row.is_met else "NO"
        print(f"| {row.what} | {row.ours} | {row.other} | {row.ratio:.3f} | {row.bar} | {met} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
