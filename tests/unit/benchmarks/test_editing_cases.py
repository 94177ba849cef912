"""Every case can be solved, and cannot be passed by doing nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.editing import cases
from finetune.evaluate import sandbox

ALL = cases.load()


def _run(case: cases.EditingCase, code: str) -> sandbox.Outcome:
    return sandbox.run(case.program(case.complete(code)), files=case.files, timeout_s=20)


def _run_all(code_of: dict[str, str]) -> dict[str, sandbox.Outcome]:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = pool.map(lambda case: _run(case, code_of[case.id]), ALL)
        return dict(zip(code_of, outcomes, strict=True))


def test_every_reference_passes_its_check() -> None:
    outcomes = _run_all({case.id: case.reference for case in ALL})
    assert {id_: outcome.error for id_, outcome in outcomes.items() if not outcome.passed} == {}


def test_an_empty_answer_fails_every_check() -> None:
    outcomes = _run_all({case.id: "" for case in ALL})
    assert [id_ for id_, outcome in outcomes.items() if outcome.passed] == []


def test_an_answer_of_pass_fails_every_check() -> None:
    outcomes = _run_all({case.id: f"{case.indent}pass" for case in ALL})
    assert [id_ for id_, outcome in outcomes.items() if outcome.passed] == []


def test_there_are_enough_cases_of_every_kind_and_a_third_is_held_out() -> None:
    assert len(ALL) >= 160
    held_out = sum(case.split == "test" for case in ALL)
    assert 0.3 <= held_out / len(ALL) <= 0.4
    for split in ("dev", "test"):
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
