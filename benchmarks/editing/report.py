"""The tables of the editing benchmark."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import get_args

from benchmarks.editing.cases import Split
from benchmarks.records import Record

PASS_BARS = {"qwen2.5-coder-0.5b": 0.50, "qwen2.5-coder-1.5b": 0.75}


def report(rows: Sequence[Record], mode: str, model: str) -> str:
    """Pass rates by kind, and everything with a bar."""
    if not rows:
        return "no cases"
    lines = [
        f"editing benchmark: {model}, {mode}, {len(rows)} cases",
        f"{'kind':<12} {'cases':>6} {'passed':>7} {'':>6}",
    ]
    for kind in sorted({row["kind"] for row in rows}):
        lines.append(_rate_line(kind, [row for row in rows if row["kind"] == kind]))
    for split in get_args(Split):
        if of_split := [row for row in rows if row["split"] == split]:
            lines.append(_rate_line(f"all {split}", of_split))
    lines.append(_rate_line("all", rows, _bar(mode, model)))
    lines += _quality(rows, mode)
    for problem in sorted({problem for row in rows for problem in row["problems"]}):
        lines.append(f"the server said: {problem}")
    return "\n".join(lines)


def _bar(mode: str, model: str) -> str:
    if mode == "server" and model in PASS_BARS:
        return f"bar ≥ {PASS_BARS[model]:.0%}"
    if mode == "fim" and model == "qwen2.5-coder-0.5b":
        return "bar ≤ 20%"
    return ""


def _rate_line(name: str, rows: Sequence[Record], bar: str = "") -> str:
    n_passed = sum(row["passed"] for row in rows)
    return f"{name:<12} {len(rows):>6} {n_passed:>7} {n_passed / len(rows):>6.1%}  {bar}".rstrip()


def _quality(rows: Sequence[Record], mode: str) -> Iterable[str]:
    n = len(rows)
    is_server = mode == "server"
    n_fences = sum(row["has_fence_or_chatter"] for row in rows)
    yield f"fences or chatter: {n_fences}" + ("  bar 0" if is_server else "")
    n_answered = sum(not row["is_empty"] for row in rows)
    yield f"non-empty answers: {n_answered / n:.1%}" + ("  bar ≥ 95%" if is_server else "")
    n_shown = sum(row["n_shown"] for row in rows)
    yield f"tokens shown: {n_shown / n:.1f} a case"
    if all(row["n_generated"] is not None for row in rows):
        n_generated = sum(row["n_generated"] for row in rows)
        ratio = n_generated / max(1, n_shown)
        yield f"tokens generated: {n_generated / n:.1f} a case; generated / shown {ratio:.2f}" + (
            "  bar ≤ 1.2" if is_server else ""
        )
    if any(row["raw"] is not None for row in rows):
        n_lost = sum(row["is_shape_lost"] is True for row in rows)
        yield f"lost to shape alone: {n_lost / n:.1%} ({n_lost})" + ("  bar ≤ 5%" if is_server else "")
    else:
        yield "lost to shape alone, tokens generated: not known, the server sends no kodopis/raw"
    median_ms = statistics.median(row["wall_ms"] for row in rows)
    yield f"time to the whole answer: median {median_ms / 1000:.2f} s"
