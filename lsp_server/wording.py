"""Whether a comment's words ask for code, and for what kind of code.

Owns: the judgement of text. Where the text stands in a file is `lsp_server.instruction`'s question, and it has left
out already what cannot be an instruction there. Russian morphology is pymorphy3's, loaded at the first Russian
comment (about 0.1 s and 30 MB), so that misspelt and rare verbs are known by their endings.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

import pymorphy3  # type: ignore[import-untyped]

from lsp_server import vocabulary

Language = Literal["ru", "en"]
Expects = Literal["function", "class", "statement", "body"]

THRESHOLD = 2
CLEAR = 4
SENTENCES = 6

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
_WORD = re.compile(r"[а-яёa-z_](?:[\w-]*\w)?", re.IGNORECASE)
_MARKER = re.compile(
    r"\s*(?:TODO|FIXME|СДЕЛАТЬ|ТУДУ|ЗАДАЧА|ЗАДАНИЕ|Задача|Задание|todo|Todo|туду|(?:Сделать|сделать)(?=\s*:))\b"
    r"(?:\s*\([^)]*\))?\s*[:.—–-]*\s*"
)
_NUMBER = re.compile(r"\s*(?:(?:шаг|step)\s*\d+|\d+(?=[.)]\s)|[-*•](?=\s))\s*[.):—-]*\s+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_CLAUSE = re.compile(r"[,;:—–()]|\s-\s")
_URL = re.compile(r"https?://|www\.")
_SIGNATURE = re.compile(r"\b[A-Za-z_]\w*\([^)]*\)|\b[a-z]+_[a-z_]+\b|->")
_UNIT = re.compile(r"^\s*[\w ]+ в [а-яё]+(?:ах|ях|е)\s*\.?$|^\s*единиц|по умолчанию\s*\.?$", re.IGNORECASE)
_SPECIFIC = re.compile(r"[A-Za-z_]\w+|\d|[\"«'`]|,|—|%")


def language(text: str) -> Language:
    """Russian where a fair share of the letters is Cyrillic: Russian instructions are full of English terms."""
    n_cyrillic, n_latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    return "ru" if n_cyrillic >= 3 and n_cyrillic * 4 >= n_latin else "en"


def has_marker(text: str) -> bool:
    """Whether a text begins with TODO, FIXME, СДЕЛАТЬ and the like."""
    return _MARKER.match(text) is not None


def without_marker(text: str) -> str:
    """The task of a TODO: the text after its marker."""
    return _MARKER.sub("", text, count=1)


def is_task(text: str) -> bool:
    """Whether the text of a TODO is a task for code at its place, rather than a note for later."""
    words = [word.lower() for word in _WORD.findall(text)]
    if _SIGNATURE.search(text):
        return True
    if len(words) < 2 or words[0] in vocabulary.NO_REQUEST_STARTS | vocabulary.NO_CODE_TASKS:
        return False
    return vocabulary.POSTPONED.isdisjoint(words)


def is_request(text: str) -> bool:
    """Whether a comment asks for code, rather than says something about code."""
    if _URL.search(text) and len(text.split()) < 8:
        return False
    if language(text) == "en":
        return any(_is_english_request(sentence) for sentence in _sentences(text))
    scores = [_score(sentence) for sentence in _sentences(text)]
    return max(scores, default=0) >= (THRESHOLD if scores and scores[0] >= 0 else CLEAR)


def expects(text: str) -> Expects:
    """What the code for an instruction most likely is."""
    for word in (word.lower() for word in _WORD.findall(text)[:12]):
        if _is_one_of(word, vocabulary.CLASS_HEADS):
            return "class"
        if _is_one_of(word, vocabulary.FUNCTION_HEADS) or _is_misspelt_head(word):
            return "function"
    return "statement"


def _sentences(text: str) -> list[str]:
    joined = " ".join(line.strip() for line in text.splitlines())
    parts = (_NUMBER.sub("", part, count=1).strip() for part in _SENTENCE.split(joined))
    return [part for part in parts if part][:SENTENCES]


def _content_words(sentence: str) -> list[str]:
    """The words in lower case, from the first one that says something."""
    words = [word.lower() for word in _WORD.findall(sentence)]
    first = next((index for index, word in enumerate(words) if word not in vocabulary.LEAD_INS), len(words))
    return words[first:]


def _score(sentence: str) -> int:
    """How much a Russian sentence looks like a request: from clear signs to clear signs of the opposite."""
    words = _content_words(sentence)
    if not words or words[0] in vocabulary.NO_REQUEST_STARTS:
        return -2
    if words[0] in vocabulary.ASKING or _is_command(words[0], alone=len(words) == 1):
        return 4
    if len(words) < 2:
        return 0
    return 3 if _is_asked_otherwise(words, sentence) else _phrase_score(words, sentence)


def _is_asked_otherwise(words: list[str], sentence: str) -> bool:
    """A signature, a question, «функция, которая…», or a command in a later clause."""
    if _SIGNATURE.search(sentence) or _is_question(words, sentence) or _is_head_phrase(words):
        return True
    if words[0] == "если" and any(_is_command(word) for word in words[1:]):
        return True
    return any(_begins_with_command(clause) for clause in _CLAUSE.split(sentence)[1:])


def _phrase_score(words: list[str], sentence: str) -> int:
    """«среднее и отклонение по выборке» is asked for; «Настройки» is a heading; «кэш живёт минуту» is a remark."""
    if _is_finite(words[0]):
        return 2 if _does_something(words[0]) else -1
    if any(_is_finite(word) for word in words) or not vocabulary.REMARK_WORDS.isdisjoint(words):
        return -1
    if _UNIT.search(sentence):
        return 0
    if _is_heading(words, sentence):
        return 0
    return 2 if len(words) >= 3 else 1


def _is_heading(words: list[str], sentence: str) -> bool:
    if sentence.rstrip().endswith(":"):
        return len(words) <= 4
    is_title = sentence[:1].isupper() and not _SPECIFIC.search(sentence)
    return is_title and len(words) <= 5


def _is_question(words: list[str], sentence: str) -> bool:
    if words[0] not in ("как", "сколько", "каким", "какой", "какая", "какое"):
        return False
    return any(_is_infinitive(word) for word in words[1:5]) or sentence.rstrip().endswith("?")


def _is_head_phrase(words: list[str]) -> bool:
    """«функция, которая…», «асинхронный генератор…»: what is asked for, by its kind."""
    for index, word in enumerate(words[:4]):
        rest = [one for one in words[index + 1 : index + 3] if one != "не"]
        is_misspelt = _is_misspelt_head(word)
        if is_misspelt or _is_one_of(word, vocabulary.FUNCTION_HEADS | vocabulary.CLASS_HEADS):
            if index and (is_misspelt or _has(word, "accs", "sing")) and not _is_finite(words[0]):
                return True
            return bool(rest) and (is_misspelt or _is_nominative_singular(word)) and not _happens(rest[0])
        if _is_one_of(word, vocabulary.OTHER_HEADS):
            return _is_nominative_singular(word) and len(rest) > 1 and not _happens(rest[0])
        if not _is_adjective(word):
            return False
    return False


def _begins_with_command(clause: str) -> bool:
    words = _content_words(clause)
    return bool(words) and _is_command(words[0])


def _is_english_request(sentence: str) -> bool:
    words = _content_words(sentence)
    if len(words) < 2 or words[0] in vocabulary.NO_REQUEST_ENGLISH:
        return False
    if words[0] in vocabulary.ENGLISH_VERBS:
        return True
    start = words[1:] if words[0] in ("a", "an", "the") else words
    heads = vocabulary.FUNCTION_HEADS | vocabulary.CLASS_HEADS
    return any(word in heads for word in start[:3]) and len(words) > 3


@lru_cache(maxsize=1)
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer(lang="ru")


@lru_cache(maxsize=4096)
def _readings(word: str) -> tuple[tuple[frozenset[str], str, float], ...]:
    """A word's grammemes (and "known" for words of the dictionary), normal form and likelihood, for each reading."""
    parses = _morphology().parse(word)
    return tuple(
        (frozenset(parse.tag.grammemes) | ({"known"} if parse.is_known else set()), parse.normal_form, parse.score)
        for parse in parses
    )


