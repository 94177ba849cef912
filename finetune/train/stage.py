"""The stage `train`: the adapter, its losses, and whether it has learned to stop.

Leaves `adapter/` (PEFT), `losses.json` (every logged step, no times), `summary.json`, `timing.json`, `loss.png`, and
`tensorboard/` where the recipe asks for it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import TrainerState
from transformers.integrations import TensorBoardCallback

from finetune.base import load_model, load_tokenizer, open_base
from finetune.data.build import read_split
from finetune.dropped import require_rows
from finetune.errors import FinetuneError
from finetune.messages import DIVERGED, GGUF_CANNOT_CARRY, OUT_OF_RANGE, RECIPE_INVALID
from finetune.recipe import Recipe
from finetune.stage import Run, write_json
from finetune.train import attention, lora
from finetune.train.callbacks import (
    DrawCurves,
    GiveBack,
    MarkWhole,
    Measure,
    StopEarly,
    draw_curves,
    is_over,
    last_whole_checkpoint,
    peak_memory_bytes,
)
from finetune.train.head import IGNORED
from finetune.train.held_out import stop_check
from finetune.train.trainer import CompletionTrainer, SFTConfig

_LOGGED = ("step", "loss", "eval_loss", "learning_rate", "grad_norm", "mean_token_accuracy", "kl_to_base")
_HEIGHT = 64


def run(run: Run, folder: Path) -> None:
    """The stage. Goes on from the last whole checkpoint in `folder`."""
    measure = Measure()
    trainer = make_trainer(run, folder, measure)
    with _products(fast=run.recipe.train.fast_products):
        _train(trainer, folder / "checkpoints", run.recipe.train.patience)
    adapter = folder / "adapter"
    trainer.model.save_pretrained(adapter)
    (adapter / "README.md").unlink(missing_ok=True)  # PEFT's empty card: ours comes from the stage `card`
    name_base(adapter / "adapter_config.json", run.recipe.model.base)
    history = trainer.state.log_history
    losses = [{key: entry[key] for key in _LOGGED if key in entry} for entry in history if "train_runtime" not in entry]
    write_json(folder / "losses.json", losses)
    write_json(folder / "summary.json", _summary(run, trainer))
    write_json(folder / "timing.json", _timing(trainer, measure))
    draw_curves(history, folder / "loss.png")


def join(run: Run) -> None:
    """Take part in training as a process of a launcher that is not the first."""
    folder = run.root / "train.partial"
    with _products(fast=run.recipe.train.fast_products):
        _train(make_trainer(run, folder, Measure()), folder / "checkpoints", run.recipe.train.patience)


@contextlib.contextmanager
def _products(*, fast: bool) -> Iterator[None]:
    """Let products of fp32 matrices be made in bf16 where the processor has AMX; what comes after measures exactly."""
    before = torch.get_float32_matmul_precision()
    if fast and torch.cpu._is_amx_tile_supported():  # no public way to ask
        # oneDNN keeps a kernel with its buffers for each shape it has met, up to 1,024 of them: gigabytes. So many are
        # enough to be met again in the next layer.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _train(trainer: CompletionTrainer, checkpoints: Path, patience: int) -> None:
    """Train from the last whole checkpoint; where that was the end already, only take the best weights."""
    last = last_whole_checkpoint(checkpoints)
    state = TrainerState.load_from_json(str(last / "trainer_state.json")) if last else None
    if state is None or not is_over(state, patience):
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        require_finite(trainer.state)
        return
    require_finite(state)
    trainer.state = state
    best = checkpoints / Path(state.best_model_checkpoint).name
    set_peft_model_state_dict(trainer.model, load_file(best / "adapter_model.safetensors"))


def require_finite(state: TrainerState) -> None:
    """Refuse an adapter of which no evaluation gave a number.

    Raises:
        FinetuneError: `diverged`.
    """
    if not math.isfinite(math.inf if state.best_metric is None else state.best_metric):
        raise FinetuneError("diverged", DIVERGED)


def make_trainer(run: Run, folder: Path, measure: Measure) -> CompletionTrainer:
    """The trainer of a recipe: base, fresh adapter, data, callbacks."""
    require_rows(run)
    recipe = run.recipe
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    transformers.set_seed(recipe.seed)
    base = open_base(run)
    return CompletionTrainer(
        model=adapted(load_model(base, recipe.model.precision), recipe),
        args=training_arguments(recipe, folder),
        train_dataset=dataset_of(read_split(run, "train")),
        eval_dataset=dataset_of(read_split(run, "validation")),
        processing_class=load_tokenizer(base),
        callbacks=[
            StopEarly(recipe.train.patience),
            MarkWhole(),
            DrawCurves(folder / "loss.png"),
            GiveBack(),
            measure,
            *([tensorboard(folder)] if recipe.train.tensorboard else []),
        ],
        kl_to_base=recipe.train.kl_to_base,
    )


def adapted(model: Any, recipe: Recipe) -> Any:
    """A base model with a fresh adapter, prepared to train as fast as it can here."""
    if not torch.cuda.is_available():  # a GPU hides the mask's cost, and would wait for the rows' lengths
        attention.use(model)
    found = get_peft_model(model, lora_config(recipe, model))
    lora.fuse(found)
    return found


def lora_config(recipe: Recipe, model: Any) -> LoraConfig:
    """The adapter of a recipe for a model: on all linear layers unless it names others.

    Raises:
        FinetuneError: `recipe-invalid` where `lora.layers` or `lora.target_modules` names what the model lacks, or what
            no GGUF adapter can carry.
    """
    wanted = recipe.lora
    targets = wanted.target_modules if isinstance(wanted.target_modules, str) else list(wanted.target_modules)
    mistake = _target_mistake(targets, model)
    n_layers = model.config.num_hidden_layers
    if wanted.layers and max(wanted.layers) >= n_layers:
        mistake = OUT_OF_RANGE(where="lora.layers", value=max(wanted.layers), wanted=f"0 … {n_layers - 1}")
    if mistake:
        raise FinetuneError("recipe-invalid", RECIPE_INVALID, name=recipe.name, mistakes=f"  - {mistake}")
    if wanted.layers:
        targets = _linear_names(model) if targets == "all-linear" else targets  # PEFT takes layers with names alone
    return LoraConfig(
        r=wanted.r,
        lora_alpha=wanted.alpha,
        lora_dropout=wanted.dropout,
        target_modules=targets,
        layers_to_transform=list(wanted.layers) if wanted.layers else None,
        task_type="CAUSAL_LM",
    )


def _target_mistake(targets: str | list[str], model: Any) -> str:
    """What is wrong with `lora.target_modules` for this model; empty where nothing is.

    PEFT says nothing of a name that no layer has as long as another name is right.
    """
    if targets == "all-linear":
        return ""
    names = [name for name, part in model.named_modules() if getattr(getattr(part, "weight", None), "ndim", 0) == 2]
    head = next((name for name, part in model.named_modules() if part is model.get_output_embeddings()), "")
    where = "lora.target_modules"
    if isinstance(targets, str):
        try:
            found = [name for name in names if re.fullmatch(targets, name)]
        except re.error:
            found = []
        if head in found:
            return GGUF_CANNOT_CARRY(where=where, what=head, way_out=f"{where}: all-linear")
        missing = [] if found else [targets]
    else:
        missing = [one for one in targets if not any(f".{name}".endswith(f".{one}") for name in names)]
    if targets and not missing:
        return ""
    return OUT_OF_RANGE(where=where, value=", ".join(missing), wanted=" | ".join(_linear_names(model)))


def _linear_names(model: Any) -> list[str]:
    """What PEFT's `all-linear` stands for: every linear layer but the head."""
    head = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, part in model.named_modules()
            if isinstance(part, torch.nn.Linear) and part is not head
        }
    )


