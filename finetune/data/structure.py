"""A program's structure as text that renaming and translation leave as it is.

Own names are numbered in order of appearance, words and annotations left out; `x += 1` is `x = x + 1`, `a > b` is
`b < a`, and a name that is only returned is not there.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_BUILTINS = frozenset(dir(builtins))
_LEFT_OUT = frozenset({"annotation", "returns", "type_comment", "ctx", "kind", "type_params"})
_UNCOUNTED = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
# Definitions hold statements; assertions and doctests are examples.
_NO_STATEMENTS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assert, ast.Expr, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Shape:
    """Structure as text, and how many nodes it has."""

    text: str
    size: int


@dataclass(frozen=True)
class Structure:
    """Of one program: names of functions, the shape of each function's body, the shape of every statement."""

    names: tuple[str, ...]
    functions: tuple[Shape, ...]
    statements: tuple[Shape, ...]


def structure_of(nodes: Sequence[ast.AST]) -> Structure:
    """The structure of a program, given all its nodes in any order."""
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    functions = [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    replaced = {id(old): new for old, new in map(_without_last_name, functions) if new is not None}
    heads = (_head(replaced.get(id(node), node)) for node in nodes if isinstance(node, ast.stmt)
             and not isinstance(node, _NO_STATEMENTS))  # fmt: skip
    return Structure(
        names=tuple(node.name for node in functions),
        functions=tuple(_shape(_plain_body(node), bound) for node in functions),
        statements=tuple(_shape([head], bound) for head in heads),
    )


def _plain_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AST]:
    """A function's arguments, and its body without its docstring."""
    body: list[ast.stmt] = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    _, last = _without_last_name(node)
    if last is not None:
        body = [*body[:-2], last]
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return [*arguments, *body]


def _without_last_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[ast.stmt, ast.Return | None]:
    """The last `return`; and where it returns a name bound right above, the `return` of that value instead."""
    match node.body[-2:]:
        case [ast.Assign([ast.Name(id=name)], value), ast.Return(ast.Name(id=returned))] if name == returned:
            return node.body[-2], ast.Return(value)
    return node.body[-1], None


def _head(node: ast.AST) -> ast.AST:
    """A statement; of a compound one only its head."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return ast.Assign([node.target], node.iter)
    if isinstance(node, (ast.While, ast.If)):
        return ast.Expr(node.test)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return ast.Expr(ast.Tuple([item.context_expr for item in node.items], ast.Load()))
    return ast.Pass() if isinstance(node, (ast.Try, ast.Match)) else node


def _shape(nodes: Iterable[ast.AST], bound: set[str]) -> Shape:
    writer = _Writer(bound)
    text = " ".join(writer.write(node) for node in nodes)
    return Shape(text, writer.size)


class _Writer:
    """Writes nodes one after the other, numbering names as they come."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.numbers: dict[str, int] = {}
        self.size = 0

    def write(self, node: object) -> str:
        if isinstance(node, ast.AST):
            self.size += not isinstance(node, _UNCOUNTED)
            return self._node(node)
        if isinstance(node, list):
            return "[" + " ".join(map(self.write, node)) + "]"
        return str(node)

    def _node(self, node: ast.AST) -> str:
        if isinstance(node, ast.Name):
            # A name that is read and never bound here is a builtin, an import, or a variable from elsewhere.
            known = node.id not in self.bound and node.id in _BUILTINS
            return node.id if known else self._number(node.id)
        if isinstance(node, ast.Constant):
            return "text" if isinstance(node.value, (str, bytes)) else number(node.value)
        if isinstance(node, ast.arg):
            return self._number(node.arg)
        return f"({' '.join(self._fields(_settled(node)))})"

    def _fields(self, node: ast.AST) -> Iterator[str]:
        yield type(node).__name__
        for name in node._fields:
            if name not in _LEFT_OUT:
                yield self.write(getattr(node, name, None))

    def _number(self, name: str) -> str:
        return f"v{self.numbers.setdefault(name, len(self.numbers))}"


def _settled(node: ast.AST) -> ast.AST:
    """One form of those that mean the same."""
    if isinstance(node, ast.AugAssign):
        return ast.Assign([node.target], ast.BinOp(node.target, node.op, node.value))
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.Assign([node.target], node.value)
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Gt, ast.GtE)) and len(node.ops) == 1:
        turned: ast.cmpop = ast.Lt() if isinstance(node.ops[0], ast.Gt) else ast.LtE()
        return ast.Compare(node.comparators[0], [turned], [node.left])
    return node


def number(value: object) -> str:
    """A number as text; 1.0 is 1."""
    return repr(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)
