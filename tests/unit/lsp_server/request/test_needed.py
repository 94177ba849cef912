"""How code must begin where the file or the instruction leaves no choice."""

from __future__ import annotations

import pytest

from lsp_server.request import instruction
from lsp_server.request.needed import beginning

from ..places import at_cursor


def begins(text: str, cells: tuple[str, ...] = ()) -> str:
    source, cursor = at_cursor(text)
    found = instruction.find(source, cursor, automatic=False, english=True)
    assert found is not None
    return beginning(source, found.place, found, cells)


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("def f(people):\n    # только взрослые\n    ‸\n    for one in adults:\n        print(one)\n", "adults ="),
        ("# только взрослые\n‸\nprint(f'{len(adults)} человек')\n", "adults ="),
        ("def f(player):\n    # сложи голы\n    ‸\n    return goals\n", "goals ="),
        ("class P:\n    goals: int\n\n\ndef f(p):\n    # сложи голы\n    ‸\n    return goals + p.goals\n", "goals ="),
        ("# число пи с двумя знаками\n‸\n\n\ndef area(r):\n    return PI * r\n", "PI ="),
        ("# убери повторы\n‸\n\n\ndef show(items):\n    return unique(items)\n", "def unique("),
        ("# загрузи страницу\n‸\n\n\nasync def main():\n    return await load()\n", "async def load("),
        ("# функция unique(items, key=None): убрать повторы\n‸\n\nprint(unique([1]))\n", "def unique(items, key=None"),
        ("# функция f(x), производная в точке\n‸\n", "def f(x"),
        ("# sin(x): синус ряда Тейлора\n‸\n", "def sin(x"),
        ("# strip_tags(html): вырезать тэги из строки\n‸\n", "def strip_tags(html"),
        ("# асинхронная функция load(url)\n‸\n", "async def load(url"),
        ("# класс точки на плоскости\n‸\n\npoint = Point(1, 2)\n", "class Point"),
        ("# список чисел от 1 до 5\n‸\nprint(sum(numbers))\n", "numbers ="),
        ("class A:\n    # площадь\n    ‸\n\n    def show(self):\n        return self.area()\n", "def area(self"),
        ("class A:\n    # метод grow(by): увеличить размер\n    ‸\n", "def grow(self, by"),
    ],
)
def test_what_the_place_waits_for(text: str, head: str) -> None:
    assert begins(text) == head


@pytest.mark.parametrize(
    "text",
    [
        "# отсортируй список\n‸\n",
        "names = []\n# отсортируй список\n‸\nprint(names)\n",
        "from tools import *\n# отсортируй список\n‸\nprint(names)\n",
        "# отсортируй список\n‸\nfor name in sorted([]):\n    print(name)\n",
        "# прочитай в data\n‸\nprint(data, lines)\n\n\ndef lines():\n    return data\n\n\ndata = 1\n",
        "def f(text):\n    # разбери json, при ошибке верни None\n    ‸\n    return data\n",
        "# импорты\n‸\nprint(json.dumps(1))\n",
        "from dataclasses import dataclass\n# dataclass Point: x, y\n‸\nprint(Point(1, 2))\n",
        "def send(text): ...\n# вызови send(text) и заверши программу\n‸\n",
        "# вызови send(text) и заверши программу\n‸\n",
        "# вывести print(1)\n‸\n",
        "# посчитай f(x for x in y) по-другому\n‸\n",
        "# построить график sin(x)\n‸\n",
        "# решить уравнение cos(x) = x\n‸\n",
        "# найти корень f(x) = x**2 - 2\n‸\n",
        "# функция поиска за O(n)\n‸\n",
        "# применить normalize(df) к данным\n‸\n",
        "# отсортировать через sorted_by(key)\n‸\n",
        "class A(Base):\n    # площадь\n    ‸\n\n    def show(self):\n        return self.area()\n",
        "class A:\n    # статический метод area(side)\n    ‸\n",
        "class A:\n    def f(self):\n        self.a()\n        self.b()\n\n    # ещё метод\n    ‸\n",
        "def f(x):\n    '''Площадь.'''\n    ‸\n\n\nprint(area)\n",
        "# сложи a и b\n‸\nprint(first, second)\n",
        "# создать матрицу единиц 3 на 3\n‸\nb = np.zeros(3)\n",
        "# функция, которая читает настройки\n‸\nprint(json.dumps(1))\n",
        "# функция, которая читает настройки\n‸\nprint(options)\n",
        "def f(xs):\n    # убрать пустые\n    ‸\n    match xs:\n        case [_, *rest]:\n            return rest\n",
        "def f(xs):\n    # убрать пустые\n    ‸\n    match xs:\n        case str() as one:\n            return one\n",
        "def f(xs):\n    # убрать пустые\n    ‸\n    match xs:\n        case Point(side=0):\n            return xs\n",
        "def f(xs):\n    # удвоить xs вместо one\n    ‸\n    with xs as (one, _):\n        return one\n",
        "# сложить числа\n‸\n\n\ndef first[T](xs: list[T]) -> T:\n    return xs[0]\n",
        "# сложить числа\n‸\n\n\ndef call[*T](*args: *T) -> None: ...\n",
        "# класс точки на плоскости\n‸\n\n\n@dataclass\nclass Line:\n    x: int\n",
    ],
)
def test_where_there_is_doubt_there_is_no_beginning(text: str) -> None:
    assert begins(text) == ""


def test_of_several_the_one_that_the_instruction_names() -> None:
    assert begins("# сумма в total\n‸\nprint(total, rest)\n") == "total ="


def test_earlier_cells_define_names() -> None:
    text = "# склей имена\n‸\nprint(people)\n"
    assert begins(text) == "people ="
    assert begins(text, ("people = []\n",)) == ""


def test_a_name_far_away_in_the_file_is_known() -> None:
    far = "def unique(items): ...\n" + "x = 1\n" * 2_000
    text = "# убери повторы\n‸\n\n\ndef show(items):\n    return unique(items)\n"
    assert begins(far + text) == ""
    assert begins("x = 1\n" * 2_000 + text) == "def unique("
