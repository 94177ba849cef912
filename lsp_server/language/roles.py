"""What part a word may play in a request: a command, an action, the head of what is asked for."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from lsp_server.language import morphology, vocabulary


def is_action(word: str) -> bool:
    """«проверяем», «возьмём», «переходим»: what the code does, told as its reader and writer would."""
    if not word.endswith(("ем", "ём", "им", "мся")) or word in vocabulary.NO_REQUEST_STARTS:
        return False
    return (
        morphology.has(word, "VERB", "1per", "plur", at_least=0.2)
        and morphology.infinitive(word) not in vocabulary.LASTING
    )


def is_command(word: str, *, alone: bool = False) -> bool:
    """An imperative or «напишем»; an infinitive, where it does not stand alone; an English verb among Russian words."""
    if not morphology.is_russian(word):
        return word in vocabulary.ENGLISH_VERBS
    if word in vocabulary.NO_REQUEST_STARTS:
        return False
    if morphology.has(word, "impr", at_least=0.15):  # «допустим» is one by its form alone
        return morphology.lemma(word) not in vocabulary.STATES or not morphology.has(word, "1per")
    return not alone and (morphology.is_infinitive(word) or _is_misspelt_command(word))


def leads_with_action(words: list[str]) -> bool:
    """«сортируем по дате», «явно вычисляем разницу»."""
    first = next((word for word in words[:3] if not morphology.has(word, "ADVB", at_least=0.5)), "")
    return is_action(first)


def is_manner(word: str) -> bool:
    """«построчно», «рекурсивно», «вручную»: how something is done; not «трудно», which says what it is like."""
    if word in vocabulary.EVALUATING | vocabulary.MODAL | vocabulary.ASKING | vocabulary.REMARK_WORDS:
        return False
    is_short = word.endswith("о") and morphology.has(word, "ADJS", "neut")
    return not morphology.has(word, "PRED") and (is_short or morphology.has(word, "ADVB", at_least=0.3))


def is_object(word: str) -> bool:
    """«данные», «пользователя»: a noun that may be acted on."""
    if not morphology.is_russian(word) or morphology.lemma(word) in vocabulary.WITH_INFINITIVE:
        return False
    return morphology.has(word, "NOUN", "accs")


def _is_misspelt_command(word: str) -> bool:
    """«напеши», «зделать», «нати»: no word of the dictionary, with a command's ending."""
    return (
        len(word) > 3
        and not morphology.has(word, "known")
        and word.endswith(("ть", "ти", "чь", "ши", "ай", "уй", "те"))
    )


@lru_cache(maxsize=1024)
def is_action_noun(word: str) -> bool:
    """«проверка», «извлечение», «валидация», «парсинг», «подсчёт»: by its ending and the verb behind it."""
    if not morphology.is_russian(word) or not morphology.has(word, "NOUN", "nomn", "sing", at_least=0.1):
        return False
    noun = next((form for tags, form, _ in morphology.readings(word) if {"NOUN", "nomn", "sing"} <= tags), word)
    if noun in vocabulary.THINGS:
        return False
    if noun.endswith(("ание", "ение", "яние", "ция", "инг")) or noun in vocabulary.ACTION_NOUNS:
        return True
    stem = noun.removesuffix("ка")
    return stem != noun and any(morphology.is_known(stem + end) for end in ("ать", "ять", "ить"))


def is_selecting(word: str) -> bool:
    """«наибольшего», «самого», «случайный», «первые»: what is so named has to be found first."""
    readings = morphology.readings(word)
    return any("ADJF" in tags and ("Supr" in tags or form in vocabulary.SELECTING) for tags, form, _ in readings)


def does_something(word: str) -> bool:
    """«возвращает», «считаем»: what code does, said in the present of a transitive verb, or «сделаем»."""
    tags, _, _ = morphology.readings(word)[0]
    return "VERB" in tags and "tran" in tags and ("pres" in tags or "1per" in tags)


def happens(word: str) -> bool:
    """«вызывается», «устарел», «описана»: what is said of something that is there."""
    return (
        morphology.is_finite(word)
        and not does_something(word)
        and morphology.lemma(word) not in ("должный", "мочь", "уметь")
    )


def is_one_of(word: str, heads: frozenset[str]) -> bool:
    """Whether a word, in any form, is one of some heads or a compound with one: «классов», «SQL-запрос»."""
    return word in heads or morphology.lemma(word) in heads or word.rpartition("-")[2] in heads


@lru_cache(maxsize=1024)
def is_misspelt_head(word: str) -> bool:
    """«функцыя», «декаратор»: long words only, the short ones have too many neighbours."""
    if len(word) < 6 or not morphology.is_russian(word) or morphology.has(word, "known"):
        return False
    close = get_close_matches(word, vocabulary.FUNCTION_HEADS, n=1, cutoff=0.8)
    return bool(close) and close[0][0] == word[0]
