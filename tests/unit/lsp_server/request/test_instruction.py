from __future__ import annotations

import pytest

from lsp_server.request.instruction import Insertion, find, insertion_at
from lsp_server.source.document import Place

from ..places import at_cursor

FOUND = {
    "comment": ("# напиши функцию сложения\n‸", "напиши функцию сложения", ""),
    "block": ("# напиши функцию сложения\n# двух чисел\n‸", "напиши функцию сложения\nдвух чисел", ""),
    "tabs": ("def f():\n\t# верни сумму\n\t‸", "верни сумму", "\t"),
    "dedented cursor": ("def f():\n    x = 1\n    # верни сумму\n‸", "верни сумму", "    "),
    "comment left of its block": ("def f():\n# верни сумму чисел\n‸", "верни сумму чисел", "    "),
    "comment left of its block, two spaces": ("if a:\n  b()\ndef f():\n# верни сумму\n‸", "верни сумму", "  "),
    "comment left of the code below": ("def f():\n# верни сумму\n‸\n        return s\n", "верни сумму", "        "),
    "under an aligned header": ("def f(a,\n      b):\n    # верни сумму\n    ‸\n    return s\n", "верни сумму", "    "),
    "left of its block under an aligned header": ("if (a and\n        b):\n# верни сумму\n‸", "верни сумму", "    "),
    "under a header with a backslash": (
        'if a and \\\n        b("("):\n    # верни сумму\n    ‸',
        "верни сумму",
        "    ",
    ),
    "after a pragma": ("# -*- coding: utf-8 -*-\n# напиши функцию сложения\n‸", "напиши функцию сложения", ""),
    "after a rule": ("# ------\n# напиши функцию сложения\n# ------\n‸\n", None, ""),
    "after commented-out code": ("# x = f(1)\n# напиши функцию сложения\n‸", "напиши функцию сложения", ""),
    "after several lines of commented-out code": (
        '# names = [\n#     "удалить товар",\n# ]\n# напиши функцию сложения\n‸',
        "напиши функцию сложения",
        "",
    ),
    "after a heading and a line on the file": (
        "# ==== Утилиты ====\n# Описание: разное\n# напиши функцию сложения\n‸",
        "напиши функцию сложения",
        "",
    ),
    "with fields named as in the header of a file": (
        "# класс User с полями\n# почта: строка\n# описание: строка\n# возраст: число\n‸",
        "класс User с полями\nпочта: строка\nописание: строка\nвозраст: число",
        "",
    ),
    "with options": (
        "# добавь аргументы\n# --input путь к файлу\n# **kwargs тоже\n‸",
        "добавь аргументы\n--input путь к файлу\n**kwargs тоже",
        "",
    ),
    "command above a field": ("class A:\n    # добавь поле size\n    ‸\n    x: int\n", "добавь поле size", "    "),
    "function above a constant": ("# функция подсчёта слов\n‸\nLIMIT = 10\n", "функция подсчёта слов", ""),
    "phrase above other code": ("# сумма квадратов чисел\n‸\ntotal = 10\n", "сумма квадратов чисел", ""),
    "FIXME that asks": ("# FIXME: проверять права доступа\n‸", "проверять права доступа", ""),
    "with a line of example": ("# отсортируй список xs\n# xs = [3, 1]\n‸", "отсортируй список xs\nxs = [3, 1]", ""),
    "todo": ("def f():\n    # TODO: посчитать сумму чисел\n    ‸", "посчитать сумму чисел", "    "),
    "СДЕЛАТЬ": ("# СДЕЛАТЬ: чтение файла построчно\n‸", "чтение файла построчно", ""),
    "blank line between": ("# напиши функцию сложения\n\n‸", "напиши функцию сложения", ""),
    "code after": ("def f():\n    # посчитай сумму s\n    ‸\n    return s\n", "посчитай сумму s", "    "),
    "broken code above": ("def f(:\n  x = ((\n# напиши функцию сложения\n‸", "напиши функцию сложения", ""),
    "docstring": ('def f(xs):\n    """Сумма чисел."""\n    ‸', "Сумма чисел.", "    "),
    "docstring of several lines": (
        'def f(\n    xs,\n) -> int:\n    """\n    Сумма.\n\n    Чисел.\n    """\n‸',
        "Сумма.\n\nЧисел.",
        "    ",
    ),
    "docstring, then pass": ('def f(xs):\n    """Сумма чисел."""\n    ‸\n    pass\n', "Сумма чисел.", "    "),
    "docstring, then a comment and pass": (
        'def f(xs):\n    """Сумма чисел."""\n    ‸\n    # потом\n    pass\n',
        "Сумма чисел.",
        "    ",
    ),
    "docstring, then another function": ('def f(xs):\n    """Сумма."""\n    ‸\n\ndef g(): pass\n', "Сумма.", "    "),
}


@pytest.mark.parametrize("name", FOUND)
def test_automatic_finds(name: str) -> None:
    text, expected, indent = FOUND[name]
    found = find(*at_cursor(text), automatic=True)
    assert (found.text if found else None) == expected
    if found:
        assert found.place.indent == indent


