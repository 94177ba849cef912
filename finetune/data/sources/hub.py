"""Sets on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.errors import FinetuneError
from finetune.messages import HUB_UNREACHABLE
from finetune.recipe import Source


def read_hub(source: Source) -> Iterator[Mapping[str, Any]]:
    """Rows of a set on the hub.

    Raises:
        FinetuneError: `hub-unreachable`.
    """
    import datasets  # noqa: PLC0415 - heavy, and only for sets on the hub

    try:
        yield from datasets.load_dataset(source.path, split=source.split)
    except Exception as error:  # the hub's client raises its own, httpx's and the system's errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FinetuneError("hub-unreachable", HUB_UNREACHABLE, what=source.path, reason=reason) from error
