"""Whether a comment says what the code below it does, so that it could have asked for it."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

import pymorphy3  # type: ignore[import-untyped]

_WORD = re.compile(r"[а-яё]+(?:-[а-яё]+)*|[a-z_]\w*", re.IGNORECASE)
_MARK = re.compile(
    r"(?:todo|fixme|xxx|hack|noqa|type:|pylint|pragma|mypy|nosec|region|endregion|-\*-|copyright|©|лицензи|автор|"
    r"https?://|см\.|см |note|nb\b|внимание|важно|warning|примечание|прим\.|пример|например|устарел|deprecated|"
    r"баг|костыль)",
    re.IGNORECASE,
)
_RULE = re.compile(r"[=\-*#~─━═_]{3,}")
# Reasons and remarks: what stands below is not what they speak of.
_REMARKS = frozenset(
    """
    если иначе когда потому поэтому так тут здесь это этот эта эти там возможно может нужно надо должен должна
    должно не нельзя но и а же бы ли что чтобы хотя пока уже ещё еще все всё у в на по к с о от из без при за до
    почему сейчас теперь только также просто вообще кстати вот да нет мы я он она они
    """.split()  # noqa: SIM905 - as prose
)
_ACTIONS = ("ние", "ка", "ция", "ация", "за", "ор", "иск", "од", "чёт", "чет", "вод", "верка", "тие", "ация")


def asks(said: str) -> bool:
    """Whether a comment is a command, an infinitive, «получаем …», or the name of an action or a result."""
    if _MARK.search(said[:80]) or _RULE.search(said) or said.rstrip().endswith(("?", ":", ",")) or _is_code(said):
        return False
    words = [word.lower() for word in _WORD.findall(said)]
    if not words or words[0] in _REMARKS or not re.match("[а-яё]", words[0]):
        return False
    return _leads(words[0]) if len(words) > 1 else False


@lru_cache(maxsize=8192)
def _leads(word: str) -> bool:
    for parse in _analyzer().parse(word)[:2]:
        tag = parse.tag
        if tag.POS == "INFN" or (tag.POS == "VERB" and ("impr" in tag or _is_telling(tag))):
            return True
        if tag.POS == "NOUN" and "nomn" in tag and parse.normal_form.endswith(_ACTIONS):
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
