"""How the code for an instruction must begin, where the file or the instruction leaves no choice.

Owns: names that the code below uses and nothing defines (`adults =`), methods that a class calls on itself and lacks,
signatures that the instruction spells out (`def plural(n, forms):`). A small model that is handed this beginning
writes code that fits its place; left alone it invents a name of its own. Where there is doubt, there is no beginning:
a name that stands anywhere else in the file counts as known. Does not own: what the model sees
(`lsp_server.request.context`).
"""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from lsp_server.request.instruction import Insertion, Instruction
from lsp_server.source.document import Source
from lsp_server.source.syntax import Scope, Window, identifiers, indent_of, parses, scopes, width, window

REGION_LINES = 80
FAR_LINES = 50_000

_NAME = re.compile(r"[^\W\d]\w*")
_TOP_LEVEL = re.compile(r"(?:async\s+def|def|class)\s+(\w+)|(\w+)\s*(?::[^=]+)?=(?!=)")
_STAR_IMPORT = re.compile(r"\s*from\s+\S+\s+import\s+\*")
_SIGNATURE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\(([^()]*)\)")
_ON_SELF = re.compile(r"\bself\.(\w+)\s*\(")
_OF_CLASS = re.compile(r"\bdef\s+(\w+)|\bself\.(\w+)\s*(?::[^=]+)?=(?!=)|^\s+(\w+)\s*(?::|=(?!=))")
_ASYNC = re.compile(r"асинхр|корутин|\basync\b|\bawait", re.IGNORECASE)
_WITHOUT_SELF = re.compile(r"статич|static|метод\w*\s+класса|classmethod|класс-?метод|свойств|property", re.IGNORECASE)
_BLOCK_FIRST = re.compile(
    r"ошиб|исключени|\btry\b|\bexcept\b|не (?:получ|удал|выш)|попробу|попыта|импорт|\bimport|датакласс|dataclass|"
    r"контекст|context|декоратор\w* \w*@|если (?:нет )?файл",
    re.IGNORECASE,
)
_CALLING = re.compile(r"вызов|вызва|вызыв|\bcall", re.IGNORECASE)
_INTRODUCED = re.compile(r"(?:^|[:;,—–-]|\b(?:функц\w[яю]|метод|генератор|корутин[ау]|def))\s*$", re.IGNORECASE)
_USED = re.compile(r"(?:\b(?:через|используя|примен\w+|за|из|по)|с помощью)\s+$", re.IGNORECASE)
_OF_FORMULAS = frozenset(dir(math))
_KNOWN_TO_ALL = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "self", "cls"}
# What is missing under these names is an import, not what was asked for. `numbers` and `email` are modules as well.
_USUAL_IMPORTS = (
    "argparse asyncio collections csv dataclass datetime functools itertools json logging math np os pathlib pd pickle "
    "plt pytest random re requests shutil sns sqlite3 subprocess sys tf threading time tk torch ttk unittest"
)
_IMPORTED = frozenset(_USUAL_IMPORTS.split())
_BINDING_PARENTS = frozenset(
    {
        "parameters",
        "lambda_parameters",
        "typed_parameter",
        "list_splat_pattern",
        "dictionary_splat_pattern",
        "pattern_list",
        "tuple_pattern",
        "list_pattern",
        "splat_pattern",
        "as_pattern_target",
        "dotted_name",
        "global_statement",
        "nonlocal_statement",
        "case_pattern",
    }
)
_BINDING_FIELDS = frozenset(
    {
        ("function_definition", "name"),
        ("class_definition", "name"),
        ("default_parameter", "name"),
        ("typed_default_parameter", "name"),
        ("assignment", "left"),
        ("for_statement", "left"),
        ("for_in_clause", "left"),
        ("named_expression", "name"),
        ("aliased_import", "alias"),
    }
)
_DEFINITIONS = ("function_definition", "class_definition")
_NO_NAMES = frozenset({("attribute", "attribute"), ("keyword_argument", "name"), ("keyword_pattern", None)})
_IN_BINDINGS = frozenset({"tuple", "list", "type", "splat_type", "constrained_type"})


@dataclass(frozen=True)
class _Use:
    """A name that nothing defines, as it is first used."""

    name: str
    is_called: bool
    is_awaited: bool


