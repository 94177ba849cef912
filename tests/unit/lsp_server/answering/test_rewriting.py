from __future__ import annotations

import pytest

from lsp_server.answering.converse import blocks_in, docstring_in
from lsp_server.answering.rewriting import asked_for, chosen, common_indent, is_no_worse, moved_in, moved_out

OLD, NEW = "def f(a, b):\n    return a - b", "def f(a, b):\n    return a + b"


@pytest.mark.parametrize(
    "answer",
    [
        f"Исправленный код:\n\n{NEW}",
        f"{NEW}\n\nТеперь функция складывает.",
        f"```python\n{NEW}```",
        f"Было:\n```python\n{OLD}\n```\nСтало:\n```python\n{NEW}\n```",
        f"Ошибка здесь:\n```python\nreturn a - b\n```\nИсправлено:\n```python\n{NEW}\n```",
        f"```python\n{NEW}\n```".replace("\n", "\r\n"),
    ],
)
def test_the_piece_that_was_asked_for(answer: str) -> None:
    assert chosen(blocks_in(answer), OLD) == NEW


def test_a_fence_in_a_docstring_ends_no_block() -> None:
    code = 'def f():\n    """Пример.\n\n    ```\n    f()\n    ```\n    """\n    return 2'
    assert blocks_in(f"```python\n{code}\n```") == [code]


@pytest.mark.parametrize(
    "answer",
    [
        f"import os\n\n\n{NEW}\n\n\ndef g():\n    return f(1, 2)",
        f"{NEW}\n\nprint(f(1, 2))",
        "class A:\n    def f(a, b):\n        return a + b\n\n    def g(self):\n        return 1",
    ],
)
def test_what_the_file_has_is_left_out(answer: str) -> None:
    assert asked_for(answer, OLD, "import os\n\n\ndef g():\n    return f(1, 2)\n") == NEW


@pytest.mark.parametrize("answer", ["return a + b", "def f(a, b):\n    # ... остальной код\n    return a + b"])
def test_an_answer_that_leaves_code_out_is_none(answer: str) -> None:
    assert asked_for(answer, OLD, "") == ""


def test_a_string_at_the_margin_stays_there() -> None:
    code = "    def f(self):\n        sql = '''\nselect 1\n'''\n        return sl"
    indent = common_indent(code)
    made = moved_out(code, indent).replace("return sl", "return sql")
    assert moved_in(made, code, indent, "    ") == code.replace("return sl", "return sql")


@pytest.mark.parametrize(("unit", "indent"), [("\t", "\t"), ("  ", "  ")])
def test_the_file_has_its_own_steps(unit: str, indent: str) -> None:
    made = "if x:\n    y = 2"
    assert moved_in(made, f"{indent}if x:\n{indent}{unit}y = 1", indent, unit) == f"{indent}if x:\n{indent}{unit}y = 2"


@pytest.mark.parametrize(
    ("after", "is_right"),
    [
        (f"{NEW}\n", True),
        ("return a + b\n", False),
        ("def f(a, b):\n", False),
        (f"@d\n{NEW}\n{OLD}\n", False),
        ("def f(a, b):\n    def f(a, b):\n        return a + b\n", False),
    ],
)
def test_a_file_must_not_become_worse(after: str, is_right: bool) -> None:
    assert is_no_worse(f"{OLD}\n", after, OLD, after) is is_right


def test_a_broken_file_must_become_less_so() -> None:
    broken = "def f(a, b)\n    return a - b"
    assert not is_no_worse(broken, "def f(a, b\n    return a - b", broken, "def f(a, b\n    return a - b")
    assert is_no_worse(f"x = (\n{OLD}", f"x = (\n{NEW}", OLD, NEW)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (OLD, ""),
        (f"```python\n{OLD}\n```", ""),
        ('def f():\n    x = """sql"""', ""),
        ('Возвращает "да"', 'Возвращает "да"'),
        ("Вот docstring для функции:\n\nСкладывает.", "Складывает."),
        ("Складывает.\n\nПример:\n```python\nf(1, 2)\n```", "Складывает."),
        ('"""Ищет \\\\d+."""', "Ищет \\\\d+."),
    ],
)
def test_the_text_of_a_docstring(answer: str, text: str) -> None:
    assert docstring_in(answer) == text
