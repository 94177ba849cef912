"""Which rows of a public set are worth learning; each refusal has a name, under which it is counted."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence

from finetune.data.rows import Row

INSTRUCTION_CHARS = 6_000
ANSWER_CHARS = 24_000
_LEAST_CYRILLIC = 0.3
_FOREIGN_CYRILLIC = 0.02
_REPEATED = 0.5
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_BLOCK = re.compile(r"```([\w+-]*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_RUSSIAN = re.compile("[а-яё]", re.IGNORECASE)
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LETTER = re.compile(r"[^\W\d_]")
_REFUSAL = re.compile(
    r"как (?:языковая|большая языковая) модель|я не могу (?:выполнить|помочь|предоставить)|к сожалению, я не могу|"
    r"as an ai(?: language)? model|i(?:'m| am) sorry, but|i cannot (?:help|assist|fulfil)",
    re.IGNORECASE,
)


def refusal(row: Row, language: str) -> str | None:
    """Why a row is left out, or None."""
    if language == "ru" and not is_russian(row.instruction):
        return "not in Russian"
    return next((reason for reason, holds in _CHECKS if holds(row)), None)


def is_russian(text: str) -> bool:
    """Whether the words of a text, its code apart, are Russian: Cyrillic, and of the Russian alphabet."""
    prose = _CODE.sub(" ", text)
    letters = len(_LETTER.findall(prose))
    russian, cyrillic = len(_RUSSIAN.findall(prose)), len(_CYRILLIC.findall(prose))
    return russian >= max(1, _LEAST_CYRILLIC * letters) and cyrillic - russian <= _FOREIGN_CYRILLIC * cyrillic


def code_blocks(answer: str) -> list[str]:
    """The Python blocks of an answer: those marked so, or not marked at all."""
    return [match[2] for match in _BLOCK.finditer(answer) if match[1].lower() in ("", "python", "py", "python3")]


def lone_code(answer: str) -> str | None:
    """The code of an answer that is one block of Python, with few words around it."""
    blocks = code_blocks(answer)
    if len(blocks) != 1 or len(_BLOCK.findall(answer)) != 1 or len(_BLOCK.sub("", answer).strip()) > len(blocks[0]):
        return None
    return blocks[0] if _parses(blocks[0]) else None


def _has_no_words(row: Row) -> bool:
    return not _LETTER.search(row.instruction) or not re.search(r"\w", row.answer)


def _is_long(row: Row) -> bool:
    return len(row.instruction) + len(row.context) > INSTRUCTION_CHARS or len(row.answer) > ANSWER_CHARS


def _is_broken(row: Row) -> bool:
    """Whether no block of Python parses: Python 2, output, or text cut off."""
    if row.is_edit or row.is_task:
        return False
    marked = [match[2] for match in _BLOCK.finditer(row.answer) if match[1].lower() in ("python", "py", "python3")]
    return bool(marked) and not any(_parses(block) for block in marked)


def _refuses(row: Row) -> bool:
    return _REFUSAL.search(_CODE.sub(" ", row.answer)) is not None


def _repeats(row: Row) -> bool:
    """Whether an answer turns in a circle, or gives the question back."""
    lines = [line.strip() for line in row.answer.splitlines() if len(line.strip()) > 8]
    most = Counter(lines).most_common(1)
    turns = len(lines) >= 8 and most[0][1] > _REPEATED * len(lines)
    return turns or row.answer.strip() == row.instruction.strip()


_CHECKS: Sequence[tuple[str, Callable[[Row], bool]]] = (
    ("no words", _has_no_words),
    ("too long as text", _is_long),
    ("code does not parse", _is_broken),
    ("a refusal", _refuses),
    ("repeats itself", _repeats),
)


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
