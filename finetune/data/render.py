"""A row as token ids: the prompt exactly as it is served, the completion exactly as it must be generated.

Owns: what follows a prompt in training (closing fence, stop token) and cutting text into tokens by segments, so that
the text of a file never becomes a special token. Does not own the prompt: `models.prompt` renders it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.data.rows import Row
from finetune.errors import FinetuneError
from finetune.messages import BREAKS_TEMPLATE
from models.prompt import CodeRequest, Prompt, Segment, Turn, chat_template_of, render_chat, render_code

_FENCE = "```"
_CHAT_STOP = {"chatml": "<|im_end|>", "zephyr": "</s>"}
_FILE_STOP = {"prefix": "<|endoftext|>", "prefix-bos": "</s>", "qwen-fim": "<|endoftext|>"}


@dataclass(frozen=True)
class Rendered:
    """One example. `stop` is the name of the token that ends the completion; it is not part of `completion`."""

    prompt: Prompt
    completion: str
    stop: str
    prompt_format: str


@dataclass(frozen=True)
class Tokens:
    """One example as ids. The loss is on `completion`, whose last token is the stop token."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


def stop_token(prompt_format: str) -> str:
    """The token that ends an answer in a prompt format."""
    template = chat_template_of(prompt_format)
    return _CHAT_STOP[template] if template else _FILE_STOP[prompt_format]


def stop_tokens(formats: Sequence[str], chat_format: str) -> list[str]:
    """The stop tokens that a recipe needs: of its code formats, and of conversation."""
    chat = formats[0] if chat_template_of(formats[0]) else chat_format
    return sorted({stop_token(name) for name in (*formats, chat)})


def render(row: Row, prompt_format: str, chat_format: str) -> Rendered:
    """Render a row as the server would ask it.

    Raises:
        FinetuneError: `breaks-template` where the text holds what would end or open a turn.
    """
    template = chat_template_of(prompt_format)
    if row.prefix is None:
        used = template or chat_format
        text = f"{row.instruction}\n\n{row.context}" if row.context.strip() else row.instruction
        prompt = render_chat(used, [Turn("user", text)])
        completion = row.answer.strip("\n")
    else:
        used = prompt_format
        request = CodeRequest(row.instruction, prefix=row.prefix, suffix=row.suffix, indent=row.indent)
        prompt = render_code(prompt_format, request)
        completion = _code_after(prompt, row, fenced=template is not None)
    _check_text(row, prompt, completion, used)
    return Rendered(prompt, completion, stop_token(used), used)


def _code_after(prompt: Prompt, row: Row, *, fenced: bool) -> str:
    code = row.answer.rstrip("\n")
    head = prompt.answer_head
    # In a chat the head is the opening fence, after which the code begins; in a file it is the indentation.
    if not head.startswith(_FENCE) and code.startswith(head):
        code = code[len(head) :]
    return f"{code}\n{_FENCE}" if fenced else code


def _check_text(row: Row, prompt: Prompt, completion: str, prompt_format: str) -> None:
    markers = [marker for marker in (*prompt.stop, stop_token(prompt_format)) if marker.strip()]
    for marker in markers:
        if marker in completion or marker in row.instruction:
            reason = repr(marker)
            raise FinetuneError(
                "breaks-template",
                BREAKS_TEMPLATE,
                row=row.number,
                path=row.source,
                template=prompt_format,
                reason=reason,
            )


def tokenize(tokenizer: Any, example: Rendered) -> Tokens:
    """Token ids of an example, the boundary being where generation begins."""
    prompt = segment_ids(tokenizer, example.prompt.segments)
    last = example.prompt.segments[-1]
    stop = tokenizer.convert_tokens_to_ids(example.stop)
    if last.is_special:
        completion = _text_ids(tokenizer, example.completion)
    else:
        alone = _text_ids(tokenizer, last.text)
        joint = _text_ids(tokenizer, last.text + example.completion)
        same = joint[: len(alone)] == alone
        completion = joint[len(alone) :] if same else _continuation(tokenizer, example.completion)
    return Tokens(tuple(prompt), (*completion, stop))


def segment_ids(tokenizer: Any, segments: Sequence[Segment]) -> list[int]:
    """Ids of a prompt: special segments as their tokens, all other text as text."""
    ids: list[int] = []
    for segment in segments:
        if segment.is_special:
            ids += _special_ids(tokenizer, segment.text)
        else:
            ids += _text_ids(tokenizer, segment.text)
    return ids


def _special_ids(tokenizer: Any, text: str) -> list[int]:
    found = tokenizer.convert_tokens_to_ids(text)
    if found is not None and found != tokenizer.unk_token_id:
        return [found]
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _text_ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def _continuation(tokenizer: Any, text: str) -> list[int]:
    """Ids of text in the middle of text: without the space that SentencePiece puts before a text's first word."""
    first = tokenizer.convert_ids_to_tokens(_text_ids(tokenizer, "a")[:1])[0]
    if not first.startswith("▁"):
        return _text_ids(tokenizer, text)
    mark = _text_ids(tokenizer, "\n")  # a byte of its own in these vocabularies: it joins nothing
    return _text_ids(tokenizer, "\n" + text)[len(mark) :]


def template_hash(formats: Sequence[str], chat_format: str) -> str:
    """What prompt formats write, as one hash: of probes through `models.prompt`, the stop tokens included."""
    request = CodeRequest("сложи числа", prefix="a = 1\n# сложи числа\n", suffix="print(a)\n", indent="    ")
    chat = chat_template_of(formats[0]) or chat_format
    turns = [Turn("user", "Привет"), Turn("assistant", "Да"), Turn("user", "Как дела?")]
    prompts = [*(render_code(name, request) for name in formats), render_chat(chat, turns)]
    plain = [[(segment.text, segment.is_special) for segment in prompt.segments] for prompt in prompts]
    stops = [stop_token(name) for name in (*formats, chat)]
    text = json.dumps([plain, *stops], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
