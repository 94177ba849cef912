"""Finding the GGUF file that `gguf:…` in a recipe names: a file, or an id of the server's catalog."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from finetune.errors import FinetuneError
from finetune.messages import BASE_MISSING


def locate(base: str) -> Path:
    """The file behind `gguf:<catalog id or file>`.

    Raises:
        FinetuneError: `base-missing` where it is not on this machine.
    """
    name = base.removeprefix("gguf:")
    given = Path(name)
    if given.is_file():
        return given
    for path in sorted(_models_folder().rglob("*.gguf")) if _models_folder().is_dir() else []:
        # A catalog's file is named after its id, with the variant and the quantisation after it.
        if path.name.startswith(name) and "q4_k_m" in path.name:
            return path
    raise FinetuneError("base-missing", BASE_MISSING, base=base, name=name)


def _models_folder() -> Path:
    home = os.environ.get("KODOPIS_HOME")
    return (Path(home) if home else platformdirs.user_data_path("kodopis")) / "models"
