"""Servers that are not ours: OpenAI's API, answers of another form, certificates of a team's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lsp_server.engine.base import CompletionRequest
from lsp_server.engine.client import HttpEngine, OpenAIEngine, connect_endpoint
from lsp_server.errors import EngineError

from .serving import collect, serve


def openai_app(asked: list[dict[str, object]]) -> Starlette:
    """The part of vLLM's API that is used: `/v1/models`, streamed `/v1/completions`."""

    async def models(_request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "qwen", "max_model_len": 8192}]})

    async def completions(request: Request) -> Response:
        body = await request.json()
        asked.append(body)
        if len(str(body["prompt"])) > 100:
            detail = "This model's maximum context length is 8192 tokens."
            return JSONResponse({"object": "error", "message": detail, "code": 400}, status_code=400)

        async def events() -> AsyncIterator[str]:
            for text in ("return", " 🦊"):
                choice = {"index": 0, "text": text, "finish_reason": None}
                yield f"data: {json.dumps({'choices': [choice]})}\n\n"
            end = {"index": 0, "text": "", "finish_reason": "stop", "stop_reason": "\n\n"}
            yield f"data: {json.dumps({'choices': [end]})}\n\n"
            usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
            yield f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    return Starlette(
        routes=[Route("/v1/models", models), Route("/v1/completions", completions, methods=["POST"])],
    )


async def test_an_openai_compatible_endpoint() -> None:
    asked: list[dict[str, object]] = []
    async for url in serve(openai_app(asked)):
        engine = await connect_endpoint(url)
        assert isinstance(engine, OpenAIEngine)
        props = await engine.props()
        assert (props.model_path, props.n_ctx, props.can_tokenize) == ("qwen", 8192, False)
        text, last = await collect(engine, CompletionRequest("сумма", 9, stop=("\n\n",)))
        assert (text, last.stop_type) == ("return 🦊", "word")
        assert (last.timings.cached_tokens, last.timings.prompt_tokens, last.timings.predicted_tokens) == (3, 2, 2)
        assert (asked[0]["prompt"], asked[0]["max_tokens"], asked[0]["temperature"]) == ("сумма", 9, 0.0)
        assert (await collect(engine, CompletionRequest("сумма", 0)))[0] == ""
        assert len(asked) == 1, "a warm-up asked the server for an answer"
        with pytest.raises(EngineError) as caught:
            await collect(engine, CompletionRequest("x" * 200, 9))
        assert caught.value.code == "context_too_long"
        await engine.close()


def app_that_says(paths: dict[str, object], stream: str = "") -> Starlette:
    """A server with these answers to GET, and one stream for each completion."""

    def answering(body: object) -> Callable[[Request], Response]:
        return lambda _: Response(json.dumps(body), media_type="application/json")

    def completions(_request: Request) -> Response:
        return Response(stream, media_type="text/event-stream")

    routes = [Route(path, answering(body)) for path, body in paths.items()]
    posts = [Route(path, completions, methods=["POST"]) for path in ("/completion", "/v1/completions")]
    return Starlette(routes=[*routes, *posts])


LLAMA_PROPS = {"default_generation_settings": {"n_ctx": "4096"}, "model_path": None}
OPENAI_MODELS = {"data": [{"id": "qwen", "max_model_len": "8192"}]}


@pytest.mark.parametrize(
    "paths",
    [
        {"/props": {"default_generation_settings": [1]}, "/lora-adapters": {}},
        {"/props": {"default_generation_settings": {"n_ctx": [1]}}},
        {"/props": {"default_generation_settings": {}, "model_path": 5}},
        {"/props": {"default_generation_settings": {}, "kodopis": [5]}},
        {"/props": LLAMA_PROPS, "/lora-adapters": [5]},
        {"/props": [], "/v1/models": {"data": {"id": "qwen"}}},
        {"/v1/models": {"data": [5]}},
        {"/v1/models": {"data": [{"id": 5}]}},
        {"/v1/models": {"data": [{"id": "qwen", "max_model_len": "8k"}]}},
    ],
)
async def test_an_endpoint_of_another_form_is_one_sentence(paths: dict[str, object]) -> None:
    async for url in serve(app_that_says(paths)):
        engine = await connect_endpoint(url)
        with pytest.raises(EngineError) as caught:
            await engine.props()
        assert caught.value.code == "engine_refused"
        await engine.close()


@pytest.mark.parametrize(
    "event",
    [
        *("[]", "5", "null", '"error"', '{"choices": 5}', '{"choices": [5]}', '{"choices": {"0": {}}}'),
        *('{"usage": [1]}', '{"choices": [{"text": 5}]}', '{"usage": {"prompt_tokens": "all"}}', '{"content": 5}'),
        *(
            '{"tokens": ["x"]}',
            '{"stop": true, "timings": {"prompt_ms": "long"}}',
            '{"error": "no"}',
            '{"error": {"code": "x"}}',
            "{",
        ),
    ],
)
@pytest.mark.parametrize("paths", [{"/props": LLAMA_PROPS}, {"/v1/models": OPENAI_MODELS}])
async def test_a_stream_of_another_form_is_one_sentence(paths: dict[str, object], event: str) -> None:
    async for url in serve(app_that_says(paths, f"data: {event}\n\n")):
        engine = await connect_endpoint(url)
        with pytest.raises(EngineError) as caught:
            await collect(engine, CompletionRequest("сумма", 9))
        assert caught.value.code in ("engine_refused", "engine_failed", "engine_died")
        await engine.close()


async def test_what_servers_may_add_to_a_stream_is_passed_over() -> None:
    choices = ('null, "error": null', '[], "usage": null', '[{"text": null}]', '[{"text": "a"}]', '[{"text": "ё"}]')
    stream = "".join(f': ping\r\n\r\nevent: x\r\ndata:{{"choices": {choice}}}\r\n\r\n' for choice in choices)
    stream += 'data: {"choices": [{"text": "", "finish_reason": "length"}]}\r\n\r\n'
    stream += 'data: {"choices": [], "usage": {"prompt_tokens": "7"}}\r\n\r\ndata:[DONE]'
    async for url in serve(app_that_says({"/v1/models": OPENAI_MODELS}, stream)):
        engine = await connect_endpoint(url)
        assert (await engine.props()).n_ctx == 8192
        text, last = await collect(engine, CompletionRequest("сумма", 9))
        assert (text, last.stop_type, last.timings.prompt_tokens) == ("aё", "limit", 7)
        await engine.close()


async def test_something_else_is_no_endpoint() -> None:
    async for url in serve(Starlette()):
        with pytest.raises(EngineError) as caught:
            await connect_endpoint(url)
        assert caught.value.code == "endpoint_unknown"


async def test_a_certificate_of_the_teams_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "team.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    app = Starlette(routes=[Route("/tokenize", lambda _: JSONResponse({"tokens": [1, 2]}), methods=["POST"])])
    async for url in serve(app, tmp_path / "server.pem"):
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(EngineError) as caught:
            await HttpEngine(url).tokenize("x")
        assert caught.value.code == "engine_unreachable"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "team.pem"))
        assert await HttpEngine(url).tokenize("x") == (1, 2)


async def test_certificates_that_cannot_be_read_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/team.pem")
    with pytest.raises(EngineError) as caught:
        await connect_endpoint("https://127.0.0.1:1")
    assert caught.value.code == "certificates_unreadable"
    await HttpEngine("http://127.0.0.1:1").close()  # the model of this machine has none
