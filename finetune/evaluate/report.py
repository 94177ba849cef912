"""`report.html`: one page with every table, plot and side-by-side answer of an evaluation. Needs no network to read."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from finetune.stage import Run

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;
vertical-align:top}th{background:#f4f4f4}pre{margin:0;white-space:pre-wrap;font-size:13px}img{max-width:100%}
.note{color:#666}"""


def write_report(run: Run, folder: Path) -> None:
    """Read what the stage measured from `folder` and write the page."""
    parts = [
        f"<h1>{escape(run.recipe.model.title or run.recipe.name)}</h1>",
        f"<p>{escape(run.recipe.description)}. Limits: {run.recipe.evaluate.perplexity_tokens} tokens a set, "
        f"{run.recipe.evaluate.task_limit} problems a task (0: no limit).</p>",
        _perplexity_part(_read(folder, "perplexity")),
        _pareto_part(_read(folder, "pareto")),
        _tasks_part(_read(folder, "tasks")),
        _humaneval_part(_read(folder, "humaneval")),
        _answers_part(_read(folder, "answers")),
        _skipped_part(_read(folder, "skipped")),
    ]
    (folder / "report.html").write_text(page(run.recipe.name, parts), encoding="utf-8")


def page(title: str, parts: Sequence[str]) -> str:
    """A whole HTML page from its parts."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{_STYLE}</style>{''.join(parts)}</html>\n"


def _read(folder: Path, name: str) -> Any:
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table; cells are escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(cell: object) -> str:
    if cell is None:
        return "—"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def picture(draw: Callable[[Any], None], size: tuple[float, float] = (7, 3.6)) -> str:
    """A plot as an inline image; `draw` gets the axes."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415 - after the backend is chosen

    figure, axes = pyplot.subplots(figsize=size)
    draw(axes)
    figure.tight_layout()
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    pyplot.close(figure)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}">'


def _perplexity_part(sets: Sequence[Mapping[str, Any]]) -> str:
    if not sets:
        return ""

    def draw(axes: Any) -> None:
        names = [one["set"] for one in sets]
        for shift, who in ((-0.2, "base"), (0.2, "adapter")):
            bars = axes.bar([i + shift for i in range(len(sets))], [s[who]["perplexity"] for s in sets], 0.4, label=who)
            axes.bar_label(bars, fmt="%.2f", fontsize=7)
        axes.set_xticks(range(len(sets)), names, fontsize=8)
        axes.set_yscale("log")
        axes.set_ylabel("perplexity")
        axes.legend()

    rows = [
        (
            one["set"],
            one["base"]["perplexity"],
            one["adapter"]["perplexity"],
            one["base"]["bits_per_byte"],
            one["adapter"]["bits_per_byte"],
            one["base"]["tokens"],
            one["note"],
        )
        for one in sets
    ]
    header = ("set", "base", "adapter", "bits/byte, base", "bits/byte, adapter", "tokens", "how")
    return (
        "<h2>Perplexity</h2>"
        + picture(draw)
        + table(header, rows)
        + '<p class="note">exp(−mean ln p) over tokens: formula 7 of the paper, whose 8 and 9 together would '
        "exponentiate twice.</p>"
    )


def _pareto_part(points: Sequence[Mapping[str, float]]) -> str:
    if not points or "wikitext" not in points[0]:
        return ""

    def draw(axes: Any) -> None:
        xs, ys = [p["wikitext"] for p in points], [p["own_answers"] for p in points]
        axes.plot(xs, ys, "o-")
        for point, x, y in zip(points, xs, ys, strict=True):
            axes.annotate(f"α={point['alpha']:g}", (x, y), fontsize=8, xytext=(4, 4), textcoords="offset points")
        axes.set_xlabel("wikitext perplexity (forgotten →)")
        axes.set_ylabel("own answers, perplexity (↓ learned)")

    header = ("α", "own answers", "wikitext")
    rows = [(point["alpha"], point["own_answers"], point["wikitext"]) for point in points]
    return "<h2>Learned against forgotten</h2>" + picture(draw) + table(header, rows)


def _tasks_part(tasks: Mapping[str, Sequence[Mapping[str, Any]]] | Sequence[Any]) -> str:
    if not tasks or not isinstance(tasks, Mapping) or not tasks.get("merged"):
        return ""
    base = {one["task"]: one for one in tasks.get("base", [])}
    rows = [
        (
            one["task"],
            base.get(one["task"], {}).get("value"),
            one["value"],
            f"{one['paper'][0]} → {one['paper'][1]}",
            one["limit"] or "all",
            one["note"],
        )
        for one in tasks["merged"]
    ]
    header = ("task", "base, %", "merged, %", "the paper's base → merged, %", "problems", "how")
    return "<h2>Leaderboard tasks</h2>" + table(header, rows)


def _humaneval_part(sets: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for one in sets:
        for metric, found in one["scores"].items():
            interval = f"{found['difference']['low']:+.3f} … {found['difference']['high']:+.3f}"
            rows.append((one["set"], metric, found["base"], found["tuned"], interval, one["problems"]))
    header = ("HumanEval-XL", "", "base", "tuned", "difference, 95 %", "problems")
    return "<h2>Code that runs</h2>" + table(header, rows) if rows else ""


def _answers_part(answers: Sequence[Mapping[str, str]]) -> str:
    rows = "".join(
        "<tr>" + "".join(f"<td><pre>{escape(one[key])}</pre></td>" for key in keys) + "</tr>"
        for one in answers
        for keys in (("instruction", "wanted", "base", "adapter"),)
    )
    head = "<tr><th>task</th><th>wanted</th><th>base</th><th>adapter</th></tr>"
    return f"<h2>Answers side by side</h2><table>{head}{rows}</table>" if rows else ""


def _skipped_part(skipped: Mapping[str, str] | Sequence[Any]) -> str:
    if not skipped or not isinstance(skipped, Mapping):
        return ""
    return "<h2>Not measured</h2>" + table(("what", "why"), list(skipped.items()))