def training_arguments(recipe: Recipe, folder: Path) -> SFTConfig:
    """TRL's options for a recipe. What TRL would choose by itself (bf16, checkpointing) is said."""
    train = recipe.train
    half = torch.cuda.is_available() or recipe.model.precision == "bf16"
    return SFTConfig(
        output_dir=str(folder / "checkpoints"),
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.schedule,
        warmup_steps=train.warmup_steps,
        num_train_epochs=train.epochs,
        max_steps=train.max_steps or -1,
        per_device_train_batch_size=train.batch_size,
        per_device_eval_batch_size=1,  # a mean over rows, whatever their lengths
        gradient_accumulation_steps=train.accumulate,
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        gradient_checkpointing=train.gradient_checkpointing,
        packing=train.packing,
        eval_packing=False,
        # Few heights of matrices, for which oneDNN keeps few kernels.
        pad_to_multiple_of=_HEIGHT if train.fast_products else None,
        max_length=max(train.packed_tokens, recipe.data.max_tokens),
        bf16=half,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=train.eval_every,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=train.save_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=False,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        dataloader_pin_memory=False,
        seed=recipe.seed,
        data_seed=recipe.seed,
    )


def tensorboard(folder: Path) -> TensorBoardCallback:
    """TensorBoard's log in `tensorboard/`: where Trainer would put it, among the checkpoints, it goes with them."""
    callback = TensorBoardCallback()
    callback.logging_dir = str(folder / "tensorboard")
    return callback


def name_base(config: Path, base: str) -> None:
    """Name the base by its id: PEFT writes the path that it had on this machine."""
    tree = json.loads(config.read_text(encoding="utf-8"))
    targets = tree["target_modules"]
    named = targets if isinstance(targets, str) else sorted(targets)  # a regular expression stays as it is
    write_json(config, tree | {"base_model_name_or_path": base, "target_modules": named})


def dataset_of(examples: list[dict[str, Any]]) -> datasets.Dataset:
    """Examples as TRL takes them when the loss mask is made already."""
    return datasets.Dataset.from_list(
        [
            {
                "input_ids": one["prompt_ids"] + one["completion_ids"],
                "labels": [IGNORED] * len(one["prompt_ids"]) + one["completion_ids"],
            }
            for one in examples
        ]
    )


def _summary(run: Run, trainer: CompletionTrainer) -> dict[str, Any]:
    state = trainer.state
    return {
        "steps": state.global_step,
        "best_step": int(str(state.best_model_checkpoint).rsplit("-", 1)[-1]) if state.best_model_checkpoint else None,
        "best_held_out_loss": state.best_metric,
        "stopped_early": state.global_step < state.max_steps,
        "trainable_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "stop_token": stop_check(trainer.model, read_split(run, "validation")),
    }


def _timing(trainer: CompletionTrainer, measure: Measure) -> dict[str, Any]:
    seconds = measure.seconds or math.nan
    return {
        "steps_timed": measure.steps,
        "seconds": round(measure.seconds, 2),
        "loss_tokens_per_second": round(trainer.loss_tokens / seconds, 2),
        "tokens_per_second": round(trainer.seen_tokens / seconds, 2),
        "peak_memory_bytes": peak_memory_bytes(),
        "threads": torch.get_num_threads(),
    }
