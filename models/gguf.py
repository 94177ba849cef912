"""What stands at the beginning of a GGUF file: its metadata and the shapes of its tensors.

Owns: reading the header, in plain Python, so that the light server need not load numpy. Does not own: the weights.
The layout is the one of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.messages import GGUF_BIG_ENDIAN, GGUF_DAMAGED, GGUF_MISSING, GGUF_VERSION, NOT_GGUF

Value = int | float | bool | str | tuple[str, ...]

_MAGIC = b"GGUF"
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", _BOOL: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_BIG_ENDIAN_VERSIONS = (b"\0\0\0\2", b"\0\0\0\3")
_MAX_DIMENSIONS = 4  # GGML_MAX_DIMS


@dataclass(frozen=True)
class GgufHeader:
    """Metadata and tensor shapes of one file.

    `metadata` leaves arrays out, except for arrays of strings. A shape is in ggml's order: the row length first.
    """

    metadata: Mapping[str, Value]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def architecture(self) -> str:
        """What llama.cpp calls the model's architecture: `qwen2`, `llama`, …"""
        return self.text("general.architecture")

    @property
    def is_adapter(self) -> bool:
        """Whether the file is a LoRA adapter rather than a model."""
        return self.text("general.type") == "adapter"

    def text(self, key: str) -> str:
        """A string of the metadata; empty where there is none."""
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """A whole number of the metadata; 0 where there is none."""
        value = self.metadata.get(key, 0)
        return value if isinstance(value, int) else 0

    @property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary; empty in an adapter."""
        value = self.metadata.get("tokenizer.ggml.tokens", ())
        return value if isinstance(value, tuple) else ()

    @property
    def n_params(self) -> int:
        """How many weights the tensors hold together."""
        total = 0
        for shape in self.shapes.values():
            count = 1
            for length in shape:
                count *= length
            total += count
        return total


def read_header(path: Path) -> GgufHeader:
    """Read the header of a GGUF file.

    Raises:
        ModelError: `gguf-missing`, `not-gguf`, `gguf-version` or `gguf-damaged`.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise ModelError("not-gguf", NOT_GGUF, path=path)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(path, data).header()
    except OSError as error:
        raise ModelError("gguf-missing", GGUF_MISSING, path=path, reason=error.strerror or error) from error
    except (struct.error, UnicodeDecodeError, _DamagedError) as error:
        raise ModelError("gguf-damaged", GGUF_DAMAGED, path=path) from error


class _DamagedError(Exception):
    """The bytes are not what the format allows."""


class _Reader:
    """Walks through the header once. Every length is checked against the file's before it is believed."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._at = len(_MAGIC)

    def header(self) -> GgufHeader:
        version = self._u32()
        if version.to_bytes(4, "little") in _BIG_ENDIAN_VERSIONS:
            raise ModelError("gguf-version", GGUF_BIG_ENDIAN, path=self._path)
        if version not in (2, 3):
            raise ModelError("gguf-version", GGUF_VERSION, path=self._path, version=version)
        n_tensors, n_metadata = self._count(), self._count()
        metadata: dict[str, Value] = {}
        for _ in range(n_metadata):
            key = self._string()
            value = self._value(self._u32())
            if value is not None:
                metadata[key] = value
        shapes: dict[str, tuple[int, ...]] = {}
        last_offset = 0
        for _ in range(n_tensors):
            name = self._string()
            n_dimensions = self._u32()
            if n_dimensions > _MAX_DIMENSIONS:
                raise _DamagedError
            shapes[name] = tuple(self._u64() for _ in range(n_dimensions))
            self._u32()  # the type of its weights
            last_offset = max(last_offset, self._u64())
        if shapes and self._at + last_offset >= len(self._data):  # cut off: an interrupted copy or download
            raise _DamagedError
        return GgufHeader(metadata, shapes)

    def _value(self, kind: int) -> Value | None:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise _DamagedError
        layout = _SCALARS[kind]
        (value,) = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        number: int | float | bool = value
        return number

    def _array(self) -> tuple[str, ...] | None:
        kind, count = self._u32(), self._count()
        if kind == _STRING:
            return tuple(self._string() for _ in range(count))
        if kind not in _SCALARS:  # arrays of arrays are allowed and unused
            raise _DamagedError
        self._skip(struct.calcsize(_SCALARS[kind]) * count)
        return None

    def _string(self) -> str:
        start = self._at + 8
        self._skip(8 + self._u64_at(self._at))
        return self._data[start : self._at].decode("utf-8", errors="replace")  # a byte-level token may be half a letter

    def _count(self) -> int:
        count = self._u64()
        if count > len(self._data):
            raise _DamagedError
        return count

    def _u32(self) -> int:
        (value,) = _U32.unpack_from(self._data, self._at)
        self._at += 4
        return int(value)

    def _u64(self) -> int:
        value = self._u64_at(self._at)
        self._at += 8
        return value

    def _u64_at(self, at: int) -> int:
        (value,) = _U64.unpack_from(self._data, at)
        return int(value)

    def _skip(self, length: int) -> None:
        self._at += length
        if self._at > len(self._data):
            raise _DamagedError
