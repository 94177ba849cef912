"""What an engine serves, and by which name others find it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import platformdirs

from lsp_server import messages
from lsp_server.errors import EngineError

_IDENTITY_CHARACTERS = 16


def state_dir() -> Path:
    """Where engines of this user leave their state: `$KODOPIS_HOME/engine`, else in the user's data directory."""
    home = os.environ.get("KODOPIS_HOME")
    return (Path(home) if home else platformdirs.user_data_path("kodopis", appauthor=False)) / "engine"


@dataclass(frozen=True)
class EngineSpec:
    """A model with its adapters, and how it is held in memory. `scripted` names a script instead of a model.

    Windows whose specs agree share one engine. `n_threads` 0: all physical cores; `n_gpu_layers` -1: all that fit.
    """

    model_path: Path | None = None
    adapters: tuple[Path, ...] = ()
    n_ctx: int = 4096
    n_threads: int = 0
    n_gpu_layers: int = -1
    scripted: Path | None = None

    def identity(self) -> str:
        """A short hash of all that makes two engines different: the files as they are now, the numbers, our version.

        Raises:
            EngineError: `model_missing` where a file is not there.
        """
        parts = [
            [_fingerprint(path) for path in (self.source, *self.adapters)],
            [self.n_ctx, self.n_threads, self.n_gpu_layers, self.scripted is not None],
            version("kodopis"),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_IDENTITY_CHARACTERS]

    @property
    def source(self) -> Path:
        """The model's file, or the script."""
        path = self.scripted or self.model_path
        if path is None:
            raise ValueError("a spec needs a model or a script")
        return path

    def arguments(self) -> list[str]:
        """The command line of the engine's process."""
        kind = "--scripted" if self.scripted else "--model"
        arguments = [kind, str(self.source.resolve())]
        for adapter in self.adapters:
            arguments += ["--lora", str(adapter.resolve())]
        numbers = {"--n-ctx": self.n_ctx, "--n-threads": self.n_threads, "--n-gpu-layers": self.n_gpu_layers}
        return arguments + [f"{name}={value}" for name, value in numbers.items()]


def _fingerprint(path: Path) -> list[str | int]:
    try:
        path = path.resolve()
        stat = path.stat()
    except OSError as error:
        raise EngineError("model_missing", messages.MODEL_FILE_MISSING, path=path) from error
    return [str(path), stat.st_size, stat.st_mtime_ns]
