"""Perplexities of an adapter beside its base's: what was learned, and what must not be forgotten. Routing is off.

    KODOPIS_EVAL_DATA=… python -m benchmarks.forgetting                   the default model's adapter, at its own scale
    KODOPIS_EVAL_DATA=… python -m benchmarks.forgetting --scale 0.5 --scale 1 --adapter FILE.gguf --tokens 4000

General text is WikiText-2 and CodeAlpaca, as they are. Own answers are those of the recipe's test tasks, which no
adapter of this recipe has learned: the same tokens, each model after the prompt that it answers best.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile

from finetune.data.editing.expand import expand
from finetune.data.render import render
from finetune.data.rows import Row
from finetune.data.select import select
from finetune.data.split import split
from finetune.errors import FinetuneError
from finetune.evaluate.perplexity import TokenSet, general_set, measure
from finetune.llama import Gguf, opened
from finetune.recipe import Recipe, load
from models.catalog import Catalog
from models.entry import AdapterEntry, ModelEntry
from models.errors import ModelError
from models.store import Store

_GENERAL = {"wikitext": 1.02, "code_alpaca": 1.0}
_OWN_BAR = 0.85
_N_CTX = 4096


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Exit code 2 where the model, the adapter or the recipe is missing."""
    options = _parser().parse_args(arguments)
    catalog = Catalog.load()
    try:
        entry = catalog.resolve(options.model)
        file = Store().path(entry)
        adapter = catalog.adapter(options.adapter, entry, file)
        if adapter is None:
            print(f"{entry.id} has no adapter: name one with --adapter.", file=sys.stderr)
            return 2
        recipe = load(options.recipe)[0]
        with opened(file, n_ctx=_N_CTX) as model:
            for line in _report(model, entry, adapter, recipe, options):
                print(line, flush=True)
    except (FinetuneError, ModelError) as error:
        print(error, file=sys.stderr)
        return 2
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
    parser.add_argument("--tokens", type=int, default=20_000, help="of each general set")
    return parser


def _report(
    model: Gguf, entry: ModelEntry, adapter: AdapterEntry, recipe: Recipe, options: argparse.Namespace
) -> Iterator[str]:
    formats = (entry.format_for("code"), adapter.prompt.get("code") or options.prompt_format)
    general = [one for name in _GENERAL for one in general_set(name, model, options.tokens)]
    own = own_answers(model, recipe, formats)
    model.set_adapter(None)
    bases = {one.name: measure(model, one).perplexity for one in (*general, own[0])}
    for scale in options.scale or [adapter.scale]:
        model.set_adapter(adapter.path, scale)
        for one in (*general, own[1]):
            tuned, base = measure(model, one), bases[one.name]
            bar = _GENERAL.get(one.name, _OWN_BAR)
            ratio = f"{tuned.perplexity:.3f} / {base:.3f} = {tuned.perplexity / base:.3f}"
            yield f"scale {scale:g}, {one.name} ({tuned.tokens} tokens): adapter / base {ratio}  bar ≤ {bar}"


def own_answers(model: Gguf, recipe: Recipe, formats: Sequence[str]) -> list[TokenSet]:
    """The answers to the recipe's test tasks after the prompt of each format; in all of them the same tokens count.

    How an answer begins depends on what the prompt ends with (an indentation, a fence) and how it ends on the format,
    so that only what the formats' answers share counts: from where on they agree, without the stop token.

    Raises:
        FinetuneError: `data-missing`, `data-empty`.
    """
    made = select(recipe.data)
    test = split(made.rows, made.clusters, recipe.data.validation_rows, recipe.data.test_rows)["test"]
    edits = expand([row for row in test if row.is_task], formats[-1], recipe.seed, docstrings=False)
    rows = [[_ids(model, row, recipe, one) for one in formats] for row in edits if isinstance(row, Row)]
    shared = [_shared_end([answer for _, answer in by_format]) for by_format in rows]
    found = []
    for number in range(len(formats)):
        ids = [
            ((*prompt, *answer), len(prompt) + len(answer) - n)
            for (prompt, answer), n in zip((row[number] for row in rows), shared, strict=True)
            if n
        ]
        found.append(TokenSet("own answers", tuple(ids), 0, "answers to test tasks"))
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
