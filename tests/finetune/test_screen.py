"""Screening candidates: the tiny adapter at two scales, beside its base."""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from workshop import Workshop

from benchmarks import screen
from lsp_server.engine.process import running_engines, stop_engine


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


def test_the_line_ends_of_a_file_are_no_shaping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    script = tmp_path / "script.toml"
    script.write_text('[[answer]]\nmatch = "."\ntext = "pass"\n', encoding="utf-8")
    options = argparse.Namespace(model=f"scripted:{script}", limit=None)

    async def ask() -> list[screen.Asked]:
        try:
            return await screen._ask("qwen-fim", options)
        finally:
            for engine in running_engines(tmp_path / "engine"):
                await stop_engine(engine.path, engine.state)

    asked = [one for one in asyncio.run(ask()) if "\r\n" in one.case.before]
    said = [one.case.reference.replace("\r\n", "\n").removeprefix(one.plan.prompt.answer_head) for one in asked]
    found = [screen._check(one, (text, True)) for one, text in zip(asked, said, strict=True)]
    assert found
    assert [(one.passed, one.is_as_said) for one in found] == [(True, True)] * len(found)
