"""The labelled cases: a short Python text, a cursor in it, and whether an instruction stands there for it.

`dev.yaml` and `dev_hard.yaml` are to tune by, the latter with cases that go wrong more easily; `test.yaml` is held
out. The marker `‸` may stand anywhere on a line. `text` is the expected instruction, with any run of whitespace as one
space and without a TODO mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

MARKER = "‸"
ROOT = Path(__file__).parent

Split = Literal["dev", "dev_hard", "test"]


@dataclass(frozen=True)
class DetectionCase:
    """One labelled case. `line` and `column` are the cursor's, from 0, in code points; `file` is without the marker."""

    id: str
    why: str
    file: str
    line: int
    column: int
    is_instruction: bool
    text: str
    source: str = ""


def load(split: Split) -> list[DetectionCase]:
    """The cases of a split, in the order of their file."""
    raw = yaml.safe_load((ROOT / f"{split}.yaml").read_text(encoding="utf-8"))
    cases = []
    for one in raw:
        before, _, after = one["file"].partition(MARKER)
        cases.append(
            DetectionCase(
                id=one["id"],
                why=one["why"],
                file=before + after,
                line=before.count("\n"),
                column=len(before) - (before.rfind("\n") + 1),
                is_instruction=one["instruction"],
                text=one.get("text", ""),
                source=one.get("source", ""),
            )
        )
    return cases
