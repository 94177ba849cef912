"""The stage `data`: prepared sets to three files of token ids, with what was dropped and why.

`train.jsonl`, `validation.jsonl` and `test.jsonl` hold one example a line: ids, and for people and for evaluation the
text. The split follows a hash of the task, so that a row keeps its side when others come or go.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from finetune.base import load_tokenizer, open_base
from finetune.data.render import Rendered, Tokens, render, template_hash, tokenize
from finetune.data.rows import Dropped, Row, read_rows
from finetune.errors import FinetuneError
from finetune.messages import DATA_EMPTY, TOO_FEW_ROWS
from finetune.recipe import DataSection, Recipe, Source
from finetune.stage import Run, write_json

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Example:
    """A row that is ready to be learned."""

    row: Row
    rendered: Rendered
    tokens: Tokens
    is_replay: bool = False

    def as_json(self) -> dict[str, Any]:
        """What stands in the files."""
        return {
            "source": self.row.source,
            "number": self.row.number,
            "kind": "edit" if self.row.is_edit else "chat",
            "replay": self.is_replay,
            "format": self.rendered.prompt_format,
            "prompt_ids": list(self.tokens.prompt),
            "completion_ids": list(self.tokens.completion),
            "instruction": self.row.instruction,
            "prompt": self.rendered.prompt.text,
            "answer": self.rendered.completion,
        }


def run(run: Run, folder: Path) -> None:
    """The stage.

    Raises:
        FinetuneError: `data-missing`, `columns-missing`, `data-empty`, `not-json`, `hub-unreachable`, `too-few-rows`.
    """
    recipe = run.recipe
    tokenizer = load_tokenizer(open_base(run))
    dropped: list[Dropped] = []
    own = [example for source in recipe.data.sources for example in _read(source, recipe, tokenizer, dropped)]
    splits = _split(own, recipe.data)
    if recipe.data.replay and recipe.data.replay_fraction:
        replay = _read(recipe.data.replay, recipe, tokenizer, dropped)
        splits["train"] = _with_replay(splits["train"], replay, recipe)
    for name, examples in splits.items():
        _write_lines(folder / f"{name}.jsonl", (example.as_json() for example in examples))
    _write_lines(folder / "dropped.jsonl", (asdict(one) for one in dropped))
    write_json(folder / "summary.json", _summary(recipe, splits, dropped))


def read_split(run: Run, name: str) -> list[dict[str, Any]]:
    """The examples of one split, as `Example.as_json` wrote them."""
    path = run.folder("data") / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _read(source: Source, recipe: Recipe, tokenizer: Any, dropped: list[Dropped]) -> list[Example]:
    kept: list[Example] = []
    refused = 0
    for row in tqdm(read_rows(source), desc=source.path, unit="row", leave=False):
        example = row if isinstance(row, Dropped) else _example(row, recipe, tokenizer)
        if isinstance(example, Dropped):
            dropped.append(example)
            refused += 1
        else:
            kept.append(example)
    if not kept:
        raise FinetuneError("data-empty", DATA_EMPTY, path=source.path, dropped=refused)
    return kept


def _example(row: Row, recipe: Recipe, tokenizer: Any) -> Example | Dropped:
    try:
        rendered = render(row, recipe.model.prompt_format, recipe.model.chat_format)
    except FinetuneError as error:
        return Dropped(row.source, row.number, f"{error.code}: {error.fields['reason']}")
    tokens = tokenize(tokenizer, rendered)
    length = len(tokens.prompt) + len(tokens.completion)
    if length > recipe.data.max_tokens:
        return Dropped(row.source, row.number, f"{length} tokens")
    return Example(row, rendered, tokens)


def _split(examples: Sequence[Example], data: DataSection) -> dict[str, list[Example]]:
    held_out = data.validation_rows + data.test_rows
    if len(examples) <= held_out:
        raise FinetuneError("too-few-rows", TOO_FEW_ROWS, rows=len(examples), held_out=held_out)
    order = sorted(examples, key=lambda example: (_digest(example), example.row.number))
    # Rows with the same task stay on one side: the border moves to the end of a run of equal digests.
    first = _border(order, data.validation_rows)
    second = _border(order, first + data.test_rows)
    train = sorted(order[second:], key=lambda example: (example.row.source, example.row.number))
    return {"train": train, "validation": order[:first], "test": order[first:second]}


def _border(order: Sequence[Example], at: int) -> int:
    while 0 < at < len(order) and _digest(order[at]) == _digest(order[at - 1]):
        at += 1
    return at


def _digest(example: Example) -> str:
    task = " ".join(example.row.instruction.lower().split())
    return hashlib.sha256(task.encode()).hexdigest()


def _with_replay(train: list[Example], replay: list[Example], recipe: Recipe) -> list[Example]:
    """Add rows of replay until they are the fraction asked for, each as often as the others."""
    fraction = recipe.data.replay_fraction
    wanted = round(len(train) * fraction / (1 - fraction))
    shuffled = random.Random(recipe.seed).sample(replay, len(replay))  # noqa: S311 - an order, not a secret
    repeated = (shuffled * math.ceil(wanted / len(shuffled)))[:wanted]
    return train + [Example(one.row, one.rendered, one.tokens, is_replay=True) for one in repeated]


def _summary(recipe: Recipe, splits: dict[str, list[Example]], dropped: Sequence[Dropped]) -> dict[str, Any]:
    return {
        "rows": {name: len(examples) for name, examples in splits.items()},
        "prompt_tokens": {name: sum(len(e.tokens.prompt) for e in part) for name, part in splits.items()},
        "completion_tokens": {name: sum(len(e.tokens.completion) for e in part) for name, part in splits.items()},
        "replay_rows": sum(example.is_replay for example in splits["train"]),
        "formats": dict(Counter(e.rendered.prompt_format for part in splits.values() for e in part)),
        "template_hash": template_hash(recipe.model.prompt_format, recipe.model.chat_format),
        "licences": {source.path: source.licence for source in recipe.data.sources},
        "dropped": dict(Counter(_kind_of(one.reason) for one in dropped)),
    }


def _kind_of(reason: str) -> str:
    return "too long" if reason.endswith(" tokens") else reason


def _write_lines(path: Path, items: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for item in items:
            stream.write(json.dumps(item, ensure_ascii=False) + "\n")
