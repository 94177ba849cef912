"""The engine as the server sees it, over HTTP: ours, a llama.cpp server, or an OpenAI-compatible one.

Owns: `HttpEngine` (llama.cpp's API), `OpenAIEngine` (`/v1/completions`: vLLM and the like), and finding out which of
the two an address is. Does not own: HTTP itself (`transport`), or starting processes (`process`).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from lsp_server import messages
from lsp_server.engine import wire
from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps, StopType, Timings
from lsp_server.engine.transport import Transport, shown_url, understood
from lsp_server.errors import EngineError

API_KEY_VARIABLE = "KODOPIS_API_KEY"
API_KEY_ENDPOINT_VARIABLE = "KODOPIS_API_KEY_ENDPOINT"

_SPEED_FROM_TOKENS = 64
_DEFAULT_N_CTX = 4096


class HttpEngine:
    """llama.cpp's server API: our engine, or a real llama.cpp server."""

    def __init__(self, url: str, token: str = "") -> None:
        self._transport = Transport(url, token)
        self._prefill_tokens_per_s = 0.0

    async def props(self) -> EngineProps:
        """See `Engine`. The prefill speed is what this client's requests have shown, where the engine tells none."""
        body = await self._transport.get("/props")
        adapters = [] if isinstance(body, Mapping) and "kodopis" in body else await self._adapters()
        with understood("/props"):
            props = wire.props_from_json(body, adapters)
        return props if props.prefill_tokens_per_s else replace(props, prefill_tokens_per_s=self._prefill_tokens_per_s)

    async def tokenize(self, text: str, *, parse_special: bool = False) -> tuple[int, ...]:
        """See `Engine`."""
        body = {"content": text, "add_special": False, "parse_special": parse_special}
        answer = await self._transport.post("/tokenize", body)
        with understood("/tokenize"):
            return tuple(map(int, answer["tokens"]))

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        """See `Engine`."""
        async with aclosing(self._transport.events("/completion", wire.completion_to_json(request))) as events:
            async for event in events:
                with understood("/completion"):
                    chunk = wire.chunk_from_json(event)
                if chunk.stop_type is not None:
                    self._note_speed(chunk.timings)
                yield chunk
                if chunk.stop_type is not None:
                    return
        raise EngineError("engine_died", messages.ENGINE_DIED)

    async def close(self) -> None:
        """See `Engine`."""
        await self._transport.close()

    async def _adapters(self) -> list[Mapping[str, Any]]:
        try:
            found = await self._transport.get("/lora-adapters")
        except EngineError:  # an older server, or one that hides it: then there are none to scale
            return []
        return found if isinstance(found, list) else []

    def _note_speed(self, timings: Timings) -> None:
        if timings.prompt_tokens >= _SPEED_FROM_TOKENS and timings.prompt_ms:
            self._prefill_tokens_per_s = timings.prompt_tokens / timings.prompt_ms * 1000


