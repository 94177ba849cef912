"""An instruction as it stands in a file: a comment of one line or several, a TODO, a docstring."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from random import Random

_WRAP_COLUMNS = (72, 79, 88, 100, 120)
_LOWER_WORD = re.compile(r"[а-яё]+(?=[\s,.:;—-]|$)")
_ENDS = (".", "!", "?", ":", "…", ")")


@dataclass(frozen=True)
class Worded:
    """Lines of a file, and the task as the server reads it from them."""

    lines: tuple[str, ...]
    instruction: str


def comment(phrasing: str, rng: Random) -> Worded:
    """A comment, without indentation."""
    lines = [line.strip() for line in _touched(phrasing, rng).splitlines() if line.strip()]
    if len(lines) == 1 and rng.random() < 0.4:
        lines = textwrap.wrap(lines[0], rng.choice(_WRAP_COLUMNS) - 6, break_long_words=False, break_on_hyphens=False)
    instruction = "\n".join(lines)
    chance = rng.random()
    if chance < 0.06 and len(lines) == 1:
        return Worded((f"# TODO: {lines[0]}",), instruction)
    mark = "#" if chance < 0.1 and not lines[0].startswith(("!", ":")) else "# "
    return Worded(tuple(mark + line for line in lines), instruction)


def docstring(phrasing: str, rng: Random) -> Worded | None:
    """A docstring, without indentation; None for a text that would need escapes."""
    if '"' in phrasing[-1:] or '"""' in phrasing or "\\" in phrasing:
        return None
    lines = [line.strip() for line in _touched(phrasing, rng, likely=0.6).strip().splitlines()]
    instruction = "\n".join(lines)
    if len(lines) == 1:
        space = " " if rng.random() < 0.05 else ""
        return Worded((f'"""{space}{lines[0]}"""',), instruction)
    if rng.random() < 0.5:
        return Worded(('"""', *lines, '"""'), instruction)
    return Worded((f'"""{lines[0]}', *lines[1:], '"""'), instruction)


def _touched(phrasing: str, rng: Random, likely: float = 0.35) -> str:
    """A capital letter in front and a full stop behind, now and then: as different people write."""
    text = phrasing.strip()
    if _LOWER_WORD.match(text) and rng.random() < likely:
        text = text[0].upper() + text[1:]
    if "\n" not in text and not text.endswith(_ENDS) and rng.random() < likely / 3:
        text += "."
    return text
