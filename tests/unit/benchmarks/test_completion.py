"""Pieces are cut so that they fit where they were, and what came of them is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import completion
from lsp_server.source.syntax import compiles

CODE = '''"""Строки модуля = не код."""


def price(order, tax=0.2):
    total = sum(item.cost for item in order)  # с замечанием
    return round(total * (1 + tax), 2)


TEXT = """
x = (1)
"""
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def test_pieces_fit_where_they_were(folder: Path) -> None:
    pieces = list(completion.pieces_of(folder / "shop.py"))
    assert {piece.whole for piece in pieces} == {CODE}
    cut = {(piece.kind, piece.piece) for piece in pieces}
    assert ("argument", "order, tax=0.2") in cut
    assert ("rest of line", "round(total * (1 + tax), 2)") in cut
    assert ("middle of line", "total") in cut
    assert ("line", "return round(total * (1 + tax), 2)") in cut
    assert not any(piece.line in (0, 4, 8, 9) for piece in pieces)  # strings over lines, and lines with remarks


def test_one_place_of_two_kinds_is_two_pieces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(total)\n", encoding="utf-8")
    pieces = list(completion.pieces_of(tmp_path / "a.py"))
    assert sorted(piece.kind for piece in pieces if piece.piece == "total") == ["argument", "middle of line"]
    assert len({piece.digest for piece in pieces}) == len(pieces)


def test_as_many_pieces_of_each_kind_the_same_each_time() -> None:
    pieces = completion.drawn(40)
    assert [sum(piece.kind == kind for piece in pieces) for kind in completion.KINDS] == [10] * 4
    assert pieces == completion.drawn(40)
    assert all(compiles(piece.whole) for piece in pieces)


def test_the_table_counts_files_that_are_python_among_the_answers() -> None:
    row = {"kind": "line", "is_same": True, "is_empty": False, "compiles": True, "problems": []}
    rows = [row, row | {"is_same": False, "compiles": False}, row | {"is_same": False, "is_empty": True}]
    lines = list(completion.report(rows))
    assert lines[1].split() == ["line", "3", "33.3%", "50.0%", "33.3%"]
    assert lines[-1].split() == ["all", "3", "33.3%", "50.0%", "33.3%"]
