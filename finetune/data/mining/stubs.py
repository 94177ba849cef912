"""Code that is too little to learn from: stubs, constants, assignments of plain values."""

from __future__ import annotations

import ast
from collections.abc import Sequence

_TYPES = frozenset(
    {
        "dict",
        "list",
        "set",
        "frozenset",
        "tuple",
        "defaultdict",
        "deque",
        "Counter",
        "OrderedDict",
        "int",
        "str",
        "float",
    }
)
_COMPUTED = (ast.Call, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.Await, ast.Subscript)


def is_trivial(body: Sequence[ast.stmt]) -> bool:
    """Whether no statement of a body does more than hold a plain value, end, raise or import."""
    return all(map(_is_trivial, body))


def _is_trivial(node: ast.stmt) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return is_trivial(node.body)
    if isinstance(node, ast.ClassDef):
        return all(isinstance(one, (ast.Assign, ast.Expr, ast.Pass)) and _is_trivial(one) for one in node.body)
    if isinstance(node, (ast.Expr, ast.Return)):
        return node.value is None or isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return node.value is None or _is_plain(node.value, is_constant=_is_constant(node))
    return isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom, ast.Continue, ast.Break, ast.Raise))


def _is_constant(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(target, ast.Name) and target.id.isupper() for target in targets)


def _is_plain(value: ast.expr, *, is_constant: bool) -> bool:
    """Whether a value is literals, alone or in a container; of a constant, also names and one call of anything."""
    if isinstance(value, ast.Call) and (is_constant or _is_type(value.func)):
        parts = [*value.args, *(keyword.value for keyword in value.keywords)]
        return all(_is_literal(part, names=is_constant) for part in parts)
    return _is_literal(value, names=is_constant)


def _is_literal(value: ast.expr, *, names: bool) -> bool:
    return not any(
        isinstance(node, _COMPUTED) or (isinstance(node, ast.Name) and not names and not _is_type(node))
        for node in ast.walk(value)
    )


def _is_type(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in _TYPES
