"""Runs a task's program in the sandbox: the reference by itself, its mutants in one go where forks are allowed."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from finetune.evaluate import sandbox

from . import packages
from .schema import Task

REFERENCE_TIMEOUT_S = 20.0
MUTANT_TIMEOUT_S = 6.0
IMPORT_TIMEOUT_S = 20.0  # more for programs that import large packages
MEMORY_BYTES = 512 * 1024 * 1024
_FORKS = Path(__file__).with_name("forks.py")


def run_reference(task: Task) -> sandbox.Outcome:
    """Run the task as it is."""
    return _run(task, task.alone, REFERENCE_TIMEOUT_S)


def passing(task: Task, codes: Sequence[str]) -> list[bool]:
    """For each code, in the place of the task's own (unindented): whether the tests pass on it."""
    together = _run_forked(task, codes) if sys.platform == "linux" and codes else None
    if together is not None:
        return together
    return [_run(task, code, MUTANT_TIMEOUT_S).passed for code in codes]


def _run(task: Task, code: str, timeout_s: float) -> sandbox.Outcome:
    if not task.requires:
        return sandbox.run(_program(task, code), timeout_s=timeout_s, memory_bytes=MEMORY_BYTES)
    program = packages.preamble() + _program(task, code)
    return sandbox.run(program, timeout_s=timeout_s + IMPORT_TIMEOUT_S, memory_bytes=packages.MEMORY_BYTES)


def _run_forked(task: Task, codes: Sequence[str]) -> list[bool] | None:
    """None where the sandbox cannot let a program fork."""
    job = {
        "paths": packages.site_paths() if task.requires else [],
        "environment": packages.ENVIRONMENT if task.requires else {},
        "imports": [packages.HEAVY_MODULES.get(name, name) for name in task.requires],
        "programs": [_program(task, code) for code in codes],
        "timeout_s": MUTANT_TIMEOUT_S,
    }
    outcome = sandbox.run(
        _FORKS.read_text(encoding="utf-8"),
        timeout_s=IMPORT_TIMEOUT_S + MUTANT_TIMEOUT_S * (len(codes) + 1),
        memory_bytes=packages.MEMORY_BYTES if task.requires else MEMORY_BYTES,
        files={"job.json": json.dumps(job)},
    )
    if not outcome.passed:
        return None
    return [bool(one) for one in json.loads(outcome.stdout.splitlines()[-1])]


def _program(task: Task, code: str) -> str:
    """The task's file with `code` in the place of its own, then the tests."""
    return f"{task.context}\n{textwrap.indent(code, task.indent)}\n{task.suffix}\n{task.tests}"
