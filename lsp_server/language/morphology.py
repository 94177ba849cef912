"""What Russian words can be, by pymorphy3, known or not: misspelt and rare verbs are told by their endings.

The dictionary is loaded at the first Russian word (about 0.1 s and 30 MB).
"""

from __future__ import annotations

import re
from functools import lru_cache

import pymorphy3  # type: ignore[import-untyped]

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)


def is_russian(word: str) -> bool:
    """Whether a word has a Russian letter."""
    return _CYRILLIC.search(word) is not None


@lru_cache(maxsize=1)
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer(lang="ru")


@lru_cache(maxsize=4096)
def readings(word: str) -> tuple[tuple[frozenset[str], str, float], ...]:
    """A word's grammemes (and "known" for words of the dictionary), normal form and likelihood, for each reading."""
    parses = _morphology().parse(word)
    return tuple(
        (frozenset(parse.tag.grammemes) | ({"known"} if parse.is_known else set()), parse.normal_form, parse.score)
        for parse in parses
    )


def is_known(word: str) -> bool:
    """Whether the dictionary has a word."""
    return bool(_morphology().word_is_known(word))


def lemma(word: str) -> str:
    """The likeliest normal form of a word."""
    return readings(word)[0][1] if is_russian(word) else word


def has(word: str, *grammemes: str, at_least: float = 0.0) -> bool:
    """Whether some reading of a word, as likely as asked, has all the grammemes."""
    wanted = frozenset(grammemes)
    return any(score >= at_least and wanted <= tags for tags, _, score in readings(word))


def infinitive(word: str) -> str:
    """The infinitive of a word that may be a verb in the first person."""
    return next((form for tags, form, _ in readings(word) if {"VERB", "1per"} <= tags), word)


def is_infinitive(word: str) -> bool:
    """Whether a word is an infinitive of more than being."""
    return word not in ("быть", "есть") and has(word, "INFN", at_least=0.3)


def is_finite(word: str) -> bool:
    """A verb in the present, future or past, or a short participle: the word of a statement."""
    if not is_russian(word) or has(word, "NOUN", "Abbr"):  # «30 сек» has no form of «сечь»
        return False
    if word == "есть":  # taken for eating, mostly
        return True
    tags, _, _ = readings(word)[0]
    return len(word) > 1 and (("VERB" in tags and "impr" not in tags) or {"ADJS", "known"} <= tags or "PRTS" in tags)


def is_adjective(word: str) -> bool:
    """Whether a word may stand before a noun: an adjective, a participle, or any English word."""
    if not is_russian(word):
        return True
    return sum(score for tags, _, score in readings(word) if not tags.isdisjoint({"ADJF", "PRTF"})) >= 0.3


def is_nominative_singular(word: str) -> bool:
    """Whether a word may be a noun that names one thing: in the nominative singular, or any English word."""
    return not is_russian(word) or has(word, "NOUN", "nomn", "sing")
