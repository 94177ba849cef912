"""Measures that can be checked by hand, and llama.cpp's numbers against torch's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import pytest
import torch
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager
from workshop import Workshop

from finetune.base import load_model, open_base
from finetune.data.build import read_split
from finetune.evaluate.harness import METRICS, PAPER, SHOTS, GgufLM, run_tasks
from finetune.evaluate.intervals import paired_bootstrap, pass_at_k
from finetune.evaluate.perplexity import TokenSet, general_set, is_python, measure
from finetune.evaluate.stage import files_of, run_recipe_tasks
from finetune.export.stage import adapter_name, f16_name
from finetune.llama import opened
from finetune.pipeline import open_run
from finetune.recipe_file import load


def test_pass_at_k_is_the_unbiased_estimate() -> None:
    assert pass_at_k(1, 1, 1) == 1
    assert pass_at_k(10, 0, 5) == 0
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)
    assert pass_at_k(5, 4, 2) == 1


def test_the_interval_holds_a_clear_gain_and_no_gain() -> None:
    gain = paired_bootstrap([0] * 50, [1] * 25 + [0] * 25)
    assert gain.mean == 0.5 and 0.3 < gain.low < 0.5 < gain.high < 0.7
    none = paired_bootstrap([0, 1] * 25, [1, 0] * 25)
    assert none.low < 0 < none.high


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"instruction": "Write Python", "output": "nothing"}, True),
        ({"instruction": "Sum a list", "output": "def f(a):\n    return sum(a)"}, True),
        ({"instruction": "Say hello", "output": "print('hello')"}, True),
        ({"instruction": "Sum", "output": "const f = (a) => a;"}, False),
        ({"instruction": "Which?", "output": "words"}, False),
        ({"instruction": "Distinct values", "output": "The values are 3 and 5."}, False),
    ],
)
def test_the_rule_for_python(row: dict[str, str], expected: bool) -> None:
    assert is_python(row) is expected


def test_perplexity_is_torchs(smoke: Workshop) -> None:
    run = open_run(load("smoke-qwen2")[0], smoke.runs)
    rows = [row["prompt_ids"] + row["completion_ids"] for row in read_split(run, "test")[:3]]
    from dataclasses import replace

    model = load_model(replace(open_base(run), folder=run.folder("merge") / "merged", gguf=None), "fp32")
    total, count = 0.0, 0
    with torch.no_grad():
        for ids in rows:
            tokens = torch.tensor([ids])
            total += model(input_ids=tokens, labels=tokens).loss.item() * (len(ids) - 1)
            count += len(ids) - 1
    with opened(run.folder("export") / f16_name(run)) as gguf:
        found = measure(gguf, TokenSet("t", tuple((tuple(ids), 1) for ids in rows), 100))
    assert found.tokens == count
    assert found.perplexity == pytest.approx(math.exp(total / count), rel=2e-3)


def test_a_limit_of_0_takes_all_of_a_text(smoke: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(smoke.evaluation))
    run = open_run(load("smoke-qwen2")[0], smoke.runs)
    with opened(run.folder("export") / f16_name(run)) as gguf:
        whole, some = ([ids for ids, _ in next(general_set("wikitext", gguf, n)).rows] for n in (0, 100))
        assert gguf.text_of([token for ids in whole for token in ids]).count("bridge") == 40
        assert sum(map(len, some)) == 100


def test_the_harness_backend_scores_and_writes(smoke: Workshop) -> None:
    run = open_run(load("smoke-qwen2")[0], smoke.runs)
    with opened(run.folder("export") / f16_name(run)) as gguf:
        model = GgufLM(gguf)
        text = model.generate_until([_ask("generate_until", ("def ", {"until": ["\n"], "max_gen_toks": 8}))])[0]
        assert "\n" not in text
        scores = model.loglikelihood(
            [_ask("loglikelihood", ("def total(numbers):", c)) for c in ("\n    return", " zzz")]
        )
        assert scores[0][0] > scores[1][0]
        tokens = gguf.tokenize("def total(numbers):\n    return")
        head = len(gguf.tokenize("def total(numbers):"))
        assert scores[0][0] == pytest.approx(float(gguf.log_probs(tokens)[head - 1 :].sum()), abs=1e-3)
        rolling = model.loglikelihood_rolling([_ask("loglikelihood_rolling", ("def total(numbers):",))])
        assert rolling[0] < 0


def test_what_a_model_has_read_already_changes_nothing(smoke: Workshop) -> None:
    """A prompt that begins as the last one did is not read again; another adapter makes all of it new."""
    run = open_run(load("smoke-mistral")[0], smoke.runs)
    rows = read_split(run, "test")
    head = rows[0]["prompt_ids"]
    texts = [head + row["completion_ids"] for row in rows[:3]]
    adapter = run.folder("export") / adapter_name(run)
    with opened(run.folder("export") / "base-f16.gguf", exact=True) as model:
        model.set_adapter(adapter)
        fresh = [model.log_probs(text)[len(head) - 1 :] for text in texts]
        written = model.generate(head, max_tokens=8)
        again = [model.log_probs(text, len(head)) for text in reversed(texts)][::-1]
        assert [list(one) for one in again] == [pytest.approx(list(one), abs=1e-4) for one in fresh]
        assert model.generate(head, max_tokens=8) == written
        model.set_adapter(None)
        bare = model.log_probs(texts[0], len(head))
    assert list(bare) != pytest.approx(list(fresh[0]), abs=1e-3)


def test_the_tasks_are_the_harness_own() -> None:
    assert set(METRICS) == set(PAPER) == set(SHOTS)
    assert set(METRICS) <= set(TaskManager().all_tasks)


def test_the_hf_backend_runs_a_task(smoke: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_EVAL_DATA", str(smoke.evaluation))
    changes = [
        "evaluate.task_backend=hf",
        "evaluate.tasks=[gsm8k]",
        "evaluate.task_limit=1",
        "evaluate.answer_tokens=8",
    ]
    run = open_run(load("smoke-mistral", changes)[0], smoke.runs)
    found = run_recipe_tasks(run, files_of(run, open_base(run)), tmp_path)
    assert [one["value"] is not None for one in (*found["base"], *found["merged"])] == [True, True]


def test_a_task_without_data_and_hub_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (found,) = run_tasks(cast("LM", None), ["winogrande"], 1, tmp_path)
    assert found.value is None and "no hub" in found.note


def _ask(kind: str, arguments: tuple[object, ...]) -> object:
    from lm_eval.api.instance import Instance

    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)
