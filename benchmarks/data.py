"""The data pipeline at the size of the paper's sets: speed, memory, near-duplicates and leaks found.

    python -m benchmarks.data                     all of it, 16,000, 32,000 and 65,000 rows
    python -m benchmarks.data --rows 4000         speed at one size
    KODOPIS_EVAL_DATA=… python -m benchmarks.data --rows 0    what is found, leaks included

Rows are generated with the lengths of the three Russian sets and a share of near-duplicates; each size is measured in
a process of its own, filters, decontamination and comparing together, on as many cores as there are.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil

from benchmarks.console import BenchmarkError, told, whole_number
from benchmarks.leaks import planted
from finetune.data.contamination import Index, leak_of
from finetune.data.duplicates import Unit, find
from finetune.data.filters import refusal
from finetune.data.rows import Row
from finetune.data.select import Selection, compare, leaks_of
from finetune.data.sources import read_rows
from finetune.outside import EVALUATION_FILES, evaluation_file, evaluation_folder
from finetune.recipe import Source

SIZES = (16_000, 32_000, 65_000)
_DUPLICATES = 0.06
# Rows of the set, and characters of a task and of an answer (medians).
_SETS = ((22_600, 180, 900), (27_000, 330, 700), (15_400, 900, 1_000))
_SYLLABLES = ("ба", "ве", "ги", "до", "жу", "за", "ки", "ла", "мо", "не", "ос", "при", "ро", "сту", "фа", "чи", "ще")
_BLOCKS = (
    "{a} = [{b}({c}) for {c} in {d} if {c} != {n}]",
    "for {a}, {b} in {c}.items():\n    {a}[{b}] = {a}.get({b}, {n}) + {d}",
    "if {a} > {n} and {b}:\n    {c}.append(({a}, {b}))",
    "def {a}({b}, {c}={n}):\n    {d} = {b} * {c}\n    return {a}.{b}({c}, {d})",
    'with open({a}, encoding="utf-8") as {b}:\n    {c} = {b}.read().split({n})',
    "class {a}:\n    def {b}(self, {c}):\n        self.{c} = {c} * {n}",
    "print({a}, {b}[{n}:], {c})",
    "while {a} < {n}:\n    {a} += {b} // {n}\n    {c}[{a}] = {d}",
)


@told
def main(arguments: list[str] | None = None) -> int:
    """Measure and print one JSON object. Exit code 2 where KODOPIS_EVAL_DATA names a folder without the tasks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=whole_number(0), help="one size; 0: only what is found")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.alone:
        print(json.dumps(at_size(options.alone)))
        return 0
    tasks = evaluation_file("humaneval_ru")
    if tasks is None and evaluation_folder() is not None:
        name = EVALUATION_FILES["humaneval_ru"]
        raise BenchmarkError(f"No evaluation data: set KODOPIS_EVAL_DATA to the folder with {name}, or leave it unset.")
    sizes = SIZES if options.rows is None else (options.rows,) if options.rows else ()
    results: dict[str, Any] = {"cores": os.cpu_count(), "speed": [in_own_process(size) for size in sizes]}
    results["pairs"] = pairs_found()
    if tasks is not None:
        index = Index.read()
        leaks = planted(tasks.parent)
        results["leaks"] = {"planted": len(leaks), "found": sum(leak_of(one.row, index) is not None for one in leaks)}
    print(json.dumps(results, indent=1))
    return 0


