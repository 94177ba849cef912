"""What the engine's tests share: the real 0.5B."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.catalog import Catalog
from models.store import Store


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The real 0.5B model."""
    store, entry = Store(), Catalog.load(user=False).resolve("qwen2.5-coder-0.5b")
    if not store.is_installed(entry):
        pytest.skip("the 0.5B model is not installed: python -m models get qwen2.5-coder-0.5b")
    return store.path(entry)
