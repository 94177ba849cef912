"""What the model sees around the place where code goes, within a budget of its own tokens.

Owns: choosing the text before and after. The start of the window is anchored at a `def` or `class` found from a grid
of line numbers, so that typing does not move it and the engine's KV cache stays valid; what lies above it is told by
a head (imports, the enclosing class, signatures), which depends on the text above the anchor only. Line ends are \\n
for the model whatever the file has. Does not own: how a prompt is rendered (`models.prompt`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lsp_server.document import Source
from lsp_server.instruction import Insertion, Instruction
from lsp_server.syntax import Scope, Window, indent_of, scopes, width, window

Tokenize = Callable[[str], Awaitable[Sequence[int]]]

LOOK_BACK_LINES = 2_000
LOOK_BACK_CHARS = 200_000
HEAD_LINES = 400
HEAD_SHARE = 0.3
CELLS_SHARE = 0.4
SUFFIX_LOOK_LINES = 200

_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\s+\w+|\s*@\w")
_TOP_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s+\w+|@\w")
_IMPORT = re.compile(r"(?:import\s+\w|from\s+[\w.]+\s+import\b)")
_ATTRIBUTE = re.compile(r"\s*(?:self\.\w+\s*(?::[^=]+)?=(?!=)|\w+\s*:\s*\S|\w+\s*=(?!=))")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*\s*(?::[^=]+)?=(?!=)")
_SPECIAL_CHARS = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True)
class Budget:
    """How much a prompt may hold: tokens before the place and after it, and lines after it."""

    n_prefix_tokens: int = 2_000
    n_suffix_tokens: int = 300
    max_suffix_lines: int = 16


@dataclass(frozen=True)
class Context:
    """The text before and after the place. `prefix` ends at the start of the code's line; `head` is what of it was
    put before the window's first line (`anchor_line`)."""

    prefix: str
    suffix: str
    n_prefix_tokens: int
    n_suffix_tokens: int
    anchor_line: int
    head: str = ""


def estimate_tokens(text: str) -> int:
    """Tokens of a text where no tokenizer is at hand: about 3.3 ASCII characters a token, 2 others a token."""
    n_wide = len(_SPECIAL_CHARS.findall(text))
    return int((len(text) - n_wide) / 3.3 + n_wide / 2) + 1 if text else 0


async def build(
    source: Source,
    insertion: Insertion,
    tokenize: Tokenize | None,
    budget: Budget,
    *,
    earlier_cells: Sequence[str] = (),
    instruction: Instruction | None = None,
) -> Context:
    """Choose the prefix and the suffix of a place, within the budget. Cost does not grow with the file."""
    count = _counter(tokenize)
    near = _near(source, insertion)
    suffix = await _suffix(source, insertion, budget, count)
    n_suffix = await count(suffix)
    ending = insertion.opening.replace("\r\n", "\n")
    cells = _cells(earlier_cells, budget)
    for anchor in _anchors(source, insertion.line, budget, _must_keep(insertion, instruction)):
        head = _head(source, anchor, insertion, budget) if anchor else ""
        body = "".join(near[anchor - _near_first(source, insertion) :]) + ending
        prefix = cells + head + body
        n_prefix = await count(prefix)
        if n_prefix <= budget.n_prefix_tokens:
            return Context(prefix, suffix, n_prefix, n_suffix, anchor, head)
        cells = ""
    prefix = await _hard_cut(near, ending, budget, count)
    return Context(prefix, suffix, await count(prefix), n_suffix, insertion.line)


def _counter(tokenize: Tokenize | None) -> Callable[[str], Awaitable[int]]:
    async def count(text: str) -> int:
        if tokenize is None or not text:
            return estimate_tokens(text)
        return len(await tokenize(text))

    return count


def _near_first(source: Source, insertion: Insertion) -> int:
    """The first line that may be looked at before the place, by lines and by characters."""
    n_chars = 0
    for number in range(insertion.line - 1, max(-1, insertion.line - LOOK_BACK_LINES - 1), -1):
        n_chars += len(source.lines[number]) if number < len(source.lines) else 0
        if n_chars > LOOK_BACK_CHARS:
            return number + 1
    return max(0, insertion.line - LOOK_BACK_LINES)


def _near(source: Source, insertion: Insertion) -> list[str]:
    first = _near_first(source, insertion)
    lines = [source.line(number) + "\n" for number in range(first, min(insertion.line, len(source.lines)))]
    if lines and first == 0:
        lines[0] = lines[0].removeprefix("\ufeff")
    return lines


def _must_keep(insertion: Insertion, instruction: Instruction | None) -> int:
    """The latest line that a window may begin at."""
    return insertion.line if instruction is None else min(insertion.line, instruction.first_line)


