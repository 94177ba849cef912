"""What the tiny adapter learned and forgot: both models asked the same answers, after prompts of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from workshop import Workshop

from benchmarks.forgetting import own_answers
from finetune.data.rows import Row
from finetune.llama import opened
from finetune.pipeline import open_run
from finetune.recipe_file import load

TASKS = [
    Row("t", 1, "сложи два числа", "def add(a, b):\n    return a + b", is_task=True, group="add"),
    Row("t", 2, "выведи сумму", "total = sum(values)\nprint(total)", "values = [1, 2]", is_task=True, group="sum"),
]


def _run(smoke: Workshop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return smoke.run([sys.executable, "-m", "benchmarks.forgetting", *arguments])


def _files(smoke: Workshop) -> tuple[Path, Path]:
    run = smoke.runs / "smoke-qwen2"
    (adapter,) = (run / "export").glob("*adapter.gguf")
    return run / "base" / "start-q4_k_m.gguf", adapter


def _recipe_with_tasks(folder: Path) -> Path:
    path = folder / "tasks.yaml"
    path.write_text("extends: smoke-qwen2\ndata:\n  sources: [{path: corpus, limit: 100}]\n", encoding="utf-8")
    return path


def test_scales_are_measured_and_drawn(smoke: Workshop, tmp_path: Path) -> None:
    model, adapter = _files(smoke)
    out, plot = tmp_path / "found.jsonl", tmp_path / "found.png"
    recipe = _recipe_with_tasks(tmp_path)
    options = ("--model", str(model), "--adapter", str(adapter), "--recipe", str(recipe), "--name", "tiny")
    done = _run(
        smoke, *options, "--scale", "0", "--scale", "1", "--tokens", "400", "--out", str(out), "--plot", str(plot)
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^scale (\S+), wikitext", done.stdout, re.MULTILINE) == ["0", "1"]
    nothing, all_of_it = (json.loads(line)["sets"] for line in out.read_text(encoding="utf-8").splitlines())
    for name in ("wikitext", "code_alpaca"):
        assert nothing[name]["adapter"] == nothing[name]["base"]
        assert all_of_it[name]["adapter"] != all_of_it[name]["base"]
        assert all_of_it[name]["base"] == nothing[name]["base"]
    assert nothing["own answers"]["tokens"] > 100
    assert nothing["own answers"]["adapter"] != all_of_it["own answers"]["adapter"]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_same_tokens_count_whatever_the_prompt(smoke: Workshop) -> None:
    model, _ = _files(smoke)
    recipe = open_run(load("smoke-qwen2")[0], smoke.runs).recipe
    with opened(model) as gguf:
        fim, chat = own_answers(gguf, TASKS, recipe, ("qwen-fim", "chatml-prefill"))
        scored = [[gguf.text_of(ids[start:]) for ids, start in one.rows] for one in (fim, chat)]
    assert scored[0] == scored[1]
    assert len(scored[0]) == len(TASKS)
    assert any("return a + b" in text for text in scored[0])
    assert [ids[:start] for ids, start in fim.rows] != [ids[:start] for ids, start in chat.rows]


def test_a_model_without_an_adapter_is_said_in_a_sentence(smoke: Workshop) -> None:
    model, _ = _files(smoke)
    done = _run(smoke, "--model", str(model))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--adapter" in done.stderr


def test_a_recipe_without_tasks_is_no_perplexity_of_one(smoke: Workshop) -> None:
    model, adapter = _files(smoke)
    done = _run(smoke, "--model", str(model), "--adapter", str(adapter), "--recipe", "smoke-qwen2")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--recipe" in done.stderr and not done.stdout


def test_sets_that_are_not_here_are_named(smoke: Workshop, tmp_path: Path) -> None:
    model, adapter = _files(smoke)
    elsewhere = replace(smoke, evaluation=tmp_path)
    options = ("--model", str(model), "--adapter", str(adapter), "--recipe", str(_recipe_with_tasks(tmp_path)))
    done = _run(elsewhere, *options)
    assert done.returncode == 0, done.stderr
    assert "own answers" in done.stdout
    assert {"wikitext", "code_alpaca"} <= set(re.findall(r"^(\w+): not measured", done.stderr, re.MULTILINE))
    done = _run(elsewhere, *options, "--plot", str(tmp_path / "found.png"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "wikitext2_test.txt" in done.stderr


def test_a_model_that_is_not_here_is_no_damaged_one(smoke: Workshop) -> None:
    done = _run(smoke)
    assert done.returncode == 2
    assert "models get" in done.stderr
