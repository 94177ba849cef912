"""The JSON of the engine's API, both ways: what `client` writes `host` reads, and the other way round.

The form is llama.cpp's server's (tools/server/README.md). What goes beyond it stands under the one key `kodopis`, which
a llama.cpp server ignores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, get_args

from lsp_server.engine.backend import BackendError
from lsp_server.engine.base import Chunk, CompletionRequest, EngineProps, LoraScale, Priority, StopType, Timings

Json = dict[str, Any]
Tokenize = Callable[[str, bool], list[int]]
"""Text and whether it is the beginning of the prompt, to ids; special tokens are recognised, as llama.cpp does."""

_ERROR_STATUS = {
    "context_too_long": (400, "exceed_context_size_error"),
    "bad_request": (400, "invalid_request_error"),
    "unauthorized": (401, "authentication_error"),
    "forbidden": (403, "permission_error"),
    "loading": (503, "unavailable_error"),
}


def completion_to_json(request: CompletionRequest) -> Json:
    """The body of a `/completion` request."""
    return {
        "prompt": list(request.prompt) if not isinstance(request.prompt, str) else request.prompt,
        "n_predict": request.n_predict,
        "stop": list(request.stop),
        "temperature": request.temperature,
        "seed": request.seed,
        "stream": True,
        "cache_prompt": request.cache_prompt,
        "return_tokens": True,
        "lora": [{"id": lora.id, "scale": lora.scale} for lora in request.lora],
        "kodopis": {"family": request.family, "document": request.document, "priority": int(request.priority)},
    }


def completion_from_json(body: Any, tokenize: Tokenize) -> CompletionRequest:
    """Read the body of a `/completion` request.

    Raises:
        BackendError: `bad_request`, naming what is wrong.
    """
    if not isinstance(body, Mapping):
        raise BackendError("bad_request", "the body must be a JSON object")
    own = body.get("kodopis") or {}
    try:
        stop = body.get("stop") or []
        return CompletionRequest(
            prompt=_prompt_ids(body.get("prompt"), tokenize),
            n_predict=int(body.get("n_predict", -1)),
            stop=(stop,) if isinstance(stop, str) else tuple(str(text) for text in stop),
            temperature=float(body.get("temperature", 0.0)),
            seed=int(body.get("seed", 0)),
            lora=tuple(LoraScale(int(lora["id"]), float(lora["scale"])) for lora in body.get("lora") or []),
            family=str(own.get("family", "")),
            document=str(own.get("document", "")),
            priority=Priority(own.get("priority", Priority.MANUAL)),
            cache_prompt=bool(body.get("cache_prompt", True)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BackendError("bad_request", f"malformed request: {error!r}") from error


def _prompt_ids(prompt: Any, tokenize: Tokenize) -> tuple[int, ...]:
    """A prompt is a string, or a list of ids and strings in any order."""
    if isinstance(prompt, str):
        return tuple(tokenize(prompt, True))
    if not isinstance(prompt, Sequence) or not prompt:
        raise BackendError("bad_request", "`prompt` must be a string or a list of token ids and strings")
    ids: list[int] = []
    for number, part in enumerate(prompt):
        if isinstance(part, str):
            ids.extend(tokenize(part, number == 0))
        elif isinstance(part, int) and not isinstance(part, bool):
            ids.append(part)
        else:
            raise BackendError("bad_request", f"`prompt` holds {part!r}")
    return tuple(ids)


def chunk_to_json(chunk: Chunk) -> Json:
    """One event of a stream."""
    event: Json = {"content": chunk.text, "tokens": list(chunk.tokens), "stop": chunk.stop_type is not None}
    if chunk.stop_type is not None:
        event["stop_type"] = chunk.stop_type
        event["timings"] = _timings_to_json(chunk.timings)
        event["tokens_evaluated"] = chunk.timings.cached_tokens + chunk.timings.prompt_tokens
        event["tokens_predicted"] = chunk.timings.predicted_tokens
    return event


def chunk_from_json(event: Mapping[str, Any]) -> Chunk:
    """Read an event of ours, or of a llama.cpp server (whose last event may repeat nothing but the stop type).

    Raises:
        AttributeError, TypeError, ValueError: it has another form. So do the other functions that read answers.
    """
    tokens = tuple(map(int, event.get("tokens") or ()))
    stop_type = event.get("stop_type") if event.get("stop") else None
    if event.get("stop") and stop_type not in get_args(StopType):
        stop_type = "eos"
    text = text_in(event, "content")
    return Chunk(
        text=text,
        # llama.cpp sends one event per token; where it leaves `tokens` out, a text is one token.
        n_tokens=len(tokens) or (1 if text and stop_type is None else 0),
        stop_type=cast("StopType | None", stop_type),
        timings=_timings_from_json(event.get("timings") or {}),
        tokens=tokens,
    )


def text_in(body: Mapping[str, Any], name: str) -> str:
    """A string of an answer; empty where it is null or left out. Raises TypeError for anything else."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}")
    return value or ""


def _timings_to_json(timings: Timings) -> Json:
    return {
        "cache_n": timings.cached_tokens,
        "prompt_n": timings.prompt_tokens,
        "prompt_ms": timings.prompt_ms,
        "prompt_per_second": timings.prompt_tokens / timings.prompt_ms * 1000 if timings.prompt_ms else 0.0,
        "predicted_n": timings.predicted_tokens,
        "predicted_ms": timings.predicted_ms,
        "predicted_per_second": timings.tokens_per_s,
        "draft_n": timings.drafted_tokens,
        "draft_n_accepted": timings.accepted_tokens,
    }


def _timings_from_json(timings: Mapping[str, Any]) -> Timings:
    return Timings(
        cached_tokens=int(timings.get("cache_n") or 0),
        prompt_tokens=int(timings.get("prompt_n") or 0),
        prompt_ms=float(timings.get("prompt_ms") or 0.0),
        predicted_tokens=int(timings.get("predicted_n") or 0),
        predicted_ms=float(timings.get("predicted_ms") or 0.0),
        drafted_tokens=int(timings.get("draft_n") or 0),
        accepted_tokens=int(timings.get("draft_n_accepted") or 0),
    )


def props_to_json(props: EngineProps, version: str) -> Json:
    """The answer of `/props`."""
    return {
        "default_generation_settings": {"n_ctx": props.n_ctx},
        "total_slots": 1,
        "model_path": props.model_path,
        "build_info": f"kodopis {version}",
        "kodopis": {
            "version": version,
            "prefill_tokens_per_s": props.prefill_tokens_per_s,
            "adapters": list(props.adapters),
        },
    }


def props_from_json(body: Mapping[str, Any], adapters: Sequence[Mapping[str, Any]] = ()) -> EngineProps:
    """Read `/props` of ours or of a llama.cpp server; `adapters` is the answer of `/lora-adapters`."""
    own = body.get("kodopis") or {}
    settings = body.get("default_generation_settings") or {}
    return EngineProps(
        model_path=text_in(body, "model_path"),
        n_ctx=int(settings.get("n_ctx") or 0),
        prefill_tokens_per_s=float(own.get("prefill_tokens_per_s") or 0.0),
        adapters=tuple(own.get("adapters") or (text_in(adapter, "path") for adapter in adapters)),
    )


def error_to_json(error: BackendError) -> tuple[int, Json]:
    """HTTP status and body of an error, in llama.cpp's form; our own code stands under `kodopis`."""
    status, kind = _ERROR_STATUS.get(error.code, (500, "server_error"))
    body = {"code": status, "message": error.detail, "type": kind, "kodopis": error.code}
    return status, {"error": body if error.percent is None else {**body, "percent": error.percent}}
