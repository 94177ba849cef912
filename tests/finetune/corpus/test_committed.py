"""The corpus in this repository: every task is verified as it stands, and the whole meets its bars.

Nothing is run here: `verified.json` says what was. `python -m finetune.corpus check --all` runs everything again.
"""

from __future__ import annotations

import pytest

from finetune.corpus import CORPUS_DIR, check, phrasing, task_files
from finetune.corpus.schema import Task, load_all


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    found, mistakes = load_all(task_files())
    assert [str(mistake) for mistake in mistakes] == []
    return found


def test_nothing_is_unverified(tasks: list[Task]) -> None:
    verdicts = check.read_verified(CORPUS_DIR)
    assert [task.id for task in check.unverified(tasks, verdicts)] == []
    assert set(verdicts) == {task.id for task in tasks}


def test_the_tests_kill_the_mutants(tasks: list[Task]) -> None:
    verdicts = check.read_verified(CORPUS_DIR)
    assert sum(one.killed for one in verdicts.values()) >= check.LEAST_SCORE * sum(
        one.mutants for one in verdicts.values()
    )
    assert [key for key, one in verdicts.items() if one.killed < max(1, check.LEAST_TASK_SCORE * one.mutants)] == []


def test_phrasings_are_not_near_duplicates(tasks: list[Task]) -> None:
    pairs = phrasing.near_duplicates(tasks)
    assert [pair for pair in pairs if pair.task is pair.other_task] == []
    assert phrasing.rate(tasks, pairs) <= check.MOST_ALIKE


def test_code_is_formatted_and_clean(tasks: list[Task]) -> None:
    assert [str(mistake) for mistake in check.style_mistakes(tasks)] == []
