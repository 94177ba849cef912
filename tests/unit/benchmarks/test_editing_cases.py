"""Every case can be solved, and cannot be passed by doing nothing."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pytest

from benchmarks import batch
from benchmarks.editing import cases
from finetune.evaluate import sandbox

ALL = cases.load()


def _run(case: cases.EditingCase) -> sandbox.Outcome:
    return sandbox.run(case.program(case.complete(case.reference)), files=case.files, timeout_s=20)


def test_every_reference_passes_its_check() -> None:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = zip(ALL, pool.map(_run, ALL), strict=True)
        assert {case.id: outcome.error for case, outcome in outcomes if not outcome.passed} == {}


@pytest.mark.parametrize("answer", ["", "pass"])
def test_doing_nothing_passes_no_check(answer: str) -> None:
    passed = []
    for files in {tuple(case.files.items()) for case in ALL}:
        group = [case for case in ALL if tuple(case.files.items()) == files]
        programs = [case.program(case.complete(case.indent + answer if answer else "")) for case in group]
        passed += [group[number].id for number in batch.passing(programs, files=dict(files))]
    assert passed == []


def test_there_are_enough_cases_of_every_kind_and_about_half_is_held_out() -> None:
    assert len(ALL) >= 800
    counted = Counter(case.split for case in ALL)
    assert min(counted["test"], counted["confirm"]) >= 200
    assert 0.4 <= counted["dev"] / len(ALL) <= 0.6
    for split in get_args(cases.Split):
        assert {case.kind for case in ALL if case.split == split} == cases.KINDS
    assert {tag for case in ALL for tag in case.tags} >= {"tabs", "crlf", "async", "decorator", "sql", "regex"}


def test_the_cursor_is_under_the_instruction() -> None:
    for case in ALL:
        above = case.before.rstrip("\r\n").splitlines()[-1].strip()
        assert above.startswith("#") or above.endswith(('"""', "'''")), case.id


def test_layout_is_applied(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    text = (
        "- id: x\n  kind: method\n  newline: crlf\n  indent: tab\n"
        "  file: |\n    class A:\n        # дело\n        ‸\n        y = 1\n  reference: |\n    x = 1\n  check: ''\n"
    )
    (tmp_path / "dev" / "a.yaml").write_text(text, encoding="utf-8")
    (case,) = cases.load("dev", tmp_path)
    assert case.before == "class A:\r\n\t# дело\r\n"
    assert (case.typed, case.indent, case.reference, case.after) == ("\t", "\t", "\tx = 1\r\n", "\r\n\ty = 1\r\n")
    assert case.text == "class A:\r\n\t# дело\r\n\t\r\n\ty = 1\r\n"
    assert case.complete(case.reference) == "class A:\r\n\t# дело\r\n\tx = 1\r\n\ty = 1\r\n"
    assert case.line == 2


@pytest.mark.parametrize("file", ["x = 1\n", "‸\n‸\n", "# дело\nx = ‸\n"])
def test_a_case_without_one_marker_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "dev").mkdir()
    body = "".join(f"    {line}\n" for line in file.splitlines())
    (tmp_path / "dev" / "a.yaml").write_text(
        f"- id: x\n  kind: module\n  file: |\n{body}  reference: |\n    x\n  check: ''\n", encoding="utf-8"
    )
    with pytest.raises(cases.CaseError, match="x: one marker"):
        cases.load("dev", tmp_path)
