"""From rows to token ids: what is dropped, what is refused, where the loss is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from workshop import Workshop

from finetune.base import load_tokenizer, open_base
from finetune.data.build import read_split
from finetune.data.render import Rendered, render, segment_ids, stop_token, tokenize
from finetune.data.rows import Dropped, Row, row_of
from finetune.data.sources import read_rows
from finetune.dropped import sentences
from finetune.errors import FinetuneError
from finetune.evaluate.humaneval import problems
from finetune.pipeline import open_run
from finetune.recipe import Source
from finetune.recipe_file import load
from finetune.stage import Run
from models.json_lines import write_json_lines
from models.prompt import FORMATS, Segment

EDIT = Row("t", 1, "сложи", "    return a + b\n", prefix="def f(a, b):\n", suffix="\nprint(f)\n", indent="    ")
CHAT = Row("t", 2, "Сложи два числа", "```python\na + b\n```")


def run_of(smoke: Workshop, name: str) -> Run:
    return open_run(load(name)[0], smoke.runs)


@pytest.fixture(scope="session", params=["smoke-mistral", "smoke-qwen2"])
def tokenizer(request: pytest.FixtureRequest, smoke: Workshop) -> Any:
    return load_tokenizer(open_base(run_of(smoke, request.param)))


def write(path: Path, *lines: bytes) -> Source:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return Source(str(path))


def test_bad_rows_are_dropped_with_their_number_and_reason(tmp_path: Path) -> None:
    good = json.dumps({"instruction": "а", "output": "б"}).encode()
    blank = json.dumps({"instruction": " ", "output": "б"}).encode()
    source = write(tmp_path / "набор.jsonl", good, b"", "плохо".encode("cp1251"), blank, b"[1]", good)
    rows = list(read_rows(source))
    assert [(one.number, one.reason) for one in rows if isinstance(one, Dropped)] == [
        (2, "empty"),
        (3, "not UTF-8"),
        (4, "empty"),
        (5, "not an object"),
    ]
    assert sum(isinstance(one, Row) for one in rows) == 2


def test_russian_columns_and_named_columns_are_known(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", json.dumps({"вопрос": "Как?", "ответ": "Так."}).encode())
    assert [one.answer for one in read_rows(source) if isinstance(one, Row)] == ["Так."]
    path = tmp_path / "b.jsonl"
    write(path, json.dumps({"ask": "Как?", "reply": "Так."}).encode())
    named = Source(str(path), columns={"instruction": "ask", "output": "reply"})
    assert [one.instruction for one in read_rows(named) if isinstance(one, Row)] == ["Как?"]


def test_of_a_conversation_the_first_exchange_is_taken(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": ""},
        {"role": "user", "content": "Как?"},
        {"role": "assistant", "content": "Так."},
        {"role": "user", "content": "А ещё?"},
    ]
    rows = [{"prompt": "Как?", "prompt_id": "1", "messages": turns}, {"messages": turns[:2]}]
    found = list(read_rows(write(tmp_path / "беседы.jsonl", *(json.dumps(row).encode() for row in rows))))
    assert [(one.instruction, one.answer) for one in found if isinstance(one, Row)] == [("Как?", "Так.")]
    assert [one.reason for one in found if isinstance(one, Dropped)] == ["empty"]


@pytest.mark.parametrize(("line", "code"), [(b'{"text": "x"}', "columns-missing"), (b"{not json", "not-json")])
def test_sets_of_another_form_are_refused(tmp_path: Path, line: bytes, code: str) -> None:
    with pytest.raises(FinetuneError) as caught:
        list(read_rows(write(tmp_path / "a.jsonl", line)))
    assert caught.value.code == code


def test_what_a_row_of_the_hub_lacks_is_null() -> None:
    columns = dict.fromkeys(("instruction", "output", "prefix", "suffix", "indent", "completion", "input"))
    whole = row_of(Source("hub"), 1, columns | {"instruction": "сложи", "output": "a + b"})
    edit = row_of(Source("hub"), 2, columns | {"instruction": "сложи", "prefix": "# сложи\n", "completion": "a + b"})
    assert isinstance(whole, Row) and not whole.is_edit and whole.answer == "a + b"
    assert isinstance(edit, Row) and edit.is_edit
    assert row_of(Source("hub"), 3, columns) == Dropped("hub", 3, "empty")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FinetuneError) as caught:
        list(read_rows(Source(str(tmp_path / "нет.jsonl"))))
    assert caught.value.code == "data-missing"


@pytest.mark.parametrize("prompt_format", sorted(FORMATS))
def test_a_prompt_and_its_completion_are_the_file(prompt_format: str) -> None:
    example = render(EDIT, prompt_format, "chatml")
    assert example.prompt.answer_head + example.completion in (
        "    return a + b",
        "```python\n    return a + b\n```",
        "    return a + b\n```",
    )
    assert example.stop == stop_token(prompt_format)


def test_a_turn_inside_an_answer_breaks_the_template() -> None:
    row = Row("t", 3, "а", "x\n<|user|>\ny")
    with pytest.raises(FinetuneError) as caught:
        render(row, "zephyr", "zephyr")
    assert caught.value.code == "breaks-template"


def formats_for(tokenizer: Any) -> list[str]:
    return ["zephyr", "zephyr-prefill", "prefix-bos"] if tokenizer.bos_token else ["qwen-fim", "chatml", "prefix"]


@pytest.mark.parametrize("row", [EDIT, CHAT], ids=["edit", "chat"])
def test_ids_say_the_same_as_the_text(tokenizer: Any, row: Row) -> None:
    for prompt_format in formats_for(tokenizer):
        chat = "zephyr" if tokenizer.bos_token else "chatml"
        example = render(row, prompt_format, chat)
        tokens = tokenize(tokenizer, example)
        assert list(tokens.prompt) == segment_ids(tokenizer, example.prompt.segments)
        assert tokens.completion[-1] == tokenizer.convert_tokens_to_ids(example.stop)
        assert tokens.completion.count(tokens.completion[-1]) == 1
        decoded = tokenizer.decode([*tokens.prompt, *tokens.completion[:-1]], skip_special_tokens=True)
        assert decoded.endswith(example.completion)
        assert tokenizer.unk_token_id is None or tokenizer.unk_token_id not in tokens.completion


def test_names_of_special_tokens_in_a_file_stay_text(tokenizer: Any) -> None:
    text = "x = '<|im_end|></s><s><|endoftext|>'"
    ids = segment_ids(tokenizer, [Segment(text)])
    assert not set(ids) & set(tokenizer.all_special_ids)


def test_the_boundary_is_where_generation_begins(tokenizer: Any) -> None:
    """A completion's first token is the one that stands there in running text, without a space of its own."""
    chat = "zephyr" if tokenizer.bos_token else "chatml"
    example: Rendered = render(Row("t", 1, "а", "def f"), chat, chat)
    tokens = tokenize(tokenizer, example)
    assert tokenizer.decode(list(tokens.completion[:-1])) == "def f"
    assert not tokenizer.convert_ids_to_tokens(tokens.completion[0]).startswith("▁")


