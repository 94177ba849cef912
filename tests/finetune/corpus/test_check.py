"""The checker runs tasks, reports what is wrong, and remembers what it has verified."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from finetune.corpus import __main__ as command
from finetune.corpus import check, running
from finetune.corpus.schema import load

TASK = """\
- id: files-{name}
  phrasings:
  - сложить два числа {name}
  - функция суммы
  - прибавь одно к другому, {name}
  - add для двух значений {name}
  code: |
    def add(a, b):
        return a + b
  tests: |
    assert add({values}) == {result}
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_LANG", "en")


def write(tmp_path: Path, *tasks: str) -> Path:
    path = tmp_path / "files.yaml"
    path.write_text("\n".join(tasks), encoding="utf-8")
    return path


def task(name: str, values: str = "2, 3", result: str = "5") -> str:
    text = TASK.format(name=name, values=values, result=result)
    return text.replace("функция суммы", f"функция суммы под именем {name}")


def test_a_good_task_is_run_once_and_remembered(tmp_path: Path) -> None:
    path = write(tmp_path, task("a"), task("b"))
    first = check.check([path])
    assert first.mistakes == [] and first.survivors == []
    assert (first.checked, first.killed, first.mutants) == (2, 4, 4)
    assert sorted(json.loads((tmp_path / "verified.json").read_text(encoding="utf-8"))) == ["files-a", "files-b"]

    second = check.check([path])
    assert (second.checked, second.killed, second.mutants) == (0, 4, 4)
    assert check.check([path], recheck=True).checked == 2


@pytest.mark.parametrize(
    ("old", "new", "checked"),
    [
        ("return a + b", "return b + a", 1),
        ("assert add(2, 3) == 5", "assert add(2, 4) == 6", 1),
        ("  code: |", "  context: |\n    import os  # noqa: F401\n  code: |", 1),
        ("функция суммы под", "функция для суммы под", 0),
    ],
)
def test_only_what_was_changed_is_run_again(tmp_path: Path, old: str, new: str, checked: int) -> None:
    path = write(tmp_path, task("a"), task("b"))
    check.check([path])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    report = check.check([path])
    assert report.checked == checked and report.mistakes == []


def test_a_failing_reference_is_not_verified(tmp_path: Path) -> None:
    path = write(tmp_path, task("a"), task("b", result="6"))
    report = check.check([path])
    assert [mistake.line for mistake in report.mistakes] == [13]
    assert "the tests fail on the reference: AssertionError" in report.mistakes[0].text
    assert list(report.verdicts) == list(check.read_verified(tmp_path)) == ["files-a"]


def test_a_reference_that_breaks_later_loses_its_verdict(tmp_path: Path) -> None:
    check.check([write(tmp_path, task("a"))])
    check.check([write(tmp_path, task("a", result="6"))])
    assert check.read_verified(tmp_path) == {}


def test_tests_that_see_nothing_are_reported_with_the_survivors(tmp_path: Path) -> None:
    path = write(tmp_path, task("a").replace("assert add(2, 3) == 5", "assert add"))
    report = check.check([path])
    assert report.score == 0
    assert "0 of 2 mutants" in report.mistakes[0].text
    assert len(report.survivors) == 2 and "line 2: arithmetic: a - b" in report.survivors[1]


def test_style_and_likeness_are_reported(tmp_path: Path) -> None:
    bad = task("a").replace("return a + b", "return  a+b").replace("add для двух", "сложить два")
    bad = bad.replace("  code: |\n", "  code: |\n    import os\n\n\n")
    report = check.check([write(tmp_path, bad.replace("значений", "числа"))])
    texts = [mistake.text for mistake in report.mistakes]
    assert any("not formatted" in text and "+    return a + b" in text for text in texts)
    assert any("F401" in text for text in texts)
    assert any("nearly the same" in text for text in texts)


def test_removed_tasks_are_forgotten(tmp_path: Path) -> None:
    check.check([write(tmp_path, task("a"), task("b"))])
    check.check([write(tmp_path, task("b"))])
    assert list(check.read_verified(tmp_path)) == ["files-b"]