def beginning(source: Source, insertion: Insertion, instruction: Instruction, earlier_cells: Sequence[str] = ()) -> str:
    """What the code must begin with, without indentation; empty where nothing says.

    It is whole words: the model goes on with what follows them, a space or a line end included.
    """
    if insertion.line_head.strip() or insertion.tail.strip() or instruction.kind == "docstring":
        return ""
    if _BLOCK_FIRST.search(instruction.text):  # `try:`, an import or a decorator comes before the name
        return ""
    view = window(source, insertion.line)
    around = scopes(view, insertion.line, insertion.indent)
    if around and around[0].kind == "class":
        return _of_method(view, insertion, instruction, around[0])
    in_cells = {name for cell in earlier_cells for name in _NAME.findall(cell)}
    wanted = [use for use in _unknown_uses(source, view, insertion, instruction, around) if use.name not in in_cells]
    named = set(_NAME.findall(instruction.text))
    if len(wanted) > 1:
        wanted = [use for use in wanted if use.name in named]
    if len(wanted) == 1:
        return _of_use(wanted[0], instruction, is_inside=bool(around))
    if not wanted and instruction.expects != "class" and (not around or instruction.expects == "function"):
        known = _names_above(view, insertion, instruction) | in_cells
        return _signature(instruction, lambda name: name in known or _stands_elsewhere(source, view, name))
    return ""


def _of_use(use: _Use, instruction: Instruction, *, is_inside: bool) -> str:
    if instruction.expects == "class" or _is_class_name(use.name):
        return f"class {use.name}" if instruction.expects == "class" and _is_class_name(use.name) else ""
    if use.is_called and (not is_inside or instruction.expects == "function"):
        given = _signature(instruction, lambda name: name != use.name)
        return given or f"{_def(instruction, is_awaited=use.is_awaited)} {use.name}("
    return f"{use.name} =" if instruction.expects != "function" else ""


