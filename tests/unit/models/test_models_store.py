"""The store: what counts as installed, and when a file is read again."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalog import Catalog, ModelEntry, ModelFile
from models.errors import ModelError
from models.store import Store

from .model_files import write_gguf


@pytest.fixture
def store(home: Path) -> Store:
    return Store()


@pytest.fixture
def entry(store: Store, tmp_path: Path) -> ModelEntry:
    """An installed model with a known hash."""
    content = write_gguf(tmp_path / "x", {"general.architecture": "qwen2"}, {"a": (4, 4)}).read_bytes()
    file = ModelFile("малая.gguf", size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    store.folder.mkdir(parents=True)
    (store.folder / file.name).write_bytes(content)
    return replace(Catalog.load(user=False).entries[0], id="малая", files=(file,))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_whole_file_is_read_once(store: Store, entry: ModelEntry) -> None:
    reads: list[int] = []
    store.verify(entry, progress=lambda done, total: reads.append(done))
    assert reads == [store.path(entry).stat().st_size]
    store.verify(entry, progress=lambda done, total: reads.append(done))
    assert len(reads) == 1
    store.verify(entry, again=True, progress=lambda done, total: reads.append(done))
    assert len(reads) == 2


def test_a_changed_file_is_read_again_and_refused(store: Store, entry: ModelEntry) -> None:
    store.verify(entry)
    damage(store.path(entry))
    os.utime(store.path(entry), ns=(1, 1))
    with pytest.raises(ModelError, match=r"повреждён.*kodopis models get малая") as caught:
        store.verify(entry)
    assert caught.value.code == "file-damaged"
    assert store.is_installed(entry)  # by its size; only reading tells


def test_again_finds_damage_that_left_size_and_time_alone(store: Store, entry: ModelEntry) -> None:
    store.verify(entry)
    before = store.path(entry).stat().st_mtime_ns
    damage(store.path(entry))
    os.utime(store.path(entry), ns=(before, before))
    store.verify(entry)
    with pytest.raises(ModelError, match="повреждён"):
        store.verify(entry, again=True)


def test_a_file_of_another_size_is_not_installed(store: Store, entry: ModelEntry) -> None:
    with store.path(entry).open("ab") as file:
        file.write(b"x")
    assert not store.is_installed(entry)
    with pytest.raises(ModelError) as caught:
        store.verify(entry)
    assert caught.value.code == "file-damaged"


def test_a_missing_file_says_how_to_get_it(store: Store, entry: ModelEntry) -> None:
    store.path(entry).unlink()
    with pytest.raises(ModelError, match="kodopis models get малая") as caught:
        store.verify(entry)
    assert caught.value.code == "not-installed"


def test_what_was_recorded_holds_where_the_catalog_knows_no_hash(store: Store, entry: ModelEntry) -> None:
    unknown = replace(entry, files=(replace(entry.files[0], sha256=None, size_bytes=None),))
    assert store.is_installed(unknown)
    store.verify(unknown)
    damage(store.path(unknown))
    with pytest.raises(ModelError, match="повреждён"):
        store.verify(unknown, again=True)


def test_damage_is_not_forgotten(store: Store, entry: ModelEntry) -> None:
    unknown = replace(entry, files=(replace(entry.files[0], sha256=None, size_bytes=None),))
    store.verify(unknown)
    damage(store.path(unknown))
    os.utime(store.path(unknown), ns=(1, 1))
    reads: list[int] = []
    for _ in range(2):
        with pytest.raises(ModelError, match="повреждён"):
            store.verify(unknown, progress=lambda done, total: reads.append(done))
    assert len(reads) == 1
    damage(store.path(unknown))  # and mended
    os.utime(store.path(unknown), ns=(2, 2))
    store.verify(unknown)


def test_a_hard_link_that_is_written_to_is_noticed(store: Store, entry: ModelEntry, tmp_path: Path) -> None:
    store.verify(entry)
    os.link(store.path(entry), tmp_path / "own.gguf")
    damage(tmp_path / "own.gguf")
    os.utime(tmp_path / "own.gguf", ns=(1, 1))
    with pytest.raises(ModelError, match="повреждён"):
        store.verify(entry)


def test_a_full_disk_only_costs_another_reading(
    store: Store, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    store.verify(entry)
    damage(store.path(entry))
    with pytest.raises(ModelError, match="повреждён"):
        store.verify(entry)


def test_the_disk_has_the_bytes_before_the_name(
    store: Store, entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = write_gguf(tmp_path / "finished", {"general.architecture": "qwen2"})
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("sync"))
    replace_file = Path.replace

    def named(path: Path, to: Path) -> Path:
        done.append("name")
        return replace_file(path, to)

    monkeypatch.setattr(Path, "replace", named)
    store.install(entry.files[0], finished, "x")
    assert done[:2] == ["sync", "name"]


def test_a_file_with_no_known_hash_must_be_a_gguf(store: Store, entry: ModelEntry) -> None:
    unknown = replace(entry, files=(replace(entry.files[0], sha256=None, size_bytes=None),))
    store.path(unknown).write_bytes(b"<html>404</html>")
    with pytest.raises(ModelError) as caught:
        store.verify(unknown)
    assert caught.value.code == "not-gguf"


def test_a_users_own_file_may_be_replaced(store: Store, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "own.gguf", {"general.architecture": "qwen2"})
    catalog = Catalog.load()
    store.verify(catalog.resolve(str(path)))
    write_gguf(path, {"general.architecture": "qwen2", "general.name": "новее"})
    store.verify(catalog.resolve(str(path)))


def test_a_damaged_record_only_costs_a_reading(store: Store, entry: ModelEntry) -> None:
    store.verify(entry)
    store.record_path(entry.files[0]).write_text('{"size_bytes": ', encoding="utf-8")
    store.verify(entry)


def test_removing_takes_everything_and_leaves_own_files(store: Store, entry: ModelEntry, tmp_path: Path) -> None:
    store.verify(entry)
    store.partial_path(entry.files[0]).write_bytes(b"x")
    assert store.remove(entry)
    assert not store.remove(entry)
    assert list(store.folder.iterdir()) == []
    own = write_gguf(tmp_path / "own.gguf", {"general.architecture": "qwen2"})
    with pytest.raises(ModelError, match="ваш собственный"):
        store.remove(Catalog.load().resolve(str(own)))
    assert own.exists()


def test_removing_takes_what_killed_processes_left(store: Store, entry: ModelEntry) -> None:
    (file,) = entry.files
    store.path(entry).unlink()
    (store.wheels_path(file) / "tmp").mkdir(parents=True)
    store.adding_path(file).write_bytes(b"half")
    assert store.remove(entry)
    assert list(store.folder.iterdir()) == []


def test_an_installed_file_leaves_no_wheels(store: Store, entry: ModelEntry) -> None:
    (file,) = entry.files
    (store.wheels_path(file) / "tmp").mkdir(parents=True)
    store.accept(file, str(file.sha256))
    assert not store.wheels_path(file).exists()


def test_removing_leaves_a_part_that_is_the_users_own(store: Store, entry: ModelEntry, tmp_path: Path) -> None:
    own = write_gguf(tmp_path / "own.gguf", {"general.architecture": "qwen2"})
    mixed = replace(entry, files=(*entry.files, ModelFile("own.gguf", path=own)))
    assert store.remove(mixed)
    assert own.exists()
    assert not store.path(mixed).exists()
