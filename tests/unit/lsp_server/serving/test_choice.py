"""What the settings come to: formats, adapters by kind of request, and an adapter that cannot be used."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from lsp_server.engine.base import EngineProps, LoraScale
from lsp_server.errors import EngineError
from lsp_server.serving.choice import _verify, choose, serve
from lsp_server.serving.routing import endpoint_routes
from lsp_server.settings import Settings
from models import store
from models.prompt import Kind
from models.store import sha256_of

from ...models.model_files import LORA, write_gguf

QWEN = {"general.architecture": "qwen2", "tokenizer.ggml.tokens": ["x"]}
SHAPES = {"blk.0.attn_q.weight": (64, 32)}
CATALOG = """
[[model]]
id = "own"
title = "Своя"
description = {ru = "своя", en = "own"}
licence = "MIT"
architecture = "qwen2"
n_params = 1000
n_ctx_train = 2048
prompt = {code = "chatml-prefill", docstring = "prefix", fim = "qwen-fim", chat = "chatml"}
files = [{name = "own.gguf", path = "own.gguf"}]

[[adapter]]
id = "own-ru"
base = "own"
path = "own-ru.gguf"
scale = 0.75
is_default = true
prompt = {code = "qwen-fim", docstring = "qwen-fim"}

[[adapter]]
id = "own-other"
base = "own"
path = "own-ru.gguf"
"""
BARE: dict[Kind, str] = {"code": "chatml-prefill", "docstring": "prefix", "fim": "qwen-fim", "chat": "chatml"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    (tmp_path / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    write_gguf(tmp_path / "own.gguf", QWEN, SHAPES)
    write_gguf(tmp_path / "own-ru.gguf", LORA, {"blk.0.attn_q.weight.lora_a": (64, 8)})
    return tmp_path


def test_an_adapter_acts_on_what_it_was_trained_for(home: Path) -> None:
    choice = choose(Settings(model="own"))
    assert choice.adapter_id == "own-ru"
    assert choice.routes.scales == {"code": 0.75, "docstring": 0.75}
    assert choice.routes.formats == BARE | {"code": "qwen-fim", "docstring": "qwen-fim"}
    assert choice.routes.bare == BARE
    assert choice.spec is not None
    assert choice.spec.adapters == (home / "own-ru.gguf",)


def test_an_unknown_adapter_acts_on_code_asked_as_its_base_is(home: Path) -> None:
    choice = choose(Settings(model="own", adapter="own-other"))
    assert choice.routes.scales == {"code": 1.0, "docstring": 1.0, "fim": 1.0}
    assert choice.routes.formats == BARE


@pytest.mark.usefixtures("home")
def test_a_scale_of_the_users_own_acts_on_everything() -> None:
    choice = choose(Settings(model="own", adapter_scale=0.5))
    assert choice.routes.scales == dict.fromkeys(("code", "docstring", "fim", "chat"), 0.5)
    assert choice.routes.bare is None
    off = choose(Settings(model="own", adapter_scale=0))
    assert off.routes.formats == BARE  # the base alone is asked as it answers best
    assert choose(Settings(model="own", adapter="none")).routes.formats == BARE


@pytest.mark.usefixtures("home")
def test_a_format_of_the_users_own_comes_first() -> None:
    choice = choose(Settings(model="own", prompt_format="prefix"))
    assert choice.routes.formats == dict.fromkeys(("code", "docstring", "fim"), "prefix") | {"chat": "chatml"}


@pytest.mark.parametrize(
    ("spoil", "settings", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:40]), {}, "повреждён"),
        (lambda path: write_gguf(path, LORA, {"blk.0.attn_q.weight.lora_a": (128, 8)}), {}, "другой модели"),
        (lambda path: path.unlink(), {}, "own-ru.gguf"),
        (lambda _: None, {"adapter": "нет-такого"}, "нет-такого"),
    ],
    ids=["damaged", "other-base", "missing", "unknown"],
)
def test_an_adapter_that_cannot_be_used_leaves_its_base(
    home: Path, monkeypatch: pytest.MonkeyPatch, spoil: object, settings: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("KODOPIS_LANG", "ru")
    assert callable(spoil)
    spoil(home / "own-ru.gguf")
    choice = choose(Settings(model="own", **settings))
    assert said in choice.trouble
    assert choice.routes.formats == BARE
    assert not choice.routes.scales
    assert choice.spec is not None
    assert not choice.spec.adapters


def on_endpoint(*adapters: str, **settings: Any) -> Any:
    props = EngineProps(model_path="own.gguf", n_ctx=2048, adapters=adapters)
    return endpoint_routes(BARE, Settings(endpoint="http://127.0.0.1:1", **settings), props)


@pytest.mark.usefixtures("home")
def test_an_endpoint_with_our_adapter_is_asked_as_our_engine_is() -> None:
    found = on_endpoint("/srv/other.gguf", "C:\\models\\own-ru.gguf")
    assert found.routes.formats["code"] == "qwen-fim"
    assert found.lora["code"] == (LoraScale(0, 0.0), LoraScale(1, 0.75))
    assert found.lora["chat"] == found.bare_lora == (LoraScale(0, 0.0), LoraScale(1, 0.0))
    assert found.routes.bare == BARE


@pytest.mark.usefixtures("home")
def test_an_endpoints_own_adapters_act_as_their_owner_set_them() -> None:
    assert not on_endpoint("/srv/other.gguf").lora
    assert on_endpoint("/srv/other.gguf", adapter_scale=0.5).lora["chat"] == (LoraScale(0, 0.5),)
    assert on_endpoint("/srv/own-ru.gguf", adapter="none").lora["code"] == (LoraScale(0, 0.0),)
    assert on_endpoint("/srv/own-ru.gguf", adapter="none").routes.formats == BARE


@pytest.mark.usefixtures("home")
def test_an_endpoint_without_the_adapter_that_is_wanted_says_so() -> None:
    assert "own-ru" in on_endpoint(adapter="own-ru").trouble
    assert not on_endpoint().trouble


KNOWN = f"""
[[model]]
id = "known"
title = "Известная"
description = {{ru = "", en = ""}}
licence = "MIT"
architecture = "qwen2"
n_params = 1000
n_ctx_train = 2048
prompt = {{code = "prefix"}}
files = [{{name = "known.gguf", size_bytes = 1000, sha256 = "{hashlib.sha256(b"x" * 1000).hexdigest()}"}}]
"""


@pytest.fixture
def known(home: Path) -> Path:
    """A model that somebody put into the store by hand: of the right size, with other bytes."""
    (home / "catalog.toml").write_text(KNOWN, encoding="utf-8")
    path = home / "models" / "known.gguf"
    path.parent.mkdir()
    path.write_bytes(bytes(1000))
    return path


async def test_a_file_that_is_not_what_the_catalog_says_starts_no_engine(
    known: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODOPIS_LANG", "ru")
    read: list[Path] = []

    def reading(path: Path, progress: object = None) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr(store, "sha256_of", reading)
    for _ in range(2):
        with pytest.raises(EngineError, match=r"^Файл модели повреждён: .*known.gguf; выполните: kodopis models"):
            await serve(choose(Settings(model="known")))
    assert read == [known]  # not for every request
    assert not list((home / "engine").glob("*"))


def test_a_whole_file_is_read_until_it_is_changed(known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = choose(Settings(model="known")).entry
    known.write_bytes(b"x" * 1000)
    _verify(entry)
    with monkeypatch.context() as context:
        context.setattr(store, "sha256_of", None)
        _verify(entry)
    known.write_bytes(b"y" * 1000)
    os.utime(known, ns=(1, 1))
    with pytest.raises(EngineError):
        _verify(entry)


def test_a_file_of_the_users_own_that_nobody_knows_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "sha256_of", None)
    _verify(choose(Settings(model=str(home / "own.gguf"), adapter="none")).entry)


@pytest.mark.usefixtures("known")
async def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store, "sha256_of", broken)
    with pytest.raises(EngineError, match=r"Известная.*Input/output error") as caught:
        await serve(choose(Settings(model="known")))
    assert caught.value.code == "model_unreadable"
