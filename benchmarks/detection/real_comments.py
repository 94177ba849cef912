"""Russian comments in published packages: how often does detection fire where nobody has asked for anything?

Downloads pinned wheels with pip (unpacked as data, never installed or imported) and puts the cursor behind every
Russian comment, as the code stands.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PACKAGES = (
    "apimoex==1.4.0",
    "natasha==1.6.0",
    "navec==0.10.0",
    "pymorphy2==0.9.1",
    "pytils==0.4.4",
    "razdel==0.5.0",
    "russian-names==0.1.2",
    "rutimeparser==1.1.1",
    "slovnet==0.6.0",
    "vk_api==11.10.1",
    "yandex-music==3.2.2",
)

Where = Literal["own line", "trailing"]

_CYRILLIC = re.compile("[а-яёА-ЯЁ]")


@dataclass(frozen=True)
class RealComment:
    """One comment block (own line) or remark behind code (trailing). Lines from 0, inclusive."""

    path: str
    lines: tuple[str, ...]
    first: int
    last: int
    where: Where


def download(directory: Path) -> None:
    """Fetch what is missing into `directory`. Raises CalledProcessError where pip cannot."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, "--no-deps", "--only-binary=:all:", "--dest", str(directory), *PACKAGES],
        check=True,
        stderr=subprocess.DEVNULL,  # warnings about the user's own index settings
    )


def comments(directory: Path) -> Iterator[RealComment]:
    """Every Russian comment of every wheel in `directory`; neighbouring comment lines are one block."""
    for wheel in sorted(directory.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".py"):
                    yield from _of_file(f"{wheel.name}/{name}", archive.read(name))


def _of_file(path: str, content: bytes) -> Iterator[RealComment]:
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (UnicodeDecodeError, tokenize.TokenError, SyntaxError):
        return  # Python 2, or not text: not what one edits today
    lines = tuple(io.StringIO(text))  # as tokenize counts them: `splitlines` would cut at form feeds too
    own: dict[int, int] = {}  # line → column
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        row, column = token.start[0] - 1, token.start[1]
        if not token.line[:column].strip():
            own[row] = column
        elif _CYRILLIC.search(token.string):
            yield RealComment(path, lines, row, row, "trailing")
    first = None
    for row in sorted(own):
        first = row if first is None else first
        if own.get(row + 1) == own[row]:
            continue
        if _CYRILLIC.search("".join(lines[first : row + 1])):
            yield RealComment(path, lines, first, row, "own line")
        first = None
