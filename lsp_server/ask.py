"""`kodopis ask`: the way of a suggestion without an editor."""

from __future__ import annotations

import io
import sys
import tokenize
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from lsp_server import messages
from lsp_server.answering.suggest import Answer, Question, make_plan, other_kind
from lsp_server.connection.workspace import split_lines
from lsp_server.errors import KodopisError
from lsp_server.request.instruction import insertion_at
from lsp_server.serving.choice import choose, serve
from lsp_server.serving.served import Served
from lsp_server.settings import Settings
from lsp_server.source.document import Place, Source
from models.prompt import Kind


@dataclass(frozen=True)
class Wish:
    """What the command line says. `line` counts from 1; the code comes after it."""

    instruction: str = ""
    file: Path | None = None
    line: int | None = None


@dataclass(frozen=True)
class Told:
    """An answer, and what it cost. `newline` is that of the text that the code is for."""

    code: str
    tokens: int
    tokens_per_s: float
    ttft_ms: float
    model: str
    newline: str = "\n"

    def to_json(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {
            "code": self.code,
            "tokens": self.tokens,
            "tokens_per_s": round(self.tokens_per_s, 1),
            "ttft_ms": round(self.ttft_ms, 1),
            "model": self.model,
        }


async def ask(wish: Wish, settings: Settings) -> Told:
    """Have code written.

    Raises:
        KodopisError, ModelError: why there is none.
    """
    source, cursor = _place(wish)
    served = await serve(choose(settings))
    if served.trouble:
        print(served.trouble, file=sys.stderr)
    try:
        question = Question(source, cursor, max_tokens=settings.max_tokens)
        answer = await _answered(served, question)
        if (kind := other_kind(served, answer)) is not None:
            answer = await _answered(served, question, kind)
    finally:
        await served.engine.close()
    if not answer.text.strip():
        raise KodopisError("empty_answer", messages.EMPTY_ANSWER)
    speed = (answer.n_tokens - 1) / answer.decode_ms * 1000 if answer.decode_ms else 0.0
    return Told(answer.text, answer.n_tokens, speed, answer.ttft_ms or 0.0, served.model_id, source.newline)


async def _answered(served: Served, question: Question, kind: Kind | None = None) -> Answer:
    plan = await make_plan(served, question, is_warm=True, kind=kind)
    assert plan is not None  # only automatic requests are refused
    answer = Answer(plan)
    async with aclosing(answer.stream(served)) as texts:
        async for _ in texts:
            pass
    return answer


def _place(wish: Wish) -> tuple[Source, Place]:
    """The text with the instruction in it, and the empty line under the instruction."""
    lines = _lines(wish.file)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    line = len(lines) if wish.line is None else min(max(wish.line, 0), len(lines))
    if line and not lines[line - 1].endswith(("\n", "\r")):
        lines[line - 1] += newline
    if not wish.instruction.strip():
        if not lines:
            raise KodopisError("nothing_asked", messages.ASK_NOTHING)
        lines.insert(line, newline)
        return _source(wish, lines), Place(line, 0)
    empty = [*lines[:line], newline, *lines[line:]]
    indent = insertion_at(_source(wish, empty), Place(line, 0)).indent
    comment = [f"{indent}# {part.strip()}{newline}" for part in wish.instruction.splitlines() if part.strip()]
    lines[line:line] = [*comment, indent + newline]
    return _source(wish, lines), Place(line + len(comment), len(indent))


def _source(wish: Wish, lines: list[str]) -> Source:
    return Source((wish.file or Path("ask.py")).absolute().as_uri(), tuple(lines))


def _reason(error: Exception) -> object:
    """Why a file cannot be read, without its path once more."""
    return error.strerror if isinstance(error, OSError) and error.strerror else error


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        text = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
        return split_lines(text.decode(encoding))
    except (OSError, SyntaxError, LookupError, UnicodeDecodeError) as error:  # or an encoding that there is not
        raise KodopisError("file_unreadable", messages.FILE_UNREADABLE, path=path, reason=_reason(error)) from error
