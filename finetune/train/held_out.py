"""Measuring a model in torch on held-out examples: its loss, and whether it knows where answers end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from finetune.train.head import IGNORED, CompletionLoss


@torch.no_grad()
def held_out_loss(model: Any, examples: Sequence[dict[str, Any]]) -> float:
    """Mean negative log-likelihood (nats per completion token) of a model that `attach` has prepared."""
    model.eval()
    nll, positions = 0.0, 0
    for one in examples:
        ids = torch.tensor([one["prompt_ids"] + one["completion_ids"]], device=model.device)
        labels = ids.clone()
        labels[0, : len(one["prompt_ids"])] = IGNORED
        found: CompletionLoss = model(input_ids=ids, labels=labels, completion="loss")
        nll += float(found.nll)
        positions += found.positions
    return nll / max(positions, 1)


@torch.no_grad()
def stop_check(model: Any, examples: Sequence[dict[str, Any]], rows: int = 32) -> dict[str, float]:
    """How sure a PEFT model is of the stop token where an answer ends, with the adapter and without it.

    Means over held-out rows: `probability` and `top1` with the adapter, `base_probability` without.
    """
    model.eval()
    found: dict[str, list[float]] = {"probability": [], "top1": [], "base_probability": []}
    for one in examples[:rows]:
        ids = torch.tensor([one["prompt_ids"] + one["completion_ids"]], device=model.device)
        labels = torch.full_like(ids, IGNORED)
        labels[0, -1] = ids[0, -1]
        with_adapter = _last_distribution(model, ids, labels)
        with model.disable_adapter():
            without = _last_distribution(model, ids, labels)
        stop = int(ids[0, -1])
        found["probability"].append(float(with_adapter[stop]))
        found["top1"].append(float(int(with_adapter.argmax()) == stop))
        found["base_probability"].append(float(without[stop]))
    return {key: round(float(np.mean(values)), 4) for key, values in found.items()}


def _last_distribution(model: Any, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    hidden = model(input_ids=ids, labels=labels, completion="hidden")
    return torch.softmax((hidden[0] @ model.get_output_embeddings().weight.T).float(), dim=-1)
