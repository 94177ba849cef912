"""The runners, over the real server and the scripted engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import adapter, humaneval
from benchmarks.client import BenchmarkEditor
from benchmarks.console import BenchmarkError
from benchmarks.editing import __main__ as editing
from benchmarks.editing import cases
from benchmarks.editing.report import report as editing_report
from benchmarks.records import Records
from lsp_server.engine.process import running_engines, stop_engine

SCRIPT = """
[[answer]]
match = "переключи"
text = "```python\\nself.on = not self.on\\n```\\n"

[[answer]]
match = "последнее слово"
text = "return full_name"

[[answer]]
match = "сумму двух"
text = "    return first + second\\n"

[[answer]]
match = "сложи числа ячейки"
text = "total = first + second\\n"
"""


@pytest.fixture
async def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    home = tmp_path / "Дом Ивана"
    home.mkdir()
    monkeypatch.setenv("KODOPIS_HOME", str(home))
    script = home / "script.toml"
    script.write_text(SCRIPT, encoding="utf-8")
    yield f"scripted:{script}"
    for engine in running_engines(home / "engine"):
        await stop_engine(engine.path, engine.state)


async def test_the_editor_applies_what_the_server_answers(scripted: str) -> None:
    editor = BenchmarkEditor({"model": scripted})
    await editor.start()
    try:
        head = 'ёж = "🦔🦔"\r\n\r\n\r\ndef add(first, second):\r\n    # верни сумму двух чисел 🦔\r\n'
        text = head + "    \r\n\r\n\r\nx = 1\r\n"
        reply = await editor.complete(editor.open(text), text, 5, 4)
        expected = text.replace("🦔\r\n    \r\n", "🦔\r\n    return first + second\r\n")
        assert reply.document == expected
        assert reply.problems == ()
        cell = "# сложи числа ячейки\n"
        reply = await editor.complete(editor.open(cell, cells=["first, second = 1, 2\n"]), cell, 1, 0)
        assert reply.document == cell + "total = first + second"
    finally:
        await editor.stop()
    assert editor.start_ms > 0


async def test_a_run_is_judged_written_down_and_taken_up_again(scripted: str, tmp_path: Path) -> None:
    import asyncio

    out = tmp_path / "runs" / "results.jsonl"
    arguments = ["--model", scripted, "--only", "one-", "--out", str(out), "--limit", "14"]
    assert await asyncio.to_thread(editing.main, arguments) == 0
    rows = {row["case"]: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert rows["one-invert-flag"]["passed"] and not rows["one-invert-flag"]["has_fence_or_chatter"]
    assert not rows["one-last-word"]["passed"] and rows["one-last-word"]["answer"].strip() == "return full_name"
    assert rows["one-swap"]["is_empty"]
    before = out.read_text(encoding="utf-8")
    assert await asyncio.to_thread(editing.main, arguments) == 0
    assert out.read_text(encoding="utf-8") == before


async def test_asking_by_hand_takes_the_fences_off(scripted: str) -> None:
    from benchmarks.by_hand import BareModel
    from benchmarks.editing import ask

    case = next(case for case in cases.load() if case.id == "one-invert-flag")
    bare = await BareModel.of(scripted)
    try:
        by_chat = await ask.ask_by_hand(case, "chat", bare)
        by_prefix = await ask.ask_by_hand(case, "prefix", bare)
    finally:
        await bare.close()
    assert by_chat.answer == "self.on = not self.on\n"
    assert not by_prefix.passed and by_prefix.has_fence_or_chatter and by_prefix.is_shape_lost


def test_missing_evaluation_data_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("KODOPIS_EVAL_DATA", raising=False)
    assert humaneval.main([]) == 2
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(tmp_path))
    assert humaneval.main(["--language", "en"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("KODOPIS_EVAL_DATA" in line for line in said)


def test_a_task_of_humaneval_is_loaded_and_its_answer_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finetune.evaluate import sandbox

    row = {
        "task_id": "python/0",
        "prompt": "def twice(x):\n    '''Удвоить.'''\n",
        "entry_point": "twice",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    }
    (tmp_path / "humaneval_xl_ru_dev.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(tmp_path))
    (task,) = humaneval.load("ru")
    assert sandbox.run(task.program(task.prompt + "    return 2 * x")).passed
    assert not sandbox.run(task.program(task.prompt + "    return x")).passed


def test_the_report_names_every_way_and_the_verdict() -> None:
    rows = [
        {"mode": mode, "passed": passed, "n_generated": 10, "wall_ms": 100.0}
        for mode, passed in [("server", True), ("prefix", False), ("fim", True), ("chat", True)]
    ]
    text = humaneval.report("m", "ru", 1, rows)
    assert "prefix, by hand    0   0.0%" in text and "server ≥ 1: reached" in text


def test_the_report_on_an_adapter_pairs_both_and_leaves_line_ends_out_of_shaping() -> None:
    def row(raw: str, answer: str, *, passed: bool = True) -> dict[str, object]:
        counts = {"n_generated": 8, "n_shown": 4, "wall_ms": 100.0}
        return {"raw": raw, "answer": answer, "passed": passed, **counts}

    base = row("x", "x", passed=False)
    pairs = [
        adapter.Pair("function", base, row("    a\n    b\n", "    a\r\n    b")),
        adapter.Pair("function", base, row("a\n# b", "a")),
        adapter.Pair("class", row("a", "a"), row("a\n```", "a") | {"wall_ms": 50.0}),
    ]
    text = "\n".join(adapter.report("cases", pairs))
    assert "33.3%  100.0%  +66.7" in text
    assert "generated / shown: 2.00 | 2.00" in text
    assert "both pass (1), adapter / base: 0.50" in text
    assert "no shaping: 66.7% of 3" in text


def test_half_a_line_of_a_killed_run_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    Records(path).add("k", {"x": 1})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "half')
    assert Records(path).get("k") == {"key": "k", "x": 1}
    assert Records(path).get("half") is None
    Records(path).add("next", {"x": 2})
    assert Records(path).get("next") == {"key": "next", "x": 2}


def test_a_line_separator_inside_a_row_does_not_lose_it(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    row = Records(path).add("k", {"answer": "до\u2028после"})
    assert Records(path).get("k") == row


async def test_what_the_server_says_before_it_is_asked_is_not_lost(scripted: str) -> None:
    text = "# сложи числа ячейки\n"
    editor = BenchmarkEditor({"model": scripted, "maxTokens": "много"})
    await editor.start()
    try:
        first = await editor.complete(editor.open(text), text, 1, 0)
        second = await editor.complete(editor.open(text), text, 1, 0)
    finally:
        await editor.stop()
    assert ["kodopis.maxTokens" in problem for problem in first.problems] == [True]
    assert second.problems == ()


async def test_a_request_that_reaches_no_model_is_no_empty_answer(scripted: str) -> None:
    text = "# сложи числа ячейки\n"
    editor = BenchmarkEditor({"model": scripted, "promptFormat": "nonsense"})
    await editor.start()
    try:
        with pytest.raises(BenchmarkError, match="nonsense"):
            await editor.complete(editor.open(text), text, 1, 0)
    finally:
        await editor.stop()


def test_the_median_of_two_times_is_between_them() -> None:
    row = {"kind": "class", "split": "dev", "passed": True, "problems": [], "has_fence_or_chatter": False}
    row |= {"is_empty": False, "n_shown": 1, "n_generated": 1, "raw": "x", "is_shape_lost": None}
    assert "median 2.00 s" in editing_report([row | {"wall_ms": 1000.0}, row | {"wall_ms": 3000.0}], "server", "m")


def test_the_report_on_an_adapter_says_what_the_servers_said() -> None:
    row = {"passed": True, "n_generated": 8, "n_shown": 4, "wall_ms": 100.0, "raw": "a", "answer": "a"}
    text = "\n".join(adapter.report("cases", [adapter.Pair("", row, row | {"problems": ["Адаптер не подходит."]})]))
    assert "the server of the adapter said: Адаптер не подходит." in text
