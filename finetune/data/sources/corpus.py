"""Our own corpus as rows: every phrasing of every task, and conversations about code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import count

from finetune.corpus import CORPUS_DIR, EXPLANATIONS, FIXES, explanations, fixes, task_files
from finetune.corpus.schema import Task, load_all
from finetune.data.rows import Dropped, Row
from finetune.outside import CORPUS
from models.questions import EXPLAIN, FIX, PROBLEMS

_CALL_CHARS = 60


def read_corpus() -> Iterator[Row | Dropped]:
    """All rows of the corpus, in order; entries whose form is wrong as `Dropped`, at their line."""
    tasks, mistakes = load_all(task_files())
    explained, wrong = explanations.load(CORPUS_DIR / EXPLANATIONS)
    fixed, wrong_too = fixes.load(CORPUS_DIR / FIXES)
    for mistake in (*mistakes, *wrong, *wrong_too):
        yield Dropped(CORPUS, mistake.line, f"not a task: {mistake}")
    numbers = count(1)
    for task in tasks:
        yield from _rows_of(task, numbers)
    for one in explained:
        yield _said(next(numbers), one.id, EXPLAIN.format(code=one.code.rstrip("\n")), one.explanation)
    for fix in fixed:
        question = FIX.format(problems=PROBLEMS.format(listed=f"- {fix.error}"), code=fix.broken.rstrip("\n"))
        yield _said(next(numbers), fix.id, question, f"```python\n{fix.fixed.rstrip()}\n```")


def _rows_of(task: Task, numbers: Iterator[int]) -> Iterator[Row]:
    calls = calls_in(task)
    for phrasing in task.phrasings:
        yield Row(
            source=CORPUS,
            number=next(numbers),
            instruction=phrasing,
            answer=task.code,
            context=task.context,
            suffix=task.suffix,
            indent=task.indent,
            is_task=True,
            group=task.id,
            calls=calls,
        )


def _said(number: int, group: str, question: str, answer: str) -> Row:
    return Row(CORPUS, number, question, answer.strip(), group=group)


def calls_in(task: Task) -> tuple[str, ...]:
    """Short calls of a task's own definitions with literal arguments, taken from its tests."""
    if task.indent:
        return ()
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
