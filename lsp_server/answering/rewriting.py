"""Rewritten code put back where the old one stood: its indentation, what of an answer was asked for, what it may break.

Owns: moving code out of its place for a question and back. Does not own: taking code out of an answer (`converse`), or
edits (`features`). Pure functions over texts, whose lines have \\n between them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from lsp_server.shaping.scan import Scan
from lsp_server.source.document import Source
from lsp_server.source.syntax import compiles, count_errors, indent_of, indent_unit, module_of

_NAMES = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_ONLY_DEFINITIONS = re.compile(r"(?:[ \t#@)\]}]|(?:async\s+)?def\b|class\b|$)")
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_ELLIPSIS = re.compile(r"^[ \t]*#[ \t]*(?:\.\.\.|…)", re.MULTILINE)
_UNTIDY_GAP = re.compile(r"\n{4,}")

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def defined_names(code: str) -> list[str]:
    """Names of all functions and classes, from text that need not be right."""
    return _NAMES.findall(code)


def has_russian_names(code: str) -> bool:
    """Whether there is Russian outside strings and comments."""
    return any(_CYRILLIC.search(scan.code(line)) for line, scan in _scanned(code))


def _scanned(code: str) -> Iterator[tuple[str, Scan]]:
    scan = Scan()
    for line in code.split("\n"):
        yield line, scan
        scan = scan.after(line)


def common_indent(code: str) -> str:
    """The indentation of a piece of code. What stands in strings has none, nor have comments at the margin."""
    lines = [line for line, scan in _scanned(code) if line.strip() and not scan.quote]
    lines = [line for line in lines if not line.startswith("#")] or lines
    return min((indent_of(line) for line in lines), key=len, default="")


def moved_out(code: str, indent: str) -> str:
    """Code without the indentation of its place."""
    return "\n".join(line.removeprefix(indent) for line in code.split("\n"))


def moved_in(made: str, code: str, indent: str, unit: str) -> str:
    """Rewritten code at the indentation that the old `code` had, in the file's own steps."""
    at_margin = {line for line, scan in _scanned(code) if scan.quote and not line.startswith(indent)}
    step = indent_unit(Source("", [line + "\n" for line in made.split("\n")]), 0)
    lines: list[str] = []
    for line, scan in _scanned(made):
        if not line.strip() or (scan.quote and line in at_margin):
            lines.append(line if scan.quote else "")
        elif scan.quote or step == unit:
            lines.append(indent + line)
        else:
            own = indent_of(line)
            n_steps = own.count("\t") if step == "\t" else len(own.expandtabs(len(step))) // len(step)
            rest = own.replace("\t", "") if step == "\t" else " " * (len(own.expandtabs(len(step))) % len(step))
            lines.append(indent + unit * n_steps + rest + line.lstrip(" \t\f"))
    return "\n".join(lines)


def chosen(blocks: Sequence[str], code: str) -> str:
    """Of several pieces of code the one that defines what `code` does, and not `code` itself, told again."""
    names = set(defined_names(code))
    others = [block for block in blocks if block != code] or list(blocks)
    return next((block for block in others if names <= set(defined_names(block))), others[0] if others else "")


def asked_for(made: str, code: str, rest: str) -> str:
    """What of an answer stands for `code`, where that is nothing but functions and classes.

    Left out: the class around them, usage, and what the `rest` of the file has already. Empty where the answer leaves
    functions out, or says that it left something out.
    """
    names_now, names_then = set(defined_names(made)), set(defined_names(code))
    if len(names_now) < len(names_then) or (_ELLIPSIS.search(made) and not _ELLIPSIS.search(code)):
        return ""
    if not all(_ONLY_DEFINITIONS.match(line) for line in code.split("\n")):
        return made
    names = {name for name in defined_names(code) if re.search(rf"^\S.*\b{name}\b", code, re.MULTILINE)}
    module = module_of(made)
    if module is None or not names:
        return made
    body: list[ast.stmt] = module.body
    if not names & _names_of(body):
        body = next((one.body for one in body if isinstance(one, ast.ClassDef) and names <= _names_of(one.body)), [])
        if not body:
            return made
    known = {line.strip() for line in rest.split("\n")}
    elsewhere = set(defined_names(rest))
    lines = made.split("\n")
    is_wrapped = body is not module.body
    dropped = {number for one in body if not _is_wanted(one, names, known, elsewhere, lines) for number in _lines(one)}
    if not is_wrapped and not dropped:
        return made
    if is_wrapped:
        inside = {number for one in body for number in _lines(one)}
        begins, ends = min(inside), max(inside)
        dropped |= set(range(1, begins)) | set(range(ends + 1, len(lines) + 1))
    kept = _without_lines(made, dropped)
    return moved_out(kept, common_indent(kept))


def _names_of(body: Sequence[ast.stmt]) -> set[str]:
    return {one.name for one in body if isinstance(one, _DEFINITIONS)}


def _lines(node: ast.stmt) -> range:
    decorators = [one.lineno for one in node.decorator_list] if isinstance(node, _DEFINITIONS) else []
    return range(min([node.lineno, *decorators]), (node.end_lineno or node.lineno) + 1)


def _is_wanted(node: ast.stmt, names: set[str], known: set[str], elsewhere: set[str], lines: Sequence[str]) -> bool:
    if isinstance(node, _DEFINITIONS):
        return node.name in names or node.name not in elsewhere
    if isinstance(node, ast.Expr | ast.If | ast.For | ast.Pass):
        return False
    return not all(lines[number - 1].strip() in known for number in _lines(node))


def is_no_worse(before: str, after: str, code: str, made: str) -> bool:
    """Whether a file is as right after `code` became `made` as it was: it compiles, and defines nothing twice.

    A file that is broken elsewhere stays so; what of the code was broken has to become less so.
    """
    if compiles(after):
        return _n_doubled(after) <= _n_doubled(before)
    if compiles(before) or count_errors(after) > count_errors(before):
        return False
    return not (n_before := count_errors(code)) or count_errors(made) < n_before


def _n_doubled(text: str) -> int:
    """How many functions and classes are defined again beside or right within the first; overloads are not."""
    module = module_of(text)
    found, stack = 0, [("", module.body)] if module is not None else []
    while stack:
        around, body = stack.pop()
        seen = {around}
        for node in body:
            if isinstance(node, _DEFINITIONS):
                found += node.name in seen and not node.decorator_list
                if not any("overload" in ast.unparse(one) for one in node.decorator_list):
                    seen.add(node.name)
                stack.append((node.name, node.body))
    return found


def without(text: str, unwanted: Sequence[ast.stmt]) -> str:
    """A text without some of its statements."""
    dropped = {number for node in unwanted for number in _lines(node)}
    return _without_lines(text, dropped)


def _without_lines(text: str, dropped: set[int]) -> str:
    kept = "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in dropped)
    return _UNTIDY_GAP.sub("\n\n\n", kept).strip("\n")
