"""The user's own models and adapters: adding files, forgetting them.

Owns: writing the user's `catalog.toml` (comments written there by hand stay). Does not own: reading it
(`models.catalog_file`).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from filelock import FileLock
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array

from models.catalog import Catalog, user_catalog_path
from models.entry import AdapterEntry, ModelEntry, ModelFile
from models.errors import ModelError
from models.files import expanded, replace_text
from models.gguf import read_header
from models.local import check_adapter, local_entry
from models.messages import (
    BASE_NEEDED,
    BASE_UNKNOWN,
    CATALOG_UNREADABLE,
    DISK_FULL,
    FILE_DAMAGED,
    ID_TAKEN,
    PATH_NOT_TEXT,
)
from models.store import Store, sha256_of

Report = Callable[[int, int], None]

_LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Added:
    """What became of a file: `installed` as a model of the catalog, or a new `model` or `adapter` of the user's."""

    kind: str
    id: str
    path: Path


def add_file(
    path: Path, catalog: Catalog, store: Store, *, own_id: str = "", base: str = "", report: Report | None = None
) -> Added:
    """Make a GGUF file known.

    A file that the catalog describes is put into the store under its id (linked, where the disk allows, else copied);
    any other stays where it is and gets an entry of its own. `base` names the model of an adapter.

    Raises:
        ModelError: what `read_header` raises, `id-taken`, `base-needed`, `unknown-model`, `adapter-other-base` or
            `path-not-text`.
    """
    path = expanded(path).absolute()
    own_id = own_id.strip()  # as ids are looked up
    if read_header(path).is_adapter:
        return _add_adapter(path, catalog, store, own_id, base)
    entry = local_entry(path)
    sha256 = sha256_of(path, report)
    known = None if own_id else _known_file(entry.files[0], sha256, catalog)
    if known is not None:
        model, file = known
        _put_into_store(path, file, sha256, store)
        return Added("installed", model.id, store.file_path(file))
    new_id = own_id or _slug(path.stem)
    _check_free(new_id, catalog, store, None if own_id else path)
    _append(user_catalog_path(store.home), "model", _model_table(new_id, path, entry, sha256))
    return Added("model", new_id, path)


def add_entry(table: str, values: Mapping[str, Any], store: Store) -> None:
    """Write an entry made elsewhere (`table` is "model" or "adapter"), in place of one of the same id."""
    _append(user_catalog_path(store.home), table, values)


def forget(own_id: str, store: Store) -> bool:
    """Take an entry out of the user's catalog; tell whether it was there. The file itself stays."""
    path = user_catalog_path(store.home)
    if not path.exists():
        return False
    found = False
    with _locked(path):
        document = _document(path)
        for table in ("model", "adapter"):
            entries = document.get(table)
            if isinstance(entries, AoT | Array) and _delete(own_id, entries):
                found = True
                if not entries:
                    del document[table]
        if found:
            _write(path, document)
    return found


def _known_file(file: ModelFile, sha256: str, catalog: Catalog) -> tuple[ModelEntry, ModelFile] | None:
    for entry in catalog.entries:
        for known in entry.files:
            if known.path is not None:
                continue
            if known.sha256 == sha256:
                return entry, known
            if known.name == file.name and known.sha256 is not None and known.size_bytes == file.size_bytes:
                raise ModelError("file-damaged", FILE_DAMAGED, path=file.path, id=entry.id)
            if known.name == file.name and known.sha256 is None:
                return entry, known
    return None


def _put_into_store(path: Path, file: ModelFile, sha256: str, store: Store) -> None:
    path = path.resolve()  # Linux would link the symlink itself: https://github.com/python/cpython/issues/81793
    store.folder.mkdir(parents=True, exist_ok=True)
    if store.file_path(file).exists() and store.file_path(file).samefile(path):
        store.accept(file, sha256)  # nothing is moved: one of the two may be a symlink to the other
        return
    temporary = store.adding_path(file)
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(path, temporary)
        except OSError:  # another disk, or one without hard links
            if shutil.disk_usage(store.folder).free < path.stat().st_size:
                raise ModelError("no-space", DISK_FULL, folder=store.folder) from None
            shutil.copyfile(path, temporary)
        store.install(file, temporary, sha256)
    finally:
        temporary.unlink(missing_ok=True)