def test_other_files_are_kept_when_one_is_checked(tmp_path: Path) -> None:
    check.check([write(tmp_path, task("a"))])
    other = tmp_path / "dates.yaml"
    other.write_text(task("z").replace("files-z", "dates-z"), encoding="utf-8")
    check.check([other])
    assert list(check.read_verified(tmp_path)) == ["dates-z", "files-a"]


def test_the_command_says_what_is_wrong_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path, task("a"))
    assert command.main(["check", "--verbose", str(good)]) == 0
    out = capsys.readouterr().out
    assert "files-a: 2/2" in out and "1 tasks, 4 phrasings" in out and "killed 2 of 2 (100.0%)" in out

    bad = write(tmp_path, task("a", result="7"))
    assert command.main(["check", str(bad)]) == 1
    assert f"{bad}:1: " in capsys.readouterr().out

    assert command.main(["check", str(tmp_path / "нет.yaml")]) == 2
    assert "нет.yaml" in capsys.readouterr().err


def test_a_weak_corpus_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "def sign(n):\n        return n > 0 and n > -5"
    weak = task("a", "1", "True").replace("def add(a, b):\n        return a + b", code).replace("add(", "sign(")
    assert command.main(["check", str(write(tmp_path, weak))]) == 1
    assert "at least 90% needed" in capsys.readouterr().out


PLACED = """\
- id: files-placed
  phrasings: [пропусти пустые, пустые строки не нужны, без пустых строк, отсеять то где пусто]
  context: |
    def kept(lines):
        found = []
        for line in lines:
  code: |2
            if not line:
                continue
  suffix: |2
            found.append(line)
        return found
  tests: |
    assert kept(["", "да"]) == ["да"]
"""


def test_code_inside_a_function_is_run_with_what_stands_around_it(tmp_path: Path) -> None:
    path = write(tmp_path, PLACED)
    report = check.check([path])
    assert report.mistakes == []
    assert (report.killed, report.mutants) == (3, 3)
    path.write_text(PLACED.replace("found.append(line)", "found.append(line.strip())"), encoding="utf-8")
    assert check.check([path]).checked == 1


def test_mutants_run_together_and_one_by_one_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (placed,), _ = load(write(tmp_path, PLACED))
    codes = [
        placed.alone,
        "if line:\n    continue\n",
        "exit()",
        "import os\nos._exit(0)",
        "print('[true]')\nif not line:\n    continue\n",
    ]
    expected = [True, False, False, False, True]
    assert running.passing(placed, codes) == expected
    monkeypatch.setattr(sys, "platform", "other")
    assert running.passing(placed, codes) == expected


PACKAGED = task("array", "2, 3", "5").replace("    def add", "    import numpy as np\n\n\n    def add")
PACKAGED = PACKAGED.replace("a + b", "int(np.sum([a, b]))").replace("  phrasings:", "  requires: [numpy]\n  phrasings:")


def test_required_packages_can_be_imported(tmp_path: Path) -> None:
    pytest.importorskip("numpy", reason="numpy is not installed")
    report = check.check([write(tmp_path, PACKAGED)])
    assert report.mistakes == [] and report.checked == 1 and report.unchecked == {}


def test_tasks_whose_package_is_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    path = write(tmp_path, PACKAGED, PLACED)
    report = check.check([path])
    assert (report.checked, report.unchecked) == (1, {"numpy": ["files-array"]})
    assert list(report.verdicts) == list(check.read_verified(tmp_path)) == ["files-placed"]
    assert command.main(["check", str(path)]) == 0
    assert "not checked, numpy is missing (pip install numpy): files-array" in capsys.readouterr().out


def test_fingerprints_cover_what_is_run(tmp_path: Path) -> None:
    tasks, _ = load(write(tmp_path, task("a"), task("b"), task("c", "1, 1", "2")))
    a, b, c = (check.fingerprint(one) for one in tasks)
    assert a == b != c
