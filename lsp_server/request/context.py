"""What the model sees around the place where code goes, within a budget of its own tokens.

Owns: choosing the text before and after. The start of the window is anchored at a `def` or `class` found from a grid
of line numbers, so that typing does not move it and the engine's KV cache stays valid; what lies above it is told by
a head (`lsp_server.source.outline`), which depends on the text above the anchor only. Line ends are \\n for the model
whatever the file has. Does not own: how a prompt is rendered (`models.prompt`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from lsp_server.request.instruction import Insertion, Instruction
from lsp_server.source.document import Source
from lsp_server.source.outline import LONG_LINE, Part, Rank, outline, signatures_below

Tokenize = Callable[[str], Awaitable[Sequence[int]]]
Count = Callable[[str], Awaitable[int]]

MAX_LINES = 2_000
CHARS_PER_TOKEN = 5
HEAD_SHARE = 0.3
NEAREST_METHODS = 24
CELLS_SHARE = 0.4
CELL_IMPORTS_SHARE = 0.5
TOKENS_PER_GRID_LINE = 32
STEPS_IN_WINDOW = 3
CALLS_NEAR_LINES = 15
TAIL_CHARS = 200
ESTIMATE_SLACK = 1.25
"""By how much an estimate of tokens may be too high: windows that would not fit even so are not looked at."""

_TOP_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s+\w+|@\w")
_DEFINITION = re.compile(r"\s*(?:(?:async\s+def|def|class)\s+\w+|@\w)")
_IMPORT = re.compile(r"(?:import\s+\w[\w., ]*|from\s+[\w.]+\s+import\s+[\w*][\w., *]*)(?:#.*)?$")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NAME = re.compile(r"[A-Za-z_]\w{2,}")
_CALLED = re.compile(r"([A-Za-z_]\w{2,})\s*\(")


@dataclass(frozen=True)
class Budget:
    """How much a prompt may hold: tokens before the place and after it, and lines after it."""

    n_prefix_tokens: int = 2_000
    n_suffix_tokens: int = 300
    max_suffix_lines: int = 16


@dataclass(frozen=True)
class Context:
    """The text before and after the place.

    `prefix` ends at the start of the code's line. It begins with earlier cells or with `head`, which tells of the
    lines above `anchor_line`, the first line that is in the prefix as the file has it. `density`: tokens for each
    estimated one in the windows that did not fit; 0.0 where the first one did. `tail` is what stands behind the place
    on its own line, or the beginning of that.
    """

    prefix: str
    suffix: str
    n_prefix_tokens: int
    n_suffix_tokens: int
    anchor_line: int
    head: str = ""
    density: float = 0.0
    tail: str = ""


def estimate_tokens(text: str) -> int:
    """Tokens of a text where no tokenizer is at hand: about 3.3 ASCII characters a token, 2 others a token."""
    n_wide = len(_NOT_ASCII.findall(text))
    return int((len(text) - n_wide) / 3.3 + n_wide / 2) + 1 if text else 0


async def build(
    source: Source,
    insertion: Insertion,
    tokenize: Tokenize | None,
    budget: Budget,
    earlier_cells: Sequence[str] = (),
    *,
    instruction: Instruction | None = None,
    density: float = 0.0,
) -> Context:
    """Choose the prefix and the suffix of a place, within the budget. Cost does not grow with the file.

    `density`: of an earlier context of the document; windows that it rules out are not counted again.
    """
    count = _counter(tokenize)
    tail = insertion.tail[:TAIL_CHARS]
    n_tail = await count(tail)
    left = replace(budget, n_suffix_tokens=budget.n_suffix_tokens - n_tail)
    suffix = await _suffix(source, insertion, instruction, left, count)
    n_suffix = n_tail + await count(suffix)
    ending = insertion.opening.replace("\r\n", "\n")
    latest = insertion.line if instruction is None else min(insertion.line, instruction.begins_at)
    cells = _cells(earlier_cells, budget)
    ratio = max(density, 1 / ESTIMATE_SLACK)
    for anchor in _anchors(source, insertion.line, latest, budget):
        body = _text(source, anchor, insertion.line) + ending
        if estimate_tokens(body) * ratio > budget.n_prefix_tokens:
            continue  # a window's head is looked for only where the window may fit
        head = _head(source, anchor, budget) if anchor else ""
        prefix = cells + head + body
        if estimate_tokens(prefix) * ratio > budget.n_prefix_tokens:
            continue
        n_prefix = await count(prefix)
        if 0 < n_prefix <= budget.n_prefix_tokens or insertion.line == 0:
            return Context(prefix, suffix, n_prefix, n_suffix, anchor, head, density, tail)
        ratio = density = max(ratio, n_prefix / (estimate_tokens(prefix) or 1))
        cells = "" if anchor else cells
    last = max(0, min(latest, insertion.line - 1))
    prefix = await _last_characters(_text(source, last, insertion.line) + ending, budget, count)
    return Context(prefix, suffix, await count(prefix), n_suffix, last, density=density, tail=tail)


def _counter(tokenize: Tokenize | None) -> Count:
    async def count(text: str) -> int:
        if tokenize is None or not text:
            return estimate_tokens(text)
        return len(await tokenize(text))

    return count


def _text(source: Source, first: int, end: int) -> str:
    """Lines of the file as the model sees them: \\n for line ends, no byte order mark."""
    text = "".join(source.line(number) + "\n" for number in range(first, min(end, len(source.lines))))
    return text.removeprefix("\ufeff") if first == 0 else text


def _anchors(source: Source, line: int, latest: int, budget: Budget) -> list[int]:
    """Lines where the window may begin, widest window first: the file's begin, then boundaries found from a grid.

    The grid is of line numbers: while one types at the cursor, the first boundary that fits stays the same for as
    many lines as a step has, and then jumps by about one.
    """
    n_chars = 0
    lowest = min(line, len(source.lines))
    while lowest > max(0, line - MAX_LINES):
        n_chars += len(source.lines[lowest - 1])
        if n_chars > budget.n_prefix_tokens * CHARS_PER_TOKEN:
            break
        lowest -= 1
    found = [0] if lowest == 0 else []
    step = max(8, budget.n_prefix_tokens // TOKENS_PER_GRID_LINE)
    while step > max(1, (line - lowest) // STEPS_IN_WINDOW):  # of dense lines a window may hold fewer than a step
        step //= 2
    for grid in range(-(-lowest // step) * step, latest, step):
        anchor = _boundary(source, grid, min(latest, grid + step))
        if not found or anchor > found[-1]:
            found.append(anchor)
    return [*found, latest] if not found or found[-1] < latest < line else found or [lowest]


def _boundary(source: Source, first: int, end: int) -> int:
    """The line to begin at within some lines: a top-level definition, a method, the line after a blank one."""
    lines = [(number, source.line(number)) for number in range(first, end)]
    for pattern in (_TOP_DEFINITION, _DEFINITION):
        for number, text in lines:
            if pattern.match(text):
                return number
    for number, text in lines:
        if text.strip() and number and not source.line(number - 1).strip():
            return number
    return first


def _head(source: Source, anchor: int, budget: Budget) -> str:
    """What lies above the window, as far as a share of the budget allows: scopes, imports, then the nearest names."""
    parts: Sequence[Part] = outline(source, anchor)
    far = {part.line for part in [part for part in parts if part.rank is Rank.METHOD][:-NEAREST_METHODS]}
    parts = [part for part in parts if part.line not in far]
    ranked = sorted(parts, key=lambda part: (part.rank, -part.line if part.rank >= Rank.METHOD else part.line))
    kept, _ = _fitting([part.text for part in ranked], budget.n_prefix_tokens * HEAD_SHARE)
    chosen = set(map(id, ranked[: len(kept)]))
    return "".join(part.text + "\n" for part in parts if id(part) in chosen)


def _fitting(parts: Sequence[str], n_tokens: float) -> tuple[list[str], float]:
    """The first parts that fit, and what is left of the tokens."""
    kept: list[str] = []
    for part in parts:
        n_part = estimate_tokens(part) + 1
        if n_part > n_tokens:
            break
        kept.append(part)
        n_tokens -= n_part
    return kept, n_tokens


def _cells(earlier: Sequence[str], budget: Budget) -> str:
    """Earlier cells of a notebook, each whole; where not all fit, the last ones after the imports of the others."""
    texts = [cell.replace("\r\n", "\n").strip("\n") + "\n\n" for cell in reversed(earlier) if cell.strip()]
    n_tokens = budget.n_prefix_tokens * CELLS_SHARE
    kept, _ = _fitting(texts, n_tokens)
    if len(kept) == len(texts):
        return "".join(kept[::-1])
    n_for_imports = n_tokens * CELL_IMPORTS_SHARE
    nearest, _ = _fitting(texts, n_tokens - n_for_imports)
    imports, n_left = _fitting(_imports(texts[len(nearest) :][::-1]), n_for_imports)
    kept, _ = _fitting(texts, n_tokens - n_for_imports + n_left)
    whole = "".join(kept[::-1])
    told = "".join(line for line in imports if line not in whole)
    return f"{told}\n{whole}" if told else whole


def _imports(cells: Sequence[str]) -> list[str]:
    """The imports of cells that take one line at the top level, each once: magics make the rest hard to parse."""
    lines = (line for cell in cells for line in cell.splitlines())
    return list(dict.fromkeys(line + "\n" for line in lines if _IMPORT.match(line)))


async def _suffix(
    source: Source, insertion: Insertion, instruction: Instruction | None, budget: Budget, count: Count
) -> str:
    """The next lines, whole, and after them the signatures of functions used here that are defined further down."""
    first = insertion.line + 1
    lines: list[str] = []
    n_chars = 0
    for number in range(first, min(len(source.lines), first + budget.max_suffix_lines)):
        n_chars += len(source.lines[number])
        if n_chars > budget.n_suffix_tokens * CHARS_PER_TOKEN:
            break
        lines.append(source.line(number))
    below = signatures_below(source, first + len(lines), _names(source, insertion, instruction))
    while lines and not lines[-1].strip():
        lines.pop()
    for text in ("\n".join([*lines, "", "", *below]) + "\n" if below else "", "\n".join(lines) + "\n" if lines else ""):
        if text and await count(text) <= budget.n_suffix_tokens:
            return text
    while lines:
        lines = lines[: len(lines) * 3 // 4]
        text = "\n".join(lines) + "\n"
        if lines and await count(text) <= budget.n_suffix_tokens:
            return text
    return ""


def _names(source: Source, insertion: Insertion, instruction: Instruction | None) -> frozenset[str]:
    """Names that the instruction mentions or the lines right above call."""
    near = (source.line(number) for number in range(max(0, insertion.line - CALLS_NEAR_LINES), insertion.line))
    above = "\n".join(line for line in near if len(line) < LONG_LINE)
    return frozenset(_NAME.findall(instruction.text if instruction else "")) | frozenset(_CALLED.findall(above))


async def _last_characters(text: str, budget: Budget, count: Count) -> str:
    """The end of a text that is too long even from the latest line where a window may begin."""
    text = text[-budget.n_prefix_tokens * CHARS_PER_TOKEN :]
    while text and await count(text) > budget.n_prefix_tokens:
        text = text[len(text) // 4 + 1 :]
    return text
