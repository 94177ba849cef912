"""The bytes between the editor and the server: reading that survives rubbish, writing that never blocks the server.

Owns: framing faults (a bad or lying `Content-Length`), the outgoing queue, the stdio and TCP loops. Does not own: what
the messages mean (`protocol`). pygls' own message loop does the reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import re
import sys
import threading
from collections.abc import Callable

from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async
from pygls.protocol import JsonRPCProtocol

logger = logging.getLogger(__name__)

_HEADER = re.compile(rb"Content-Length:[ \t]*(\d+)[ \t]*\r?\n$", re.IGNORECASE)
_BEGINNING = re.compile(rb"Content-(Length|Type):", re.IGNORECASE)
_LONGEST_MESSAGE_BYTES = 256 << 20
_CROWDED_BYTES = 1 << 20
_FAREWELL_S = 2.0

ErrorHandler = Callable[[Exception, type[JsonRpcException]], None]


class ResyncReader:
    """Finds the next message again after a broken one.

    A message whose length was wrong leaves a piece of its body in front of the next header, without a line end between
    them: pygls looks for a header at the start of a line only and would hear nothing from then on.
    """

    def __init__(self, stream: asyncio.StreamReader, first: bytes = b"") -> None:
        """Read a stream; `first` is its first line, where that was read already."""
        self._stream = stream
        self._first = first

    async def readline(self) -> bytes:
        """One line; a `Content-Length` header anywhere at its end is brought into the form that pygls looks for."""
        line, self._first = self._first, b""
        try:
            line = line or await self._stream.readline()
        except ValueError:  # longer than the stream's limit
            return b"\n"
        found = _HEADER.search(line)
        return b"Content-Length: %d\r\n" % int(found[1][:20]) if found else line

    async def readexactly(self, n: int) -> bytes:
        """A message's body; nothing is read for a length that cannot be true, nothing given for a body cut short."""
        if n > _LONGEST_MESSAGE_BYTES:
            return b"a length that cannot be true"
        try:
            return await self._stream.readexactly(n)
        except asyncio.IncompleteReadError:
            return b""


def _read_in_thread(descriptor: int, loop: asyncio.AbstractEventLoop) -> asyncio.StreamReader:
    """Feed a stream from a file that blocks.

    The thread is a daemon and reads past Python's buffered file, whose lock a read that never returns would hold when
    the interpreter ends.
    """
    stream = asyncio.StreamReader(limit=_LONGEST_MESSAGE_BYTES)

    def pump() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the session is over
            with contextlib.suppress(OSError):
                while data := os.read(descriptor, 1 << 16):
                    loop.call_soon_threadsafe(stream.feed_data, data)
            loop.call_soon_threadsafe(stream.feed_eof)

    threading.Thread(target=pump, name="kodopis-reader", daemon=True).start()
    return stream


class QueuedWriter:
    """Writes on a thread of its own, so that an editor that does not read cannot stop the server.

    `crowded` tells senders of what may be left out (partials, progress, status) that the editor lags behind.
    """

    def __init__(self, descriptor: int, on_broken: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._thread = threading.Thread(target=self._write_all, name="kodopis-writer", daemon=True)
        self._thread.start()

    @property
    def crowded(self) -> bool:
        """Whether more than a megabyte waits to be read by the editor."""
        return self._waiting_bytes > _CROWDED_BYTES

    def write(self, data: bytes) -> None:
        """Queue one message."""
        with self._lock:
            self._waiting_bytes += len(data)
        self._queue.put(data)

    def close(self) -> None:
        """Write what is queued, but do not wait long for an editor that does not read."""
        self._queue.put(None)
        self._thread.join(_FAREWELL_S)

    def _write_all(self) -> None:
        while (data := self._queue.get()) is not None:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                self._on_broken()
                return
            with self._lock:
                self._waiting_bytes -= len(data)


def serve_stdio(protocol: JsonRPCProtocol, stop: threading.Event, on_error: ErrorHandler) -> None:
    """Speak with the editor over this process's stdin and stdout until it ends the session or goes away.

    Everything else that writes to stdout afterwards lands on stderr: stdout belongs to JSON-RPC.
    """
    stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
    sys.stdout = sys.stderr

    async def main() -> None:
        loop = asyncio.get_running_loop()
        this = asyncio.current_task()
        assert this is not None
        writer = QueuedWriter(stdout, lambda: loop.call_soon_threadsafe(this.cancel))
        protocol.set_writer(writer)
        try:
            await run_async(stop, ResyncReader(_read_in_thread(stdin, loop)), protocol, logger, on_error)
        except asyncio.CancelledError:
            logger.warning("the editor closed its end")
        finally:
            writer.close()

    asyncio.run(main())


def serve_tcp(protocol: JsonRPCProtocol, stop: threading.Event, on_error: ErrorHandler, host: str, port: int) -> None:
    """Speak with one editor that connects to `host:port`, and end when it leaves.

    A connection that does not begin as the protocol does is closed: a page in a browser can send an HTTP request here,
    with a message in its body, and pygls passes over headers that it does not know.
    """

    async def main() -> None:
        left = asyncio.get_running_loop().create_future()
        silent: set[asyncio.StreamWriter] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            silent.add(writer)
            first = b""
            with contextlib.suppress(ValueError, ConnectionError):
                first = await reader.readline()
            silent.discard(writer)
            # One session per server: documents belong to one editor.
            if protocol.writer is not None or not _BEGINNING.match(first):
                logger.warning("a connection was refused")
                writer.close()
                return
            protocol.set_writer(_TcpWriter(writer))
            try:
                await run_async(stop, ResyncReader(reader, first), protocol, logger, on_error)
            except ConnectionError:
                logger.warning("the editor closed its end")
            finally:
                left.set_result(None)

        server = await asyncio.start_server(connected, host, port, limit=_LONGEST_MESSAGE_BYTES)
        for socket in server.sockets:
            logger.warning("listening on %s:%s", *socket.getsockname()[:2])
        async with server:
            await left
            for writer in silent:  # since Python 3.12 the server waits for all connections
                writer.close()

    asyncio.run(main())


class _TcpWriter:
    """A stream writer with the face of `QueuedWriter`; asyncio queues by itself."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    @property
    def crowded(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > _CROWDED_BYTES

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def close(self) -> None:
        self._writer.close()
