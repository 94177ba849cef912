"""Answering one editing case: through the server as an editor would, or by hand from the bare model."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Literal

from benchmarks.by_hand import BareModel, Way
from benchmarks.client import BenchmarkEditor
from benchmarks.editing import spans
from benchmarks.editing.cases import EditingCase
from finetune.evaluate import sandbox

Mode = Literal["server", "prefix", "fim", "chat"]

_TASK = """В этом файле на Python на месте строки `# <код сюда>` нужен код по комментарию над ней.
```python
{before}{typed}# <код сюда>{after}
```
Напиши только этот код."""
_CHATTER = re.compile(
    r"^\s*(?:вот|конечно|этот код|данный код|данная функция|пример использования|объяснение|here is|here's|sure|"
    r"certainly|this code|this function|explanation|note that)\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Result:
    """One case answered and checked. `n_generated` and `n_shown` are tokens; None: the server did not say.

    `is_shape_lost` is None where nothing was lost or the raw answer is not known.
    """

    case: str
    kind: str
    split: str
    mode: str
    model: str
    passed: bool
    error: str
    answer: str
    raw: str | None
    n_generated: int | None
    n_shown: int
    wall_ms: float
    has_fence_or_chatter: bool
    is_empty: bool
    is_shape_lost: bool | None
    problems: tuple[str, ...] = ()


def key(case: EditingCase, mode: Mode, model: str, prompt_format: str = "auto") -> str:
    """Names a result; changes with the case's text."""
    mode_and_format = mode if prompt_format == "auto" else f"{mode}:{prompt_format}"
    text = json.dumps(asdict(case), ensure_ascii=False, sort_keys=True, default=dict)
    return f"{mode_and_format}/{model}/{case.id}/{hashlib.sha256(text.encode()).hexdigest()[:12]}"


async def ask_server(
    case: EditingCase, editor: BenchmarkEditor, bare: BareModel, *, look_for_spans: bool = True
) -> Result:
    """Open the file, ask at the cursor, apply the edit, run the check. `bare` counts tokens.

    `look_for_spans`: where the check fails, whether some part of the raw answer would have passed (many runs).
    """
    uri = editor.open(case.text, case.cells)
    reply = await editor.complete(uri, case.text, case.line, len(case.typed))
    editor.close(uri)
    return await _judged(
        case,
        bare,
        "server",
        document=reply.document,
        answer=reply.inserted,
        raw=reply.raw.text if reply.raw else None,
        n_generated=reply.raw.n_tokens if reply.raw else None,
        wall_ms=reply.wall_ms,
        problems=reply.problems,
        look_for_spans=look_for_spans,
    )


async def ask_by_hand(case: EditingCase, way: Way, bare: BareModel) -> Result:
    """Ask the bare model and put what it says where the cursor is."""
    cells = "".join(cell.rstrip("\n") + "\n\n" for cell in case.cells)
    before = cells + case.before
    task = _TASK.format(before=before, typed=case.typed, after=case.after)
    started = asyncio.get_running_loop().time()
    said = await bare.ask(way, before + case.typed, case.after, task)
    wall_ms = (asyncio.get_running_loop().time() - started) * 1000
    document = case.complete(said.code) if way == "chat" else case.before + case.typed + said.code + case.after
    return await _judged(
        case,
        bare,
        way,
        document=document,
        answer=said.code,
        raw=said.raw if way == "chat" else case.typed + said.raw,
        n_generated=said.n_tokens,
        wall_ms=wall_ms,
        problems=(),
    )


def has_fence_or_chatter(case: EditingCase, answer: str) -> bool:
    """Whether an answer holds Markdown or words about itself that the file does not call for."""
    code_lines = "\n".join(line for line in answer.splitlines() if not line.lstrip().startswith("#"))
    fence = "```" in answer and "```" not in case.text + case.reference
    return fence or bool(_CHATTER.search(code_lines))


def is_as_said(raw: str, answer: str) -> bool:
    """Whether the answer is what the model said, but for blank ends and the closing fence of a conversation.

    A file's CRLF is no shaping: models are shown LF.
    """
    return raw.rstrip().removesuffix("```").strip() == answer.strip().replace("\r\n", "\n")


async def _judged(
    case: EditingCase,
    bare: BareModel,
    mode: Mode,
    *,
    document: str,
    answer: str,
    raw: str | None,
    n_generated: int | None,
    wall_ms: float,
    problems: tuple[str, ...],
    look_for_spans: bool = True,
) -> Result:
    outcome = await asyncio.to_thread(sandbox.run, case.program(document), files=case.files)
    lost: bool | None = None
    if look_for_spans and not outcome.passed and raw is not None:
        lost = await asyncio.to_thread(spans.passing_span, case, raw) is not None
    return Result(
        case=case.id,
        kind=case.kind,
        split=case.split,
        mode=mode,
        model=bare.name,
        passed=outcome.passed,
        error=outcome.error,
        answer=answer,
        raw=raw,
        n_generated=n_generated,
        n_shown=await bare.count_tokens(answer),
        wall_ms=round(wall_ms, 1),
        has_fence_or_chatter=has_fence_or_chatter(case, answer),
        is_empty=not answer.strip(),
        is_shape_lost=lost,
        problems=problems,
    )
