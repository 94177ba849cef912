"""Finding the right code inside an answer of the wrong shape."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.editing import ask, cases, spans

BY_ID = {case.id: case for case in cases.load()}
MONEY = BY_ID["mid-nested-if"]  # its reference: price += max(price * 0.2, 50)


@pytest.mark.parametrize(
    "raw",
    [
        "Вот код:\n```python\nprice += max(price * 0.2, 50)\n```\nГотово.",
        "        price += max(price * 0.2, 50)\n    return 5\nmore garbage (",
        "def taxi_price(km):\n                    price += max(price * 0.2, 50)\n",
        "\t\tprice += max(price * 0.2, 50)\r\n# Пример использования:\r\n",
    ],
)
def test_right_code_is_found_in_any_shape(raw: str) -> None:
    found = spans.passing_span(MONEY, raw)
    assert found is not None and "price += max(price * 0.2, 50)" in found


@pytest.mark.parametrize("raw", ["", "price += 50", "```python\nprice = price * 1.2\n```", "pass", "не знаю"])
def test_wrong_code_is_not_found(raw: str) -> None:
    assert spans.passing_span(MONEY, raw) is None


def test_tabs_and_line_ends_of_the_file_are_kept() -> None:
    case = BY_ID["crlf-tabs-oneliner"]
    assert spans.passing_span(case, 'text\nmark = f"{first[0]}.{last[0]}.".upper()\n') == case.reference


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```python\nx = 1\n```", True),
        ("x = 1\nВот и всё", True),
        ("Here is the code:\nx = 1", True),
        ("x = 1  # вот так\n# Пример использования", False),
        ("return 'Конечно'", False),
    ],
)
def test_fences_and_chatter_are_told_from_code(answer: str, expected: bool) -> None:
    assert ask.has_fence_or_chatter(MONEY, answer) is expected


def test_the_key_of_a_result_changes_with_the_case() -> None:
    changed = replace(MONEY, check=MONEY.check + "\n")
    assert ask.key(MONEY, "server", "m") != ask.key(changed, "server", "m")
    assert ask.key(MONEY, "server", "m") == ask.key(replace(MONEY), "server", "m")
