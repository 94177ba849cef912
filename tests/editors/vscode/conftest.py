"""The workbench for the tests of the VS Code extension."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from . import setup
from .workbench import ARTIFACTS, CHROMIUM_ARGUMENTS, Workbench
from .world import EXTENSION, ROOT, CodeServer, World, install_extension, scripted, wait_for

LONGEST = """def longest(words):
    best = ""
    for word in words:
        if len(word) > len(best):
            best = word
    return best
"""
ANSWERS = f'''
[[answer]]
match = "Объясни по-русски"
text = """
Функция возвращает **самую длинную** строку списка.

1. Запоминает пустую строку.
2. Проходит по всем строкам списка.
3. Если строка длиннее запомненной, запоминает её.

```python
longest(["кот", "собака"])  # 'собака'
```
"""
delay_ms = 80

[[answer]]
match = "Исправь этот код"
text = """```python
def half(number):
    return number / 2
```
"""

[[answer]]
match = "Напиши docstring"
text = "Возвращает самую длинную строку списка."

[[answer]]
match = "Напиши тесты"
text = """```python
from слова import longest


def test_longest():
    assert longest(["a", "abc"]) == "abc"
```
"""

[[answer]]
match = "медленно складывает"
text = """def slow(first, second):
    total = first + second
    print(total)
    if total < 0:
        total = -total
    for step in range(3):
        total += step
    return total
"""
delay_ms = 150

[[answer]]
match = "самую длинную"
text = """{LONGEST}"""
delay_ms = 20

[[answer]]
match = "total ="
text = " sum(numbers)\\n"
delay_ms = 5
'''

# The unit tests' hub and the Neovim tests' editor, whichever tests are run.
sys.path.append(str(ROOT / "tests"))

StartServer = Callable[..., CodeServer]
OpenWindow = Callable[..., Workbench]
OpenEditor = Callable[..., tuple[Workbench, Path]]


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
    return install_extension(tmp_path_factory.mktemp("extensions"), tmp_path_factory.mktemp("installing"))


@pytest.fixture(scope="session")
def wheels(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the server and its engine's host need, as somebody would carry it into a closed network.

    llama-cpp-python alone is not there: it takes minutes to compile.
    """
    folder = tmp_path_factory.mktemp("пакеты для сервера")
    [wheel] = (EXTENSION / "wheel").glob("*.whl")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    engine = [needed for needed in project["optional-dependencies"]["engine"] if "llama" not in needed]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder), str(wheel), *engine]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="package")
def browser(workbench_ready: None) -> Iterator[Browser]:
    """A browser to show the workbench in. Not longer than these tests: its event loop is in the way of asyncio's."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=setup.chromium(), args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def world(extensions: Path, tmp_path: Path) -> World:
    """A home and a folder of its own for each test; tests set it up further before they start anything in it."""
    return World(root=tmp_path, extensions=extensions)


@pytest.fixture
def endpoint(world: World) -> Iterator[tuple[str, str]]:
    """A model server that runs already: its address and its key."""
    script, state = world.root / "ответы.toml", world.root / "endpoint.json"
    script.write_text(ANSWERS, encoding="utf-8")
    command = [sys.executable, "-m", "lsp_server.engine", "--scripted", str(script), "--state-file", str(state)]
    process = subprocess.Popen(command)

    def told() -> dict[str, object]:
        return json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}

    try:
        found = wait_for(told, "the model server's address")
        yield f"http://127.0.0.1:{found['port']}", str(found["token"])
    finally:
        process.kill()
        process.wait()


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


@pytest.fixture(scope="package")
def shared_server(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """One code-server, with the scripted engine, for the tests that leave it as it was."""
    root = tmp_path_factory.mktemp("shared")
    server = CodeServer(World(root, extensions, scripted(root / "ответы.toml", ANSWERS)))
    yield server
    server.close()


@pytest.fixture
def open_window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenWindow]:
    """Opens windows; a picture of the end of each is kept, and the extension's log."""
    windows: list[Workbench] = []
    name = str(request.node.name).removeprefix("test_")

    def open_it(server: CodeServer, file: Path | None = None, folder: Path | None = None) -> Workbench:
        windows.append(Workbench(browser, server, f"{name}-{len(windows)}" if windows else name, file, folder))
        return windows[-1]

    yield open_it
    for window in windows:
        window.shoot("end")
        window.close()
    if windows:
        (ARTIFACTS / f"{name}.log").write_text(windows[0].log(), encoding="utf-8")


@pytest.fixture
def editor(shared_server: CodeServer, open_window: OpenWindow, request: pytest.FixtureRequest) -> OpenEditor:
    """Opens a window on a file of the shared server, the cursor at the end.

    The window has a folder of its own, as VS Code brings back what was not saved in a folder's last window.
    """

    def open_editor(text: str = "") -> tuple[Workbench, Path]:
        folders = (shared_server.world.folder / f"{request.node.name} {n}" for n in itertools.count(1))
        file = next(folder for folder in folders if not folder.exists()) / "слова.py"
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        window = open_window(shared_server, file, file.parent)
        window.wait_for_status("ответы|ожидает")
        window.go_to_end()
        return window, file

    return open_editor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A journey through a browser gets a second try: on a busy machine it may be slower than its own limits.

    What was tried again stands in the report; `-p no:rerunfailures` shows what passes at once.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.flaky(reruns=1))
