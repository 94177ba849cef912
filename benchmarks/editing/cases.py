"""The editing cases: how they are written, and how a case with an answer becomes a program that checks it.

Cases are YAML files under `dev/` (to tune by), `test/` (held out) and `confirm/` (held out, written after those of
`test/` had seen the candidates that they are for). One case:

- `id`, `kind`, `tags`;
- `file`: the file's text. The marker `‸` stands alone on the line where the code goes, with or without the
  indentation a person has typed already;
- `reference`: code that fits there, written without its outer indentation;
- `check`: Python that runs after the completed file and raises where the behaviour is wrong;
- `cells`: earlier cells of a notebook, where `file` is the current cell;
- `files`: files the program finds in its working directory;
- `newline: crlf` and `indent: tab`: the file has these instead of `\\n` and four spaces.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

MARKER = "‸"
ROOT = Path(__file__).parent
KINDS = frozenset({"function", "method", "class", "mid-block", "module", "one-liner", "docstring", "notebook"})

Split = Literal["dev", "test", "confirm"]


class CaseError(ValueError):
    """A case file that cannot be used: which case, and what is wrong with it."""


@dataclass(frozen=True)
class EditingCase:
    """One case. `before` ends at the start of the cursor's line, `after` starts with the next line.

    `typed` is the whitespace that already stands on the cursor's line; `indent` is where the code belongs.
    `reference` is whole lines, indented, with the file's line ends.
    """

    id: str
    split: Split
    kind: str
    tags: tuple[str, ...]
    before: str
    typed: str
    after: str
    indent: str
    reference: str
    check: str
    cells: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The document as the editor has it when it asks."""
        return self.before + self.typed + self.after

    @property
    def line(self) -> int:
        """The cursor's line, from 0. Its column is the length of `typed`."""
        return self.before.count("\n")

    def complete(self, code: str) -> str:
        """The file with `code` in place of the cursor's line. `code` is whole lines, indentation and all."""
        newline = "\r\n" if "\r\n" in self.before else "\n"
        if code and not code.endswith("\n"):
            code += newline
        after = self.after.removeprefix("\r\n").removeprefix("\n")
        return self.before + code + after

    def program(self, document: str) -> str:
        """What runs in the sandbox: earlier cells, the finished document, the check."""
        parts = [*self.cells, document, self.check]
        return "\n".join(part.replace("\r\n", "\n") for part in parts)


def load(split: Split | Literal["all"] = "all", root: Path = ROOT) -> list[EditingCase]:
    """All cases of a split, in the order of their files. Raises CaseError."""
    splits: tuple[Split, ...] = get_args(Split) if split == "all" else (split,)
    cases = [
        _case(raw, one)
        for one in splits
        for path in sorted((root / one).glob("*.yaml"))
        for raw in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    ids = [case.id for case in cases]
    if repeated := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise CaseError(f"ids used twice: {', '.join(repeated)}")
    return cases


def _case(raw: Mapping[str, Any], split: Split) -> EditingCase:
    known = {"id", "kind", "tags", "file", "reference", "check", "cells", "files", "newline", "indent"}
    if unknown := set(raw) - known:
        raise CaseError(f"{raw.get('id')}: unknown keys {sorted(unknown)}")
    if raw["kind"] not in KINDS:
        raise CaseError(f"{raw['id']}: unknown kind {raw['kind']}")
    lines = raw["file"].splitlines(keepends=True)
    at = [number for number, line in enumerate(lines) if MARKER in line]
    if len(at) != 1 or lines[at[0]].strip() != MARKER:
        raise CaseError(f"{raw['id']}: one marker, alone on its line, is needed")
    typed = lines[at[0]].split(MARKER)[0]
    above = next(line for line in reversed(lines[: at[0]]) if line.strip())
    indent = typed or above[: len(above) - len(above.lstrip())]
    shape = _Layout(tabs=raw.get("indent") == "tab", crlf=raw.get("newline") == "crlf")
    return EditingCase(
        id=raw["id"],
        split=split,
        kind=raw["kind"],
        tags=tuple(raw.get("tags", ())),
        before=shape.apply("".join(lines[: at[0]])),
        typed=shape.apply(typed),
        after=shape.apply("\n" + "".join(lines[at[0] + 1 :]) if at[0] + 1 < len(lines) else ""),
        indent=shape.apply(indent),
        reference=shape.apply(textwrap.indent(raw["reference"], indent)),
        check=raw["check"],
        cells=tuple(raw.get("cells", ())),
        files=raw.get("files", {}),
    )


@dataclass(frozen=True)
class _Layout:
    """Tabs and line ends: written in YAML as spaces and `\\n`, so that people can see and edit them."""

    tabs: bool
    crlf: bool

    def apply(self, text: str) -> str:
        if self.tabs:
            text = "".join(_tabbed(line) for line in text.splitlines(keepends=True))
        return text.replace("\n", "\r\n") if self.crlf else text


def _tabbed(line: str) -> str:
    n_spaces = len(line) - len(line.lstrip(" "))
    return "\t" * (n_spaces // 4) + " " * (n_spaces % 4) + line[n_spaces:]
