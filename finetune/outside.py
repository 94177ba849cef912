"""Inputs from outside a run, as hashes: base models, data sets, evaluation data. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from finetune.errors import FinetuneError
from finetune.messages import DATA_MISSING
from finetune.recipe import Recipe
from finetune.stage import file_hash
from models.files import expanded

EVALUATION_FILES = {
    "code_alpaca": "code_alpaca_2k.json",
    "wikitext": "wikitext2_test.txt",
    "gsm8k": "gsm8k_test.jsonl",
    "humaneval_ru": "humaneval_xl_ru_dev.jsonl",
    "humaneval_en": "humaneval_xl_en_dev.jsonl",
}
CORPUS = "corpus"
"""The source that stands for our own corpus of tasks."""
_SHIPPED = Path(__file__).parent / "data"
_CORPUS_DIR = Path(__file__).parent / "corpus"


def is_local(path: str) -> bool:
    """Whether a source names a file (as against a set on the hub): by its ending, or by being there."""
    return path == CORPUS or Path(path).suffix in (".jsonl", ".json") or Path(path).exists()


def source_file(path: str) -> Path:
    """The file of a local source: as given, or among those that come with the package."""
    given = Path(path)
    shipped = _SHIPPED / path
    return shipped if not given.exists() and shipped.exists() else given


def data_hashes(recipe: Recipe) -> dict[str, str]:
    """Hashes of the local sets; a hub's set is named by its id.

    Raises:
        FinetuneError: `data-missing`.
    """
    sources = [*recipe.data.sources, *([recipe.data.replay] if recipe.data.replay else [])]
    hashes: dict[str, str] = {}
    for source in sources:
        path = source_file(source.path)
        if source.path == CORPUS:
            hashes |= {f"corpus.{one.stem}": file_hash(one) for one in sorted(_CORPUS_DIR.glob("*.yaml"))}
        elif path.is_file():
            hashes[f"file.{source.path}"] = file_hash(path)
        elif is_local(source.path):
            raise FinetuneError("data-missing", DATA_MISSING, path=source.path)
        else:
            hashes[f"hub.{source.path}"] = source.split
    return hashes


def local_folder(base: str) -> Path | None:
    """The folder that a base names, or None where it is none of this machine."""
    folder = expanded(Path(base))
    return folder if folder.is_dir() else None


def base_hashes(recipe: Recipe) -> dict[str, str]:
    """The hash of a base that lies on this machine; a hub's base is named by its id and revision."""
    base = recipe.model.base
    if base.startswith("gguf:"):
        from finetune.gguf_base import locate  # noqa: PLC0415 - reads the catalog

        return {"base": file_hash(locate(base))}
    folder = local_folder(base)
    if folder is not None:
        digest = hashlib.sha256()
        for path in sorted(folder.iterdir()):
            if path.is_file():
                digest.update(f"{path.name} {file_hash(path)}\n".encode())
        return {"base": digest.hexdigest()}
    return {"base": f"{base}@{recipe.model.revision or 'main'}"}


def evaluation_folder() -> Path | None:
    """The folder of KODOPIS_EVAL_DATA, or None where it is not set."""
    value = os.environ.get("KODOPIS_EVAL_DATA")
    return Path(value) if value else None


def evaluation_file(name: str) -> Path | None:
    """One file of the evaluation data, or None where it is not there."""
    folder = evaluation_folder()
    path = folder / EVALUATION_FILES[name] if folder else None
    return path if path and path.is_file() else None


def evaluation_hashes(recipe: Recipe) -> dict[str, str]:
    """Hashes of the evaluation files that are there."""
    found = {name: evaluation_file(name) for name in EVALUATION_FILES}
    return {f"evaluation.{name}": file_hash(path) for name, path in found.items() if path}
