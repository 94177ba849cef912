"""What happens beside training: checkpoints are marked, curves drawn, the end seen, speed and memory measured."""

from __future__ import annotations

import ctypes
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from transformers import TrainerCallback, TrainerState

from finetune.stage import write_json

_MARK = "whole.json"


class MarkWhole(TrainerCallback):
    """Marks a checkpoint once all of it is written: what kill -9 left half done bears no mark."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Trainer calls this after the last file of a checkpoint."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.exists():
            write_json(folder / _MARK, {"step": state.global_step})


class StopEarly(TrainerCallback):
    """Ends training once held-out loss has not improved for `patience` evaluations.

    It counts in the log, which checkpoints keep: training that was interrupted ends where it would have ended.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look at all evaluations so far."""
        control.should_training_stop |= _since_best(state.log_history) >= self.patience


class DrawCurves(TrainerCallback):
    """Redraws `loss.png` at each evaluation."""

    def __init__(self, picture: Path) -> None:
        self.picture = picture

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Draw what is known so far."""
        if state.is_world_process_zero:
            draw_curves(state.log_history, self.picture)


class GiveBack(TrainerCallback):
    """Gives the allocator's free memory back to the system after each step.

    glibc keeps what was freed between blocks that live on, and over a hundred steps such holes come to a gigabyte.
    Other allocators give back by themselves, or cannot be asked.
    """

    def __init__(self) -> None:
        self._trim = _malloc_trim()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Trainer calls this when the gradients are gone, so that most of a step's memory is free."""
        if self._trim is not None:
            self._trim(0)


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim` (see its manual page); None with other C libraries."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


class Measure(TrainerCallback):
    """Seconds spent in training steps alone, without evaluation, saving and loading."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps = 0
        self._began = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The clock starts."""
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The clock stops."""
        self.seconds += time.perf_counter() - self._began
        self.steps += 1


def is_over(state: TrainerState, patience: int) -> bool:
    """Whether training was at its end when this state was saved: Trainer itself would take one step more."""
    return bool(state.global_step >= state.max_steps) or _since_best(state.log_history) >= patience


def _since_best(history: Sequence[Mapping[str, Any]]) -> int:
    """Evaluations after the one with the lowest held-out loss."""
    losses = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; the others are removed."""
    whole: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        try:
            whole.append((int(json.loads((path / _MARK).read_text(encoding="utf-8"))["step"]), path))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path, ignore_errors=True)
    return max(whole)[1] if whole else None


def peak_memory_bytes() -> int:
    """The most memory this process ever held (resident)."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def draw_curves(history: Sequence[Mapping[str, Any]], picture: Path) -> None:
    """Loss (training and held out) and learning rate over steps."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415 - after the backend is chosen

    figure, left = pyplot.subplots(figsize=(7, 4))
    right = left.twinx()
    for axes, key, label, style in (
        (left, "loss", "training loss", "C0-"),
        (left, "eval_loss", "held-out loss", "C3o-"),
        (right, "learning_rate", "learning rate", "C7:"),
    ):
        points = [(entry["step"], entry[key]) for entry in history if key in entry]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, linewidth=1, markersize=3)
    left.set_xlabel("step")
    left.set_ylabel("nats per token")
    right.set_ylabel("learning rate")
    figure.legend(loc="upper right", fontsize=8)
    figure.tight_layout()
    scratch = picture.with_name(f"{picture.stem}.new.png")
    figure.savefig(scratch, dpi=110)
    pyplot.close(figure)
    scratch.replace(picture)
