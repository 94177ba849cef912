"""The right code, dressed up as models do it, comes out as it is: over the editing benchmark's own cases."""

from __future__ import annotations

import textwrap

import pytest

from benchmarks.editing.cases import EditingCase, load
from lsp_server.request import instruction
from lsp_server.shaping import Shaper
from lsp_server.source import syntax
from lsp_server.source.document import Place, Source

CASES = {case.id: case for case in load("dev")}
DRESSINGS = ("bare", "suffix repeated", "fence", "file rewritten", "example", "scope rewritten")


def dress(case: EditingCase, dressing: str) -> str:
    code = case.reference.replace("\r\n", "\n").rstrip("\n")
    file = case.complete(case.reference).replace("\r\n", "\n")
    fenced = "Вот код:\n\n```python\n{}\n```\n\nЭтот код делает то, что нужно."
    match dressing:
        case "suffix repeated":
            return code + "\n" + case.after.replace("\r\n", "\n").lstrip("\n")
        case "fence":
            return fenced.format(textwrap.dedent(code))
        case "file rewritten":
            return fenced.format(file)
        case "example":
            return code + "\n\n# Пример использования\nprint('x')\n"
        case "scope rewritten":
            return fenced.format(innermost_scope(case, file))
    return code


def innermost_scope(case: EditingCase, file: str) -> str:
    """The function or class around the place, as one that is not nested; the code alone at the top level."""
    source = Source("f", case.text.splitlines(keepends=True))
    around = syntax.scopes(syntax.window(source, case.line), case.line, case.indent)
    lines = file.split("\n")
    if not around:
        return textwrap.dedent(case.reference.replace("\r\n", "\n"))
    first, level = around[0].line, len(around[0].indent)
    end = first + 1
    while end < len(lines) and (
        not lines[end].strip() or len(syntax.indent_of(lines[end])) > level or lines[end].strip()[0] in ")]}"
    ):
        end += 1
    return textwrap.dedent("\n".join(lines[first:end])).rstrip()


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("dressing", DRESSINGS)
@pytest.mark.parametrize("name", CASES)
def test_right_code_comes_out(name: str, dressing: str) -> None:
    case = CASES[name]
    source = Source("f", case.text.splitlines(keepends=True))
    found = instruction.find(source, Place(case.line, len(case.typed)), automatic=False)
    assert found is not None
    assert found.place.indent == case.indent
    shaper = Shaper(source, found.place, found)
    shaper.feed(dress(case, dressing))
    assert lines_of(shaper.finish().text) == lines_of(case.reference)
