from __future__ import annotations

import pytest

from lsp_server.connection.workspace import split_lines
from lsp_server.source.definitions import definition_at, top_level_names
from lsp_server.source.document import Source

TEXT = '''import os

@cached
def first(
    a,
):
    """Doc
    string."""
    return a


class Box:
    size = 1

    async def side(self): return 1
'''
SOURCE = Source("file:///x.py", tuple(split_lines(TEXT)))


@pytest.mark.parametrize("line", [2, 3, 4, 6, 8])
def test_a_function_with_all_its_parts(line: int) -> None:
    found = definition_at(SOURCE, line)
    assert found is not None
    assert (found.name, found.first_line, found.last_line, found.body_line) == ("first", 2, 8, 6)
    assert found.docstring == (6, 7)
    assert found.body_indent == "    "


def test_a_one_liner_in_a_class() -> None:
    found = definition_at(SOURCE, 14)
    assert found is not None
    assert (found.name, found.is_one_liner) == ("side", True)
    around = definition_at(SOURCE, 12)
    assert around is not None
    assert (around.name, around.is_one_liner, around.docstring) == ("Box", False, None)


@pytest.mark.parametrize("line", [0, 1, 99])
def test_no_definition(line: int) -> None:
    assert definition_at(SOURCE, line) is None


def test_names_at_the_top() -> None:
    assert top_level_names(SOURCE, 0, 14) == ["first", "Box"]
    assert top_level_names(SOURCE, 11, 14) == ["Box"]
    assert top_level_names(SOURCE, 5, 8) == []


def test_a_definition_longer_than_the_window_is_whole() -> None:
    found = definition_at(
        Source("", split_lines("def long(x):\n" + "    x += 1\n" * 700 + "    return x\n\n\ny = 1\n")), 0
    )
    assert found is not None
    assert (found.first_line, found.last_line) == (0, 701)


@pytest.mark.parametrize(
    ("first", "end"),
    [
        ('"""Старое."""  # noqa', 17),
        ('"Старое" "и ещё"', 20),
        ('f"{x}"', None),
        ('b"abc"', None),
        ('"a".join(x)', None),
    ],
)
def test_where_a_docstring_ends(first: str, end: int | None) -> None:
    found = definition_at(Source("", split_lines(f"def f(x):\n    {first}\n    return 1\n")), 0)
    assert found is not None
    assert (found.docstring, found.docstring_end) == ((None, 0) if end is None else ((1, 1), end))