NOT_FOUND = {
    "still typed": "# напиши функцию‸",
    "trailing remark": "x = 1  # посчитай сумму чисел\n‸",
    "in a string": 'x = """\n# посчитай сумму чисел\n‸\n"""\n',
    "module docstring": '"""Считает сумму чисел."""\n‸',
    "docstring of a function with a body": 'def f():\n    """Сумма чисел."""\n    ‸\n    return 1\n',
    "docstring of a class": 'class A:\n    """Стек чисел."""\n    ‸\n',
    "string that is no docstring": 'def f():\n    x = 1\n    """Сумма чисел."""\n    ‸\n',
    "code under it": "# посчитай сумму чисел\ns = sum(xs)\n‸",
    "far above": "# посчитай сумму чисел\n\n\n\n‸",
    "encoding": "# -*- coding: utf-8 -*-\n‸",
    "pragma": "# noqa: E501\n‸",
    "type": "# type: ignore\n‸",
    "licence": "# Лицензия MIT, все права защищены\n‸",
    "author": "# Автор: Иван Петров\n‸",
    "description of an attribute": "#: Проверка пути к файлу\n‸",
    "header of a file": "# -*- coding: utf-8 -*-\n# Описание: Загрузка данных из файла.\n‸",
    "licensed": "# Лицензировано под MIT. Использовать можно только с указанием автора.\n‸",
    "phrase above a constant": "# максимальное количество попыток\n‸\nMAX_TRIES = 5\n",
    "phrase above an annotated name": "class A:\n    # сумма заказа в копейках\n    ‸\n    total: int = 0\n",
    "phrase above an attribute": "def f(self):\n    # последний найденный id\n    ‸\n    self.last: int = 0\n",
    "FIXME that complains": "# FIXME: неправильно считает для отрицательных\n‸",
    "rule": "# ==========\n‸",
    "heading": "# === Работа со строками ===\n‸",
    "region": "# region Подсчёт суммы чисел\n‸",
    "link": "# https://example.org/список\n‸",
    "commented-out code": '# print("посчитай сумму")\n‸',
    "commented-out call": '# bot.send(\n#     chat,\n#     "Введите имя пользователя",\n# )\n‸',
    "commented-out list": '# names = [\n#     "добавить товар",\n#     "удалить товар",\n# ]\n‸',
    "commented-out function": '# def f(xs):\n#     """Вернуть сумму"""\n#     return sum(xs)\n‸',
    "commented-out block": "# for x in xs:\n#     сумма += x\n‸",
    "English": "# write a function that adds two numbers\n‸",
    "nothing": "‸",
    "code on the line": "# посчитай сумму чисел\nx = ‸",
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_automatic_does_not_find(name: str) -> None:
    assert find(*at_cursor(NOT_FOUND[name]), automatic=True) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Настройки\n‸", "Настройки"),
        ("# write a function that adds two numbers\n‸", "write a function that adds two numbers"),
        ("# посчитай сумму чисел\n\n\n\n‸", "посчитай сумму чисел"),
        ("# посчитай сумму‸", "посчитай сумму"),
        ('def f():\n    """Sum of numbers."""\n    ‸\n    return 1\n', "Sum of numbers."),
        ("x = 1  # посчитай сумму чисел\n‸", None),
        ("‸", None),
    ],
)
def test_manual_takes_what_stands_above(text: str, expected: str | None) -> None:
    found = find(*at_cursor(text), automatic=False)
    assert (found.text if found else None) == expected


def test_english_by_setting() -> None:
    source, cursor = at_cursor("# write a function that adds two numbers\n‸")
    found = find(source, cursor, automatic=True, english=True)
    assert found is not None
    assert (found.language, found.kind, found.expects) == ("en", "comment", "function")
    assert find(*at_cursor("# this is the old way\n‸"), automatic=True, english=True) is None


def test_cursor_on_the_comment_keeps_it() -> None:
    found = find(*at_cursor("def f():\n    # верни сумму‸\n"), automatic=False)
    assert found is not None
    assert found.place == Insertion(1, 17, "    ", "    # верни сумму\n    ")
    assert (found.place.opening, found.place.line_head) == ("    # верни сумму\n", "    ")
    assert found.place.place == Place(1, 17)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f():\n‸", Insertion(1, 0, "    ", "    ")),
        ("def f():\n\t‸", Insertion(1, 1, "\t", "\t")),
        ("x = ‸", Insertion(0, 4, "", "x = ")),
        ("    foo(‸)", Insertion(0, 8, "    ", "    foo(", ")")),
        ("if a:\n  ‸x", Insertion(1, 2, "  ", "  ", "x")),
        ("def f(a,\n      b):\n‸", Insertion(2, 0, "    ", "    ")),
        ("    foo(a,\n        b)\n‸", Insertion(2, 0, "    ", "    ")),
        ("    foo(a,\n        b,\n‸", Insertion(2, 0, "        ", "        ")),
        ("if a:\n  b()\n‸", Insertion(2, 0, "  ", "  ")),
        ("if a:\n  b()\n\n‸", Insertion(3, 0, "", "")),
        ("if a:\n  b()\n\n‸\n  c()\n", Insertion(3, 0, "  ", "  ")),
        ("class A:\n    def f(self):\n        b()\n\n‸\n\n    def g(self): ...\n", Insertion(4, 0, "    ", "    ")),
        ("a = 1\n\n‸\n    b\n", Insertion(2, 0, "", "")),
    ],
)
def test_place_for_ordinary_completion(text: str, expected: Insertion) -> None:
    assert insertion_at(*at_cursor(text)) == expected


def test_cost_does_not_grow_with_the_file() -> None:
    text = "def f():\n    x = '''\n    def g\n    '''\n" * 5_000
    source, cursor = at_cursor(text + "# напиши функцию сложения\n‸\n" + text)
    found = find(source, cursor, automatic=True)
    assert found is not None
    assert found.text == "напиши функцию сложения"


def test_a_window_that_begins_in_a_string_is_read_right() -> None:
    text = 'TEMPLATE = """\n' + "def f():\n    pass\n" * 400 + '# напиши функцию сложения\n‸\n"""\n'
    assert find(*at_cursor(text), automatic=True) is None
