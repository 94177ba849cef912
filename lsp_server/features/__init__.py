"""LSP features, one module each: convert from LSP, walk the pipeline, convert back."""

from __future__ import annotations

from lsprotocol import types

from lsp_server import server
from lsp_server.features import code_action, commands, completion, explain, inline_completion, rewrite

COMMANDS = {
    "kodopis.variants": commands.variants,
    "kodopis.write": commands.write,
    "kodopis.explain": explain.explain,
    "kodopis.fix": rewrite.fix,
    "kodopis.docstring": rewrite.docstring,
    "kodopis.tests": rewrite.tests,
    "kodopis.status": commands.status,
    "kodopis.models": commands.models,
    "kodopis.download": commands.download,
    "kodopis.stopEngine": commands.stop_engine,
    "kodopis.restartEngine": commands.restart_engine,
    "kodopis.statistics": commands.statistics,
}


def build_server() -> server.KodopisServer:
    """A server with all its features, ready to run."""
    made = server.KodopisServer()

    def initialize(ls: server.KodopisServer, params: types.InitializeParams) -> None:
        server.initialize(ls, params)
        if completion.is_wanted(params.capabilities):
            ls.feature(types.TEXT_DOCUMENT_COMPLETION, completion.OPTIONS)(completion.completion)

    made.feature(types.INITIALIZE)(initialize)
    made.feature(types.INITIALIZED)(server.initialized)
    made.feature(types.SHUTDOWN)(server.shutdown)
    made.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(server.did_change_configuration)
    made.feature(types.TEXT_DOCUMENT_DID_OPEN)(server.did_open)
    made.feature(types.TEXT_DOCUMENT_DID_CHANGE)(server.did_change)
    made.feature(types.TEXT_DOCUMENT_DID_CLOSE)(server.did_close)
    made.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)(server.notebook_did_change)
    made.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)(server.notebook_did_close)
    made.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, inline_completion.OPTIONS)(inline_completion.inline_completion)
    made.feature(types.TEXT_DOCUMENT_CODE_ACTION, code_action.OPTIONS)(code_action.code_action)
    for name, command in COMMANDS.items():
        made.command(name)(command)
    return made
