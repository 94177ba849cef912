"""Right code that looks, line by line, like what is to be left out: like the file around it, an example, a loop."""

from __future__ import annotations

import pytest

from .answers import shape

CLASS_A = "@dataclass\nclass A:\n    x: int\n"
CLASS_B = "@dataclass\nclass B:\n    y: int\n"
LOOP = "while True:\n    n = int(input())\n    if n == 0:\n        break\n"
PLOT = (
    "import numpy as np\nimport matplotlib.pyplot as plt\n\n"
    "# Создаем данные\nx = np.linspace(0, 10, 100)\ny = np.sin(x)\n\n# Строим график\nplt.plot(x, y)\nplt.show()\n"
)
TABLE = (
    "import sqlite3\n\nconn = sqlite3.connect('users.db')\ncursor = conn.cursor()\n\n"
    "# Создаем таблицу\ncursor.execute('CREATE TABLE users (name TEXT)')\n"
)
GAME = (
    "import random\n\nnumber = random.randint(1, 100)\nprint('Угадай число от 1 до 100')\n"
    "while True:\n    if int(input()) == number:\n        break\n"
)
DIALOGUE = "print('Как вас зовут?')\nname = input()\nprint('Сколько вам лет?')\nage = int(input())\n"
READ = "import json\n\n\ndef read(path):\n    with open(path) as f:\n        return json.load(f)\n"
BOARD = "board = [\n" + "    [0, 0, 0, 0, 0, 0, 0, 0],\n" * 8 + "]\n"
METHODS = (
    "    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n        self.items.append(item)\n"
)
ADDED = "def add(a, b):\n    return a + b\n\n\n# Пример использования\nprint(add(1, 2))\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!pip install tqdm\nfor x in tqdm(xs):\n    # напечатать x\n    ‸\n", "    print(x)\n"),
        ("%matplotlib inline\nwith open(p) as f:\n    # прочитать строки\n    ‸\n", "    rows = f.readlines()\n"),
        ("x = = 1\nfor x in xs:\n    # напечатать x\n    ‸\n", "    print(x)\n"),
        ("try:\n    x = int(s)\n# при ошибке x = 0\n‸\n", "except ValueError:\n    x = 0\n"),
        ("a = = 1\nif x:\n    y = 1\n# иначе y = 2\n‸\n", "else:\n    y = 2\n"),
    ],
)
def test_an_error_elsewhere_costs_no_answer(text: str, said: str) -> None:
    assert shape(text, said).text == said.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"from dataclasses import dataclass\n\n\n{CLASS_A}\n\n# датакласс B с полем y\n‸\n", CLASS_B),
        (f"{LOOP.replace('n', 'a', 1)}\n# в цикле спрашивать число, пока не введут 0\n‸\n", LOOP),
        ("plt.figure()\nplt.plot(x)\n\n# вторая фигура с y\n‸\n", "plt.figure()\nplt.plot(y)\n"),
        (
            "def f(items):\n    for item in items:\n        check(item)\n    # сложить цены\n    ‸\n",
            "    for item in items:\n        total += item.price\n",
        ),
        ("print('-' * 20)\nprint(1)\nprint(‸\n", "print('-' * 20)\n"),
    ],
)
def test_a_line_like_one_above_may_begin_other_code(text: str, said: str) -> None:
    assert shape(text, said).text == said.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"from dataclasses import dataclass\n\n\n# датакласс A с полем x\n‸\n\n\n{CLASS_B}", CLASS_A),
        (
            "def f(items):\n    # увеличить каждую цену\n    ‸\n    for item in items:\n        print(item)\n",
            "    for item in items:\n        item.price *= 1.1\n",
        ),
        (
            "class A:\n    # конструктор с полем x\n    ‸\n\n\nclass B:\n    def __init__(self, y):\n        pass\n",
            "    def __init__(self, x):\n        self.x = x\n",
        ),
    ],
)
def test_a_line_like_one_below_may_begin_other_code(text: str, said: str) -> None:
    assert shape(text, said).text == said.rstrip("\n")


def test_a_copy_of_the_block_below_is_one() -> None:
    text = "def f(items):\n    # убрать пустые\n    ‸\n    for item in items:\n        print(item)\n"
    said = "    items = [item for item in items if item]\n    for item in items:\n        print(item)\n"
    assert shape(text, said).text == said.split("\n", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("построить график синуса", PLOT),
        ("создать таблицу users в sqlite", TABLE),
        ("отсортировать список пузырьком", "arr = [5, 2, 9]\n\n# Сортируем список\nfor _ in arr:\n    swap(arr)\n"),
        ("игра угадай число", GAME),
        ("спросить имя и возраст", DIALOGUE),
        ("поле 8 на 8 из нулей", BOARD),
        ("функция add с примером использования", ADDED),
    ],
)
def test_a_program_is_whole(task: str, said: str) -> None:
    assert shape(f"# {task}\n‸\n", said).text == said.rstrip("\n")


@pytest.mark.parametrize("end", ["print('Готово')\n", "print('a')\nprint('b')\nx = 1\n", "print(rows)\n"])
def test_prints_at_the_end_are_left_out(end: str) -> None:
    assert shape("# отсортировать rows\n‸\n", "rows.sort()\n" + end).text == "rows.sort()"


def test_an_import_of_another_function_is_not_seen() -> None:
    text = "def a():\n    import json\n    return json.dumps(1)\n\n\n# функция чтения json из файла\n‸\n"
    assert shape(text, READ).text == READ.rstrip("\n")


def test_a_class_gets_all_its_methods_by_its_docstring() -> None:
    text = 'class Stack:\n    """Стек: положить и снять элемент."""\n    ‸\n'
    assert shape(text, METHODS).text.endswith("self.items.append(item)")


def test_a_class_that_has_methods_gets_one_more() -> None:
    text = "class Stack:\n    limit = 10\n\n    # конструктор\n    ‸\n"
    assert shape(text, METHODS).text == METHODS.split("\n\n", maxsplit=1)[0]
