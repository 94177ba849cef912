"""The stage `evaluate`: base against tuned model, on what was learned and on what must not be forgotten.

Leaves one JSON file a measurement (`perplexity`, `pareto`, `tasks`, `humaneval`, `answers`) and `report.html` over all.
What was to be measured and could not be stands in `skipped.json` with its reason.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from finetune.base import Base, open_base
from finetune.data.build import read_split
from finetune.evaluate import humaneval
from finetune.evaluate.harness import GgufLM, TaskResult, as_json, run_tasks
from finetune.evaluate.intervals import paired_bootstrap
from finetune.evaluate.perplexity import TokenSet, measure, token_sets
from finetune.evaluate.report import write_report
from finetune.export.stage import adapter_name, f16_name
from finetune.llama import Gguf, opened
from finetune.recipe import Recipe
from finetune.stage import Run, write_json

_N_CTX = 4096
_ANSWERS = 6


@dataclass(frozen=True)
class Files:
    """What is measured. `tuned` is served as a file of its own, or None: then it is `base` with `adapter`."""

    base: Path
    adapter: Path
    tuned: Path | None


def run(run: Run, folder: Path) -> None:
    """The stage."""
    files = files_of(run, open_base(run))
    skipped: dict[str, str] = {}
    with opened(files.base, n_ctx=context_tokens(run.recipe)) as model:
        sets = list(token_sets(run, model))
        for name in set(run.recipe.evaluate.perplexity) - {one.name for one in sets}:
            skipped[f"perplexity {name}"] = "its data are not in KODOPIS_EVAL_DATA"
        found = _perplexity(model, files.adapter, sets)
        write_json(folder / "perplexity.json", found)
        write_json(folder / "pareto.json", _pareto(run, model, files.adapter, sets, found))
        write_json(folder / "answers.json", _answers(run, model, files.adapter))
    with tempfile.TemporaryDirectory() as scratch:  # evaluation data are not kept in a run
        write_json(folder / "tasks.json", run_recipe_tasks(run, files, Path(scratch)))
    write_json(folder / "humaneval.json", _humaneval(run, files, skipped))
    write_json(folder / "skipped.json", dict(sorted(skipped.items())))
    write_report(run, folder)


def files_of(run: Run, base: Base) -> Files:
    """What a run is measured by: its base, and what it would serve."""
    exported = run.folder("export")
    tuned = None if base.is_requantised else exported / f16_name(run)
    return Files(base.gguf or exported / "base-f16.gguf", exported / adapter_name(run), tuned)


@contextlib.contextmanager
def _tuned(files: Files) -> Iterator[Gguf]:
    with opened(files.tuned or files.base, n_ctx=_N_CTX) as model:
        model.set_adapter(None if files.tuned else files.adapter)
        yield model


def context_tokens(recipe: Recipe) -> int:
    """The context that a recipe's longest row fits into, with an answer after it."""
    return max(_N_CTX, recipe.data.max_tokens + recipe.evaluate.answer_tokens)


def _perplexity(model: Gguf, adapter: Path, sets: Sequence[TokenSet]) -> list[dict[str, Any]]:
    found = []
    for one in sets:
        model.set_adapter(None)
        base = measure(model, one)
        model.set_adapter(adapter)
        tuned = measure(model, one)
        found.append({"set": one.name, "note": one.note, "base": asdict(base), "adapter": asdict(tuned)})
    model.set_adapter(None)
    return found


def _pareto(
    run: Run, model: Gguf, adapter: Path, sets: Sequence[TokenSet], found: Sequence[dict[str, Any]]
) -> list[dict[str, float]]:
    """At each scale of the adapter: what is learned (own test answers) against what is forgotten (wikitext).

    `found` is what `_perplexity` measured: without the adapter and with all of it, wikitext is not measured again.
    """
    rows = read_split(run, "test")
    answers = TokenSet(
        "answers",
        tuple((tuple(row["prompt_ids"] + row["completion_ids"]), len(row["prompt_ids"])) for row in rows),
        sum(len(row["answer"].encode()) for row in rows),
    )
    general = next((one for one in sets if one.name == "wikitext"), None)
    known = {
        scale: one[who]["perplexity"]
        for one in found
        if one["set"] == "wikitext"
        for scale, who in ((0.0, "base"), (1.0, "adapter"))
    }
    points = []
    for alpha in tqdm(run.recipe.evaluate.alphas, desc="adapter's scale", leave=False):
        model.set_adapter(adapter, alpha)
        point = {"alpha": alpha, "own_answers": measure(model, answers).perplexity}
        if general:
            point["wikitext"] = known[alpha] if alpha in known else measure(model, general).perplexity
        points.append(point)
    model.set_adapter(None)
    return points


