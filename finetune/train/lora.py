"""LoRA on a linear layer as one operation: y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ.

PEFT's layer makes four tensors as large as its output and reads them again, forward and backward; on a CPU that is
a tenth of a step. Here the low-rank term is added into the product while both are in hand, and so is its gradient.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor


class _LoraProduct(torch.autograd.Function):
    """`x` [n, in], frozen `weight` [out, in] and `bias` [out] (or None), `a` [r, in], `b` [out, r], `scale`."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        low = x @ a.T
        context.save_for_backward(x, weight, a, b, low)
        context.scale = scale
        return torch.nn.functional.linear(x, weight, bias).addmm_(low, b.T, alpha=scale)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        x, weight, a, b, low = context.saved_tensors
        (slope,) = outer
        slope_low = (slope @ b).mul_(context.scale)
        slope_x = (slope @ weight).addmm_(slope_low, a) if context.needs_input_grad[0] else None
        return slope_x, None, None, slope_low.T @ x, (slope.T @ low).mul_(context.scale), None


def fuse(model: Any) -> int:
    """Let the plain LoRA layers of a PEFT model compute so; gives how many there are. Others stay as they are."""
    layers = [part for part in model.modules() if isinstance(part, Linear) and _is_plain(part)]
    for layer in layers:
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def _is_plain(layer: Linear) -> bool:
    """Whether a layer is what `_LoraProduct` computes: one adapter without dropout or variants, in fp32 on a CPU."""
    (name, *others) = layer.active_adapters
    base = layer.get_base_layer()
    weights = (base.weight, layer.lora_A[name].weight, layer.lora_B[name].weight)
    return (
        not others
        and type(base) is torch.nn.Linear
        and isinstance(layer.lora_dropout[name], torch.nn.Identity)
        and name not in layer.lora_variant
        and not layer.lora_bias[name]
        and all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in weights)
    )


def _forward(self: Linear, x: Tensor) -> Tensor:
    if self.disable_adapters or self.merged:
        return Linear.forward(self, x)
    (name,) = self.active_adapters
    base = self.get_base_layer()
    a, b = self.lora_A[name].weight, self.lora_B[name].weight
    flat = x.reshape(-1, x.shape[-1])
    y: Tensor = _LoraProduct.apply(flat, base.weight, base.bias, a, b, self.scaling[name])
    return y.view(*x.shape[:-1], -1)
