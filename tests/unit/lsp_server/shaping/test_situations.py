"""Some three hundred answers as models give them, each in a file, with what of it belongs at the cursor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from .answers import shape

PIECE = 5


@dataclass(frozen=True)
class Situation:
    title: str
    file: str
    answer: str
    want: str


def situations() -> list[Situation]:
    text = Path(__file__).with_name("situations.txt").read_text(encoding="utf-8").replace("→", "\t")
    found = []
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = block.partition("\n")
        file, answer, want = re.split(r"^--- \w+\n", rest, flags=re.MULTILINE)
        found.append(Situation(title, file, answer.removesuffix("\n") + "\n", want.rstrip("\n")))
    return found


@pytest.mark.parametrize("situation", situations(), ids=lambda one: one.title)
def test_what_belongs_at_the_cursor_is_put_there(situation: Situation) -> None:
    whole = shape(situation.file, situation.answer, piece=len(situation.answer))
    assert whole.text == situation.want
    assert shape(situation.file, situation.answer, piece=PIECE).text == whole.text


def test_titles_tell_the_situations_apart() -> None:
    titles = [one.title for one in situations()]
    assert len(titles) == len(set(titles)) > 250
