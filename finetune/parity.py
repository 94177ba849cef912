"""Comparing the same model in two implementations: token ids, and distributions over the next token.

Owns: prompts that try a tokenizer (Cyrillic first), Kullback–Leibler divergence and agreement of the first choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.llama import Gguf

# What breaks tokenizers: ё and й in two forms, mixed scripts, indentation, emoji, rare scripts, spaces, digits, names
# of special tokens in plain text.
_PROBES = (
    "Привет, мир!",
    "Съешь ещё этих мягких французских булок, да выпей чаю",
    "ёлка ЁЖ щёлочь объём подъезд",
    "й как и + ̆, ё как е + ̈",
    "def сумма(а, б):\n    return а + б\n",
    "# Прочитать файл «данные.csv» и вернуть строки\n\timport csv\n\t\n",
    "   три пробела, потом\tтабуляция\t\t две",
    "x = 'строка'  # комментарий\n\n\n    y = 1234567890 + 3.1415\n",
    "<|im_start|>system <|endoftext|> </s> <s> [INST] <|user|>",
    "цена: 1 234,56 ₽ — №5 (ООО «Ромашка»)…",
    "🙂🚀 emoji 漢字 العربية हिन्दी",
    "async def f() -> dict[str, list[int]]:\n    ...\n",
    "",
    " ",
    "\n\n",
    "don't we've I'M ЭТО'll",
)


@dataclass(frozen=True)
class Agreement:
    """How alike two models are: `kld` is mean KL(a ‖ b) in nats a position, `top1` the share of equal first choices."""

    kld: float
    kld_max: float
    top1: float
    positions: int


def probes(rows: Sequence[dict[str, Any]], count: int) -> list[str]:
    """At least `count` texts with Cyrillic among them: hard ones, then prompts and answers of the data, then pieces."""
    texts = list(_PROBES) + [row[key] for row in rows for key in ("instruction", "prompt", "answer")]
    piece = 7
    while len(texts) < count:  # few rows: pieces of their texts, cut anywhere
        texts += [row["prompt"][i : i + 3 * piece] for row in rows for i in range(0, len(row["prompt"]), piece)]
        piece += 6
    return texts[: max(count, len(_PROBES) + 3 * min(len(rows), 100))]


def torch_logits(model: Any, tokens: Sequence[int]) -> NDArray[np.float32]:
    """Logits `[n, n_vocab]` of a transformers model in fp32."""
    with torch.no_grad():
        found = model(input_ids=torch.tensor([list(tokens)], device=model.device)).logits[0]
    return np.asarray(found.float().cpu().numpy(), dtype=np.float32)


def gguf_logits(model: Gguf, tokens: Sequence[int]) -> NDArray[np.float32]:
    """Logits `[n, n_vocab]` of a GGUF model, copied out of llama.cpp."""
    return np.concatenate([piece.copy() for piece in model.logits(tokens)])


def agreement(pairs: Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> Agreement:
    """Compare logits of the same positions, pair by pair."""
    divergences: list[NDArray[np.float64]] = []
    equal = 0
    for a, b in pairs:
        width = min(a.shape[1], b.shape[1])  # a GGUF's vocabulary may be padded
        log_a, log_b = _log_softmax(a[:, :width]), _log_softmax(b[:, :width])
        divergences.append((np.exp(log_a) * (log_a - log_b)).sum(axis=1))
        equal += int((log_a.argmax(axis=1) == log_b.argmax(axis=1)).sum())
    every = np.concatenate(divergences)
    return Agreement(float(every.mean()), float(every.max()), equal / len(every), len(every))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return wide
