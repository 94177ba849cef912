"""Perplexity on the five sets, of a GGUF and its adapter.

Perplexity is exp(−(1/N) Σ ln p(xᵢ | x<ᵢ)) over tokens, formula 7 of the paper. (Its formulas 8 and 9 put together would
exponentiate twice; the numbers it prints are those of 7.) Tokens and bytes are counted, so that models with other
vocabularies can be compared by bits per byte.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from finetune.data.build import read_split
from finetune.llama import Gguf
from finetune.outside import evaluation_file
from finetune.stage import Run

WINDOW_TOKENS = 512


@dataclass(frozen=True)
class TokenSet:
    """A set as rows of ids; of each, tokens from `scored_from` on count. `note` says how it was made."""

    name: str
    rows: tuple[tuple[tuple[int, ...], int], ...]
    n_bytes: int
    note: str = ""


@dataclass(frozen=True)
class Perplexity:
    """What one model gets on one set."""

    perplexity: float
    bits_per_byte: float
    tokens: int


def token_sets(run: Run, model: Gguf) -> Iterator[TokenSet]:
    """The sets that the recipe asks for and whose data are there, cut at the recipe's limit of tokens."""
    limit = run.recipe.evaluate.perplexity_tokens
    for name in run.recipe.evaluate.perplexity:
        if name == "own":
            yield _own(run, model, limit)
        elif name == "code":
            texts = [f"{row['instruction']}\n{row['answer']}\n" for row in read_split(run, "test")]
            yield _texts("code", texts, model, limit, "instructions and answers alone, without a template")
        else:
            yield from general_set(name, model, limit)


def general_set(name: str, model: Gguf, limit: int) -> Iterator[TokenSet]:
    """`wikitext`, `code_alpaca` or `code_alpaca_no_python`, up to `limit` tokens; nothing where its data are not."""
    path = evaluation_file("wikitext" if name == "wikitext" else "code_alpaca")
    if path is None:
        return
    text = path.read_text(encoding="utf-8")
    yield _windows(name, text, model, limit) if name == "wikitext" else _alpaca(name, json.loads(text), model, limit)


def measure(model: Gguf, one: TokenSet) -> Perplexity:
    """The perplexity of a set with the adapter and scale that `model` has now."""
    total, count = 0.0, 0
    for ids, scored_from in tqdm(one.rows, desc=one.name, unit="row", leave=False):
        found = model.log_probs(ids, max(scored_from, 1))
        total += float(found.sum())
        count += len(found)
    return Perplexity(math.exp(-total / max(count, 1)), -total / math.log(2) / max(one.n_bytes, 1), count)


def is_python(row: dict[str, Any]) -> bool:
    """The rule for "without Python": the word stands anywhere in the row, or the output is a Python program.

    A program: it parses, and holds a definition, an import, a loop, a condition or a call of `print`.
    """
    if "python" in " ".join(str(value) for value in row.values()).lower():
        return True
    try:
        tree = ast.parse(str(row.get("output", "")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    telling = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.For, ast.While, ast.If, ast.With)
    return any(isinstance(node, telling) or _prints(node) for node in ast.walk(tree))


def _prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _own(run: Run, model: Gguf, limit: int) -> TokenSet:
    rows = read_split(run, "test")
    ids = [(tuple(row["prompt_ids"] + row["completion_ids"]), 1) for row in rows]
    kept = _cut(ids, limit)
    n_bytes = sum(len((row["prompt"] + row["answer"]).encode()) for row in rows[: len(kept)])
    return TokenSet("own", tuple(kept), n_bytes, "own test split, as it is trained on: template, prompt and answer")


def _alpaca(name: str, rows: Sequence[dict[str, Any]], model: Gguf, limit: int) -> TokenSet:
    without = name == "code_alpaca_no_python"
    kept = [row for row in rows if not (without and is_python(row))]
    texts = ["\n".join(filter(None, (row["instruction"], row["input"], row["output"]))) + "\n" for row in kept]
    note = f"{len(kept)} of {len(rows)} rows" + (" hold no Python" if without else "")
    return _texts(name, texts, model, limit, note)


def _texts(name: str, texts: Sequence[str], model: Gguf, limit: int, note: str) -> TokenSet:
    start = [model.bos_id] if model.adds_bos else []
    ids = [(tuple(start + model.tokenize(text))[: model.n_ctx], 1) for text in texts]
    kept = _cut(ids, limit)
    n_bytes = sum(len(text.encode()) for text in texts[: len(kept)])
    return TokenSet(name, tuple(kept), n_bytes, note)


def _windows(name: str, text: str, model: Gguf, limit: int) -> TokenSet:
    """A long text in windows of 512 tokens, each scored from its first token on, up to the limit (0: all of it)."""
    ids = model.tokenize(text[: limit * 8])[:limit] if limit else model.tokenize(text)
    start = [model.bos_id] if model.adds_bos else []
    rows = [(tuple(start + ids[i : i + WINDOW_TOKENS]), 1) for i in range(0, len(ids), WINDOW_TOKENS)]
    n_bytes = len(model.text_of(ids).encode())
    return TokenSet(name, tuple(row for row in rows if len(row[0]) > 1), n_bytes, f"windows of {WINDOW_TOKENS} tokens")


def _cut(rows: Sequence[tuple[tuple[int, ...], int]], limit: int) -> list[tuple[tuple[int, ...], int]]:
    """Whole rows up to the limit of tokens (0: all)."""
    sums = np.cumsum([len(ids) for ids, _ in rows])
    return [row for row, so_far in zip(rows, sums, strict=True) if not limit or so_far <= limit] or list(rows[:1])
