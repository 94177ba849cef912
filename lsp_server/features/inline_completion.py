"""`textDocument/inlineCompletion`: code as ghost text."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from lsprotocol import types

from lsp_server import messages
from lsp_server.answering.offer import Offer
from lsp_server.connection.workspace import LineDocument
from lsp_server.errors import KodopisError
from lsp_server.server import KodopisServer
from models.errors import ModelError

OPTIONS = types.InlineCompletionOptions(work_done_progress=True)


async def inline_completion(ls: KodopisServer, params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """At most one item, always with a range on one line."""
    is_automatic = params.context.trigger_kind is types.InlineCompletionTriggerKind.Automatic
    try:
        asked = _revision(ls, params)
        await ls.configured.wait()
        # The settings may take seconds to come, and the place is one in the text as it was.
        is_as_asked = _revision(ls, params) == asked
        offer = await _offer(ls, params, is_automatic=is_automatic) if is_as_asked else None
    except (KodopisError, ModelError) as error:
        ls.report(error, is_automatic=is_automatic)
        offer = None
    document = ls.documents.opened(params.text_document.uri)
    if offer is None or document is None:
        return types.InlineCompletionList([])
    return types.InlineCompletionList([item(document, offer)])


def item(document: LineDocument, offer: Offer) -> types.InlineCompletionItem:
    """An offer as the editor takes it."""
    return types.InlineCompletionItem(offer.text, range=document.span(offer.start, offer.end))


def _revision(ls: KodopisServer, params: types.InlineCompletionParams) -> int | None:
    document = ls.documents.opened(params.text_document.uri)
    return document.revision if document is not None else None


async def _offer(ls: KodopisServer, params: types.InlineCompletionParams, *, is_automatic: bool) -> Offer | None:
    document = ls.python_document(params.text_document.uri)
    if is_automatic and not ls.engines.settings.automatic:
        return None

    def send(offer: Offer, *, is_done: bool = False) -> None:
        ls.editor.send_partial(
            {
                "textDocument": {"uri": document.uri, "version": document.version},
                "position": params.position,
                "range": document.span(offer.start, offer.end),
                "text": offer.text,
                "done": is_done,
            }
        )

    async with AsyncExitStack() as stack:
        if params.work_done_token is not None:
            this = asyncio.current_task()
            assert this is not None
            title = messages.THINKING_TITLE()
            await stack.enter_async_context(ls.editor.progress(title, params.work_done_token, cancel=this.cancel))
        offer = await ls.scheduler.suggest(
            document,
            document.place(params.position),
            is_automatic=is_automatic,
            cells=ls.documents.earlier_cells(document.uri),
            on_growth=send if ls.editor.wants_partial else None,
        )
    if offer is not None:
        send(offer, is_done=True)
    return offer
