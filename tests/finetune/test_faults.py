"""What a user meets that no code can mend is one sentence; what can be mended is."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerControl, TrainerState

from finetune import verify
from finetune.base import open_base, prepare
from finetune.dropped import require_rows
from finetune.errors import FinetuneError
from finetune.evaluate import stage as evaluation
from finetune.inspection import inspect
from finetune.outside import base_hashes
from finetune.pipeline import open_run
from finetune.recipe_file import load
from finetune.stage import Run
from finetune.train.stage import lora_config, require_finite, tensorboard, training_arguments
from models.messages import set_language


@pytest.fixture(autouse=True)
def english() -> Any:
    set_language("en")
    yield
    set_language(None)


def run_of(folder: Path, *changes: str) -> Run:
    return open_run(load("smoke-qwen2", changes)[0], folder / "runs")


@pytest.mark.parametrize("base", ["пустая", "gguf:мусор.gguf"])
def test_a_base_that_is_none_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("пустая").mkdir()
    Path("мусор.gguf").write_bytes(b"something else" * 99)
    Path("made").mkdir()
    with pytest.raises(FinetuneError) as caught:
        prepare(run_of(tmp_path, f"model.base={base}"), Path("made"))
    assert caught.value.code == "base-unreadable"
    assert base in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("base", ["./нет", "~/нет/такой", "/нет", "Z:/нет"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path: Path, base: str) -> None:
    (tmp_path / "made").mkdir()
    with pytest.raises(FinetuneError) as caught:
        prepare(run_of(tmp_path, f"model.base={base}"), tmp_path / "made")
    assert caught.value.code == "base-folder-missing"


def test_a_base_may_lie_under_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / "base").mkdir()
    (tmp_path / "base.gguf").write_bytes(b"GGUF")
    for name in ("base", "base.gguf"):
        prefix = "gguf:" if name.endswith(".gguf") else ""
        hashes = [base_hashes(run_of(tmp_path, f"model.base={prefix}{at}/{name}").recipe) for at in ("~", tmp_path)]
        assert hashes[0] == hashes[1]


def test_a_run_from_another_machine_finds_its_base_here(tmp_path: Path) -> None:
    here = tmp_path / "base.gguf"
    here.write_bytes(b"GGUF")
    run = run_of(tmp_path, f"model.base=gguf:{here.as_posix()}")
    run.folder("base").mkdir(parents=True)
    local = {"weights": str(tmp_path / "elsewhere" / "base.gguf"), "inside": False, "pre_tokenizer": ""}
    (run.folder("base") / "local.json").write_text(json.dumps(local), encoding="utf-8")
    assert open_base(run).gguf == here


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_data_of_which_nothing_is_left_are_refused(tmp_path: Path, part: str) -> None:
    run = run_of(tmp_path)
    run.folder("data").mkdir(parents=True)
    rows = {"train": 9, "validation": 2, "test": 2, part: 0}
    (run.folder("data") / "summary.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    for refuses in (require_rows, inspect):
        if refuses is inspect and part != "train":
            continue
        with pytest.raises(FinetuneError) as caught:
            refuses(run)
        assert caught.value.code == "split-empty"
        assert part in str(caught.value)


@pytest.mark.parametrize("best", [None, math.inf, math.nan])
def test_a_loss_that_is_no_number_makes_no_adapter(best: float | None) -> None:
    with pytest.raises(FinetuneError) as caught:
        require_finite(TrainerState(global_step=9, best_metric=best))
    assert caught.value.code == "diverged"
    require_finite(TrainerState(global_step=9, best_metric=0.5))


@pytest.mark.parametrize(
    ("targets", "part"),
    [
        (("q_proj", "v_prj"), "'v_prj' will not do, needed: down_proj | gate_proj"),
        (("q_proj", "norm"), "'norm' will not do"),
        (".*v_prj", "'.*v_prj' will not do"),
        ("*", "'*' will not do"),
        (".*_head|.*q_proj", "cannot carry this (lm_head)"),
        ((), "lora.target_modules"),
    ],
    ids=str,
)
def test_layers_that_cannot_be_adapted_are_refused(tmp_path: Path, targets: Any, part: str) -> None:
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_key_value_heads": 2}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=16, num_hidden_layers=1, **shape))
    recipe = run_of(tmp_path).recipe
    with pytest.raises(FinetuneError) as caught:
        lora_config(replace(recipe, lora=replace(recipe.lora, target_modules=targets)), model)
    assert caught.value.code == "recipe-invalid"
    assert part in str(caught.value)
    for right in ("all-linear", ("q_proj", "self_attn.v_proj"), ".*[qv]_proj"):
        assert lora_config(replace(recipe, lora=replace(recipe.lora, target_modules=right)), model)


def test_tensorboards_log_outlives_the_checkpoints(tmp_path: Path) -> None:
    recipe = run_of(tmp_path, "train.tensorboard=true").recipe
    arguments = training_arguments(recipe, tmp_path)
    callback, state, control = tensorboard(tmp_path), TrainerState(global_step=1), TrainerControl()
    callback.on_train_begin(arguments, state, control)
    callback.on_log(arguments, state, control, logs={"loss": 1.0})
    callback.on_train_end(arguments, state, control)
    assert list((tmp_path / "tensorboard").glob("events*"))
    assert arguments.report_to == []


def test_the_longest_row_fits_where_it_is_measured(tmp_path: Path) -> None:
    short, long = (run_of(tmp_path, f"data.max_tokens={n}").recipe for n in (512, 6000))
    assert (verify.context_tokens(short), evaluation.context_tokens(short)) == (2048, 4096)
    assert verify.context_tokens(long) == 6000
    assert evaluation.context_tokens(long) == 6000 + long.evaluate.answer_tokens
