from __future__ import annotations

import pytest

from lsp_server.answering.converse import blocks_in, docstring_in


def code_in(answer: str, *, is_cut: bool = False) -> str:
    """The first piece of code of an answer."""
    return next(iter(blocks_in(answer, is_cut=is_cut)), "")


CODE = "def f():\n    return 1"


@pytest.mark.parametrize(
    "answer",
    [
        CODE,
        f"```python\n{CODE}\n```",
        f"Вот исправленный код:\n\n```py\n{CODE}\n```\nТеперь он работает.",
        f"```\n{CODE}",
        "    ```python\n    def f():\n        return 1\n    ```",
    ],
)
def test_code_of_an_answer(answer: str) -> None:
    assert code_in(answer) == CODE


@pytest.mark.parametrize("answer", ["", "Не могу помочь.", "Код уже правильный, исправлять нечего."])
def test_an_answer_without_code(answer: str) -> None:
    assert code_in(answer) == ""


@pytest.mark.parametrize(
    "answer",
    [
        "Складывает числа.",
        '"""Складывает числа."""',
        "'''\nСкладывает числа.\n'''",
        '```python\n"""Складывает числа."""\n```',
        '```python\ndef add(a, b):\n    """Складывает числа."""\n    return a + b\n```',
        '"Складывает числа."',
    ],
)
def test_docstring_of_an_answer(answer: str) -> None:
    assert docstring_in(answer) == "Складывает числа."


def test_a_docstring_of_several_lines_loses_its_indentation() -> None:
    answer = '"""Складывает.\n\n    Args:\n        a: первое.\n    """'
    assert docstring_in(answer) == "Складывает.\n\nArgs:\n    a: первое."


def test_a_docstring_cannot_end_itself() -> None:
    text = docstring_in("Пишет \\n в файл.")
    compile(f'"""{text}"""', "x", "exec")


@pytest.mark.parametrize("answer", [CODE, f"```python\n{CODE}", f"```python\n{CODE}\n"])
def test_code_that_was_cut_is_no_code(answer: str) -> None:
    assert code_in(answer, is_cut=True) == ""


def test_code_that_ended_before_the_answer_was_cut_is_whole() -> None:
    assert code_in(f"```python\n{CODE}\n```\nТеперь он", is_cut=True) == CODE
    assert docstring_in('def f():\n    """Единица."""\n    return', is_cut=True) == "Единица."
    assert docstring_in('"""Складывает числа и', is_cut=True) == ""
    assert docstring_in("Складывает числа и", is_cut=True) == ""
