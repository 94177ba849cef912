from __future__ import annotations

import pytest

from lsp_server import wording

REQUESTS = """\
напиши функцию, которая складывает два числа
функция для подсчёта слов
сделай запрос к api и распарси json
отсортировать список по убыванию
декоратор с тремя попытками
напеши функцыю каторая щитает факториал
как отсортировать словарь по значению?
нужна функция для перевода градусов
вывести числа от 1 до 10
а теперь удали дубликаты
среднее арифметическое списка
считаем среднее по колонке
Напишем функцию поиска максимума
raise ValueError если есть отрицательные
если список пустой, вернуть 0
Дан список чисел. Найдите максимум без max
slugify(title): всё в нижний регистр
возвращает сумму квадратов
тест на пустой список
переключи"""

REMARKS = """\
Настройки подключения
Вспомогательные функции
здесь хранится кэш пользователей
кэш живёт пять минут
не трогать!
Не удаляйте эту строку
смотри документацию
это нужно для обратной совместимости
потому что API возвращает строку
костыль из-за бага в библиотеке
Раньше тут была проверка
Обратите внимание: порядок важен
работает только на Linux
исправлено в версии 2.0
Импорт необходимых библиотек
почему-то падает на пустом списке
если пользователь не найден, значит он удалён
функция вызывается из main
вернёт None, если ключ не найден
добавил Петя 12.03.2021
координаты в пикселях
тест"""


@pytest.mark.parametrize("text", REQUESTS.splitlines())
def test_asks_for_code(text: str) -> None:
    assert wording.is_request(text)


@pytest.mark.parametrize("text", REMARKS.splitlines())
def test_says_something_about_code(text: str) -> None:
    assert not wording.is_request(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("посчитать сумму чисел", True),
        ("вернуть order(graph) после обхода", True),
        ("подумать над названием", False),
        ("рефакторинг", False),
        ("включить после релиза", False),
    ],
)
def test_task_of_a_todo(text: str, expected: bool) -> None:
    assert wording.is_task(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("класс Point с полями x и y", "class"),
        ("напиши функцию сложения", "function"),
        ("метод push", "function"),
        ("отсортируй список", "statement"),
        ("write a helper for dates", "function"),
    ],
)
def test_what_is_expected(text: str, expected: str) -> None:
    assert wording.expects(text) == expected


def test_language_of_mixed_text() -> None:
    assert wording.language("сделай GET request к API и распарси JSON response") == "ru"
    assert wording.language("make a list") == "en"


def test_marker_is_taken_off() -> None:
    assert wording.without_marker("TODO(аня): закрыть файл") == "закрыть файл"
    assert not wording.has_marker("сделать список")
    assert wording.has_marker("сделать: список")
