"""The HTTP application and its clients, over real sockets, with the scripted backend behind."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from lsp_server.engine.backend import Backend, OnLoad
from lsp_server.engine.base import CompletionRequest, LoraScale, Priority
from lsp_server.engine.client import HttpEngine, connect_endpoint
from lsp_server.engine.host import Host, listen
from lsp_server.engine.scripted import Rule, Script, ScriptedBackend
from lsp_server.engine.worker import Worker
from lsp_server.errors import EngineError

from .serving import collect, serve

TOKEN = "secret-token"
SCRIPT = Script(
    answers=(
        Rule(match="долго", text="слово " * 400, delay_ms=5),
        Rule(match="сумма", text="return a + b  # 🦊 ё\n"),
    ),
    n_ctx=512,
)


@dataclass
class Served:
    """A running engine of this process."""

    url: str
    worker: Worker
    may_load: threading.Event
    shut_down: threading.Event

    @property
    def http(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=20)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    may_load, shut_down = threading.Event(), threading.Event()
    may_load.set()

    def load(_on_load: OnLoad) -> Backend:
        may_load.wait(20)
        return ScriptedBackend(SCRIPT, "model.gguf", ("a.gguf", "b.gguf"))

    loaded = threading.Event()
    worker = Worker(load, lambda error: loaded.set())
    async for url in serve(Host(worker, TOKEN, "1.2.3", shut_down.set).app):
        worker.start()
        await asyncio.to_thread(loaded.wait, 20)
        yield Served(url, worker, may_load, shut_down)
    worker.close()


@pytest.fixture
async def engine(served: Served) -> AsyncIterator[HttpEngine]:
    engine = HttpEngine(served.url, TOKEN)
    yield engine
    await engine.close()


async def test_an_answer_with_its_timings(engine: HttpEngine) -> None:
    request = CompletionRequest(await engine.tokenize("сумма"), 100, lora=(LoraScale(1, 0.5),), family="f")
    text, last = await collect(engine, request)
    assert text == SCRIPT.answers[1].text
    assert last.stop_type == "eos"
    assert last.timings.prompt_tokens == len(request.prompt)
    assert last.timings.predicted_tokens > 5
    assert (await collect(engine, request))[1].timings.cached_tokens == len(request.prompt) - 1


async def test_limits_and_stop_strings(engine: HttpEngine) -> None:
    prompt = await engine.tokenize("сумма")
    assert (await collect(engine, CompletionRequest(prompt, 0)))[0] == ""
    text, last = await collect(engine, CompletionRequest(prompt, 2))
    assert (last.stop_type, last.timings.predicted_tokens) == ("limit", 2)
    assert text == "return"
    text, last = await collect(engine, CompletionRequest(prompt, 50, stop=(" #", "zzz")))
    assert (text, last.stop_type) == ("return a + b ", "word")


async def test_props_and_tokens(engine: HttpEngine) -> None:
    props = await engine.props()
    assert (props.model_path, props.n_ctx, props.adapters) == ("model.gguf", 512, ("a.gguf", "b.gguf"))
    assert len(await engine.tokenize("<|im_end|>", parse_special=True)) == 1
    assert len(await engine.tokenize("<|im_end|>")) > 1


async def test_closing_the_stream_frees_the_engine(served: Served, engine: HttpEngine) -> None:
    stream = engine.complete(CompletionRequest(await engine.tokenize("долго"), 5000))
    async for chunk in stream:
        if chunk.text:
            break
    assert served.worker.is_busy
    await stream.aclose()
    await wait_until(served, is_busy=False)


async def test_a_cancelled_task_frees_the_engine(served: Served, engine: HttpEngine) -> None:
    request = CompletionRequest(await engine.tokenize("долго"), 5000)
    task = asyncio.create_task(collect(engine, request))
    await wait_until(served, is_busy=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wait_until(served, is_busy=False)


async def test_a_client_that_goes_away_from_a_whole_answer_frees_the_engine(served: Served) -> None:
    async with served.http as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/completion", json={"prompt": "долго"}, timeout=0.3)
    await wait_until(served, is_busy=False)


async def test_a_newer_request_of_the_document_is_no_error_for_the_older(engine: HttpEngine) -> None:
    old = CompletionRequest(await engine.tokenize("долго"), 5000, document="a.py", priority=Priority.AUTOMATIC)
    new = CompletionRequest(await engine.tokenize("сумма"), 50, document="a.py", priority=Priority.AUTOMATIC)
    older = asyncio.create_task(collect(engine, old))
    await asyncio.sleep(0.2)
    assert (await collect(engine, new))[1].stop_type == "eos"
    assert (await older)[1].stop_type == "superseded"


async def test_a_prompt_that_is_too_long(engine: HttpEngine) -> None:
    with pytest.raises(EngineError) as caught:
        await collect(engine, CompletionRequest((1 << 24,) * 600, 5))
    assert caught.value.code == "context_too_long"
    assert "600" in str(caught.value)


async def test_the_api_of_llama_cpp(served: Served) -> None:
    async with served.http as http:
        assert (await http.get("/health")).json() == {"status": "ok"}
        ids = (await http.post("/tokenize", json={"content": "сум"})).json()["tokens"]
        whole = await http.post("/completion", json={"prompt": [*ids, "ма"], "n_predict": 3, "return_tokens": True})
        assert whole.json()["content"] == "return "
        assert whole.json()["stop_type"] == "limit"
        assert len(whole.json()["tokens"]) == 3
        streamed = await http.post("/completion", json={"prompt": "сумма", "stream": True})
        events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: ")]
        assert "".join(event["content"] for event in events) == SCRIPT.answers[1].text
        assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
        assert [item["id"] for item in (await http.get("/lora-adapters")).json()] == [0, 1]


@pytest.mark.parametrize(
    "body",
    [
        *("{", "[]", "{}", '{"prompt": []}', '{"prompt": [1.5]}', '{"prompt": "x", "n_predict": "много"}'),
        *('{"prompt": "x", "lora": [{"id": 0}]}', '{"prompt": "x", "kodopis": 3}', '{"prompt": [true]}'),
    ],
)
async def test_malformed_requests_are_refused(served: Served, body: str) -> None:
    async with served.http as http:
        answer = await http.post("/completion", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert (await http.post("/completion", json={"prompt": "сумма"})).status_code == 200


@pytest.mark.parametrize("path", ["/props", "/tokenize", "/completion", "/lora-adapters", "/shutdown"])
async def test_everything_needs_the_token(served: Served, path: str) -> None:
    method = "GET" if path in ("/props", "/lora-adapters") else "POST"
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        assert (await http.request(method, path)).status_code == 401
        wrong = {"Authorization": "Bearer secret-tokem"}
        assert (await http.request(method, path, headers=wrong)).status_code == 401
    assert not served.shut_down.is_set()


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example:80"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_pages_in_a_browser_are_refused(served: Served, headers: dict[str, str]) -> None:
    async with served.http as http:
        for path in ("/health", "/props"):
            assert (await http.get(path, headers=headers)).status_code == 403


async def test_shutdown(served: Served) -> None:
    async with served.http as http:
        assert (await http.post("/shutdown")).status_code == 200
    assert served.shut_down.is_set()


async def test_while_the_model_loads() -> None:
    may_load = threading.Event()

    has_begun = threading.Event()

    def load(on_load: OnLoad) -> Backend:
        on_load(0.417)
        has_begun.set()
        may_load.wait(20)
        return ScriptedBackend(SCRIPT)

    worker = Worker(load, lambda error: None)
    async for url in serve(Host(worker, TOKEN, "1", lambda: None).app):
        worker.start()
        assert await asyncio.to_thread(has_begun.wait, 20)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            answer = await http.get("/health")
            assert answer.status_code == 503
            assert answer.json()["error"]["type"] == "unavailable_error"
            assert answer.json()["error"]["percent"] == 41
        with pytest.raises(EngineError) as caught:
            await HttpEngine(url, TOKEN).tokenize("x")
        assert caught.value.code == "engine_loading"
        may_load.set()
    worker.close()


async def test_an_endpoint_of_llama_cpp_is_recognised(served: Served) -> None:
    for url in (served.url, served.url + "/", served.url + "/v1"):
        engine = await connect_endpoint(url, TOKEN)
        assert isinstance(engine, HttpEngine)
        assert (await collect(engine, CompletionRequest("сумма", 3)))[0] == "return "
        await engine.close()


async def test_the_key_comes_from_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError) as caught:
        await connect_endpoint(served.url)
    assert caught.value.code == "engine_unauthorized"
    monkeypatch.setenv("KODOPIS_API_KEY", TOKEN)
    assert isinstance(await connect_endpoint(served.url), HttpEngine)


async def test_a_key_of_another_endpoint_is_not_sent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_API_KEY", TOKEN)
    monkeypatch.setenv("KODOPIS_API_KEY_ENDPOINT", "https://models.example")
    with pytest.raises(EngineError) as caught:
        await connect_endpoint(served.url)
    assert caught.value.code == "engine_unauthorized"
    monkeypatch.setenv("KODOPIS_API_KEY_ENDPOINT", served.url + "/")
    assert isinstance(await connect_endpoint(served.url), HttpEngine)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://models.example:8000", "endpoint_insecure"),
        ("http://10.0.0.7:8000/v1", "endpoint_insecure"),
        ("ftp://127.0.0.1", "endpoint_insecure"),
        ("models.example", "endpoint_insecure"),
        ("http://127.0.0.1:9", "engine_unreachable"),
    ],
)
async def test_endpoints_that_are_not_used(url: str, code: str) -> None:
    with pytest.raises(EngineError) as caught:
        await connect_endpoint(url)
    assert caught.value.code == code
    assert url in str(caught.value)


async def test_a_password_in_an_address_is_not_shown() -> None:
    for address in ("http://user:secret@192.0.2.1", "http://user:secret@127.0.0.1:9"):
        with pytest.raises(EngineError) as caught:
            await connect_endpoint(address)
        assert "secret" not in str(caught.value)
        assert address.rpartition("@")[2] in str(caught.value)


@pytest.mark.parametrize("key", ["ключ", "a\nb"])
async def test_a_key_that_no_header_can_hold_is_a_wrong_key(served: Served, key: str) -> None:
    with pytest.raises(EngineError) as caught:
        await connect_endpoint(served.url, key)
    assert caught.value.code == "engine_unauthorized"


async def test_blanks_around_a_key_do_not_count(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_API_KEY", f"{TOKEN}\n")
    assert isinstance(await connect_endpoint(served.url), HttpEngine)


async def test_a_proxy_of_the_environment_is_not_asked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    engine = HttpEngine(served.url, TOKEN)
    assert (await engine.props()).n_ctx == 512
    await engine.close()


async def wait_until(served: Served, is_busy: bool) -> None:
    async with asyncio.timeout(10):
        while served.worker.is_busy != is_busy:  # noqa: ASYNC110 - the worker is a thread and has no event to wait for
            await asyncio.sleep(0.01)


async def test_small_writes_are_sent_at_once() -> None:
    nodelay: list[int] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        nodelay.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listen(0)
    async with await asyncio.start_server(accept, sock=listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        await reader.read()
        writer.close()
    assert nodelay and all(nodelay)
