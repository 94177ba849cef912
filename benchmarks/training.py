"""Speed of training on this machine: our trainer against plain TRL + PEFT, same model, rows, LoRA and precision.

    python -m benchmarks.training --recipe qwen2.5-coder-0.5b-cpu --rows 16

Steps of both are taken in turn in one process, so that whatever else the machine does hits both; the ratio of
loss-bearing tokens per second is what counts. Plain TRL gets the better of two batchings: one row at a time, and the
whole step as one padded batch. Gradient checkpointing is off for all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from trl import SFTTrainer

from finetune import pipeline
from finetune.base import load_model, load_tokenizer, open_base
from finetune.data.build import read_split
from finetune.recipe import load
from finetune.stage import Run
from finetune.train.callbacks import peak_memory_bytes
from finetune.train.stage import dataset_of, lora_config, training_arguments
from finetune.train.trainer import CompletionTrainer


class Contestant:
    """One way to train: a trainer, and the batches that make up one optimiser step."""

    def __init__(self, name: str, kind: type[SFTTrainer], run: Run, model: Any, *, rows: int, per_batch: int) -> None:
        self.name = name
        recipe = replace(run.recipe, train=replace(run.recipe.train, batch_size=per_batch, accumulate=1))
        examples = dataset_of(read_split(run, "train")[:rows])
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
        started = time.perf_counter()
        for batch in self.loader:
            inputs = dict(batch)
            self.trainer.compute_loss(model, inputs, num_items_in_batch=tokens).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.seconds.append(time.perf_counter() - started)

    @property
    def loss_tokens(self) -> int:
        """Positions with loss in one step."""
        return sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in self.loader)

    @property
    def tokens_per_second(self) -> float:
        """Loss-bearing tokens per second, of the median step after the first."""
        return self.loss_tokens / statistics.median(self.seconds[1:])


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="qwen2.5-coder-0.5b-cpu")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--rows", type=int, default=8, help="rows of one optimiser step")
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    (recipe,) = load(options.recipe)
    run = pipeline.open_run(recipe, options.runs)
    pipeline.perform(run, ["data"])
    results: dict[str, Any] = {"threads": torch.get_num_threads(), "rows": options.rows}
    # One model for all: each trainer calls its forward in its own way, so memory holds the base once.
    model = get_peft_model(load_model(open_base(run), recipe.model.precision), lora_config(recipe))
    rows = options.rows
    contestants = [
        Contestant("ours", CompletionTrainer, run, model, rows=rows, per_batch=recipe.train.batch_size),
        Contestant("plain, row by row", SFTTrainer, run, model, rows=rows, per_batch=1),
        Contestant("plain, one batch", SFTTrainer, run, model, rows=rows, per_batch=rows),
    ]
    for _ in range(options.steps):
        for contestant in contestants:
            contestant.step()
    for contestant in contestants:
        results[contestant.name] = round(contestant.tokens_per_second, 2)
    best = max(results["plain, row by row"], results["plain, one batch"])
    results["ratio"] = round(results["ours"] / best, 3)
    results["peak_memory_bytes"] = peak_memory_bytes()
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
