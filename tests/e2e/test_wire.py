"""The bytes: rubbish on stdin, a client that does not read, one that goes away. No client library in between."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.harness import WAIT_S

LONG_NAME = "no/such/" + "x" * 1000
CAPABILITIES: dict[str, Any] = {"capabilities": {}, "processId": None, "rootUri": None}


class RawClient:
    """Frames JSON by hand."""

    def __init__(self, home: Path) -> None:
        env = {**os.environ, "KODOPIS_HOME": str(home), "KODOPIS_LANG": "ru"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lsp_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(home / "stderr.txt").open("wb"),
            env=env,
        )
        self._watchdog = threading.Timer(WAIT_S * 2, self.process.kill)
        self._watchdog.daemon = True  # pytest is not to wait for it in the end
        self._watchdog.start()

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message: Any) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def request(self, number: int | str, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the server ended"
        found: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return found

    def answer_to(self, number: int | str) -> dict[str, Any]:
        """The answer to a request; what comes before it is passed over."""
        while True:
            message = self.read()
            if message.get("id") == number and "method" not in message:
                return message

    def initialize(self) -> None:
        self.request("init", "initialize", CAPABILITIES)
        assert "result" in self.answer_to("init")
        self.notify("initialized", {})

    def works(self) -> None:
        """It still answers."""
        self.request("works", "workspace/executeCommand", {"command": "kodopis.statistics", "arguments": [{}]})
        assert self.answer_to("works")["result"]["shown"] == 0

    def end(self) -> int:
        self._watchdog.cancel()
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def client(tmp_path: Path) -> Iterator[RawClient]:
    made = RawClient(tmp_path)
    yield made
    if made.process.poll() is None:
        made.end()


def malformed(chance: random.Random) -> bytes:
    """One message that is wrong in some way, framed or not."""
    bodies: list[Any] = [
        b"{",
        b"\xff\xfe\xfd",
        b"[]",
        b"42",
        b"null",
        b'"text"',
        b"[" * 2000,
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "shutdown"},
        {"jsonrpc": "2.0"},
        {"jsonrpc": "2.0", "id": {}, "method": "initialize"},
        {"jsonrpc": "2.0", "id": 7, "method": []},
        {"jsonrpc": "2.0", "id": 7, "result": {"applied": 5}},
        {"jsonrpc": "2.0", "id": "nobody", "error": {"code": "x"}},
        {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": CAPABILITIES},
        {"jsonrpc": "2.0", "id": 7, "method": "no/such"},
        {"jsonrpc": "2.0", "method": "no/such", "params": {"type_name": 5}},
        {"jsonrpc": "2.0", "method": "$/cancelRequest"},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "nobody"}},
        {"jsonrpc": "2.0", "method": "window/workDoneProgress/cancel", "params": {"token": "nobody"}},
        {"jsonrpc": "2.0", "id": 7, "method": "textDocument/inlineCompletion", "params": {}},
        {"jsonrpc": "2.0", "id": 7, "method": "textDocument/inlineCompletion", "params": {"position": {"line": -1}}},
        {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": {"uri": "x", "version": 1}}},
        {
            "jsonrpc": "2.0",
            "method": "textDocument/didChange",
            "params": {"textDocument": {"uri": "file:///never.py", "version": 1}, "contentChanges": [{"text": "x"}]},
        },
        {"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": "file:///never.py"}}},
        {"jsonrpc": "2.0", "id": 7, "method": "workspace/executeCommand", "params": {"command": "rm -rf"}},
        {
            "jsonrpc": "2.0",
            "id": 7,
            "method": "workspace/executeCommand",
            "params": {"command": "kodopis.write", "arguments": [5]},
        },
        {"jsonrpc": "2.0", "method": "workspace/didChangeConfiguration", "params": {"settings": 5}},
        {"jsonrpc": "2.0", "method": "workspace/didChangeConfiguration", "params": {"settings": {"kodopis": [1]}}},
    ]
    body = chance.choice(bodies)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [b"Content-Length: %d\r\n\r\n" % len(raw)] * 6 + [
        b"Content-Length: %d\r\n\r\n" % max(1, len(raw) - 3),
        b"Content-Length: abc\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"content-length: %d\r\nX: y\r\n\r\n" % len(raw),
        b"\r\n\r\n",
        b"",
    ]
    return chance.choice(headers) + raw


def test_a_thousand_malformed_messages(client: RawClient) -> None:
    chance = random.Random(7)
    client.initialize()
    reader = _read_away(client)
    for _ in range(1000):
        client.send_bytes(malformed(chance))
    client.request("end", "no/such/thing")  # the last rubbish may swallow one message
    client.request("end", "no/such/thing")
    reader.join(WAIT_S)
    assert not reader.is_alive()
    client.works()


def _read_away(client: RawClient) -> threading.Thread:
    """Read what the server says until it answers the request `end`."""
    thread = threading.Thread(target=client.answer_to, args=("end",), daemon=True)
    thread.start()
    return thread


def test_requests_out_of_order(client: RawClient) -> None:
    client.request(1, "textDocument/inlineCompletion", {})
    assert client.answer_to(1)["error"]["code"] == -32002
    client.request(2, "shutdown")
    assert client.answer_to(2)["error"]["code"] == -32002
    client.notify("textDocument/didOpen", {})
    client.initialize()
    client.request(3, "initialize", CAPABILITIES)
    assert client.answer_to(3)["error"]["code"] == -32600
    client.request(4, "no/such")
    assert client.answer_to(4)["error"]["code"] == -32601
    client.request(5, "textDocument/codeAction", {"range": 5})
    assert client.answer_to(5)["error"]["code"] == -32602
    client.works()
    client.request(6, "shutdown")
    assert client.answer_to(6)["result"] is None
    client.request(7, "textDocument/inlineCompletion", {})
    assert client.answer_to(7)["error"]["code"] == -32600
    client.notify("exit")
    assert client.process.wait(WAIT_S) == 0


def test_exit_without_shutdown_is_an_error(client: RawClient) -> None:
    client.initialize()
    client.notify("exit")
    assert client.process.wait(WAIT_S) == 1


def test_a_client_that_does_not_read(client: RawClient) -> None:
    client.initialize()
    for number in range(2000):  # two megabytes of answers, where a pipe holds 64 kB
        client.request(number, LONG_NAME)
    numbers = {client.read().get("id") for _ in range(2000)}
    assert numbers == set(range(2000))
    client.works()


def test_a_client_that_catches_up_is_told_the_latest_status(client: RawClient, tmp_path: Path) -> None:
    wants = {"experimental": {"kodopis": {"status": True}}}
    options = {"kodopis": {"model": "no-such-model"}}
    client.request("init", "initialize", {**CAPABILITIES, "capabilities": wants, "initializationOptions": options})
    assert "result" in client.answer_to("init")
    client.notify("initialized", {})
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "# сложи два числа\n"}
    client.notify("textDocument/didOpen", {"textDocument": document})
    for number in range(2000):
        client.request(number, LONG_NAME)
    place = {"textDocument": {"uri": "file:///a.py"}, "position": {"line": 1, "character": 0}}
    client.request("ask", "textDocument/inlineCompletion", {**place, "context": {"triggerKind": 1}})
    deadline = time.monotonic() + WAIT_S
    while "no-such-model" not in (tmp_path / "stderr.txt").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the error was not reported"
        time.sleep(0.05)
    while (message := client.read()).get("method") != "kodopis/status" or message["params"]["state"] != "error":
        pass
    client.works()


def test_a_client_that_never_reads_and_goes_away(client: RawClient) -> None:
    client.initialize()
    for number in range(500):
        client.request(number, LONG_NAME)
    assert client.process.stdin is not None
    client.process.stdin.close()
    client.process.wait(WAIT_S)


def test_a_client_that_dies(client: RawClient) -> None:
    client.initialize()
    assert client.process.stdin is not None
    assert client.process.stdout is not None
    client.process.stdout.close()
    client.request(1, LONG_NAME)
    client.process.wait(WAIT_S)
