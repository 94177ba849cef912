"""Screening candidates: the tiny adapter at two scales, beside its base."""

from __future__ import annotations

import re
import subprocess
import sys

from workshop import Workshop


def _screen(smoke: Workshop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return smoke.run([sys.executable, "-m", "benchmarks.screen", *arguments])


def test_scales_are_screened_beside_the_base(smoke: Workshop) -> None:
    run = smoke.runs / "smoke-qwen2"
    model, adapter = run / "base" / "start-q4_k_m.gguf", run / "train" / "adapter"
    options = ("--model", str(model), "--adapter", str(adapter), "--limit", "4")
    done = _screen(smoke, *options, "--scale", "0.5", "--scale", "1")
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(.+): \d+ of (\d+), ", done.stdout, re.MULTILINE)
    assert [name for name, _ in found] == ["base", f"{adapter} × 0.5", f"{adapter} × 1"]
    assert {count for _, count in found} == {found[0][1]}
    assert int(found[0][1]) >= 4


def test_a_model_that_is_not_there_is_said_in_a_sentence(smoke: Workshop) -> None:
    adapter = smoke.runs / "smoke-qwen2" / "train" / "adapter"
    done = _screen(smoke, "--model", "qwen2.5-coder-0.5b", "--adapter", str(adapter))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "qwen2.5-coder-0.5b" in done.stderr


def test_a_folder_without_an_adapter_is_said_in_a_sentence(smoke: Workshop) -> None:
    done = _screen(smoke, "--adapter", str(smoke.runs))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "adapter_config.json" in done.stderr