def _anchors(source: Source, line: int, budget: Budget, latest: int) -> list[int]:
    """Lines where the window may begin, widest window first: the file's begin, then boundaries found from a grid.

    The grid is of line numbers, in steps of about a quarter of the budget: while one types at the cursor the first
    boundary that fits stays the same for many lines.
    """
    first = max(0, line - LOOK_BACK_LINES)
    n_chars = 0
    lowest = line
    for number in range(min(line, len(source.lines)) - 1, first - 1, -1):
        n_chars += len(source.lines[number])
        if n_chars > budget.n_prefix_tokens * 5:
            break
        lowest = number
    found = [0] if lowest == 0 else []
    step = max(8, budget.n_prefix_tokens // 48)
    for grid in range((lowest + step - 1) // step * step, latest + 1, step):
        anchor = _boundary_after(source, grid, min(latest, grid + step))
        if anchor is not None and (not found or anchor > found[-1]):
            found.append(anchor)
    if latest > 0 and (not found or found[-1] < latest):
        found.append(latest)
    return found


def _boundary_after(source: Source, first: int, end: int) -> int | None:
    """The first boundary at or after a line: top-level definitions are preferred to methods, blank lines come last."""
    method: int | None = None
    for number in range(first, end):
        text = source.line(number)
        if _TOP_DEFINITION.match(text):
            return number
        if method is None and _DEFINITION.match(text):
            method = number
    if method is not None:
        return method
    for number in range(first, end):
        if not source.line(number - 1).strip() and source.line(number).strip():
            return number
    return None


def _head(source: Source, anchor: int, insertion: Insertion, budget: Budget) -> str:
    """What a window that begins at `anchor` must still know of the lines above: stable while one types."""
    view = window(source, anchor, before=HEAD_LINES, after=1)
    parts = [*_imports(source), *_outline(source, view, anchor)]
    limit = budget.n_prefix_tokens * HEAD_SHARE
    kept: list[str] = []
    n_used = 0
    for part in [*parts]:
        n_part = estimate_tokens(part)
        if n_used + n_part > limit:
            continue
        kept.append(part)
        n_used += n_part
    around = _class_header(source, view, anchor)
    return "\n".join(part for part in [*kept, *around] if part) + "\n" if kept or around else ""


def _imports(source: Source) -> list[str]:
    """The imports at the file's top, each whole, parentheses included."""
    found: list[str] = []
    number = 0
    while number < min(len(source.lines), HEAD_LINES):
        text = source.line(number)
        if _IMPORT.match(text):
            statement = [text]
            while statement[0].count("(") and ")" not in statement[-1] and len(statement) < 30:
                number += 1
                statement.append(source.line(number))
            found.append("\n".join(statement))
        elif _TOP_DEFINITION.match(text):
            break
        number += 1
    return found


def _outline(source: Source, view: Window, anchor: int) -> list[str]:
    """Constants and signatures of the top level above the anchor, nearest kept first where the budget is short."""
    found: list[str] = []
    for number in range(view.first_line, anchor):
        text = view.line(number)
        if view.is_in_string(number):
            continue
        if re.match(r"(?:async\s+)?def\s", text) or text.startswith("class "):
            found.append(_signature(view, number) + " ...")
        elif _CONSTANT.match(text) and len(text) < 100:
            found.append(text)
    return found


def _signature(view: Window, number: int) -> str:
    lines = [view.line(number).rstrip()]
    while not re.search(r":\s*(?:#.*)?$", lines[-1]) and len(lines) < 20 and number + len(lines) < view.end_line:
        lines.append(view.line(number + len(lines)).rstrip())
    return "\n".join(lines)


def _class_header(source: Source, view: Window, anchor: int) -> list[str]:
    """Headers of the classes and functions around the anchor, with attributes and signatures of a class."""
    around = scopes(view, anchor, indent_of(source.line(anchor)))
    found: list[str] = []
    for scope in reversed(around):
        found.append(_signature(view, scope.line))
        if scope.kind == "class":
            found.extend(_members(view, scope, anchor))
    return found


def _members(view: Window, scope: Scope, end: int) -> list[str]:
    """Attributes of a class and the signatures of its methods; `__init__` with what it assigns."""
    found: list[str] = []
    level: int | None = None
    is_init = False
    for number in range(scope.line + 1, end):
        text = view.line(number)
        if not text.strip() or view.is_in_string(number):
            continue
        indent = width(indent_of(text))
        if indent <= width(scope.indent):
            continue
        level = indent if level is None else level
        if indent == level:
            is_init = "def __init__" in text
            if re.match(r"\s*(?:async\s+)?def\s", text):
                found.append(_signature(view, number) + ("" if is_init else " ..."))
            elif _ATTRIBUTE.match(text) and len(text) < 120:
                found.append(text)
        elif is_init and text.lstrip().startswith("self.") and _ATTRIBUTE.match(text) and len(text) < 120:
            found.append(text)
    return found


def _cells(earlier: Sequence[str], budget: Budget) -> str:
    """Earlier cells of a notebook, the last ones where not all fit; each whole."""
    kept: list[str] = []
    n_left = budget.n_prefix_tokens * CELLS_SHARE
    for cell in reversed(earlier):
        text = cell.replace("\r\n", "\n").rstrip("\n") + "\n"
        n_left -= estimate_tokens(text)
        if n_left < 0:
            break
        if text.strip():
            kept.append(text)
    return "".join(text + "\n" for text in reversed(kept))


async def _suffix(source: Source, insertion: Insertion, budget: Budget, count: Callable[[str], Awaitable[int]]) -> str:
    """Lines after the place, up to a sensible end: not into the middle of the next definition but its header."""
    first = insertion.line + 1
    lines: list[str] = []
    n_chars = 0
    for number in range(first, min(len(source.lines), first + budget.max_suffix_lines)):
        n_chars += len(source.lines[number])
        if n_chars > budget.n_suffix_tokens * 6:
            break
        lines.append(source.line(number))
    while lines and not lines[-1].strip():
        lines.pop()
    while lines:
        text = "\n".join(lines) + "\n"
        if await count(text) <= budget.n_suffix_tokens:
            return text
        lines = lines[: len(lines) * 3 // 4]
    return ""


async def _hard_cut(near: list[str], ending: str, budget: Budget, count: Callable[[str], Awaitable[int]]) -> str:
    """The last characters that fit: for a file whose lines are longer than the budget."""
    text = ("".join(near[-50:]) + ending)[-budget.n_prefix_tokens * 4 :]
    while text and await count(text) > budget.n_prefix_tokens:
        text = text[len(text) // 4 + 1 :]
    return text
