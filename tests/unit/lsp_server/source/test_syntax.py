from __future__ import annotations

import pytest

from lsp_server.source import syntax
from lsp_server.source.document import Source


def source(text: str) -> Source:
    return Source("f", text.splitlines(keepends=True))


def test_window_begins_at_a_top_level_boundary() -> None:
    view = syntax.window(source("x = 1\n" * 300 + "def f():\n" + "    y = 1\n" * 300), 600)
    assert view.first_line == 300
    assert view.line(300) == "def f():"
    assert view.line(299) == ""


def test_window_inside_a_string_is_read_as_a_string() -> None:
    text = "x = '''\n" + "def f(): return\n" * 600 + "'''\ny = [1]\n"
    view = syntax.window(source(text), 590)
    assert view.first_line > 0
    assert view.is_in_string(590)
    assert not view.is_in_string(602)


def test_window_is_bounded_in_characters() -> None:
    view = syntax.window(source("x = '" + "a" * 300_000 + "'\n# да\n"), 1)
    assert (view.first_line, view.is_comment(1)) == (1, True)


def test_comment_is_one_only_outside_strings() -> None:
    view = syntax.window(source('x = 1  # a\n# b\ny = """\n# c\n"""\nz = ((\n    # d\n'), 3)
    assert [number for number in range(7) if view.is_comment(number)] == [1, 6]


def test_scopes_innermost_first() -> None:
    string = '        """\ndef no(): pass\n        """\n'
    text = f"class A:\n    def f(\n        self,\n    ):\n{string}        if x:\n            \n"
    view = syntax.window(source(text), 8)
    assert [(one.kind, one.name, one.line) for one in syntax.scopes(view, 8, " " * 12)] == [
        ("function", "f", 1),
        ("class", "A", 0),
    ]
    assert [one.name for one in syntax.scopes(view, 8, "    ")] == ["A"]
    assert syntax.scopes(view, 8, "") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("x = 1", "return x", "if a:", "else:", "@cached", "f(1)")),
        *((text, False) for text in ("сумма", "a, b", "имя: строка", "напиши код", "")),
    ],
)
def test_statement(text: str, expected: bool) -> None:
    assert syntax.is_statement(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("if a:\n  b()\n", "  "), ("if a:\n\tb()\n", "\t"), ("x = 1\n", "    "), ("if a:\n        b()\n", "        ")],
)
def test_indent_unit(text: str, expected: str) -> None:
    assert syntax.indent_unit(source(text), 0) == expected


def test_code_of_a_line() -> None:
    assert syntax.code_of("def f():  # да: ") == "def f():"
    assert syntax.code_of("x = '#'") == "x = '#'"


@pytest.mark.parametrize("text", ["(" * 5_000, "\x00", "\ud800", "'" * 3, "\\", "𝒳 = '💥'"])
def test_any_text_is_parsed(text: str) -> None:
    assert syntax.count_errors(text) >= 0
    assert syntax.parses(text) in (True, False)
