"""Near-duplicates are found, different wordings are not called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.corpus import phrasing
from finetune.corpus.schema import Task


def task(name: str, *phrasings: str) -> Task:
    return Task(name, phrasings, "", "", "", Path("files.yaml"), 1)


def test_grams_ignore_case_punctuation_and_yo() -> None:
    assert phrasing.grams("Ещё один, ТЕКСТ!") == phrasing.grams("еще один текст")
    assert phrasing.grams("а б в г") == {("а", "б", "в"), ("б", "в", "г")}
    assert phrasing.grams("текст") == {("текст",)}


def test_jaccard_is_shared_among_all() -> None:
    one, other = phrasing.grams("а б в г"), phrasing.grams("а б в д")
    assert phrasing.jaccard(one, other) == pytest.approx(1 / 3)
    assert phrasing.jaccard(one, one) == 1


def test_likeness_is_found_within_and_between_tasks() -> None:
    first = task("files-a", "прочитать весь файл и вернуть список строк", "Прочитать весь файл и вернуть список строк.")
    second = task("files-b", "прочитать весь файл и вернуть список слов", "как узнать размер папки", "размер папки")
    pairs = phrasing.near_duplicates([first, second])
    assert [(pair.task.id, pair.other_task.id, round(pair.similarity, 2)) for pair in pairs] == [
        ("files-a", "files-a", 1.0),
        ("files-a", "files-b", 0.67),
        ("files-a", "files-b", 0.67),
    ]
    assert phrasing.rate([first, second], pairs) == pytest.approx(3 / 5)


def test_nothing_alike() -> None:
    tasks = [task("files-a", "открой файл", "чтение текста с диска"), task("files-b", "закрой файл")]
    assert phrasing.near_duplicates(tasks) == []
    assert phrasing.rate(tasks, []) == 0
    assert phrasing.rate([], []) == 0
