"""The one error of this package that is meant for users."""

from __future__ import annotations

from models.messages import Message


class ModelError(Exception):
    """Something about a model that the user can act on.

    `code` is stable and language-independent (for tests, JSON output and editors); `str()` is one sentence in the
    user's language that ends with the next step.
    """

    def __init__(self, code: str, message: Message, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fields = fields

    def __str__(self) -> str:
        return self.message(**self.fields)
