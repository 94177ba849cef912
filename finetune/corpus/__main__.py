"""`python -m finetune.corpus check [FILES]`: says what is wrong with tasks; without FILES, with all of them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from models.console import survive_any_console

from . import CORPUS_DIR, EXPLANATIONS, FIXES, explanations, fixes, messages, task_files
from .check import LEAST_SCORE, MOST_ALIKE, Report, check

OTHER_CHECKS = {EXPLANATIONS: explanations.check, FIXES: fixes.check}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    survive_any_console()
    parser = argparse.ArgumentParser(prog="python -m finetune.corpus", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("check", help="check tasks")
    command.add_argument("files", nargs="*", type=Path, metavar="FILES", help="YAML files (default: the whole corpus)")
    command.add_argument("--all", action="store_true", help="run every task again, changed or not")
    command.add_argument("--jobs", type=int, default=os.cpu_count() or 2, help="tasks run at once")
    command.add_argument("--verbose", action="store_true", help="show each task's score and the mutants that survived")
    options = parser.parse_args(arguments)
    paths = options.files or [*task_files(), *(CORPUS_DIR / name for name in OTHER_CHECKS)]
    missing = [path for path in paths if not path.is_file()]
    for path in missing:
        print(messages.NO_FILES(path=path), file=sys.stderr)
    if missing:
        return 2
    try:
        return _check(paths, options)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2


def _check(paths: list[Path], options: argparse.Namespace) -> int:
    def progress(text: str) -> None:
        if options.verbose:
            print(text)

    status = 0
    for path in paths:
        if path.name in OTHER_CHECKS:
            count, mistakes, checked = OTHER_CHECKS[path.name](
                path, recheck=options.all, jobs=options.jobs, progress=progress
            )
            for mistake in mistakes:
                print(mistake)
            print(messages.OTHER_SUMMARY(name=path.name, count=count, checked=checked))
            status = max(status, bool(mistakes))
    of_tasks = [path for path in paths if path.name not in OTHER_CHECKS]
    if of_tasks:
        report = check(of_tasks, recheck=options.all, jobs=options.jobs, progress=progress)
        status = max(status, _show(report, verbose=options.verbose))
    return status


def _show(report: Report, *, verbose: bool) -> int:
    problems = [str(mistake) for mistake in report.mistakes]
    if report.score < LEAST_SCORE:
        problems.append(messages.WEAK_CORPUS(score=report.score, least=LEAST_SCORE))
    if report.alike_rate > MOST_ALIKE:
        problems.append(messages.MANY_ALIKE(rate=report.alike_rate, most=MOST_ALIKE))
    for line in [*(report.survivors if verbose else []), *problems]:
        print(line)
    for name, ids in report.unchecked.items():
        print(messages.NOT_INSTALLED(name=name, ids=", ".join(ids)))
    print(
        messages.SUMMARY(
            tasks=len(report.tasks),
            phrasings=sum(len(task.phrasings) for task in report.tasks),
            rate=report.alike_rate,
            checked=report.checked,
            killed=report.killed,
            mutants=report.mutants,
            score=report.score,
        )
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
