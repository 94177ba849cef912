"""Cutting a comment's text into sentences, clauses and words.

Owns: what counts as one of them. Does not own: what they mean (`wording`, `remarks`).
"""

from __future__ import annotations

import re
from itertools import takewhile

from lsp_server.language import morphology, vocabulary

MOST = 6
"""Sentences of a text that are looked at."""

_WORD = re.compile(r"т\.[ек](?!\w)|p\.s(?!\w)|[а-яёa-z_](?:[\w-]*\w)?", re.IGNORECASE)
_NUMBER = re.compile(r"^\s*(?:(?:шаг|step)\s*\d+|\d+(?=[.)]\s)|[-*•](?=\s))\s*[.):—-]*\s+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?;])(?<!\bт\.[ек]\.)\s+", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:—–()]|\s-\s")
_UNFINISHED = re.compile(r"([а-яёa-z0-9)»])\n(?=[А-ЯЁ][а-яё]*\b(?![А-ЯЁ]))")


def words(text: str) -> list[str]:
    """All words, in lower case; «т.к» is one, as vocabularies have it."""
    return [word.lower() for word in _WORD.findall(text)]


def content_words(sentence: str) -> list[str]:
    """The words from the first one that says something: of «теперь удали», «удали»; of «не меняя», «меняя»."""
    found = words(sentence)
    first = next((index for index, word in enumerate(found) if word not in vocabulary.LEAD_INS), len(found))
    match found[first:]:
        case ["не", gerund, *_] if morphology.has(gerund, "GRND"):
            return found[first + 1 :]
    return found[first:]


def split(text: str) -> list[str]:
    """The first sentences, without the numbers and bullets of lists."""
    joined = _UNFINISHED.sub(r"\1. ", "\n".join(line.strip() for line in text.splitlines())).replace("\n", " ")
    parts = (_NUMBER.sub("", part, count=1).strip() for part in _SENTENCE.split(joined))
    return [part for part in parts if part][:MOST]


def before_subordinate(words: list[str]) -> list[str]:
    """The words before a subordinate clause: «raise ValueError» of «raise ValueError если есть пустые»."""
    return list(takewhile(lambda word: word not in vocabulary.SUBORDINATING, words))


def clauses(sentence: str) -> list[str]:
    """What stands between commas, dashes and brackets: of «если пусто, вернуть 0», «если пусто» and « вернуть 0»."""
    return _CLAUSE.split(sentence)