def _answers(run: Run, model: Gguf, adapter: Path) -> list[dict[str, str]]:
    """What base and tuned model write for the same test tasks."""
    found = []
    for row in read_split(run, "test")[:_ANSWERS]:
        written = {}
        for name, path in (("base", None), ("adapter", adapter)):
            model.set_adapter(path)
            limit = min(run.recipe.evaluate.answer_tokens, 2 * len(row["completion_ids"]) + 32)
            written[name] = model.generate(row["prompt_ids"], max_tokens=limit)
        found.append({"instruction": row["instruction"], "wanted": row["answer"], **written})
    model.set_adapter(None)
    return found


def run_recipe_tasks(run: Run, files: Files, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The leaderboard's tasks that a recipe names, of base and merged model; `folder` is for scratch files."""
    options = run.recipe.evaluate
    found: dict[str, list[TaskResult]] = {"base": [], "merged": []}
    if not options.tasks:
        return {}
    if options.task_backend == "hf":
        import torch  # noqa: PLC0415 - heavy, and for this backend alone
        from lm_eval.models.huggingface import HFLM  # noqa: PLC0415 - brings transformers' models

        device = "cuda" if torch.cuda.is_available() else "cpu"  # by itself it takes "cuda" on every machine
        weights = open_base(run).folder
        for name, place in (("base", weights), ("merged", run.folder("merge") / "merged")):
            if place:
                model = HFLM(pretrained=str(place), batch_size=1, device=device)
                found[name] = list(run_tasks(model, options.tasks, options.task_limit, folder, options.answer_tokens))
        return {name: as_json(results) for name, results in found.items()}
    with opened(files.base, n_ctx=_N_CTX) as model:
        results = run_tasks(GgufLM(model), options.tasks, options.task_limit, folder, options.answer_tokens)
        found["base"] = list(results)
    with _tuned(files) as model:
        results = run_tasks(GgufLM(model), options.tasks, options.task_limit, folder, options.answer_tokens)
        found["merged"] = list(results)
    return {name: as_json(results) for name, results in found.items()}


def _humaneval(run: Run, files: Files, skipped: dict[str, str]) -> list[dict[str, Any]]:
    if not run.recipe.evaluate.pass_at_k:
        return []
    found = []
    for language in ("ru", "en"):
        rows = humaneval.problems(language, run.recipe.evaluate.problems)
        if not rows:
            skipped[f"HumanEval-XL {language}"] = "its data are not in KODOPIS_EVAL_DATA"
            continue
        found.append(_compared(f"{language}, bare", *(_bare(run, files, rows, tuned) for tuned in (False, True))))
        if not run.recipe.evaluate.through_server:
            continue
        base, tuned = (_served(run, files, rows, tuned=tuned) for tuned in (False, True))
        if isinstance(base, str) or isinstance(tuned, str):
            skipped[f"HumanEval-XL {language}, through the server"] = base if isinstance(base, str) else str(tuned)
        else:
            found.append(_compared(f"{language}, through the server", base, tuned))
    return found


def _bare(run: Run, files: Files, rows: list[dict[str, Any]], tuned: bool) -> list[humaneval.Answered]:
    recipe = run.recipe
    with _tuned(files) if tuned else opened(files.base, n_ctx=_N_CTX) as model:
        return humaneval.bare(
            model,
            rows,
            recipe.model.format_for(docstring=True),
            samples=recipe.evaluate.samples,
            max_tokens=recipe.evaluate.answer_tokens,
            seed=recipe.seed,
        )


def _served(run: Run, files: Files, rows: list[dict[str, Any]], *, tuned: bool) -> list[humaneval.Answered] | str:
    model = (files.tuned or files.base) if tuned else files.base
    adapter = files.adapter if tuned and not files.tuned else None
    settings = humaneval.server_settings(model, run.recipe.model.format_for(docstring=True), adapter, 1.0)
    return humaneval.through_server(rows, settings)


def _compared(name: str, base: Sequence[humaneval.Answered], tuned: Sequence[humaneval.Answered]) -> dict[str, Any]:
    samples = len(base[0].passed)
    scores = {}
    for k in itertools.takewhile(lambda k: k <= samples, (1, 5, 10, 50)):
        a, b = [one.at(k) for one in base], [one.at(k) for one in tuned]
        difference = paired_bootstrap(a, b)
        scores[f"pass@{k}"] = {"base": sum(a) / len(a), "tuned": sum(b) / len(b), "difference": asdict(difference)}
    return {"set": name, "problems": len(base), "samples": samples, "scores": scores}