class OpenAIEngine:
    """An OpenAI-compatible `/v1/completions` endpoint.

    It cannot tokenise and knows neither families, adapters nor documents; prompts are sent as text, in which the
    server itself finds special tokens. `url` includes the `/v1`.
    """

    def __init__(self, url: str, token: str = "", model: str = "", n_ctx: int = 0) -> None:
        self._transport = Transport(url, token)
        self._model = model
        self._n_ctx = n_ctx

    async def props(self) -> EngineProps:
        """See `Engine`. vLLM tells the context's size; of others a common small one is assumed."""
        if not self._model or not self._n_ctx:
            body = await self._transport.get("/models")
            with understood("/models"):
                first = (body.get("data") or [{}])[0]
                self._model = self._model or wire.text_in(first, "id")
                self._n_ctx = self._n_ctx or int(first.get("max_model_len") or _DEFAULT_N_CTX)
        return EngineProps(model_path=self._model, n_ctx=self._n_ctx, can_tokenize=False)

    async def tokenize(self, text: str, *, parse_special: bool = False) -> tuple[int, ...]:
        """Not possible here."""
        raise EngineError("engine_refused", messages.ENGINE_REFUSED, detail="/tokenize")

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]:
        """See `Engine`. A warm-up is left to the server's own prefix cache, at the next real request."""
        if request.n_predict == 0:
            yield Chunk("", stop_type="limit")
            return
        props = await self.props()
        stop_type: StopType | None = None
        timings = Timings()
        async with aclosing(self._transport.events("/completions", self._body(request, props))) as events:
            async for event in events:
                with understood("/completions"):
                    timings = _usage(event.get("usage"), timings)
                    choices = event.get("choices") or []
                    text = "".join(wire.text_in(choice, "text") for choice in choices)
                    stop_type = next((end for end in map(_stop_type, choices) if end), stop_type)
                if text:
                    yield Chunk(text, 1)
        if stop_type is None:
            raise EngineError("engine_died", messages.ENGINE_DIED)
        yield Chunk("", stop_type=stop_type, timings=timings)

    async def close(self) -> None:
        """See `Engine`."""
        await self._transport.close()

    @staticmethod
    def _body(request: CompletionRequest, props: EngineProps) -> dict[str, Any]:
        return {
            "model": props.model_path,
            "prompt": request.prompt if isinstance(request.prompt, str) else list(request.prompt),
            "max_tokens": request.n_predict if request.n_predict > 0 else props.n_ctx // 2,
            "temperature": request.temperature,
            "seed": request.seed,
            "stop": list(request.stop) or None,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


def _stop_type(choice: Mapping[str, Any]) -> StopType | None:
    reason = choice.get("finish_reason")
    if reason is None:
        return None
    if reason == "length":
        return "limit"
    return "word" if isinstance(choice.get("stop_reason"), str) else "eos"  # vLLM says which string stopped it


def _usage(usage: Mapping[str, Any] | None, before: Timings) -> Timings:
    if not usage:
        return before
    cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    return Timings(
        cached_tokens=cached,
        prompt_tokens=int(usage.get("prompt_tokens") or 0) - cached,
        predicted_tokens=int(usage.get("completion_tokens") or 0),
    )


async def connect_endpoint(url: str, api_key: str = "") -> HttpEngine | OpenAIEngine:
    """An engine at an address the user names. The key is `api_key`, else the environment's `KODOPIS_API_KEY`.

    Where the environment has `KODOPIS_API_KEY_ENDPOINT` too, its key is for that address alone.

    Raises:
        EngineError: `endpoint_insecure` (http to another machine), `engine_unreachable`, `engine_unauthorized`, or
            `endpoint_unknown` where something listens that speaks neither API.
    """
    url = url.rstrip("/")
    require_secure(url)
    key = (api_key or _key_for(url)).strip()
    if not (key.isascii() and key.isprintable()):  # no header can hold it
        raise EngineError("engine_unauthorized", messages.ENGINE_UNAUTHORIZED, url=shown_url(url))
    base = url.removesuffix("/v1")
    if (body := await _probe(base, "/props", key)) is not None and "default_generation_settings" in body:
        return HttpEngine(base, key)
    if (body := await _probe(base + "/v1", "/models", key)) is not None and "data" in body:
        return OpenAIEngine(base + "/v1", key)
    raise EngineError("endpoint_unknown", messages.ENDPOINT_UNKNOWN, url=shown_url(url))


def _key_for(url: str) -> str:
    only_for = os.environ.get(API_KEY_ENDPOINT_VARIABLE, url)
    return os.environ.get(API_KEY_VARIABLE, "") if only_for.rstrip("/") == url else ""


async def _probe(url: str, path: str, key: str) -> Mapping[str, Any] | None:
    transport = Transport(url, key)
    try:
        body = await transport.get(path)
        return body if isinstance(body, Mapping) else None
    except EngineError as error:
        if error.code in ("engine_refused", "engine_failed"):
            return None
        raise
    finally:
        await transport.close()


def require_secure(url: str) -> None:
    """Nothing goes to another machine unencrypted. Raises EngineError `endpoint_insecure`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback):
        raise EngineError("endpoint_insecure", messages.ENDPOINT_INSECURE, url=shown_url(url))
