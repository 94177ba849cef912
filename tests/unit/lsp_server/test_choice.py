"""What the settings come to: formats, adapters by kind of request, and an adapter that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lsp_server.choice import choose
from lsp_server.settings import Settings

from ..models.model_files import write_gguf

QWEN = {"general.architecture": "qwen2", "tokenizer.ggml.tokens": ["x"]}
LORA = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "qwen2"}
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
BARE = {"code": "chatml-prefill", "docstring": "prefix", "fim": "qwen-fim", "chat": "chatml"}


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
    assert choice.scales == {"code": 0.75, "docstring": 0.75}
    assert choice.formats == BARE | {"code": "qwen-fim", "docstring": "qwen-fim"}
    assert choice.bare_formats == BARE
    assert choice.spec is not None
    assert choice.spec.adapters == (home / "own-ru.gguf",)


def test_an_unknown_adapter_acts_on_code_asked_as_its_base_is(home: Path) -> None:
    choice = choose(Settings(model="own", adapter="own-other"))
    assert choice.scales == {"code": 1.0, "docstring": 1.0, "fim": 1.0}
    assert choice.formats == BARE


@pytest.mark.usefixtures("home")
def test_a_scale_of_the_users_own_acts_on_everything() -> None:
    choice = choose(Settings(model="own", adapter_scale=0.5))
    assert choice.scales == dict.fromkeys(("code", "docstring", "fim", "chat"), 0.5)
    assert choice.bare_formats is None
    off = choose(Settings(model="own", adapter_scale=0))
    assert off.formats == BARE  # the base alone is asked as it answers best
    assert choose(Settings(model="own", adapter="none")).formats == BARE


@pytest.mark.usefixtures("home")
def test_a_format_of_the_users_own_comes_first() -> None:
    choice = choose(Settings(model="own", prompt_format="prefix"))
    assert choice.formats == dict.fromkeys(("code", "docstring", "fim"), "prefix") | {"chat": "chatml"}


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
    assert choice.formats == BARE
    assert not choice.scales
    assert choice.spec is not None
    assert not choice.spec.adapters
