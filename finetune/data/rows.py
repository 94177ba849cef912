"""The one schema: every source becomes a `Row`, and every unusable row is named with its reason.

A set's row is either a task with its answer (`instruction`, `input`, `output`; also `prompt`/`completion`,
`вопрос`/`ответ`, or `messages`, of which the first exchange is taken) or an editing example (`instruction`, `prefix`,
`suffix`, `indent`, `completion`), told apart by its columns. Our corpus gives rows of a third form, whole tasks, which
`data.editing` puts into files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finetune.errors import FinetuneError
from finetune.messages import COLUMNS_MISSING
from finetune.recipe import Source

_ALIASES = {"вопрос": "instruction", "ответ": "output", "question": "instruction", "answer": "output"}
_ROLES = ("user", "assistant")


@dataclass(frozen=True)
class Row:
    """One example before rendering; `number` counts from 1 in its source.

    `prefix` is None for a conversation. `is_task`: a phrasing and its whole code (`context`: code above it), not yet
    in a file; `calls` are expressions that use the code. Rows of one `group` are of one task: they are no duplicates
    of each other, and stay on one side of the split. `place` says where in a file an editing example stands, and
    `is_docstring` that its instruction is a docstring.
    """

    source: str
    number: int
    instruction: str
    answer: str
    context: str = ""
    prefix: str | None = None
    suffix: str = ""
    indent: str = ""
    is_task: bool = False
    group: str = ""
    place: str = ""
    is_docstring: bool = False
    calls: tuple[str, ...] = ()

    @property
    def is_edit(self) -> bool:
        """Whether this is code for a place in a file."""
        return self.prefix is not None


@dataclass(frozen=True)
class Dropped:
    """A row that was left out, and why."""

    source: str
    number: int
    reason: str


def row_of(source: Source, number: int, item: Mapping[str, Any]) -> Row | Dropped:
    """A set's row in our schema.

    Raises:
        FinetuneError: `columns-missing`.
    """
    renamed = {_ALIASES.get(key, key): value for key, value in item.items()}
    if isinstance(item.get("messages"), list):
        renamed |= _opening(item["messages"])
    for ours, theirs in source.columns.items():
        if theirs in item:
            renamed[ours] = item[theirs]
    # In a set of the hub every row has every column; what a row lacks there is null.
    filled = {key: value for key, value in renamed.items() if value is not None}
    instruction = filled.get("instruction", filled.get("prompt"))
    answer = filled.get("completion", filled.get("output"))
    if instruction is None or answer is None:
        if renamed.keys() & {"instruction", "prompt"} and renamed.keys() & {"completion", "output"}:
            return Dropped(source.path, number, "empty")
        found = ", ".join(map(str, item)) or "—"
        raise FinetuneError("columns-missing", COLUMNS_MISSING, path=source.path, row=number, found=found)
    if not isinstance(instruction, str) or not isinstance(answer, str):
        return Dropped(source.path, number, "not text")
    if not instruction.strip() or not answer.strip():
        return Dropped(source.path, number, "empty")
    prefix = filled.get("prefix")
    return Row(
        source=source.path,
        number=number,
        instruction=instruction.strip(),
        answer=answer,
        context=str(renamed.get("input") or ""),
        prefix=str(prefix) if prefix is not None else None,
        suffix=str(renamed.get("suffix") or ""),
        indent=str(renamed.get("indent") or ""),
    )


def _opening(messages: list[Any]) -> dict[str, Any]:
    """The first question of a conversation (`role` and `content` a turn) and its answer."""
    turns = [one for one in messages if isinstance(one, Mapping)]
    first = {role: next((one.get("content") for one in turns if one.get("role") == role), "") for role in _ROLES}
    return {"instruction": first["user"], "output": first["assistant"]}
