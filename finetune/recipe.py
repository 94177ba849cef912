"""What one run is: a YAML file, checked whole, as frozen dataclasses.

Owns: the tree of options, reading it, `--set key=value`, and listing every mistake at once. Knows nothing of torch.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from cattrs import Converter

from finetune.errors import FinetuneError
from finetune.messages import BAD_OVERRIDE, RECIPE_INVALID, RECIPE_MISSING, RECIPE_UNREADABLE
from finetune.mistakes import check_values, type_mistakes

RECIPES = Path(__file__).parent / "recipes"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers: PyYAML reads `2e-4` as text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class ModelSection:
    """The base and how it is asked.

    `base`: a hub id, a folder, `gguf:<catalog id or file>` (dequantised on loading), or `tiny:mistral`, `tiny:qwen2`
    (made on the spot). `precision` is that of the frozen weights while training. `chat_format` renders rows that are
    conversation, where `prompt_format` is none.
    """

    base: str
    prompt_format: str
    chat_format: str = "chatml"
    precision: Literal["fp32", "bf16", "nf4"] = "fp32"
    revision: str | None = None
    title: str = ""
    licence: str = "unknown"


@dataclass(frozen=True)
class Source:
    """One set: a JSONL or JSON file, a hub id with `split`, or `corpus`. `columns`: our name → the set's name.

    `editing`: rows whose answer is one block of code are put into files, as the corpus's tasks are.
    """

    path: str
    split: str = "train"
    columns: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    licence: str = "unknown"
    editing: bool = False


@dataclass(frozen=True)
class DataSection:
    """What is learned. `replay_fraction` is the share of training rows that come from `replay`.

    `budget_tokens` bounds the training set, prompts and replay included (0: all of it): every task comes once before
    any comes twice, in another of its phrasings. `learns`: of the sources, all, only `code` for a place in a file and
    no conversation, or only code for `comments` and none for docstrings: an adapter need not learn what the server
    leaves to the base. `language`: that of instructions. Sets for non-commercial use are refused unless
    `allow_noncommercial` (`--allow-noncommercial`).
    """

    sources: tuple[Source, ...]
    replay: Source | None = None
    replay_fraction: float = 0.0
    validation_rows: int = 64
    test_rows: int = 64
    max_tokens: int = 1024
    budget_tokens: int = 0
    learns: Literal["all", "code", "comments"] = "all"
    language: Literal["any", "ru"] = "any"
    allow_noncommercial: bool = False

    @property
    def learned(self) -> tuple[Source, ...]:
        """Every set that rows of training come from, replay included."""
        return (*self.sources, self.replay) if self.replay and self.replay_fraction else self.sources

    @property
    def has_docstrings(self) -> bool:
        """Whether instructions may be docstrings."""
        return self.learns != "comments"


@dataclass(frozen=True)
class LoraSection:
    """The adapter. The last four cannot be carried by a GGUF adapter and are refused."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    layers: tuple[int, ...] | None = None
    use_dora: bool = False
    use_rslora: bool = False
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    modules_to_save: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainSection:
    """The optimisation. `threads` 0: as many as there are cores.

    With `packing`, rows share a sequence of up to `packed_tokens`, or of `data.max_tokens` where that is more. With
    `fast_products`, a processor that multiplies bf16 in hardware (AMX) multiplies fp32 matrices so, adding up in fp32.
    """

    learning_rate: float = 2e-4
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 10
    epochs: float = 1.0
    max_steps: int = 0
    batch_size: int = 4
    accumulate: int = 1
    packing: bool = False
    packed_tokens: int = 0
    kl_to_base: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    eval_every: int = 50
    save_every: int = 50
    patience: int = 5
    gradient_checkpointing: bool = False
    fast_products: bool = False
    tensorboard: bool = False
    threads: int = 0


@dataclass(frozen=True)
class ExportSection:
    """The files to serve."""

    quantise: tuple[Literal["q4_k_m", "q6_k", "q8_0"], ...] = ("q4_k_m", "q6_k")
    imatrix_tokens: int = 20_000


@dataclass(frozen=True)
class VerifySection:
    """How much the parity gate looks at."""

    prompts: int = 200
    logit_prompts: int = 8
    perplexity_tokens: int = 4096


@dataclass(frozen=True)
class EvaluateSection:
    """What is measured. A limit of 0 is no limit."""

    perplexity: tuple[str, ...] = ("own", "code", "code_alpaca", "code_alpaca_no_python", "wikitext")
    perplexity_tokens: int = 20_000
    alphas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
    tasks: tuple[str, ...] = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2", "winogrande", "gsm8k")
    task_limit: int = 50
    task_backend: Literal["gguf", "hf"] = "gguf"
    pass_at_k: bool = True
    through_server: bool = True
    samples: int = 1
    problems: int = 0
    answer_tokens: int = 384


@dataclass(frozen=True)
class Recipe:
    """One run, whole."""

    name: str
    description: str
    model: ModelSection
    data: DataSection
    lora: LoraSection = field(default_factory=LoraSection)
    train: TrainSection = field(default_factory=TrainSection)
    export: ExportSection = field(default_factory=ExportSection)
    verify: VerifySection = field(default_factory=VerifySection)
    evaluate: EvaluateSection = field(default_factory=EvaluateSection)
    seed: int = 17

    def section(self, name: str) -> object:
        """One section as plain data, for hashing."""
        value = getattr(self, name)
        return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


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
    path = Path(name) if Path(name).suffix in (".yaml", ".yml") else RECIPES / f"{name}.yaml"
    tree = _read(path, name)
    if set(tree) == {"all_of"} and isinstance(tree["all_of"], list):
        return [recipe for part in tree["all_of"] for recipe in load(str(part), overrides)]
    if "extends" in tree:
        tree = _extended(tree, path)
    for text in overrides:
        _override(tree, text)
    return [from_tree(tree, path.stem)]


def _extended(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """A recipe that says only in what it differs from another: sections are merged key by key."""
    other = str(tree["extends"])
    parent = path.parent / other if Path(other).suffix in (".yaml", ".yml") else RECIPES / f"{other}.yaml"
    whole = _read(parent, other)
    if "extends" in whole or "all_of" in whole:
        raise FinetuneError("recipe-unreadable", RECIPE_UNREADABLE, path=path, reason=f"extends {other}")
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
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
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
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise FinetuneError("bad-override", BAD_OVERRIDE, text=text)
    try:
        place[leaf] = yaml.load(value, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise FinetuneError("bad-override", BAD_OVERRIDE, text=text) from error
