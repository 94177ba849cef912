"""Each rule makes its mutant, and what no caller sees is left alone."""

from __future__ import annotations

import pytest

from finetune.corpus import mutate


def codes(code: str) -> set[str]:
    return {mutant.code for mutant in mutate.mutants(code)}


@pytest.mark.parametrize(
    ("code", "mutant"),
    [
        ("x = a < b", "x = a <= b"),
        ("x = a == b", "x = a != b"),
        ("x = a not in b", "x = a in b"),
        ("x = a + b", "x = a - b"),
        ("x = a // b", "x = a * b"),
        ("x += y", "x -= y"),
        ("x = 5", "x = 6"),
        ("x = True", "x = False"),
        ("x = 'да'", "x = 'Xда'"),
        ("x = f'{a} руб'", "x = f'{a}X руб'"),
        ("x = f()", "x = None"),
        ("def f():\n    return g()", "def f():\n    return None"),
        ("def f():\n    yield g()", "def f():\n    yield None"),
        ("x = a and b", "x = a or b"),
        ("x = not a", "x = a"),
        ("if a:\n    b", "if False:\n    b"),
        ("if a:\n    b", "if True:\n    b"),
        ("x = a if b else c", "x = a"),
        ("x = a if b else c", "x = c"),
        ("try:\n    a\nexcept E:\n    b", "try:\n    a\nexcept E:\n    raise"),
        ("x = [a for a in b if c]", "x = [a for a in b]"),
        ("a.sort()", "pass"),
        ("x = sorted(a, key=b)", "x = sorted(a)"),
    ],
)
def test_rule(code: str, mutant: str) -> None:
    assert mutant in codes(code)


def test_every_mutant_has_one_change_and_they_differ() -> None:
    code = "def f(a, b):\n    if a < b and b > 0:\n        return a + 1\n    return b"
    found = mutate.mutants(code)
    assert len({mutant.code for mutant in found}) == len(found) == 10
    for mutant in found:
        changed = [
            (old, new) for old, new in zip(code.splitlines(), mutant.code.splitlines(), strict=True) if old != new
        ]
        assert len(changed) == 1
        assert code.splitlines()[mutant.line - 1] == changed[0][0]


@pytest.mark.parametrize(
    "code",
    [
        '"""Документация."""',
        "def f(a: int = g, b: 'X' = h) -> list[5]:\n    pass",
        "raise ValueError(f'нет {x + 1}') from None",
        "if __name__ == '__main__':\n    pass",
    ],
)
def test_left_alone(code: str) -> None:
    assert mutate.mutants(code) == []


def test_quiet_keywords_are_kept() -> None:
    assert codes("open(p, 'r', encoding='utf-8', timeout=5)") == {
        "open(p, 'Xr', encoding='utf-8', timeout=5)",
        "pass",
    }
