"""Заметки: файл, на котором `make run` показывает, как комментарий становится кодом."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Note:
    """Одна заметка."""

    title: str
    text: str
    tags: list[str]


def load_notes(path: Path) -> list[Note]:
    """Прочитай json-файл, список словарей с ключами title, text и tags, и верни список заметок."""


def find_by_tag(notes: list[Note], tag: str) -> list[Note]:
    """Верни заметки с тегом tag, отсортированные по заголовку."""


# функция count_tags, которая считает, сколько раз встречается каждый тег в списке заметок
