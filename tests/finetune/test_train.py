"""Training: the loss is the loss, a restart changes nothing, packing leaks nothing, the adapter learns to stop."""

from __future__ import annotations

import copy
import json
import platform
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from peft import get_peft_model
from transformers import TrainerCallback, TrainerControl, TrainerState
from workshop import Workshop

from finetune.base import load_model, open_base
from finetune.data.build import read_split
from finetune.errors import FinetuneError
from finetune.pipeline import open_run
from finetune.recipe_file import load
from finetune.stage import Run
from finetune.train import attention, lora
from finetune.train.callbacks import GiveBack, Measure, StopEarly, is_over, last_whole_checkpoint
from finetune.train.head import IGNORED, CompletionLoss, attach
from finetune.train.held_out import held_out_loss
from finetune.train.stage import lora_config, make_trainer, name_base
from finetune.train.stage import run as run_stage


@pytest.fixture
def run(smoke: Workshop) -> Run:
    return open_run(load("smoke-qwen2")[0], smoke.runs)


@pytest.fixture
def model(run: Run) -> Any:
    torch.manual_seed(5)
    base = load_model(open_base(run), "fp32")
    adapted = get_peft_model(base, lora_config(run.recipe, base))
    with torch.no_grad():  # a fresh adapter does nothing: give it something to do
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    attach(adapted.get_base_model())
    return adapted


