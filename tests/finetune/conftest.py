"""One run of every stage on the tiny models, made by the real command line and shared by all tests of this folder."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from workshop import Workshop

_FOLDER = Path(__file__).parent
_WITHOUT_TRAINING = ("test_sandbox.py", "test_sandbox_guard.py")
_lacks_training = any(importlib.util.find_spec(package) is None for package in ("torch", "trl", "lm_eval"))
collect_ignore = [
    path.name for path in _FOLDER.glob("test_*.py") if _lacks_training and path.name not in _WITHOUT_TRAINING
]


def pytest_report_header() -> str:
    """Say in one line what is left out."""
    if not collect_ignore:
        return "finetune: all tests"
    return f"finetune: {len(collect_ignore)} test files skipped, training is an extra: pip install -e '.[finetune]'"


def _write_lines(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _evaluation_data(folder: Path) -> None:
    """Data of the evaluation sets' forms, with contents of our own."""
    folder.mkdir()
    problem = {
        "task_id": "python/0",
        "prompt": 'def add(a: int, b: int) -> int:\n    """Сложи два числа.\n    >>> add(1, 2)\n    3\n    """\n',
        "entry_point": "add",
        "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
        "canonical_solution": "    return a + b\n",
    }
    for language in ("ru", "en"):
        _write_lines(folder / f"humaneval_xl_{language}_dev.jsonl", [problem])
    sums = [{"question": f"What is {n} plus 1?", "answer": f"{n} + 1 = {n + 1}\n#### {n + 1}"} for n in range(24)]
    _write_lines(folder / "gsm8k_test.jsonl", sums)
    alpaca = [
        {"instruction": "Write a Python function.", "input": "", "output": "def f():\n    return 1"},
        {"instruction": "Add two numbers in JavaScript.", "input": "", "output": "const add = (a, b) => a + b;"},
        {"instruction": "Which sorts are stable?", "input": "", "output": "Merge sort and insertion sort."},
    ]
    (folder / "code_alpaca_2k.json").write_text(json.dumps(alpaca), encoding="utf-8")
    (folder / "wikitext2_test.txt").write_text(
        "The old bridge was built of stone in the north .\n" * 40, encoding="utf-8"
    )


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """An empty home and the evaluation data. The name has Cyrillic and a space: so may a user's."""
    folder = tmp_path_factory.mktemp("мастерская дообучения")
    _evaluation_data(folder / "evaluation")
    return Workshop(folder / "home", folder / "runs", folder / "evaluation")


@pytest.fixture(scope="session")
def smoke(workshop: Workshop) -> Workshop:
    """The workshop after `python -m finetune --recipe smoke`: both recipes, every stage."""
    done = workshop.finetune("--recipe", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return workshop
