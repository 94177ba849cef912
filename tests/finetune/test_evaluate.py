"""Measures that can be checked by hand, and llama.cpp's numbers against torch's."""

from __future__ import annotations

import math

import pytest
import torch
from workshop import Workshop

from finetune.base import load_model, open_base
from finetune.data.build import read_split
from finetune.evaluate.harness import GgufLM
from finetune.evaluate.intervals import paired_bootstrap, pass_at_k
from finetune.evaluate.perplexity import TokenSet, is_python, measure
from finetune.export.stage import f16_name
from finetune.llama import opened
from finetune.pipeline import open_run
from finetune.recipe import load


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


def _ask(kind: str, arguments: tuple[object, ...]) -> object:
    from lm_eval.api.instance import Instance

    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)
