"""How an engine's process tells others where it listens: one small JSON file only the user can read.

Owns: the file's content, its atomic writing, its reading. Used by the engine (`__main__`) and by those who look for
one (`process`).
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_ATTEMPTS = 10
_BETWEEN_ATTEMPTS_S = 0.02


@dataclass(frozen=True)
class EngineState:
    """A running engine, or one that could not start (`error` has a code then, `detail` the engine's own words)."""

    pid: int
    created: float
    port: int
    token: str
    version: str
    model: str
    error: str = ""
    detail: str = ""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def write(self, path: Path) -> None:
        """Replace the file in one step. Its mode is 0600; on Windows the user profile's own rights apply."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)  # mkstemp gives 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
            _replace(Path(name), path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def remove(self, path: Path) -> None:
        """Remove the file, unless it is another engine's by now."""
        written = EngineState.read(path)
        if written is not None and written.token == self.token:
            with contextlib.suppress(OSError):
                path.unlink()

    @staticmethod
    def read(path: Path) -> EngineState | None:
        """The state, or None where there is no file, or none that can be understood."""
        try:
            state = EngineState(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        numbers, texts = (state.pid, state.port), (state.token, state.version, state.model, state.error, state.detail)
        is_whole = isinstance(state.created, int | float) and all(isinstance(number, int) for number in numbers)
        return state if is_whole and all(isinstance(text, str) for text in texts) else None


def _replace(new: Path, old: Path) -> None:
    """Windows refuses while another process reads the old file, which takes a moment."""
    for attempt in range(_ATTEMPTS):
        try:
            new.replace(old)
        except PermissionError:
            if os.name != "nt" or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_BETWEEN_ATTEMPTS_S)
        else:
            return
