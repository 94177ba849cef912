"""Our own corpus as rows: every phrasing of every task, and conversations about code."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from finetune.corpus import task_files
from finetune.corpus.schema import Task, load_all
from finetune.data.rows import Dropped, Row
from finetune.outside import CORPUS

_CALL_CHARS = 60


def read_corpus() -> Iterator[Row | Dropped]:
    """All rows of the corpus, in order; tasks whose form is wrong as `Dropped`, at their line."""
    tasks, mistakes = load_all(task_files())
    for mistake in mistakes:
        yield Dropped(CORPUS, mistake.line, f"not a task: {mistake}")
    number = 0
    for task in tasks:
        calls = calls_in(task)
        for phrasing in task.phrasings:
            number += 1
            yield Row(
                source=CORPUS,
                number=number,
                instruction=phrasing,
                answer=task.code,
                context=task.context,
                is_task=True,
                group=task.id,
                calls=calls,
            )


def calls_in(task: Task) -> tuple[str, ...]:
    """Short calls of a task's own definitions with literal arguments, taken from its tests."""
    names = {node.name for node in ast.parse(task.code).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    found: dict[str, None] = {}
    for statement in ast.parse(task.tests).body:
        if not isinstance(statement, ast.Assert) or not isinstance(statement.test, ast.Compare):
            continue
        call = statement.test.left
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
            text = ast.unparse(call)
            used = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)} - names
            if len(text) <= _CALL_CHARS and "\n" not in text and not used:
                found[text.replace("'", '"') if '"' not in text else text] = None
    return tuple(found)
