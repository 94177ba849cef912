"""Perplexities of an adapter beside its base's: what was learned, and what must not be forgotten. Routing is off.

    KODOPIS_EVAL_DATA=… python -m benchmarks.forgetting                   the default model's adapter, at its own scale
    KODOPIS_EVAL_DATA=… python -m benchmarks.forgetting --scale 0.5 --scale 1 --adapter FILE.gguf --tokens 4000
    python -m benchmarks.forgetting --name "with KL" --adapter FILE.gguf --out found.jsonl --plot found.png

General text is WikiText-2 and CodeAlpaca, as they are. Own answers are those of the recipe's test tasks, which no
adapter of this recipe has learned: the same tokens, each model after the prompt that it answers best. `--out` adds a
line for each scale; `--plot` draws all that the file holds, what was learned against what was forgotten.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from benchmarks.console import BenchmarkError, told, whole_number
from benchmarks.records import Record, Records
from finetune.data.editing.expand import expand
from finetune.data.render import render
from finetune.data.rows import Row
from finetune.data.select import select
from finetune.data.split import split
from finetune.evaluate.perplexity import TokenSet, general_set, measure
from finetune.llama import Gguf, opened
from finetune.outside import EVALUATION_FILES, evaluation_file
from finetune.recipe import Recipe
from finetune.recipe_file import load
from models.catalog import Catalog
from models.store import Store

_GENERAL = {"wikitext": 1.02, "code_alpaca": 1.0}
_FORGOTTEN = "wikitext"
_OWN, _OWN_BAR = "own answers", 0.85
_N_CTX = 4096

Sets = dict[str, dict[str, float]]
"""Of each set: `tokens`, and the perplexities of `base` and `adapter`."""


@told
def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Exit code 2 where the model, the adapter, the recipe or its tasks are missing."""
    options = _parser().parse_args(arguments)
    records = Records(options.out)
    catalog = Catalog.load()
    entry = catalog.resolve(options.model)
    store = Store()
    store.require(entry)
    file = store.path(entry)
    adapter = catalog.adapter(options.adapter, entry, file)
    if adapter is None:
        raise BenchmarkError(f"{entry.id} has no adapter: name one with --adapter.")
    recipe = load(options.recipe)[0]
    for name in _GENERAL:
        if evaluation_file(name) is None:
            print(f"{name}: not measured, its data are not in KODOPIS_EVAL_DATA", file=sys.stderr)
    if options.plot and evaluation_file(_FORGOTTEN) is None:
        raise BenchmarkError(f"--plot needs {EVALUATION_FILES[_FORGOTTEN]} in the folder that KODOPIS_EVAL_DATA names.")
    tasks = held_out_tasks(recipe)
    if not tasks:
        raise BenchmarkError(f"{options.recipe} holds no tasks back: name another recipe with --recipe.")
    with opened(file, n_ctx=_N_CTX) as model:
        formats = (entry.format_for("code"), adapter.prompt.get("code") or options.prompt_format)
        own = own_answers(model, tasks, recipe, formats)
        general = [one for name in _GENERAL for one in general_set(name, model, options.tokens)]
        scales = options.scale or [adapter.scale]
        for scale, sets in measured(model, adapter.path, scales, general, own):
            name = options.name or adapter.id
            found = records.add(f"{name}/{scale}", {"name": name, "scale": scale, "sets": sets})
            print("\n".join(_lines(found)), flush=True)
    if options.plot:
        _draw(records.rows(), options.plot)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forgetting",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog id or path of a GGUF file")
    parser.add_argument("--adapter", default="auto", help="auto, an id of the catalog, or a GGUF file")
    parser.add_argument("--scale", type=float, action="append", help="may be repeated (default: the adapter's own)")
    parser.add_argument("--prompt-format", default="qwen-fim", help="the adapter's, where no catalog knows it")
    parser.add_argument("--recipe", default="qwen2.5-coder-0.5b-cpu", help="whose test tasks are asked")
    parser.add_argument("--tokens", type=whole_number(0), default=20_000, help="of each general set (0: all)")
    parser.add_argument("--name", help="of the adapter, in the file and the plot")
    parser.add_argument("--out", type=Path, help="what is found, one JSON object a line")
    parser.add_argument("--plot", type=Path, help="a picture of all that --out holds")
    return parser


