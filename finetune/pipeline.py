"""The stages of a run, in order, and running those that are missing or out of date."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from finetune import outside
from finetune.errors import FinetuneError
from finetune.messages import RUN_BUSY, RUN_UNWRITABLE, STAGE_NOT_DONE, STAGE_UNKNOWN
from finetune.recipe import Recipe
from finetune.recipe_file import to_yaml
from finetune.stage import Run, Stage, execute, is_current, read_manifest, write_json
from models.files import replace_text

STAGES = (
    Stage("base", (), ("model",), "finetune.base:prepare", "model.precision", outside.base_hashes),
    Stage("data", ("base",), ("model", "data"), "finetune.data.build:run", "data.max_tokens", outside.data_hashes),
    Stage(
        "train",
        ("base", "data"),
        ("model", "data", "lora", "train"),
        "finetune.train.stage:run",
        "train.batch_size",
        resumable=True,
    ),
    Stage("merge", ("base", "data", "train"), ("model",), "finetune.merge:run", "model.base"),
    Stage("export", ("base", "data", "train", "merge"), ("export",), "finetune.export.stage:run", "export.quantise"),
    Stage("verify", ("base", "data", "merge", "export"), ("model", "verify"), "finetune.verify:run", "verify.prompts"),
    # What is measured is what will be served, and only after it was shown to be what was trained.
    Stage(
        "evaluate",
        ("data", "train", "merge", "export", "verify"),
        ("model", "evaluate"),
        "finetune.evaluate.stage:run",
        "evaluate.perplexity_tokens",
        outside.evaluation_hashes,
    ),
    Stage("card", ("train", "export", "verify", "evaluate"), ("model",), "finetune.card:run", "model.base"),
)
NAMES = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True)
class Outcome:
    """What happened to one stage: done now (with its seconds), or found up to date."""

    stage: str
    ran: bool
    seconds: float


def stage_named(name: str) -> Stage:
    """Look a stage up.

    Raises:
        FinetuneError: `stage-unknown`.
    """
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise FinetuneError("stage-unknown", STAGE_UNKNOWN, name=name, known=", ".join(NAMES))


def open_run(recipe: Recipe, runs: Path) -> Run:
    """The run of a recipe under `runs`; the resolved recipe is saved beside it when it runs."""
    return Run(recipe, runs / recipe.name)


def perform(
    run: Run, names: Sequence[str], *, fresh: bool = False, announce: Callable[[str, bool], None] | None = None
) -> list[Outcome]:
    """Run the stages named, and before each what it needs, skipping what is up to date.

    `announce` is told a stage's name and whether it will run. Processes of a launcher other than the first take part
    in training alone.

    Raises:
        FinetuneError: from a stage, or `run-busy`, `run-unwritable`, `stage-not-done`, `stage-unknown`.
    """
    wanted = _with_needs(names or NAMES)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        wanted = _training_alone(run, wanted)
        if os.environ.get("RANK", "0") != "0":
            return _join(run, wanted)
    _prepare(run)
    lock = FileLock(run.root / ".lock", timeout=0)
    try:
        with lock:
            replace_text(run.root / "recipe.yaml", to_yaml(run.recipe))
            outcomes = [_one(run, stage, fresh=fresh, announce=announce) for stage in wanted]
            write_final_hashes(run)
            return outcomes
    except Timeout:
        raise FinetuneError("run-busy", RUN_BUSY, path=run.root) from None


def _prepare(run: Run) -> None:
    try:
        run.root.mkdir(parents=True, exist_ok=True)
        (run.root / ".lock").touch()
    except OSError as error:
        raise FinetuneError("run-unwritable", RUN_UNWRITABLE, path=run.root, reason=error.strerror) from error


def write_final_hashes(run: Run) -> Path:
    """`final_hashes.json`: every stable output of every stage; equal runs give equal files."""
    hashes = {}
    for name in NAMES:
        manifest = read_manifest(run.folder(name))
        for output, digest in (manifest.outputs if manifest else {}).items():
            hashes[f"{name}/{output}"] = digest
    path = run.root / "final_hashes.json"
    write_json(path, hashes)
    return path


def _one(run: Run, stage: Stage, *, fresh: bool, announce: Callable[[str, bool], None] | None) -> Outcome:
    runs_now = not is_current(run, stage)
    if announce:
        announce(stage.name, runs_now)
    if not runs_now:
        return Outcome(stage.name, ran=False, seconds=0.0)
    return Outcome(stage.name, ran=True, seconds=execute(run, stage, fresh=fresh).seconds)


def _with_needs(names: Sequence[str]) -> list[Stage]:
    wanted: set[str] = set()
    waiting = [stage_named(name).name for name in names]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += stage_named(name).needs
    return [stage for stage in STAGES if stage.name in wanted]


def _training_alone(run: Run, wanted: Sequence[Stage]) -> list[Stage]:
    """What several processes do together of the stages wanted: training, once all before it is done."""
    for stage in wanted:
        if stage.name == "train":
            return [stage]
        if not is_current(run, stage):
            raise FinetuneError("stage-not-done", STAGE_NOT_DONE, stage=stage.name, run=run.recipe.name)
    return []


def _join(run: Run, wanted: Sequence[Stage]) -> list[Outcome]:
    """Be one of the processes after the first, where that one trains: by itself a process would wait for ever."""
    if any(not is_current(run, stage) for stage in wanted):
        from finetune.train.stage import join  # noqa: PLC0415 - brings torch

        join(run)
    return []
