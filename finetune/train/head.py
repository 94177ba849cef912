"""The loss, computed where there is one: logits exist for completion positions only, and only a few at a time.

Owns: cross-entropy with an optional KL term to the base, and attaching it to a causal model's forward so that DDP and
FSDP wrappers are still passed through. With a vocabulary of 150,000 the head is a quarter of a small model's work,
and most positions of an editing example are prompt.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

IGNORED = -100
_ROWS = 256  # logits of one piece: 256 × 151,936 fp32 are 156 MB


@dataclass(frozen=True)
class CompletionLoss:
    """Sums over the completion positions of a batch. `nll` and `kl` (nats) carry gradients through `total` alone."""

    total: Tensor
    nll: Tensor
    kl: Tensor
    correct: Tensor
    positions: int


class _HeadLoss(torch.autograd.Function):
    """Σ cross-entropy + β·KL(base ‖ model) of `hidden` [n, h] through a frozen head `weight` [v, h].

    The gradient on `hidden` is found in the same pass, so no logits outlive their piece. For cross-entropy it is
    (p − onehot)·W, for the KL term β·(p − p_base)·W.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        context: Any, hidden: Tensor, weight: Tensor, labels: Tensor, reference: Tensor | None, beta: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gradient = torch.empty_like(hidden)
        nll = hidden.new_zeros((), dtype=torch.float64)
        kl = hidden.new_zeros((), dtype=torch.float64)
        correct = torch.zeros((), dtype=torch.long, device=hidden.device)
        for start in range(0, len(hidden), _ROWS):
            rows = slice(start, start + _ROWS)
            wanted = labels[rows, None]
            n = len(wanted)
            log_p = torch.log_softmax((_as_tall(hidden[rows]) @ weight.T).float(), dim=-1)
            nll -= log_p[:n].gather(1, wanted).sum(dtype=torch.float64)
            correct += (log_p[:n].argmax(dim=-1) == labels[rows]).sum()
            p = log_p.exp()
            slope = p.clone() if reference is not None else p
            slope[:n].scatter_add_(1, wanted, -torch.ones_like(wanted, dtype=slope.dtype))
            if reference is not None:
                log_base = torch.log_softmax((_as_tall(reference[rows]) @ weight.T).float(), dim=-1)
                base = log_base.exp()
                kl += (base * (log_base - log_p))[:n].sum(dtype=torch.float64)
                slope += beta * (p - base)
            gradient[rows] = (slope.to(weight.dtype) @ weight)[:n]
        context.save_for_backward(gradient)
        context.mark_non_differentiable(nll, kl, correct)
        return (nll + beta * kl).to(torch.float32), nll, kl, correct

    @staticmethod
    def backward(context: Any, *outer: Any) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = context.saved_tensors
        return gradient * outer[0], None, None, None, None


def _as_tall(rows: Tensor) -> Tensor:
    """Rows with zeros below, so that all pieces are of one height.

    For each height that it meets, oneDNN keeps a copy of the head in its own layout: 272 MB in bf16.
    """
    missing = _ROWS - len(rows) if rows.device.type == "cpu" else 0
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)) if missing > 0 else rows


def attach(model: Any) -> None:
    """Give a causal model's forward two more ways to be called.

    `model(..., labels=…, completion="hidden")` returns the hidden states `[n, h]` of completion positions;
    `completion="loss"` (with `reference` and `beta` for the KL term) returns a `CompletionLoss`.
    """
    original = model.forward

    def forward(
        self: Any,
        *arguments: Any,
        completion: str | None = None,
        reference: Tensor | None = None,
        beta: float = 0.0,
        **options: Any,
    ) -> Any:
        if completion is None:
            return original(*arguments, **options)
        labels = options.pop("labels")[:, 1:]
        options["use_cache"] = False
        states = self.base_model(*arguments, **options).last_hidden_state[:, :-1]
        mask = labels != IGNORED
        hidden = states[mask]
        if completion == "hidden":
            return hidden
        weight = self.get_output_embeddings().weight
        total, nll, kl, correct = _HeadLoss.apply(hidden, weight, labels[mask], reference, beta)
        return CompletionLoss(total, nll, kl, correct, positions=len(hidden))

    model.forward = types.MethodType(forward, model)
