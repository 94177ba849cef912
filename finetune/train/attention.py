"""Attention over packed rows, one row at a time.

Several examples in one sequence make the matrices of a layer tall, which is what a CPU is fast at; attention alone
must see each by itself. With a block-diagonal mask all that it hides would be computed: here it is not.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_by_row"


def use(model: Any) -> None:
    """Let a causal model attend row by row wherever its input is packed; elsewhere it attends as before."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, _mask)
    model.set_attn_implementation(NAME)


def _mask(**options: Any) -> Tensor | None:
    """No mask for one sequence without padding: `_attend` finds its rows. All else is masked as ever."""
    window = options.get("local_size")
    reaches_all = window is None or options["q_length"] <= window
    if options["batch_size"] == 1 and options.get("attention_mask") is None and reaches_all:
        return None
    mask: Tensor | None = sdpa_mask(**options)
    return mask


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attention `[1, n, heads, d]` of `query` `[1, heads, n, d]`, each row of the packed sequence by itself."""
    lengths = _row_lengths(options.get("position_ids")) if attention_mask is None else []
    if len(lengths) < 2:
        found: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return found
    rows = zip(*(states.split(lengths, dim=2) for states in (query, key, value)), strict=True)
    return torch.cat([sdpa_attention_forward(module, *row, None, **options)[0] for row in rows], dim=1), None


def _row_lengths(position_ids: Tensor | None) -> list[int]:
    """How long the rows of one packed sequence are: each begins with position 0.

    Padding, which has position 0 throughout, is one row more.
    """
    if position_ids is None or len(position_ids) != 1:
        return []
    is_first = position_ids[0] == 0
    is_first[1:] &= position_ids[0, :-1] != 0
    starts = [*torch.nonzero(is_first).flatten().tolist(), position_ids.shape[1]]
    return [end - start for start, end in itertools.pairwise(starts)]
