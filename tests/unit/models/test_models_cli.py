"""The commands as a user runs them: real processes, exit codes, both languages, any console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.catalog import Catalog

from .model_files import write_gguf

Run = Callable[..., subprocess.CompletedProcess[str]]
QWEN = {"general.architecture": "qwen2", "general.name": "Моя Qwen", "general.license": "mit"}
ID = "qwen2.5-coder-0.5b"


def test_help_is_in_the_users_language(commands: Run) -> None:
    russian, english = commands("--help"), commands("--help", KODOPIS_LANG="en")
    assert (russian.returncode, english.returncode) == (0, 0)
    assert "Коды выхода" in russian.stdout
    assert "использование:" in russian.stdout
    assert "Exit codes: 0 done, 1 failed, 2 wrong command line." in english.stdout
    for name in ("list", "get", "verify", "path", "add", "remove"):
        assert name in russian.stdout
        assert "Коды выхода" in commands(name, "--help").stdout


@pytest.mark.parametrize("arguments", [(), ("gte",), ("get", "--progress", "dots"), ("add",), ("list", "more")])
def test_a_wrong_command_ends_with_2_and_points_at_help(commands: Run, arguments: tuple[str, ...]) -> None:
    result = commands(*arguments)
    assert result.returncode == 2
    assert "ошибка в команде" in result.stderr
    assert "--help" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("get",), ("verify",), ("path",), ("remove",)])
def test_an_unknown_model_ends_with_1_and_one_sentence(commands: Run, arguments: tuple[str, ...]) -> None:
    result = commands(*arguments, "нет-такой")
    assert result.returncode == 1
    assert result.stderr.startswith("Нет модели «нет-такой»")
    assert len(result.stderr.splitlines()) == 1


def test_list_says_what_there_is(commands: Run) -> None:
    text, data = commands("list"), json.loads(commands("list", "--json").stdout)
    assert [model["id"] for model in data] == [entry.id for entry in Catalog.load(user=False).entries]
    assert [model["id"] for model in data if model["auto"]] == [Catalog.load().resolve("auto").id]
    assert not any(model["installed"] for model in data)
    assert f"{ID}  [491 МБ, Apache-2.0]" in text.stdout


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "ascii"])
def test_any_console_is_survived(commands: Run, home: Path, encoding: str) -> None:
    path = write_gguf(home / "модель 🦔.gguf", QWEN)
    for arguments in (["add", str(path)], ["list"], ["verify", str(path)], ["path", str(path)], ["get", "нет"]):
        result = commands(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert "Traceback" not in result.stderr
        assert result.returncode == (1 if "get" in arguments else 0), result.stderr
    listed = commands("list", "--json", PYTHONIOENCODING=encoding)
    assert json.loads(listed.stdout)[-1]["path"] == str(path)


def test_what_is_not_installed_is_said_with_the_next_command(commands: Run) -> None:
    for name in ("path", "verify"):
        result = commands(name, ID)
        assert result.returncode == 1
        assert f"kodopis models get {ID}" in result.stderr
    error = json.loads(commands("path", ID, "--json").stdout)["error"]
    assert error["code"] == "not-installed"
    removed = commands("remove", ID)
    assert removed.returncode == 1
    assert "Удалять нечего" in removed.stdout


def test_what_argparse_says_is_in_the_users_language(commands: Run) -> None:
    for arguments, russian, english in (
        (("get", "a", "b"), "лишнее: b", "unrecognized arguments: b"),
        (("add",), "не хватает: path", "the following arguments are required: path"),
        (("get", "--progress"), "--progress: не хватает значения", "argument --progress: expected one argument"),
        (("get", "--progress", "x"), "--progress: нет значения 'x'", "argument --progress: invalid choice: 'x'"),
    ):
        said = commands(*arguments).stderr
        assert said.startswith(f"python -m models {arguments[0]}: ошибка в команде: {russian}")
        assert english in commands(*arguments, KODOPIS_LANG="en").stderr


def test_a_closed_pipe_is_no_traceback(home: Path) -> None:
    environment = {**os.environ, "KODOPIS_HOME": str(home)}
    command = [sys.executable, "-m", "models", "list"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.model
def test_the_real_model_is_whole(commands: Run, installed_path: Path) -> None:
    result = commands("verify", ID, "--json", KODOPIS_HOME=str(installed_path.parent.parent))
    assert json.loads(result.stdout) == {"id": ID, "path": str(installed_path), "whole": True}
