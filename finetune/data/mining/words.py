"""What words say: whether they are Russian, and whether they could have asked for the code below them."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

import pymorphy3  # type: ignore[import-untyped]

from finetune.data.filters import is_russian

_WORD = re.compile(r"[а-яё]+(?:-[а-яё]+)*|[a-z_]\w*", re.IGNORECASE)
_MARK = re.compile(
    r"(?:todo|fixme|xxx|hack|noqa|type:|pylint|pragma|mypy|nosec|region|endregion|-\*-|copyright|©|лицензи|автор|"
    r"https?://|см\.|см |note|nb\b|внимание|важно|warning|примечание|прим\.|пример|например|устарел|deprecated|"
    r"баг|костыль)",
    re.IGNORECASE,
)
_RULE = re.compile(r"[=\-*#~─━═_]{3,}")
_PARAMETERS = re.compile(
    r"(?:[:@](?:param|type|return|rtype|raise)|(?:args|arguments|parameters|returns|аргументы|параметры)\b\s*[:\n])",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"\n\s*\n|\n\s*(?=[:@]\w)|\n\s*(?=[A-ZА-ЯЁ]\w+:\s*(?:\n|$))")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_QUOTED = re.compile(r"«[^»\n]*»|\"[^\"\n]*\"|'[^'\n]*'|(?:examples?|e\. ?g\.)\W.*", re.IGNORECASE | re.DOTALL)
# Reasons and remarks: what stands below is not what they speak of.
_REMARKS = frozenset(
    """
    если иначе когда потому поэтому так тут здесь это этот эта эти там возможно может нужно надо должен должна
    должно не нельзя но и а же бы ли что чтобы хотя пока уже ещё еще все всё у в на по к с о от из без при за до
    почему сейчас теперь только также просто вообще кстати вот да нет мы я он она они
    """.split()  # noqa: SIM905 - as prose
)
# Told in the present, these say how things are, not what the code does.
_STATES = frozenset(
    """
    работать мочь срабатывать являться требовать иметь содержать зависеть означать выглядеть считаться находиться
    ожидаться служить хотеть знать думать использоваться существовать действовать бывать казаться значить держать
    """.split()  # noqa: SIM905 - as prose
)
_ACTIONS = frozenset(
    """
    агрегация анализ активация архивация валидация ввод включение вставка вывод выбор выборка выгрузка вызов выделение
    вычисление вычитание генерация группировка декодирование деление дедупликация добавление завершение загрузка
    закрытие замена замер заполнение запись запрос запуск извлечение изменение импорт инициализация интеграция
    инкремент итерация кодирование компиляция конвертация конкатенация копирование коррекция логирование масштабирование
    маскирование модификация настройка нормализация обновление обработка обрезка обход объединение определение
    округление открытие отбор отображение отправка отрисовка отсев отсечение оценка очистка парсинг перебор передача
    перезапись перезапуск перемещение перенос переименование переключение переопределение пересчёт печать повтор
    подготовка подключение подсчёт поиск получение построение преобразование применение прибавление приведение
    присваивание присвоение проверка прогон просмотр разбивка разбиение разбор разворот раскрытие распаковка
    распознавание рассылка рассчёт расчёт редактирование регистрация расшифровка рендеринг сбор сборка сброс сверка
    сдвиг сериализация склейка склонение скачивание сложение снятие соединение создание сортировка составление
    сохранение сравнение суммирование считывание тестирование транслитерация удаление умножение упаковка установка
    усреднение фильтрация форматирование формирование чтение шифрование экранирование экспорт
    """.split()  # noqa: SIM905 - as prose
)


def is_said_in_russian(text: str) -> bool:
    """Whether the first sentence of a text, its examples and quotations left out, is Russian.

    What follows may be names and types of arguments, or examples in another language than the text.
    """
    return is_russian(_QUOTED.sub(" ", _SENTENCE.split(summary(text), maxsplit=1)[0]))


def summary(text: str) -> str:
    """The first paragraph of a text, down to a list of parameters."""
    return _PARAGRAPH.split(text.strip(), maxsplit=1)[0]


def is_of_parameters(text: str) -> bool:
    """Whether a docstring is a list of parameters and no more."""
    return _PARAMETERS.match(text.strip()) is not None


def asks(said: str) -> bool:
    """Whether a comment is a command, an infinitive, «получаем …», or the name of an action."""
    if _MARK.search(said[:80]) or _RULE.search(said) or said.rstrip().endswith(("?", ":", ",")) or _is_code(said):
        return False
    words = [word.lower() for word in _WORD.findall(said)]
    return len(words) > 1 and words[0] not in _REMARKS and words[1] != "это" and begins_with_action(said)


def begins_with_action(said: str) -> bool:
    """Whether the first word is a verb that tells or asks what is done, or the noun of an action."""
    word = _WORD.search(said)
    return word is not None and re.match("[а-яё]", word[0].lower()) is not None and _is_action(word[0].lower())


@lru_cache(maxsize=8192)
def _is_action(word: str) -> bool:
    for parse in _analyzer().parse(word)[:2]:
        tag = parse.tag
        if tag.POS == "INFN" or (tag.POS == "VERB" and ("impr" in tag or _is_telling(tag))):
            return parse.normal_form not in _STATES
        if tag.POS == "NOUN" and "nomn" in tag and parse.normal_form in _ACTIONS:
            return True
    return False


def _is_telling(tag: Any) -> bool:
    """«получаем», «создаёт»: what the code does, told in the present."""
    return "pres" in tag and ("1per" in tag or "3per" in tag)


def _is_code(said: str) -> bool:
    """Whether some line is code that was commented out."""
    for line in said.splitlines():
        try:
            tree = ast.parse(line.strip())
        except (SyntaxError, ValueError):
            continue
        if tree.body and not (isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Name)):
            return True
    return False


@lru_cache(maxsize=1)
def _analyzer() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()
