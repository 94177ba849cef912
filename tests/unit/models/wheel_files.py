"""Wheels that carry parts of a file, made without any build tool."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_part_wheel(folder: Path, n: int, part: bytes, member: str = "") -> Path:
    """Write `kodopis-probe-part{n}` 1.0, which holds `part` at `*/data/part{n:02}.bin` unless `member` is given."""
    name = f"kodopis_probe_part{n}"
    info = f"{name}-1.0.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('a part was imported')")
        archive.writestr(member or f"{name}/data/part{n:02}.bin", part)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: kodopis-probe-part{n}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel
