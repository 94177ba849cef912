"""The tasks as data: reads `<domain>.yaml`, and lists everything that is wrong with its form, with lines."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import yaml

from . import messages
from .packages import PACKAGES

KEYS = ("id", "phrasings", "requires", "context", "code", "suffix", "tests")
LITERAL_KEYS = ("context", "code", "suffix", "tests")
OPTIONAL_KEYS = frozenset({"requires", "context", "suffix"})
LEAST_PHRASINGS = 4
MOST_LINE_CHARS = 120


@dataclass(frozen=True)
class Task:
    """One task. `line` is where it begins in `path`.

    The file that the code belongs to is `context`, `code`, `suffix`, one after the other, each with the indentation it
    has in that file; the instruction stands between `context` and `code`. The tests run after `suffix`, at the end of
    the module. `requires` are the third-party packages that the file or the tests import.
    """

    id: str
    phrasings: tuple[str, ...]
    code: str
    tests: str
    context: str
    path: Path
    line: int
    suffix: str = ""
    requires: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """The domain is the file's name."""
        return self.path.stem

    @property
    def indent(self) -> str:
        """The whitespace before the first line of the code; empty at the level of the module."""
        return self.code[: len(self.code) - len(self.code.lstrip())]

    @property
    def alone(self) -> str:
        """The code without its indentation."""
        return textwrap.dedent(self.code)


@dataclass(frozen=True)
class Mistake:
    """Something to mend, at a line (1-based) of a corpus file."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def load(path: Path) -> tuple[list[Task], list[Mistake]]:
    """Read one file: the tasks whose form is right, and all mistakes of the others."""
    nodes, mistakes = read_nodes(path)
    tasks: list[Task] = []
    for node in nodes:
        found = [Mistake(path, line, text) for line, text in _mistakes_of(node, path.stem)]
        mistakes += found
        if not found:
            tasks.append(_task(node, path))
    return tasks, mistakes


def read_nodes(path: Path) -> tuple[list[yaml.Node], list[Mistake]]:
    """The entries of a corpus file, whatever their form, or the mistake that keeps it from being read."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        reason = getattr(error, "problem", None) or str(error)
        return [], [Mistake(path, line, messages.UNREADABLE(reason=reason))]
    if not isinstance(root, yaml.SequenceNode):
        return [], [Mistake(path, 1, messages.NOT_A_LIST())]
    return list(root.value), []


def load_all(paths: list[Path]) -> tuple[list[Task], list[Mistake]]:
    """Read several files; an id may appear once in all of them."""
    tasks: list[Task] = []
    mistakes: list[Mistake] = []
    for path in paths:
        loaded, wrong = load(path)
        mistakes += wrong
        tasks += loaded
    unique, repeats = without_repeats(tasks)
    return unique, mistakes + repeats


