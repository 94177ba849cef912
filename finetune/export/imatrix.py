"""How much each column of a weight matters: the mean square of what is multiplied with it, on Russian code.

Owns: collecting that by forward hooks in torch, under the names that the tensors have in a GGUF file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray


def importance(model: Any, rows: Sequence[Sequence[int]], max_tokens: int) -> dict[str, NDArray[np.float32]]:
    """Importance of columns by GGUF tensor name, from up to `max_tokens` tokens of `rows`."""
    layers = {name: part for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
    sums = {name: torch.zeros(part.in_features, dtype=torch.float64) for name, part in layers.items()}
    seen = 0
    hooks = [part.register_forward_pre_hook(_adder(sums[name])) for name, part in layers.items()]
    try:
        with torch.no_grad():
            for row in rows:
                if seen >= max_tokens:
                    break
                model(input_ids=torch.tensor([list(row)[: max_tokens - seen]], device=model.device))
                seen += len(row)
    finally:
        for hook in hooks:
            hook.remove()
    names = _names(model.config)
    found = {}
    for name, total in sums.items():
        tensor = names.get_name(f"{name}.weight", try_suffixes=(".weight",))
        if tensor:
            found[tensor] = (total / max(seen, 1)).to(torch.float32).numpy()
    return found


def _adder(total: torch.Tensor) -> Any:
    def hook(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        total.add_(inputs[0].detach().reshape(-1, len(total)).to(torch.float64).square().sum(dim=0).cpu())

    return hook


def _names(config: Any) -> gguf.TensorNameMap:
    family = {"mistral": "llama"}.get(config.model_type, config.model_type)
    arch = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == family)
    return gguf.get_tensor_name_map(arch, config.num_hidden_layers)


def tensor_types(path: Path) -> Iterator[tuple[str, str]]:
    """Name and type of every tensor in a GGUF file."""
    for tensor in gguf.GGUFReader(path).tensors:
        yield tensor.name, tensor.tensor_type.name
