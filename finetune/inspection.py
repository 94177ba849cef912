"""One example as the model sees it: the text, every token, and where the loss is."""

from __future__ import annotations

from typing import Any

from finetune.base import load_tokenizer, open_base
from finetune.data.build import read_split
from finetune.dropped import require_rows
from finetune.stage import Run


def inspect(run: Run, number: int = 1) -> str:
    """Describe the `number`-th training example (from 1) of a run whose data are built."""
    require_rows(run)
    rows = read_split(run, "train")
    row = rows[(number - 1) % len(rows)]
    tokenizer = load_tokenizer(open_base(run))
    ids = row["prompt_ids"] + row["completion_ids"]
    mask = [0] * len(row["prompt_ids"]) + [1] * len(row["completion_ids"])
    lines = [
        f"{row['source']}:{row['number']}  {row['kind']}  {row['format']}",
        "--- prompt",
        row["prompt"],
        "--- completion",
        row["answer"],
        f"--- {len(ids)} tokens, {sum(mask)} with loss (mask 1)",
    ]
    lines += [
        f"{index:5} {token:7} {bit}  {_piece(tokenizer, token)!r}"
        for index, (token, bit) in enumerate(zip(ids, mask, strict=True))
    ]
    return "\n".join(lines)


def _piece(tokenizer: Any, token: int) -> str:
    return str(tokenizer.decode([token]))
