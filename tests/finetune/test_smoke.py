"""The whole pipeline by its command line: every stage, nothing twice, and kill -9 anywhere."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workshop import ROOT, Workshop

from finetune import pipeline
from finetune.base import load_model, open_base
from finetune.data.build import read_split
from finetune.export.convert import convert_adapter, convert_model
from finetune.llama import opened
from finetune.merge import _merge
from finetune.parity import agreement, gguf_logits
from finetune.pipeline import open_run
from finetune.recipe_file import load
from models.gguf import read_header

NAMES = ("smoke-mistral", "smoke-qwen2")


def read(smoke: Workshop, name: str, stage: str, file: str) -> Any:
    return json.loads((smoke.runs / name / stage / file).read_text(encoding="utf-8"))


def test_help_and_plan_bring_no_heavy_library() -> None:
    code = "import sys, finetune.cli; assert not {'torch', 'transformers', 'llama_cpp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_is_there(smoke: Workshop, name: str) -> None:
    hashes = json.loads((smoke.runs / name / "final_hashes.json").read_text(encoding="utf-8"))
    assert {key.split("/")[0] for key in hashes} == set(pipeline.NAMES)
    assert not [key for key in hashes if key.endswith((".png", "timing.json", "manifest.json"))]


def test_a_second_run_does_nothing(smoke: Workshop) -> None:
    done = smoke.finetune("--recipe", "smoke")
    assert done.returncode == 0, done.stderr
    assert "▸" not in done.stdout
    assert done.stdout.count("up to date") == 2 * len(pipeline.NAMES)


def test_kill_9_in_every_stage_changes_nothing(smoke: Workshop, tmp_path: Path) -> None:
    """Each stage is killed once while its partial folder is being written; the end is the same to the byte."""
    runs = tmp_path / "runs"
    folder = runs / "smoke-qwen2"
    for stage in pipeline.NAMES:
        process = subprocess.Popen(
            smoke.command("--recipe", "smoke-qwen2", runs=runs),
            cwd=ROOT,
            env=smoke.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for_stage(process, folder, stage)
        process.kill()
        process.wait()
    done = smoke.finetune("--recipe", "smoke-qwen2", runs=runs)
    assert done.returncode == 0, done.stderr
    expected = smoke.runs / "smoke-qwen2" / "final_hashes.json"
    assert json.loads((folder / "final_hashes.json").read_text()) == json.loads(expected.read_text())
    assert not list(folder.glob("*.partial"))


def _wait_for_stage(process: subprocess.Popen[bytes], folder: Path, stage: str) -> None:
    partial = folder / f"{stage}.partial"
    wanted = partial / "checkpoints" / "checkpoint-8" if stage == "train" else partial
    while process.poll() is None and not wanted.exists() and not (folder / stage).exists():
        time.sleep(0.02)


@pytest.mark.parametrize("name", NAMES)
def test_the_parity_report_passes_and_names_its_bars(smoke: Workshop, name: str) -> None:
    checks = {check["name"]: check for check in read(smoke, name, "verify", "report.json")["checks"]}
    assert all(check["passed"] for check in checks.values())
    assert int(checks["equal token ids"]["value"].split("/")[1]) >= 200
    assert checks["KLD, fp32, transformers to llama.cpp"]["value"] <= 1e-4
    assert sum(name.startswith("template") for name in checks) == 3


def test_a_requantised_model_is_labelled(smoke: Workshop) -> None:
    assert read(smoke, "smoke-qwen2", "merge", "summary.json")["requantised"]
    assert not read(smoke, "smoke-mistral", "merge", "summary.json")["requantised"]
    assert "requantised" in (smoke.runs / "smoke-qwen2" / "card" / "README.md").read_text(encoding="utf-8")


def test_merging_keeps_what_was_trained(smoke: Workshop) -> None:
    """Path B is what the adapter was trained on; the cast to fp16 costs next to nothing."""
    losses = read(smoke, "smoke-mistral", "merge", "summary.json")["held_out_loss"]
    assert losses["B"] == pytest.approx(losses["adapter_on_training_base"], rel=5e-3)
    assert losses["after_cast_to_fp16"] == pytest.approx(min(losses["A"], losses["B"]), rel=2e-3)


def test_path_a_equals_the_adapter_at_run_time(smoke: Workshop, tmp_path: Path) -> None:
    """The original 16-bit base with the adapter merged is what llama.cpp computes with the LoRA file over the base."""
    run = open_run(load("smoke-mistral")[0], smoke.runs)
    base = open_base(run)
    merged = _merge(base, run.folder("train") / "adapter", "A", "nf4")
    merged.save_pretrained(tmp_path / "merged")
    (tmp_path / "merged" / "tokenizer.model").write_bytes((base.tokenizer / "tokenizer.model").read_bytes())
    assert base.folder is not None
    convert_model(tmp_path / "merged", tmp_path / "merged.gguf", kind="f32")
    convert_model(base.folder, tmp_path / "base.gguf", kind="f32")
    convert_adapter(run.folder("train") / "adapter", base.tokenizer, tmp_path / "adapter.gguf", kind="f32")
    with opened(tmp_path / "merged.gguf", exact=True) as a, opened(tmp_path / "base.gguf", exact=True) as b:
        b.set_adapter(tmp_path / "adapter.gguf")
        rows = [row["prompt_ids"] + row["completion_ids"] for row in read_split(run, "test")[:3]]
        found = agreement((gguf_logits(a, ids), gguf_logits(b, ids)) for ids in rows)
        b.set_adapter(None)
        without = agreement((gguf_logits(a, ids), gguf_logits(b, ids)) for ids in rows)
    assert found.kld <= 1e-4
    assert found.top1 >= 0.995
    assert without.kld > 10 * found.kld


def test_a_hidden_size_not_divisible_by_256_falls_back(smoke: Workshop) -> None:
    counts = read(smoke, "smoke-qwen2", "export", "tensors.json")["counts"]
    assert "Q5_0" in counts["smoke-qwen2-q4_k_m.gguf"]
    assert "Q4_K" in read(smoke, "smoke-mistral", "export", "tensors.json")["counts"]["smoke-mistral-q4_k_m.gguf"]


@pytest.mark.parametrize("name", NAMES)
def test_the_importance_matrix_covers_all_quantised_layers(smoke: Workshop, name: str) -> None:
    weights = np.load(smoke.runs / name / "export" / "imatrix.npz")
    types = read(smoke, name, "export", "tensors.json")["types"][f"{name}-q4_k_m.gguf"]
    layers = {tensor for tensor, kind in types.items() if tensor.startswith("blk.") and kind != "F32"}
    assert layers <= set(weights.files)
    assert all((weights[tensor] >= 0).all() and weights[tensor].any() for tensor in layers)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_and_the_catalog_entry(smoke: Workshop, name: str) -> None:
    text = (smoke.runs / name / "card" / "README.md").read_text(encoding="utf-8")
    for part in ("## Files", "## Parity", "perplexity, own", "HumanEval-XL ru", "gsm8k", "Apache-2.0"):
        assert part in text
    catalog = tomllib.loads((smoke.home / "catalog.toml").read_text(encoding="utf-8"))
    entry = next(model for model in catalog["model"] if model["id"] == name)
    assert Path(entry["files"][0]["path"]).stat().st_size == entry["files"][0]["size_bytes"]
    assert entry["prompt"]["code"] == load(name)[0].model.prompt_format


@pytest.mark.parametrize("name", NAMES)
def test_the_new_model_answers_at_once(smoke: Workshop, name: str) -> None:
    ask = ["ask", "--model", name, "--json", "--max-tokens", "16", "сложи два числа"]
    done = smoke.run([sys.executable, "-m", "lsp_server", *ask])
    told = json.loads(done.stdout)
    if done.returncode:  # it was trained for seconds: what it says need not be code
        assert told["error"]["code"] == "empty_answer", told
        return
    assert told["model"] == name
    assert told["code"].strip()


def test_the_evaluation_measured_what_was_asked(smoke: Workshop) -> None:
    sets = {one["set"]: one for one in read(smoke, "smoke-qwen2", "evaluate", "perplexity.json")}
    assert set(sets) == {"own", "code", "code_alpaca", "code_alpaca_no_python", "wikitext"}
    assert sets["code_alpaca_no_python"]["note"].startswith("2 of 3 rows")
    assert sets["own"]["adapter"]["perplexity"] < sets["own"]["base"]["perplexity"]
    points = read(smoke, "smoke-qwen2", "evaluate", "pareto.json")
    assert [point["alpha"] for point in points] == [0.0, 0.5, 1.0]
    assert points[0]["wikitext"] == pytest.approx(sets["wikitext"]["base"]["perplexity"])
    assert points[-1]["own_answers"] < points[0]["own_answers"]
    tasks = read(smoke, "smoke-qwen2", "evaluate", "tasks.json")
    assert [one["value"] is not None for one in tasks["base"] + tasks["merged"]] == [True, True]
    page = (smoke.runs / "smoke-qwen2" / "evaluate" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 2


def test_code_is_asked_for_through_the_server_as_an_editor_asks(smoke: Workshop) -> None:
    found = {one["set"]: one for one in read(smoke, "smoke-mistral", "evaluate", "humaneval.json")}
    assert set(found) == {"ru, bare", "ru, through the server", "en, bare", "en, through the server"}
    assert read(smoke, "smoke-mistral", "evaluate", "skipped.json") == {}


def test_inspect_shows_tokens_and_mask(smoke: Workshop) -> None:
    done = smoke.finetune("--recipe", "smoke-mistral", "inspect", "--row", "2")
    assert done.returncode == 0, done.stderr
    row = read_split(open_run(load("smoke-mistral")[0], smoke.runs), "train")[1]
    lines = done.stdout.splitlines()
    tokens = [line.split()[1:3] for line in lines if line[:5].strip().isdigit()]
    assert [int(token) for token, _ in tokens] == row["prompt_ids"] + row["completion_ids"]
    assert sum(bit == "1" for _, bit in tokens) == len(row["completion_ids"])


def test_compare_puts_two_runs_side_by_side(smoke: Workshop) -> None:
    done = smoke.finetune("compare", *NAMES)
    assert done.returncode == 0, done.stderr
    assert "tiny:mistral" in done.stdout and "tiny:qwen2" in done.stdout
    assert "held-out loss" in done.stdout


def test_plan_counts_and_leaves_no_trace(smoke: Workshop, tmp_path: Path) -> None:
    done = smoke.finetune("--recipe", "smoke-qwen2", "plan", "--gpu", "rtx4090", runs=tmp_path / "none")
    assert done.returncode == 0, done.stderr
    assert "rtx4090" in done.stdout and "GiB" in done.stdout
    assert not (tmp_path / "none").exists()
    shape = load_model(open_base(open_run(load("smoke-qwen2")[0], smoke.runs)), "fp32").config
    assert shape.hidden_size == 96  # what the plan assumes of this base


def test_an_adapter_alone_comes_with_its_card(smoke: Workshop, tmp_path: Path) -> None:
    done = smoke.finetune("--recipe", "smoke-qwen2", "adapter", "--out", str(tmp_path / "мой-адаптер"))
    assert done.returncode == 0, done.stderr
    file = tmp_path / "мой-адаптер" / "мой-адаптер.gguf"
    assert Path(done.stdout.splitlines()[-1]) == file
    assert read_header(file).is_adapter
    card = (file.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card
    assert "seed 17" in card


def test_any_adapter_becomes_a_gguf(smoke: Workshop, tmp_path: Path) -> None:
    folder = smoke.runs / "smoke-qwen2"
    adapter, base = folder / "train" / "adapter", folder / "base" / "tokenizer"
    target = tmp_path / "адаптер.gguf"
    done = smoke.finetune("export", "--adapter", str(adapter), "--base", str(base), "--out", str(target))
    assert done.returncode == 0, done.stderr
    assert target.read_bytes()[:4] == b"GGUF"
    done = smoke.finetune("export", "--adapter", str(adapter))
    assert done.returncode == 1 and "--base" in done.stderr
    done = smoke.finetune("export", "--adapter", str(tmp_path))
    assert done.returncode == 1 and "adapter_config.json" in done.stderr
