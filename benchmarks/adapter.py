"""An adapter against its base, the base asked in its own best form: both through the server, side by side in one run.

    KODOPIS_EVAL_DATA=… python -m benchmarks.adapter --out runs/adapter.jsonl       the default adapter, held-out cases
    python -m benchmarks.adapter --split dev --limit 60 --only editing --adapter FILE.gguf --prompt-format qwen-fim
    python -m benchmarks.adapter --scale 0.5         at another scale, routing off: every request gets the adapter

Owns: asking both, and paired differences with bootstrap intervals. Does not own: cases (`benchmarks.editing`,
`benchmarks.humaneval`). With `--out`, an interrupted run goes on where it stopped; bases are measured once.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast, get_args

from benchmarks import humaneval
from benchmarks.by_hand import BareModel
from benchmarks.chosen import adapter_name, chosen
from benchmarks.client import BenchmarkEditor
from benchmarks.console import BenchmarkError, told, whole_number
from benchmarks.editing import ask, cases
from benchmarks.records import Record, Records
from finetune.evaluate.intervals import paired_bootstrap
from lsp_server.engine.base import Chunk, CompletionRequest
from lsp_server.serving.choice import Choice, serve

_SETS = ("editing", "ru", "en", "speed")
_SPEED_ROUNDS = 5
_SPEED_TOKENS = 96


@dataclass(frozen=True)
class Pair:
    """One problem answered by both."""

    kind: str
    base: Record
    tuned: Record


@dataclass(frozen=True)
class _Sides:
    """Two servers over one model, and what counts tokens. `name` tells one adapter with its settings from others."""

    base: BenchmarkEditor
    tuned: BenchmarkEditor
    counter: BareModel
    name: str


@told
def main(arguments: list[str] | None = None) -> int:
    """Run and print. Exit code 2 where a model, an adapter or data is missing."""
    options = _parser().parse_args(arguments)
    found = asyncio.run(_run(options))
    for title, pairs in found.items():
        print("\n".join(report(title, pairs)), end="\n\n")
    if "speed" in (options.only or _SETS):
        print(asyncio.run(_speed(options)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.adapter", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog id or path of a GGUF file")
    parser.add_argument("--adapter", default="auto", help="auto, an id of the catalog, or a GGUF file")
    parser.add_argument("--scale", type=float, help="instead of the catalog's; turns routing off")
    parser.add_argument("--prompt-format", default="auto", help="the adapter's, where no catalog knows it")
    parser.add_argument("--only", choices=_SETS, action="append", help="may be repeated; default: all")
    parser.add_argument("--split", choices=get_args(cases.Split), default="confirm", help="of the editing cases")
    parser.add_argument("--kind", choices=sorted(cases.KINDS), help="editing cases of this kind alone")
    limit = "about so many editing cases; the first so many of the others"
    parser.add_argument("--limit", type=whole_number(1), help=limit)
    parser.add_argument("--out", type=Path, help="results, one JSON object a line")
    parser.add_argument("--failed", action="store_true", help="show what one of them passed and the other did not")
    return parser


async def _run(options: argparse.Namespace) -> dict[str, list[Pair]]:
    wanted = options.only or list(_SETS)
    tasks = {language: humaneval.load(language)[: options.limit] for language in ("ru", "en") if language in wanted}
    records = Records(options.out)
    choice = _choice(options)
    if set(wanted) == {"speed"}:
        return {}
    common = {"model": options.model, "timeBudgetMs": 0}
    tuned = _tuned(options)
    found: dict[str, list[Pair]] = {}
    async with AsyncExitStack() as stack:
        counter = await BareModel.of(options.model)
        stack.push_async_callback(counter.close)
        base, adapted = (BenchmarkEditor({**common, **more}) for more in ({"adapter": "none"}, tuned))
        for editor in (base, adapted):
            await editor.start()
            stack.push_async_callback(editor.stop)
        sides = _Sides(base, adapted, counter, adapter_name(choice))
        if "editing" in wanted:
            some = [case for case in cases.load(options.split) if options.kind in (None, case.kind)]
            some = some[:: max(1, len(some) // options.limit)] if options.limit else some
            found[f"editing cases, {options.split}"] = await _editing(some, sides, records)
        for language, of_language in tasks.items():
            found[f"HumanEval-XL {language} dev"] = await _humaneval(of_language, language, sides, records)
    if options.failed:
        for pair in (pair for pairs in found.values() for pair in pairs):
            _show(pair)
    return found


def _tuned(options: argparse.Namespace) -> dict[str, Any]:
    return {"adapter": options.adapter, "adapterScale": options.scale, "promptFormat": options.prompt_format}


def _choice(options: argparse.Namespace) -> Choice:
    """The model with the adapter. Raises what `chosen` does, and BenchmarkError where there is no adapter."""
    choice = chosen({"model": options.model, **_tuned(options)})
    if not choice.adapter_id:
        raise BenchmarkError(f"{choice.model_id} has no adapter: name one with --adapter.")
    return choice


async def _editing(some: Sequence[cases.EditingCase], sides: _Sides, records: Records) -> list[Pair]:
    pairs = []
    for case in some:
        key = ask.key(case, "server", sides.counter.name)

        async def answer(editor: BenchmarkEditor, case: cases.EditingCase = case) -> ask.Result:
            return await ask.ask_server(case, editor, sides.counter, look_for_spans=False)

        pairs.append(await _pair(case.kind, key, answer, sides, records))
        _progress("editing", len(some), pairs)
    return pairs


async def _humaneval(tasks: Sequence[humaneval.Task], language: str, sides: _Sides, records: Records) -> list[Pair]:
    pairs = []
    for task in tasks:
        key = f"{sides.counter.name}/{language}/{task.task_id}"

        async def answer(editor: BenchmarkEditor, task: humaneval.Task = task) -> humaneval.Result:
            return await humaneval.answer(task, "server", editor, sides.counter)

        pairs.append(await _pair("", key, answer, sides, records))
        _progress(language, len(tasks), pairs)
    return pairs


async def _pair(
    kind: str,
    key: str,
    answer: Callable[[BenchmarkEditor], Awaitable[ask.Result | humaneval.Result]],
    sides: _Sides,
    records: Records,
) -> Pair:
    """One problem asked of both sides, but for what is on record already."""
    rows = []
    for side, editor in (("base", sides.base), (sides.name, sides.tuned)):
        row = records.get(f"{side}/{key}")
        if row is None:
            row = records.add(f"{side}/{key}", asdict(await answer(editor)))
        rows.append(row)
    return Pair(kind, *rows)


async def _speed(options: argparse.Namespace) -> str:
    """Decoding with the adapter and without, in turns, in one engine."""
    served = await serve(_choice(options))
    try:
        if served.trouble:  # the engine refuses what its header promised
            raise BenchmarkError(served.trouble)
        prompt = await served.engine.tokenize("def area(width, height):\n    return width * height\n\n\ndef volume(")
        speeds: dict[str, list[float]] = {"bare": [], "adapter": []}
        for _ in range(_SPEED_ROUNDS):
            for name, lora in (("bare", ()), ("adapter", served.lora["code"])):
                request = CompletionRequest(prompt, _SPEED_TOKENS, lora=lora, family=name)
                chunks = cast("AsyncGenerator[Chunk, None]", served.engine.complete(request))
                async with aclosing(chunks):
                    async for chunk in chunks:
                        speeds[name] += [chunk.timings.tokens_per_s] if chunk.stop_type is not None else []
    finally:
        await served.engine.close()
    bare, adapted = (statistics.median(found) for found in speeds.values())
    return f"decode speed with the adapter / without: {adapted:.1f} / {bare:.1f} = {adapted / bare:.2f}  bar ≥ 0.9"


def _progress(what: str, total: int, pairs: Sequence[Pair]) -> None:
    number = len(pairs)
    if sys.stderr.isatty() or number % 10 == 0:
        base, tuned = (sum(getattr(pair, side)["passed"] for pair in pairs) for side in ("base", "tuned"))
        print(f"{what} {number}/{total}: base {base}, adapter {tuned}", file=sys.stderr, flush=True)


def report(title: str, pairs: Sequence[Pair]) -> Iterator[str]:
    """Pass rates with the paired difference, by kind; tokens, time and shaping, where they are known."""
    yield f"{title}: {len(pairs)}, base | adapter | difference with its 95 % interval, in points"
    for kind in sorted({pair.kind for pair in pairs if pair.kind}):
        yield _rate(kind, [pair for pair in pairs if pair.kind == kind])
    yield _rate("all", pairs)
    either = sum(pair.base["passed"] or pair.tuned["passed"] for pair in pairs)
    yield f"one of both passes: {either / len(pairs):.1%}"
    yield from _problems(pairs)
    yield from _tokens(pairs)
    both = [pair for pair in pairs if pair.base["passed"] and pair.tuned["passed"]]
    if both:
        ratio = sum(pair.tuned["wall_ms"] for pair in both) / sum(pair.base["wall_ms"] for pair in both)
        yield f"time to the whole answer where both pass ({len(both)}), adapter / base: {ratio:.2f}  bar ≤ 0.8"
    passed = [pair.tuned for pair in pairs if pair.tuned["passed"] and pair.tuned.get("raw") is not None]
    if passed:
        unshaped = sum(ask.is_as_said(row["raw"], row["answer"]) for row in passed)
        yield f"passing answers that needed no shaping: {unshaped / len(passed):.1%} of {len(passed)}  bar ≥ 95%"


def _rate(name: str, pairs: Sequence[Pair]) -> str:
    base, tuned = ([float(getattr(pair, side)["passed"]) for pair in pairs] for side in ("base", "tuned"))
    gain = paired_bootstrap(base, tuned)
    rates = f"{sum(base) / len(base):>7.1%} {sum(tuned) / len(tuned):>7.1%}"
    return f"{name:<12} {len(pairs):>4} {rates}  {100 * gain.mean:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def _problems(pairs: Sequence[Pair]) -> Iterator[str]:
    """What a server said about itself: the numbers beside it may not be what their column says."""
    for name, side in (("base", "base"), ("adapter", "tuned")):
        for problem in sorted({problem for pair in pairs for problem in getattr(pair, side).get("problems", ())}):
            yield f"the server of the {name} said: {problem}"


def _tokens(pairs: Sequence[Pair]) -> Iterator[str]:
    measures: Mapping[str, Callable[[Record], Any]] = {
        "tokens generated": lambda row: row["n_generated"],
        "tokens shown": lambda row: row.get("n_shown"),
    }
    totals = {}
    for name, value in measures.items():
        sums = []
        for side in ("base", "tuned"):
            values = [value(getattr(pair, side)) for pair in pairs]
            if any(one is None for one in values):
                return
            sums.append(sum(values))
        totals[name] = sums
        yield f"{name}: {sums[0] / len(pairs):.1f} | {sums[1] / len(pairs):.1f} a case"
    ratios = [made / max(1, shown) for made, shown in zip(*totals.values(), strict=True)]
    yield f"generated / shown: {ratios[0]:.2f} | {ratios[1]:.2f}  bar ≤ 1.1"


def _show(pair: Pair) -> None:
    if pair.base["passed"] != pair.tuned["passed"]:
        winner = "adapter" if pair.tuned["passed"] else "base"
        print(f"=== {pair.tuned.get('case') or pair.tuned['task']}: only the {winner} passes")
        for side in ("base", "tuned"):
            row = getattr(pair, side)
            print(f"--- {side}: {row['error']}\n{row['answer']}")


if __name__ == "__main__":
    sys.exit(main())
