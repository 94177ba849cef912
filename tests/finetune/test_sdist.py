"""The converters' source: cached, checked, and said in one sentence where it cannot be had."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from workshop import Workshop

from finetune.errors import FinetuneError
from finetune.export import sdist


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    return tmp_path


def archive_of(home: Path) -> Path:
    version = importlib.metadata.version(sdist.PACKAGE)
    return home / "llama-cpp-source" / f"llama_cpp_python-{version}.tar.gz"


def test_a_cached_archive_needs_no_network(smoke: Workshop, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = archive_of(empty_home)
    target.parent.mkdir(parents=True)
    target.write_bytes(archive_of(smoke.home).read_bytes())
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    folder = sdist.llama_cpp_folder()
    assert (folder / "convert_hf_to_gguf.py").is_file()
    assert (folder / "convert_lora_to_gguf.py").is_file()
    assert folder == sdist.llama_cpp_folder()


def test_another_archive_is_refused(empty_home: Path) -> None:
    target = archive_of(empty_home)
    target.parent.mkdir(parents=True)
    target.write_bytes(b"something else")
    with pytest.raises(FinetuneError) as caught:
        sdist.llama_cpp_folder()
    assert caught.value.code == "sdist-damaged"


def test_without_an_index_the_place_for_the_archive_is_named(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", str(empty_home / "none"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(empty_home))
    with pytest.raises(FinetuneError) as caught:
        sdist.llama_cpp_folder()
    assert caught.value.code == "sdist-unreachable"
    assert str(archive_of(empty_home).parent) in str(caught.value)