def batch_of(run: Run, number: int = 3) -> dict[str, torch.Tensor]:
    """Rows of different lengths, padded on the right."""
    rows = read_split(run, "train")[:number]
    lengths = [len(row["prompt_ids"]) + len(row["completion_ids"]) for row in rows]
    ids = torch.zeros(number, max(lengths), dtype=torch.long)
    labels = torch.full_like(ids, IGNORED)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        start = len(row["prompt_ids"])
        ids[i, : lengths[i]] = torch.tensor(row["prompt_ids"] + row["completion_ids"])
        labels[i, start : lengths[i]] = ids[i, start : lengths[i]]
        mask[i, : lengths[i]] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def stop_at(wanted: int) -> TrainerCallback:
    """Ends training at a step as an interrupt does."""
    callback = TrainerCallback()

    def on_step_end(args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == wanted:
            raise KeyboardInterrupt

    callback.on_step_end = on_step_end
    return callback


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return found


def test_loss_and_gradients_equal_those_of_full_logits(run: Run, model: Any) -> None:
    batch = batch_of(run)
    found: CompletionLoss = model(**batch, completion="loss")
    (found.total / found.positions).backward()
    ours = gradients(model)
    plain = model(**batch)
    plain.loss.backward()
    theirs = gradients(model)
    assert found.nll.item() / found.positions == pytest.approx(plain.loss.item(), rel=1e-5)
    assert found.positions == int((batch["labels"][:, 1:] != IGNORED).sum())
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        assert torch.allclose(gradient, theirs[name], atol=1e-5, rtol=1e-3), name


def test_the_kl_term_and_its_gradient(run: Run, model: Any) -> None:
    batch = batch_of(run)
    with torch.no_grad(), model.disable_adapter():
        reference = model(**batch, completion="hidden")
    found: CompletionLoss = model(**batch, completion="loss", reference=reference, beta=0.7)
    found.total.backward()
    ours = gradients(model)
    weight = model.get_output_embeddings().weight.detach()
    hidden = model(**batch, completion="hidden")
    labels = batch["labels"][:, 1:]
    log_p = torch.log_softmax(hidden @ weight.T, dim=-1)
    base = torch.softmax(reference @ weight.T, dim=-1)
    nll = torch.nn.functional.nll_loss(log_p, labels[labels != IGNORED], reduction="sum")
    kl = torch.nn.functional.kl_div(log_p, base, reduction="sum")
    (nll + 0.7 * kl).backward()
    theirs = gradients(model)
    assert found.kl.item() == pytest.approx(kl.item(), rel=1e-4)
    assert found.kl.item() > 0
    for name, gradient in ours.items():
        assert torch.allclose(gradient, theirs[name], atol=1e-4, rtol=1e-3), name


def test_kl_to_the_base_is_zero_without_an_adapter(run: Run, model: Any) -> None:
    batch = batch_of(run)
    with torch.no_grad(), model.disable_adapter():
        reference = model(**batch, completion="hidden")
        found: CompletionLoss = model(**batch, completion="loss", reference=reference, beta=1.0)
    assert found.kl.item() == pytest.approx(0.0, abs=1e-6)


def test_packed_examples_do_not_see_each_other(run: Run, model: Any) -> None:
    """The second of two packed examples gets the loss that it gets alone."""
    first, second = read_split(run, "train")[:2]
    rows = [one["prompt_ids"] + one["completion_ids"] for one in (first, second)]
    ids = torch.tensor([rows[0] + rows[1]])
    positions = torch.tensor([[*range(len(rows[0])), *range(len(rows[1]))]])
    labels = torch.full_like(ids, IGNORED)
    labels[0, len(rows[0]) + len(second["prompt_ids"]) :] = torch.tensor(second["completion_ids"])
    model.eval()
    with torch.no_grad():
        packed: CompletionLoss = model(input_ids=ids, position_ids=positions, labels=labels, completion="loss")
        leaking: CompletionLoss = model(input_ids=ids, labels=labels, completion="loss")
    alone = held_out_loss(model, [second])
    assert packed.nll.item() / packed.positions == pytest.approx(alone, rel=1e-5)
    assert leaking.nll.item() / leaking.positions != pytest.approx(alone, rel=1e-3)  # the test can tell


def test_attention_by_row_is_attention_with_a_mask(run: Run, model: Any) -> None:
    """Packed examples that attend row by row give the loss and the gradients of the block-diagonal mask."""
    rows = [one["prompt_ids"] + one["completion_ids"] for one in read_split(run, "train")[:3]]
    ids = torch.tensor([[token for row in rows for token in row]])
    positions = torch.tensor([[place for row in rows for place in range(len(row))]])
    labels = ids.masked_fill(positions < 5, IGNORED)
    by_row = copy.deepcopy(model)
    attach(by_row.get_base_model())
    attention.use(by_row.get_base_model())
    losses, slopes = [], []
    for one in (model, by_row):
        found: CompletionLoss = one(input_ids=ids, position_ids=positions, labels=labels, completion="loss")
        found.total.backward()
        losses.append(found.total.item())
        slopes.append(gradients(one))
    assert by_row.config._attn_implementation == attention.NAME
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for name, slope in slopes[0].items():
        assert torch.allclose(slope, slopes[1][name], atol=1e-4, rtol=1e-3), name
    batch = batch_of(run)  # padded rows are masked as ever
    assert by_row(**batch).loss.item() == pytest.approx(model(**batch).loss.item(), rel=1e-5)


def test_padding_of_a_packed_sequence_changes_nothing(run: Run, model: Any) -> None:
    """A sequence that is filled up gives the loss and the gradients that it gives as it is."""
    rows = [one["prompt_ids"] + one["completion_ids"] for one in read_split(run, "train")[:3]]
    attention.use(model.get_base_model())
    losses, slopes = [], []
    for padding in (0, 37):
        ids = torch.tensor([[token for row in rows for token in row] + [0] * padding])
        positions = torch.tensor([[place for row in rows for place in range(len(row))] + [0] * padding])
        labels = ids.masked_fill(positions < 5, IGNORED)
        model.zero_grad()
        found: CompletionLoss = model(input_ids=ids, position_ids=positions, labels=labels, completion="loss")
        found.total.backward()
        losses.append(found.total.item())
        slopes.append(gradients(model))
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for name, slope in slopes[0].items():
        assert torch.allclose(slope, slopes[1][name], atol=1e-5, rtol=1e-4), name


def test_fused_lora_is_pefts(run: Run, model: Any) -> None:
    fused = copy.deepcopy(model)
    attach(fused.get_base_model())
    assert lora.fuse(fused) == 7 * 2  # every linear layer of two blocks
    batch = batch_of(run)
    losses, slopes = [], []
    for one in (model, fused):
        found: CompletionLoss = one(**batch, completion="loss")
        found.total.backward()
        losses.append(found.total.item())
        slopes.append(gradients(one))
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert slopes[0].keys() == slopes[1].keys()
    for name, slope in slopes[0].items():
        assert torch.allclose(slope, slopes[1][name], atol=1e-4, rtol=1e-4), name
    with torch.no_grad(), model.disable_adapter(), fused.disable_adapter():
        assert torch.equal(model(**batch).logits, fused(**batch).logits)


def test_an_adapter_on_some_layers_is_on_all_their_linear_parts(run: Run) -> None:
    base = load_model(open_base(run), "fp32")
    recipe = replace(run.recipe, lora=replace(run.recipe.lora, layers=(1,)))
    adapted = get_peft_model(base, lora_config(recipe, base))
    places = {name.split(".layers.")[1].split(".lora_")[0] for name, _ in adapted.named_parameters() if "lora_" in name}
    assert len(places) == 7
    assert all(place.startswith("1.") for place in places)


@pytest.mark.parametrize(
    ("targets", "kept"), [(["v_proj", "q_proj"], ["q_proj", "v_proj"]), ("q_.*|v_.*", "q_.*|v_.*")], ids=str
)
def test_the_base_is_named_and_what_is_adapted_kept(tmp_path: Path, targets: Any, kept: Any) -> None:
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({"base_model_name_or_path": "/x", "target_modules": targets}), encoding="utf-8")
    name_base(config, "tiny:qwen2")
    assert json.loads(config.read_text(encoding="utf-8")) == {
        "base_model_name_or_path": "tiny:qwen2",
        "target_modules": kept,
    }


def test_a_layer_that_the_model_lacks_is_refused(run: Run) -> None:
    base = load_model(open_base(run), "fp32")
    recipe = replace(run.recipe, lora=replace(run.recipe.lora, layers=(1, 2)))
    with pytest.raises(FinetuneError) as caught:
        lora_config(recipe, base)
    assert caught.value.code == "recipe-invalid"
    assert "lora.layers" in str(caught.value) and "0 … 1" in str(caught.value)


