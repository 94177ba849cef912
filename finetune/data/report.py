"""`report.html` of the stage `data`: what came in, what was dropped and why, lengths, licences, examples of each."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from finetune.evaluate.report import page, picture, table
from finetune.stage import Run
from models.json_lines import read_json_lines

_EXAMPLES = 3
_SHOWN_CHARS = 1_200


Lines = Sequence[Mapping[str, Any]]


def write_report(run: Run, folder: Path) -> None:
    """Read what the stage wrote into `folder` and write the page."""
    parts = {name: list(read_json_lines(folder / f"{name}.jsonl")) for name in ("train", "validation", "test")}
    dropped = list(read_json_lines(folder / "dropped.jsonl"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    kept = [row for rows in parts.values() for row in rows]
    sections = [
        f"<h1>{escape(run.recipe.name)}: data</h1>",
        _amounts(summary),
        _sources(summary, kept, dropped),
        _lengths(kept),
        _dropped(dropped),
        _places(summary),
        "<h2>Examples</h2>",
        _examples(kept),
    ]
    (folder / "report.html").write_text(page(f"{run.recipe.name}: data", sections), encoding="utf-8")


def _amounts(summary: Mapping[str, Any]) -> str:
    keys = ("rows", "tasks", "prompt_tokens", "completion_tokens")
    rows = [(name, *(summary[key].get(name, 0) for key in keys)) for name in summary["rows"]]
    replay = f"<p>Rows of replay among those of training: {summary['replay_rows']}.</p>"
    return table(("split", "rows", "tasks", "prompt tokens", "tokens with loss"), rows) + replay


def _sources(summary: Mapping[str, Any], kept: Lines, dropped: Lines) -> str:
    stayed = Counter(row["source"] for row in kept if not row["replay"])
    lost = Counter(row["source"] for row in dropped)
    rows = [
        (path, summary["licences"].get(path, "—"), total, stayed[path], lost[path])
        for path, total in summary["read"].items()
    ]

    def draw(axes: Any) -> None:
        names = [row[0] for row in rows]
        axes.barh(names, [row[3] for row in rows], label="kept")
        axes.barh(names, [row[4] for row in rows], left=[row[3] for row in rows], label="dropped")
        axes.legend()
        axes.set_xlabel("rows")

    header = ("source", "licence", "rows read", "rows kept (in a split)", "rows dropped")
    return "<h2>Sources</h2>" + table(header, rows) + picture(draw, (7, 1 + 0.5 * len(rows)))


def _lengths(kept: Lines) -> str:
    def draw(axes: Any) -> None:
        for key, label in (("prompt_ids", "prompt"), ("completion_ids", "completion")):
            axes.hist([len(row[key]) for row in kept], bins=40, histtype="step", label=label)
        axes.set_xlabel("tokens")
        axes.set_ylabel("rows")
        axes.legend()

    return "<h2>Lengths</h2>" + picture(draw)


def _dropped(dropped: Lines) -> str:
    """Every reason with its count and a few rows, so that anybody can look at them."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for row in dropped:
        reason = "more tokens than a row may have" if row["reason"].endswith(" tokens") else row["reason"]
        kind = reason if reason.startswith("leak") else reason.partition(": ")[0].partition(" of ")[0]
        by_reason[kind].append(f"{row['source']}:{row['number']}")
    if not by_reason:
        return "<h2>Dropped</h2><p>Nothing.</p>"
    rows = [(kind, len(found), ", ".join(found[:_EXAMPLES])) for kind, found in sorted(by_reason.items())]

    def draw(axes: Any) -> None:
        axes.barh([row[0] for row in rows], [row[1] for row in rows])
        axes.set_xlabel("rows")

    return "<h2>Dropped</h2>" + table(("reason", "rows", "first"), rows) + picture(draw, (7, 1 + 0.4 * len(rows)))


def _places(summary: Mapping[str, Any]) -> str:
    if not summary["places"]:
        return ""
    rows = sorted(summary["places"].items(), key=lambda item: -item[1])
    return "<h2>Places of the instruction</h2>" + table(("place", "rows"), rows)


def _examples(kept: Lines) -> str:
    """A few of each source and place."""
    shown: Counter[tuple[str, str]] = Counter()
    rows = []
    for row in kept:
        key = (row["source"], row["place"] or row["kind"])
        shown[key] += 1
        if shown[key] <= _EXAMPLES:
            rows.append((*key, row["prompt"][-_SHOWN_CHARS:], row["answer"][:_SHOWN_CHARS]))
    cells = "".join(
        f"<tr><td>{escape(source)}</td><td>{escape(place)}</td><td><pre>{escape(prompt)}</pre></td>"
        f"<td><pre>{escape(answer)}</pre></td></tr>"
        for source, place, prompt, answer in sorted(rows)
    )
    head = "<tr><th>source</th><th>place</th><th>prompt (its end)</th><th>completion</th></tr>"
    return f"<table>{head}{cells}</table>"
