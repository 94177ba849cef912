"""Was the answer lost to its shape? Some run of the raw answer's lines, re-indented, would have passed.

Every run of up to 30 lines is dedented, indented for its place, put into the file, kept where the file then parses, and
tried in one sandbox; what passes there is confirmed in its own.
"""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Iterator

from benchmarks import batch
from benchmarks.editing.cases import EditingCase
from finetune.evaluate import sandbox

MAX_SPAN_LINES = 30
MAX_RAW_LINES = 120
_N_CONFIRMED = 5


def passing_span(case: EditingCase, raw: str) -> str | None:
    """A run of the raw answer's lines that passes the case's check, or None."""
    candidates = [code for code in dict.fromkeys(_spans(case, raw)) if _parses(case.program(case.complete(code)))]
    programs = [case.program(case.complete(code)) for code in candidates]
    for number in batch.passing(programs, files=case.files, at_most=_N_CONFIRMED):
        if sandbox.run(programs[number], files=case.files).passed:
            return candidates[number]
    return None


def _spans(case: EditingCase, raw: str) -> Iterator[str]:
    """Longest first: a whole answer is the likeliest."""
    lines = raw.replace("\r\n", "\n").split("\n")[:MAX_RAW_LINES]
    newline = "\r\n" if "\r\n" in case.before else "\n"
    for length in range(min(MAX_SPAN_LINES, len(lines)), 0, -1):
        for first in range(len(lines) - length + 1):
            span = lines[first : first + length]
            if span[0].strip() and span[-1].strip():
                code = textwrap.indent(textwrap.dedent("\n".join(span)), case.indent) + "\n"
                yield code.replace("\n", newline)


def _parses(program: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError):
        return False
    return True
