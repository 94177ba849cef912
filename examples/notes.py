"""Заметки: файл, на котором `make run` показывает, как комментарий становится кодом."""

from dataclasses import dataclass


@dataclass
class Note:
    """Одна заметка."""

    title: str
    text: str
    tags: list[str]


def titles(notes: list[Note]) -> list[str]:
    """Верни заголовки заметок по алфавиту."""


def find_by_tag(notes: list[Note], tag: str) -> list[Note]:
    """Верни заметки, среди тегов которых есть tag."""


# функция count_words, которая считает слова в тексте заметки
