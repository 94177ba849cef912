"""The workbench for the tests of the VS Code extension."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from . import setup
from .workbench import ARTIFACTS, CHROMIUM_ARGUMENTS, ROOT, CodeServer, Workbench, World

EXTENSION = ROOT / "vscode-extension"

StartServer = Callable[..., CodeServer]
OpenWindow = Callable[..., Workbench]


@pytest.fixture(scope="session")
def workbench_ready() -> None:
    """code-server is on this machine; brought there if it is not."""
    missing = setup.missing_packages()
    if missing:
        why = "VS Code tests need these Debian packages: " + " ".join(missing)
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    setup.install()


@pytest.fixture(scope="session")
def extensions(workbench_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of extensions with ours in it, installed from the vsix that users get."""
    npm = str(shutil.which("npm"))
    if not (EXTENSION / "node_modules").is_dir():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=EXTENSION, check=True)
    subprocess.run([npm, "run", "--silent", "package"], cwd=EXTENSION, check=True)
    folder = tmp_path_factory.mktemp("extensions")
    [vsix] = EXTENSION.glob("*.vsix")
    command = ["node", str(setup.entry()), "--extensions-dir", str(folder), "--user-data-dir", str(folder / "data")]
    subprocess.run([*command, "--install-extension", str(vsix)], check=True)
    return folder


@pytest.fixture
def browser(workbench_ready: None) -> Iterator[Browser]:
    """A browser to show the workbench in."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=setup.chromium(), args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def world(extensions: Path, tmp_path: Path) -> World:
    """A home and a folder of its own for each test; tests set it up further before they start anything in it."""
    return World(root=tmp_path, extensions=extensions)


@pytest.fixture
def start_server(world: World) -> Iterator[StartServer]:
    """Starts code-server in the test's world, and stops it in the end."""
    with ExitStack() as stack:

        def start(settings: dict[str, Any] | None = None) -> CodeServer:
            world.settings.update(settings or {})
            server = CodeServer(world)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def open_window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenWindow]:
    """Opens windows; where the test fails, a picture of each is kept."""
    windows: list[Workbench] = []
    name = str(request.node.name).removeprefix("test_")

    def open_it(server: CodeServer, file: Path | None = None) -> Workbench:
        windows.append(Workbench(browser, server, name, file))
        return windows[-1]

    yield open_it
    for window in windows:
        window.shoot("end")
        (ARTIFACTS / f"{name}.log").write_text(window.log(), encoding="utf-8")
        window.close()
