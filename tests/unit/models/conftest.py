"""What the tests of `models` share: a home with a Cyrillic name, small GGUF files, and two real vocabularies."""

from __future__ import annotations

import importlib.metadata
import os
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

from models.catalog import Catalog
from models.messages import set_language
from models.store import Store

from .fetching import HUB, Fetcher, cut
from .hub_server import Hub, HubServer
from .model_files import Vocabulary, write_gguf
from .wheel_files import write_part_wheel

LLAMA = "llama-cpp-python"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of a user named Иван, with spaces in it."""
    folder = tmp_path / "Иван Петров" / "кодопись"
    monkeypatch.setenv("KODOPIS_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def russian() -> Any:
    set_language("ru")
    yield
    set_language(None)


@pytest.fixture
def commands(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m models …` as a user does."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KODOPIS_HOME": str(home), "KODOPIS_LANG": "ru", "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-m", "models", *arguments]
        encoding = variables.get("PYTHONIOENCODING", "utf-8")
        environment.update(variables)
        return subprocess.run(
            command, env=environment, capture_output=True, encoding=encoding, timeout=120, check=False
        )

    return run


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """The file to fetch: a GGUF with 3 MB of noise behind it."""
    path = write_gguf(tmp_path / "source.gguf", {"general.architecture": "qwen2"})
    return path.read_bytes() + random.Random(0).randbytes(3_000_000)


@pytest.fixture
def hub(content: bytes) -> Hub:
    return Hub(content)


@pytest.fixture
def server(hub: Hub) -> Iterator[HubServer]:
    with HubServer(hub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        hub.go_on.set()
        server.shutdown()


@pytest.fixture
def wheels(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three wheels whose parts are the file, and pip's configuration to look only there."""
    folder = tmp_path / "колёса"
    for n, part in enumerate(cut(content), start=1):
        write_part_wheel(folder, n, part)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": folder.as_uri(), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


@pytest.fixture
def fetcher(home: Path, content: bytes) -> Fetcher:
    return Fetcher(home, content)


@pytest.fixture
def at_hub(fetcher: Fetcher, server: HubServer) -> Fetcher:
    fetcher.endpoint = server.url
    fetcher.describe(HUB)
    return fetcher


@pytest.fixture(scope="session")
def installed_path() -> Path:
    """The real 0.5B model."""
    store, entry = Store(), Catalog.load(user=False).resolve("qwen2.5-coder-0.5b")
    if not store.is_installed(entry):
        pytest.skip("the 0.5B model is not installed: python -m models get qwen2.5-coder-0.5b")
    return store.path(entry)


@pytest.fixture(scope="session")
def qwen(installed_path: Path) -> Vocabulary:
    return Vocabulary(installed_path)


@pytest.fixture(scope="session")
def llama_spm() -> Vocabulary:
    """The vocabulary of Zephyr's kind, from llama.cpp's source distribution; fetched once per machine."""
    version = importlib.metadata.version(LLAMA)
    kept = user_cache_path("kodopis-tests", appauthor=False) / version / "ggml-vocab-llama-spm.gguf"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _take_from_sdist(version, kept)
    return Vocabulary(kept)


def _take_from_sdist(version: str, kept: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--no-binary={LLAMA}"]
    command += ["--dest", str(kept.parent), f"{LLAMA}=={version}"]
    if subprocess.run(command, check=False).returncode:
        pytest.skip(f"pip does not get the source distribution of {LLAMA} {version}, which holds Zephyr's vocabulary")
    (archive,) = kept.parent.glob("*.tar.gz")
    with tarfile.open(archive) as sources:
        member = next(name for name in sources.getnames() if name.endswith(f"/models/{kept.name}"))
        file = sources.extractfile(member)
        assert file is not None
        temporary = kept.with_suffix(".tmp")
        temporary.write_bytes(file.read())
        temporary.replace(kept)
    archive.unlink()
