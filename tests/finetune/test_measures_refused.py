"""Measures that run in the extras' environment refuse what makes no sense before they begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import data, training


@pytest.mark.parametrize("arguments", [["--steps", "1"], ["--rows", "0"], ["--threads", "-1"]])
def test_a_speed_of_training_needs_a_second_step(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main(arguments)
    assert arguments[0] in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("recipe", "said"), [("nosuch", "nosuch"), ("smoke", "smoke-qwen2")])
def test_a_recipe_that_is_not_one(recipe: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert training.main(["--recipe", recipe, "--runs", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_the_tasks_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(tmp_path))
    assert data.main(["--rows", "0"]) == 2
    found = capsys.readouterr()
    assert "KODOPIS_EVAL_DATA" in found.err and not found.out
