"""Texts for users in two languages, and which of the two to show.

Owns: the `Message` type, the choice of language, and every text this package shows. `lsp_server.messages` holds the
server's texts in the same form. Nothing else in the packages contains Russian for users.
"""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass
from typing import Literal

Language = Literal["ru", "en"]


@dataclass(frozen=True)
class Message:
    """One text for users. Both forms take the same `str.format` fields."""

    ru: str
    en: str

    def __call__(self, **fields: object) -> str:
        """Fill in the fields, in the current language."""
        return (self.ru if language() == "ru" else self.en).format(**fields)


_chosen: Language | None = None


def set_language(chosen: Language | None) -> None:
    """Fix the language (the editor's `kodopis.language` setting), or go back to the environment's with None."""
    global _chosen  # noqa: PLW0603 - the language of a process is one value, as a locale is
    _chosen = chosen


def language() -> Language:
    """The language to speak: the editor's setting, else `KODOPIS_LANG`, else the locale; Russian where unsure."""
    if _chosen is not None:
        return _chosen
    asked = os.environ.get("KODOPIS_LANG", "").lower()
    if asked[:2] in ("ru", "en"):
        return "ru" if asked.startswith("ru") else "en"
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value and value.split(".")[0] not in ("C", "POSIX"):
            return "ru" if value.startswith("ru") else "en"
    name = locale.getlocale()[0] or ""  # Windows: "Russian_Russia"; macOS started from the Dock: often empty
    return "en" if name.lower().startswith("en") else "ru"


UNKNOWN_FORMAT = Message(
    ru="Нет формата запроса «{name}»; выберите один из: {known}.",
    en='There is no prompt format "{name}"; choose one of: {known}.',
)
