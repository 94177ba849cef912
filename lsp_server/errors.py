"""Errors of the server that are meant for users."""

from __future__ import annotations

from models.messages import Message


class KodopisError(Exception):
    """Something the user can act on: `code` for tests and editors, `str()` for people, in their language."""

    def __init__(self, code: str, message: Message, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fields = fields

    def __str__(self) -> str:
        return self.message(**self.fields)


class EngineError(KodopisError):
    """The engine cannot answer: not there, refused the request, or died while answering."""
