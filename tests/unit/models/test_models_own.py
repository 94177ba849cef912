"""Files of the user's own, as the commands take them: added, used, moved, forgotten."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from models.catalog import Catalog, user_catalog_path
from models.cli import main
from models.errors import ModelError
from models.own import add_entry, forget
from models.store import Store

from .model_files import write_gguf

Run = Callable[..., subprocess.CompletedProcess[str]]
QWEN = {"general.architecture": "qwen2", "general.name": "Моя Qwen", "general.license": "mit"}
LORA = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": "qwen2"}
ID = "qwen2.5-coder-0.5b"


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


@pytest.fixture
def known(home: Path) -> Callable[[Path], Path]:
    """Describe a file's bytes in the catalog; gives the path that it has in the store."""

    def describe(path: Path) -> Path:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        text = '[[model]]\nid = "known"\ntitle = "K"\ndescription = {ru = "", en = ""}\nlicence = "MIT"\nn_params = 1\n'
        text += 'n_ctx_train = 1\narchitecture = "qwen2"\nprompt = {code = "prefix"}\n[[model.files]]\n'
        text += f'name = "known.gguf"\nsize_bytes = {path.stat().st_size}\nsha256 = "{sha256}"\n'
        user_catalog_path(home).parent.mkdir(parents=True, exist_ok=True)
        user_catalog_path(home).write_text(text, encoding="utf-8")
        Store().folder.mkdir(exist_ok=True)
        return Store().folder / "known.gguf"

    return describe


def add(path: Path) -> None:
    assert main(["add", str(path)]) == 0
    Store().verify(Catalog.load().resolve("known"))


def test_adding_a_link_to_the_stores_own_file_moves_nothing(tmp_path: Path, known: Callable[[Path], Path]) -> None:
    content = write_gguf(tmp_path / "x.gguf", QWEN).read_bytes()
    stored = known(tmp_path / "x.gguf")
    stored.write_bytes(content)
    link = tmp_path / "link.gguf"
    link.symlink_to(stored)
    add(link)
    assert (stored.is_symlink(), stored.read_bytes()) == (False, content)
    assert link.is_symlink()


def test_adding_what_the_stores_link_points_to_moves_nothing(tmp_path: Path, known: Callable[[Path], Path]) -> None:
    own = write_gguf(tmp_path / "own.gguf", QWEN)
    content = own.read_bytes()
    stored = known(own)
    stored.symlink_to(own)
    add(own)
    assert (own.is_symlink(), own.read_bytes(), stored.read_bytes()) == (False, content, content)


def test_adding_a_link_puts_the_file_itself_into_the_store(tmp_path: Path, known: Callable[[Path], Path]) -> None:
    own = write_gguf(tmp_path / "blobs" / "0123", QWEN)
    stored = known(own)
    link = tmp_path / "own.gguf"
    link.symlink_to(own)
    add(link)
    assert not stored.is_symlink()
    assert stored.samefile(own)