def _lemma(word: str) -> str:
    return _readings(word)[0][1] if _CYRILLIC.search(word) else word


def _has(word: str, *grammemes: str, at_least: float = 0.0) -> bool:
    """Whether some reading of a word, as likely as asked, has all the grammemes."""
    wanted = frozenset(grammemes)
    return any(score >= at_least and wanted <= tags for tags, _, score in _readings(word))


def _is_command(word: str, *, alone: bool = False) -> bool:
    """An imperative or «напишем»; an infinitive, where it does not stand alone; an English verb among Russian words."""
    if not _CYRILLIC.search(word):
        return word in vocabulary.ENGLISH_VERBS
    if word in vocabulary.NO_REQUEST_STARTS:
        return False
    if _has(word, "impr", at_least=0.15):
        return True
    return not alone and (_is_infinitive(word) or _is_misspelt_command(word))


def _is_misspelt_command(word: str) -> bool:
    """«напеши», «зделать», «нати»: no word of the dictionary, with a command's ending."""
    return len(word) > 3 and not _has(word, "known") and word.endswith(("ть", "ти", "чь", "ши", "ай", "уй", "ите"))


def _is_infinitive(word: str) -> bool:
    return _has(word, "INFN", at_least=0.3)


def _is_finite(word: str) -> bool:
    """A verb in the present, future or past, or a short participle: the word of a statement."""
    if not _CYRILLIC.search(word):
        return False
    tags, _, _ = _readings(word)[0]
    return len(word) > 1 and (("VERB" in tags and "impr" not in tags) or {"ADJS", "known"} <= tags or "PRTS" in tags)


def _does_something(word: str) -> bool:
    """«возвращает», «считаем»: what code does, said in the present of a transitive verb, or «сделаем»."""
    tags, _, _ = _readings(word)[0]
    return "VERB" in tags and "tran" in tags and ("pres" in tags or "1per" in tags)


def _happens(word: str) -> bool:
    """«вызывается», «устарел», «описана»: what is said of something that is there."""
    return _is_finite(word) and not _does_something(word) and _lemma(word) not in ("должный", "мочь", "уметь")


def _is_adjective(word: str) -> bool:
    return not _CYRILLIC.search(word) or _has(word, "ADJF", at_least=0.3) or _has(word, "PRTF", at_least=0.3)


def _is_nominative_singular(word: str) -> bool:
    return not _CYRILLIC.search(word) or _has(word, "NOUN", "nomn", "sing")


def _is_one_of(word: str, heads: frozenset[str]) -> bool:
    return word in heads or _lemma(word) in heads


@lru_cache(maxsize=1024)
def _is_misspelt_head(word: str) -> bool:
    """«функцыя», «декаратор»: long words only, the short ones have too many neighbours."""
    if len(word) < 6 or not _CYRILLIC.search(word) or _has(word, "known"):
        return False
    close = get_close_matches(word, vocabulary.FUNCTION_HEADS, n=1, cutoff=0.8)
    return bool(close) and close[0][0] == word[0]
