"""`textDocument/codeAction`: the commands, where they make sense."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from lsp_server import messages
from lsp_server.connection.workspace import LineDocument
from lsp_server.errors import KodopisError
from lsp_server.features.rewrite import has_module
from lsp_server.request import instruction
from lsp_server.server import KodopisServer
from lsp_server.source.definitions import definition_at

REWRITE = types.CodeActionKind.RefactorRewrite
OPTIONS = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, REWRITE])

_Offered = tuple[str, str, types.CodeActionKind, dict[str, Any]]


def code_action(ls: KodopisServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    """What can be done here. Nothing is generated before the user chooses."""
    try:
        document = ls.python_document(params.text_document.uri)
    except KodopisError:
        return []
    tags = [types.CodeActionTag.LlmGenerated] if ls.editor.knows_generated_tag else None
    only = params.context.only
    return [
        types.CodeAction(title, kind=kind, command=types.Command(title, command, arguments=[argument]), tags=tags)
        for title, command, kind, argument in _offered(document, params)
        if not only or any(kind.value == wanted or kind.value.startswith(f"{wanted}.") for wanted in map(_name, only))
    ]


def _offered(document: LineDocument, params: types.CodeActionParams) -> list[_Offered]:
    at = {"textDocument": {"uri": document.uri}, "position": params.range.start}
    over = {"textDocument": {"uri": document.uri}, "range": params.range}
    source, place = document.snapshot(), document.place(params.range.start)
    is_selection = params.range.start != params.range.end
    found: list[_Offered] = []
    if not is_selection and instruction.find(source, place, automatic=False, english=True) is not None:
        found.append((messages.ACTION_WRITE(), "kodopis.write", REWRITE, at))
    problems = [{"message": one.message, "range": one.range} for one in params.context.diagnostics]
    if problems or is_selection:
        kind = types.CodeActionKind.QuickFix if problems else REWRITE
        found.append((messages.ACTION_FIX(), "kodopis.fix", kind, {**over, "diagnostics": problems}))
    if is_selection:
        found.append((messages.ACTION_EXPLAIN(), "kodopis.explain", REWRITE, over))
    around = definition_at(source, place.line)
    if around is not None:
        found.append((messages.ACTION_DOCSTRING(), "kodopis.docstring", REWRITE, at))
        if has_module(document):
            found.append((messages.ACTION_TESTS(), "kodopis.tests", REWRITE, over))
    return found


def _name(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind
