"""The licence of a folder of code, from the files that say it."""

from __future__ import annotations

import re
import tomllib
from email.parser import HeaderParser
from pathlib import Path

UNKNOWN = "unknown"
_NO_NAME = "OSI Approved"
_TEXTS = (
    ("AGPL", re.compile(r"GNU AFFERO GENERAL PUBLIC|\bAGPL", re.IGNORECASE)),
    ("LGPL", re.compile(r"GNU LESSER GENERAL PUBLIC|\bLGPL", re.IGNORECASE)),
    ("GPL", re.compile(r"GNU GENERAL PUBLIC|\bGPL", re.IGNORECASE)),
    ("Apache-2.0", re.compile(r"Apache(?: Software)? License|Apache-2", re.IGNORECASE)),
    ("MPL-2.0", re.compile(r"Mozilla Public License", re.IGNORECASE)),
    ("MIT", re.compile(r"\bMIT\b|Permission is hereby granted, free of charge", re.IGNORECASE)),
    ("BSD", re.compile(r"\bBSD\b|Redistribution and use in source and binary forms", re.IGNORECASE)),
    ("Unlicense", re.compile(r"free and unencumbered software|\bunlicen[sc]e\b", re.IGNORECASE)),
)
_VERSION = re.compile(r"(?:version|GPL)[\s-]*v?(\d(?:\.\d)?)|\bv(\d(?:\.\d)?)", re.IGNORECASE)
_FILES = re.compile(r"(?:licen[sc]e|copying)(?:[.-].*)?$", re.IGNORECASE)


def licence_of(folder: Path) -> str:
    """The licence that a folder's own files name, or `unknown`."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.name == "PKG-INFO" or _FILES.match(path.name)):
            found = _in_metadata(path) if path.name == "PKG-INFO" else named(_text(path))
        elif path.name == "pyproject.toml":
            found = _in_pyproject(path)
        elif path.suffix == ".dist-info" and (path / "METADATA").is_file():
            found = _in_dist_info(path)
        else:
            continue
        if found != UNKNOWN:
            return found
    return UNKNOWN


def named(text: str) -> str:
    """The licence that a text is, or names; of the GNU licences with the version."""
    text = text[:4_000]
    name = next((name for name, pattern in _TEXTS if pattern.search(text)), UNKNOWN)
    version = _VERSION.search(text) if name.endswith("GPL") else None
    if version is None:
        return name
    number = version[1] or version[2]
    return f"{name}-{number if '.' in number else number + '.0'}"


def _in_dist_info(folder: Path) -> str:
    """What the metadata say, or the licence files that they name."""
    texts = [path for path in sorted(folder.rglob("*")) if path.is_file() and _FILES.match(path.name)]
    found = [_in_metadata(folder / "METADATA"), *(named(_text(path)) for path in texts)]
    return next((name for name in found if name != UNKNOWN), UNKNOWN)


def _in_metadata(path: Path) -> str:
    """The expression; without one, the field, and the classifiers that say something else."""
    headers = HeaderParser().parsestr(_text(path))
    expression = headers.get("License-Expression", "").strip()
    if expression:
        return expression
    field = named(headers.get("License", ""))
    said = [value.split("::")[-1].strip() for value in headers.get_all("Classifier", []) if value.startswith("License")]
    if field == UNKNOWN:
        return next((name for one in said if (name := named(one)) != UNKNOWN), UNKNOWN)
    others = [one for one in said if one != _NO_NAME and not _agree(field, named(one))]
    version = next((name for one in said if (name := named(one)).startswith(f"{field}-")), field)
    return "; classifier: ".join([version, *(one.removesuffix(" License") for one in others)])


def _agree(one: str, other: str) -> bool:
    """Whether two names are of one licence, said with its version or without."""
    return one.startswith(other) or other.startswith(one)


def _in_pyproject(path: Path) -> str:
    try:
        said = tomllib.loads(_text(path)).get("project", {}).get("license", "")
    except tomllib.TOMLDecodeError:
        return UNKNOWN
    return named(" ".join(map(str, said.values())) if isinstance(said, dict) else str(said))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
