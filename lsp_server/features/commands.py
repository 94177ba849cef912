"""Commands about the model and about answers at a place; see the table in docs/protocol.md."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from lsprotocol import types

from lsp_server import messages
from lsp_server.answering.offer import Offer
from lsp_server.answering.suggest import variants as different_answers
from lsp_server.errors import EngineError, KodopisError
from lsp_server.features.arguments import Argument
from lsp_server.features.edits import edit_document, require_same
from lsp_server.features.inline_completion import item
from lsp_server.server import KodopisServer
from lsp_server.serving.choice import choose
from lsp_server.serving.engines import told_of_files
from models.catalog import Catalog
from models.errors import ModelError
from models.store import Store

Raw = Mapping[str, Any]
Token = types.ProgressToken | None


async def variants(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, list[types.InlineCompletionItem]]:
    """Different answers for a place."""
    argument = Argument("kodopis.variants", raw)
    document = ls.python_document(argument.uri)
    place, revision = document.place(argument.position), document.revision
    served = await ls.engines.served(may_ask=True)
    require_same(ls, document, revision)
    cells = ls.documents.earlier_cells(document.uri)
    question = ls.scheduler.question(document, place, is_automatic=False, cells=cells)
    is_warm = ls.scheduler.is_warm(document.uri, place.line)
    items = []
    async with ls.editor.progress(messages.THINKING_TITLE(), token, cancel=_this().cancel):
        with ls.engines.thinking(served):
            async with aclosing(different_answers(served, question, argument.count, is_warm=is_warm)) as answers:
                async for answer in answers:
                    ls.statistics.count(answer)
                    insertion = answer.plan.insertion
                    items.append(item(document, Offer(insertion.line, insertion.replace_end, answer.text)))
    require_same(ls, document, revision)
    return {"items": items}


async def write(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, Any]:
    """Code for the instruction at a place, put into the file."""
    argument = Argument("kodopis.write", raw)
    document = ls.python_document(argument.uri)
    place = document.place(argument.position)
    cells, revision = ls.documents.earlier_cells(document.uri), document.revision
    async with ls.editor.progress(messages.THINKING_TITLE(), token, cancel=_this().cancel):
        require_same(ls, document, revision)  # the editor was asked whether it shows the progress
        try:
            offer = await ls.scheduler.suggest(document, place, is_automatic=False, is_command=True, cells=cells)
        except EngineError as error:
            if error.code == "superseded":  # by an edit, perhaps
                require_same(ls, document, revision)
            raise
    if offer is None:
        require_same(ls, document, revision)
        raise KodopisError("empty_answer", messages.EMPTY_ANSWER)
    edit = types.TextEdit(document.span(offer.start, offer.end), offer.text)
    applied = await edit_document(ls, document, [edit], messages.ACTION_WRITE())
    return {"applied": applied, "code": offer.text}


async def status(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, Any]:
    """What the status item shows."""
    found = ls.editor.status.to_json()
    if not found["model"]:
        try:
            with told_of_files():
                choice = await asyncio.to_thread(choose, ls.engines.settings)
        except (KodopisError, ModelError) as error:
            return {**found, "state": "error", "message": str(error)}
        found |= {"model": choice.title, "remote": choice.is_remote}
    return found


async def models(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, Any]:
    """The catalog, and which of it is here; `current` is null where the settings name no model that there is."""
    settings = ls.engines.settings

    def listed() -> list[dict[str, Any]]:
        catalog, store = Catalog.load(), Store()
        try:
            current = "" if settings.endpoint else choose(settings).model_id
        except (KodopisError, ModelError):  # the list is what one chooses another from
            current = None
        return [
            {
                "id": entry.id,
                "title": entry.title,
                "installed": store.is_installed(entry),
                "current": None if current is None else entry.id == current,
                "sizeBytes": entry.size_bytes,
                "licence": entry.licence,
                "source": entry.source_url,
            }
            for entry in catalog.entries
        ]

    with told_of_files():
        return {"models": await asyncio.to_thread(listed)}


async def download(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, bool]:
    """Fetch a model; the user has just asked for it."""
    return {"installed": await ls.engines.fetch(Argument("kodopis.download", raw).text("model"))}


async def stop_engine(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, bool]:
    """End the engine, for every window."""
    ls.scheduler.close()
    return {"stopped": await ls.engines.stop()}


async def restart_engine(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, bool]:
    """End the engine and start it again."""
    ls.scheduler.close()
    await ls.engines.stop()
    await ls.engines.served(may_ask=True)
    return {"restarted": True}


async def statistics(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, float]:
    """What this session did."""
    counted = ls.statistics
    return {
        "shown": counted.shown,
        "accepted": counted.accepted,
        "tokens": counted.tokens,
        "tokensPerSecond": round(counted.tokens_per_s, 1),
        "cacheHits": ls.scheduler.cache_hits,
    }


def _this() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task
