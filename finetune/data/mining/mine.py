"""Pairs from a folder of Python code, as a set that a recipe can name.

python -m finetune.data mine FOLDER --out pairs.jsonl

Reads, and never runs, what it finds. Beside the pairs stands `<out>.report.json`: pairs per thousand lines, licences,
and why every other docstring and comment was left out.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from tqdm import tqdm

from finetune.data.mining.licence import UNKNOWN, licence_of
from finetune.data.mining.pairs import Pair, pairs_in
from finetune.data.mining.private import private_in
from finetune.errors import FinetuneError
from finetune.messages import LICENCE_UNKNOWN, MINE_DONE, MINE_EMPTY, MINE_MISSING
from finetune.stage import write_json

MOST_BYTES = 1_000_000
_SKIPPED = frozenset(
    {".git", ".hg", ".venv", "venv", "env", "node_modules", "__pycache__", "build", "dist", "site-packages", ".tox"}
)
_ASYNC = re.compile(r"\b(?:async|await)\s+")


@dataclass
class Count:
    """What was found. `dropped`: reason → how often; `licences`: name → files."""

    files: int = 0
    lines: int = 0
    pairs: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)

    @property
    def per_1000_lines(self) -> float:
        """Pairs for every thousand lines of Python."""
        return round(1000 * self.pairs.total() / self.lines, 2) if self.lines else 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("pairs.jsonl"))


def run(options: argparse.Namespace) -> int:
    """The command: returns the exit status.

    Raises:
        FinetuneError: `mine-missing`, `mine-empty`.
    """
    if not options.folder.is_dir():
        raise FinetuneError("mine-missing", MINE_MISSING, path=options.folder)
    count = Count()
    scratch = options.out.with_name(options.out.name + ".new")
    with scratch.open("w", encoding="utf-8") as stream:
        for row in rows(options.folder, count):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    if not count.pairs:
        scratch.unlink()
        raise FinetuneError("mine-empty", MINE_EMPTY, path=options.folder, files=count.files, lines=count.lines)
    scratch.replace(options.out)
    tree = {**vars(count), "per_1000_lines": count.per_1000_lines}
    write_json(options.out.with_name(options.out.name + ".report.json"), tree)
    licences = ", ".join(f"{name}: {files}" for name, files in count.licences.most_common())
    print(MINE_DONE(pairs=count.pairs.total(), files=count.files, rate=count.per_1000_lines, licences=licences,
                    out=options.out))  # fmt: skip
    if count.licences[UNKNOWN]:
        print(LICENCE_UNKNOWN(path=options.folder, licence=UNKNOWN), file=sys.stderr)
    return 0


def rows(folder: Path, count: Count) -> Iterator[dict[str, object]]:
    """The pairs of all files, each as a set's row, each once."""
    seen: set[tuple[str, str]] = set()
    for path in tqdm(sorted(_files(folder)), unit="file", leave=False):
        text = _text(path)
        if text is None:
            count.dropped["file not readable"] += 1
            continue
        licence = _nearest_licence(path, folder)
        count.files += 1
        count.lines += text.count("\n")
        count.licences[licence] += 1
        for pair in pairs_in(text, count.dropped):
            reason = _reason(pair, seen)
            if reason:
                count.dropped[reason] += 1
                continue
            count.pairs[pair.kind] += 1
            where = path.relative_to(folder).as_posix()
            yield {**asdict(pair), "path": where, "licence": licence}


def _reason(pair: Pair, seen: set[tuple[str, str]]) -> str | None:
    key = (pair.instruction, _ASYNC.sub("", pair.completion))
    if key in seen:
        return "a repeat"
    seen.add(key)
    return private_in(f"{pair.prefix}\n{pair.completion}\n{pair.suffix}")


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            path = Path(place) / name
            if path.suffix == ".py" and not path.is_symlink():
                yield path


def _text(path: Path) -> str | None:
    """A file's text in the encoding that it declares."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        raw = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return raw.decode(encoding)
    except (OSError, UnicodeDecodeError, SyntaxError, LookupError):
        return None


@cache
def _licence_of(folder: Path) -> str:
    return licence_of(folder)


def _nearest_licence(path: Path, folder: Path) -> str:
    for place in path.parents:
        found = _licence_of(place)
        if found != UNKNOWN or place == folder:
            return found
    return UNKNOWN
