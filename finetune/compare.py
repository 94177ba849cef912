"""Two runs beside each other: what they were, and what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from finetune.errors import FinetuneError
from finetune.messages import STAGE_NOT_DONE


def compare(a: Path, b: Path) -> str:
    """A table of recipes' differences and of every number that both runs have.

    Raises:
        FinetuneError: `stage-not-done` where a folder is no run.
    """
    rows = [("", a.name, b.name)]
    first, second = _flat(_recipe(a)), _flat(_recipe(b))
    rows += [
        (key, str(first.get(key, "—")), str(second.get(key, "—")))
        for key in sorted(first | second)
        if first.get(key) != second.get(key)
    ]
    one, other = _numbers(a), _numbers(b)
    rows += [(key, f"{one[key]:.4g}", f"{other[key]:.4g}") for key in one if key in other]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _recipe(folder: Path) -> Any:
    path = folder / "recipe.yaml"
    if not path.exists():
        raise FinetuneError("stage-not-done", STAGE_NOT_DONE, stage="data", run=folder.name)
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _flat(tree: Any, where: str = "") -> dict[str, object]:
    if not isinstance(tree, dict):
        return {where: tree}
    found: dict[str, object] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{where}.{key}" if where else str(key))
    return found


def _numbers(folder: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    train = _json(folder / "train" / "summary.json") or {}
    if "best_held_out_loss" in train:
        found["held-out loss"] = train["best_held_out_loss"]
    timing = _json(folder / "train" / "timing.json") or {}
    if "loss_tokens_per_second" in timing:
        found["loss-bearing tokens/s"] = timing["loss_tokens_per_second"]
    for one in _json(folder / "evaluate" / "perplexity.json") or []:
        found[f"perplexity {one['set']}, base"] = one["base"]["perplexity"]
        found[f"perplexity {one['set']}, adapter"] = one["adapter"]["perplexity"]
    for one in _json(folder / "evaluate" / "humaneval.json") or []:
        for metric, scores in one["scores"].items():
            found[f"HumanEval-XL {one['set']} {metric}"] = scores["tuned"]
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