def _add_adapter(path: Path, catalog: Catalog, store: Store, own_id: str, base: str) -> Added:
    model = _base_of(path, catalog, store, base)
    new_id = own_id or _slug(path.stem)
    _check_free(new_id, catalog, store, None if own_id else path)
    table = {
        "id": new_id,
        "base": model.id,
        "path": _as_text(path),
        "sha256": sha256_of(path),
        "licence": read_header(path).text("general.license"),
    }
    _append(user_catalog_path(store.home), "adapter", table)
    return Added("adapter", new_id, path)


def _base_of(path: Path, catalog: Catalog, store: Store, base: str) -> ModelEntry:
    def check(entry: ModelEntry) -> None:
        installed = store.path(entry) if store.is_installed(entry) else None
        check_adapter(AdapterEntry(id="", base=entry.id, path=path), entry, installed)

    if base:
        named = catalog.get(base)
        if named is None:
            known = ", ".join(entry.id for entry in catalog.entries)
            raise ModelError("unknown-model", BASE_UNKNOWN, name=base, known=known)
        check(named)
        return named
    fitting = []
    for entry in catalog.entries:
        try:
            check(entry)
        except ModelError:
            continue
        fitting.append(entry)
    if len(fitting) != 1:
        raise ModelError("base-needed", BASE_NEEDED, path=path)
    return fitting[0]


def _check_free(new_id: str, catalog: Catalog, store: Store, path: Path | None) -> None:
    """Refuse an id of ours. Where it only follows from the name of `path`, also that of another file, still there."""
    document = _document(user_catalog_path(store.home))
    own = {entry.get("id") for table in ("model", "adapter") for entry in document.get(table, [])}
    taken = {entry.id for entry in catalog.entries} | {adapter.id for adapter in catalog.adapters}
    files = [file.path for entry in catalog.entries if entry.id == new_id for file in entry.files]
    files += [adapter.path for adapter in catalog.adapters if adapter.id == new_id]
    is_another = path is not None and any(file is not None and file != path and file.exists() for file in files)
    if new_id in taken - own or new_id in ("auto", "none") or is_another:
        raise ModelError("id-taken", ID_TAKEN, id=new_id)


def _as_text(path: Path) -> str:
    """A path as a catalog holds it. Linux gives a name that is no UTF-8 as letters that no file can have."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ModelError("path-not-text", PATH_NOT_TEXT, path=path) from error
    return str(path)


def _model_table(new_id: str, path: Path, entry: ModelEntry, sha256: str) -> dict[str, Any]:
    (file,) = entry.files
    return {
        "id": new_id,
        "title": entry.title,
        "description": {"ru": entry.description.ru, "en": entry.description.en},
        "licence": entry.licence,
        "source_url": entry.source_url,
        "architecture": entry.architecture,
        "n_params": entry.n_params,
        "n_ctx_train": entry.n_ctx_train,
        "prompt": dict(entry.prompt),
        "files": [{"name": file.name, "path": _as_text(path), "size_bytes": file.size_bytes, "sha256": sha256}],
    }


def _append(path: Path, table: str, values: Mapping[str, Any]) -> None:
    with _locked(path):
        document = _document(path)
        entries = document.get(table)
        if not isinstance(entries, AoT | Array):
            entries = document[table] = tomlkit.aot()
        _delete(values["id"], entries)  # added once more: the newer file counts
        entries.append(dict(values))
        _write(path, document)


def _delete(own_id: str, entries: AoT | Array) -> bool:
    """Delete an entry; tell whether it was there. By hand `model = [{…}]` may be written too, which is an `Array`."""
    doomed = [index for index, entry in enumerate(entries) if isinstance(entry, dict) and entry.get("id") == own_id]
    for index in reversed(doomed):
        del entries[index]
    return bool(doomed)


def _locked(path: Path) -> FileLock:
    """Held from reading the catalog to writing it: another command may be adding an entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S)


def _document(path: Path) -> tomlkit.TOMLDocument:
    if not path.exists():
        return tomlkit.document()
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ModelError("catalog-unreadable", CATALOG_UNREADABLE, path=path, reason=error) from error


def _write(path: Path, document: tomlkit.TOMLDocument) -> None:
    replace_text(path, tomlkit.dumps(document))


def _slug(stem: str) -> str:
    return re.sub(r"[^\w.-]+", "-", stem.lower()).strip("-") or "model"