def _is_class_name(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()


def _def(instruction: Instruction, *, is_awaited: bool = False) -> str:
    return "async def" if is_awaited or _ASYNC.search(instruction.text) else "def"


def _signature(instruction: Instruction, is_known: Callable[[str], bool], first: str = "") -> str:
    """The header of the function that an instruction spells out as `name(parameters)`, up to the last of these.

    The bracket is left to the model: in its vocabulary it is one token with the colon and the line end.
    """
    if _CALLING.search(instruction.text):
        return ""
    for found in _SIGNATURE.finditer(instruction.text):
        name, given = found.groups()
        if _is_of_formula(name, instruction.text[: found.start()]):
            continue
        parameters = ", ".join(part for part in (first, given.strip()) if part)
        header = f"{_def(instruction)} {name}({parameters}"
        if name in _KNOWN_TO_ALL or keyword.iskeyword(name) or _is_class_name(name) or is_known(name):
            continue
        if parses(f"{header}): pass"):
            return header
    return ""


def _is_of_formula(name: str, before: str) -> bool:
    """Whether `name(…)` is only talked about: «график sin(x)», «за O(n)», «через normalize(df)»."""
    is_formula = len(name) == 1 or name in _OF_FORMULAS
    return name in "Oo" or _USED.search(before) is not None or (is_formula and not _INTRODUCED.search(before))


def _of_method(view: Window, insertion: Insertion, instruction: Instruction, scope: Scope) -> str:
    """The header of the one method that a class calls on itself and lacks, or that the instruction spells out."""
    if _WITHOUT_SELF.search(instruction.text):
        return ""
    lines = [view.line(scope.line), *_class_lines(view, scope)]
    own = {name for line in lines for match in _OF_CLASS.finditer(line) for name in match.groups() if name}
    header = lines[0].split(":")[0]
    called = {name for line in lines for name in _ON_SELF.findall(line)} if "(" not in header else set()
    missing = called - own
    if len(missing) > 1:
        missing &= set(_NAME.findall(instruction.text))
    given = _signature(instruction, lambda name: name in own, "self")
    if not missing or (given and given.split("(")[0].split()[-1] in missing):
        return given
    return f"{_def(instruction)} {missing.pop()}(self" if len(missing) == 1 else ""


def _class_lines(view: Window, scope: Scope) -> Iterator[str]:
    level = width(scope.indent)
    for number in range(scope.line + 1, view.end_line):
        text = view.line(number)
        if text.strip() and width(indent_of(text)) <= level and text.strip()[0] not in ")]}#":
            return
        yield text


def _unknown_uses(
    source: Source, view: Window, insertion: Insertion, instruction: Instruction, around: tuple[Scope, ...]
) -> list[_Use]:
    """Names used below the place, within its scope, that nothing defines; in the order of their first uses."""
    first, end = insertion.line + 1, _region_end(view, insertion, around)
    if any(_STAR_IMPORT.match(view.line(number)) for number in range(view.first_line, view.end_line)):
        return []
    uses: dict[str, _Use] = {}
    bound: set[str] = set()
    for node in identifiers(view, first, end):
        name = node.text.decode("utf-8", "replace") if node.text else ""
        if not name or (parent := node.parent) is None:
            continue
        field = _field(node, parent)
        if (parent.type, field) in _NO_NAMES:
            continue
        if (parent.type, field) in _BINDING_FIELDS or _binds(parent):
            bound.add(name)
        elif name not in uses:
            uses[name] = _use(node, parent, field, name)
    unknown = {name: use for name, use in uses.items() if name not in bound | _KNOWN_TO_ALL | _IMPORTED}
    if not unknown:
        return []
    known = _names_above(view, insertion, instruction, around) | _top_level_below(view, insertion.line)
    return [use for name, use in unknown.items() if name not in known and not _stands_elsewhere(source, view, name)]


def _binds(parent: Node) -> bool:
    """Whether names under a node are bound there: `as (a, b)`, `case str() as s`, `def first[T]`; not `list[T]`."""
    while parent.type in _IN_BINDINGS and parent.parent is not None:
        parent = parent.parent
    around = parent.parent.type if parent.parent is not None else ""
    if parent.type == "type_parameter":
        return around in _DEFINITIONS
    return parent.type in _BINDING_PARENTS or (parent.type == "as_pattern" and around == "case_pattern")


def _use(node: Node, parent: Node, field: str | None, name: str) -> _Use:
    call = parent if (parent.type, field) == ("call", "function") else None
    is_decorator = parent.type == "decorator"
    is_awaited = call is not None and call.parent is not None and call.parent.type == "await"
    return _Use(name, call is not None or is_decorator, is_awaited)


def _field(node: Node, parent: Node) -> str | None:
    for index, child in enumerate(parent.children):
        if child.id == node.id:
            return parent.field_name_for_child(index)
    return None


def _region_end(view: Window, insertion: Insertion, around: tuple[Scope, ...]) -> int:
    """The line after the last one that sees what the code defines."""
    end = min(view.end_line, insertion.line + 1 + REGION_LINES)
    if not around:
        return end
    level = width(around[0].indent)
    for number in range(insertion.line + 1, end):
        text = view.line(number)
        if text.strip() and width(indent_of(text)) <= level and text.strip()[0] not in ")]}#":
            return number
    return end


def _names_above(
    view: Window, insertion: Insertion, instruction: Instruction, around: tuple[Scope, ...] = ()
) -> set[str]:
    """Names that the code above may define for the place: all of the enclosing functions and of the module's own lines.

    What stands in other functions and in classes is theirs alone.
    """
    end = min(instruction.first_line, insertion.line)
    outermost = around[-1].line if around else end
    names = _names_in(view, outermost, end)
    for child in view.tree.root_node.children:
        first, last = view.line_number(child), view.last_line_number(child)
        if first >= outermost:
            break
        definition = child.child_by_field_name("definition") or child
        name = definition.child_by_field_name("name") if definition.type in _DEFINITIONS else None
        if name is not None and name.text:
            names.add(name.text.decode("utf-8", "replace"))
        else:
            names |= _names_in(view, first, min(last + 1, outermost))
    return names


def _names_in(view: Window, first: int, end: int) -> set[str]:
    """Names in some lines, attributes left out."""
    found = ((node, node.parent) for node in identifiers(view, first, end))
    return {
        node.text.decode("utf-8", "replace")
        for node, parent in found
        if node.text and (parent is None or (parent.type, _field(node, parent)) not in _NO_NAMES)
    }


def _top_level_below(view: Window, line: int) -> set[str]:
    found = (_TOP_LEVEL.match(view.line(number)) for number in range(line + 1, view.end_line))
    return {name for match in found if match for name in match.groups() if name}


def _stands_elsewhere(source: Source, view: Window, name: str) -> bool:
    """Whether a name stands outside the lines that were looked at: it may be defined there."""
    n_lines = min(len(source.lines), FAR_LINES)
    far = (*range(view.first_line), *range(view.end_line, n_lines))
    return any(name in source.lines[number] for number in far)
