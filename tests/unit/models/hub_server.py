"""A small Hugging Face hub on loopback: HEAD and GET of `/{repo}/resolve/{revision}/{file}`, with faults on demand."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK_BYTES = 1 << 16


@dataclass
class Hub:
    """What the hub holds and how it behaves. `requests` lists (method, Range header) for the
    file; what huggingface_hub asks besides gets 404."""

    content: bytes
    path: str = "/somebody/model/resolve/main/model.gguf"
    etag: str = ""
    served: bytes = b""
    takes_ranges: bool = True
    encoding: str = ""
    """What the answers say of themselves (`gzip`), though their bytes are as they are."""
    cut_after_bytes: list[int] = field(default_factory=list)
    """For one GET after another: close the connection after so many bytes."""
    pause_after_bytes: int | None = None
    """From there on a byte a second, until `go_on`."""
    paused: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.etag = self.etag or hashlib.sha256(self.content).hexdigest()
        self.served = self.served or self.content

    @property
    def gets(self) -> list[str]:
        """The Range headers of all GET requests."""
        return [header for method, header in self.requests if method == "GET"]


class HubServer(ThreadingHTTPServer):
    """Serves one `Hub`."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_HEAD(self) -> None:
        self._begin()

    def do_GET(self) -> None:
        start = self._begin()
        if start is None:
            return
        hub = self.server.hub
        body = hub.served[start:]
        limit = hub.cut_after_bytes.pop(0) if hub.cut_after_bytes else len(body)
        with contextlib.suppress(ConnectionError):  # a client that was killed, or has cancelled
            self._send(body[:limit])

    def _send(self, body: bytes) -> None:
        hub = self.server.hub
        at = 0
        while at < len(body):
            n_bytes = CHUNK_BYTES
            if hub.pause_after_bytes is not None and at >= hub.pause_after_bytes:
                hub.paused.set()
                if not hub.go_on.wait(1):
                    n_bytes = 1  # a client to which nothing comes at all gives up, and asks again past the pause
            self.wfile.write(body[at : at + n_bytes])
            self.wfile.flush()
            at += n_bytes

    def _begin(self) -> int | None:
        hub = self.server.hub
        asked = self.headers.get("Range", "")
        if self.path != hub.path:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        hub.requests.append((self.command, asked))
        hub.authorizations.add(self.headers.get("Authorization", ""))
        match = re.fullmatch(r"bytes=(\d+)-", asked) if hub.takes_ranges else None
        start = int(match[1]) if match else 0
        if start > 0 and start >= len(hub.served):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {start}-{len(hub.served) - 1}/{len(hub.served)}")
        self.send_header("Content-Length", str(len(hub.served) - start))
        if hub.encoding:
            self.send_header("Content-Encoding", hub.encoding)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("X-Linked-Etag", f'"{hub.etag}"')
        self.send_header("X-Linked-Size", str(len(hub.served)))
        self.end_headers()
        return start

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""