def in_own_process(size: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.data", "--alone", str(size)], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def at_size(size: int) -> dict[str, Any]:
    """Seconds and memory of everything between reading and splitting; memory is that of all processes together."""
    rows = generated(size)
    peak = _Peak()
    started, cpu = time.perf_counter(), _cpu_seconds()
    kept = [row for row in rows if refusal(row, "ru") is None]
    clean = [row for row, leak in zip(kept, leaks_of(kept), strict=True) if leak is None]
    checked = time.perf_counter()
    made = Selection()
    compare(clean, made)
    ended = time.perf_counter()
    peak.stop()
    return {
        "rows": size,
        "seconds": round(ended - started, 1),
        "of which leaks and filters": round(checked - started, 1),
        "cpu_seconds": round(_cpu_seconds() - cpu, 1),
        "us_per_row": round((ended - started) / size * 1e6),
        "peak_bytes": peak.value,
        "duplicates": len(made.dropped),
        "rows_left": len(made.rows),
    }


def generated(size: int, seed: int = 5) -> list[Row]:
    """Rows with the lengths of the real sets, a share of them near-duplicates of earlier ones."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(12_000)]
    names = ["_".join(rng.choices(("get", "item", "value", "row", "path", "total", "user", "data", "key"), k=2))
             + str(number) for number in range(400)]  # fmt: skip
    weights = [1 / (rank + 3) for rank in range(len(words))]
    total = sum(count for count, _, _ in _SETS)
    rows: list[Row] = []
    for name, (count, task_chars, answer_chars) in zip("abc", _SETS, strict=True):
        for number in range(1, size * count // total + 1):
            if rows and rng.random() < _DUPLICATES:
                rows.append(_edited(rng.choice(rows[-5_000:]), name, number, rng, words))
                continue
            n_words = max(4, int(rng.lognormvariate(0, 0.5) * task_chars / 7))
            task = " ".join(rng.choices(words, weights, k=n_words))
            n_blocks = max(1, int(rng.lognormvariate(0, 0.6) * answer_chars / 75))
            code = "\n".join(_block(rng, names) for _ in range(n_blocks))
            rows.append(Row(name, number, task, f"```python\n{code}\n```"))
    return rows


def _block(rng: random.Random, names: list[str]) -> str:
    a, b, c, d = rng.choices(names, k=4)
    return rng.choice(_BLOCKS).format(a=a, b=b, c=c, d=d, n=rng.randint(0, 500))


def _edited(row: Row, source: str, number: int, rng: random.Random, words: list[str]) -> Row:
    parts = row.instruction.split()
    for _ in range(max(1, len(parts) // 40)):
        parts[rng.randrange(len(parts))] = rng.choice(words)
    return Row(source, number, " ".join(parts).capitalize(), row.answer.replace("    ", "  "))


def pairs_found(count: int = 500, seed: int = 3) -> dict[str, float]:
    """Half of the pairs are one text twice, lightly edited; half are different tasks, most of one domain."""
    rng = random.Random(seed)
    tasks = {row.group: row for row in read_rows(Source("corpus")) if isinstance(row, Row) and row.is_task}
    texts = [f"{row.instruction}\n{row.answer}" for row in tasks.values()]
    words = [word for text in texts for word in text.split() if word.isalpha()]
    texts = [text for text in texts if len(re.findall(r"\w+", text)) >= 20]
    same = [(text, _same_but(text, rng, words)) for text in rng.choices(texts, k=count // 2)]
    other = []
    for _ in range(count - len(same)):
        place = rng.randrange(len(texts) - 1)
        other.append((texts[place], texts[place + 1]))  # neighbours in a file: one domain, one author
    found = [_are_same(*pair) for pair in same]
    false = [_are_same(*pair) for pair in other]
    return {"pairs": count, "found": sum(found) / len(found), "false_merges": sum(false) / len(false)}


def _are_same(one: str, other: str) -> bool:
    return bool(find([Unit(one), Unit(other)]).same)


def _same_but(text: str, rng: random.Random, words: list[str]) -> str:
    """The same text as other sets have it: other spacing and case, a word or two changed, a polite sentence added."""
    for edit in rng.sample((_spaced, _cased, _fenced, _worded, _without_yo), rng.randint(1, 3)):
        text = edit(text, rng, words)
    return text


def _spaced(text: str, rng: random.Random, words: list[str]) -> str:
    return text.replace("    ", "\t").replace("\n\n", "\n") + "\n"


def _cased(text: str, rng: random.Random, words: list[str]) -> str:
    first, _, rest = text.partition("\n")
    return f"{first.upper() if rng.random() < 0.3 else first.capitalize()}\n{rest}"


def _fenced(text: str, rng: random.Random, words: list[str]) -> str:
    first, _, rest = text.partition("\n")
    return f"{first}\n```python\n{rest}\n```"


def _worded(text: str, rng: random.Random, words: list[str]) -> str:
    parts = re.split(r"(\s+)", text)
    places = [index for index, part in enumerate(parts) if part.strip()]
    for _ in range(max(1, len(places) // 50)):
        parts[rng.choice(places)] = rng.choice(words)
    return "".join(parts)


def _without_yo(text: str, rng: random.Random, words: list[str]) -> str:
    return text.replace("ё", "е")


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class _Peak:
    """The most memory this process and its children held together, looked at every 50 ms."""

    def __init__(self) -> None:
        self.value = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.value = max(self.value, sum(_memory()))


def _memory() -> Iterator[int]:
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        try:
            yield int(process.memory_info().rss)
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    sys.exit(main())
