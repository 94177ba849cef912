"""The runner of stages: complete folders only, out-of-date stages run again, faults as one sentence."""

from __future__ import annotations

import errno
import json
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from safetensors import SafetensorError

from finetune.errors import FinetuneError
from finetune.pipeline import open_run, perform, stage_named
from finetune.plan import plan
from finetune.recipe_file import load
from finetune.stage import Run, Stage, execute, is_current, read_manifest


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(load("smoke-qwen2")[0], tmp_path)


@pytest.fixture
def stage_of() -> Iterator[Callable[..., Stage]]:
    """A stage out of a function, as one of a module."""
    module = types.ModuleType("stage_under_test")
    sys.modules[module.__name__] = module

    def make(function: Callable[[Run, Path], None], *, resumable: bool = False) -> Stage:
        module.__dict__["run"] = function
        return Stage("work", (), ("train",), "stage_under_test:run", "train.batch_size", resumable=resumable)

    yield make
    del sys.modules[module.__name__]


def write(run: Run, folder: Path) -> None:
    (folder / "result.txt").write_text("done", encoding="utf-8")
    (folder / "timing.json").write_text("1", encoding="utf-8")


def test_a_finished_stage_is_current_until_its_recipe_changes(run: Run, stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(write)
    manifest = execute(run, stage)
    assert is_current(run, stage)
    assert set(manifest.outputs) == {"result.txt"}  # times are no output
    changed = open_run(load("smoke-qwen2", ["train.learning_rate=1e-5"])[0], run.root.parent)
    assert not is_current(changed, stage)
    (run.folder("work") / "result.txt").unlink()
    assert not is_current(run, stage)


def test_a_fault_leaves_the_earlier_result(run: Run, stage_of: Callable[..., Stage]) -> None:
    execute(run, stage_of(write))

    def fail(run: Run, folder: Path) -> None:
        (folder / "half.txt").write_text("half", encoding="utf-8")
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        execute(run, stage_of(fail))
    assert (run.folder("work") / "result.txt").read_text(encoding="utf-8") == "done"
    execute(run, stage_of(write))
    assert not (run.folder("work") / "half.txt").exists()


def test_killed_between_the_last_write_and_the_rename(run: Run, stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(write)
    execute(run, stage)
    run.folder("work").rename(run.root / "work.partial")

    def never(run: Run, folder: Path) -> None:
        raise AssertionError("it was complete")

    assert execute(run, stage_of(never)).outputs
    assert is_current(run, stage)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "disk-full"),
        (OSError("3000000 requested and 0 written"), "disk-full"),  # numpy's tofile
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598"), "disk-full"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out-of-memory"),
        (MemoryError(), "out-of-memory"),
        (ModuleNotFoundError("No module named 'trl'", name="trl"), "extra-missing"),
    ],
)
def test_faults_of_the_machine_are_one_sentence(
    run: Run, stage_of: Callable[..., Stage], error: Exception, code: str
) -> None:
    def fail(run: Run, folder: Path) -> None:
        raise error

    with pytest.raises(FinetuneError) as caught:
        execute(run, stage_of(fail))
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    if code == "out-of-memory":
        assert "train.batch_size" in str(caught.value)


def test_a_checkpoint_of_another_recipe_is_kept_and_refused(run: Run, stage_of: Callable[..., Stage]) -> None:
    def interrupted(run: Run, folder: Path) -> None:
        (folder / "checkpoints").mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(run, stage_of(interrupted, resumable=True))
    changed = open_run(load("smoke-qwen2", ["train.learning_rate=1e-5"])[0], run.root.parent)
    with pytest.raises(FinetuneError) as caught:
        execute(changed, stage_of(write, resumable=True))
    assert caught.value.code == "foreign-checkpoint"
    execute(changed, stage_of(write, resumable=True), fresh=True)
    assert (run.root / "work.partial.1" / "checkpoints").is_dir()
    assert read_manifest(run.folder("work")) is not None


def test_an_unknown_stage_lists_the_known_ones(run: Run) -> None:
    with pytest.raises(FinetuneError) as caught:
        perform(run, ["bake"])
    assert "merge" in str(caught.value)


def test_what_fails_after_the_last_write_goes_on_from_its_checkpoints(run: Run, stage_of: Callable[..., Stage]) -> None:
    """Until its manifest is there, a stage is not whole: its checkpoints are all that a restart has."""
    found: list[bool] = []

    def work(run: Run, folder: Path) -> None:
        found.append((folder / "checkpoints").exists())
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}" if found[-1] else "{", encoding="utf-8")

    with pytest.raises(ValueError, match="line 1 column 2"):  # when its outputs are hashed
        execute(run, stage_of(work, resumable=True))
    execute(run, stage_of(work, resumable=True))
    assert found == [False, True]
    assert sorted(path.name for path in run.folder("work").iterdir()) == ["config.json", "manifest.json"]


@pytest.fixture
def finish(run: Run, stage_of: Callable[..., Stage]) -> Callable[..., None]:
    """Makes stages of the pipeline current, whatever is in them."""

    def make(*names: str, function: Callable[[Run, Path], None] = write) -> None:
        for name in names:
            execute(run, replace(stage_named(name), function=stage_of(function).function))

    return make


def test_a_process_after_the_first_does_not_wait_where_nothing_is_trained(
    run: Run, finish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish("base", "data", "train")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert perform(run, []) == []


def test_a_launched_training_keeps_others_out(
    run: Run, finish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish("base", "data")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with FileLock(run.root / ".lock", timeout=0), pytest.raises(FinetuneError) as caught:
        perform(run, ["train"])
    assert caught.value.code == "run-busy"


def test_a_plan_counts_only_data_of_this_recipe(run: Run, finish: Callable[..., None]) -> None:
    def build(run: Run, folder: Path) -> None:
        tokens = {"train": 3210}
        tree = {"rows": {"train": 7}, "prompt_tokens": tokens, "completion_tokens": tokens}
        (folder / "summary.json").write_text(json.dumps(tree), encoding="utf-8")

    finish("base")
    finish("data", function=build)
    assert "7 rows, 6,420 tokens, 3,210 with loss (counted)" in plan(run)
    changed = open_run(load("smoke-qwen2", ["data.validation_rows=4"])[0], run.root.parent)
    assert "estimated" in plan(changed)
