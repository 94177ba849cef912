"""pass@k on HumanEval-XL (Russian and English): bare, and through the server as an editor asks.

Bare: the model gets the problem's own prompt as a file's beginning and goes on. Through the server: a process of its
own over stdio, so nothing is imported from it. Either way the code runs in the sandbox.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from finetune.evaluate import sandbox
from finetune.evaluate.intervals import pass_at_k
from finetune.llama import Gguf
from finetune.outside import evaluation_file
from models.json_lines import read_json_lines
from models.prompt import CodeRequest, render_code

_INDENT = "    "
_ENDS = ("\ndef ", "\nclass ", "\nif __name__", "\nprint(", "\n@", "\n```", "\nassert ")


@dataclass(frozen=True)
class Answered:
    """One problem: which samples passed, and the first answer."""

    task: str
    passed: tuple[bool, ...]
    answer: str

    def at(self, k: int) -> float:
        """pass@k of this problem."""
        return pass_at_k(len(self.passed), sum(self.passed), k)


def problems(language: str, limit: int) -> list[dict[str, Any]]:
    """The problems of `ru` or `en`; empty where the data are not there. A limit of 0 is none."""
    path = evaluation_file(f"humaneval_{language}")
    if path is None:
        return []
    return list(read_json_lines(path))[: limit or None]


def bare(
    model: Gguf, rows: Sequence[Mapping[str, Any]], prompt_format: str, *, samples: int, max_tokens: int, seed: int
) -> list[Answered]:
    """Let the model write the body after each prompt: the first sample greedily, others at temperature 0.8."""
    answered = []
    for row in tqdm(rows, desc=f"HumanEval, {prompt_format}", unit="problem", leave=False):
        request = CodeRequest(_docstring_of(row), prefix=_head(row), suffix="", indent=_INDENT)
        prompt = render_code(prompt_format, request)
        tokens = model.tokens_of(prompt.segments)
        texts = []
        for sample in range(samples):
            text = model.generate(
                tokens,
                max_tokens=max_tokens,
                temperature=0.8 if sample else 0.0,
                seed=seed + sample,
                stop=lambda text: any(end in text for end in _ENDS),
            )
            texts.append(_body(prompt.answer_head + text))
        passed = tuple(_passes(row, _head(row) + text) for text in texts)
        answered.append(Answered(row["task_id"], passed, texts[0]))
    return answered


def through_server(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Answered] | str:
    """Ask the language server at the place after each docstring; a string is why that could not be done."""
    try:
        client = importlib.import_module("benchmarks.client")
    except ModuleNotFoundError:
        return "needs a checkout with `benchmarks`"
    try:
        return asyncio.run(_ask_server(client.BenchmarkEditor(settings), rows))
    except client.BenchmarkError as error:  # that the server could not ask its model says nothing of the model
        return str(error)


async def _ask_server(editor: Any, rows: Sequence[Mapping[str, Any]]) -> list[Answered]:
    answered = []
    await editor.start()
    try:
        for row in tqdm(rows, desc="HumanEval, server", unit="problem", leave=False):
            text = _head(row) + _INDENT
            uri = editor.open(text)
            reply = await editor.complete(uri, text, text.count("\n"), len(_INDENT))
            editor.close(uri)
            answered.append(Answered(row["task_id"], (_passes(row, reply.document),), reply.inserted))
    finally:
        await editor.stop()
    return answered


def _head(row: Mapping[str, Any]) -> str:
    """The problem as the beginning of a file: what is written goes on the line below it."""
    prompt = str(row["prompt"])
    return prompt if prompt.endswith("\n") else prompt + "\n"


def _docstring_of(row: Mapping[str, Any]) -> str:
    """The task in words: the last docstring of the prompt, without its examples."""
    text = str(row["prompt"]).replace("'''", '"""')
    inside = text.split('"""')[-2] if text.count('"""') > 1 else text
    return " ".join(inside.split(">>>")[0].split())


def _body(text: str) -> str:
    """What belongs to the function: up to the first line that begins something else."""
    for end in _ENDS:
        text = text.split(end, maxsplit=1)[0]
    return text.rstrip() + "\n"


def _passes(row: Mapping[str, Any], program: str) -> bool:
    return sandbox.run(f"{program}\n{row['test']}\ncheck({row['entry_point']})\n", timeout_s=10.0).passed


def server_settings(model: Path, prompt_format: str, adapter: Path | None, scale: float) -> dict[str, Any]:
    """The server's settings for a model file of ours."""
    return {
        "model": str(model),
        "promptFormat": prompt_format,
        "adapter": str(adapter) if adapter else "none",
        "adapterScale": scale,
        "timeBudgetMs": 0,
    }
