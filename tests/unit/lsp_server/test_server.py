"""The session: settings that the editor does not tell as it should, and what is said of its errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInternalError

from lsp_server import messages
from lsp_server.errors import KodopisError
from lsp_server.features import build_server
from lsp_server.server import did_change_configuration


class Nobody:
    """A writer of which nobody reads."""

    def write(self, data: bytes) -> None:
        return

    def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("second", "max_tokens"), [(JsonRpcInternalError(), 5), (TimeoutError(), 5), ([None], 7), ([], 7), ([{}], 7)]
)
async def test_settings_hold_on_where_the_editor_does_not_tell_the_new_ones(
    monkeypatch: pytest.MonkeyPatch, second: Any, max_tokens: int
) -> None:
    answers: list[Any] = [[{"maxTokens": 5}], second]
    server = build_server()
    server.protocol.set_writer(Nobody())

    async def configuration(_: types.ConfigurationParams) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(server, "workspace_configuration_async", configuration)
    handle: Any = server.protocol.handle_message
    params: dict[str, Any] = {"processId": None, "rootUri": None, "initializationOptions": {"maxTokens": 7}}
    params["capabilities"] = {"workspace": {"configuration": True}}
    handle({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    handle({"jsonrpc": "2.0", "method": "initialized", "params": {}})
    await asyncio.wait_for(server.configured.wait(), 20)
    assert server.engines.settings.max_tokens == 5
    await did_change_configuration(server, types.DidChangeConfigurationParams(None))
    assert server.engines.settings.max_tokens == max_tokens


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (KodopisError("not_python", messages.NOT_PYTHON, language="c"), "off"),
        (KodopisError("engine_died", messages.ENGINE_DIED), "error"),
    ],
)
def test_a_file_that_is_not_python_is_no_fault_of_the_engine(error: KodopisError, state: str) -> None:
    server = build_server()
    server.report(error, is_automatic=False)
    assert server.editor.status.state == state
