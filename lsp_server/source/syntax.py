"""Python's syntax around a place, from a parser that survives broken code (tree-sitter).

Owns: which lines are parsed, so that the cost does not grow with the file; comments, strings and enclosing scopes;
counting errors. Lines are 0-based numbers of the file; columns are code points, as in `lsp_server.source.document`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

from lsp_server.source.document import Source

LINES_BEFORE = 400
LINES_AFTER = 120
CHARS_LIMIT = 120_000
STATEMENT_LINES = 40
TAB_COLUMNS = 8

_BOUNDARY = re.compile(r"(?:async\s+def|def|class)\b|@\w")
_HEADER = re.compile(r"\s*(?:async\s+)?(def|class)\s+(\w+)")
_TRIPLE = re.compile(r'"""|\'\'\'')
_SHORT_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")

ScopeKind = Literal["function", "class"]


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_python.language()))


@lru_cache(maxsize=1)
def _strings() -> Query:
    return Query(Language(tree_sitter_python.language()), "(string) @string")


@lru_cache(maxsize=1)
def _identifiers() -> Query:
    return Query(Language(tree_sitter_python.language()), "(identifier) @name")


@lru_cache(maxsize=4)  # one request looks at the same window several times
def parse(text: str) -> Tree:
    """Parse text; never fails, whatever the text is."""
    return _parser().parse(text.encode("utf-8", "replace"))


def error_nodes(tree: Tree) -> Iterator[Node]:
    """ERROR and MISSING nodes. Only subtrees that hold errors are walked."""
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node
        if node.has_error:
            stack.extend(node.children)


def count_errors(text: str) -> int:
    """How many ERROR and MISSING nodes a text has."""
    return sum(1 for _ in error_nodes(parse(text)))


def module_of(text: str) -> ast.Module | None:
    """What Python itself reads in a text (`return` and `await` outside functions included); None where it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def parses(text: str) -> bool:
    """Whether Python itself takes a text as a module."""
    return module_of(text) is not None


def compiles(text: str) -> bool:
    """Whether Python compiles a text as a module: stricter than parsing (`*a` alone, `return` outside functions)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def is_statement(text: str) -> bool:
    """Whether one line is Python that does something: not a word or two, which Python would take for names."""
    opens_block = text.rstrip().endswith(":")
    if opens_block and re.match(r"(?:elif|else|except|finally)\b", text):
        return parses(f"{'if x: pass' if text.startswith('el') else 'try: pass'}\n{text} pass")
    module = module_of(f"{text} pass" if opens_block else text)
    if module is None or not module.body:
        return text.startswith("@") and parses(f"{text}\ndef f(): pass")
    statement = module.body[0]
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call | ast.Await | ast.Yield)
    return not isinstance(statement, ast.AnnAssign) or statement.value is not None


def indent_of(line: str) -> str:
    """The whitespace a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def width(indent: str) -> int:
    """The column an indentation reaches, tabs to the next multiple of 8 as Python counts them."""
    return len(indent.replace("\f", "").expandtabs(TAB_COLUMNS))


@dataclass(frozen=True)
class Scope:
    """An enclosing `def` or `class`: where its header begins, and how it is indented."""

    kind: ScopeKind
    name: str
    line: int
    indent: str


@dataclass(frozen=True)
class Window:
    """Some lines of a file with their syntax tree. `opening` is text that was put before them to parse them right."""

    first_line: int
    lines: Sequence[str]
    opening: str = ""

    @cached_property
    def tree(self) -> Tree:
        """The syntax tree of `opening` and the lines."""
        return parse(self.opening + "\n".join(self.lines) + "\n")

    @property
    def end_line(self) -> int:
        """The line after the last one."""
        return self.first_line + len(self.lines)

    def line(self, number: int) -> str:
        """A line by its number in the file; empty outside the window."""
        index = number - self.first_line
        return self.lines[index] if 0 <= index < len(self.lines) else ""

    def node_at(self, number: int, column: int) -> Node | None:
        """The smallest node at a place."""
        before = self.line(number)[:column].encode("utf-8", "replace")
        point = (number - self.first_line + self.opening.count("\n"), len(before))
        return self.tree.root_node.descendant_for_point_range(point, point)

    def line_number(self, node: Node) -> int:
        """The line of the file where a node begins."""
        return node.start_point.row - self.opening.count("\n") + self.first_line

    def last_line_number(self, node: Node) -> int:
        """The line of the file where a node ends."""
        return node.end_point.row - self.opening.count("\n") + self.first_line

    def is_comment(self, number: int) -> bool:
        """Whether a line holds a comment and nothing else."""
        line = self.line(number)
        if not line.lstrip().startswith("#"):
            return False
        node = self.node_at(number, len(indent_of(line)))
        return node is not None and node.type == "comment"

    @cached_property
    def _string_lines(self) -> frozenset[int]:
        strings = QueryCursor(_strings()).captures(self.tree.root_node).get("string", [])
        spans = ((self.line_number(node), self.last_line_number(node)) for node in strings)
        return frozenset(number for first, last in spans for number in range(first + 1, last + 1))

    def is_in_string(self, number: int) -> bool:
        """Whether a line begins inside a string."""
        return number in self._string_lines


def window(
    source: Source, line: int, before: int = LINES_BEFORE, after: int = LINES_AFTER, chars: int = CHARS_LIMIT
) -> Window:
    """The lines around a line, from a top-level boundary on, and parsed right even where they begin in a string."""
    first = _first_line(source, line, before, chars)
    last = _last_line(source, line, after, chars)
    lines = [source.line(number) for number in range(first, last)]
    plain = Window(first, lines)
    if first == 0 or not any(_TRIPLE.search(text) for text in lines):
        return plain
    candidates = [plain, Window(first, lines, '"""\n'), Window(first, lines, "'''\n")]
    if not any(error_nodes(plain.tree)):
        return plain
    return min(candidates, key=lambda one: sum(1 for _ in error_nodes(one.tree)))


