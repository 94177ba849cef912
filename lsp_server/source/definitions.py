"""The function or class around a place: where it stands, its header, its docstring. From tree-sitter."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from lsp_server.source.document import Source
from lsp_server.source.syntax import CHARS_LIMIT, LINES_AFTER, Window, indent_of, indent_unit, window

_DEFINITIONS = ("function_definition", "class_definition")


@dataclass(frozen=True)
class Definition:
    """Lines are 0-based and inclusive, columns are in code points.

    `body_line` is the body's first line, in one-liners the header's last, where `header_end` is the column behind its
    colon and `body_start` that of the body. `docstring` is the lines of the docstring that it has already,
    `docstring_end` the column where it ends.
    """

    name: str
    first_line: int
    last_line: int
    body_line: int
    body_indent: str
    is_one_liner: bool
    header_end: int = 0
    body_start: int = 0
    docstring: tuple[int, int] | None = None
    docstring_end: int = 0


def definition_at(source: Source, line: int) -> Definition | None:
    """The innermost definition that a line belongs to, header and decorators included."""
    n_after = LINES_AFTER
    found = _definition_in(source, window(source, line), line)
    while found is not None and found.last_line >= line + n_after - 1 and line + n_after < len(source.lines):
        n_after *= 4  # the window ends in it
        found = _definition_in(source, window(source, line, after=n_after, chars=CHARS_LIMIT * 4), line)
    return found


def _definition_in(source: Source, view: Window, line: int) -> Definition | None:
    text = source.line(line)
    node = view.node_at(line, len(indent_of(text)))
    while node is not None and not _definition_of(node):
        node = node.parent
    found = _definition_of(node) if node is not None else None
    return _described(source, view, found) if found is not None else None


def top_level_names(source: Source, first: int, last: int) -> list[str]:
    """Names of the functions and classes whose headers begin at column 0 in some lines."""
    view = window(source, first, after=max(1, last - first + 1))
    names: list[str] = []
    for child in view.tree.root_node.children:
        node = _definition_of(child)
        if node is not None and first <= view.line_number(child) <= last:
            names.append(_name(node))
    return names


def _definition_of(node: Node) -> Node | None:
    if node.type == "decorated_definition":
        return node.child_by_field_name("definition")
    return node if node.type in _DEFINITIONS else None


def _described(source: Source, view: Window, node: Node) -> Definition | None:
    body = node.child_by_field_name("body")
    if body is None:
        return None
    outer = node.parent if node.parent is not None and node.parent.type == "decorated_definition" else node
    header_line, body_line = view.line_number(node), view.line_number(body)
    first = body.children[0] if body.children else None
    string = first.children[0] if first is not None and first.type == "expression_statement" else None
    docstring, docstring_end = None, 0
    if string is not None and _is_docstring(string):
        docstring = (view.line_number(string), view.last_line_number(string))
        docstring_end = _column(source, docstring[1], string.end_point.column)
    colon = next((child for child in node.children if child.type == ":"), None)
    is_one_liner = colon is not None and view.line_number(colon) == body_line
    return Definition(
        name=_name(node),
        first_line=view.line_number(outer),
        last_line=view.last_line_number(node),
        body_line=body_line,
        body_indent=indent_of(source.line(header_line)) + indent_unit(source, header_line)
        if is_one_liner
        else indent_of(source.line(body_line)),
        is_one_liner=is_one_liner,
        header_end=_column(source, body_line, colon.end_point.column) if colon is not None and is_one_liner else 0,
        body_start=_column(source, body_line, body.start_point.column),
        docstring=docstring,
        docstring_end=docstring_end,
    )


def _column(source: Source, line: int, n_bytes: int) -> int:
    """A column of tree-sitter's, in code points."""
    return len(source.line(line).encode("utf-8", "replace")[:n_bytes].decode("utf-8", "replace"))


def _is_docstring(node: Node) -> bool:
    """Whether Python takes an expression for a docstring: strings, but no bytes and no f-strings."""
    parts = node.children if node.type == "concatenated_string" else [node]
    starts = [part.children[0].text or b"" for part in parts if part.type == "string" and part.children]
    return len(starts) == len(parts) and not any(set(start.lower()) & set(b"bft") for start in starts)


def _name(node: Node) -> str:
    name = node.child_by_field_name("name")
    return name.text.decode() if name is not None and name.text is not None else ""
