"""Results that a run left behind, in whatever state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.console import BenchmarkError, told
from benchmarks.records import Records


def test_half_a_line_may_end_within_a_letter(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    Records(path).add("k", {"x": 1})
    with path.open("ab") as file:
        file.write('{"key": "half", "answer": "ё'.encode()[:-1])
    assert Records(path).get("k") == {"key": "k", "x": 1}
    Records(path).add("next", {"x": 2})
    assert Records(path).get("next") == {"key": "next", "x": 2}


@pytest.mark.parametrize("line", ['{"x": 1}', "123", "[]"])
def test_a_file_of_something_else_is_refused_by_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"key": "k"}) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"tasks\.jsonl, line 2"):
        Records(path)


def test_a_place_that_takes_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot be read"):
        Records(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    records = Records(tmp_path / "file" / "a.jsonl")
    with pytest.raises(BenchmarkError, match="cannot be written"):
        records.add("k", {})


def test_an_interrupted_command_ends_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @told
    def interrupted() -> int:
        raise KeyboardInterrupt

    @told
    def refused() -> int:
        raise BenchmarkError("No file: name one.")

    assert (interrupted(), refused()) == (130, 2)
    assert capsys.readouterr().err == "No file: name one.\n"
