"""Replay: the base's own answers, so that training keeps what the base knows (self-synthesised rehearsal).

python -m finetune.data replay --base gguf:qwen2.5-coder-0.5b --out replay.jsonl
python -m finetune.data replay --endpoint http://127.0.0.1:8080 --prompts mine.jsonl --out replay.jsonl

`--prompts` is any set that a recipe can name; its answers are not looked at. A killed run goes on where it stopped.
Huang et al., "Mitigating Catastrophic Forgetting in Large Language Models with Self-Synthesized Rehearsal", 2024.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from finetune.data.answering import Answerer, LocalModel, ServedModel
from finetune.data.resumable import Lines
from finetune.data.rows import Row
from finetune.data.sources import read_rows
from finetune.gguf_base import locate
from finetune.messages import WRITTEN
from finetune.recipe import Source
from models.prompt import Turn

PROMPTS = "replay_prompts.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_model_arguments(parser)
    parser.add_argument("--prompts", default=PROMPTS, help="a set whose instructions are asked (default: ours)")
    parser.add_argument("--tokens", type=int, default=320, help="most tokens of an answer; longer ones are left out")
    parser.add_argument("--out", type=Path, default=Path("replay.jsonl"))


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model answers."""
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--base", help="gguf:<catalog id or file>")
    model.add_argument("--endpoint", help="a server with /v1/chat/completions")
    parser.add_argument("--model", default="", help="the model's name on that server")
    parser.add_argument("--chat-format", default="chatml", help="chatml or zephyr, for --base")


def answerer(options: argparse.Namespace) -> Answerer:
    """The model that the options name.

    Raises:
        FinetuneError: `base-missing`, `gguf-rejected`.
    """
    if options.endpoint:
        return ServedModel(options.endpoint, options.model)
    return LocalModel(locate(options.base), options.chat_format)


def run(options: argparse.Namespace) -> int:
    """The command: returns the exit status.

    Raises:
        FinetuneError: `data-missing`, `base-missing`, `endpoint-failed`.
    """
    rows = [row for row in read_rows(Source(options.prompts)) if isinstance(row, Row)]
    with Lines(options.out) as lines:
        waiting = [row for row in rows if row.number not in lines.done]
        model = answerer(options) if waiting else None
        for row in tqdm(waiting, unit="answer"):
            assert model is not None
            text = f"{row.instruction}\n\n{row.context}" if row.context.strip() else row.instruction
            said = model.answer([Turn("user", text)], options.tokens)
            if said:
                lines.write(row.number, {"instruction": text, "output": said})
    print(WRITTEN(out=options.out, count=len(lines.done)))
    return 0
