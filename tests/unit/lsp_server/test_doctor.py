"""What `kodopis doctor` says of an engine that serves, but not as it was meant to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lsp_server import doctor
from lsp_server.engine.base import Chunk, CompletionRequest, Timings
from lsp_server.serving.choice import Choice
from lsp_server.serving.routing import Routes
from lsp_server.serving.served import Served
from lsp_server.settings import Settings
from models.machine import Machine

TROUBLE = "Адаптер не подходит к модели."


class Quick:
    """An engine that says nothing, quickly."""

    async def tokenize(self, text: str, *, parse_special: bool = False) -> tuple[int, ...]:
        return tuple(text.encode())

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        yield Chunk("", stop_type="eos", timings=Timings(0, 10, 10.0, 10, 10.0))

    async def close(self) -> None:
        return


async def test_an_adapter_that_the_engine_refused_is_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = Choice(Settings(), "model", "Model", Routes({}), adapter_id="adapter")
    found = doctor.Findings(Machine(8 << 30, 4), "0.3", choice, Path("model.gguf"), "0" * 64, "1" * 64)

    async def serve(_: Choice) -> Served:
        return Served(Quick(), "model", "Model", {}, {}, 4096, trouble=TROUBLE)  # type: ignore[arg-type]

    monkeypatch.setattr(doctor, "choose", lambda _: choice)
    monkeypatch.setattr(doctor, "_look", lambda _: found)
    monkeypatch.setattr(doctor, "serve", serve)
    examined = await doctor.examine()
    assert examined.is_ready
    assert examined.next_step == TROUBLE
