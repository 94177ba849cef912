"""The catalog: what it offers, `auto`, paths, adapters, and a user's own file with its mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.catalog import Catalog, user_catalog_path
from models.errors import ModelError
from models.home import data_home
from models.messages import language, set_language
from models.prompt import FORMATS, CodeRequest, Turn, chat_template_of, render_chat, render_code

from .model_files import LORA, write_gguf

GIB = 2**30
OWN = """
[[model]]
id = "own"
title = "Своя"
description = {ru = "своя", en = "own"}
licence = "MIT"
architecture = "qwen2"
n_params = 1000
n_ctx_train = 2048
prompt = {code = "prefix", fim = "prefix"}
files = [{name = "own.gguf", path = "файлы/own.gguf"}]
"""
QWEN = {
    "general.architecture": "qwen2",
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.add_bos_token": False,
    "tokenizer.chat_template": "{{ '<|im_start|>' + role }}",
    "tokenizer.ggml.tokens": ["x", "<|im_start|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
}
ZEPHYR = {
    "general.architecture": "llama",
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.chat_template": "{{ '<|user|>\n' + content + eos_token }}",
    "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>"],
}


def write_own(home: Path, text: str) -> Path:
    path = user_catalog_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_packaged_model_can_be_asked_and_fetched(home: Path) -> None:
    catalog = Catalog.load()
    names = ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "zephyr-7b-python-ru", "zephyr-7b-python-ru-q6"]
    assert [entry.id for entry in catalog.entries] == [*names, "zephyr-7b-beta"]
    for entry in catalog.entries:
        request = CodeRequest("сделай", "# сделай\n", "x = 1\n", "    ")
        assert render_code(entry.format_for("code"), request).text
        assert render_code(entry.format_for("fim"), request).text
        template = chat_template_of(entry.format_for("chat"))
        assert template is not None
        assert render_chat(template, [Turn("user", "?")]).text
        assert entry.licence in ("Apache-2.0", "MIT")
        assert entry.licence_url.startswith("https://")
        assert entry.size_bytes > 0
        assert all(file.hub is not None for file in entry.files)
        assert all((file.sha256 is None) == (file.size_bytes is None) for file in entry.files)
        assert all(file.sha256 for file in entry.files if file.parts)


def test_every_packaged_adapter_is_whole_and_fits_its_base(home: Path) -> None:
    catalog = Catalog.load()
    assert catalog.adapters
    for adapter in catalog.adapters:
        base = catalog.get(adapter.base)
        assert base is not None
        assert catalog.adapter(adapter.id, base) == adapter  # its hash and its architecture
        assert adapter.path.stat().st_size <= 20_000_000
        assert (adapter.path.parent / "README.md").is_file()
        assert adapter.licence == "Apache-2.0"
        assert "code" in adapter.prompt
        assert (base.adapter == adapter) == adapter.is_default


@pytest.mark.parametrize(
    ("gib", "cores", "expected"),
    [
        (8, 4, "qwen2.5-coder-1.5b"),
        (7.6, 4, "qwen2.5-coder-1.5b"),  # a machine sold with 8 GiB
        (7, 16, "qwen2.5-coder-0.5b"),
        (64, 3, "qwen2.5-coder-0.5b"),
        (1, 1, "qwen2.5-coder-0.5b"),
        (256, 64, "qwen2.5-coder-1.5b"),
    ],
)
def test_auto_goes_by_memory_and_cores(gib: float, cores: int, expected: str) -> None:
    assert Catalog.load(user=False).auto_model(int(gib * GIB), cores).id == expected


def test_unknown_names_get_the_list(home: Path) -> None:
    catalog = Catalog.load()
    with pytest.raises(ModelError, match=r"«qwen-99b».*qwen2\.5-coder-0\.5b") as caught:
        catalog.resolve("qwen-99b")
    assert caught.value.code == "unknown-model"
    with pytest.raises(ModelError, match="Нет адаптера «x»"):
        catalog.adapter("x", catalog.entries[0])


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (QWEN, {"code": "qwen-fim", "fim": "qwen-fim", "chat": "chatml"}),
        (ZEPHYR, {"code": "zephyr", "fim": "prefix-bos", "chat": "zephyr"}),
        ({"general.architecture": "gpt2"}, {"code": "prefix", "fim": "prefix"}),
    ],
)
def test_formats_of_a_path_follow_from_the_file(
    tmp_path: Path, metadata: dict[str, Any], expected: dict[str, str]
) -> None:
    path = write_gguf(tmp_path / "Моя модель.gguf", metadata)
    entry = Catalog.load(user=False).resolve(str(path))
    assert entry.prompt == expected
    assert entry.is_local
    assert entry.id == str(path)
    assert entry.title == "Моя модель"
    assert all(kind in FORMATS[name] for kind, name in entry.prompt.items())


def test_a_model_without_a_known_chat_template_says_so(tmp_path: Path) -> None:
    entry = Catalog.load(user=False).resolve(str(write_gguf(tmp_path / "x.gguf", {"general.architecture": "gpt2"})))
    with pytest.raises(ModelError, match="chat"):
        entry.format_for("chat")


@pytest.mark.model
def test_a_path_to_a_file_that_the_catalog_knows_is_asked_in_its_way(installed_path: Path, tmp_path: Path) -> None:
    catalog = Catalog.load(user=False)
    copy = tmp_path / installed_path.name
    copy.symlink_to(installed_path)
    entry = catalog.resolve(str(copy))
    known = catalog.resolve("qwen2.5-coder-0.5b")
    assert (entry.prompt, entry.title) == (known.prompt, known.title)
    assert entry.files[0].path == copy


def test_own_entries_come_after_ours_and_replace_them(home: Path) -> None:
    write_own(home, OWN + OWN.replace('id = "own"', 'id = "zephyr-7b-beta"'))
    catalog = Catalog.load()
    assert catalog.entries[-1].id == "own"
    assert catalog.entries[-1].files[0].path == home / "файлы/own.gguf"
    assert catalog.resolve("zephyr-7b-beta").title == "Своя"
    assert "own" not in {entry.id for entry in Catalog.load(user=False).entries}


def test_all_mistakes_of_an_own_catalog_are_named_at_once(home: Path) -> None:
    text = OWN.replace("n_params = 1000", 'n_params = "много"').replace('licence = "MIT"', 'license = "MIT"')
    text = text.replace('code = "prefix"', 'code = "alpaca"').replace('name = "own.gguf"', "name = 5")
    path = write_own(home, text)
    with pytest.raises(ModelError) as caught:
        Catalog.load()
    message = str(caught.value)
    assert caught.value.code == "catalog-invalid"
    for part in (str(path), "n_params", "'много'", "licence", "license", "'alpaca'", "qwen-fim", "model[0].files[0]"):
        assert part in message, part
    assert "\n" not in message
    Catalog.load(user=False)


@pytest.mark.parametrize("text", ["model = 5", "[[model]\n", '[[model]]\nid = "x"\nprompt = 3\n', "[[modle]]\n"])
def test_a_broken_own_catalog_is_one_sentence_with_its_path(home: Path, text: str) -> None:
    path = write_own(home, text)
    with pytest.raises(ModelError) as caught:
        Catalog.load()
    assert str(path) in str(caught.value)


def test_a_catalog_in_another_encoding_is_named(home: Path) -> None:
    path = write_own(home, "")
    path.write_bytes('title = "Своя"'.encode("cp1251"))
    with pytest.raises(ModelError) as caught:
        Catalog.load()
    assert caught.value.code == "catalog-unreadable"


def own_adapter(home: Path, base: str = "qwen2.5-coder-0.5b") -> Path:
    path = write_gguf(home / "lora.gguf", LORA, {"blk.0.attn_q.weight.lora_a": (64, 8)})
    text = f'[[adapter]]\nid = "мой"\nbase = "{base}"\npath = "lora.gguf"\nscale = 0.5\nis_default = true\n'
    write_own(home, text)
    return path


def test_the_default_adapter_is_used_unless_told_otherwise(home: Path) -> None:
    path = own_adapter(home)
    catalog = Catalog.load()
    base, other = catalog.entries[0], catalog.entries[1]
    assert base.adapter is not None
    assert catalog.adapter("auto", base) == base.adapter == catalog.adapter("мой", base)
    assert (base.adapter.path, base.adapter.scale) == (path, 0.5)
    assert catalog.adapter("none", base) is None
    assert catalog.adapter("auto", other) is None
    with pytest.raises(ModelError, match=r"обучен для модели qwen2\.5-coder-0\.5b") as caught:
        catalog.adapter("мой", other)
    assert caught.value.code == "adapter-wrong-base"


def test_an_adapter_by_path_must_be_one_and_fit(home: Path, tmp_path: Path) -> None:
    catalog = Catalog.load()
    qwen, zephyr = catalog.entries[0], catalog.entries[-1]
    lora = write_gguf(tmp_path / "мой адаптер.gguf", LORA, {"blk.0.attn_q.weight.lora_a": (64, 8)})
    found = catalog.adapter(str(lora), qwen)
    assert found is not None
    assert (found.path, found.base, found.scale) == (lora, qwen.id, 1.0)
    for path, entry, code in (
        (lora, zephyr, "adapter-other-base"),
        (write_gguf(tmp_path / "model.gguf", QWEN), qwen, "model-not-adapter"),
        (tmp_path / "нет.gguf", qwen, "gguf-missing"),
    ):
        with pytest.raises(ModelError) as caught:
            catalog.adapter(str(path), entry)
        assert caught.value.code == code
    with pytest.raises(ModelError, match=r"kodopis\.adapter"):
        catalog.resolve(str(lora))


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        ({"blk.0.attn_q.weight.lora_a": (64, 8), "blk.0.attn_q.weight.lora_b": (8, 32)}, True),
        ({"blk.0.attn_q.weight.lora_a": (128, 8), "blk.0.attn_q.weight.lora_b": (8, 32)}, False),
        ({"blk.0.attn_q.weight.lora_a": (64, 8), "blk.0.attn_q.weight.lora_b": (8, 64)}, False),
        ({"blk.9.attn_q.weight.lora_a": (64, 8), "blk.9.attn_q.weight.lora_b": (8, 32)}, False),
        ({"blk.0.attn_q.weight.lora_b": (8,)}, False),
        ({"output_norm.weight.lora_b": (8, 64)}, False),
    ],
)
def test_an_adapter_of_another_size_is_refused(tmp_path: Path, shapes: dict[str, tuple[int, ...]], fits: bool) -> None:
    base = write_gguf(tmp_path / "base.gguf", QWEN, {"blk.0.attn_q.weight": (64, 32), "output_norm.weight": (64,)})
    lora = write_gguf(tmp_path / "lora.gguf", LORA, shapes)
    catalog = Catalog.load(user=False)
    entry = catalog.resolve(str(base))
    if fits:
        assert catalog.adapter(str(lora), entry, base) is not None
        return
    with pytest.raises(ModelError, match="другой модели"):
        catalog.adapter(str(lora), entry, base)


def test_a_model_without_files_is_a_mistake(home: Path) -> None:
    write_own(home, OWN.replace('files = [{name = "own.gguf", path = "файлы/own.gguf"}]', "files = []"))
    with pytest.raises(ModelError) as caught:
        Catalog.load()
    assert caught.value.code == "catalog-invalid"
    assert "model[0].files: нужен хотя бы один файл" in str(caught.value)


@pytest.mark.parametrize(
    ("package", "count", "member"), [("p{n}", 0, "*"), ("p{m}", 1, "*"), ("p{n}", 1, "*/{n"), ("p{}", 1, "*")]
)
def test_parts_that_cannot_be_counted_are_a_mistake(home: Path, package: str, count: int, member: str) -> None:
    parts = f'parts = {{package = "{package}", version = "1", count = {count}, member = "{member}"}}'
    write_own(home, OWN.replace('path = "файлы/own.gguf"', parts))
    with pytest.raises(ModelError, match=r"model\[0\]\.files\[0\]\.parts: в package и member") as caught:
        Catalog.load()
    assert caught.value.code == "catalog-invalid"


def test_a_description_may_hold_braces(home: Path) -> None:
    write_own(home, OWN.replace('ru = "своя"', 'ru = "пишет {json} и {"'))
    assert Catalog.load().resolve("own").description() == "пишет {json} и {"


def test_a_hash_in_capitals_is_the_same_hash(home: Path) -> None:
    adapter = '[[adapter]]\nid = "a"\nbase = "own"\npath = "a.gguf"\nsha256 = "AB12"\n'
    write_own(home, OWN.replace("/own.gguf", '/own.gguf", sha256 = "FF01') + adapter)
    catalog = Catalog.load()
    assert catalog.resolve("own").files[0].sha256 == "ff01"
    assert [one.sha256 for one in catalog.adapters if one.id == "a"] == ["ab12"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Russian_Russia", "ru"), ("English_United States", "en"), ("German_Germany", "en"), (None, "ru")],
)
def test_the_language_of_a_windows_locale(monkeypatch: pytest.MonkeyPatch, name: str | None, expected: str) -> None:
    set_language(None)
    for variable in ("KODOPIS_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("locale.getlocale", lambda: (name, None))
    assert language() == expected


def test_a_home_that_is_nobodys_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KODOPIS_HOME", "~nobody-of-this-name/x")
    assert data_home() == tmp_path / "~nobody-of-this-name" / "x"
    monkeypatch.delenv("KODOPIS_HOME")
    usual = data_home()
    monkeypatch.setenv("KODOPIS_HOME", "  ")
    assert data_home() == usual
