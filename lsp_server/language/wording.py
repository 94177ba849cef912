"""Whether a comment's words ask for code, and for what kind of code.

Owns: the judgement of text. Where the text stands in a file is `lsp_server.request.instruction`'s question, and
it has left out already what cannot be an instruction there.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Literal

from lsp_server.language import morphology, remarks, roles, sentences, vocabulary

Language = Literal["ru", "en"]
Expects = Literal["function", "class", "statement", "body"]

THRESHOLD = 2
CLEAR = 4

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
_MARKER = re.compile(
    r"^\s*(?:"
    r"(?:TODO|FIXME|СДЕЛАТЬ|ТУДУ|todo|Todo|fixme|Fixme|туду|(?:Сделать|сделать)(?=\s*:))\b"
    r"(?:\s*\([^)]*\)|\s*\[[^]]*\]|\s*[@#][\w-]+(?=\s*:))?\s*[:.—–-]*|"
    r"(?:ЗАДАЧА|ЗАДАНИЕ|Задача|Задание)(?:\s*№?\s*\d+)?\s*(?:[:.]|[—–-](?=\s))"
    r")\s*"
)
_CONCLUSION = re.compile(r"[:—–]|\s-\s|,\s+то\b")
_PARAGRAPH = re.compile(r"\n\s*\n|\n\s*(?=:\w)")
_SHELL = re.compile(r"(?:^|[:$]\s*)(?:python3?\s+(?:-m\s+\w|\S+\.py)|pip3?\s+install\s)", re.MULTILINE)
_URL = re.compile(r"https?://|www\.")
_CALL = re.compile(r"\b[A-Za-z_]\w*\([^)]*\)|\b[a-z]+_[a-z_]+\b|->")
_SIGNATURE = re.compile(r"(?:def\s+)?[A-Za-z_]\w*\([^)]*\)\s*(?:[:—–-]|->)")
_DATA = re.compile(
    r"\S(?:\t|\s{3,})\S|^\s*[<{}\[\]|\\]|^\s*['\"]\w+['\"]\s*:|^\s*\d[\d.-]*\s+\d|\w\|\w+\||^\S+,\S+,\S+$"
)
_NAMED = re.compile(r"[а-яё]+ [А-ЯЁ][а-яё-]+$")
_SPECIFIC = re.compile(r"[A-Za-z_]\w+|\d|[\"«'`]|,|—|%")


def language(text: str) -> Language:
    """Russian where a fair share of the letters is Cyrillic: Russian instructions are full of English terms.

    Of a text in paragraphs (a docstring) the first one tells: the rest may be names and types of arguments.
    """
    summary = _PARAGRAPH.split(text.strip(), maxsplit=1)[0]
    return "ru" if _is_russian(summary if summary else text) else "en"


def _is_russian(text: str) -> bool:
    n_cyrillic, n_latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    words = sentences.words(text)
    n_russian = sum(morphology.is_russian(word) for word in words)
    n_english = sum(word in vocabulary.ENGLISH_GRAMMAR for word in words)
    is_enough = n_cyrillic * 4 >= n_latin or (n_russian > 1 and not n_english)  # or with long names in it
    return n_cyrillic >= 3 and is_enough and n_russian > n_english


def has_marker(text: str) -> bool:
    """Whether a text begins with TODO, FIXME, СДЕЛАТЬ and the like."""
    return _MARKER.match(text) is not None


def without_marker(text: str) -> str:
    """The task of a TODO: the text after its marker."""
    return _MARKER.sub("", text, count=1)


def is_task(text: str) -> bool:
    """Whether the text of a TODO is a task for code at its place, rather than a note for later."""
    words = sentences.words(text)
    if _CALL.search(text):
        return True
    if len(words) < 2 or words[0] in vocabulary.NO_REQUEST_STARTS | vocabulary.NO_CODE_TASKS:
        return False
    if remarks.is_for_people(words):
        return False
    if roles.happens(words[0]):  # «падает при пустом списке»; but «дана строка, нужно…»
        return is_request(text)
    return vocabulary.POSTPONED.isdisjoint(words)


def is_request(text: str) -> bool:
    """Whether a comment asks for code, rather than says something about code.

    Its first sentence does, or a later one begins with a command: explanations name much that nobody asks for.
    """
    if (_URL.search(text) and len(text.split()) < 8) or _SHELL.search(text) or _is_data(text):
        return False
    if language(text) == "en":
        return any(_is_english_request(sentence) for sentence in sentences.split(text))
    first, *later = [_score(sentence) for sentence in sentences.split(text)] or [0]
    return first >= THRESHOLD or max(later, default=0) >= CLEAR


def is_command(text: str) -> bool:
    """Whether some sentence of a text commands, rather than names what is wanted."""
    return any(_score(sentence) >= CLEAR for sentence in sentences.split(text))


def expects(text: str) -> Expects:
    """What the code for an instruction most likely is."""
    for word in sentences.words(text)[:12]:
        if roles.is_one_of(word, vocabulary.CLASS_HEADS):
            return "class"
        if roles.is_one_of(word, vocabulary.FUNCTION_HEADS) or roles.is_misspelt_head(word):
            return "function"
    return "statement"


def _is_data(text: str) -> bool:
    """Whether lines are an example of data: columns, records, markup; not words with as many lines under them."""
    are_data = [_DATA.search(line) is not None for line in text.splitlines()]
    n_data = sum(are_data)
    return 2 * n_data > len(are_data) or (are_data[:1] == [True] and 2 * n_data == len(are_data))


def _score(sentence: str) -> int:
    """How much a Russian sentence looks like a request: 4 for a command, 3 or 2 for less clear signs, or less."""
    words = sentences.content_words(sentence)
    if not words or words[0] in vocabulary.NO_REQUEST_STARTS:
        return -1
    if remarks.is_remark(words, sentence):
        return -1
    if _asks(words, sentence) or _leads_with_command(words, sentence) or _leads_with_object(words):
        return 4
    if roles.leads_with_action(words):
        return 4
    if len(words) < 2:
        return 0
    return 3 if _is_asked_otherwise(words, sentence) else _phrase_score(words, sentence)


def _leads_with_command(words: list[str], sentence: str) -> bool:
    """«отсортируй список», «create таблицу»; not «get с дефолтом», «wait() уступает»: those name what is there."""
    while len(words) > 2 and roles.is_manner(words[0]):  # «построчно прочитай файл»
        words = words[1:]
    if not roles.is_command(words[0], alone=len(words) == 1):
        return False
    if morphology.is_russian(words[0]):
        return True
    if len(words) == 1:
        return False
    is_called = re.match(rf"\W*{re.escape(words[0])}\(", sentence, re.IGNORECASE)
    return (
        is_called is None
        and not morphology.has(words[1], "PREP")
        and not any(morphology.is_finite(word) for word in sentences.before_subordinate(words[1:4]))
    )


def _leads_with_object(words: list[str]) -> bool:
    """«данные сохранить в json», «df отсортировать по дате»; not «список может расти»."""
    if len(words) < 3:
        return False
    is_object = roles.is_object(words[0]) if morphology.is_russian(words[0]) else morphology.is_infinitive(words[1])
    return (
        is_object
        and roles.is_command(words[1])
        and not morphology.has(words[1], "NOUN")
        and vocabulary.MODAL.isdisjoint(words)
    )


def _asks(words: list[str], sentence: str) -> bool:
    """«нужно посчитать», «нужна функция»; not «нужно для совместимости», «нужен в рантайме», «можно ускорить»."""
    if words[0] not in vocabulary.ASKING or len(words) < 2:
        return False
    if words[0] in ("нужен", "нужна", "нужны"):
        return not morphology.is_russian(words[1]) or morphology.has(words[1], "nomn", at_least=0.3)
    if words[0] == "можно":
        return sentence.rstrip().endswith("?") or morphology.has(words[1], "NOUN", "accs")
    infinitive = next((word for word in words[1:5] if morphology.is_infinitive(word)), "")
    if infinitive and morphology.lemma(infinitive) in vocabulary.STATES:  # «надо помнить про часовые пояса»
        return False
    return not morphology.has(words[1], "PREP") or bool(infinitive)


def _is_asked_otherwise(words: list[str], sentence: str) -> bool:
    """A signature, a question, «функция, которая…», «проверка адреса», or an action in the main clause."""
    if _SIGNATURE.match(sentence) or _is_question(words, sentence) or _names_method(words, sentence):
        return True
    if _is_head_phrase(words, sentence) or _is_head_of_several(words, sentence) or _is_action_phrase(words, sentence):
        return True
    if words[0] in ("если", "когда") and _commands_then(words):
        return True
    clauses = sentences.clauses(sentence)
    first = sentences.content_words(clauses[0])
    if (_states_action(first) and not remarks.gives_reason(words)) or _asks_inside(first):
        return True
    later = [(words, clause) for clause in clauses[1:] if (words := sentences.content_words(clause))]
    commands = (_leads_with_command(words, clause) and vocabulary.MODAL.isdisjoint(words) for words, clause in later)
    if any(commands) and not _tells_of_head(first):
        return True
    return any(roles.leads_with_action(sentences.content_words(clause)) for clause in _CONCLUSION.split(sentence)[1:])


def _commands_then(words: list[str]) -> bool:
    """«если пусто, вернуть 0», «когда очередь пуста, бросить»; not «если папка есть, она должна быть пустой»."""
    return vocabulary.MODAL.isdisjoint(words) and any(
        roles.is_command(word) or roles.is_action(word) for word in words[1:]
    )


def _states_action(words: list[str]) -> bool:
    """«ошибку запоминаем», «при любой ошибке удаляем файл»; not «если удаляем…», not «её не разбираем»."""
    if not words or words[0] in vocabulary.SUBORDINATING:
        return False
    verb = next(
        (index for index, word in enumerate(words) if roles.is_action(word) or morphology.is_finite(word)), None
    )
    return verb is not None and roles.is_action(words[verb]) and (not verb or words[verb - 1] != "не")


def _asks_inside(words: list[str]) -> bool:
    """«для каждого файла посчитать размер», «используя pandas прочитать csv»: circumstances first, then the command."""
    if not words or not vocabulary.MODAL.isdisjoint(words):
        return False
    if not morphology.has(words[0], "PREP") and not morphology.has(words[0], "GRND"):
        return False
    verb = next((word for word in words[1:] if roles.is_command(word) or morphology.is_finite(word)), "")
    is_command = bool(verb) and roles.is_command(verb) and not morphology.has(verb, "NOUN")
    return is_command and morphology.lemma(verb) not in vocabulary.STATES


def _is_action_phrase(words: list[str], sentence: str) -> bool:
    """«проверка адреса», «полная очистка таблицы», «проверка, есть ли файл»: an action by its noun, with its object."""
    for index, word in enumerate(words[:3]):
        if roles.is_action_noun(word):
            clause = sentences.content_words(sentences.clauses(sentence)[0])
            rest = words[index + 1 :]
            is_told = _goes_with_action(rest) if rest else index > 0
            return is_told and not _states(clause)
        if not morphology.is_adjective(word):
            return False
    return False


def _states(words: list[str]) -> bool:
    """Whether a clause says that something is so: «обработка есть в мидлваре»; not «проверка есть ли файл»."""
    return any(morphology.is_finite(word) and next_word != "ли" for word, next_word in zip_longest(words, words[1:]))


def _goes_with_action(rest: list[str]) -> bool:
    """Whether the words after the noun of an action tell what is acted on."""
    word = rest[0]
    return (
        not morphology.is_russian(word)
        or word in ("и", "или", "что")
        or rest[1:2] == ["ли"]
        or any((morphology.has(word, "gent"), morphology.has(word, "NOUN", "ablt"), morphology.has(word, "PREP")))
    )


def _phrase_score(words: list[str], sentence: str) -> int:
    """«среднее и отклонение по выборке» is asked for; «Настройки» is a heading; «кэш живёт минуту» is a remark."""
    if morphology.is_finite(words[0]):
        is_lasting = morphology.infinitive(words[0]) in vocabulary.LASTING
        return 2 if roles.does_something(words[0]) and not is_lasting else -1
    if any(morphology.is_finite(word) for word in words) or not vocabulary.REMARK_WORDS.isdisjoint(words):
        return -1
    if not _is_heading(words, sentence) and (_is_computed(words, sentence) or _is_specified(words)):
        return 2
    return 0


def _is_computed(words: list[str], sentence: str) -> bool:
    """«сумма квадратов», «индекс наибольшего элемента», «все делители числа»; not «размер страницы», «имя таблицы»."""
    if words[0] in vocabulary.AGGREGATES or morphology.lemma(words[0]) == "самый":
        return True
    if not sentence[:1].islower():
        return False
    return sentence.startswith("все ") or any(roles.is_selecting(word) for word in words[:3])


def _is_specified(words: list[str]) -> bool:
    """«кэш с временем жизни», «простой логгер без дат»: a thing with what it must have."""
    head = next(
        (index for index, word in enumerate(words[:3]) if morphology.has(word, "NOUN", "nomn", at_least=0.1)), None
    )
    if head is None or not all(morphology.is_adjective(word) for word in words[:head]):
        return False
    return words[head + 1 : head + 2] in (["с"], ["со"], ["по"], ["без"]) and len(words) > 2


def _is_heading(words: list[str], sentence: str) -> bool:
    if sentence.rstrip().endswith(":"):
        return len(words) <= 4
    is_title = sentence[:1].isupper() and not _SPECIFIC.search(sentence)
    return is_title and len(words) <= 5


def _is_question(words: list[str], sentence: str) -> bool:
    if words[0] not in ("как", "сколько", "каким", "какой", "какая", "какое"):
        return False
    if words[0] == "сколько":
        return True
    return any(morphology.is_infinitive(word) for word in words[1:5]) or sentence.rstrip().endswith("?")


def _names_method(words: list[str], sentence: str) -> bool:
    """«решето Эратосфена»; not the heading «Решето Эратосфена»."""
    return words[0] in vocabulary.NAMED_METHODS and _NAMED.match(sentence) is not None


def _is_head_phrase(words: list[str], sentence: str) -> bool:
    """«функция, которая…», «асинхронный генератор…»: what is asked for, by its kind; not «функция чистая»."""
    for index, word in enumerate(words[:4]):
        rest = [one for one in words[index + 1 :] if one != "не"]
        said = sentences.before_subordinate(rest)
        is_misspelt = roles.is_misspelt_head(word)
        if is_misspelt or roles.is_one_of(word, vocabulary.FUNCTION_HEADS | vocabulary.CLASS_HEADS):
            if not rest or any(roles.happens(one) for one in said[:3]) or remarks.describes_head(sentence, rest):
                return False
            is_object = index > 0 and morphology.has(word, "accs", "sing") and not morphology.is_finite(words[0])
            return is_misspelt or is_object or morphology.is_nominative_singular(word)
        if roles.is_one_of(word, vocabulary.OTHER_HEADS):
            is_told = bool(rest if index else rest[1:]) or (bool(rest) and word in vocabulary.PROGRAMS)
            return (
                is_told
                and morphology.is_nominative_singular(word)
                and not any(morphology.is_finite(one) for one in said[:4])
                and not remarks.describes_head(sentence, rest)
            )
        if not morphology.is_adjective(word) and not (index == 0 and morphology.is_nominative_singular(word)):
            return False
    return False


def _is_head_of_several(words: list[str], sentence: str) -> bool:
    """«две функции: сложение и вычитание», «тесты для функции add»; not the heading «функции для работы с файлами»."""
    is_counted = words[0] in vocabulary.NUMERALS
    heads = words[1:3] if is_counted else words[:1]
    is_head = any(roles.is_one_of(word, vocabulary.FUNCTION_HEADS | vocabulary.CLASS_HEADS) for word in heads)
    if not is_head or len(words) < 3 or any(morphology.is_finite(word) for word in words):
        return False
    is_specific = sentence[:1].islower() and _SPECIFIC.search(sentence) is not None
    return is_counted or (is_specific and morphology.has(words[0], "NOUN", "nomn", "plur"))


def _tells_of_head(words: list[str]) -> bool:
    """«функция устарела, использовать…»: something is said of a function that is there."""
    is_head = bool(words) and roles.is_one_of(words[0], vocabulary.FUNCTION_HEADS | vocabulary.CLASS_HEADS)
    return is_head and any(roles.happens(word) for word in words[1:3])


def _is_english_request(sentence: str) -> bool:
    words = sentences.content_words(sentence)
    if len(words) < 2 or words[0] in vocabulary.NO_REQUEST_ENGLISH:
        return False
    if words[0] in vocabulary.ENGLISH_VERBS:
        return True
    start = words[1:] if words[0] in ("a", "an", "the") else words
    heads = vocabulary.FUNCTION_HEADS | vocabulary.CLASS_HEADS
    return any(word in heads for word in start[:3]) and len(words) > 3
