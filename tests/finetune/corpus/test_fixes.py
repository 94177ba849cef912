"""A fix is one whose tests pass on the fixed code and fail on the broken code; what was shown is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune.corpus import CORPUS_DIR, FIXES, fixes, ran
from finetune.corpus import __main__ as command

FIX = """\
- id: fixes-{name}
  error: "NameError: name 'х' is not defined"
  broken: |
    def {name}(a, b)
        return a - b
  fixed: |
    def {name}(a, b):
        return a + b
  tests: |
    assert {name}(2, 3) == 5
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_LANG", "en")


def write(tmp_path: Path, *entries: str) -> Path:
    path = tmp_path / FIXES
    path.write_text("\n".join(entries), encoding="utf-8")
    return path


def test_a_good_fix_is_run_once_and_remembered(tmp_path: Path) -> None:
    path = write(tmp_path, FIX.format(name="total"))
    assert fixes.check(path) == (1, [], 1)
    assert list(json.loads((tmp_path / ran.RAN).read_text(encoding="utf-8"))) == ["fixes-total"]
    assert fixes.check(path) == (1, [], 0)
    assert fixes.check(path, recheck=True) == (1, [], 1)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("assert total(2, 3) == 5", "assert True", "pass on the broken code too"),
        ("return a + b", "return a * b", "does not run to its end: AssertionError"),
        ("return a + b", "return  a+b", "not formatted"),
        ("        return a + b", "        import os\n        return a + b", "F401"),
        ("def total(a, b):", "def total(a, b)", '"fixed" is not Python'),
        ("assert total(2, 3) == 5", "total(2, 3)", "no assert"),
        ("fixes-total", "total", "must look like"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, part: str) -> None:
    text = FIX.format(name="total").replace("(a, b)\n", "(a, b):\n", 1)
    assert old in text
    head, found, tail = text.rpartition(old)
    _, mistakes, _ = fixes.check(write(tmp_path, head + new + tail))
    assert found and any(part in mistake.text for mistake in mistakes), mistakes


def test_a_fix_that_no_longer_holds_is_forgotten(tmp_path: Path) -> None:
    good = FIX.format(name="total")
    fixes.check(write(tmp_path, good))
    fixes.check(write(tmp_path, good.replace("a + b", "a * b")))
    assert ran.read_ran(tmp_path) == {}


def test_repetitions_are_reported(tmp_path: Path) -> None:
    one = FIX.format(name="total")
    _, mistakes, _ = fixes.check(write(tmp_path, one, one, one.replace("fixes-total", "fixes-other")))
    assert [(mistake.line, mistake.text.split(";")[0]) for mistake in mistakes] == [
        (12, f'the id "fixes-total" is taken: {FIXES}:1'),
        (23, '"fixes-other" nearly repeats "fixes-total"'),
    ]


def test_the_command_checks_the_file_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FIX.format(name="total"))
    assert command.main(["check", str(path)]) == 0
    assert f"{FIXES}: 1 entries, checked now 1" in capsys.readouterr().out
    assert command.main(["check", str(write(tmp_path, FIX.format(name="total").replace("a + b", "a * b")))]) == 1


def test_the_committed_fixes_have_been_run_as_they_stand() -> None:
    found, mistakes = fixes.load(CORPUS_DIR / FIXES)
    assert mistakes == [] and fixes.alike_mistakes(found) == []
    assert len(found) >= 100
    remembered = ran.read_ran(CORPUS_DIR)
    assert [fix.id for fix in found if remembered.get(fix.id) != fix.claim.hash] == []
