"""A second definition: kept where it was asked for, or where the first was only its helper."""

from __future__ import annotations

import pytest

from lsp_server.request import instruction
from lsp_server.shaping import Shaper

from ..places import at_cursor
from .answers import shape

PROPERTY = (
    "    @property\n"
    "    def x(self):\n"
    "        return self._x\n\n"
    "    @x.setter\n"
    "    def x(self, value):\n"
    "        self._x = value\n"
)
OVERLOADS = (
    "@overload\n"
    "def double(x: int) -> int: ...\n"
    "@overload\n"
    "def double(x: str) -> str: ...\n"
    "def double(x):\n"
    "    return x * 2\n"
)
PRIMES = (
    "def is_prime(k):\n"
    "    return k > 1 and all(k % d for d in range(2, k))\n\n\n"
    "def primes(n):\n"
    "    return [k for k in range(n + 1) if is_prime(k)]\n"
)
CIPHER = "def encode(s, k):\n    return s\n\n\ndef decode(s, k):\n    return s\n"
LIST = (
    "class Node:\n"
    "    def __init__(self, value):\n"
    "        self.value = value\n\n\n"
    "class LinkedList:\n"
    "    def __init__(self):\n"
    "        self.head = None\n\n"
    "    def push(self, value):\n"
    "        self.head = Node(value)\n"
)
SHAPES = (
    "class Shape:\n    sides = 0\n\n\nclass Circle(Shape):\n    sides = 1\n\n\nclass Square(Shape):\n    sides = 4\n"
)
ERRORS = "class AppError(Exception):\n    pass\n\n\nclass NetworkError(Exception):\n    pass\n"
POINT = "class Point:\n    x = 0\n\n\ndef origin():\n    return 0\n"

WANTED = {
    "property and its setter": ("class A:\n    # свойство x\n    ‸\n", PROPERTY),
    "overloads": ("# функция double с перегрузками для int и str\n‸\n", OVERLOADS),
    "helper first": ("# функция, которая находит все простые числа до n\n‸\n", PRIMES),
    "names in the instruction": ("# encode и decode для шифра цезаря\n‸\n", CIPHER),
    "another name in the instruction": ("# класс связного списка LinkedList с узлом Node\n‸\n", LIST),
    "class that uses the first": ("# класс односвязного списка с методом добавления\n‸\n", LIST),
    "heirs": ("# класс с числом сторон и два наследника\n‸\n", SHAPES),
    "heirs by name": ("# класс Shape с полем sides и два наследника: Circle и Square\n‸\n", SHAPES),
    "exceptions": ("# исключения приложения: базовое и для сети\n‸\n", ERRORS),
    "function after a class": ("# функция, которая возвращает начало координат\n‸\n", POINT),
}
UNASKED = {
    "independent": ("# функция, которая находит все простые числа до n\n‸\n", "def odd(n):\n    return n % 2\n"),
    "named thing is there": ("# функция is_prime(k)\n‸\n", PRIMES.split("\n\n\n")[1]),
    "trial": ("# функция проверки простоты\n‸\n", "def main():\n    print(is_prime(3))\n"),
    "test": ("# функция проверки простоты\n‸\n", "def test_is_prime():\n    assert is_prime(3)\n"),
    "decorated with the first": ("# функция проверки простоты\n‸\n", "@is_prime\ndef odd(n):\n    return n % 2\n"),
    "decorated": ("# функция проверки простоты\n‸\n", "@cache\ndef odd(n):\n    return n % 2\n"),
    "long": ("# функция проверки\n‸\n", "def f():\n" + "    x = 1\n    y = 2\n" * 9 + "    is_prime(x)\n"),
}


@pytest.mark.parametrize("piece", [1, 3, 10_000])
@pytest.mark.parametrize("name", WANTED)
def test_wanted_definitions_stay(name: str, piece: int) -> None:
    text, answer = WANTED[name]
    assert shape(text, answer, piece=piece).text == answer.rstrip("\n")


@pytest.mark.parametrize("piece", [1, 3, 10_000])
@pytest.mark.parametrize("name", UNASKED)
def test_unasked_definition_goes(name: str, piece: int) -> None:
    text, second = UNASKED[name]
    first = PRIMES.split("\n\n\n", maxsplit=1)[0]
    assert shape(text, f"{first}\n\n\n{second}", piece=piece).text == first


def test_what_is_held_is_not_shown_and_generation_stops_at_its_end() -> None:
    source, cursor = at_cursor("# функция, которая находит все простые числа до n\n‸\n")
    found = instruction.find(source, cursor, automatic=True)
    assert found is not None
    shaper = Shaper(source, found.place, found)
    first = PRIMES.split("\n\n\n", maxsplit=1)[0]
    shaper.feed(first + "\n\n\ndef odd(n):\n    return n % 2\n")
    assert shaper.partial == first
    assert not shaper.done
    shaper.feed("o")
    assert shaper.done
    assert shaper.finish().text == first


def test_method_that_uses_the_first_is_another_one() -> None:
    said = (
        "    def is_empty(self):\n        return not self.items\n\n    def pop(self):\n        return self.is_empty()\n"
    )
    assert shape("class A:\n    # метод проверки пустоты\n    ‸\n", said).text == said.split("\n\n", maxsplit=1)[0]
