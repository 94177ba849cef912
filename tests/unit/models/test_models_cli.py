"""The commands as a user runs them: real processes, exit codes, both languages, any console."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from models.catalog import Catalog, user_catalog_path
from models.errors import ModelError
from models.store import Store

from .model_files import write_gguf

Run = Callable[..., subprocess.CompletedProcess[str]]
QWEN = {"general.architecture": "qwen2", "general.name": "Моя Qwen", "general.license": "mit"}
LORA = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "qwen2"}
ID = "qwen2.5-coder-0.5b"


def test_help_is_in_the_users_language(commands: Run) -> None:
    russian, english = commands("--help"), commands("--help", KODOPIS_LANG="en")
    assert (russian.returncode, english.returncode) == (0, 0)
    assert "Коды завершения" in russian.stdout
    assert "использование:" in russian.stdout
    assert "Exit codes: 0 done, 1 failed, 2 wrong command." in english.stdout
    for name in ("list", "get", "verify", "path", "add", "remove"):
        assert name in russian.stdout
        assert "Коды завершения" in commands(name, "--help").stdout


@pytest.mark.parametrize("arguments", [(), ("gte",), ("get", "--progress", "dots"), ("add",), ("list", "more")])
def test_a_wrong_command_ends_with_2_and_points_at_help(commands: Run, arguments: tuple[str, ...]) -> None:
    result = commands(*arguments)
    assert result.returncode == 2
    assert "ошибка в команде" in result.stderr
    assert "--help" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("get",), ("verify",), ("path",), ("remove",)])
def test_an_unknown_model_ends_with_1_and_one_sentence(commands: Run, arguments: tuple[str, ...]) -> None:
    result = commands(*arguments, "нет-такой")
    assert result.returncode == 1
    assert result.stderr.startswith("Нет модели «нет-такой»")
    assert len(result.stderr.splitlines()) == 1


def test_list_says_what_there_is(commands: Run) -> None:
    text, data = commands("list"), json.loads(commands("list", "--json").stdout)
    assert [model["id"] for model in data] == [entry.id for entry in Catalog.load(user=False).entries]
    assert [model["id"] for model in data if model["auto"]] == [Catalog.load().resolve("auto").id]
    assert not any(model["installed"] for model in data)
    assert f"{ID}  [491 МБ, Apache-2.0]" in text.stdout


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "ascii"])
def test_any_console_is_survived(commands: Run, home: Path, encoding: str) -> None:
    path = write_gguf(home / "модель 🦔.gguf", QWEN)
    for arguments in (["add", str(path)], ["list"], ["verify", str(path)], ["path", str(path)], ["get", "нет"]):
        result = commands(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert "Traceback" not in result.stderr
        assert result.returncode == (1 if "get" in arguments else 0), result.stderr
    listed = commands("list", "--json", PYTHONIOENCODING=encoding)
    assert json.loads(listed.stdout)[-1]["path"] == str(path)


def test_what_is_not_installed_is_said_with_the_next_command(commands: Run) -> None:
    for name in ("path", "verify"):
        result = commands(name, ID)
        assert result.returncode == 1
        assert f"kodopis models get {ID}" in result.stderr
    error = json.loads(commands("path", ID, "--json").stdout)["error"]
    assert error["code"] == "not-installed"
    removed = commands("remove", ID)
    assert removed.returncode == 1
    assert "Удалять нечего" in removed.stdout


def test_an_own_model_is_added_used_and_forgotten(commands: Run, home: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "Моя Модель.gguf", QWEN)
    added = json.loads(commands("add", str(path), "--json").stdout)
    assert added == {"kind": "model", "id": "моя-модель", "path": str(path)}
    entry = Catalog.load().resolve("моя-модель")
    assert (entry.title, entry.licence, entry.files[0].path) == ("Моя Qwen", "mit", path)
    assert entry.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert commands("path", "моя-модель").stdout.strip() == str(path)
    assert commands("verify", "моя-модель").returncode == 0
    assert commands("get", "моя-модель").returncode == 0
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "повреждён" in commands("verify", "моя-модель").stderr
    assert commands("remove", "моя-модель").returncode == 0
    assert path.exists()
    assert Catalog.load().get("моя-модель") is None


def test_adding_twice_keeps_one_entry_and_the_users_comments(commands: Run, home: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", QWEN)
    commands("add", str(path), "--id", "моя")
    own = user_catalog_path(home)
    own.write_text("# Мой каталог\n" + own.read_text(encoding="utf-8"), encoding="utf-8")
    write_gguf(path, {**QWEN, "general.name": "Новее"})
    assert commands("add", str(path), "--id", "моя").returncode == 0
    assert own.read_text(encoding="utf-8").startswith("# Мой каталог\n")
    assert [entry.title for entry in Catalog.load().entries if entry.id == "моя"] == ["Новее"]


@pytest.mark.parametrize("name", [ID, "auto", "none"])
def test_ids_of_ours_are_not_taken_over(commands: Run, tmp_path: Path, name: str) -> None:
    result = commands("add", str(write_gguf(tmp_path / "x.gguf", QWEN)), "--id", name)
    assert result.returncode == 1
    assert "уже занято" in result.stderr


def test_a_file_that_the_catalog_describes_goes_into_the_store(commands: Run, home: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "скачано вручную.gguf", QWEN)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    known = f'name = "known.gguf"\nsize_bytes = {path.stat().st_size}\nsha256 = "{sha256}"\n'
    text = '[[model]]\nid = "known"\ntitle = "K"\ndescription = {ru = "", en = ""}\nlicence = "MIT"\nn_params = 1\n'
    text += 'n_ctx_train = 1\narchitecture = "qwen2"\nprompt = {code = "prefix"}\n[[model.files]]\n' + known
    user_catalog_path(home).parent.mkdir(parents=True)
    user_catalog_path(home).write_text(text, encoding="utf-8")
    added = commands("add", str(path))
    assert added.returncode == 0, added.stderr
    assert "установлена модель known" in added.stdout
    store, entry = Store(), Catalog.load().resolve("known")
    assert store.is_installed(entry)
    assert store.path(entry).parent == store.folder
    assert commands("verify", "known").returncode == 0
    assert path.exists()


def test_a_file_of_a_model_whose_hash_nobody_knows_is_taken_by_its_name(commands: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "zephyr-7b-beta.Q4_K_M.gguf", {"general.architecture": "llama"})
    assert json.loads(commands("add", str(path), "--json").stdout)["id"] == "zephyr-7b-beta"
    assert Store().is_installed(Catalog.load().resolve("zephyr-7b-beta"))
    assert commands("verify", "zephyr-7b-beta").returncode == 0
    assert commands("remove", "zephyr-7b-beta").returncode == 0
    assert not Store().is_installed(Catalog.load().resolve("zephyr-7b-beta"))
    assert path.exists()


def test_damaged_and_other_files_are_not_added(commands: Run, home: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(write_gguf(tmp_path / "x.gguf", QWEN).read_bytes()[:60])
    text = tmp_path / "text.gguf"
    text.write_text("не модель", encoding="utf-8")
    for path, said in ((cut, "повреждён"), (text, "не файл GGUF"), (tmp_path / "нет.gguf", "не открывается")):
        result = commands("add", str(path))
        assert result.returncode == 1
        assert said in result.stderr
    assert not user_catalog_path(home).exists()


def test_an_adapter_is_added_for_its_model(commands: Run, tmp_path: Path) -> None:
    base = write_gguf(tmp_path / "base.gguf", QWEN, {"blk.0.attn_q.weight": (64, 32)})
    other = write_gguf(tmp_path / "other.gguf", QWEN, {"blk.0.attn_q.weight": (128, 32)})
    lora = write_gguf(tmp_path / "lora.gguf", LORA, {"blk.0.attn_q.weight.lora_a": (64, 8)})
    commands("add", str(base))
    commands("add", str(other))
    unclear = commands("add", str(lora))  # the packaged Qwen models are not installed: any of them may be meant
    assert unclear.returncode == 1
    assert "--base" in unclear.stderr
    assert "другой модели" in commands("add", str(lora), "--base", "other").stderr
    added = commands("add", str(lora), "--base", "base", "--id", "мой")
    assert "kodopis.adapter = мой" in added.stdout
    catalog = Catalog.load()
    found = catalog.adapter("мой", catalog.resolve("base"), base)
    assert found is not None
    assert (found.path, found.base) == (lora, "base")
    assert catalog.adapter("auto", catalog.resolve("base")) is None
    lora.write_bytes(lora.read_bytes() + b"x")
    with pytest.raises(ModelError) as caught:
        catalog.adapter("мой", catalog.resolve("base"))
    assert caught.value.code == "adapter-damaged"
    assert commands("remove", "мой").returncode == 0
    assert Catalog.load().adapters == Catalog.load(user=False).adapters


def test_a_closed_pipe_is_no_traceback(home: Path) -> None:
    import os
    import sys

    environment = {**os.environ, "KODOPIS_HOME": str(home)}
    command = [sys.executable, "-m", "models", "list"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.model
def test_the_real_model_is_whole(commands: Run, installed_path: Path) -> None:
    result = commands("verify", ID, "--json", KODOPIS_HOME=str(installed_path.parent.parent))
    assert json.loads(result.stdout) == {"id": ID, "path": str(installed_path), "whole": True}
