"""Recipes as YAML: reading one, `extends` and `all_of`, `--set key=value`, saving it, every mistake listed at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cattrs import Converter

from finetune.errors import FinetuneError
from finetune.messages import BAD_OVERRIDE, RECIPE_INVALID, RECIPE_MISSING, RECIPE_UNREADABLE
from finetune.mistakes import check_values, type_mistakes
from finetune.recipe import Recipe

RECIPES = Path(__file__).parent / "recipes"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers: PyYAML reads `2e-4` as text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def known_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load(name: str, overrides: Sequence[str] = ()) -> list[Recipe]:
    """Read a recipe by name or file; a file with only `all_of` stands for several, one with `extends` for another
    recipe with changes.

    Raises:
        FinetuneError: `recipe-missing`, `recipe-unreadable`, `recipe-invalid` (every mistake in one message),
            `bad-override`.
    """
    return _loaded(name, overrides, ())


def _loaded(name: str, overrides: Sequence[str], inside: tuple[Path, ...]) -> list[Recipe]:
    """`inside`: the files of several recipes that led here."""
    path = _path_of(name)
    tree = _read(path, name)
    if set(tree) == {"all_of"} and isinstance(tree["all_of"], list):
        parts, here = tree["all_of"], path.resolve()
        if not parts or here in inside:
            led = " → ".join(one.name for one in (*inside, here)) if parts else "[]"
            raise FinetuneError("recipe-unreadable", RECIPE_UNREADABLE, path=path, reason=f"all_of: {led}")
        names = [_beside(path, str(part)) for part in parts]
        return [recipe for part in names for recipe in _loaded(part, overrides, (*inside, here))]
    if "extends" in tree:
        tree = _extended(tree, (path.resolve(),))
    for text in overrides:
        _override(tree, text)
    return [from_tree(tree, path.stem)]


def _path_of(name: str) -> Path:
    return Path(name) if _is_file_name(name) else RECIPES / f"{name}.yaml"


def _beside(path: Path, name: str) -> str:
    """What a recipe calls another: a file's name counts from the recipe's own folder."""
    return str(path.parent / name) if _is_file_name(name) else name


def _is_file_name(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml")


def _extended(tree: dict[str, Any], chain: tuple[Path, ...]) -> dict[str, Any]:
    """A recipe that says only in what it differs from another: sections are merged key by key.

    `chain`: the files that led here, this one last.
    """
    path, other = chain[-1], str(tree["extends"])
    parent = _path_of(_beside(path, other))
    whole = _read(parent, other)
    if "all_of" in whole or parent.resolve() in chain:
        led = " → ".join([*(one.name for one in chain), "all_of" if "all_of" in whole else parent.name])
        raise FinetuneError("recipe-unreadable", RECIPE_UNREADABLE, path=path, reason=f"extends: {led}")
    if "extends" in whole:
        whole = _extended(whole, (*chain, parent.resolve()))
    for key, value in tree.items():
        if key != "extends":
            is_section = isinstance(value, dict) and isinstance(whole.get(key), dict)
            whole[key] = {**whole[key], **value} if is_section else value
    return whole


def from_tree(tree: Mapping[str, Any], name: str) -> Recipe:
    """Check plain data and make a recipe of it.

    Raises:
        FinetuneError: `recipe-invalid`, with every mistake.
    """
    tree = {"name": name, **tree}
    mistakes = type_mistakes(Recipe, tree)
    recipe = None
    if not mistakes:
        recipe = _converter().structure(tree, Recipe)
        mistakes = check_values(recipe)
    if mistakes or recipe is None:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise FinetuneError("recipe-invalid", RECIPE_INVALID, name=name, mistakes=listed)
    return recipe


def to_yaml(recipe: Recipe) -> str:
    """The resolved recipe as it is saved with its run."""
    plain = _converter().unstructure(recipe)
    return yaml.safe_dump(_lists(plain), allow_unicode=True, sort_keys=False)


def _converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(
        str | tuple[str, ...], lambda value, _: value if isinstance(value, str) else tuple(value)
    )
    return converter


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        known = ", ".join(known_recipes())
        raise FinetuneError("recipe-missing", RECIPE_MISSING, name=name, known=known) from None
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: not UTF-8, or a date that is none
        reason = " ".join(str(error).split())
        raise FinetuneError("recipe-unreadable", RECIPE_UNREADABLE, path=path, reason=reason) from error
    if not isinstance(tree, dict):
        raise FinetuneError("recipe-unreadable", RECIPE_UNREADABLE, path=path, reason="not a mapping")
    return tree


def _override(tree: dict[str, Any], text: str) -> None:
    key, separator, value = text.partition("=")
    *parents, leaf = key.strip().split(".")
    if not separator or not leaf:
        raise FinetuneError("bad-override", BAD_OVERRIDE, text=text)
    place = tree
    for parent in parents:
        if place.get(parent) is None:  # not there, or a section left empty
            place[parent] = {}
        place = place[parent]
        if not isinstance(place, dict):
            raise FinetuneError("bad-override", BAD_OVERRIDE, text=text)
    try:
        place[leaf] = yaml.load(value, _Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError) as error:
        raise FinetuneError("bad-override", BAD_OVERRIDE, text=text) from error
