"""The labelled detection cases are usable, varied enough, and name where they come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args
from zipfile import ZipFile

import pytest

from benchmarks.detection import __main__ as benchmark
from benchmarks.detection import cases, real_comments


@pytest.mark.parametrize(
    ("split", "at_least", "positives"), [("dev", 300, 120), ("dev_hard", 600, 280), ("test", 150, 60)]
)
def test_enough_cases_of_both_labels(split: cases.Split, at_least: int, positives: int) -> None:
    loaded = cases.load(split)
    yes = [case for case in loaded if case.is_instruction]
    assert len(loaded) >= at_least
    assert len(yes) >= positives and len(loaded) - len(yes) >= positives
    assert len({case.id for case in loaded}) == len(loaded)


@pytest.mark.parametrize("split", get_args(cases.Split))
def test_the_expected_text_stands_in_the_file(split: cases.Split) -> None:
    for case in cases.load(split):
        assert bool(case.text) == case.is_instruction, case.id
        words = re.findall(r"\w+", case.text)
        text = "".join(re.findall(r"\w+", case.file))
        assert "".join(words) in text, case.id
        assert 0 <= case.column <= len(case.file.split("\n")[case.line]), case.id


def test_held_out_cases_name_their_source_and_licence() -> None:
    allowed = {"MIT", "Apache-2.0", "Unlicense"}
    for case in cases.load("test"):
        package, path, licence = case.source.split(", ")
        assert re.fullmatch(r"[\w-]+ \d[\w.]*", package) and path.endswith(".py") and licence in allowed, case.id


def test_real_comments_are_found_with_their_places(tmp_path: Path) -> None:
    code = "# первая\n# вторая\nx = 1  # сбоку\n\n\ndef f():\n    # внутри\n    return '# в строке'\n# english\n"
    with ZipFile(tmp_path / "a-1-py3-none-any.whl", "w") as archive:
        archive.writestr("a/b.py", code)
        archive.writestr("a/broken.py", "print 'ы' (\n# комментарий")
        archive.writestr("a/data.txt", "# не код")
    found = [(one.where, one.first, one.last) for one in real_comments.comments(tmp_path)]
    assert sorted(found) == [("own line", 0, 1), ("own line", 6, 6), ("trailing", 2, 2)]


def test_a_form_feed_does_not_move_the_places(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a-1-py3-none-any.whl", "w") as archive:
        archive.writestr("a.py", "x = 1\n\x0c\ny = 2\n# комментарий\nz = 3\n")
    (found,) = real_comments.comments(tmp_path)
    assert found.lines[found.first] == "# комментарий\n"


def test_the_score_counts_every_case_once() -> None:
    score = benchmark.score("dev")
    counted = score.right_yes + score.right_no + len(score.false_yes) + len(score.false_no)
    assert counted == len(cases.load("dev"))
    assert 0 < score.precision <= 1 and 0 < score.recall <= 1


@pytest.mark.parametrize(("split", "precision", "recall"), [("dev", 0.95, 0.95), ("dev_hard", 0.91, 0.9)])
def test_detection_is_as_good_as_it_was(split: cases.Split, precision: float, recall: float) -> None:
    score = benchmark.score(split)
    assert score.precision >= precision
    assert score.recall >= recall
