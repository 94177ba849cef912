"""Answers in the middle of a block: the code behind the cursor stays what it was."""

from __future__ import annotations

import pytest

from lsp_server.request.instruction import find
from lsp_server.shaping import Shaper
from lsp_server.source.document import Place, Source

BEFORE = "def biggest(orders):\n    # каждому заказу добавь ключ total = price * count\n\n"
AFTER = '    return max(order["total"] for order in orders)\n'
LOOP = '    for order in orders:\n        order["total"] = order["price"] * order["count"]\n'


def shaped(before: str, after: str, said: str) -> str:
    source = Source("file:///заказы.py", (before + after).splitlines(keepends=True))
    line = before.count("\n") - 1
    instruction = find(source, Place(line, 0), automatic=False)
    assert instruction is not None
    shaper = Shaper(source, instruction.place, instruction)
    shaper.feed(said)
    return shaper.finish().text


@pytest.mark.parametrize(
    "unasked",
    [
        "    return orders\n",
        "    # возвращаем список\n    return orders\n",
        "    # теперь напечатаем\n    print(orders)\n",
    ],
)
def test_ends_before_what_would_replace_the_rest_of_the_block(unasked: str) -> None:
    assert shaped(BEFORE, AFTER, LOOP + unasked) == LOOP.rstrip("\n")


def test_goes_to_the_end_where_nothing_follows() -> None:
    said = LOOP + "    # возвращаем список\n    return orders\n"
    assert shaped(BEFORE, "", said) == said.rstrip("\n")


def test_keeps_several_steps_that_were_asked_for() -> None:
    before = BEFORE.replace("price * count", "price * count, затем убери нулевые")
    said = LOOP + '    # убираем нулевые\n    orders = [order for order in orders if order["total"]]\n'
    assert shaped(before, AFTER, said) == said.rstrip("\n")


def test_keeps_a_way_out_inside_a_condition() -> None:
    before = BEFORE.replace("каждому заказу добавь ключ total = price * count", "если заказов нет, верни None")
    said = "    if not orders:\n        return None\n"
    assert shaped(before, AFTER, said) == said.rstrip("\n")