def test_the_packing_trainer_packs(smoke: Workshop, tmp_path: Path) -> None:
    (recipe,) = load(
        "smoke-qwen2", ["train.packing=true", "train.max_steps=2", "train.kl_to_base=0", "train.fast_products=true"]
    )
    run = open_run(recipe, smoke.runs)
    trainer = make_trainer(run, tmp_path, Measure())
    batch = next(iter(trainer.get_train_dataloader()))
    assert "attention_mask" not in batch  # with a mask, the border between packed examples would be ignored
    assert int((batch["position_ids"] == 0).sum()) > recipe.train.batch_size
    assert batch["input_ids"].shape[1] % 64 == 0
    trainer.train()
    assert trainer.state.global_step == 2


def test_training_that_was_killed_goes_on_with_the_same_losses(smoke: Workshop, run: Run, tmp_path: Path) -> None:
    whole = json.loads((run.folder("train") / "losses.json").read_text(encoding="utf-8"))
    trainer = make_trainer(run, tmp_path, Measure())
    trainer.add_callback(stop_at(9))  # after the checkpoint of step 8, before that of step 12
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    shutil.copytree(tmp_path / "checkpoints" / "checkpoint-8", tmp_path / "checkpoints" / "checkpoint-9")
    (tmp_path / "checkpoints" / "checkpoint-9" / "whole.json").unlink()  # half written: killed while saving
    checkpoint = last_whole_checkpoint(tmp_path / "checkpoints")
    assert checkpoint is not None and checkpoint.name == "checkpoint-8"
    second = make_trainer(run, tmp_path, Measure())
    second.train(resume_from_checkpoint=str(checkpoint))
    resumed = {entry["step"]: entry["loss"] for entry in second.state.log_history if "loss" in entry}
    undisturbed = {entry["step"]: entry["loss"] for entry in whole if "loss" in entry}
    assert resumed.keys() == undisturbed.keys()
    for step, loss in undisturbed.items():
        assert resumed[step] == pytest.approx(loss, abs=1e-6), step


def test_training_killed_at_its_end_takes_no_step_more(smoke: Workshop, run: Run, tmp_path: Path) -> None:
    """Killed after the last checkpoint, before the stage was whole: the adapter and all losses are the same."""
    make_trainer(run, tmp_path, Measure()).train()
    assert (tmp_path / "checkpoints" / "checkpoint-16" / "whole.json").exists()
    run_stage(run, tmp_path)
    for name in ("losses.json", "summary.json", "adapter/adapter_model.safetensors"):
        assert (tmp_path / name).read_bytes() == (run.folder("train") / name).read_bytes(), name


def test_early_stopping_counts_over_a_restart() -> None:
    history = [{"step": step, "eval_loss": loss} for step, loss in enumerate((3.0, 1.0, 2.0, 1.5))]
    early, going_on = (TrainerState(global_step=4, max_steps=99, log_history=history[:n]) for n in (4, 3))
    assert is_over(early, patience=2) and not is_over(going_on, patience=2)
    for state, wanted in ((early, True), (going_on, False)):
        control = TrainerControl()
        StopEarly(2).on_evaluate(None, state, control)
        assert control.should_training_stop is wanted


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed and can be told not to")
def test_memory_freed_in_a_step_goes_back() -> None:
    blocks = [bytearray(b"x" * 65_536) for _ in range(4_096)]  # 256 MiB, too small each to be mapped by itself
    kept = blocks[::64]  # the holes between them stay with the process
    del blocks
    held = psutil.Process().memory_info().rss
    GiveBack().on_step_end(None, TrainerState(), TrainerControl())
    assert held - psutil.Process().memory_info().rss > 200 * 2**20
    assert len(kept) == 64


@pytest.mark.parametrize("name", ["smoke-mistral", "smoke-qwen2"])
def test_training_lowers_held_out_loss_and_teaches_to_stop(smoke: Workshop, name: str) -> None:
    folder = smoke.runs / name / "train"
    losses = json.loads((folder / "losses.json").read_text(encoding="utf-8"))
    held_out = [entry["eval_loss"] for entry in losses if "eval_loss" in entry]
    assert min(held_out) < held_out[0]
    stop = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["stop_token"]
    # The tiny Mistral's base knows the end already: there the adapter must not unlearn it.
    assert stop["top1"] == 1.0 or stop["probability"] > stop["base_probability"]


def test_what_a_training_leaves(smoke: Workshop) -> None:
    folder = smoke.runs / "smoke-mistral" / "train"
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    timing = json.loads((folder / "timing.json").read_text(encoding="utf-8"))
    assert timing["loss_tokens_per_second"] > 0
    assert timing["peak_memory_bytes"] > 0
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "tiny:mistral"  # and no path of this machine
    assert {name.rsplit(".", 1)[-1] for name in config["target_modules"]} == {
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    }
