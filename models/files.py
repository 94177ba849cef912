"""Paths as people write them, and files that are replaced whole."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: Path) -> Path:
    """A path with `~` resolved. `~name` of nobody stays as it is: it may be the name of a file."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises for a name of nobody


def replace_text(path: Path, text: str) -> None:
    """Write a file so that readers see the old one or the new one. What fails, on a full disk, leaves nothing."""
    if path.is_symlink():
        path = path.resolve()  # a catalog kept elsewhere, with other settings: the link stays one
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
