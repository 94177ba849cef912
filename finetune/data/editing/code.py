"""Taking Python text apart and putting it elsewhere: imports, a function's header and body, other indentation.

Lines inside strings of several lines are never shifted: that would change what the code does.
"""

from __future__ import annotations

import ast
import io
import sys
import token
import tokenize
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

UNIT = "    "
"""One step of indentation in the code of tasks."""


@dataclass(frozen=True)
class Parts:
    """Code without the imports at its top; each import is one statement on one line.

    `first_line`: how many lines the imports took, with all above them.
    """

    imports: tuple[str, ...]
    body: str
    first_line: int


@dataclass(frozen=True)
class Function:
    """A lone function. `header` is decorators and `def` line, `body` is indented as it stands."""

    name: str
    header: str
    body: str
    returned: str | None
    is_plain: bool
    """Whether it can become a method: no decorators, a `def` on one line, no call of itself."""


def take_apart(code: str) -> Parts:
    """Split the imports off the top of a module."""
    statements = ast.parse(code).body
    imports: list[str] = []
    end = 0
    for node in statements:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        imports.append(ast.unparse(node))
        end = node.end_lineno or node.lineno
    return Parts(tuple(imports), "\n".join(code.splitlines()[end:]).strip("\n"), end)


def join_imports(statements: Iterable[str]) -> str:
    """Import lines as a tidy file has them: each module once, the standard library before the rest."""
    names: dict[tuple[int, str], set[str]] = {}
    plain: set[str] = set()
    for node in (node for statement in statements for node in ast.parse(statement).body):
        if isinstance(node, ast.ImportFrom):
            found = names.setdefault((node.level, node.module or ""), set())
            found.update(_alias(alias) for alias in node.names)
        elif isinstance(node, ast.Import):
            plain.update(_alias(alias) for alias in node.names)
    lines = [f"import {name}" for name in sorted(plain)]
    lines += [f"from {'.' * level}{module} import {', '.join(sorted(found))}" for (level, module), found in
              sorted(names.items())]  # fmt: skip
    groups = [[line for line in lines if _group(line) == number] for number in range(3)]
    return "\n\n".join("\n".join(group) for group in groups if group)


def function_of(code: str) -> Function | None:
    """The function, where the code is one function with its body on lines of its own and no docstring."""
    statements = ast.parse(code).body
    if len(statements) != 1 or not isinstance(statements[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    node = statements[0]
    last_of_header = _header_end(code, node.lineno)
    if node.body[0].lineno <= last_of_header or ast.get_docstring(node) is not None:
        return None
    lines = code.rstrip("\n").splitlines()
    called = {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}
    is_plain = not node.decorator_list and last_of_header == node.lineno and node.name not in called
    return Function(
        name=node.name,
        header="\n".join(lines[:last_of_header]),
        body="\n".join(lines[last_of_header:]),
        returned=_returned(node, lines),
        is_plain=is_plain,
    )


def as_method(header: str, name: str) -> str:
    """The header of a plain function with `self` in front of its arguments."""
    opening = f"{name}("
    head, _, rest = header.partition(opening)
    return f"{head}{opening}self{'' if rest.startswith(')') else ', '}{rest}"


def indent_of(code: str) -> str:
    """The whitespace before the first line."""
    return code[: len(code) - len(code.lstrip())]


def shift(code: str, indent: str) -> str:
    """Indent code by one more `indent`."""
    return _by_lines(code, lambda line: indent + line if line.strip() else line)


def in_unit(code: str, unit: str) -> str:
    """Code written with four spaces a step, with another step."""
    if unit == UNIT:
        return code
    return _by_lines(code, lambda line: _restep(line, unit))


def top_names(code: str) -> frozenset[str]:
    """Names that code binds or reads anywhere: what must not meet another task's names in one file."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
    return frozenset(found)


def parses(text: str) -> bool:
    """Whether a whole file is Python, its `return` and `await` in functions."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "file", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def third_party(statements: Iterable[str]) -> bool:
    """Whether some import is not of the standard library."""
    return any(_group(statement) == 2 for statement in statements)


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _group(line: str) -> int:
    module = line.split()[1].split(".", maxsplit=1)[0]
    if module == "__future__":
        return 0
    return 1 if module in sys.stdlib_module_names else 2


def _header_end(code: str, def_line: int) -> int:
    """The line (from 1) on which the logical line of a `def` ends."""
    for found in tokenize.generate_tokens(io.StringIO(code).readline):
        if found.type == token.NEWLINE and found.start[0] >= def_line:
            return found.start[0]
    return def_line


def _returned(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: Sequence[str]) -> str | None:
    """The last line of a body, where it returns a name bound in statements before it."""
    last = node.body[-1]
    if len(node.body) < 2 or not isinstance(last, ast.Return) or not isinstance(last.value, ast.Name):
        return None
    bound = {found.id for one in node.body[:-1] for found in ast.walk(one) if isinstance(found, ast.Name)
             and isinstance(found.ctx, ast.Store)}  # fmt: skip
    return lines[last.lineno - 1] if last.value.id in bound else None


def _by_lines(code: str, change: Callable[[str], str]) -> str:
    inside = _lines_inside_strings(code)
    return "\n".join(line if number in inside else change(line) for number, line in enumerate(code.split("\n"), 1))


def _restep(line: str, unit: str) -> str:
    rest = line.lstrip(" ")
    steps, odd = divmod(len(line) - len(rest), len(UNIT))
    return unit * steps + " " * odd + rest


def _lines_inside_strings(code: str) -> frozenset[int]:
    """Lines (from 1) that begin inside a string."""
    inside: set[int] = set()
    open_rows: list[int] = []
    # From Python 3.12 on an f-string is many tokens, with these at its ends.
    starts, ends = getattr(token, "FSTRING_START", -1), getattr(token, "FSTRING_END", -1)
    for found in tokenize.generate_tokens(io.StringIO(code).readline):
        if found.type == token.STRING:
            inside.update(range(found.start[0] + 1, found.end[0] + 1))
        elif found.type == starts:
            open_rows.append(found.start[0])
        elif found.type == ends:
            inside.update(range(open_rows.pop() + 1, found.end[0] + 1))
    return frozenset(inside)
