"""Small GGUF files for tests, and tokenisers read from real ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.prompt import Segment

LORA = {"general.type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": 16.0, "general.architecture": "qwen2"}
"""The metadata of an adapter for a Qwen2."""


def write_gguf(
    path: Path, metadata: Mapping[str, Any], shapes: Mapping[str, Sequence[int]] | None = None, data_bytes: int = 64
) -> Path:
    """Write a GGUF file (version 3) with zeros for weights. Values: str, bool, int, float, list of str or int."""

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    def value(value: Any) -> bytes:
        match value:
            case bool():
                return struct.pack("<I?", 7, value)
            case str():
                return struct.pack("<I", 8) + text(value)
            case int():
                return struct.pack("<II", 4, value)
            case float():
                return struct.pack("<If", 6, value)
            case [str(), *_]:
                return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(item) for item in value)
            case list():
                return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
        raise TypeError(value)

    shapes = shapes or {}
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(shapes), len(metadata))]
    parts += [text(key) + value(item) for key, item in metadata.items()]
    for name, shape in shapes.items():
        parts.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(parts) + bytes(data_bytes))
    return path


class Vocabulary:
    """A model's real tokeniser, loaded without the weights."""

    def __init__(self, path: Path) -> None:
        from llama_cpp import Llama

        self._llama = Llama(str(path), vocab_only=True, verbose=False)
        self.metadata: dict[str, str] = self._llama.metadata

    def tokens(self, text: str, special: bool = False) -> list[int]:
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=special))

    def prompt_tokens(self, segments: Sequence[Segment]) -> list[int]:
        """What an engine does with a prompt: only special segments may become special tokens."""
        return [token for segment in segments for token in self.tokens(segment.text, special=segment.is_special)]
