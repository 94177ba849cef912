"""The stage `merge`: base and adapter as one model, without losing precision on the way.

Merging into 4-bit layers quantises the sum again and ruins it, so it is done in fp32, on (A) the original 16-bit base
and (B) the base as it was while training, dequantised; which of the two is kept, held-out loss decides. Weights are
cast once, to fp16. The base's tokenizer files are copied as they are.
"""

from __future__ import annotations

import dataclasses
import gc
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from finetune.base import TOKENIZER_FILES, Base, load_model, open_base
from finetune.data.build import read_split
from finetune.stage import Run, write_json
from finetune.train.head import attach
from finetune.train.held_out import held_out_loss


def run(run: Run, folder: Path) -> None:
    """The stage. Leaves `merged/` (a Hugging Face folder, fp16) and `summary.json`."""
    base = open_base(run)
    adapter = run.folder("train") / "adapter"
    examples = read_split(run, "validation")
    precision = run.recipe.model.precision
    reference = _adapter_loss(base, adapter, precision, examples)
    losses: dict[str, float] = {}
    best: tuple[float, str] | None = None
    for path in _paths(base, precision):
        merged = _merge(base, adapter, path, precision)
        losses[path] = held_out_loss(merged, examples)
        if best is None or losses[path] < best[0]:
            best = (losses[path], path)
            cast = _save(merged, base, folder / "merged", examples)
        del merged
        gc.collect()
    assert best is not None
    write_json(
        folder / "summary.json",
        {
            "held_out_loss": {"adapter_on_training_base": reference, **losses, "after_cast_to_fp16": cast},
            "chosen": best[1],
            "requantised": base.is_requantised,
        },
    )


def _paths(base: Base, precision: str) -> list[str]:
    """A: the original 16-bit base. B: the training base, dequantised. One, where they are the same weights."""
    if base.is_requantised:
        return ["B"]
    return ["A", "B"] if precision == "nf4" else ["A"]


def _adapter_loss(base: Base, adapter: Path, precision: str, examples: Sequence[dict[str, Any]]) -> float:
    model = PeftModel.from_pretrained(load_model(base, precision), adapter)
    attach(model.get_base_model())
    return float(held_out_loss(model, examples))


def _merge(base: Base, adapter: Path, path: str, precision: str) -> Any:
    """Base and adapter merged in fp32."""
    model = load_model(base, precision if path == "B" else "fp32")
    if path == "B" and precision == "nf4":
        model = dequantised(model)
    merged = PeftModel.from_pretrained(model.to(torch.float32), adapter).merge_and_unload(safe_merge=True)
    attach(merged)
    return merged


def dequantised(model: Any) -> Any:
    """An NF4 model as an ordinary one in fp32, with the values that its layers computed with."""
    model = model.dequantize()
    model.config.__dict__.pop("quantization_config", None)
    model.is_quantized = False
    model.hf_quantizer = None
    for flag in ("is_loaded_in_4bit", "quantization_method"):
        if hasattr(model, flag):
            setattr(model, flag, None)
    return model.to(torch.float32)


def _save(merged: Any, base: Base, folder: Path, examples: Sequence[dict[str, Any]]) -> float:
    """Cast once, save, and give the held-out loss of what was saved."""
    shutil.rmtree(folder, ignore_errors=True)
    merged.to(torch.float16)
    merged.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        source = base.tokenizer / name
        if source.exists():
            shutil.copyfile(source, folder / name)
    saved = load_model(dataclasses.replace(base, folder=folder, gguf=None), "fp32")
    attach(saved)
    return float(held_out_loss(saved, examples))
