"""What is put into a file: a task taken apart, the code around it, and the example that comes of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from finetune.data.editing.code import Function, Parts, function_of, in_unit, indent_of, parses, take_apart, top_names
from finetune.data.rows import Row

Kind = Literal["function", "class", "definitions", "statements", "fixed"]

SUFFIX_LINES = 16
SUFFIX_CHARS = 600
"""What the server shows of the file after the cursor; its budget of 300 tokens holds this much Russian text."""


@dataclass(frozen=True)
class Subject:
    """One phrasing of a task. `context` stands above the instruction; `calls` are expressions that use the code.

    The kind `fixed` has its place already: it is indented as it stands, and `suffix` goes on below it.
    """

    phrasing: str
    code: str
    parts: Parts
    context: Parts
    kind: Kind
    function: Function | None = None
    calls: tuple[str, ...] = ()
    suffix: str = ""

    @classmethod
    def of(cls, row: Row) -> Subject:
        """Take a row that is a whole task apart."""
        code = row.answer.strip("\n")
        if row.indent or row.suffix:
            whole = take_apart(whole_file(row))
            above = "\n".join(row.context.splitlines()[whole.first_line :]).strip("\n")
            parts = Parts((), code, 0)
            return cls(row.instruction, code, parts, Parts(whole.imports, above, 0), "fixed", suffix=row.suffix)
        parts, context = take_apart(code), take_apart(row.context)
        function = function_of(parts.body)
        return cls(row.instruction, code, parts, context, _kind(parts.body, function), function, row.calls)

    @property
    def is_definition(self) -> bool:
        """Whether two blank lines belong above it."""
        return self.kind != "statements"


@dataclass(frozen=True)
class Around:
    """The rest of a file: whole top-level blocks, the imports they need, and how the file is written."""

    imports: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    unit: str = "    "
    is_loose: bool = True
    """Two blank lines between definitions; else one."""


@dataclass(frozen=True)
class Edit:
    """An example. `prefix` ends at the start of the code's first line, `suffix` begins with the line after."""

    place: str
    instruction: str
    prefix: str
    completion: str
    suffix: str
    indent: str


def assemble(place: str, instruction: str, *, above: str, code: str, below: str, unit: str) -> Edit | None:
    """Put the pieces of one file together, written with `unit`; None where they are no Python or too long below.

    `above` and `below` are whole lines; `code` is at the indentation it has in the file. A unit that nothing around
    the code shows is not asked of anybody: then it is four spaces.
    """
    code = code.strip("\n")
    below = below.rstrip("\n")
    below = below + "\n" if below else ""
    if below.count("\n") > SUFFIX_LINES or len(below) > SUFFIX_CHARS:
        return None
    whole = f"{above}{code}\n{below}"
    if not parses(whole):
        return None
    first, last = above.count("\n"), above.count("\n") + code.count("\n") + 1
    lines = in_unit(whole, unit).split("\n")
    if not any(line.startswith(unit) for line in (*lines[:first], *lines[last:])):
        lines = whole.split("\n")
    completion = lines[first:last]
    return Edit(
        place=place,
        instruction=instruction,
        prefix="".join(line + "\n" for line in lines[:first]),
        completion="\n".join(completion) + "\n",
        suffix="\n".join(lines[last:]) if below else "",
        indent=indent_of(completion[0]),
    )


def whole_file(row: Row) -> str:
    """A task's own file."""
    return f"{row.context.rstrip()}\n{row.answer.strip(chr(10))}\n{row.suffix}"


def names_of(row: Row) -> frozenset[str]:
    """All names that a task's own file touches."""
    return top_names(whole_file(row))


def _kind(body: str, function: Function | None) -> Kind:
    statements = ast.parse(body).body
    definitions = [isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for one in statements]
    if function is not None:
        return "function"
    if len(statements) == 1 and isinstance(statements[0], ast.ClassDef):
        return "class"
    return "definitions" if any(definitions) else "statements"
