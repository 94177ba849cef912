"""JSON and server-sent events over HTTP, with every failure told as an `EngineError`.

Owns: timeouts, authorisation, the reading of error bodies. Knows nothing of what is asked. Nothing goes through a proxy
that the environment names: an engine on loopback would be looked for on the proxy's machine. Certificates of the
environment (`SSL_CERT_FILE`, `SSL_CERT_DIR`) count: a team's server may have one that only the team trusts.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from httpx_sse import EventSource, SSEError

from lsp_server import messages
from lsp_server.errors import EngineError

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
# A stream may be silent while a long prompt is evaluated on a slow machine (ours pings meanwhile, others do not).
_STREAM_TIMEOUT = httpx.Timeout(10.0, connect=3.0, read=180.0)
_DONE = "[DONE]"
_UNAUTHORIZED = (401, 403)
_SHOWN_CHARS = 200


class Transport:
    """One address, one pool of connections."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._name = shown_url(self.url)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.AsyncClient(
            headers=headers, transport=_connections(self.url), trust_env=False, timeout=_TIMEOUT
        )

    async def get(self, path: str) -> Any:
        """The JSON at `path`."""
        return await self._json("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that `path` answers to `body`."""
        return await self._json("POST", path, body)

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON of each event that `path` streams. Closing the generator closes the connection."""
        with self._explained():
            content = json.dumps(body).encode()
            async with self._http.stream("POST", self.url + path, content=content, timeout=_STREAM_TIMEOUT) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise _refusal(self._name, response.status_code, _body(response))
                async for sse in EventSource(response).aiter_sse():
                    if not sse.data:
                        continue
                    if sse.data == _DONE:
                        return
                    event = json.loads(sse.data)
                    if not isinstance(event, dict):
                        raise ValueError(f"{path}: {shortened(sse.data)}")
                    if event.get("error"):  # null, in every event of some servers, is none
                        raise _refusal(self._name, 0, event)
                    yield event

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _json(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        with self._explained():
            content = None if body is None else json.dumps(body).encode()
            response = await self._http.request(method, self.url + path, content=content)
            if response.status_code >= 400:
                raise _refusal(self._name, response.status_code, _body(response))
            return response.json()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what HTTP raises into an `EngineError`."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise EngineError("engine_unreachable", messages.ENGINE_UNREACHABLE, url=self._name) from error
        except httpx.TimeoutException as error:
            raise EngineError("engine_stalled", messages.ENGINE_STALLED, url=self._name) from error
        except httpx.HTTPError as error:
            raise EngineError("engine_died", messages.ENGINE_DIED) from error
        except (SSEError, ValueError) as error:  # not JSON, or not a stream: something else listens there
            raise EngineError("engine_refused", messages.ENGINE_REFUSED, detail=str(error)) from error


def _connections(url: str) -> httpx.AsyncHTTPTransport:
    try:
        return httpx.AsyncHTTPTransport(trust_env=url.lower().startswith("https:"))
    except OSError as error:  # `ssl.SSLError` is one
        raise EngineError("certificates_unreadable", messages.CERTIFICATES_UNREADABLE, reason=error) from error


@contextlib.contextmanager
def understood(path: str) -> Iterator[None]:
    """What is JSON but has another form than asked for is told of as an `EngineError`, like what is no JSON."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        detail = f"{path}: {shortened(str(error))}"
        raise EngineError("engine_refused", messages.ENGINE_REFUSED, detail=detail) from error


def shown_url(url: str) -> str:
    """An address as it is shown, logged and remembered: without the user's name and password that it may hold."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shortened(text: str) -> str:
    """As much of a server's text as a message holds."""
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"error": {"message": response.text}}


def _refusal(url: str, status: int, body: Mapping[str, Any]) -> EngineError:
    """An error of llama.cpp's form, or of OpenAI's; vLLM's older versions have its fields at the top."""
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        error = {"message": str(error)}
    message = str(error.get("message", ""))
    detail = shortened(message)
    code = error.get("code")
    status = status or (code if isinstance(code, int) else 500)  # inside a stream, only the body tells it
    if status in _UNAUTHORIZED:
        return EngineError("engine_unauthorized", messages.ENGINE_UNAUTHORIZED, url=url)
    if error.get("type") == "exceed_context_size_error" or "maximum context length" in message:
        return EngineError("context_too_long", messages.CONTEXT_TOO_LONG, detail=detail)
    if status == 503:
        return EngineError("engine_loading", messages.ENGINE_LOADING, percent=error.get("percent"))
    if status >= 500:
        return EngineError("engine_failed", messages.ENGINE_FAILED, detail=detail)
    return EngineError("engine_refused", messages.ENGINE_REFUSED, detail=detail)
