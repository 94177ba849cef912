"""All that is wrong with a recipe, as sentences: first the shape of the tree, then the values in it."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from finetune.messages import GGUF_CANNOT_CARRY, MISSING_KEY, OUT_OF_RANGE, UNKNOWN_KEY, WRONG_TYPE
from finetune.recipe import Recipe
from models.prompt import FORMATS, chat_template_of

_LEADERBOARD = frozenset({"arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2", "winogrande", "gsm8k"})
_TINY = ("tiny:mistral", "tiny:qwen2")
_PERPLEXITY = ("own", "code", "code_alpaca", "code_alpaca_no_python", "wikitext")


def type_mistakes(kind: type, value: Mapping[str, Any], where: str = "") -> list[str]:
    """Unknown and missing keys and values of wrong types, in a tree meant to become the dataclass `kind`."""
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    mistakes = [
        UNKNOWN_KEY(where=where or "recipe", key=key, known=", ".join(fields)) for key in value if key not in fields
    ]
    for name, field in fields.items():
        place = f"{where}.{name}" if where else name
        if name in value:
            mistakes += _mismatch(hints[name], value[name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            mistakes.append(MISSING_KEY(where=where or "recipe", key=name))
    return mistakes


def _mismatch(hint: Any, value: Any, where: str) -> list[str]:  # noqa: PLR0911 - one return a form of type
    """What keeps `value` from being of type `hint`; empty where it is."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return type_mistakes(hint, value, where) if isinstance(value, Mapping) else [_expected("mapping", value, where)]
    if origin in (Union, types.UnionType):
        options = [_mismatch(option, value, where) for option in get_args(hint)]
        # The mistakes of the option that came nearest say most.
        return [] if [] in options else min((found for found in options if found), key=lambda found: -len(found[0]))
    if origin is Literal:
        wanted = " | ".join(map(str, get_args(hint)))
        return [] if value in get_args(hint) else [_expected(wanted, value, where)]
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return [_expected("list", value, where)]
        item = get_args(hint)[0]
        return [found for i, one in enumerate(value) for found in _mismatch(item, one, f"{where}[{i}]")]
    if origin is not None and issubclass(origin, Mapping):
        return [] if isinstance(value, Mapping) else [_expected("mapping", value, where)]
    return [] if _is_plain(hint, value) else [_expected(getattr(hint, "__name__", str(hint)), value, where)]


def _is_plain(hint: Any, value: Any) -> bool:
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if hint is type(None) else isinstance(value, hint)


def _expected(expected: str, value: Any, where: str) -> str:
    return WRONG_TYPE(where=where, expected=expected, value=value)


