"""The settings of section `kodopis`: one typed tree, how values are checked, and where they may come from.

Owns: names, types, defaults and limits (equal to those of the VS Code extension's `package.json`). Does not own: asking
the editor for them (`server`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from lsp_server import messages
from models.messages import Message

SECTION = "kodopis"


@dataclass(frozen=True)
class Rule:
    """What a value must be. `choices` empty: anything of the type; limits are inclusive. `is_url`: of a server."""

    type: type
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False
    is_url: bool = False

    def accepts(self, value: object) -> bool:
        """Whether the value has the type (an int passes for a float, a bool for nothing else) and is within limits."""
        if value is None:
            return self.nullable
        wanted: tuple[type, ...] = (int, float) if self.type is float else (self.type,)
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.type is not bool):
            return False
        if isinstance(value, str):
            return (not self.choices or value in self.choices) and (not self.is_url or not value or is_url(value))
        return self._within(float(value)) if isinstance(value, int | float) else False

    def _within(self, value: float) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return math.isfinite(value) and low <= value <= high


def is_url(value: str) -> bool:
    """Whether a text is the address of a server, as far as its form tells."""
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets that hold no IPv6 address, a port that is no number
        return False


def _setting(name: str, default: Any, rule: Rule, *, is_place: bool = False) -> Any:
    """A field and its name in the editor. `is_place`: may lead to a file or server, so only from trusted settings."""
    return field(default=default, metadata={"name": name, "rule": rule, "is_place": is_place})


@dataclass(frozen=True)
class Settings:
    """What the user chose. See the table in docs/protocol.md for the meanings."""

    model: str = _setting("model", "auto", Rule(str), is_place=True)
    adapter: str = _setting("adapter", "auto", Rule(str), is_place=True)
    adapter_scale: float | None = _setting("adapterScale", None, Rule(float, 0, 2, nullable=True))
    endpoint: str = _setting("endpoint", "", Rule(str, is_url=True), is_place=True)
    prompt_format: str = _setting("promptFormat", "auto", Rule(str))
    max_tokens: int = _setting("maxTokens", 256, Rule(int, 1, 4096))
    time_budget_ms: int = _setting("timeBudgetMs", 8000, Rule(int, 0))
    n_threads: int = _setting("nThreads", 0, Rule(int, 0, 1024))
    n_gpu_layers: int = _setting("nGpuLayers", -1, Rule(int, -1))
    n_ctx: int = _setting("nCtx", 4096, Rule(int, 512, 1 << 20))
    temperature: float = _setting("temperature", 0, Rule(float, 0, 2))
    automatic: bool = _setting("automatic", True, Rule(bool))
    automatic_english: bool = _setting("automaticEnglish", False, Rule(bool))
    language: str = _setting("language", "auto", Rule(str, choices=("auto", "ru", "en")))


@dataclass(frozen=True)
class Problem:
    """A value that was not taken. `name` as the user wrote it, without the section."""

    name: str
    message: Message
    fields: Mapping[str, object]

    def __str__(self) -> str:
        return self.message(**self.fields)


def setting_fields() -> dict[str, Field[Any]]:
    """The fields of `Settings` by their names in the editor."""
    return {entry.metadata["name"]: entry for entry in fields(Settings)}


def read(raw: object, *, trusted: bool = True) -> tuple[Settings, list[Problem]]:
    """Take what is right of `raw`; for the rest use the defaults and say so.

    `raw` is whatever the editor sent. Names we do not know belong to the editor's side and are left alone; null means
    "not set". With `trusted` off, values that lead to a file or a server are not taken.
    """
    if raw is None:
        return Settings(), []
    if not isinstance(raw, Mapping):
        return Settings(), [Problem(SECTION, messages.SETTINGS_NOT_AN_OBJECT, {})]
    taken: dict[str, Any] = {}
    problems: list[Problem] = []
    kept_out: list[str] = []
    for name, entry in setting_fields().items():
        value = raw.get(name)
        if value is None:
            continue
        if not entry.metadata["rule"].accepts(value):
            problems.append(_bad_value(name, value, entry))
        elif not trusted and entry.metadata["is_place"] and _leads_outside(name, value):
            kept_out.append(f"{SECTION}.{name}")
        else:
            taken[entry.name] = value
    if kept_out:
        problems.append(Problem(kept_out[0], messages.SETTINGS_NOT_TRUSTED, {"names": ", ".join(kept_out)}))
    return Settings(**taken), problems


def _leads_outside(name: str, value: str) -> bool:
    """Whether the value is a URL or a path, not just a catalog id."""
    value = value.strip()  # as the catalog does, for which "x.gguf " is a file
    if name == "endpoint":
        return bool(value)
    return any(mark in value for mark in "/\\:") or value.lower().endswith(".gguf")


def _bad_value(name: str, value: object, entry: Field[Any]) -> Problem:
    shown = repr(value)
    return Problem(
        name,
        messages.SETTING_BAD_VALUE,
        {
            "name": f"{SECTION}.{name}",
            "value": shown if len(shown) <= 80 else shown[:77] + "...",
            "expected": _describe(entry.metadata["rule"]),
            "default": "null" if entry.default is None else repr(entry.default),
        },
    )


def _describe(rule: Rule) -> str:
    if rule.choices:
        return " | ".join(rule.choices)
    if rule.is_url:
        return messages.TYPE_URL()
    kind = {str: messages.TYPE_STRING, bool: messages.TYPE_BOOL, int: messages.TYPE_INT, float: messages.TYPE_NUMBER}[
        rule.type
    ]()
    if rule.minimum is None:
        return kind
    return f"{kind} ≥ {rule.minimum}" if rule.maximum is None else f"{kind} {rule.minimum}…{rule.maximum}"
