"""`kodopis.explain`: what the selected code does, in Russian, as Markdown that grows."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from lsprotocol import types

from lsp_server import messages
from lsp_server.answering.converse import Said, converse, first_lines
from lsp_server.errors import KodopisError
from lsp_server.features.arguments import Argument
from lsp_server.server import KodopisServer
from models.questions import EXPLAIN


async def explain(ls: KodopisServer, raw: Mapping[str, Any], token: types.ProgressToken | None) -> dict[str, str]:
    """Explain a selection; what of it did not fit, and an explanation that did not end, are said of at the end."""
    argument = Argument("kodopis.explain", raw)
    document = ls.python_document(argument.uri)
    span = argument.range
    code = document.text_between(document.place(span.start), document.place(span.end))
    if not code.strip():
        raise KodopisError("nothing_selected", messages.NOTHING_SELECTED)
    partial_token = raw.get("partialToken")
    served = await ls.engines.served(may_ask=True)
    seen, n_seen, n_lines = await first_lines(served, textwrap.dedent(code))
    this = asyncio.current_task()
    assert this is not None

    def send(text: str, *, is_done: bool) -> None:
        if partial_token is not None:
            ls.editor.send_partial({"token": partial_token, "text": text, "done": is_done})

    said = Said("")
    key = f"{ls.session}:explain:{document.uri}"
    question = EXPLAIN.format(code=seen)
    async with ls.editor.progress(messages.EXPLAINING_TITLE(), token, cancel=this.cancel):
        with ls.engines.thinking(served):
            async with aclosing(converse(served, question, document=key)) as answer:
                async for said in answer:
                    send(said.text.lstrip(), is_done=False)
    markdown = said.text.lstrip()
    if not markdown:
        raise KodopisError("empty_answer", messages.EMPTY_EXPLANATION)
    if said.is_cut:
        markdown += f"…\n\n*{messages.EXPLANATION_CUT()}*"
    if n_seen < n_lines:
        markdown += f"\n\n*{messages.LEFT_OUT(read=n_seen, total=n_lines)}*"
    send(markdown, is_done=True)
    return {"markdown": markdown}
