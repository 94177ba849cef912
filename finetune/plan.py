"""What a run would take: rows, tokens, weights, memory, disk and time, on this machine and on a named GPU.

Does nothing but look: no download, no folder. Tokens are counted where the data are built, else estimated from bytes.
Times assume four floating-point operations per weight and token (forward and input gradients; frozen weights need no
gradient of their own) at a measured or stated speed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from finetune.data.editing.expand import whole_tasks_in_files
from finetune.data.render import render
from finetune.data.rows import Row
from finetune.data.sources import read_rows
from finetune.errors import FinetuneError
from finetune.gguf_base import locate
from finetune.messages import UNKNOWN_GPU
from finetune.outside import is_local, local_folder, source_file
from finetune.pipeline import stage_named
from finetune.recipe import LoraSection
from finetune.stage import Run, is_current
from models.gguf import read_header

_BYTES_PER_TOKEN = 3.6  # Russian comments and Python in Qwen2.5's and Llama's vocabularies
# Useful speed in training, TFLOP/s in 16 bit (about 40 % of the data sheet), and memory in GiB.
GPUS = {
    "t4": (20, 16),
    "rtx3090": (30, 24),
    "rtx4090": (65, 24),
    "a100": (120, 80),
    "h100": (380, 80),
    "h200": (380, 141),
}


@dataclass(frozen=True)
class Shape:
    """The sizes that decide: `n_ff` is the feed-forward width, `kv_width` the columns of K and V."""

    hidden: int
    n_ff: int
    layers: int
    kv_width: int
    vocabulary: int

    @property
    def body(self) -> int:
        """Weights of all layers."""
        attention = 2 * self.hidden * self.hidden + 2 * self.hidden * self.kv_width
        return self.layers * (attention + 3 * self.hidden * self.n_ff)

    @property
    def head(self) -> int:
        """Weights of the output head (and of the embedding)."""
        return self.hidden * self.vocabulary

    def lora(self, section: LoraSection) -> int:
        """Weights of an adapter: on the layers that are named, on all linear ones where a pattern names them."""
        h, f, kv = self.hidden, self.n_ff, self.kv_width
        sides = dict.fromkeys(("q_proj", "o_proj"), h + h) | dict.fromkeys(("k_proj", "v_proj"), h + kv)
        sides |= dict.fromkeys(("gate_proj", "up_proj", "down_proj"), h + f)
        named = sides if isinstance(section.target_modules, str) else section.target_modules
        n_layers = len(section.layers) if section.layers else self.layers
        return n_layers * section.r * sum(sides.get(name, 0) for name in named)


_KNOWN = {
    "HuggingFaceH4/zephyr-7b-beta": Shape(4096, 14336, 32, 1024, 32000),
    "tiny:mistral": Shape(256, 512, 2, 128, 768),
    "tiny:qwen2": Shape(96, 256, 2, 48, 768),
}


def plan(run: Run, gpu: str = "a100") -> str:
    """The plan as text."""
    recipe = run.recipe
    shape = shape_of(recipe.model.base)
    rows, tokens, loss_tokens, how = _amounts(run)
    lines = [f"{recipe.name}: {recipe.description}", f"  base      {recipe.model.base}, {recipe.model.precision}"]
    if rows is None:
        lines.append(f"  data      {how}")
    else:
        lines.append(f"  data      {rows:,} rows, {tokens:,} tokens, {loss_tokens:,} with loss ({how})")
    if shape is None:
        return "\n".join([*lines, "  sizes     unknown: the base is not on this machine, or of a form not known here"])
    adapter = shape.lora(recipe.lora)
    weights = shape.body + 2 * shape.head
    memory = _memory(run, shape, adapter)
    disk = weights * 2 * 2 + weights * (0.6 + 0.85) + adapter * 8
    lines += [
        f"  trained   {adapter:,} weights of {weights:,} ({adapter / weights:.2%})",
        f"  memory    {memory / 2**30:.1f} GiB here ({psutil.virtual_memory().total / 2**30:.0f} GiB in this machine)",
        f"  disk      {disk / 2**30:.1f} GiB",
    ]
    if tokens and loss_tokens is not None:
        steps_share = _share_of_epochs(run, rows or 1, tokens)
        work = steps_share * (4 * shape.body * tokens + 4 * shape.head * loss_tokens)
        if recipe.train.kl_to_base:
            work *= 1.5  # the base's forward pass once more
        speed = measured_flops()
        tflops, gib = gpu_named(gpu)
        lines.append(f"  time      {_duration(work / speed)} of training here ({speed / 1e9:.0f} GFLOP/s measured)")
        lines.append(
            f"            {_duration(work / (tflops * 1e12))} on one {gpu} ({gib} GiB, {tflops} TFLOP/s assumed)"
        )
    return "\n".join(lines)


def shape_of(base: str) -> Shape | None:
    """The sizes of a base that is known or here; None for others."""
    if base in _KNOWN:
        return _KNOWN[base]
    if base.startswith("gguf:"):
        try:
            return _shape_of_gguf(locate(base))
        except FinetuneError:
            return None
    folder = local_folder(base)
    try:
        return _shape_of_config(folder / "config.json") if folder else None
    except (FileNotFoundError, KeyError, ValueError):  # families name their sizes differently
        return None


def _shape_of_config(config: Path) -> Shape:
    tree = json.loads(config.read_text(encoding="utf-8"))
    head_width = tree.get("head_dim") or tree["hidden_size"] // tree["num_attention_heads"]
    kv = head_width * tree.get("num_key_value_heads", tree["num_attention_heads"])
    return Shape(tree["hidden_size"], tree["intermediate_size"], tree["num_hidden_layers"], kv, tree["vocab_size"])


def _shape_of_gguf(path: Path) -> Shape:
    header = read_header(path)

    def number(key: str) -> int:
        return header.number(f"{header.architecture}.{key}")

    hidden, heads = number("embedding_length"), number("attention.head_count")
    kv = hidden // heads * number("attention.head_count_kv")
    vocabulary = header.shapes["token_embd.weight"][1]
    return Shape(hidden, number("feed_forward_length"), number("block_count"), kv, vocabulary)


def measured_flops() -> float:
    """Useful fp32 speed of this machine: a matrix product's, of which training reaches about two thirds."""
    import time  # noqa: PLC0415 - only for this

    import torch  # noqa: PLC0415 - heavy

    a, b = torch.randn(256, 2048), torch.randn(2048, 2048)
    a @ b
    started = time.perf_counter()
    for _ in range(8):
        a @ b
    return 0.66 * 8 * 2 * 256 * 2048 * 2048 / (time.perf_counter() - started)


