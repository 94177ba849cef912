"""Answers in words and rewritten code, by conversation: explain, fix, docstring, tests.

Owns: the questions that nothing is trained on (in Russian: the answers are for Russian readers), streaming an answer,
taking code out of it. Does not own: the other questions (`models.questions`), templates (`models.prompt`), or edits
(`features`).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from lsp_server import messages
from lsp_server.answering.rewriting import common_indent, moved_out
from lsp_server.engine.base import Chunk, CompletionRequest, StopType, Timings
from lsp_server.errors import EngineError
from lsp_server.request.context import CHARS_PER_TOKEN, estimate_tokens
from lsp_server.serving.served import Served
from lsp_server.shaping.scan import Scan
from lsp_server.shaping.wrapping import Unwrapper, Verdict
from models.prompt import Turn, render_chat

ANSWER_TOKENS = 768
_QUESTION_TOKENS = 128
_REWRITTEN_SHARE = 1.25

DOCSTRING = """Напиши docstring на русском языке для этого кода на Python: одно предложение, что он делает, затем \
аргументы и результат, если они есть.
```python
{code}
```
Ответь только текстом docstring, без кода и без кавычек."""
TESTS = """Напиши тесты pytest для этого кода на Python из модуля {module}: три-пять коротких функций test_….
```python
{code}
```
Ответь одним блоком кода. Первая строка: from {module} import {names}"""

_FENCE = re.compile(r"^[ \t]*```[\w+-]*[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_HEADER = re.compile(r"^[ \t]*(?:@\w|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[^\n]*:)", re.MULTILINE)
_PREFACE = re.compile(r"\A\s*(?:вот|конечно|docstring|докстринг)\b[^\n]*:[ \t]*(?:\n+|\Z)", re.IGNORECASE)
_STRAY_QUOTES = re.compile(r"\A(?:\"\"\"|''')|(?:\"\"\"|''')\Z")
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """An answer as far as it is."""

    text: str
    stop_type: StopType | None = None
    n_tokens: int = 0
    timings: Timings = field(default_factory=Timings)

    @property
    def is_done(self) -> bool:
        """Whether no more comes."""
        return self.stop_type is not None

    @property
    def is_cut(self) -> bool:
        """Whether the token limit ended it."""
        return self.stop_type == "limit"


async def converse(
    served: Served, question: str, *, max_tokens: int = ANSWER_TOKENS, temperature: float = 0.0, document: str = ""
) -> AsyncGenerator[Said, None]:
    """Ask, and yield the growing answer; the last one `is_done`, and `is_cut` where the token limit ended it.

    Raises:
        EngineError: the engine cannot answer; `superseded` where a newer question about `document` ended this one.
    """
    prompt = render_chat(served.format_for("chat"), [Turn("user", question)])
    request = CompletionRequest(
        prompt=await served.tokens(prompt),
        n_predict=max_tokens,
        stop=prompt.stop,
        temperature=temperature,
        lora=served.lora.get("chat", ()),
        family=prompt.family,
        document=document,
    )
    said = Said("")
    async with aclosing(cast("AsyncGenerator[Chunk, None]", served.engine.complete(request))) as chunks:
        async for chunk in chunks:
            if chunk.stop_type in ("superseded", "cancelled"):
                raise EngineError("superseded", messages.ANSWER_SUPERSEDED)
            said = Said(said.text + chunk.text, chunk.stop_type, said.n_tokens + chunk.n_tokens, chunk.timings)
            if chunk.text or said.is_done:
                yield said


async def tokens_to_rewrite(served: Served, code: str) -> int:
    """How long an answer may be that repeats code with changes. The question with the code has to fit beside it."""
    half = served.n_ctx // 2
    n_code = await _count(served, code[: half * CHARS_PER_TOKEN * 2])  # what is longer does not fit anyway
    return min(max(ANSWER_TOKENS, int(n_code * _REWRITTEN_SHARE) + _QUESTION_TOKENS), half)


async def first_lines(served: Served, text: str, max_tokens: int = ANSWER_TOKENS) -> tuple[str, int, int]:
    """As many of the first lines as fit a question: the text, how many lines it has, of how many."""
    lines = text.splitlines()
    room = await served.prompt_budget(max_tokens, is_warm=True) - _QUESTION_TOKENS
    n_kept, n_used = 0, 0
    for line in lines:
        n_used += await _count(served, line) if len(line) > 200 else estimate_tokens(line) + 1
        if n_used > room:
            break
        n_kept += 1
    while n_kept > 1 and await _count(served, "\n".join(lines[:n_kept])) > room:
        n_kept = n_kept * 4 // 5
    return "\n".join(lines[:n_kept]), n_kept, len(lines)


async def _count(served: Served, text: str) -> int:
    return len(await served.tokenize(text)) if served.can_tokenize else estimate_tokens(text)


def blocks_in(answer: str, *, is_cut: bool = False, names_are_russian: bool = False) -> list[str]:
    """The pieces of code of an answer, without end blanks: fenced blocks, and what looks like code outside them.

    Of an answer that the token limit cut, only pieces that were ended before are whole.
    """
    blocks: list[str] = []
    taken: list[str] = []
    unwrapper, scan, is_fenced = Unwrapper(names_are_russian), Scan(), False

    def end() -> None:
        nonlocal unwrapper, scan, is_fenced
        block = "\n".join(taken)
        block = moved_out(block, common_indent(block)).strip("\n")
        if block.strip() and (is_fenced or _looks_like_code(block)):
            blocks.append(block)
        taken.clear()
        unwrapper, scan, is_fenced = Unwrapper(names_are_russian), Scan(), False

    for whole in answer.replace("\r\n", "\n").split("\n"):
        line, is_last = _before_fence(whole, scan)
        verdict = unwrapper.take(line, scan)
        if verdict is Verdict.CODE:
            taken.append(line)
            scan = scan.after(line)
        elif verdict is Verdict.SKIP:
            is_fenced = is_fenced or line.lstrip().startswith(("```", "~~~"))
        if verdict is Verdict.STOP or (is_last and taken):
            end()
    if not is_cut:
        end()
    return blocks


def _before_fence(line: str, scan: Scan) -> tuple[str, bool]:
    """A line of code without the fence that ends it, and whether there was one."""
    head = line.rstrip()[:-3]
    is_ended = line.rstrip().endswith("```") and head.strip(" \t`") != "" and not scan.quote
    return (head, True) if is_ended and scan.code(line).rstrip().endswith("```") else (line, False)


def docstring_in(answer: str, *, is_cut: bool = False) -> str:
    """The text of a docstring in an answer that may be the text alone, quoted, fenced, or a whole function.

    Of an answer that the token limit cut, only one whose quotes were closed before is whole.
    """
    answer = answer.replace("\r\n", "\n")
    quoted = re.search(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', answer, re.DOTALL)
    if quoted is not None:
        above = answer[: quoted.start()].rstrip().removesuffix("r")
        if _HEADER.search(above) and not above.rstrip().endswith(":"):
            return ""  # some other string of a function that was told again
        text = (quoted[1] or quoted[2] or "").replace("\\\\", "\\")
    elif is_cut:
        return ""
    else:
        text = _PREFACE.sub("", _outside_code(answer))
        if _HEADER.search(text):
            return ""
    lines = textwrap.dedent("    " + text.strip()).strip().splitlines()
    first, rest = lines[:1], textwrap.dedent("\n".join(lines[1:]))
    kept = _STRAY_QUOTES.sub("", "\n".join([*first, *rest.splitlines()]).strip()).strip()
    if kept[:1] == kept[-1:] and kept[:1] in ("'", '"') and kept[0] not in kept[1:-1]:
        kept = kept[1:-1].strip()
    return re.sub(r"\n{3,}", "\n\n", kept).replace("\\", "\\\\").replace('"""', "'''")


def _outside_code(answer: str) -> str:
    """The text of an answer: its fenced block, but not an example in code that stands in or behind the text."""
    block = _FENCE.search(answer)
    if block is None:
        return answer
    text = _PREFACE.sub("", answer[: block.start()]).strip()
    is_example = _CYRILLIC.search(text) and not _CYRILLIC.search(block[1])
    return re.sub(r"\n\s*[^\n]{0,40}:\s*$", "", text) if is_example else block[1]


def _looks_like_code(text: str) -> bool:
    return re.search(r"^\s*(?:def |class |import |from \w|return\b|assert |@|\w+ = )", text, re.MULTILINE) is not None
