"""The stage `data`: sources to three files of token ids, with what was dropped and why.

`train.jsonl`, `validation.jsonl` and `test.jsonl` hold one example a line: ids, and for people and for evaluation the
text.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.base import load_tokenizer, open_base
from finetune.data.editing.expand import expand
from finetune.data.render import Rendered, Tokens, render, template_hash, tokenize
from finetune.data.report import write_report
from finetune.data.rows import Dropped, Row
from finetune.data.select import Selection, replayed, select
from finetune.data.split import split, within_budget
from finetune.errors import FinetuneError
from finetune.messages import DATA_DROPPED, DATA_EMPTY
from finetune.recipe import Recipe
from finetune.stage import Run, write_json
from models.json_lines import read_json_lines, write_json_lines


@dataclass(frozen=True)
class Example:
    """A row that is ready to be learned."""

    row: Row
    rendered: Rendered
    tokens: Tokens
    is_replay: bool = False

    @property
    def n_tokens(self) -> int:
        """Tokens of the prompt and the completion."""
        return len(self.tokens.prompt) + len(self.tokens.completion)

    def as_json(self) -> dict[str, Any]:
        """What stands in the files."""
        return {
            "source": self.row.source,
            "number": self.row.number,
            "kind": "edit" if self.row.is_edit else "chat",
            "group": self.row.group,
            "place": self.row.place,
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
        FinetuneError: `noncommercial`, `data-missing`, `columns-missing`, `data-empty`, `not-json`, `hub-unreachable`,
            `too-few-rows`.
    """
    recipe = run.recipe
    data = recipe.data
    tokenizer = load_tokenizer(open_base(run))
    made = select(data)
    sides = split(made.rows, made.clusters, data.validation_rows, data.test_rows)
    parts = {name: _examples(part, recipe, tokenizer, made.dropped) for name, part in sides.items()}
    parts["train"] = _training(parts["train"], recipe, tokenizer, made.dropped)
    for name, examples in parts.items():
        write_json_lines(folder / f"{name}.jsonl", (example.as_json() for example in examples))
    write_json_lines(folder / "dropped.jsonl", (asdict(one) for one in made.dropped))
    write_json(folder / "summary.json", _summary(recipe, parts, made))
    write_report(run, folder)
    for sentence in (*made.warnings, *_losses(made, run)):
        print(sentence, file=sys.stderr)


def read_split(run: Run, name: str) -> list[dict[str, Any]]:
    """The examples of one split, as `Example.as_json` wrote them."""
    return list(read_json_lines(run.folder("data") / f"{name}.jsonl"))


def _losses(made: Selection, run: Run) -> Iterator[str]:
    """A sentence for each source that lost rows."""
    file = run.folder("data") / "dropped.jsonl"
    for path, total in made.read.items():
        reasons = Counter(reason_kind(one.reason) for one in made.dropped if one.source == path)
        if reasons:
            listed = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
            yield DATA_DROPPED(path=path, count=reasons.total(), total=total, reasons=listed, file=file)


def _examples(rows: Sequence[Row], recipe: Recipe, tokenizer: Any, dropped: list[Dropped]) -> list[Example]:
    """Rows as token ids; whole tasks are put into files first."""
    tasks = [row for row in rows if row.is_task]
    edits = expand(tasks, recipe.model.prompt_format, recipe.seed, docstrings=recipe.data.has_docstrings)
    made = [_example(row, recipe, tokenizer) for row in (*(row for row in rows if not row.is_task), *edits)]
    dropped += [one for one in made if isinstance(one, Dropped)]
    return [one for one in made if isinstance(one, Example)]


def _example(row: Row | Dropped, recipe: Recipe, tokenizer: Any) -> Example | Dropped:
    if isinstance(row, Dropped):
        return row
    try:
        rendered = render(row, recipe.model.format_for(docstring=row.is_docstring), recipe.model.chat_format)
    except FinetuneError as error:
        return Dropped(row.source, row.number, f"{error.code}: {error.fields['reason']}")
    example = Example(row, rendered, tokenize(tokenizer, rendered))
    if example.n_tokens > recipe.data.max_tokens:
        return Dropped(row.source, row.number, f"{example.n_tokens} tokens")
    return example


def _training(own: list[Example], recipe: Recipe, tokenizer: Any, dropped: list[Dropped]) -> list[Example]:
    """Training examples within the budget, with replay among them."""
    data = recipe.data
    if not data.replay or not data.replay_fraction:
        return within_budget(own, data.budget_tokens)
    own = within_budget(own, round(data.budget_tokens * (1 - data.replay_fraction)))
    rows = replayed(data.replay, dropped)
    replay = _examples(rows, recipe, tokenizer, dropped)
    if not replay:
        raise FinetuneError("data-empty", DATA_EMPTY, path=data.replay.path, dropped=len(rows))
    spent = sum(example.n_tokens for example in own)
    return own + _repeated(replay, len(own), recipe, data.budget_tokens - spent)


def _repeated(replay: Sequence[Example], n_own: int, recipe: Recipe, budget_tokens: int) -> list[Example]:
    """Rows of replay until they are the fraction asked for, each as often as the others."""
    fraction = recipe.data.replay_fraction
    wanted = round(n_own * fraction / (1 - fraction))
    shuffled = random.Random(recipe.seed).sample(replay, len(replay))  # noqa: S311 - an order, not a secret
    repeated = (shuffled * math.ceil(wanted / len(shuffled)))[:wanted]
    taken: list[Example] = []
    for one in repeated:
        budget_tokens -= one.n_tokens
        if recipe.data.budget_tokens and budget_tokens < 0:
            break
        taken.append(Example(one.row, one.rendered, one.tokens, is_replay=True))
    return taken


def _summary(recipe: Recipe, parts: dict[str, list[Example]], made: Selection) -> dict[str, Any]:
    examples = [example for part in parts.values() for example in part]
    return {
        "rows": {name: len(part) for name, part in parts.items()},
        "prompt_tokens": {name: sum(len(e.tokens.prompt) for e in part) for name, part in parts.items()},
        "completion_tokens": {name: sum(len(e.tokens.completion) for e in part) for name, part in parts.items()},
        "replay_rows": sum(example.is_replay for example in parts["train"]),
        "tasks": {name: len({e.row.group for e in part if e.row.group}) for name, part in parts.items()},
        "places": dict(Counter(example.row.place for example in examples if example.row.place)),
        "formats": dict(Counter(example.rendered.prompt_format for example in examples)),
        "template_hash": template_hash(recipe.model.formats, recipe.model.chat_format),
        "licences": {source.path: source.licence for source in recipe.data.learned},
        "read": dict(made.read),
        "dropped": dict(Counter(reason_kind(one.reason) for one in made.dropped)),
    }


def reason_kind(reason: str) -> str:
    """A reason without what differs from row to row."""
    if reason.endswith(" tokens"):
        return "too long"
    return reason.partition(": ")[0].partition(" of ")[0] if not reason.startswith("leak") else reason