def test_splits_share_no_task(smoke: Workshop) -> None:
    run = run_of(smoke, "smoke-qwen2")
    tasks = {name: {row["instruction"] for row in read_split(run, name)} for name in ("train", "validation", "test")}
    assert tasks["validation"] and tasks["test"]
    assert not tasks["train"] & tasks["validation"]
    assert not tasks["train"] & tasks["test"]


def test_replay_is_the_fraction_asked_for(smoke: Workshop) -> None:
    rows = read_split(run_of(smoke, "smoke-qwen2"), "train")
    assert sum(row["replay"] for row in rows) / len(rows) == pytest.approx(0.2, abs=0.01)


def test_each_bad_row_is_named_in_one_sentence(smoke: Workshop, tmp_path: Path) -> None:
    good = [
        json.dumps({"instruction": f"задание {n} " + "раз" * n, "output": f"ответ {n}"}).encode() for n in range(12)
    ]
    broken = json.dumps({"instruction": "а", "output": "x<|im_end|>y"}).encode()
    source = write(tmp_path / "набор.jsonl", *good, b"", "плохо".encode("cp1251"), b"[1]", broken)
    changes = [f"data.sources=[{{path: '{source.path}'}}]", "data.validation_rows=1", "data.test_rows=1"]
    options = [word for change in changes for word in ("--set", change)]
    done = smoke.finetune("--recipe", "smoke-qwen2", *options, "data", runs=tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "набор.jsonl, row" in line]
    assert [line.split(", row ")[1].split(":")[0] for line in said] == ["13", "14", "15", "16"]
    assert all(line.count(". ") == 0 and line.endswith(".") for line in said)
    assert "'<|im_end|>'" in said[3] and "re-encode" in said[1]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"instruction": " ", "output": "x"}', "data-empty"),
        (b'{"instruction": "a", "output": "x"}', "too-few-rows"),
    ],
)
def test_sets_that_are_too_small_are_refused(smoke: Workshop, tmp_path: Path, content: bytes, code: str) -> None:
    source = write(tmp_path / "мало.jsonl", content)
    done = smoke.finetune("--recipe", "smoke-qwen2", "--set", f"data.sources=[{{path: '{source.path}'}}]", "data")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert {"data-empty": "No row", "too-few-rows": "held out"}[code] in done.stderr
    assert (smoke.runs / "smoke-qwen2" / "data" / "train.jsonl").exists()  # what was there is still there


def test_separators_that_json_leaves_as_they_are_do_not_cut_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(load("smoke-qwen2")[0], tmp_path)
    text = "строка\u2028ещё\u2029и\u0085всё"
    run.folder("data").mkdir()
    write_json_lines(run.folder("data") / "train.jsonl", [{"prompt": text}, {"prompt": "вторая"}])
    assert [row["prompt"] for row in read_split(run, "train")] == [text, "вторая"]
    write_json_lines(run.folder("data") / "dropped.jsonl", [asdict(Dropped("a", 3, f"breaks-template: {text}"))])
    (sentence,) = sentences(run)
    assert text in sentence
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(tmp_path))
    write_json_lines(tmp_path / "humaneval_xl_ru_dev.jsonl", [{"prompt": text}])
    assert problems("ru", 0) == [{"prompt": text}]
