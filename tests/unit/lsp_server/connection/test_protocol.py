from __future__ import annotations

import asyncio
from typing import Any

from lsp_server.features import build_server

FILE = "file:///main.py"


class Nobody:
    """A writer of which nobody reads."""

    def write(self, data: bytes) -> None:
        return

    def close(self) -> None:
        return


async def test_messages_that_are_done_are_forgotten() -> None:
    server = build_server()
    server.protocol.set_writer(Nobody())
    handle: Any = server.protocol.handle_message

    def tell(method: str, params: dict[str, Any], **more: Any) -> None:
        handle({"jsonrpc": "2.0", "method": method, "params": params, **more})

    tell("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=1)
    tell("initialized", {})
    document = {"uri": FILE, "languageId": "python", "version": 1, "text": "x = 1\n"}
    tell("textDocument/didOpen", {"textDocument": document})
    for version in range(2, 20):
        change = {"text": f"x = {version}\n"}
        tell("textDocument/didChange", {"textDocument": {"uri": FILE, "version": version}, "contentChanges": [change]})
    for _ in range(10):
        await asyncio.sleep(0)
    assert server.protocol._request_futures == {}
    server.scheduler.close()
