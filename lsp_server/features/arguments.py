"""Reading the one object that each command takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cattrs.errors import BaseValidationError
from lsprotocol import converters, types

from lsp_server import messages
from lsp_server.errors import KodopisError

_T = TypeVar("_T")
_CONVERTER = converters.get_converter()


@dataclass(frozen=True)
class Argument:
    """A command's object. Reading a field of a wrong type raises KodopisError `bad_argument`, naming it."""

    command: str
    raw: Mapping[str, Any]

    @property
    def uri(self) -> str:
        """`textDocument.uri`."""
        document = self.raw.get("textDocument")
        uri = document.get("uri") if isinstance(document, Mapping) else None
        if not isinstance(uri, str):
            raise self._wrong("textDocument")
        return uri

    @property
    def position(self) -> types.Position:
        """`position`."""
        return self._structured("position", self.raw.get("position"), types.Position)

    @property
    def range(self) -> types.Range:
        """`range`."""
        return self._structured("range", self.raw.get("range"), types.Range)

    @property
    def count(self) -> int:
        """`count`: 1…3, 3 where it is not given."""
        count = self.raw.get("count", 3)
        if not isinstance(count, int) or isinstance(count, bool):
            raise self._wrong("count")
        return min(max(count, 1), 3)

    def diagnostics(self, first: int, last: int) -> list[str]:
        """The messages of those `diagnostics` that lie on some lines; one without a range lies on all."""
        given = self.raw.get("diagnostics") or []
        if not isinstance(given, list):
            raise self._wrong("diagnostics")
        found = []
        for one in given:
            if not isinstance(one, Mapping):
                continue
            over = self._structured("diagnostics", one["range"], types.Range) if one.get("range") else None
            if over is None or (over.start.line <= last and over.end.line >= first):
                found.append(str(one.get("message", "")).strip())
        return found

    def text(self, name: str) -> str:
        """A string, empty where it is not given."""
        value = self.raw.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name)
        return value or ""

    def _structured(self, name: str, value: Any, wanted: type[_T]) -> _T:
        try:
            return _CONVERTER.structure(value, wanted)
        except (BaseValidationError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise self._wrong(name) from error

    def _wrong(self, name: str) -> KodopisError:
        return KodopisError("bad_argument", messages.BAD_ARGUMENT, command=self.command, name=name)
