"""Instruction sets in another language, into Russian, as the paper's were; code is left as it is.

python -m finetune.data translate alpaca.json --out alpaca-ru.jsonl --model Helsinki-NLP/opus-mt-en-ru
python -m finetune.data translate alpaca.json --out alpaca-ru.jsonl --endpoint http://127.0.0.1:8080

`--model` is a Marian or NLLB model for transformers, a folder or an id on the hub. A killed run goes on where it
stopped. Fenced blocks, `code in backticks`, doctests and indented lines are not translated.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from finetune.data.answering import ServedModel
from finetune.data.resumable import Lines
from finetune.data.rows import Row
from finetune.data.sources import read_rows
from finetune.errors import FinetuneError
from finetune.messages import HUB_UNREACHABLE, WRITTEN
from finetune.recipe import Source
from models.prompt import Turn

Translate = Callable[[list[str]], list[str]]

_FENCE_OR_LINE = re.compile(r"```.*?(?:```|\Z)|^(?:>>>|\.\.\.|    |\t)[^\n]*$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`[^`\n]+`")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_ASK = "Переведи на русский язык. Ответь только переводом, имена из кода не переводи.\n\n{text}"
_TOKENS = 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("source", help="a set: a file or a hub id")
    parser.add_argument("--split", default="train")
    parser.add_argument("--out", type=Path, required=True)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model", help="a Marian or NLLB model: a folder or a hub id")
    model.add_argument("--endpoint", help="a server with /v1/chat/completions")


def run(options: argparse.Namespace) -> int:
    """The command: returns the exit status.

    Raises:
        FinetuneError: `data-missing`, `columns-missing`, `hub-unreachable`, `endpoint-failed`.
    """
    rows = [row for row in read_rows(Source(options.source, split=options.split)) if isinstance(row, Row)]
    with Lines(options.out) as lines:
        waiting = [row for row in rows if row.number not in lines.done]
        if waiting:
            translate = by_server(options.endpoint) if options.endpoint else by_transformers(options.model)
            for row in tqdm(waiting, unit="row"):
                texts = (row.instruction, row.context, row.answer)
                instruction, context, answer = (prose_translated(text, translate) for text in texts)
                lines.write(row.number, {"instruction": instruction, "input": context, "output": answer})
    print(WRITTEN(out=options.out, count=len(lines.done)))
    return 0


def prose_translated(text: str, translate: Translate) -> str:
    """A text with its prose translated, line by line, and its code exactly as it was."""
    if _is_code(text):
        return text
    pieces: list[str] = []
    position = 0
    for match in (*_FENCE_OR_LINE.finditer(text), None):
        start = match.start() if match else len(text)
        pieces += [_lines_translated(text[position:start], translate), match[0] if match else ""]
        position = match.end() if match else position
    return "".join(pieces)


def _lines_translated(text: str, translate: Translate) -> str:
    lines = text.split("\n")
    asked = [number for number, line in enumerate(lines) if _WORDS.search(_INLINE.sub("", line))]
    if asked:
        for number, said in zip(asked, translate([_masked(lines[number]) for number in asked]), strict=True):
            lines[number] = _unmasked(said, lines[number])
    return "\n".join(lines)


def _is_code(text: str) -> bool:
    """Whether an answer is code without a fence around it."""
    try:
        compile(text, "text", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return bool(re.search(r"[=(\[:]", text))


def _masked(line: str) -> str:
    """Code in backticks as numbers that translators leave alone."""
    numbers = iter(range(100, 200))
    return _INLINE.sub(lambda match: f"X{next(numbers)}", line)


def _unmasked(said: str, line: str) -> str:
    """The code back in its places; a line whose places were lost stays as it was."""
    kept = _INLINE.findall(line)
    if any(said.count(f"X{number}") != 1 for number in range(100, 100 + len(kept))):
        return line
    for number, code in enumerate(kept, 100):
        said = said.replace(f"X{number}", code)
    return said


def by_server(endpoint: str) -> Translate:
    """Translation by whatever model a server has."""
    model = ServedModel(endpoint)
    return lambda texts: [model.answer([Turn("user", _ASK.format(text=text))], _TOKENS) for text in texts]


def by_transformers(name: str) -> Translate:
    """Translation by a Marian or NLLB model.

    Raises:
        FinetuneError: `hub-unreachable` where the model is neither a folder nor on a reachable hub.
    """
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer  # noqa: PLC0415 - heavy

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, src_lang="eng_Latn", tgt_lang="rus_Cyrl")
        model = AutoModelForSeq2SeqLM.from_pretrained(name).eval()
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FinetuneError("hub-unreachable", HUB_UNREACHABLE, what=name, reason=reason) from error
    target: dict[str, Any] = {}
    if "nllb" in type(tokenizer).__name__.lower():
        target = {"forced_bos_token_id": tokenizer.convert_tokens_to_ids("rus_Cyrl")}

    def translate(texts: list[str]) -> list[str]:
        batch = tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        with torch.inference_mode():
            made = model.generate(**batch, **target, max_new_tokens=_TOKENS, num_beams=1, do_sample=False)
        return list(tokenizer.batch_decode(made, skip_special_tokens=True))

    return translate