def _memory(run: Run, shape: Shape, adapter: int) -> float:
    recipe = run.recipe
    per_weight = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.55}[recipe.model.precision]
    wide = 4 if recipe.model.precision != "bf16" else 2
    heads = 2 * shape.head * (2 if recipe.model.precision == "nf4" else per_weight)
    packed = recipe.train.packed_tokens if recipe.train.packing else 0
    row_tokens = max(packed, recipe.data.max_tokens) * recipe.train.batch_size
    kept = 1.0 / shape.layers if recipe.train.gradient_checkpointing else 1.0
    activations = kept * row_tokens * shape.layers * (14 * shape.hidden + 5 * shape.n_ff) * wide
    logits = 4 * 256 * shape.vocabulary * 4
    return shape.body * per_weight + heads + adapter * 16 + activations + logits + 0.8e9


def _amounts(run: Run) -> tuple[int | None, int, int, str]:
    """Training rows, tokens, tokens with loss, and how they are known; rows None where they cannot be."""
    summary = run.folder("data") / "summary.json"
    if summary.exists() and is_current(run, stage_named("data")):
        tree = json.loads(summary.read_text(encoding="utf-8"))
        loss = tree["completion_tokens"]["train"]
        return tree["rows"]["train"], tree["prompt_tokens"]["train"] + loss, loss, "counted"
    sources = run.recipe.data.sources
    if not all(is_local(source.path) or source_file(source.path).is_file() for source in sources):
        return None, 0, 0, "on the hub: run the stage `data` to count it"
    rows = [row for source in sources for row in read_rows(source) if isinstance(row, Row)]
    recipe = run.recipe
    rows = whole_tasks_in_files(rows, recipe.model.prompt_format, recipe.seed, docstrings=recipe.data.has_docstrings)
    prompt, answer = _bytes(run, rows)
    held_out = run.recipe.data.validation_rows + run.recipe.data.test_rows
    share = max(len(rows) - held_out, 0) / max(len(rows), 1)
    share *= 1 / (1 - run.recipe.data.replay_fraction)
    tokens = round((prompt + answer) * share / _BYTES_PER_TOKEN)
    if 0 < run.recipe.data.budget_tokens < tokens:
        share *= run.recipe.data.budget_tokens / tokens
        tokens = run.recipe.data.budget_tokens
    return round(len(rows) * share), tokens, round(answer * share / _BYTES_PER_TOKEN), "estimated from bytes"


def _bytes(run: Run, rows: Sequence[Row]) -> tuple[int, int]:
    model = run.recipe.model
    prompt = answer = 0
    for row in rows:
        try:
            example = render(row, model.format_for(docstring=row.is_docstring), model.chat_format)
        except FinetuneError:
            continue
        prompt += len(example.prompt.text.encode())
        answer += len(example.completion.encode())
    return prompt, answer


def _share_of_epochs(run: Run, rows: int, tokens: int) -> float:
    train = run.recipe.train
    if not train.max_steps:
        return train.epochs
    per_step = train.batch_size * train.accumulate
    if train.packing:
        return train.max_steps * per_step * max(train.packed_tokens, run.recipe.data.max_tokens) / tokens
    return train.max_steps * per_step / rows


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.1f} h"


def gpu_named(name: str) -> tuple[int, int]:
    """Speed (TFLOP/s) and memory (GiB) of a GPU.

    Raises:
        FinetuneError: `unknown-gpu`.
    """
    if name.lower() not in GPUS:
        raise FinetuneError("unknown-gpu", UNKNOWN_GPU, name=name, known=", ".join(GPUS))
    return GPUS[name.lower()]
