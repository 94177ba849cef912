"""Mutants: the reference with one small mistake each, as tests of the tests.

Left alone, since nothing a caller sees depends on them: annotations, docstrings, texts of raised errors, help texts,
encodings, time limits, and the `__main__` guard.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass

RULES = 1  # part of what `verified.json` remembers: raise it when the rules change
QUIET_KEYWORDS = frozenset(
    {"encoding", "errors", "help", "description", "epilog", "metavar", "prog", "timeout", "strict"}
)
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
    },
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd},
    **{ast.LShift: ast.RShift, ast.RShift: ast.LShift},
}


@dataclass(frozen=True)
class Mutant:
    """Changed code, the line of the change (1-based), and what was changed."""

    code: str
    line: int
    what: str


Edit = Callable[[ast.AST], tuple[ast.AST, str] | None]


def mutants(code: str) -> list[Mutant]:
    """Every mutant of the code, each with a single change, without repetitions."""
    tree = ast.parse(code)
    found: dict[str, Mutant] = {}
    unchanged, quiet = ast.unparse(tree), _quiet(tree)
    for index, node in enumerate(ast.walk(tree)):
        if not hasattr(node, "lineno") or id(node) in quiet:
            continue
        for edit in EDITS:
            changed = copy.deepcopy(tree)
            target = next(one for i, one in enumerate(ast.walk(changed)) if i == index)
            result = edit(target)
            if result is None:
                continue
            replacement, what = result
            text = ast.unparse(ast.fix_missing_locations(_Replace(target, replacement).visit(changed)))
            if text != unchanged:
                found.setdefault(text, Mutant(text, node.lineno, what))
    return list(found.values())


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self._target, self._replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._target:
            return self._replacement
        return self.generic_visit(node)


def _quiet(tree: ast.AST) -> set[int]:
    """The nodes that are left alone, by identity."""
    roots = [root for node in ast.walk(tree) for root in _quiet_parts(node)]
    return {id(inner) for root in roots for inner in ast.walk(root)}


def _quiet_parts(node: ast.AST) -> list[ast.AST]:
    parts: list[ast.AST | None] = []
    match node:
        case ast.Raise(exc=exc, cause=cause):
            parts = [exc, cause]
        case ast.keyword(arg=name) if name in QUIET_KEYWORDS:
            parts = [node]
        case ast.Expr(value=ast.Constant()):
            parts = [node]
        case ast.If(test=test) if "__name__" in ast.unparse(test):
            parts = [node]
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=annotation):
            parts = [annotation]
        case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
            parts = [returns]
    return [part for part in parts if part is not None]


def _comparison(node: ast.AST) -> tuple[ast.AST, str] | None:
    if not isinstance(node, ast.Compare):
        return None
    node.ops[0] = COMPARISONS[type(node.ops[0])]()
    return node, f"comparison: {ast.unparse(node)}"


def _arithmetic(node: ast.AST) -> tuple[ast.AST, str] | None:
    if not isinstance(node, ast.BinOp | ast.AugAssign) or type(node.op) not in ARITHMETIC:
        return None
    node.op = ARITHMETIC[type(node.op)]()
    return node, f"arithmetic: {ast.unparse(node)}"


def _constant(node: ast.AST) -> tuple[ast.AST, str] | None:
    if not isinstance(node, ast.Constant):
        return None
    old = node.value
    if isinstance(old, bool):
        node.value = not old
    elif isinstance(old, int | float):
        node.value = old + 1
    elif isinstance(old, str):
        node.value = f"X{old}"
    else:
        return None
    return node, f"constant: {old!r} → {node.value!r}"


def _result(node: ast.AST) -> tuple[ast.AST, str] | None:
    if isinstance(node, ast.Assign) and node.col_offset > 0:
        return None  # local variables: what they hold is seen in the result
    if not isinstance(node, ast.Return | ast.Yield | ast.Assign) or node.value is None:
        return None
    what = f"result: {ast.unparse(node.value)} → None"
    node.value = ast.Constant(None)
    return node, what


def _boolean(node: ast.AST) -> tuple[ast.AST, str] | None:
    if isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node, f"boolean: {ast.unparse(node)}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return node.operand, f"boolean: {ast.unparse(node.operand)}"
    return None


def _branch_removed(node: ast.AST) -> tuple[ast.AST, str] | None:
    if isinstance(node, ast.If):
        what = f"branch removed: if {ast.unparse(node.test)}"
        node.test = ast.Constant(False)
        return node, what
    if isinstance(node, ast.IfExp):
        return node.orelse, f"branch removed: {ast.unparse(node.body)}"
    if isinstance(node, ast.Try) and node.handlers:
        what = f"handler removed: {ast.unparse(node.handlers[0]).splitlines()[0]}"
        node.handlers[0].body = [ast.Raise()]
        return node, what
    return None


def _branch_forced(node: ast.AST) -> tuple[ast.AST, str] | None:
    if isinstance(node, ast.If):
        what = f"branch forced: if {ast.unparse(node.test)}"
        node.test = ast.Constant(True)
        return node, what
    if isinstance(node, ast.IfExp):
        return node.body, f"branch forced: {ast.unparse(node.body)}"
    return None


def _filter_removed(node: ast.AST) -> tuple[ast.AST, str] | None:
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) or not node.generators[0].ifs:
        return None
    what = f"filter removed: if {ast.unparse(node.generators[0].ifs[0])}"
    node.generators[0].ifs.pop(0)
    return node, what


def _statement_removed(node: ast.AST) -> tuple[ast.AST, str] | None:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call | ast.Await):
        return None
    return ast.Pass(), f"statement removed: {ast.unparse(node)}"


def _keyword_removed(node: ast.AST) -> tuple[ast.AST, str] | None:
    """Only keywords with a computed value: constants are changed by `_constant`."""
    if not isinstance(node, ast.Call):
        return None
    for keyword in node.keywords:
        if keyword.arg in QUIET_KEYWORDS or keyword.arg is None or isinstance(keyword.value, ast.Constant):
            continue
        node.keywords.remove(keyword)
        return node, f"argument removed: {keyword.arg}"
    return None


EDITS: tuple[Edit, ...] = (
    *(_comparison, _arithmetic, _constant, _result, _boolean),
    *(_branch_removed, _branch_forced, _filter_removed, _statement_removed, _keyword_removed),
)
