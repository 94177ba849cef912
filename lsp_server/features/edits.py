"""Sending edits to the editor, so that none lands in a text that it was not made for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from lsp_server import messages
from lsp_server.connection.workspace import LineDocument
from lsp_server.errors import KodopisError
from lsp_server.server import KodopisServer


def require_same(ls: KodopisServer, document: LineDocument, revision: int) -> None:
    """Places that were found in a document at a revision hold for no other, nor for one that was opened anew.

    Raises:
        KodopisError: `document_changed`.
    """
    if document.revision != revision or ls.documents.opened(document.uri) is not document:
        raise KodopisError("document_changed", messages.DOCUMENT_CHANGED)


async def edit_document(ls: KodopisServer, document: LineDocument, edits: list[types.TextEdit], label: str) -> bool:
    """Change an open document at the version that the server knows; whether the editor did."""
    if ls.editor.versions_edits:
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
        edit = types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, edits)])
    else:
        edit = types.WorkspaceEdit(changes={document.uri: edits})
    return await ls.editor.apply(edit, label)


async def add_to_file(ls: KodopisServer, path: Path, text: str, label: str) -> bool:
    """Append to a file, which is made where it is not there; whether the editor did.

    Raises:
        KodopisError: `file_unreadable`.
    """
    document = await readable_document(ls, path)
    if document is None:
        return await _create(ls, _uri(ls, path), text, label)
    line = len(document.lines) - 1
    last = document.lines[line]
    end = types.Position(line, document.position_codec.client_num_units(last))
    gap = "" if not any(line.strip() for line in document.lines) else "\n\n" if not last else "\n\n\n"
    added = f"{gap}{text}".replace("\n", document.snapshot().newline)
    return await edit_document(ls, document, [types.TextEdit(types.Range(end, end), added)], label)


async def readable_document(ls: KodopisServer, path: Path) -> LineDocument | None:
    """A file as it is in the editor, else on the disk; None where there is none.

    Raises:
        KodopisError: `file_unreadable`.
    """
    uri = _uri(ls, path)
    document = ls.documents.get_text_document(uri)
    assert isinstance(document, LineDocument)
    if ls.documents.opened(uri) is None and not await asyncio.to_thread(path.exists):
        return None
    try:
        await asyncio.to_thread(lambda: document.lines)
    except (OSError, UnicodeDecodeError) as error:
        raise KodopisError("file_unreadable", messages.TESTS_FILE_UNREADABLE, path=path, reason=error) from error
    return document


def _uri(ls: KodopisServer, path: Path) -> str:
    """A file's URI: as the editor writes it where it has the file open, for it may write a drive's letter otherwise."""
    wanted = os.path.normcase(path)
    opened = (document.uri for document in ls.documents.text_documents.values())
    uri: str | None = next((uri for uri in opened if os.path.normcase(to_fs_path(uri) or "") == wanted), None)
    uri = uri or from_fs_path(str(path))
    assert uri is not None
    return uri


async def _create(ls: KodopisServer, uri: str, text: str, label: str) -> bool:
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    content = [types.TextEdit(start, text)]
    if not ls.editor.creates_files:
        return await ls.editor.apply(types.WorkspaceEdit(changes={uri: content}), label)
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=None)
    made = types.CreateFile(uri=uri, options=types.CreateFileOptions(ignore_if_exists=True))
    edit = types.WorkspaceEdit(document_changes=[made, types.TextDocumentEdit(identifier, content)])
    return await ls.editor.apply(edit, label)
