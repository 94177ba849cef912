"""The licence of a folder of code, from the files that say it."""

from __future__ import annotations

import re
import tomllib
from email.parser import HeaderParser
from pathlib import Path

UNKNOWN = "unknown"
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
_FILES = re.compile(r"(?:licen[sc]e|copying)(?:[.-].*)?$", re.IGNORECASE)


def licence_of(folder: Path) -> str:
    """The licence that a folder's own files name, or `unknown`."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.name == "PKG-INFO" or _FILES.match(path.name)):
            found = _in_metadata(path) if path.name == "PKG-INFO" else named(_text(path))
        elif path.name == "pyproject.toml":
            found = _in_pyproject(path)
        elif path.suffix == ".dist-info" and (path / "METADATA").is_file():
            found = _in_metadata(path / "METADATA")
        else:
            continue
        if found != UNKNOWN:
            return found
    return UNKNOWN


def named(text: str) -> str:
    """The licence that a text is, or names."""
    return next((name for name, pattern in _TEXTS if pattern.search(text[:4_000])), UNKNOWN)


def _in_metadata(path: Path) -> str:
    headers = HeaderParser().parsestr(_text(path))
    classifiers = " ".join(value for value in headers.get_all("Classifier", []) if value.startswith("License"))
    said = [headers.get("License-Expression", ""), headers.get("License", ""), classifiers]
    return next((found for text in said if (found := named(text)) != UNKNOWN), UNKNOWN)


def _in_pyproject(path: Path) -> str:
    try:
        said = tomllib.loads(_text(path)).get("project", {}).get("license", "")
    except tomllib.TOMLDecodeError:
        return UNKNOWN
    return named(" ".join(map(str, said.values())) if isinstance(said, dict) else str(said))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
