"""What the user was asked once and allowed: remote endpoints, by address."""

from __future__ import annotations

import json
from pathlib import Path

from filelock import FileLock

from models.home import data_home

_FILE = "allowed-endpoints.json"
_LOCK_TIMEOUT_S = 10.0


def is_allowed(endpoint: str, home: Path | None = None) -> bool:
    """Whether the user allowed sending code there."""
    return endpoint in _read(home)


def allow(endpoint: str, home: Path | None = None) -> None:
    """Remember that the user allowed it."""
    path = (home or data_home()) / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S):  # another window may be allowing another endpoint
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps([*_read(home), endpoint], ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)


def _read(home: Path | None) -> list[str]:
    try:
        found = json.loads(((home or data_home()) / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(endpoint) for endpoint in found] if isinstance(found, list) else []
