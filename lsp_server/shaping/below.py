"""The lines under the cursor: what an answer must not write again, and what they need from it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.source.syntax import module_of

_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class SuffixLine:
    """A line after the cursor: its columns from the target's indentation, and its text."""

    depth: int
    text: str


def needed(suffix: Sequence[SuffixLine]) -> frozenset[str]:
    """Names that the rest of the block uses and does not bind itself: `rows` of `return rows`."""
    end = next((index for index, line in enumerate(suffix) if line.depth < 0), len(suffix))
    lines = [" " * line.depth + line.text for line in suffix[:end]]
    while lines:
        module = module_of("\n".join(lines))
        if module is not None:
            return _free(module)
        lines.pop()  # these are the first lines only: a statement may be cut
    return frozenset()


def _free(module: ast.Module) -> frozenset[str]:
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.Name(ctx=ast.Load()):
                used.add(node.id)
            case ast.Name():
                bound.add(node.id)
            case ast.arg():
                bound.add(node.arg)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
            case ast.alias():
                bound.add((node.asname or node.name).split(".", maxsplit=1)[0])
            case _:
                pass
    return frozenset(used - bound - _BUILTINS)
