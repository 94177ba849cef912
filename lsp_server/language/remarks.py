"""Which sentences only seem to ask for code: what they tell is for people to do, or is so already.

Owns: the signs of such a remark by grammar. Does not own: the signs of a request (`lsp_server.language.wording`).
"""

from __future__ import annotations

import re
from itertools import pairwise

from lsp_server.language import morphology, roles, sentences, vocabulary

_ELSE = re.compile(r"\W*(?:иначе|тогда|а\s+то|то)\b", re.IGNORECASE)


def is_remark(words: list[str], sentence: str) -> bool:
    """Whether a sentence, with its content words, asks nothing of the program though it begins as if it did."""
    return (
        is_for_people(words)
        or _assumes(words)
        or (roles.leads_with_action(words) and gives_reason(words))
        or (_befalls(words[0]) and _ELSE.match(sentence) is not None)
        or (words[0] == "если" and _comes_of_condition(sentence))
    )


def is_for_people(words: list[str]) -> bool:
    """«удалить перед релизом», «впишите свой id»: whether people are told to do something to the program's text."""
    return _is_for_later(words) or _is_for_the_reader(words)


def _is_for_later(words: list[str]) -> bool:
    """«удалить перед релизом», «убрать, когда перейдём на v2»: the object is the code at hand.

    Not «удалить временные файлы, когда скрипт закончит», «удалить после тире всё лишнее»: other things have a name.
    """
    if morphology.lemma(words[0]) not in vocabulary.PUT_AWAY:
        return False
    rest = words[2:] if words[1:2] and words[1] in vocabulary.THIS else words[1:]
    match rest:
        case ["когда", *clause]:
            return any(morphology.has(word, "VERB", "futr", at_least=0.2) for word in clause)
        case [preposition, noun, *_]:
            return preposition in vocabulary.BEFORE_STAGES and morphology.lemma(noun) in vocabulary.STAGES
    return False


def _is_for_the_reader(words: list[str]) -> bool:
    """«вставьте сюда свой токен», «замените на путь к вашему файлу»; not «заменить свои имена на псевдонимы»."""
    verb = morphology.lemma(words[0])
    owner = next((at for at, word in enumerate(words[:5]) if morphology.lemma(word) in vocabulary.OWN), None)
    if owner is None:
        return False
    return verb in vocabulary.PUTTING_IN or (verb in vocabulary.REPLACING and "на" in words[1:owner])


def _assumes(words: list[str]) -> bool:
    """«считаем, что граф связный», «надо ли закрывать файл?»: a premise, a doubt."""
    return words[:2] == ["считаем", "что"] or (words[0] in vocabulary.ASKING and words[1:2] == ["ли"])


def gives_reason(words: list[str]) -> bool:
    """«берём sqlite, потому что база маленькая», «…, так как…»: an explanation of what is done."""
    return not vocabulary.REASONS.isdisjoint(words) or ("так", "как") in pairwise(words)


def _befalls(word: str) -> bool:
    """«упадём», «получим»: what comes of something, in the future; not «вернём», which the code does."""
    future = {"VERB", "1per", "plur", "perf", "futr"}
    return any(future <= tags and form in vocabulary.MISHAPS for tags, form, _ in morphology.readings(word))


def _comes_of_condition(sentence: str) -> bool:
    """«если убрать строку, всё сломается»: what would happen; not «если строк нет, вернуть 0», where one does it."""
    verbs = [verb for clause in sentences.clauses(sentence)[1:] if (verb := _first_verb(clause))]
    if any(_is_done(verb) for verb in verbs):
        return False
    return any(roles.happens(verb) or _befalls(verb) for verb in verbs)


def _first_verb(clause: str) -> str:
    """The first word of a clause that commands, or that tells what is done or happens; "" without one."""
    words = sentences.content_words(clause)
    return next((word for word in words if _is_done(word) or _befalls(word) or morphology.is_finite(word)), "")


def _is_done(word: str) -> bool:
    return (roles.is_command(word) or roles.is_action(word)) and not _befalls(word)


def describes_head(sentence: str, rest: list[str]) -> bool:
    """Whether the words after a head say what it is like: «функция чистая», «цикл бесконечный, выход по Ctrl+C».

    Not «функция рекурсивная, считает факториал», where a later clause tells what it has to do.
    """
    if not rest:
        return False
    if rest[0] in vocabulary.REASONS | vocabulary.AFTER_HEADS:
        return True
    first, *later = sentences.clauses(sentence)
    is_quality = morphology.is_russian(rest[0]) and morphology.is_adjective(rest[0]) and morphology.has(rest[0], "nomn")
    if not is_quality or sentences.words(first)[-1:] != rest[:1]:
        return False
    told = [word for clause in later for word in sentences.content_words(clause)]
    return not any(roles.does_something(word) or roles.is_command(word) for word in told)
