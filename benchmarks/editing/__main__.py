"""The editing benchmark: how many of our own editing cases pass.

    python -m benchmarks.editing                                   # the default model through the server, dev split
    python -m benchmarks.editing --mode fim --split all            # the bare model, by hand
    python -m benchmarks.editing --model qwen2.5-coder-1.5b --out runs/editing.jsonl

With `--out`, an interrupted run goes on where it stopped, and several modes may share the file.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import cast, get_args

from benchmarks.by_hand import BareModel, Way
from benchmarks.chosen import adapter_name, chosen
from benchmarks.client import BenchmarkEditor
from benchmarks.console import told, whole_number
from benchmarks.editing import ask, cases
from benchmarks.editing.ask import Mode
from benchmarks.editing.report import report
from benchmarks.records import Record, Records


@told
def main(arguments: list[str] | None = None) -> int:
    """Run and print. Exit code 2 where there is no model to run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.editing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog id or path of a GGUF file")
    parser.add_argument("--split", choices=(*get_args(cases.Split), "all"), default="dev")
    parser.add_argument("--mode", choices=get_args(Mode), default="server")
    parser.add_argument("--limit", type=whole_number(1), help="every n-th case, so that about this many are run")
    parser.add_argument("--only", help="cases whose id contains this")
    parser.add_argument("--out", type=Path, help="results, one JSON object a line")
    parser.add_argument("--prompt-format", default="auto", help="mode server: another prompt format than the catalog's")
    parser.add_argument("--adapter", default="auto", help="mode server: auto (the catalog's), none, an id or a file")
    parser.add_argument("--failed", action="store_true", help="show the answers that did not pass")
    options = parser.parse_args(arguments)
    if options.mode != "server" and (options.prompt_format, options.adapter) != ("auto", "auto"):
        parser.error("--prompt-format and --adapter are of --mode server: by hand the bare model is asked")
    some = _some(options)
    if not some:
        parser.error(f"no case of this split has {options.only} in its id")
    rows, model = asyncio.run(_run(options, some))
    if options.failed:
        _show_failed(rows)
    print(report(rows, options.mode, model))
    return 0


def _some(options: argparse.Namespace) -> list[cases.EditingCase]:
    loaded = [case for case in cases.load(options.split) if not options.only or options.only in case.id]
    return loaded[:: max(1, len(loaded) // options.limit)] if options.limit else loaded


async def _run(options: argparse.Namespace, some: list[cases.EditingCase]) -> tuple[list[Record], str]:
    records = Records(options.out)
    mode = cast("Mode", options.mode)
    settings = {"model": options.model, "promptFormat": options.prompt_format, "adapter": options.adapter}
    adapter = adapter_name(chosen(settings))
    asked = options.prompt_format if adapter == "none" else f"{options.prompt_format}+{adapter}"
    bare = await BareModel.of(options.model)
    editor = BenchmarkEditor(settings) if mode == "server" else None
    rows = []
    try:
        if editor is not None:
            await editor.start()
        for number, case in enumerate(some, start=1):
            key = ask.key(case, mode, bare.name, asked if mode == "server" else "auto")
            row = records.get(key)
            if row is None:
                row = records.add(key, asdict(await _one(case, mode, editor, bare)))
            rows.append(row)
            _progress(number, len(some), rows)
    finally:
        if editor is not None:
            await editor.stop()
        await bare.close()
    return rows, bare.name


async def _one(case: cases.EditingCase, mode: Mode, editor: BenchmarkEditor | None, bare: BareModel) -> ask.Result:
    if editor is not None:
        return await ask.ask_server(case, editor, bare)
    return await ask.ask_by_hand(case, cast("Way", mode), bare)


def _progress(number: int, total: int, rows: list[Record]) -> None:
    if sys.stderr.isatty() or number % 20 == 0:
        n_passed = sum(row["passed"] for row in rows)
        print(f"{number}/{total}: {n_passed} passed", file=sys.stderr, flush=True)


def _show_failed(rows: list[Record]) -> None:
    for row in rows:
        if not row["passed"]:
            lost = " (lost to shape)" if row["is_shape_lost"] else ""
            print(f"--- {row['case']}: {row['error']}{lost}\n{row['answer']}\n")


if __name__ == "__main__":
    sys.exit(main())
