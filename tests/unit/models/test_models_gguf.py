"""The header reader: what it reads, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelError
from models.gguf import read_header
from models.store import Store

from .model_files import write_gguf

METADATA = {
    "general.architecture": "qwen2",
    "general.name": "Модель",
    "qwen2.context_length": 32768,
    "qwen2.rope.freq_base": 1000000.0,
    "tokenizer.ggml.add_bos_token": False,
    "tokenizer.ggml.tokens": ["a", "<|im_start|>", "Ġдом"],
    "tokenizer.ggml.token_type": [1, 3, 1],
}
SHAPES = {"token_embd.weight": (64, 3), "blk.0.attn_q.weight": (64, 32)}


def test_metadata_and_shapes_are_read(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "модель.gguf", METADATA, SHAPES))
    assert header.architecture == "qwen2"
    assert header.text("general.name") == "Модель"
    assert header.number("qwen2.context_length") == 32768
    assert header.metadata["tokenizer.ggml.add_bos_token"] is False
    assert header.tokens == ("a", "<|im_start|>", "Ġдом")
    assert header.shapes == SHAPES
    assert header.n_params == 64 * 3 + 64 * 32
    assert not header.is_adapter


@pytest.mark.model
def test_a_real_file_is_read_as_llama_cpp_reads_it(installed_path: Path) -> None:
    from llama_cpp import Llama

    header = read_header(installed_path)
    theirs = Llama(str(installed_path), vocab_only=True, verbose=False)
    assert header.text("tokenizer.chat_template") == theirs.metadata["tokenizer.chat_template"]
    assert header.number("qwen2.context_length") == int(theirs.metadata["qwen2.context_length"])
    assert len(header.tokens) == theirs.n_vocab()
    assert header.shapes["token_embd.weight"][0] == header.number("qwen2.embedding_length")


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "whole.gguf", METADATA, SHAPES).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(4, len(whole) - 64):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelError) as caught:
            read_header(cut)
        assert caught.value.code == "gguf-damaged", length


def test_lengths_beyond_the_file_are_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", METADATA, SHAPES)
    data = bytearray(path.read_bytes())
    data[16:24] = (2**60).to_bytes(8, "little")  # the count of metadata
    path.write_bytes(data)
    with pytest.raises(ModelError, match="повреждён"):
        read_header(path)


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 a wheel", "текст".encode()])
def test_other_files_are_called_what_they_are(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert caught.value.code == "not-gguf"
    assert str(path) in str(caught.value)


def test_a_version_from_the_future_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", METADATA)
    data = bytearray(path.read_bytes())
    data[4] = 9
    path.write_bytes(data)
    with pytest.raises(ModelError, match="Версия GGUF 9"):
        read_header(path)


def test_the_other_byte_order_is_called_what_it_is(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", METADATA)
    data = bytearray(path.read_bytes())
    data[4:8] = (3).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(ModelError, match="big-endian") as caught:
        read_header(path)
    assert caught.value.code == "gguf-version"


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "нет.gguf", tmp_path):
        with pytest.raises(ModelError) as caught:
            read_header(path)
        assert caught.value.code == "gguf-missing"


def test_reading_headers_loads_no_heavy_library(home: Path) -> None:
    import subprocess
    import sys

    path = write_gguf(home / "x.gguf", METADATA, SHAPES)
    code = (
        "import sys, pathlib, models.catalog, models.store, models.prompt, models.cli;"
        "models.catalog.read_catalog; models.local.local_entry(pathlib.Path(sys.argv[1]));"
        "print([m for m in ('numpy', 'llama_cpp', 'huggingface_hub', 'tqdm', 'httpx', 'torch') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert not Store().folder.exists()
