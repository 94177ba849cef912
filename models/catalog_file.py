"""Reading and writing `catalog.toml`: every mistake is found in one pass and named with its place.

Owns: the form of the file. Does not own: what is done with the entries (`models.catalog`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError, transform_error
from cattrs.gen import make_dict_structure_fn, override

from models.entry import AdapterEntry, HubSource, ModelEntry, ModelFile, PypiParts
from models.errors import ModelError
from models.files import expanded
from models.messages import (
    CATALOG_INVALID,
    CATALOG_UNREADABLE,
    FIELD_EXPECTED,
    FIELD_FORMAT,
    FIELD_KIND,
    FIELD_MISSING,
    FIELD_UNKNOWN,
    FIELD_WRONG,
    FILES_EMPTY,
    PARTS_WRONG,
    Message,
)
from models.prompt import FORMATS, Kind


@dataclass(frozen=True)
class CatalogFile:
    """What one `catalog.toml` holds."""

    model: tuple[ModelEntry, ...] = ()
    adapter: tuple[AdapterEntry, ...] = ()


def read_catalog(path: Path) -> CatalogFile:
    """Read one file. Relative paths in it are taken from its own folder.

    Raises:
        ModelError: `catalog-unreadable` or `catalog-invalid`; the second lists all mistakes.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editors may put a BOM in front
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError("catalog-unreadable", CATALOG_UNREADABLE, path=path, reason=error) from error
    try:
        return _converter(path.parent).structure(raw, CatalogFile)
    except ClassValidationError as error:
        mistakes = (_place_first(mistake) for mistake in transform_error(error, path="", format_exception=_mistake))
        raise ModelError("catalog-invalid", CATALOG_INVALID, path=path, mistakes="; ".join(mistakes)) from error


def _converter(folder: Path) -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for simple in (str, int, bool):
        converter.register_structure_hook(simple, _exactly)
    converter.register_structure_hook(float, lambda value, _: float(_one_of(value, (int, float), "float")))
    converter.register_structure_hook(Path, lambda value, _: folder / expanded(Path(_exactly(value, str))))
    adapter_hook = make_dict_structure_fn(
        AdapterEntry,
        converter,
        _cattrs_forbid_extra_keys=True,
        prompt=override(struct_hook=_prompt_table),
        sha256=override(struct_hook=_sha256),
    )
    converter.register_structure_hook(AdapterEntry, adapter_hook)
    sha256 = override(struct_hook=_sha256)
    parts_hook = make_dict_structure_fn(PypiParts, converter, _cattrs_forbid_extra_keys=True)
    converter.register_structure_hook(PypiParts, lambda value, kind: _countable(parts_hook(value, kind)))
    file_hook = make_dict_structure_fn(ModelFile, converter, _cattrs_forbid_extra_keys=True, sha256=sha256)
    converter.register_structure_hook(ModelFile, file_hook)
    for plain in (HubSource, Message):
        hook = make_dict_structure_fn(plain, converter, _cattrs_forbid_extra_keys=True)
        converter.register_structure_hook(plain, hook)
    model_hook = make_dict_structure_fn(
        ModelEntry,
        converter,
        _cattrs_forbid_extra_keys=True,
        prompt=override(struct_hook=_prompt_table),
        files=override(struct_hook=lambda value, kind: _not_empty(converter.structure(value, kind))),
        adapter=override(omit=True),  # it follows from the adapters' `base` and `is_default`
    )
    converter.register_structure_hook(ModelEntry, model_hook)
    return converter


def _exactly(value: Any, expected: type[Any]) -> Any:
    # cattrs would turn 1 into "1" and "no" into True.
    return _one_of(value, (expected,), expected.__name__)


def _one_of(value: Any, expected: tuple[type[Any], ...], name: str) -> Any:
    if type(value) not in expected:
        raise ValueError(FIELD_EXPECTED(expected=name, value=value))
    return value


def _sha256(value: Any, _: Any) -> str | None:
    # Windows' Get-FileHash prints capitals.
    return str(_exactly(value, str)).lower()


def _not_empty(files: tuple[ModelFile, ...]) -> tuple[ModelFile, ...]:
    if not files:
        raise ValueError(FILES_EMPTY())
    return files


def _countable(parts: PypiParts) -> PypiParts:
    try:
        named = bool(parts.requirement(1) and parts.member_of(1))
    except (LookupError, ValueError):  # braces that hold anything but `n`, or are not closed
        named = False
    if not named or parts.count < 1:
        raise ValueError(PARTS_WRONG())
    return parts


def _prompt_table(value: Any, _: Any) -> Mapping[Kind, str]:
    if not isinstance(value, dict):
        raise ValueError(FIELD_EXPECTED(expected="table", value=value))
    kinds = get_args(Kind)
    for kind, name in value.items():
        if kind not in kinds:
            raise ValueError(FIELD_KIND(kind=kind, known=", ".join(kinds)))
        if kind not in FORMATS.get(name, ()):
            fitting = ", ".join(known for known, served in FORMATS.items() if kind in served)
            raise ValueError(FIELD_FORMAT(kind=kind, name=name, known=fitting))
    return dict(value)


def _mistake(error: BaseException, _: type[Any] | None) -> str:
    if isinstance(error, KeyError):
        return FIELD_MISSING(name=error.args[0])
    if isinstance(error, ForbiddenExtraKeysError):
        return FIELD_UNKNOWN(names=", ".join(sorted(error.extra_fields)))
    if isinstance(error, ValueError):
        return str(error)
    return FIELD_WRONG()


def _place_first(mistake: str) -> str:
    text, _, place = mistake.rpartition(" @ ")
    return f"{place.removeprefix('.')}: {text}" if place else text