def measured(
    model: Gguf, adapter: Path, scales: Sequence[float], general: Sequence[TokenSet], own: Sequence[TokenSet]
) -> Iterator[tuple[float, Sets]]:
    """Each scale with the perplexities of every set. `own`: the same answers, for the base and for the adapter."""
    model.set_adapter(None)
    bases = {one.name: measure(model, one).perplexity for one in (*general, own[0])}
    for scale in scales:
        model.set_adapter(adapter, scale)
        tuned = {one.name: measure(model, one) for one in (*general, own[-1])}
        yield (
            scale,
            {
                name: {"tokens": found.tokens, "base": bases[name], "adapter": found.perplexity}
                for name, found in tuned.items()
            },
        )
    model.set_adapter(None)


def _lines(found: Record) -> Iterator[str]:
    for name, one in found["sets"].items():
        ratio = f"{one['adapter']:.3f} / {one['base']:.3f} = {_ratio(found, name):.3f}"
        bar = _GENERAL.get(name, _OWN_BAR)
        yield f"scale {found['scale']:g}, {name} ({one['tokens']} tokens): adapter / base {ratio}  bar ≤ {bar}"


def _ratio(found: Record, name: str) -> float:
    return float(found["sets"][name]["adapter"] / found["sets"][name]["base"])


def _draw(found: Sequence[Record], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415 - after the backend is chosen

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    whole = [one for one in found if _FORGOTTEN in one["sets"]]  # of a run without its data there is no such point
    for name in dict.fromkeys(one["name"] for one in whole):
        points = [(1.0, 1.0, 0.0)]  # without the adapter
        points += [(_ratio(one, _FORGOTTEN), _ratio(one, _OWN), one["scale"]) for one in whole if one["name"] == name]
        points.sort(key=lambda point: point[2])
        xs, ys, _ = zip(*points, strict=True)
        axes.plot(xs, ys, "o-", label=name)
        for x, y, scale in points[1:]:
            axes.annotate(f"{scale:g}", (x, y), fontsize=8, xytext=(4, 4), textcoords="offset points")
    axes.set_xlabel("wikitext perplexity / base (forgotten →)")
    axes.set_ylabel("own answers, perplexity / base (↓ learned)")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def held_out_tasks(recipe: Recipe) -> list[Row]:
    """The tasks that a recipe holds back for testing.

    Raises:
        FinetuneError: `data-missing`, `data-empty`, `too-few-rows`.
    """
    made = select(recipe.data)
    parts = split(made.rows, made.clusters, recipe.data.validation_rows, recipe.data.test_rows)
    return [row for row in parts["test"] if row.is_task]


def own_answers(model: Gguf, tasks: Sequence[Row], recipe: Recipe, formats: Sequence[str]) -> list[TokenSet]:
    """The answers to tasks after the prompt of each format; in all of them the same tokens count.

    How an answer begins depends on what the prompt ends with (an indentation, a fence) and how it ends on the format,
    so that only what the formats' answers share counts: from where on they agree, without the stop token.
    """
    edits = expand(tasks, formats[-1], recipe.seed, docstrings=False)
    rows = [[_ids(model, row, recipe, one) for one in formats] for row in edits if isinstance(row, Row)]
    shared = [_shared_end([answer for _, answer in by_format]) for by_format in rows]
    found = []
    for number in range(len(formats)):
        ids = [
            ((*prompt, *answer), len(prompt) + len(answer) - n)
            for (prompt, answer), n in zip((row[number] for row in rows), shared, strict=True)
            if n
        ]
        found.append(TokenSet(_OWN, tuple(ids), 0, "answers to test tasks"))
    return found


def _ids(model: Gguf, row: Row, recipe: Recipe, prompt_format: str) -> tuple[list[int], list[int]]:
    """Prompt and answer, as the server would feed them: each tokenised alone."""
    rendered = render(row, prompt_format, recipe.model.chat_format)
    return model.tokens_of(rendered.prompt.segments), model.tokenize(row.answer.rstrip("\n").lstrip(" \t"))


def _shared_end(answers: Sequence[Sequence[int]]) -> int:
    backwards = zip(*(reversed(answer) for answer in answers), strict=False)
    return sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, backwards))


if __name__ == "__main__":
    sys.exit(main())