class Entry(Protocol):
    """Anything with an id, somewhere in a corpus file."""

    @property
    def id(self) -> str:
        """Its name, used once."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def line(self) -> int:
        """Where it begins, counted from 1."""


E = TypeVar("E", bound=Entry)


def without_repeats(entries: Iterable[E]) -> tuple[list[E], list[Mistake]]:
    """The entries whose id was not seen before, and a mistake for each of the others."""
    seen: dict[str, E] = {}
    mistakes = []
    for entry in entries:
        first = seen.setdefault(entry.id, entry)
        if first is not entry:
            where = f"{first.path.name}:{first.line}"
            mistakes.append(Mistake(entry.path, entry.line, messages.DUPLICATE_ID(id=entry.id, where=where)))
    return list(seen.values()), mistakes


def _task(node: yaml.Node, path: Path) -> Task:
    fields = {key.value: value for key, value in node.value}
    return Task(
        id=fields["id"].value,
        phrasings=tuple(one.value.strip() for one in fields["phrasings"].value),
        code=fields["code"].value,
        tests=fields["tests"].value,
        context=fields["context"].value if "context" in fields else "",
        path=path,
        line=line_of(node),
        suffix=fields["suffix"].value if "suffix" in fields else "",
        requires=tuple(one.value for one in fields["requires"].value) if "requires" in fields else (),
    )


def line_of(node: yaml.Node) -> int:
    """Where an entry or a field begins, counted from 1."""
    return int(node.start_mark.line) + 1


def _mistakes_of(node: yaml.Node, domain: str) -> Iterator[tuple[int, str]]:
    fields, mistakes = read_fields(node, KEYS, OPTIONAL_KEYS)
    for key in KEYS:
        if key in fields:
            mistakes += _field_mistakes(key, fields[key], domain)
    yield from mistakes or _module_mistakes(fields)


def read_fields(
    node: yaml.Node, keys: tuple[str, ...], optional: frozenset[str] = frozenset()
) -> tuple[dict[str, yaml.Node], list[tuple[int, str]]]:
    """The fields of an entry by key, and what is wrong with the keys, each with its line."""
    if not isinstance(node, yaml.MappingNode):
        return {}, [(line_of(node), messages.NOT_A_TASK())]
    fields: dict[str, yaml.Node] = {}
    mistakes: list[tuple[int, str]] = []
    for key, value in node.value:
        if key.value in fields:
            mistakes.append((line_of(key), messages.DUPLICATE_KEY(key=key.value)))
        elif key.value not in keys:
            mistakes.append((line_of(key), messages.UNKNOWN_KEY(key=key.value, known=", ".join(keys))))
        fields[key.value] = value
    for key in keys:
        if key not in fields and key not in optional:
            mistakes.append((line_of(node), messages.MISSING_KEY(key=key)))
    return fields, mistakes


def _field_mistakes(key: str, node: yaml.Node, domain: str) -> Iterator[tuple[int, str]]:
    if key == "phrasings":
        yield from _phrasing_mistakes(node)
        return
    if key == "requires":
        yield from _package_mistakes(node)
        return
    yield from text_mistakes(key, node, domain)
    if key in LITERAL_KEYS and filled(node):
        yield from code_mistakes(key, node, whole=key in ("code", "tests"))


def filled(node: yaml.Node) -> bool:
    """Whether a field holds text that is not blank."""
    return _is_text(node) and bool(node.value.strip())


def text_mistakes(key: str, node: yaml.Node, domain: str) -> Iterator[tuple[int, str]]:
    """What is wrong with a field that holds text, and with the form of an id."""
    if not _is_text(node):
        yield line_of(node), messages.NOT_TEXT(key=key)
    elif not filled(node):
        yield line_of(node), messages.EMPTY(key=key)
    elif key == "id" and not re.fullmatch(rf"{re.escape(domain)}(-[a-z0-9]+)+", node.value):
        yield line_of(node), messages.BAD_ID(id=node.value, domain=domain)


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"


def code_mistakes(key: str, node: yaml.Node, *, whole: bool = True) -> Iterator[tuple[int, str]]:
    """What is wrong with a field that holds Python, at the line of the file; `whole` where it is Python by itself."""
    assert isinstance(node, yaml.ScalarNode)
    if node.style != "|":
        yield line_of(node), messages.NOT_LITERAL(key=key)
        return
    try:
        tree = ast.parse(textwrap.dedent(node.value) if whole else "")
    except SyntaxError as error:
        yield line_of(node) + (error.lineno or 1), messages.BAD_SYNTAX(key=key, reason=error.msg)
        return
    if key == "tests" and not any(isinstance(one, ast.Assert) for one in ast.walk(tree)):
        yield line_of(node), messages.NO_ASSERT()


def _package_mistakes(node: yaml.Node) -> Iterator[tuple[int, str]]:
    names = [str(one.value) for one in node.value] if isinstance(node, yaml.SequenceNode) else []
    if not names or not set(names) <= set(PACKAGES):
        yield line_of(node), messages.UNKNOWN_PACKAGE(found=", ".join(names) or "—", known=", ".join(PACKAGES))


def _module_mistakes(fields: dict[str, yaml.Node]) -> Iterator[tuple[int, str]]:
    """What is wrong with the parts put together: each by itself has no mistakes."""
    lines: list[str] = []
    origins: list[tuple[str, int]] = []  # the field of each line, and its line in the corpus file
    for key in ("context", "code", "suffix"):
        if key in fields:
            part = fields[key].value.splitlines()
            lines += part
            origins += [(key, line_of(fields[key]) + number) for number in range(1, len(part) + 1)]
    module = "\n".join(lines) + "\n"
    try:
        compile(module, "<task>", "exec", dont_inherit=True)
    except SyntaxError as error:
        key, line = origins[min(error.lineno or 1, len(origins)) - 1]
        yield line, messages.BAD_SYNTAX(key=key, reason=error.msg)
        return
    required = {one.value for one in fields["requires"].value} if "requires" in fields else set()
    for name in sorted(_imported(module + fields["tests"].value) & set(PACKAGES) - required):
        yield line_of(fields["code"]), messages.NOT_REQUIRED(name=name)


def _imported(code: str) -> set[str]:
    """The top-level names of all modules that are imported anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _phrasing_mistakes(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if not isinstance(node, yaml.SequenceNode):
        yield line_of(node), messages.FEW_PHRASINGS(count=0, least=LEAST_PHRASINGS)
        return
    if len(node.value) < LEAST_PHRASINGS:
        yield line_of(node), messages.FEW_PHRASINGS(count=len(node.value), least=LEAST_PHRASINGS)
    for one in node.value:
        if not _is_text(one):
            yield line_of(one), messages.NOT_TEXT(key="phrasings")
        elif not re.search("[а-яё]", one.value, re.IGNORECASE):
            yield line_of(one), messages.NOT_RUSSIAN(text=one.value.strip())
        elif _cut_by_comment(one):
            yield line_of(one), messages.CUT_BY_COMMENT(text=one.value)
        elif any(len(line) > MOST_LINE_CHARS for line in one.value.splitlines()):
            yield line_of(one), messages.LONG_LINE(most=MOST_LINE_CHARS)


def _cut_by_comment(node: yaml.Node) -> bool:
    """Whether YAML took the end of an unquoted phrasing, from " #" on, for a comment."""
    mark = node.end_mark
    return mark.buffer is not None and mark.buffer[mark.pointer :].split("\n")[0].strip(" \0").startswith("#")
