"""What must not be learned from somebody's code: secrets, e-mail addresses, telephone numbers, people's names.

Secrets are found by detect-secrets, telephone numbers by phonenumbers, names by pymorphy3's dictionary.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

import phonenumbers
import pymorphy3  # type: ignore[import-untyped]
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings

# Entropy is judged of whole lines here, where any Russian sentence looks like a key.
_NOT_USED = frozenset({"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"})
_EMAIL = re.compile(r"[\w.+-]+@(?!example\.|localhost|test\.)[\w-]+\.[a-z]{2,}", re.IGNORECASE)
_EXAMPLE_EMAIL = re.compile(r"@(?:[\w-]+\.)?(?:example|test|localhost)\b", re.IGNORECASE)
_DIGITS = re.compile(r"(?:\d\D{0,3}){10}")
_WORD = re.compile(r"[А-ЯЁ][а-яё]+")
_PLACEHOLDER = re.compile(
    r"xxx|\*\*\*|\.\.\.|your|ваш|<|\{|example|changeme|test|^(?:my[-_ ]?)?(?:secret|password|passwd|token|key)$",
    re.IGNORECASE,
)
_TEXT = re.compile(r"[\"'#а-яё]", re.IGNORECASE)
_NAME_SCORE = 0.4


def private_in(text: str) -> str | None:
    """What of that a text holds, or None."""
    return next((found for line in text.splitlines() if (found := _private_in_line(line.strip()))), None)


@lru_cache(maxsize=100_000)
def _private_in_line(line: str) -> str | None:
    """The same of one line: the lines above one pair stand above the next as well."""
    if _has_secret(line):
        return "a secret"
    if any(not _EXAMPLE_EMAIL.search(match[0]) for match in _EMAIL.finditer(line)):
        return "an e-mail address"
    if _DIGITS.search(line) and _has_telephone_number(line):
        return "a telephone number"
    return "a person's name" if _has_name(line) else None


_RUSSIA = 7


def _has_telephone_number(line: str) -> bool:
    return any(
        (match.number.country_code == _RUSSIA or match.raw_string.startswith("+"))
        and not (match.raw_string.isdecimal() and not _TEXT.search(line[: match.start]))  # an integer of the code
        for match in phonenumbers.PhoneNumberMatcher(line, "RU")
    )


def _has_secret(line: str) -> bool:
    if len(line) > 2_000:
        return True
    with transient_settings({"plugins_used": [{"name": name} for name in _plugins()]}):
        found = list(scan_line(line))
    return any(not _PLACEHOLDER.search(secret.secret_value or "") for secret in found)


@lru_cache(maxsize=1)
def _plugins() -> tuple[str, ...]:
    return tuple(sorted({kind.__name__ for kind in get_mapping_from_secret_type_to_class().values()} - _NOT_USED))


def _has_name(text: str) -> bool:
    """A first name beside a surname or a patronymic."""
    words = list(_WORD.finditer(text))
    for one, other in pairwise(words):
        if text[one.end() : other.start()] == " ":
            kinds = _kinds(one[0]), _kinds(other[0])
            if any("Name" in first and second & {"Surn", "Patr"} for first, second in (kinds, kinds[::-1])):
                return True
    return False


@lru_cache(maxsize=4096)
def _kinds(word: str) -> frozenset[str]:
    return frozenset(
        kind for parse in _analyzer().parse(word) if parse.score >= _NAME_SCORE for kind in ("Name", "Surn", "Patr")
        if kind in parse.tag
    )  # fmt: skip


@lru_cache(maxsize=1)
def _analyzer() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()
