"""The stage `export`: everything that can be served, as GGUF.

Leaves `<name>-f16.gguf` and its quantisations (the merged model), `<name>-adapter.gguf` (the LoRA), `base-f16.gguf`
where the base was 16-bit, and `tensors.json`: which tensor got which type.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finetune.base import load_model, open_base
from finetune.data.build import read_split
from finetune.export.convert import check_adapter, convert_adapter, convert_model
from finetune.export.imatrix import importance, tensor_types
from finetune.llama import quantise
from finetune.stage import Run, write_json


def f16_name(run: Run) -> str:
    """The file of the merged model, not quantised."""
    return f"{run.recipe.name}-f16.gguf"


def quantised_name(run: Run, kind: str) -> str:
    """The file of the merged model in one quantisation."""
    return f"{run.recipe.name}-{kind}.gguf"


def adapter_name(run: Run) -> str:
    """The file of the adapter."""
    return f"{run.recipe.name}-adapter.gguf"


def run(run: Run, folder: Path) -> None:
    """The stage.

    Raises:
        FinetuneError: from the converters and from quantising.
    """
    base = open_base(run)
    merged = run.folder("merge") / "merged"
    title = run.recipe.model.title or run.recipe.name
    convert_model(merged, folder / f16_name(run), name=title, pre_tokenizer=base.pre_tokenizer)
    convert_adapter(run.folder("train") / "adapter", base.tokenizer, folder / adapter_name(run))
    if base.folder is not None:
        convert_model(
            base.folder, folder / "base-f16.gguf", name=run.recipe.model.base, pre_tokenizer=base.pre_tokenizer
        )
    weights = _imatrix(run)
    np.savez(folder / "imatrix.npz", **weights)  # type: ignore[arg-type]
    for kind in run.recipe.export.quantise:
        quantise(folder / f16_name(run), folder / quantised_name(run, kind), kind, weights)
    files = sorted(folder.glob("*.gguf"))
    types = {path.name: dict(tensor_types(path)) for path in files}
    counts = {name: dict(Counter(found.values())) for name, found in types.items()}
    sizes = {path.name: path.stat().st_size for path in files}
    write_json(
        folder / "tensors.json",
        {"size_bytes": sizes, "counts": counts, "types": types, "requantised": base.is_requantised},
    )


def export_adapter(adapter: Path, base: Path, target: Path) -> None:
    """Any PEFT adapter as GGUF; `base` is a folder with its base's config.json.

    Raises:
        FinetuneError: `adapter-unreadable`, `gguf-cannot-carry`, `converter-failed`.
    """
    check_adapter(adapter)
    target.parent.mkdir(parents=True, exist_ok=True)
    convert_adapter(adapter, base, target)


def _imatrix(run: Run) -> dict[str, NDArray[np.float32]]:
    base = dataclasses.replace(open_base(run), folder=run.folder("merge") / "merged", gguf=None)
    rows = [one["prompt_ids"] + one["completion_ids"] for one in read_split(run, "train") if not one["replay"]]
    return importance(load_model(base, "fp32"), rows, run.recipe.export.imatrix_tokens)
