"""What llama.cpp is handed where its own ways of opening files differ from Python's."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune import llama
from finetune.errors import FinetuneError


def test_the_quantiser_writes_where_no_folder_is_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_windows(source: bytes, target: bytes, _: object) -> int:
        """Reads by a UTF-8 name, and takes the bytes of the other for a code page."""
        Path(target.decode("latin-1")).write_bytes(Path(source.decode("utf-8")).read_bytes())
        return 0

    monkeypatch.setattr("finetune.llama.llama_cpp.llama_model_quantize", on_windows)
    monkeypatch.chdir(tmp_path)
    folder = Path("Папка Ивана")
    folder.mkdir()
    source, target = folder / "модель-f16.gguf", folder / "модель-q8_0.gguf"
    source.write_bytes(b"weights")
    llama.quantise(source, target, "q8_0")
    assert target.read_bytes() == b"weights"
    assert sorted(folder.iterdir()) == [source, target]
    assert Path.cwd() == tmp_path


def test_a_failed_quantising_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(source: bytes, target: bytes, _: object) -> int:
        Path(target.decode()).write_bytes(b"half")
        return 1

    monkeypatch.setattr("finetune.llama.llama_cpp.llama_model_quantize", fails)
    with pytest.raises(FinetuneError) as caught:
        llama.quantise(tmp_path / "a.gguf", tmp_path / "b.gguf", "q8_0")
    assert caught.value.code == "quantise-failed"
    assert list(tmp_path.iterdir()) == []
