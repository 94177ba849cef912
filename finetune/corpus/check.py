"""Checks tasks: their form, their phrasings, their code, and their tests, the last two by running them.

`verified.json` holds, for each task, the hash of what was run and how many mutants its tests told from the reference,
so that only what changed is run again.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import messages, mutate, packages, phrasing, task_files
from .running import passing, run_reference
from .schema import Mistake, Task, load_all

VERIFIED = "verified.json"
LEAST_SCORE = 0.9
LEAST_TASK_SCORE = 0.5
MOST_ALIKE = 0.05
RUFF = [sys.executable, "-m", "ruff"]
RUFF_OPTIONS = ["--isolated", "--target-version", "py311"]
RUFF_RULES = "F,E7,E9,UP,B,C4,SIM"


@dataclass(frozen=True)
class Verdict:
    """What running a task showed: the mutants made, those its tests told apart; `hash` of what was run."""

    hash: str
    mutants: int
    killed: int


@dataclass(frozen=True)
class Report:
    """The result of a check.

    `checked` counts the tasks that were run now rather than remembered; `unchecked` names those that should have been,
    by the packages that are not installed here.
    """

    tasks: list[Task]
    mistakes: list[Mistake]
    survivors: list[str]
    verdicts: dict[str, Verdict]
    checked: int
    alike_rate: float
    unchecked: dict[str, list[str]]

    @property
    def mutants(self) -> int:
        """Mutants over all verified tasks."""
        return sum(verdict.mutants for verdict in self.verdicts.values())

    @property
    def killed(self) -> int:
        """Mutants told from the reference."""
        return sum(verdict.killed for verdict in self.verdicts.values())

    @property
    def score(self) -> float:
        """The share of mutants killed."""
        return self.killed / self.mutants if self.mutants else 1.0


def fingerprint(task: Task) -> str:
    """What a verdict depends on: the code, its tests, what stands around it, and the rules of mutation."""
    parts = [mutate.RULES, task.context, task.code, task.tests, *([task.suffix] if task.suffix else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def read_verified(directory: Path) -> dict[str, Verdict]:
    """The remembered verdicts by task id; none where there is no file yet."""
    path = directory / VERIFIED
    if not path.exists():
        return {}
    return {key: Verdict(**value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}


def write_verified(directory: Path, verdicts: dict[str, Verdict]) -> None:
    """One line per task, sorted, so that changes merge and read well."""
    lines = [f"  {json.dumps(key)}: {json.dumps(vars(verdicts[key]))}" for key in sorted(verdicts)]
    (directory / VERIFIED).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def unverified(tasks: Iterable[Task], verdicts: dict[str, Verdict]) -> list[Task]:
    """The tasks that are new or have changed since they were run."""
    return [task for task in tasks if task.id not in verdicts or verdicts[task.id].hash != fingerprint(task)]


def check(
    paths: list[Path], *, recheck: bool = False, jobs: int = 2, progress: Callable[[str], None] = lambda text: None
) -> Report:
    """Check the files; all of them lie in one directory, where `verified.json` is kept up to date."""
    tasks, mistakes = load_all(paths)
    directory = paths[0].parent
    pairs = phrasing.near_duplicates(tasks)
    mistakes += _alike_mistakes(pairs)
    mistakes += style_mistakes(tasks)
    remembered = read_verified(directory)
    wanted = tasks if recheck else unverified(tasks, remembered)
    todo = [task for task in wanted if not packages.missing(task.requires)]
    survivors: list[str] = []
    wrong = {task.id for task in [*todo, *unverified(tasks, remembered)]}
    found: dict[str, Verdict | None] = {}
    pool = ThreadPoolExecutor(jobs)
    try:
        for task, (verdict, notes) in zip(todo, pool.map(run_task, todo), strict=True):
            found[task.id] = verdict
            if verdict is None:
                mistakes.append(Mistake(task.path, task.line, messages.FAILS(id=task.id, error=notes[0])))
                continue
            wrong.discard(task.id)
            survivors += notes
            progress(f"{task.id}: {verdict.killed}/{verdict.mutants}")
    finally:  # an interrupted run keeps what it has verified
        pool.shutdown(cancel_futures=True)
        remembered = _with(found, read_verified(directory))  # others may have verified other files meanwhile
        write_verified(directory, _still_there(remembered, directory, paths, tasks))
    verdicts = {task.id: remembered[task.id] for task in tasks if task.id not in wrong}
    mistakes += _weak_tests(tasks, verdicts)
    alike_rate, unchecked = phrasing.rate(tasks, pairs), _unchecked(wanted)
    return Report(tasks, mistakes, survivors, verdicts, len(todo), alike_rate, unchecked)


def _with(found: dict[str, Verdict | None], verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
    """The verdicts with what was found now; none for the tasks that failed."""
    both = {**verdicts, **found}
    return {key: verdict for key, verdict in both.items() if verdict is not None}


def _unchecked(wanted: Iterable[Task]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for task in wanted:
        for name in packages.missing(task.requires):
            found.setdefault(name, []).append(task.id)
    return found


def _still_there(
    verdicts: dict[str, Verdict], directory: Path, paths: list[Path], tasks: list[Task]
) -> dict[str, Verdict]:
    """Forget removed tasks, once the whole directory was read."""
    if set(paths) != set(task_files(directory)):
        return verdicts
    known = {task.id for task in tasks}
    return {key: verdict for key, verdict in verdicts.items() if key in known}


def run_task(task: Task) -> tuple[Verdict | None, list[str]]:
    """Run the reference, then its mutants. No verdict where the reference fails; the notes then say why."""
    outcome = run_reference(task)
    if not outcome.passed:
        return None, [outcome.error]
    made = mutate.mutants(task.alone)
    notes = [
        messages.SURVIVED(id=task.id, line=mutant.line, what=mutant.what)
        for mutant, passed in zip(made, passing(task, [mutant.code for mutant in made]), strict=True)
        if passed
    ]
    return Verdict(fingerprint(task), len(made), len(made) - len(notes)), notes


def _alike_mistakes(pairs: Iterable[phrasing.Pair]) -> list[Mistake]:
    """A task that repeats itself; likeness between tasks is bounded over the whole corpus."""
    return [
        Mistake(
            pair.task.path,
            pair.task.line,
            messages.ALIKE(id=pair.task.id, share=pair.similarity, one=pair.phrasing, other=pair.other_phrasing),
        )
        for pair in pairs
        if pair.task is pair.other_task
    ]


def _weak_tests(tasks: Iterable[Task], verdicts: dict[str, Verdict]) -> list[Mistake]:
    weak = []
    for task in tasks:
        verdict = verdicts.get(task.id)
        if verdict and verdict.killed < max(1, LEAST_TASK_SCORE * verdict.mutants):
            text = messages.WEAK_TESTS(id=task.id, killed=verdict.killed, mutants=verdict.mutants)
            weak.append(Mistake(task.path, task.line, text))
    return weak


def style_mistakes(tasks: list[Task]) -> list[Mistake]:
    """Formatting of `code`, and ruff's rules over the whole file."""
    by_name = {f"{task.id}.py": task for task in tasks}
    mistakes = []
    with tempfile.TemporaryDirectory() as directory:
        code_dir, whole_dir = Path(directory) / "code", Path(directory) / "whole"
        code_dir.mkdir()
        whole_dir.mkdir()
        for name, task in by_name.items():
            (code_dir / name).write_text(_nested(task), encoding="utf-8")
            (whole_dir / name).write_text(f"{task.context}\n{task.code}\n{task.suffix}", encoding="utf-8")
        diff = _ruff("format", "--diff", *RUFF_OPTIONS, str(code_dir))
        for part in diff.split("--- ")[1:]:
            task = by_name[Path(part.splitlines()[0]).name]
            text = "\n".join(part.splitlines()[2:])
            mistakes.append(Mistake(task.path, task.line, messages.NOT_FORMATTED(id=task.id, diff=text)))
        options = ["--select", RUFF_RULES, "--ignore", "SIM905", "--no-cache", "--output-format", "json", *RUFF_OPTIONS]
        for found in json.loads(_ruff("check", *options, str(whole_dir)) or "[]"):
            task = by_name[Path(found["filename"]).name]
            text = f"{found['code']} {found['message']} ({found['location']['row']})"
            mistakes.append(Mistake(task.path, task.line, messages.LINT(id=task.id, text=text)))
    return mistakes


def _nested(task: Task) -> str:
    """The code at its own depth, inside classes, so that it is formatted as in its file."""
    return "".join(f"{' ' * depth}class A:\n" for depth in range(0, len(task.indent), 4)) + task.code


def _ruff(*arguments: str) -> str:
    done = subprocess.run([*RUFF, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)
    if "No module named" in done.stderr:
        raise FileNotFoundError(messages.NO_RUFF())
    return done.stdout
