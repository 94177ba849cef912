"""Building the index of benchmarks from whatever of them lies on this machine.

python -m finetune.data index --names names.txt --mbpp mbpp.jsonl

HumanEval and HumanEval-XL are read from the folder in KODOPIS_EVAL_DATA (every `humaneval*.jsonl`), MBPP from the
files given; `--names` gives entry points alone, `benchmark name` a line, for tasks that are not here. Only hashes are
written; what the index held before stays.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune.data.contamination import INDEX, Index, Known, known_task, write_index
from models.json_lines import read_json_lines


def run(arguments: argparse.Namespace) -> int:
    """The command: returns the exit status."""
    known = list(Index.read(arguments.out).known) if arguments.out.exists() else []
    folder = os.environ.get("KODOPIS_EVAL_DATA")
    for path in sorted(Path(folder).glob("humaneval*.jsonl")) if folder else []:
        known += [_humaneval(task, path) for task in read_json_lines(path)]
    for path in arguments.mbpp:
        known += [_mbpp(task) for task in read_json_lines(path)]
    if arguments.names:
        pairs = [line.split() for line in arguments.names.read_text(encoding="utf-8").splitlines() if line.strip()]
        known += [known_task(benchmark, [name], []) for benchmark, name in pairs]
    known = list(_merged(known))
    covers: dict[str, str] = {}
    for name in sorted({one.benchmark for one in known}):
        ours = [one for one in known if one.benchmark == name]
        whole = sum(bool(one.fingerprint.functions or one.fingerprint.examples) for one in ours)
        covers[name] = f"{whole} tasks whole, {len(ours) - whole} by name alone"
    write_index(known, arguments.out, covers)
    print("\n".join(f"{name}: {text}" for name, text in covers.items()))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--names", type=Path, help="entry points of tasks that are not here: `benchmark name` a line")
    parser.add_argument("--mbpp", type=Path, nargs="*", default=[], help="MBPP as JSON lines")
    parser.add_argument("--out", type=Path, default=INDEX)


def _humaneval(task: dict[str, Any], path: Path) -> Known:
    benchmark = "HumanEval-XL" if "xl" in path.stem else "HumanEval"
    code = task["prompt"] + task["canonical_solution"]
    return known_task(benchmark, [task["entry_point"]], [code, task["prompt"], task["test"]])


def _mbpp(task: dict[str, Any]) -> Known:
    tests = "\n".join(map(str, task["test_list"]))
    names = [str(tests).split("(")[0].split()[-1]]
    return known_task("MBPP", names, [str(task["code"]), tests])


def _merged(known: list[Known]) -> Iterator[Known]:
    """A name alone is left out where the task itself is there."""
    whole = {name for one in known if one.fingerprint.examples or one.fingerprint.functions for name in
             one.fingerprint.names}  # fmt: skip
    seen = set()
    for one in known:
        is_whole = bool(one.fingerprint.functions or one.fingerprint.examples)
        key = json.dumps([one.benchmark, sorted(one.fingerprint.names), sorted(one.fingerprint.examples)])
        if key in seen or (not is_whole and one.fingerprint.names <= whole):
            continue
        seen.add(key)
        yield one
