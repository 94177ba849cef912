"""What a benchmark must not measure it refuses in a sentence, before it writes anything down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import adapter, completion, engine, humaneval
from benchmarks.chosen import adapter_name, chosen
from benchmarks.editing import __main__ as editing
from models.catalog import Catalog

BASE = "qwen2.5-coder-0.5b"
Main = Callable[[list[str]], int]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(tmp_path))
    row = '{"task_id": "python/0", "prompt": "def f():\\n", "entry_point": "f", "test": ""}\n'
    (tmp_path / "humaneval_xl_ru_dev.jsonl").write_text(row, encoding="utf-8")


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (adapter.main, ["--only", "speed"]),
        (adapter.main, ["--only", "editing", "--limit", "1", "--out"]),
        (adapter.main, ["--only", "ru", "--out"]),
        (completion.main, ["--pieces", "4", "--out"]),
        (editing.main, ["--limit", "1", "--out"]),
        (engine.main, []),
        (humaneval.main, ["--limit", "1", "--mode", "server", "--out"]),
    ],
)
def test_a_model_that_is_not_here(
    main: Main, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    arguments = [*arguments, str(out)] if arguments[-1:] == ["--out"] else arguments
    assert main(arguments) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "models get" in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("main", "arguments", "said"),
    [
        (adapter.main, ["--limit", "0"], "--limit"),
        (humaneval.main, ["--limit", "-1"], "--limit"),
        (completion.main, ["--pieces", "some"], "--pieces"),
        (editing.main, ["--only", "no-such-case"], "no-such-case"),
        (editing.main, ["--mode", "fim", "--adapter", "none"], "--mode server"),
    ],
)
def test_options_without_a_sense(
    main: Main, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scale", "-3"], "kodopis.adapterScale"),
        (["--prompt-format", "nonsense"], "nonsense"),
        (["--adapter", "none"], "--adapter"),
        (["--adapter", "no/such.gguf"], "such.gguf"),
        (["--model", "qwen2.5-coder-1.5b"], "--adapter"),
    ],
)
def test_an_adapter_that_the_server_would_do_without(
    arguments: list[str], said: str, installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapter.main(["--only", "editing", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def installed(tmp_path: Path) -> None:
    """Files of the right names and sizes: nobody reads them here."""
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    for entry in Catalog.load().entries:
        for file in entry.files:
            with (folder / file.name).open("wb") as empty:
                empty.truncate(file.size_bytes)


def test_results_of_one_file_served_in_two_ways_are_kept_apart(installed: None) -> None:
    file = Catalog.load().resolve(BASE).adapter
    assert file is not None
    ways: list[dict[str, object]] = [{}, {"adapterScale": 0.5}, {"promptFormat": "chatml"}, {"adapter": "none"}]
    names = {adapter_name(chosen({"model": BASE, **way})) for way in ways}
    assert len(names) == len(ways)
    assert adapter_name(chosen({"model": BASE, "adapter": file.id})) in names