def _first_line(source: Source, line: int, before: int, chars: int) -> int:
    lowest = max(0, line - before)
    n_chars = 0
    reached = line
    for number in range(min(line, len(source.lines)) - 1, lowest - 1, -1):
        n_chars += len(source.lines[number])
        if n_chars > chars:
            break
        reached = number
    if reached <= 0:
        return 0
    for number in range(reached, line):
        if _BOUNDARY.match(source.lines[number]):
            return number
    return reached


def _last_line(source: Source, line: int, after: int, chars: int) -> int:
    n_chars = 0
    for number in range(line, min(len(source.lines), line + after)):
        n_chars += len(source.lines[number])
        if n_chars > chars:
            return max(number, line + 1)
    return min(len(source.lines), line + after)


def identifiers(view: Window, first: int, end: int) -> list[Node]:
    """The names in some lines of a window, in their order; attributes and keywords of arguments among them."""
    offset = view.opening.count("\n") - view.first_line
    if end <= first:
        return []
    cursor = QueryCursor(_identifiers())
    cursor.set_point_range((first + offset, 0), (end + offset, 0))
    nodes = cursor.captures(view.tree.root_node).get("name", [])
    return sorted((node for node in nodes if first <= view.line_number(node) < end), key=lambda node: node.start_byte)


def scopes(view: Window, line: int, indent: str) -> tuple[Scope, ...]:
    """The `def`s and `class`es around a line that is indented so, innermost first.

    By indentation, not by the tree: a tree's block ends at its last statement, before the blank line asked about.
    """
    found: list[Scope] = []
    level = width(indent)
    for number in range(line - 1, view.first_line - 1, -1):
        if level == 0:
            break
        text = view.line(number)
        stripped = text.strip()
        if not stripped or stripped[0] in "#)]}" or width(indent_of(text)) >= level or view.is_in_string(number):
            continue
        level = width(indent_of(text))
        header = _HEADER.match(text)
        if header:
            kind: ScopeKind = "class" if header[1] == "class" else "function"
            found.append(Scope(kind, header[2], number, indent_of(text)))
    return tuple(found)


def code_of(line: str) -> str:
    """A line without its trailing comment and whitespace (a line of its own, not one inside a string)."""
    for node in _comments(line):
        return line.encode("utf-8", "replace")[: node.start_byte].decode("utf-8").rstrip()
    return line.rstrip()


def statement_line(source: Source, number: int) -> int:
    """Where the statement begins that a line ends: further up, where brackets or a backslash hold lines together."""
    depth = 0
    for first in range(number, max(-1, number - STATEMENT_LINES), -1):
        code = _SHORT_STRING.sub("", code_of(source.line(first)))
        depth += sum(map(code.count, ")]}")) - sum(map(code.count, "([{"))
        if depth <= 0 and not source.line(first - 1).endswith("\\"):
            return first
    return number


def _comments(line: str) -> Iterator[Node]:
    if "#" not in line:
        return
    stack = [parse(line).root_node]
    while stack:
        node = stack.pop()
        if node.type == "comment":
            yield node
        stack.extend(reversed(node.children))


def indent_unit(source: Source, line: int) -> str:
    """One step of indentation as the lines near a line use it: a tab, or 2 to 8 spaces; four spaces where unknown."""
    previous = ""
    for number in range(max(0, line - 200), min(len(source.lines), line + 200)):
        text = source.line(number)
        if not text.strip():
            continue
        indent = indent_of(text)
        if previous.rstrip().endswith(":") and len(indent) > len(indent_of(previous)):
            step = indent.removeprefix(indent_of(previous))
            if step == "\t" or (step.strip(" ") == "" and 2 <= len(step) <= 8):
                return step
        previous = text
    return "    "
