"""The one error of this package that is meant for users."""

from __future__ import annotations

from models.errors import ModelError


class FinetuneError(ModelError):
    """Something about a run that the user can act on: a stable `code`, one sentence that ends with the next step."""
