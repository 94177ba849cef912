"""From a data set to a verified GGUF that the server can load: docs/finetune.md.

python -m finetune                              all that is missing or out of date of the default recipe
python -m finetune plan                         what it would take
python -m finetune --recipe smoke               every stage on tiny models, in minutes
python -m finetune --recipe my.yaml data train  some stages, and what they need
python -m finetune inspect                      one example: text, token ids, loss mask
python -m finetune compare RUN RUN              two runs beside each other
python -m finetune adapter --out DIR            the trained adapter alone: GGUF, card, catalog entry
python -m finetune export --adapter DIR         any PEFT adapter as GGUF
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from finetune import pipeline
from finetune.dropped import sentences
from finetune.errors import FinetuneError
from finetune.messages import (
    ADAPTER_UNREADABLE,
    COMPARE_TWO,
    EXTRA_MISSING,
    NO_BASE_FOR_ADAPTER,
    OPTION_MISPLACED,
    OUT_OCCUPIED,
    STAGE_UNKNOWN,
    SUMMARY_DONE,
    SUMMARY_LINE,
    SUMMARY_SKIPPED,
)
from finetune.recipe import Recipe
from finetune.recipe_file import known_recipes, load
from finetune.stage import Run
from models.console import guarded, survive_any_console
from models.errors import ModelError

DEFAULT_RECIPE = "qwen2.5-coder-0.5b-cpu"
_WORDS = ("plan", "inspect", "compare", "adapter")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, or 1 after one sentence about what is wrong."""
    survive_any_console()
    return guarded(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    _settle_environment()
    try:
        return _do(options)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(EXTRA_MISSING(name=error.name), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "words", nargs="*", metavar="STAGE", help=f"{', '.join(_WORDS)}, or {', '.join(pipeline.NAMES)}"
    )
    parser.add_argument("--recipe", default=DEFAULT_RECIPE, help=f"a YAML file, or {', '.join(known_recipes())}")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept (default: runs)")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="change a value of the recipe"
    )
    parser.add_argument(
        "--allow-noncommercial",
        dest="overrides",
        action="append_const",
        const="data.allow_noncommercial=true",
        help="take sets whose licence forbids commercial use",
    )
    parser.add_argument("--fresh", action="store_true", help="put unfinished training aside and start anew")
    parser.add_argument("--gpu", default="a100", help="plan: t4, rtx3090, rtx4090, a100, h100 or h200")
    parser.add_argument("--row", type=int, default=1, help="inspect: which training example")
    parser.add_argument("--adapter", type=Path, help="export: a PEFT adapter of any origin")
    parser.add_argument("--base", type=Path, help="export --adapter: a folder with its base's config.json")
    parser.add_argument("--out", type=Path, help="adapter: the folder to write; export --adapter: the file")
    return parser


def _settle_environment() -> None:
    """Before torch is imported: quiet where nobody watches, no telemetry, threads that sleep while they wait."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module="peft")
    # On some processors bitsandbytes looks for a faster kernel on the hub, and warns where it has none to take.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def _do(options: argparse.Namespace) -> int:
    words: list[str] = options.words
    if words[:1] == ["compare"]:
        if len(words) != 3:
            raise FinetuneError("compare-two", COMPARE_TWO)
        from finetune.compare import compare  # noqa: PLC0415

        print(compare(*(_run_folder(options.runs, word) for word in words[1:])))
        return 0
    if words == ["export"] and options.adapter:
        return _export_adapter(options)
    for word in words:
        if word not in (*pipeline.NAMES, *_WORDS):
            known = ", ".join((*_WORDS, *pipeline.NAMES))
            raise FinetuneError("stage-unknown", STAGE_UNKNOWN, name=word, known=known)
    _refuse_misplaced(options)
    for recipe in load(options.recipe, options.overrides):
        _one_recipe(recipe, words, options)
    return 0


def _refuse_misplaced(options: argparse.Namespace) -> None:
    """Options of words that were not given: passed over in silence, what was not meant would be trained for hours."""
    if options.adapter or options.base:
        option, usage = "--adapter" if options.adapter else "--base", "export --adapter DIR --base DIR"
    elif options.out and "adapter" not in options.words:
        option, usage = "--out", "adapter --out DIR"
    else:
        return
    raise FinetuneError("option-misplaced", OPTION_MISPLACED, option=option, usage=usage)


def _one_recipe(recipe: Recipe, words: Sequence[str], options: argparse.Namespace) -> None:
    run = pipeline.open_run(recipe, options.runs)
    if "plan" in words:
        from finetune.plan import plan  # noqa: PLC0415

        print(plan(run, options.gpu))
        return
    if recipe.train.threads:
        os.environ.setdefault("OMP_NUM_THREADS", str(recipe.train.threads))
    if "inspect" in words:
        pipeline.perform(run, ["data"])
        from finetune.inspection import inspect  # noqa: PLC0415 - brings transformers

        print(inspect(run, options.row))
        return
    if "adapter" in words:
        folder = options.out or run.root / f"{recipe.name}-adapter"
        _require_free(folder)
        pipeline.perform(run, ["train"], fresh=options.fresh, announce=_announce)
        from finetune.adapter import write_adapter  # noqa: PLC0415 - brings torch

        print(write_adapter(run, folder))
        return
    outcomes = pipeline.perform(run, words, fresh=options.fresh, announce=_announce)
    _summarise(run, outcomes)


def _require_free(folder: Path) -> None:
    """Before hours of training: what an adapter writes beside itself may replace its own files only."""
    if folder.exists() and not folder.is_dir():
        raise FinetuneError("out-occupied", OUT_OCCUPIED, folder=folder.parent, name=folder.name)
    if not (folder / f"{folder.resolve().name}.gguf").exists():
        for name in ("README.md", "catalog.toml"):
            if (folder / name).exists():
                raise FinetuneError("out-occupied", OUT_OCCUPIED, folder=folder, name=name)


def _announce(stage: str, runs_now: bool) -> None:
    if runs_now:
        print(f"▸ {stage}", flush=True)


def _summarise(run: Run, outcomes: Sequence[pipeline.Outcome]) -> None:
    if any(outcome.stage == "data" and outcome.ran for outcome in outcomes):
        for sentence in sentences(run):
            print(sentence, file=sys.stderr)
    for outcome in outcomes:
        text = SUMMARY_DONE(seconds=f"{outcome.seconds:.0f}") if outcome.ran else SUMMARY_SKIPPED()
        print(SUMMARY_LINE(stage=outcome.stage.ljust(9), what=text, folder=run.folder(outcome.stage)))


def _export_adapter(options: argparse.Namespace) -> int:
    from finetune.export.stage import export_adapter  # noqa: PLC0415 - brings torch

    target = options.out or options.adapter / "adapter.gguf"
    export_adapter(options.adapter, options.base or _base_of(options.adapter), target)
    print(target)
    return 0


def _base_of(adapter: Path) -> Path:
    """The folder of an adapter's base, where the adapter names one on this machine."""
    try:
        named = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError) as error:
        raise FinetuneError("adapter-unreadable", ADAPTER_UNREADABLE, path=adapter, reason=error) from error
    if not (Path(str(named)) / "config.json").is_file():
        raise FinetuneError("no-base-for-adapter", NO_BASE_FOR_ADAPTER, path=adapter)
    return Path(str(named))


def _run_folder(runs: Path, name: str) -> Path:
    return Path(name) if Path(name).is_dir() else runs / name
