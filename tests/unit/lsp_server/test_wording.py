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
переключи
читаем весь файл
поэтому сбрасываем счётчик
ошибку запоминаем до конца
при любой ошибке удаляем файл
для каждого файла посчитать размер
используя pandas прочитать csv
не меняя список верни новый
Валидация пути
бинарный поиск
индекс наибольшего элемента списка
телеграм бот который отвечает эхом
Сервер отвечает дважды. Проверяем код ответа
Напиши класс Задача с полем срок
рекурсивно обойди каталог
построчно прочитай файл
асинхронно скачать все url
параллельно обработать файлы
случайно перемешать список
безопасно разделить a на b
данные сохранить в json
пользователя найти по id
функции чтения и записи json
две функции: сложение и вычитание
тесты для функции add"""

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
размер блока данных
Индекс текущей страницы
Список может быть пустым
нужен в рантайме, иначе не найдётся
можно ускорить, если хранить индекс
поэтому её не разбираем
если папка уже есть, то она должна быть пустой
wait() всегда уступает
get с дефолтом, а не прямой доступ: close() мог очистить словари
автомат,пулемет,assoc,1
name\tВенгрия\t16974
Вспомогательный класс
тест
функция устарела, использовать new_func
мы используем sqlite, потому что просто
надо помнить про часовые пояса
функции для работы с файлами
опасно удалять файлы
данные сохранить нельзя
не меняя порядок, в котором они пришли
не трогая кэш
цель найти баг"""


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
        ("падает при пустом списке", False),
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
    assert wording.language("the suffix of a name is 'ович', as it was") == "en"


def test_language_of_a_docstring_is_that_of_its_summary() -> None:
    arguments = ":param value: the value to be stored by the client\n:type value: SomeVeryLongTypeName[int, str]"
    assert wording.language(f"Пишет\n\n{arguments}\n{arguments}") == "ru"
    assert wording.language("Stores the value\n\n:return: сохранённое значение, если оно было") == "en"


def test_marker_is_taken_off() -> None:
    assert wording.without_marker("TODO(аня): закрыть файл") == "закрыть файл"
    assert wording.without_marker("класс Задача с полем срок") == "класс Задача с полем срок"
    assert not wording.has_marker("сделать список")
    assert wording.has_marker("сделать: список")
