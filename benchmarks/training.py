"""Speed of training on this machine: our trainer against plain TRL + PEFT, same model, rows, LoRA and precision.

    python -m benchmarks.training --recipe qwen2.5-coder-0.5b-cpu --rows 8
    python -m benchmarks.training --set model.precision=bf16

Steps of all are taken in turn in one process, so that whatever else the machine does hits each; the ratio of
loss-bearing tokens per second is what counts. Plain TRL gets the best of three batchings: one row at a time, the whole
step as one padded batch, and its own packing as ours is packed. Gradient checkpointing is off for all, and
products are in fp32.

With `--threads 1` CPU time is measured instead of the clock's, so that a busy machine can be measured on too.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from trl import SFTTrainer

from benchmarks.console import BenchmarkError, told, whole_number
from finetune import pipeline
from finetune.base import load_model, load_tokenizer, open_base
from finetune.data.build import read_split
from finetune.recipe_file import load
from finetune.stage import Run
from finetune.train.stage import adapted, dataset_of, lora_config, training_arguments
from finetune.train.trainer import CompletionTrainer


class Contestant:
    """One way to train: a trainer, and the batches that make up one optimiser step."""

    def __init__(
        self, name: str, kind: type[SFTTrainer], run: Run, model: Any, rows: Sequence[dict[str, Any]], **train: Any
    ) -> None:
        self.name = name
        recipe = replace(run.recipe, train=replace(run.recipe.train, accumulate=1, fast_products=False, **train))
        examples = dataset_of(list(rows))
        self.trainer = kind(
            model=model,
            args=training_arguments(recipe, Path(tempfile.gettempdir())),
            train_dataset=examples,
            eval_dataset=examples,
            processing_class=load_tokenizer(open_base(run)),
        )
        self.loader = list(self.trainer.get_train_dataloader())
        self.trained = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=1e-4)
        self.seconds: list[float] = []

    def step(self) -> None:
        """Forward and backward over all rows, and the update; remembers how long it took."""
        model = self.trainer.model
        model.train()
        tokens = torch.tensor(self.loss_tokens)
        started = now()
        for batch in self.loader:
            inputs = dict(batch)
            self.trainer.compute_loss(model, inputs, num_items_in_batch=tokens).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.seconds.append(now() - started)

    @property
    def loss_tokens(self) -> int:
        """Positions with loss in one step."""
        return sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in self.loader)

    @property
    def tokens_per_second(self) -> float:
        """Loss-bearing tokens per second, of the median step after the first."""
        return self.loss_tokens / statistics.median(self.seconds[1:])


def now() -> float:
    """Seconds: of the clock, or of this process's work where that is done by one thread."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


@told
def main(arguments: list[str] | None = None) -> int:
    """Measure and print one JSON object. Exit code 2 where the recipe, its model or its data are missing."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="qwen2.5-coder-0.5b-cpu")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--rows", type=whole_number(1), default=8, help="rows of one optimiser step")
    parser.add_argument("--steps", type=whole_number(2), default=4, help="at least 2: the first does not count")
    parser.add_argument("--threads", type=whole_number(0), default=0, help="0: as many as there are cores")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe, *others = load(options.recipe, options.overrides)
    if others:
        names = ", ".join(one.name for one in (recipe, *others))
        raise BenchmarkError(f"{options.recipe} is several recipes: name one of {names}.")
    run = pipeline.open_run(recipe, options.runs)
    pipeline.perform(run, ["data"])
    contestants = contestants_of(run, read_split(run, "train")[: options.rows])
    for _ in range(options.steps):
        for contestant in contestants:
            contestant.step()
    results: dict[str, Any] = {"threads": torch.get_num_threads(), "rows": options.rows}
    results |= {contestant.name: round(contestant.tokens_per_second, 2) for contestant in contestants}
    results["ratio"] = round(results["ours"] / max(results[one.name] for one in contestants[1:]), 3)
    print(json.dumps(results, indent=1))
    return 0


def contestants_of(run: Run, rows: Sequence[dict[str, Any]]) -> list[Contestant]:
    """Ours as the recipe has it, then plain TRL in its three ways."""
    recipe = run.recipe
    base = load_model(open_base(run), recipe.model.precision)
    plain = get_peft_model(copy.deepcopy(base), lora_config(recipe, base))
    size = recipe.train.batch_size
    return [
        Contestant("ours", CompletionTrainer, run, adapted(base, recipe), rows, batch_size=size),
        Contestant("plain, row by row", SFTTrainer, run, plain, rows, batch_size=1, packing=False),
        Contestant("plain, one batch", SFTTrainer, run, plain, rows, batch_size=len(rows), packing=False),
        Contestant("plain, packed", SFTTrainer, run, plain, rows, batch_size=size, packing=True),
    ]


if __name__ == "__main__":
    sys.exit(main())
