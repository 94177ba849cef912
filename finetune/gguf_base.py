"""Finding the GGUF file that `gguf:…` in a recipe names: a file, or an id of the server's catalog."""

from __future__ import annotations

from pathlib import Path

from finetune.errors import FinetuneError
from finetune.messages import BASE_MISSING
from models.catalog import Catalog
from models.files import expanded
from models.store import Store


def locate(base: str) -> Path:
    """The file behind `gguf:<catalog id or file>`.

    Raises:
        FinetuneError: `base-missing` where it is not on this machine.
        ModelError: `unknown-model`.
    """
    name = base.removeprefix("gguf:")
    given = expanded(Path(name))
    if given.is_file():
        return given
    entry = Catalog.load().resolve(name)
    store = Store()
    if not store.is_installed(entry):
        raise FinetuneError("base-missing", BASE_MISSING, base=base, name=name)
    return store.path(entry)
