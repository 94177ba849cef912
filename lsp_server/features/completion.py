"""`textDocument/completion`: the same code as one completion item, for clients without inline completion."""

from __future__ import annotations

from lsprotocol import types

from lsp_server.errors import KodopisError
from lsp_server.features.edits import require_same
from lsp_server.server import KodopisServer
from models.errors import ModelError

OPTIONS = types.CompletionOptions(resolve_provider=False)

_LABEL_CHARS = 60


def is_wanted(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client has no inline completion: elsewhere the code would be shown twice."""
    document = capabilities.text_document
    return not (document and document.inline_completion)


async def completion(ls: KodopisServer, params: types.CompletionParams) -> types.CompletionList:
    """At most one item. Editors ask for completion while one types, so only finished instructions are answered."""
    none = types.CompletionList(is_incomplete=True, items=[])
    try:
        document = ls.python_document(params.text_document.uri)
        revision = document.revision
        await ls.configured.wait()
        # The settings may take seconds to come, and the place is one in the text as it was.
        require_same(ls, document, revision)
        if not ls.engines.settings.automatic:
            return none
        cells = ls.documents.earlier_cells(document.uri)
        place = document.place(params.position)
        offer = await ls.scheduler.suggest(document, place, is_automatic=True, cells=cells)
    except (KodopisError, ModelError) as error:
        ls.report(error, is_automatic=True)
        return none
    if offer is None:
        return none
    before = document.text_between(offer.start, offer.end)
    label = offer.text.strip().splitlines()[0][:_LABEL_CHARS]
    made = types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Snippet,
        detail=ls.engines.ready.title if ls.engines.ready else None,
        documentation=offer.text,
        text_edit=types.TextEdit(document.span(offer.start, offer.end), offer.text),
        filter_text=before + label,  # editors compare it with what stands in the range
        sort_text="0",
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
    )
    return types.CompletionList(is_incomplete=True, items=[made])
