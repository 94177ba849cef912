from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from lsprotocol import types

from e2e.harness import TestEditor, toml_script
from lsp_server.engine.process import running_engines, stop_engine


class StartEditor(Protocol):
    """Starts an editor on an engine with these answers."""

    def __call__(
        self,
        *answers: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        encoding: str = "utf-16",
        script: Mapping[str, Any] | None = None,
        capabilities: Callable[[TestEditor], types.ClientCapabilities] | None = None,
        trusted: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Awaitable[TestEditor]: ...


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory of its own; its name holds what paths may hold."""
    path = tmp_path / "Иван П"
    path.mkdir()
    return path


@pytest_asyncio.fixture
async def start(home: Path) -> AsyncIterator[StartEditor]:
    """Editors with scripted engines; all are stopped in the end, and their engines."""
    editors: list[TestEditor] = []

    async def start_editor(
        *answers: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        encoding: str = "utf-16",
        script: Mapping[str, Any] | None = None,
        capabilities: Callable[[TestEditor], types.ClientCapabilities] | None = None,
        trusted: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> TestEditor:
        path = home / "script.toml"
        if answers or script or not path.exists():
            path.write_text(toml_script(*answers, **(script or {})), encoding="utf-8")
        editor = TestEditor(home, encoding)
        editors.append(editor)
        given = {"model": f"scripted:{path}", **(settings or {})}
        able = capabilities(editor) if capabilities else None
        await editor.start(given, capabilities=able, trusted=trusted, environment=environment)
        return editor

    yield start_editor
    for editor in editors:
        if editor.client._server is not None and editor.client._server.returncode is None:
            await editor.stop()
    await asyncio.gather(*(stop_engine(engine.path, engine.state) for engine in running_engines(home / "engine")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the specification does not allow is a failure."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"))
