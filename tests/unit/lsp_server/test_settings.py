from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsp_server.settings import Settings, read, setting_fields

EXTENSION = Path(__file__).parents[3] / "vscode-extension" / "package.json"
TYPES = {"string": str, "integer": int, "number": float, "boolean": bool}


def test_nothing_given_means_the_defaults() -> None:
    assert read(None) == (Settings(), [])
    assert read({}) == (Settings(), [])
    assert read({"model": None, "automatic": None}) == (Settings(), [])


def test_good_values_are_taken() -> None:
    settings, problems = read(
        {"model": "x", "adapterScale": 1, "nGpuLayers": -1, "temperature": 0.5, "automatic": False, "language": "en"}
    )
    assert problems == []
    assert (settings.model, settings.adapter_scale, settings.temperature) == ("x", 1, 0.5)
    assert (settings.automatic, settings.language) == (False, "en")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxTokens", 0),
        ("maxTokens", 4097),
        ("maxTokens", 5.0),
        ("maxTokens", True),
        ("timeBudgetMs", -1),
        ("nCtx", 511),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "0"),
        ("automatic", 1),
        ("automatic", "true"),
        ("language", "de"),
        ("model", 5),
        ("adapterScale", 2.1),
        ("endpoint", ["http://127.0.0.1"]),
    ],
)
def test_a_bad_value_is_named_and_the_rest_is_taken(name: str, value: Any) -> None:
    settings, problems = read({name: value, "promptFormat": "prefix"})
    assert settings == Settings(prompt_format="prefix")
    (problem,) = problems
    assert problem.name == name
    assert f"kodopis.{name}" in str(problem)


def test_every_bad_value_is_named() -> None:
    _, problems = read({"maxTokens": "x", "nCtx": "y", "language": 1})
    assert [problem.name for problem in problems] == ["maxTokens", "nCtx", "language"]


def test_a_long_value_is_shortened_in_the_message() -> None:
    _, (problem,) = read({"maxTokens": "x" * 10_000})
    assert len(str(problem)) < 400


@pytest.mark.parametrize(
    "endpoint", ["http://[::1", "http://[bad]:1/", "https://host:abc", "http://x:99999", "x", "ftp://x"]
)
def test_an_endpoint_that_is_no_address_is_named(endpoint: str) -> None:
    settings, (problem,) = read({"endpoint": endpoint})
    assert settings.endpoint == ""
    assert "kodopis.endpoint" in str(problem)
    assert endpoint in str(problem)


@pytest.mark.parametrize(
    "endpoint", ["", "http://[::1]:8080/v1", "https://модели.рф", "http://localhost:1", "HTTP://x/v1/"]
)
def test_an_endpoint_that_is_an_address_is_taken(endpoint: str) -> None:
    assert read({"endpoint": endpoint}) == (Settings(endpoint=endpoint), [])


@pytest.mark.parametrize("raw", [5, "text", [1], True])
def test_a_section_that_is_no_object(raw: Any) -> None:
    settings, problems = read(raw)
    assert settings == Settings()
    assert len(problems) == 1


def test_names_of_the_editor_are_left_alone() -> None:
    assert read({"python": "/usr/bin/python", "debounce": 5}) == (Settings(), [])


@pytest.mark.parametrize(
    "place", ["models/x.gguf", r"C:\x", "x.GGUF", "x.gguf ", "x.gguf\n", "scripted:x", "\\\\server\\x"]
)
def test_without_trust_a_path_is_not_taken(place: str) -> None:
    settings, problems = read({"model": place, "adapter": place, "endpoint": "http://127.0.0.1:1"}, trusted=False)
    assert settings == Settings()
    (problem,) = problems
    assert all(name in str(problem) for name in ("kodopis.model", "kodopis.adapter", "kodopis.endpoint"))


def test_without_trust_an_id_is_taken() -> None:
    settings, problems = read({"model": "qwen2.5-coder-1.5b", "adapter": "none"}, trusted=False)
    assert problems == []
    assert (settings.model, settings.adapter) == ("qwen2.5-coder-1.5b", "none")


def package_settings() -> dict[str, Any]:
    sections = json.loads(EXTENSION.read_text(encoding="utf-8"))["contributes"]["configuration"]
    sections = sections if isinstance(sections, list) else [sections]
    return {
        name.removeprefix("kodopis."): declared
        for section in sections
        for name, declared in section["properties"].items()
    }


@pytest.mark.parametrize("name", setting_fields())
def test_the_extension_declares_the_same(name: str) -> None:
    field, declared = setting_fields()[name], package_settings()[name]
    rule = field.metadata["rule"]
    declared_types = declared["type"] if isinstance(declared["type"], list) else [declared["type"]]
    assert declared["default"] == field.default
    assert [TYPES[kind] for kind in declared_types if kind != "null"] == [rule.type]
    assert ("null" in declared_types) == rule.nullable
    assert declared.get("minimum") == rule.minimum
    assert declared.get("maximum") == rule.maximum
    assert tuple(declared.get("enum", ())) == rule.choices
