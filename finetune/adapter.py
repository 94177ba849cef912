"""`python -m finetune adapter`: a trained adapter by itself, for those who serve it over the file it was trained on.

Owns: a folder with the LoRA as GGUF, its card and its catalog entry, as soon as training is over; nothing is merged.
"""

from __future__ import annotations

from pathlib import Path

import tomlkit

from finetune.base import open_base
from finetune.card import adapter_entry, how_made
from finetune.export.stage import export_adapter
from finetune.stage import Run, file_hash


def write_adapter(run: Run, folder: Path) -> Path:
    """Write `<folder name>.gguf`, `README.md` and, over a model of the catalog, `catalog.toml`; returns the first.

    Raises:
        FinetuneError: `adapter-unreadable`, `gguf-cannot-carry`, `converter-failed`.
    """
    target = folder / f"{folder.resolve().name}.gguf"
    export_adapter(run.folder("train") / "adapter", open_base(run).tokenizer, target)
    title = run.recipe.model.title or run.recipe.name
    size_mb = target.stat().st_size / 1e6
    lines = [
        *how_made(run, title),
        f"- File: `{target.name}`, {size_mb:.1f} MB, SHA-256 `{file_hash(target)}`",
        f"- Rebuild: `python -m finetune --recipe {run.recipe.name} adapter --out {folder.name}`",
        f"- Measure: `python -m benchmarks.adapter --adapter {target.name} --prompt-format "
        f"{run.recipe.model.prompt_format}`",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    entry = adapter_entry(run, target)
    if entry:
        portable = {**entry, "id": folder.resolve().name, "path": target.name}
        (folder / "catalog.toml").write_text(tomlkit.dumps({"adapter": [portable]}), encoding="utf-8")
    return target
