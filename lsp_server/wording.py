"""Whether a comment's words ask for code, and for what kind of code.

Owns: the judgement of text. Where the text stands in a file is `lsp_server.instruction`'s question. Russian
morphology is pymorphy3's (loaded at the first Russian comment: about 0.1 s and 30 MB, no cost before).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import pymorphy3  # type: ignore[import-untyped]

Language = Literal["ru", "en"]
Expects = Literal["function", "class", "statement", "body"]

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
_WORD = re.compile(r"[а-яёa-z_][\w-]*", re.IGNORECASE)
_MARKER = re.compile(r"^\s*(?:TODO|FIXME|СДЕЛАТЬ|ТУДУ|ЗАДАЧА|ЗАДАНИЕ)\b(?:\s*\([^)]*\))?\s*[:.—-]*\s*", re.IGNORECASE)
_MARKER_STRICT = re.compile(r"^\s*(?:TODO|FIXME|СДЕЛАТЬ|ТУДУ|ЗАДАЧА|ЗАДАНИЕ)\b")
_NUMBER = re.compile(r"^\s*(?:шаг\s*\d+|step\s*\d+|\d+(?:\.\d+)*|[-*•])\s*[.):—-]*\s+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n")
_URL = re.compile(r"https?://|www\.")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEAD_INS = _words(
    "пожалуйста плиз плз теперь затем потом далее дальше здесь тут сюда ниже "
    "сначала а и ну же ещё еще также тоже просто "
    "быстро быстренько короче кароч мне нам тогда значит итак наконец снова опять вот бы б-же"
)
_ASKING = _words(
    "нужно надо нужен нужна нужны необходимо требуется хочу хотелось давай давайте можешь сможешь можете можно прошу "
    "следует помоги попробуй"
)
_HEADS = {
    "function": _words(
        "функция метод декоратор генератор корутина лямбда обработчик хук хелпер фикстура эндпоинт конструктор "
        "сеттер геттер тест юнит-тест свойство замыкание парсер валидатор сортировщик хендлер функцию метод"
    ),
    "class": _words(
        "класс датакласс перечисление исключение контекстный-менеджер синглтон структура миксин подкласс "
        "dataclass enum класс-обёртка"
    ),
    "statement": _words(
        "скрипт программа цикл запрос условие код регулярка выражение словарь список множество кортеж "
        "бот сервер клиент алгоритм таблица график регулярный переменная константа строка массив матрица менеджер "
        "сортировка подсчёт подсчет проверка чтение запись вычисление вывод поиск фильтрация обход перебор парсинг "
        "генерация преобразование разбор удаление замена перевод реализация расчёт расчет суммирование нахождение "
        "подключение отправка получение создание обработка сохранение загрузка объединение группировка разбиение"
    ),
}
_WEAK_HEADS = _words(
    "сортировка подсчёт подсчет проверка чтение запись вычисление вывод поиск фильтрация обход перебор парсинг генерация "
    "преобразование разбор удаление замена перевод реализация расчёт расчет суммирование нахождение подключение "
    "отправка получение создание обработка сохранение загрузка объединение группировка разбиение код список словарь "
    "строка переменная константа таблица массив множество сервер клиент структура исключение свойство"
)
_NOT_FOR_CODE = _words(
    "смотри смотрите см обрати обратите помни помните учти учтите запомни подумать разобраться обсудить спросить "
    "уточнить выяснить быть есть стать осторожно внимание примечание замечание важно заметь заметим раскомментируй "
    "раскомментируйте раскомментировать закомментируй закомментировать решить придумать понять узнать договориться "
    "почитать подождать видеть знать"
)
_QUESTIONS = _words("как каким сколько")
_ENGLISH_VERBS = _words(
    "add append apply ask build calculate call check clear close collect combine compare compute concatenate connect "
    "convert copy count create decode define delete detect divide draw encode ensure extract fetch fill filter find "
    "flatten format generate get group handle implement initialize insert iterate join load log loop make map merge "
    "multiply normalize open parse plot print process read receive remove rename replace return reverse round run save "
    "search select send set show shuffle sort split start store sum swap test transform update use validate wait write "
    "please let's"
)
_ENGLISH_HEADS = {
    "function": _words("function method decorator generator test helper fixture"),
    "class": _words("class dataclass enum"),
}
_PLURAL_DEFINITIONS = re.compile(
    r"\b(?:функции|методы|классы|тесты|геттеры|сеттеры|две|два|три|четыре|несколько|обе|оба|functions|methods|classes|"
    r"tests|two|three|several)\b",
    re.IGNORECASE,
)
_OUTPUT = re.compile(
    r"вывед|вывод|вывес|печат|покаж|показ|отобраз|сообщ|скаж|поздоров|приветств|print|принт|консол|на экран|show|"
    r"display|output|лог|log|демонстр|пример|example",
    re.IGNORECASE,
)


def language(text: str) -> Language:
    """Russian where a fair share of the words is Cyrillic: Russian instructions are full of English terms."""
    n_cyrillic, n_latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    return "ru" if n_cyrillic >= 3 and n_cyrillic * 4 >= n_latin else "en"


def has_marker(text: str) -> bool:
    """Whether a text begins with TODO, FIXME, СДЕЛАТЬ and the like."""
    return _MARKER_STRICT.match(text) is not None


def without_marker(text: str) -> str:
    """The task of a TODO: the text after its marker."""
    return _MARKER.sub("", text, count=1) if has_marker(text) else text


def asks_for_output(text: str) -> bool:
    """Whether an instruction wants something printed or shown."""
    return _OUTPUT.search(text) is not None


def asks_for_several(text: str) -> bool:
    """Whether an instruction wants more than one definition."""
    return _PLURAL_DEFINITIONS.search(text) is not None


def is_request(text: str) -> bool:
    """Whether a text asks for code, rather than says something about code."""
    if _URL.search(text) and len(text.split()) < 6:
        return False
    if has_marker(text):
        return len(_WORD.findall(without_marker(text))) >= 2 and not _is_no_code(without_marker(text))
    judge = _is_russian_request if language(text) == "ru" else _is_english_request
    return any(judge(sentence) for sentence in _sentences(text)[:6])


def expects(text: str) -> Expects:
    """What the code for an instruction most likely is."""
    for word in (word.lower() for word in _WORD.findall(text)[:12]):
        normal = _lemma(word) if _CYRILLIC.search(word) else word
        for kind, heads in (*_HEADS.items(), *_ENGLISH_HEADS.items()):
            if kind != "statement" and normal in heads:
                return "class" if kind == "class" else "function"
    return "statement"


def _sentences(text: str) -> list[str]:
    return [part for part in (_NUMBER.sub("", part).strip() for part in _SENTENCE.split(text)) if part]


def _is_no_code(text: str) -> bool:
    words = [word.lower() for word in _WORD.findall(text)]
    return bool(words) and words[0] in _NOT_FOR_CODE


def _is_russian_request(sentence: str) -> bool:
    words = [word.lower() for word in _WORD.findall(sentence)]
    index = 0
    while index < len(words) and words[index] in _LEAD_INS:
        index += 1
    words = words[index:]
    if len(words) < 2 or words[0] in _NOT_FOR_CODE or words[0] == "не":
        return False
    if words[0] in _ASKING:
        return True
    if words[0] in _QUESTIONS:
        return any(_is_infinitive(word) for word in words[1:4]) or sentence.rstrip().endswith("?")
    return _is_command(words[0]) or _is_noun_phrase(words, sentence)


def _is_noun_phrase(words: list[str], sentence: str) -> bool:
    for index, word in enumerate(words[:4]):
        normal = _lemma(word)
        if any(normal in heads for heads in _HEADS.values()) and _is_nominative_singular(word):
            n_needed = 3 if normal in _WEAK_HEADS else 2
            return len(words) - index >= n_needed and not sentence.rstrip().endswith(":")
        if not _is_adjective(word):
            return False
    return False


def _is_english_request(sentence: str) -> bool:
    words = [word.lower() for word in _WORD.findall(sentence)]
    if len(words) < 2:
        return False
    if words[0] in _ENGLISH_VERBS:
        return True
    start = words[1:] if words[0] in ("a", "an", "the") else words
    return any(word in heads for word in start[:3] for heads in _ENGLISH_HEADS.values()) and len(words) > 3


@lru_cache(maxsize=1)
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer(lang="ru")


@lru_cache(maxsize=4096)
def _parses(word: str) -> tuple[tuple[str, str, float], ...]:
    return tuple((str(parse.tag), parse.normal_form, parse.score) for parse in _morphology().parse(word))


def _lemma(word: str) -> str:
    return _parses(word)[0][1] if _CYRILLIC.search(word) else word


def _has(word: str, *grammemes: str, at_least: float = 0.0) -> bool:
    """Whether some reading of a word, as likely as asked, has all the grammemes."""
    return any(
        score >= at_least and all(one in re.split("[ ,]", tag) for one in grammemes) for tag, _, score in _parses(word)
    )


def _is_infinitive(word: str) -> bool:
    return _has(word, "INFN", at_least=0.3)


def _is_adjective(word: str) -> bool:
    return _has(word, "ADJF", at_least=0.3) or not _CYRILLIC.search(word)


def _is_nominative_singular(word: str) -> bool:
    return _has(word, "NOUN", "nomn", "sing")


def _is_command(word: str) -> bool:
    """An imperative, an infinitive, or «напишем»."""
    if not _CYRILLIC.search(word):
        return False
    return _has(word, "impr", at_least=0.15) or _is_infinitive(word)
