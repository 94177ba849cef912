"""The first meeting: what is offered, what goes wrong, what helps."""

from __future__ import annotations

import pytest

from .conftest import OpenWindow, StartServer
from .workbench import World

pytestmark = pytest.mark.editor


def test_installation_is_offered_once(world: World, start_server: StartServer, open_window: OpenWindow) -> None:
    file = world.folder / "main.py"
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n", encoding="utf-8")
    window = open_window(start_server({"kodopis.language": "ru"}), file)
    assert "Кодопись установит свой сервер" in window.wait_for_notice("Кодопись")
    assert window.wait_for_status("не установлена")
    window.shoot("offer")
