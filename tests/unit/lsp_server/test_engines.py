from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server import engines
from lsp_server.choice import Choice, choose
from lsp_server.features import build_server
from lsp_server.settings import Settings


async def test_settings_that_come_while_a_model_is_chosen_are_the_ones_chosen_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    older, newer = (Settings(model=f"scripted:{tmp_path / 'script.toml'}", n_ctx=n_ctx) for n_ctx in (2048, 1024))
    made = build_server().engines
    made.configure(older)

    def choose_slowly(settings: Settings) -> Choice:
        made.configure(newer)
        return choose(settings)

    monkeypatch.setattr(engines, "choose", choose_slowly)
    assert (await made._choice()).settings == newer
