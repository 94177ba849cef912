"""Files of JSON lines: what separates lines elsewhere is only a letter here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.json_lines import read_json_lines, write_json_lines

MARKS = "\u2028\u2029\u0085\v\f\x1c\x1d\x1e\r\n\t"
ROWS = [{"текст": f"до{mark}после", "номер": number} for number, mark in enumerate(MARKS)]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "строки.jsonl"
    write_json_lines(path, ROWS)
    assert list(read_json_lines(path)) == ROWS
    assert "до\u2028после" in path.read_text(encoding="utf-8")  # letters stay as they are


def test_empty_lines_are_passed_over_and_the_last_may_lack_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\r\n\n \n{"a": 2}')
    assert list(read_json_lines(path)) == [{"a": 1}, {"a": 2}]


def test_half_a_line_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a"', encoding="utf-8")
    with pytest.raises(json.JSONDecodeError):
        list(read_json_lines(path))
