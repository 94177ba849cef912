"""Leaks of benchmarks: ours has none, planted ones are found, the index gives nothing of the benchmarks away."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.leaks import planted
from finetune.corpus import task_files
from finetune.corpus.schema import load_all
from finetune.data.__main__ import main
from finetune.data.contamination import INDEX, Index, known_task, leak_of
from finetune.data.fingerprints import fingerprint
from finetune.data.rows import Row
from finetune.data.sources import read_rows
from finetune.recipe import Source

EVALUATION = os.environ.get("KODOPIS_EVAL_DATA")
TASK = '''\
def weighted_middle(values, weights):
    """
    >>> weighted_middle([3, 9, 4], [1, 5, 2])
    7.0
    """
    total = 0
    for value, weight in zip(values, weights):
        total += value * weight
    if sum(weights) > 0:
        return total / sum(weights)
    return total
'''
CHECKS = """\
assert weighted_middle([10, 20, 40], [1, 1, 7]) == 34
assert weighted_middle([5, 8], [3, 9]) == 7.25
assert weighted_middle([1, 6], [0, 0]) == 0
"""


@pytest.fixture(scope="module")
def index() -> Index:
    return Index([known_task("made", ["weighted_middle"], [TASK, CHECKS])])


def found(index: Index, instruction: str, answer: str) -> str | None:
    return leak_of(Row("a", 1, instruction, answer), index)


def test_the_corpus_holds_no_task_of_a_benchmark() -> None:
    index = Index.read()
    tests = {task.id: task.tests for task in load_all(task_files())[0]}
    seen: dict[str, Row] = {}
    for row in read_rows(Source("corpus")):
        if isinstance(row, Row):
            seen.setdefault(row.group, row)
    leaks = {group: leak_of(row, index, tests.get(group, "")) for group, row in seen.items()}
    assert len(seen) >= 500
    assert {group: sign for group, sign in leaks.items() if sign} == {}


def test_a_solution_under_other_names_is_found(index: Index) -> None:
    answer = """```python
def srednee(chisla, vesa):
    itog = 0
    for x, w in zip(chisla, vesa):
        itog = itog + x * w
    if 0 < sum(vesa):
        return itog / sum(vesa)
    return itog
```"""
    assert found(index, "Взвешенное среднее", answer) == "made: structure"


def test_most_of_a_solution_is_found(index: Index) -> None:
    answer = """def f(chisla, vesa):
    print("начали")
    s = 0
    for x, w in zip(chisla, vesa):
        s += x * w
    if sum(vesa) > 0:
        return s / sum(vesa)
    raise ValueError("нет весов")
"""
    assert found(index, "Взвешенное среднее", answer) == "made: statements"


@pytest.mark.parametrize(
    "examples",
    [
        "f([10,20,40], [1,1,7]) -> 34\nf((5, 8), (3, 9)) -> 7.25\nf([1, 6], [0, 0]) -> 0",
        "вход: [10, 20, 40] и [1, 1, 7]; выход: 34.0\nвход: [5, 8] и [3, 9]; выход: 7.25",
        ">>> f([10, 20, 40], [1, 1, 7])\n34\n>>> f([5, 8], [3, 9])\n7.25",
    ],
)
def test_examples_in_other_words_are_found(index: Index, examples: str) -> None:
    assert found(index, examples, "return итог") in ("made: examples", "made: literals")


def test_a_telling_name_is_found_and_a_common_one_is_not() -> None:
    index = Index([known_task("made", ["weighted_middle"], []), known_task("made", ["search"], [])])
    assert found(index, "а", "def weightedMiddle(a):\n    return a\n") == "made: name"
    assert found(index, "а", "def search(a):\n    return a\n") is None


def test_everyday_code_is_none(index: Index) -> None:
    answer = (
        "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n"
    )
    assert found(index, "Сумма [1, 2, 3] равна 6\nf([1, 2, 3]) → 6", answer) is None


def test_text_that_is_no_python_costs_no_error() -> None:
    for text in ["(" * 5_000, "\0", "[1, [2, ['", "'''", "f'{", "1" * 100_000]:
        fingerprint([text])


def strings(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from strings(value)


def test_the_committed_index_is_hashes_alone() -> None:
    tasks = json.loads(INDEX.read_text(encoding="utf-8"))["tasks"]
    keys = {"benchmark", "names", "telling", "functions", "statements", "examples", "literals"}
    others = {text for text in strings(tasks) if not re.fullmatch("[0-9a-f]{16}", text)}
    assert others <= keys | {"HumanEval", "HumanEval-XL", "MBPP"}


def test_the_command_builds_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"prompt": TASK.partition("    total")[0], "entry_point": "weighted_middle", "test": CHECKS}
    task["canonical_solution"] = "    total" + TASK.partition("    total")[2]
    (tmp_path / "humaneval_xl_ru.jsonl").write_text(json.dumps(task) + "\n", encoding="utf-8")
    (tmp_path / "names.txt").write_text("HumanEval weighted_middle\nHumanEval other_name\n", encoding="utf-8")
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(tmp_path))
    out = tmp_path / "index.json"
    assert main(["index", "--names", str(tmp_path / "names.txt"), "--out", str(out)]) == 0
    first = out.read_bytes()
    assert "weighted" not in first.decode()
    known = Index.read(out)
    assert len(known.known) == 2
    assert found(known, "а", TASK.replace("weighted_middle", "f")) == "HumanEval-XL: structure"
    assert main(["index", "--out", str(out)]) == 0  # again: nothing comes twice
    assert out.read_bytes() == first


@pytest.mark.skipif(not EVALUATION, reason="KODOPIS_EVAL_DATA names no evaluation data")
def test_planted_translated_leaks_are_found() -> None:
    assert EVALUATION
    index = Index.read()
    leaks = planted(Path(EVALUATION))
    missed = [leak for leak in leaks if leak_of(leak.row, index) is None]
    assert len(leaks) == 100
    assert len(missed) <= 5, missed