def check_values(recipe: Recipe) -> list[str]:
    """Values that no run could work with, and what a GGUF adapter cannot carry."""
    data, lora, train = recipe.data, recipe.lora, recipe.train
    checks: list[tuple[str, object, str, Callable[[Any], bool]]] = [
        ("name", recipe.name, "[a-z0-9._-]+", lambda v: bool(v) and all(c.isalnum() or c in "._-" for c in v)),
        # A run's folder is named so: `..` would be the folder of all runs' own.
        ("name", recipe.name, "[a-z0-9._-]+, not ..", lambda v: not v or bool(v.strip("."))),
        ("seed", recipe.seed, "0 … 4294967295", lambda v: 0 <= v < 2**32),  # all that numpy takes
        ("model.base", recipe.model.base, "gguf:… | tiny:mistral | tiny:qwen2 | …",
         lambda v: bool(v.strip()) and (not v.startswith("tiny:") or v in _TINY)),
        ("model.prompt_format", recipe.model.prompt_format, " | ".join(FORMATS), lambda v: v in FORMATS),
        ("model.docstring_format", recipe.model.docstring_format, " | ".join(FORMATS), lambda v: not v or v in FORMATS),
        ("model.chat_format", recipe.model.chat_format, "chatml | zephyr", lambda v: chat_template_of(v) == v),
        ("data.sources", data.sources, "≥ 1", bool),
        ("data.sources.limit", [one.limit for one in data.sources], "≥ 1",
         lambda v: all(limit is None or limit >= 1 for limit in v)),
        ("data.replay_fraction", data.replay_fraction, "0 … 0.9", lambda v: 0 <= v <= 0.9),
        ("data.replay", data.replay, "with replay_fraction > 0", lambda v: (v is not None) or not data.replay_fraction),
        ("data.validation_rows", data.validation_rows, "≥ 1", lambda v: v >= 1),
        ("data.test_rows", data.test_rows, "≥ 1", lambda v: v >= 1),
        ("data.max_tokens", data.max_tokens, "≥ 16", lambda v: v >= 16),
        ("data.budget_tokens", data.budget_tokens, "≥ 0", lambda v: v >= 0),
        ("lora.r", lora.r, "1 … 512", lambda v: 1 <= v <= 512),
        ("lora.alpha", lora.alpha, "> 0", lambda v: v > 0),
        ("lora.dropout", lora.dropout, "0 … 0.9", lambda v: 0 <= v <= 0.9),
        ("lora.layers", lora.layers, "≥ 0", lambda v: v is None or (bool(v) and min(v) >= 0)),
        ("lora.target_modules", lora.target_modules, "all-linear | [q_proj, …], with lora.layers",
         lambda v: lora.layers is None or v == "all-linear" or not isinstance(v, str)),
        ("train.learning_rate", train.learning_rate, "> 0", lambda v: v > 0),
        ("train.epochs", train.epochs, "> 0", lambda v: v > 0),
        ("train.max_steps", train.max_steps, "≥ 0", lambda v: v >= 0),
        ("train.warmup_steps", train.warmup_steps, "≥ 0", lambda v: v >= 0),
        ("train.batch_size", train.batch_size, "≥ 1", lambda v: v >= 1),
        ("train.accumulate", train.accumulate, "≥ 1", lambda v: v >= 1),
        ("train.packed_tokens", train.packed_tokens, "≥ 0", lambda v: v >= 0),
        ("train.kl_to_base", train.kl_to_base, "≥ 0", lambda v: v >= 0),
        ("train.weight_decay", train.weight_decay, "≥ 0", lambda v: v >= 0),
        ("train.max_grad_norm", train.max_grad_norm, "≥ 0", lambda v: v >= 0),
        ("train.patience", train.patience, "≥ 1", lambda v: v >= 1),
        ("train.threads", train.threads, "≥ 0", lambda v: v >= 0),
        ("train.eval_every", train.eval_every, "≥ 1", lambda v: v >= 1),
        ("train.save_every", train.save_every, "≥ 1", lambda v: v >= 1),
        ("train.save_every", train.save_every, "k · train.eval_every", lambda v: v % max(train.eval_every, 1) == 0),
        ("export.quantise", recipe.export.quantise, "≥ 1", bool),  # the first is what the card offers
        ("export.imatrix_tokens", recipe.export.imatrix_tokens, "≥ 1", lambda v: v >= 1),
        ("verify.prompts", recipe.verify.prompts, "≥ 200", lambda v: v >= 200),
        ("verify.logit_prompts", recipe.verify.logit_prompts, "≥ 1", lambda v: v >= 1),
        ("verify.perplexity_tokens", recipe.verify.perplexity_tokens, "≥ 1", lambda v: v >= 1),
        ("evaluate.perplexity_tokens", recipe.evaluate.perplexity_tokens, "≥ 0", lambda v: v >= 0),
        ("evaluate.task_limit", recipe.evaluate.task_limit, "≥ 0", lambda v: v >= 0),
        ("evaluate.samples", recipe.evaluate.samples, "≥ 1", lambda v: v >= 1),
        ("evaluate.problems", recipe.evaluate.problems, "≥ 0", lambda v: v >= 0),
        # Half of what evaluation reads at once: the other half is for the question.
        ("evaluate.answer_tokens", recipe.evaluate.answer_tokens, "1 … 2048", lambda v: 1 <= v <= 2048),
        ("evaluate.tasks", recipe.evaluate.tasks, " | ".join(sorted(_LEADERBOARD)), lambda v: set(v) <= _LEADERBOARD),
        ("evaluate.perplexity", recipe.evaluate.perplexity, ", ".join(_PERPLEXITY), {*_PERPLEXITY}.issuperset),
    ]  # fmt: skip
    found = [OUT_OF_RANGE(where=w, value=v, wanted=wanted) for w, v, wanted, holds in checks if not holds(v)]
    return found + _gguf_mistakes(recipe)


def _gguf_mistakes(recipe: Recipe) -> list[str]:
    lora = recipe.lora
    targets = (lora.target_modules,) if isinstance(lora.target_modules, str) else lora.target_modules
    refusals = [
        (lora.use_dora, "lora.use_dora", "DoRA", "use_dora: false"),
        (lora.use_rslora, "lora.use_rslora", "alpha/sqrt(r)", f"use_rslora: false, alpha: {_rslora_alpha(recipe)}"),
        (bool(lora.alpha_pattern), "lora.alpha_pattern", "alpha_pattern", "alpha_pattern: {}"),
        (bool(lora.modules_to_save), "lora.modules_to_save", "modules_to_save", "modules_to_save: []"),
        ("lm_head" in targets, "lora.target_modules", "lm_head", "target_modules: all-linear"),
    ]
    return [GGUF_CANNOT_CARRY(where=w, what=what, way_out=way) for bad, w, what, way in refusals if bad]


def _rslora_alpha(recipe: Recipe) -> int:
    """The plain alpha that acts as rsLoRA's alpha / sqrt(r) would."""
    return round(recipe.lora.alpha * math.sqrt(max(recipe.lora.r, 0)))  # a negative r is a mistake of its own