@pytest.mark.usefixtures("home")
def test_a_file_that_an_engine_has_open_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = write_gguf(Store().path(Catalog.load().resolve(ID)), QWEN)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == stored:  # as Windows does
            raise PermissionError(13, "The process cannot access the file because it is being used", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert main(["remove", ID]) == 1
    assert "kodopis stop" in capsys.readouterr().err
    assert main(["remove", ID, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "in-use"


def test_a_full_disk_is_named_and_leaves_nothing(
    tmp_path: Path, known: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_gguf(tmp_path / "own.gguf", QWEN)
    known(own)

    def no_link(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(shutil, "copyfile", full)
    assert main(["add", str(own), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no-space"
    assert list(Store().folder.iterdir()) == []


def test_a_catalog_with_a_byte_order_mark(home: Path, tmp_path: Path) -> None:
    user_catalog_path(home).parent.mkdir(parents=True)
    user_catalog_path(home).write_text("# Мой каталог\n", encoding="utf-8-sig")
    assert main(["list"]) == 0
    assert main(["add", str(write_gguf(tmp_path / "own.gguf", QWEN))]) == 0
    assert Catalog.load().get("own") is not None


def test_entries_that_are_added_at_once_are_all_kept(home: Path) -> None:
    adapter = {"base": ID, "path": "x.gguf"}

    def add_some(n: int) -> None:
        for m in range(10):
            add_entry("adapter", {**adapter, "id": f"a{n}-{m}"}, Store())

    threads = [threading.Thread(target=add_some, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Catalog.load().adapters) == len(Catalog.load(user=False).adapters) + 40


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


def test_an_own_model_that_was_moved_is_not_to_be_downloaded(commands: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "моя.gguf", QWEN)
    commands("add", str(path))
    path.rename(tmp_path / "переехала.gguf")
    for name in ("path", "verify", "get"):
        result = commands(name, "моя")
        assert result.returncode == 1
        assert str(path) in result.stderr
        assert "kodopis models add" in result.stderr
        assert "models get" not in result.stderr


@pytest.mark.usefixtures("home")
def test_what_was_downloaded_for_an_own_entry_is_deleted_before_the_entry(
    tmp_path: Path, known: Callable[[Path], Path], commands: Run
) -> None:
    own = write_gguf(tmp_path / "x.gguf", QWEN)
    stored = known(own)
    add(own)
    assert commands("remove", "known").stdout == "Удалено: known\n"
    assert not stored.exists()
    assert Catalog.load().get("known") is not None
    assert commands("remove", "known").returncode == 0
    assert Catalog.load().get("known") is None


def test_removing_names_what_it_removes(commands: Run) -> None:
    auto = Catalog.load().resolve("auto")
    stored = write_gguf(Store().path(auto), QWEN)
    nothing = commands("remove", "")
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("Нет модели «»")
    assert stored.exists()
    assert json.loads(commands("remove", "auto", "--json").stdout) == {"id": auto.id, "removed": True}
    assert not stored.exists()


def test_an_id_of_spaces_is_none(commands: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "моя.gguf", QWEN)
    assert json.loads(commands("add", str(path), "--id", "  ", "--json").stdout)["id"] == "моя"
    assert json.loads(commands("add", str(path), "--id", " х ", "--json").stdout)["id"] == "х"


def test_two_files_of_one_name_do_not_take_each_others_place(commands: Run, tmp_path: Path) -> None:
    first, second = (write_gguf(tmp_path / folder / "model.gguf", QWEN) for folder in ("а", "б"))
    assert commands("add", str(first)).returncode == 0
    refused = commands("add", str(second))
    assert refused.returncode == 1
    assert "--id" in refused.stderr
    assert commands("path", "model").stdout.strip() == str(first)
    assert commands("add", str(second), "--id", "model").returncode == 0
    second.unlink()
    assert commands("add", str(first)).returncode == 0  # the file was moved
    assert commands("path", "model").stdout.strip() == str(first)


@pytest.mark.parametrize("base", ["auto", "нет"])
def test_the_base_of_an_adapter_is_one_of_the_catalog(commands: Run, tmp_path: Path, base: str) -> None:
    result = commands("add", str(write_gguf(tmp_path / "lora.gguf", LORA)), "--base", base)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Нет модели «{base}»; укажите в --base одну из: {ID}, ")


def test_a_path_of_nobodys_home_is_no_traceback(commands: Run) -> None:
    result = commands("add", "~nobody-of-this-name/x.gguf")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "~nobody-of-this-name" in result.stderr


@pytest.mark.usefixtures("home")
def test_a_catalog_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, *_: object, **__: object) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    own = write_gguf(tmp_path / "own.gguf", QWEN)
    monkeypatch.setattr(Path, "write_text", full)
    assert main(["add", str(own)]) == 1
    assert "Место на диске кончилось" in capsys.readouterr().err
    assert [path.name for path in Store().home.iterdir()] == ["catalog.toml.lock"]


def test_entries_written_as_an_array_are_kept(home: Path) -> None:
    path = user_catalog_path(home)
    path.parent.mkdir(parents=True)
    path.write_text(f'adapter = [{{id = "первый", base = "{ID}", path = "a.gguf"}}]  # мои\n', encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write("model = []\n")  # a table before it would take it in
    for base in (ID, "другая"):
        add_entry("adapter", {"id": "второй", "base": base, "path": "b.gguf"}, Store())
    own = {adapter.id: adapter.base for adapter in Catalog.load().adapters if adapter.path.parent == home}
    assert own == {"первый": ID, "второй": "другая"}
    assert "# мои" in path.read_text(encoding="utf-8")
    assert forget("первый", Store())
    add_entry("adapter", {"id": "второй", "base": ID, "path": "b.gguf"}, Store())
    assert len(Catalog.load().adapters) == len(Catalog.load(user=False).adapters) + 1
    assert forget("второй", Store())
    assert Catalog.load() == Catalog.load(user=False)


def test_a_catalog_that_is_a_link_stays_one(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "настройки" / "catalog.toml"
    kept.parent.mkdir()
    kept.write_text("# Мой каталог\n", encoding="utf-8")
    home.mkdir(parents=True)
    user_catalog_path(home).symlink_to(kept)
    add_entry("adapter", {"id": "а", "base": ID, "path": "a.gguf"}, Store())
    assert user_catalog_path(home).is_symlink()
    assert kept.read_text(encoding="utf-8").startswith("# Мой каталог\n[[adapter]]\n")
    assert [path.name for path in kept.parent.iterdir()] == ["catalog.toml"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name of a file is text")
@pytest.mark.parametrize("metadata", [QWEN, LORA])
def test_a_name_that_is_no_text_is_one_sentence(
    home: Path, tmp_path: Path, metadata: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / os.fsdecode("модель.gguf".encode("cp1251"))
    write_gguf(path, metadata)
    assert main(["add", str(path), "--base", ID, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "path-not-text"
    assert not home.exists()


def test_an_own_id_is_for_another_file_of_the_same_name(tmp_path: Path, known: Callable[[Path], Path]) -> None:
    own = write_gguf(tmp_path / "known.gguf", QWEN)
    known(own)
    own.write_bytes(own.read_bytes()[:-1] + b"1")
    assert main(["add", str(own)]) == 1
    assert main(["add", str(own), "--id", "дообученная"]) == 0
    assert Catalog.load().resolve("дообученная").files[0].path == own
