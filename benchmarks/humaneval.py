"""HumanEval-XL through the server, with the bare model by hand beside it: pass@1, greedy, in one run.

    KODOPIS_EVAL_DATA=… python -m benchmarks.humaneval                    # Russian, the default model
    KODOPIS_EVAL_DATA=… python -m benchmarks.humaneval --language en --out runs/humaneval.jsonl

The file is the task's prompt with an indented empty line under its docstring, where the cursor is. The data
(humaneval_xl_ru_dev.jsonl, humaneval_xl_en_dev.jsonl) is read from the folder that KODOPIS_EVAL_DATA names.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from benchmarks.by_hand import BareModel, Way
from benchmarks.chosen import adapter_name, chosen
from benchmarks.client import BenchmarkEditor
from benchmarks.console import BenchmarkError, told, whole_number
from benchmarks.records import Record, Records
from finetune.evaluate import sandbox
from finetune.outside import EVALUATION_FILES, evaluation_file
from models.json_lines import read_json_lines

Mode = Literal["server", "prefix", "fim", "chat"]

INDENT = "    "
# Where evaluations of base models end a raw continuation: the function is over.
STOP = ("\ndef ", "\nclass ", "\nif ", "\nprint", "\n#", "\n@", "\n```")
_CHAT_TASK = "Допиши функцию на Python. Ответь одним блоком кода с функцией целиком.\n```python\n{prompt}```"


@dataclass(frozen=True)
class Task:
    """One task of HumanEval-XL."""

    task_id: str
    prompt: str
    entry_point: str
    test: str

    def program(self, document: str) -> str:
        """What runs in the sandbox."""
        return f"{document}\n\n{self.test}\n\ncheck({self.entry_point})\n"


@dataclass(frozen=True)
class Result:
    """One task answered one way."""

    task: str
    mode: str
    passed: bool
    error: str
    answer: str
    n_generated: int | None
    wall_ms: float
    problems: tuple[str, ...] = ()


def load(language: str) -> list[Task]:
    """The tasks of a language. Raises BenchmarkError where they are not there."""
    path = evaluation_file(f"humaneval_{language}")
    if path is None:
        name = EVALUATION_FILES[f"humaneval_{language}"]
        raise BenchmarkError(f"No evaluation data: set KODOPIS_EVAL_DATA to the folder with {name}.")
    rows = read_json_lines(path)
    return [Task(row["task_id"], row["prompt"], row["entry_point"], row["test"]) for row in rows]


async def answer(task: Task, mode: Mode, editor: BenchmarkEditor, bare: BareModel) -> Result:
    """Ask for one task and run its test."""
    prompt = task.prompt if task.prompt.endswith("\n") else task.prompt + "\n"
    started = time.perf_counter()
    n_generated: int | None
    problems: tuple[str, ...] = ()
    if mode == "server":
        text = prompt + INDENT
        uri = editor.open(text)
        reply = await editor.complete(uri, text, text.count("\n"), len(INDENT))
        editor.close(uri)
        document, said, n_generated = reply.document, reply.inserted, reply.raw.n_tokens if reply.raw else None
        problems = reply.problems
    else:
        bare_answer = await bare.ask(mode, prompt, "", _CHAT_TASK.format(prompt=prompt), stop=STOP)
        said, n_generated = bare_answer.code, bare_answer.n_tokens
        document = _taken_over(task, prompt, mode, said)
    wall_ms = (time.perf_counter() - started) * 1000
    outcome = await asyncio.to_thread(sandbox.run, task.program(document))
    return Result(task.task_id, mode, outcome.passed, outcome.error, said, n_generated, round(wall_ms, 1), problems)


def _taken_over(task: Task, prompt: str, mode: Way, code: str) -> str:
    """A continuation stands behind the prompt; a whole function stands behind the prompt's imports and replaces it."""
    if mode == "chat" and f"def {task.entry_point}" in code:
        return f"{prompt}{INDENT}pass\n\n\n{code}\n"
    return prompt + code


@told
def main(arguments: list[str] | None = None) -> int:
    """Run and print. Exit code 2 where the data or the model is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.humaneval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog id or path of a GGUF file")
    parser.add_argument("--language", choices=("ru", "en"), default="ru")
    parser.add_argument("--mode", choices=get_args(Mode), action="append", help="may be repeated; default: all four")
    parser.add_argument("--limit", type=whole_number(1), help="only the first so many tasks")
    parser.add_argument("--out", type=Path, help="results, one JSON object a line; an interrupted run goes on there")
    options = parser.parse_args(arguments)
    tasks = load(options.language)[: options.limit]
    modes = cast("list[Mode]", options.mode or list(get_args(Mode)))
    model, rows = asyncio.run(_run(tasks, modes, options))
    print(report(model, options.language, len(tasks), rows))
    return 0


async def _run(tasks: Sequence[Task], modes: Sequence[Mode], options: argparse.Namespace) -> tuple[str, list[Record]]:
    records = Records(options.out)
    adapter = adapter_name(chosen({"model": options.model}))
    bare = await BareModel.of(options.model)
    editor = BenchmarkEditor({"model": options.model})
    rows = []
    try:
        await editor.start()
        for mode in modes:
            for task in tasks:
                way = f"server+{adapter}" if mode == "server" and adapter != "none" else mode
                key = f"{way}/{bare.name}/{options.language}/{task.task_id}"
                row = records.get(key) or records.add(key, asdict(await answer(task, mode, editor, bare)))
                rows.append(row)
            print(f"{mode}: done", file=sys.stderr, flush=True)
    finally:
        await editor.stop()
        await bare.close()
    return bare.name, rows


def report(model: str, language: str, n_tasks: int, rows: Sequence[Record]) -> str:
    """Pass@1 of every way, the server's against the best by hand."""
    lines = [f"HumanEval-XL {language}, {n_tasks} tasks, {model}: pass@1, greedy"]
    passed = {}
    for mode in get_args(Mode):
        of_mode = [row for row in rows if row["mode"] == mode]
        if not of_mode:
            continue
        passed[mode] = sum(row["passed"] for row in of_mode)
        known = [row["n_generated"] for row in of_mode if row["n_generated"] is not None]
        tokens = f"{sum(known) / len(known):6.1f}" if known else "     ?"
        seconds = sum(row["wall_ms"] for row in of_mode) / len(of_mode) / 1000
        name = mode if mode == "server" else f"{mode}, by hand"
        lines.append(
            f"{name:<16} {passed[mode]:>3} {passed[mode] / len(of_mode):>6.1%} {tokens} tokens, {seconds:.2f} s a task"
        )
    by_hand = [n for mode, n in passed.items() if mode != "server"]
    if "server" in passed and by_hand:
        lines.append(f"bar: server ≥ {max(by_hand)}: {'reached' if passed['server'] >= max(by_hand) else 'missed'}")
    for problem in sorted({problem for row in rows for problem in row.get("problems", ())}):
        lines.append(f"the server said: {problem}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
