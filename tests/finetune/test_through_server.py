"""HumanEval through the server, as the training pipeline measures it: over the real server and the scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from finetune.evaluate.humaneval import through_server
from lsp_server.engine.process import running_engines, stop_engine

ROW = {
    "task_id": "python/0",
    "prompt": 'def twice(x):\n    """Удвой число.\n    """',
    "entry_point": "twice",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}


@pytest.fixture
async def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    script = tmp_path / "script.toml"
    script.write_text('[[answer]]\nmatch = "."\ntext = "    return 2 * x\\n"\n', encoding="utf-8")
    yield f"scripted:{script}"
    for engine in running_engines(tmp_path / "engine"):
        await stop_engine(engine.path, engine.state)


async def test_the_answer_goes_below_a_prompt_without_a_line_end(scripted: str) -> None:
    for row in (ROW, ROW | {"prompt": ROW["prompt"] + "\n"}):
        answered = await asyncio.to_thread(through_server, [row], {"model": scripted})
        assert not isinstance(answered, str)
        assert [one.passed for one in answered] == [(True,)]


async def test_a_server_that_reaches_no_model_is_a_reason_and_no_failed_answer(scripted: str) -> None:
    answered = await asyncio.to_thread(through_server, [ROW], {"model": scripted, "promptFormat": "nonsense"})
    assert isinstance(answered, str)
    assert "nonsense" in answered
