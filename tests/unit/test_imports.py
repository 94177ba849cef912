"""Who imports whom: the direction between the packages, one file for each heavy library, a light server."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("models", "lsp_server", "finetune")
HEAVY = ("llama_cpp", "torch", "transformers", "peft", "trl", "numpy", "huggingface_hub", "starlette", "uvicorn")


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Top names of all imports of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("models", {"lsp_server", "finetune", "tests", "benchmarks"}),
        ("lsp_server", {"finetune", "tests", "benchmarks"}),
        ("finetune", {"lsp_server", "tests"}),
    ],
)
def test_the_direction_between_packages(package: str, forbidden: set[str]) -> None:
    found = {str(path.relative_to(ROOT)): forbidden & set(imported(path)) for path in modules(package)}
    assert {path: names for path, names in found.items() if names} == {}


# Each folder of lsp_server imports those before it; below all are modules without a folder of their own.
FOUNDATION = {"errors", "messages", "settings"}
LAYERS = ("language", "source", "connection", "engine", "request", "shaping", "serving", "answering", "features")


def imported_from_server(path: Path) -> Iterator[str]:
    """What a file imports from lsp_server: folders and modules of its top level."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "lsp_server":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lsp_server."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lsp_server."))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_direction_between_the_servers_folders(layer: str) -> None:
    server = {"server"} if layer == "features" else set()  # which gives the features what they work with
    allowed = FOUNDATION | server | set(LAYERS[: LAYERS.index(layer) + 1])
    paths = modules(f"lsp_server/{layer}")
    found = {str(path.relative_to(ROOT)): set(imported_from_server(path)) - allowed for path in paths}
    assert paths
    assert {path: names for path, names in found.items() if names} == {}


def test_every_folder_of_the_server_has_its_layer() -> None:
    folders = {path.parent.name for path in (ROOT / "lsp_server").glob("*/__init__.py")}
    assert folders == set(LAYERS)


def test_llama_cpp_has_one_importer_in_each_package() -> None:
    importers = [path.relative_to(ROOT).as_posix() for name in PACKAGES for path in modules(name) if uses_llama(path)]
    assert set(importers) <= {"lsp_server/engine/llama.py", "finetune/llama.py"}
    assert "lsp_server/engine/llama.py" in importers


def uses_llama(path: Path) -> bool:
    return "llama_cpp" in set(imported(path))


@pytest.mark.parametrize("package", ["models", "lsp_server"])
def test_the_torch_stack_is_finetunes_alone(package: str) -> None:
    torch = {"torch", "transformers", "peft", "trl", "accelerate", "datasets"}
    assert [path for path in modules(package) if torch & set(imported(path))] == []


@pytest.mark.parametrize(
    "statement",
    [
        "from lsp_server.features import build_server; build_server()",
        "import sys; from lsp_server.cli import main; sys.argv = ['kodopis', 'status']; main()",
        "import models.cli, models.catalog, models.store",
    ],
)
def test_light_processes_load_nothing_heavy(statement: str, tmp_path: Path) -> None:
    code = f"import sys\n{statement}\nprint('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))"
    env = {**os.environ, "KODOPIS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_help_loads_neither_pygls_nor_the_engine() -> None:
    code = (
        "import sys\nfrom lsp_server.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('loaded:', *(name for name in ('pygls', 'lsprotocol', 'httpx', 'tree_sitter') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_prompts_are_rendered_in_models_alone() -> None:
    marks = ("<|im_start|>", "<|fim_prefix|>", "<|user|>")
    exempt = {"lsp_server/engine/scripted.py"}  # its tokenizer has to know them
    found = [
        path.relative_to(ROOT).as_posix()
        for path in modules("lsp_server")
        if any(repr(mark)[1:-1] in path.read_text(encoding="utf-8") for mark in marks)
    ]
    assert set(found) - exempt == set()
