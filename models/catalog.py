"""Which models there are, and which one is meant.

Owns: the merged catalog (ours and the user's), finding a model or an adapter by what a setting says, and `auto`.
Does not own: files (`models.store`, `models.fetch`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from models.catalog_file import read_catalog
from models.entry import AdapterEntry, HubSource, ModelEntry, ModelFile, PypiParts
from models.errors import ModelError
from models.home import data_home
from models.local import check_adapter, local_adapter, local_entry
from models.machine import this_machine
from models.messages import ADAPTER_WRONG_BASE, UNKNOWN_ADAPTER, UNKNOWN_MODEL

__all__ = ["AdapterEntry", "Catalog", "HubSource", "ModelEntry", "ModelFile", "PypiParts", "user_catalog_path"]

_PACKAGED = Path(__file__).with_name("catalog.toml")


def user_catalog_path(home: Path | None = None) -> Path:
    """Where the user's own entries stand."""
    return (home or data_home()) / "catalog.toml"


@dataclass(frozen=True)
class Catalog:
    """All known models and adapters, in the order in which they are shown."""

    entries: tuple[ModelEntry, ...]
    adapters: tuple[AdapterEntry, ...] = ()

    @classmethod
    def load(cls, user: bool = True, home: Path | None = None) -> Catalog:
        """Read the packaged catalog and, with `user`, the user's own, whose entries replace ours of the same id.

        Raises:
            ModelError: `catalog-unreadable` or `catalog-invalid`.
        """
        paths = [_PACKAGED]
        if user and user_catalog_path(home).exists():
            paths.append(user_catalog_path(home))
        files = [read_catalog(path) for path in paths]
        models = {entry.id: entry for file in files for entry in file.model}
        adapters = {entry.id: entry for file in files for entry in file.adapter}
        return cls(
            entries=tuple(_with_adapter(entry, adapters.values()) for entry in models.values()),
            adapters=tuple(adapters.values()),
        )

    def get(self, model_id: str) -> ModelEntry | None:
        """The entry of this id, if there is one."""
        return next((entry for entry in self.entries if entry.id == model_id), None)

    def resolve(self, spec: str) -> ModelEntry:
        """Find the model that a setting means: `auto`, an id, or the path of a GGUF file.

        Raises:
            ModelError: `unknown-model`, or for a path what `local_entry` raises.
        """
        spec = spec.strip()
        if spec in ("", "auto"):
            machine = this_machine()
            return self.auto_model(machine.memory_bytes, machine.cores)
        entry = self.get(spec)
        if entry is not None:
            return entry
        if spec.lower().endswith(".gguf"):
            return self._of_path(Path(spec))
        known = ", ".join(entry.id for entry in self.entries)
        raise ModelError("unknown-model", UNKNOWN_MODEL, name=spec, known=known)

    def _of_path(self, path: Path) -> ModelEntry:
        local = local_entry(path)
        (file,) = local.files
        for entry in self.entries:
            # A copy of a file that we know is asked as that model is, rather than as its header suggests.
            if any(known.name == file.name and known.size_bytes == file.size_bytes for known in entry.files):
                return replace(entry, id=local.id, files=local.files)
        return local

    def auto_model(self, memory_bytes: int, cores: int) -> ModelEntry:
        """The largest of the `is_auto` models that such a machine is comfortable with; else the smallest of them."""
        candidates = sorted((entry for entry in self.entries if entry.is_auto), key=lambda entry: entry.n_params)
        if not candidates:
            raise ModelError("unknown-model", UNKNOWN_MODEL, name="auto", known=", ".join(e.id for e in self.entries))
        fitting = [entry for entry in candidates if entry.min_memory_bytes <= memory_bytes and entry.min_cores <= cores]
        return fitting[-1] if fitting else candidates[0]

    def adapter(self, spec: str, entry: ModelEntry, base_path: Path | None = None) -> AdapterEntry | None:
        """Find the adapter that a setting means: `auto` (the model's own, if any), `none`, an id, or a path.

        With `base_path`, the model's file, its tensors are compared with the adapter's too.

        Raises:
            ModelError: `unknown-adapter`, `adapter-wrong-base`, or what `check_adapter` raises.
        """
        spec = spec.strip()
        if spec == "none" or (spec in ("", "auto") and entry.adapter is None):
            return None
        if spec in ("", "auto"):
            found = entry.adapter
        else:
            found = next((adapter for adapter in self.adapters if adapter.id == spec), None)
        if found is None and spec.lower().endswith(".gguf"):
            found = local_adapter(Path(spec), entry)
        if found is None:
            known = ", ".join(["auto", "none", *(adapter.id for adapter in self.adapters)])
            raise ModelError("unknown-adapter", UNKNOWN_ADAPTER, name=spec, known=known)
        if found.base != entry.id and not entry.is_local:
            raise ModelError("adapter-wrong-base", ADAPTER_WRONG_BASE, name=found.id, base=found.base, model=entry.id)
        check_adapter(found, entry, base_path)
        return found


def _with_adapter(entry: ModelEntry, adapters: Iterable[AdapterEntry]) -> ModelEntry:
    chosen = [adapter for adapter in adapters if adapter.base == entry.id and adapter.is_default]
    return replace(entry, adapter=chosen[-1]) if chosen else entry
