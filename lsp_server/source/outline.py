"""What a model must know of the lines it does not see: imports, signatures, the enclosing class.

Owns: reading them out of a file as short Python text. It looks at a bounded number of lines only, and (but for
`signatures_below`) at the lines above an anchor only, so that the result stays the same while one types below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from itertools import takewhile

from tree_sitter import Node

from lsp_server.source.document import Source
from lsp_server.source.syntax import Scope, Window, indent_of, parse, scopes, width, window

LINES_ABOVE = 1_000
IMPORT_LINES = 400
CHARS = 150_000
LINE_CHARS = 120
SIGNATURE_LINES = 20
LONG_LINE = 1_000

_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s+(\w+)")
_IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})
_BESIDE_IMPORTS = {
    "if_statement": _IMPORTS,
    "try_statement": _IMPORTS | {"pass_statement", "expression_statement", "raise_statement"},
}
"""What a block of imports may hold: `if TYPE_CHECKING:` imports alone, `except ImportError:` also `ujson = None`."""
_ATTRIBUTE = re.compile(r"\s*(?:self\.\w+\s*(?::[^=]+)?=(?!=)|\w+\s*:\s*\S|\w+\s*=(?!=))")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*\s*(?::[^=]+)?=(?!=)")
_SIGNATURE_END = re.compile(r":\s*(?:#.*)?$")


class Rank(IntEnum):
    """What is left out last, where not all fits, comes first."""

    SCOPE = 0
    IMPORT = 1
    METHOD = 2
    TOP_LEVEL = 3


@dataclass(frozen=True)
class Part:
    """A piece of an outline: where it stands in the file, and its text without a last line end."""

    rank: Rank
    line: int
    text: str


@dataclass(frozen=True)
class _Above:
    """What an outline depends on: the lines it looks at, by which it is remembered, and their file."""

    seen: tuple[str, ...]
    anchor: int
    source: Source = field(compare=False)


def outline(source: Source, anchor: int) -> tuple[Part, ...]:
    """The lines above an anchor, told in short and in an order that makes valid Python together.

    First imports, then the module's constants and signatures, then the scopes around the anchor from the outside in,
    a class with its attributes and the signatures of its methods. The latest outlines are remembered: lines above
    the anchor seldom change between keystrokes, and parsing them is most of a request's cost in a large file.
    """
    seen = (*source.lines[: min(anchor, IMPORT_LINES)], *source.lines[max(0, anchor - LINES_ABOVE) : anchor + 1])
    return _outline(_Above(seen, anchor, source))


@lru_cache(maxsize=16)
def _outline(above: _Above) -> tuple[Part, ...]:
    source, anchor = above.source, above.anchor
    view = window(source, anchor, LINES_ABOVE, 1, CHARS)
    around = scopes(view, anchor, indent_of(source.line(anchor)))
    headers = {scope.line for scope in around}
    parts = [*_imports(source, anchor), *_top_level(view, anchor, headers)]
    for scope in reversed(around):
        parts.append(Part(Rank.SCOPE, scope.line, _signature(view, scope.line)))
        if scope.kind == "class":
            parts.extend(part for part in _members(view, scope, anchor) if part.line not in headers)
    return tuple(parts)


def _imports(source: Source, end: int) -> Iterator[Part]:
    """The top-level imports before a line, each whole; those in a `try` or an `if` with their block."""
    end = min(end, len(source.lines), IMPORT_LINES)
    lines = [line if len(line) < LONG_LINE else "" for line in map(source.line, range(end))]
    for node in parse("".join(line + "\n" for line in lines)).root_node.children:
        first, last = node.start_point.row, node.end_point.row
        is_whole = last < end and last - first < SIGNATURE_LINES and not node.has_error
        if is_whole and (node.type in _IMPORTS or _is_of_imports(node)):
            yield Part(Rank.IMPORT, first, "\n".join(lines[first : last + 1]))


def _is_of_imports(node: Node) -> bool:
    """Whether a node is a `try` or an `if` for the sake of imports, with next to nothing else in it."""
    blocks = [child for part in (node, *node.children) for child in part.children if child.type == "block"]
    kinds = {statement.type for block in blocks for statement in block.named_children} - {"comment"}
    return not kinds.isdisjoint(_IMPORTS) and kinds <= _BESIDE_IMPORTS.get(node.type, frozenset())


def _top_level(view: Window, end: int, left_out: AbstractSet[int]) -> Iterator[Part]:
    for number in range(view.first_line, end):
        text = view.line(number)
        if number in left_out or not text[:1].isalpha() or view.is_in_string(number):
            continue
        if _DEFINITION.match(text):
            yield Part(Rank.TOP_LEVEL, number, _signature(view, number) + " ...")
        elif _CONSTANT.match(text) and len(text) < LINE_CHARS:
            yield Part(Rank.TOP_LEVEL, number, text)


def _members(view: Window, scope: Scope, end: int) -> Iterator[Part]:
    """Attributes and signatures of methods; of `__init__` also what it assigns."""
    level = 0
    init: list[str] = []
    init_line = -1
    for number in range(scope.line + 1, end):
        text = view.line(number)
        indent = width(indent_of(text))
        if not text.strip() or indent <= width(scope.indent):
            continue
        level = level or indent
        starts_method = indent == level and _DEFINITION.match(text.lstrip()) is not None
        is_attribute = _ATTRIBUTE.match(text) is not None and len(text) < LINE_CHARS
        if not (starts_method or is_attribute) or view.is_in_string(number):
            continue
        if starts_method and init:
            yield Part(Rank.SCOPE, init_line, "\n".join(init) + (" ..." if len(init) == 1 else ""))
            init = []
        if starts_method and "def __init__" in text:
            init, init_line = [_signature(view, number)], number
        elif starts_method:
            yield Part(Rank.METHOD, number, _signature(view, number) + " ...")
        elif init and text.lstrip().startswith("self."):
            init.append(text)
        elif indent == level and not init:
            yield Part(Rank.SCOPE, number, text)
    if init:
        yield Part(Rank.SCOPE, init_line, "\n".join(init) + (" ..." if len(init) == 1 else ""))


def signatures_below(source: Source, first: int, names: AbstractSet[str], n_lines: int = 400) -> list[str]:
    """Signatures of the named functions and classes that are defined further down."""
    found: list[str] = []
    for number in range(first, min(len(source.lines), first + n_lines)):
        match = _DEFINITION.match(source.line(number))
        if match and match[1] in names:
            ending = range(number, min(len(source.lines), number + SIGNATURE_LINES))
            lines = [source.line(one).rstrip() for one in ending]
            head = list(takewhile(lambda line: not _SIGNATURE_END.search(line), lines))
            found.append("\n".join(lines[: len(head) + 1]) + " ...")
    return found


def _signature(view: Window, number: int) -> str:
    lines = [view.line(number).rstrip()]
    while not _SIGNATURE_END.search(lines[-1]) and len(lines) < SIGNATURE_LINES and number + len(lines) < view.end_line:
        lines.append(view.line(number + len(lines)).rstrip())
    return "\n".join(lines)
