"""What the command lines print is taken by any console, and by a pipe on Windows, whose letters are few."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
from finetune import cli, pipeline
pipeline.perform = lambda run, words, fresh, announce: [announce('data', True)][1:]
arguments = ['--recipe', 'smoke-qwen2', '--runs', sys.argv[1], 'data']
"""
DATA = """
import finetune.data.__main__ as cli
cli._perform = lambda name, arguments: print('▸ данные') or 0
arguments = ['mine']
"""
CORPUS = """
import finetune.corpus.__main__ as cli
cli._check = lambda paths, options: print('▸ задачи') or 0
arguments = ['check']
"""


@pytest.mark.parametrize("code", [RUN, DATA, CORPUS], ids=["finetune", "data", "corpus"])
def test_any_console_is_survived(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import sys\n{code}\nsys.exit(cli.main(arguments))", str(tmp_path)]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("cp1252")
    assert done.stdout.startswith(b"? ")


WITHOUT = """
import runpy, sys
missing, sys.argv = sys.argv[1].split(","), ["finetune", *sys.argv[2:]]
sys.modules.update(dict.fromkeys(missing))
runpy.run_module("finetune", run_name="__main__", alter_sys=True)
"""


def finetune(*command: str, out: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "KODOPIS_LANG": "ru", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": ""}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.PIPE, check=False
    )


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("yaml", ["--help"]),
        ("torch", ["plan", "--recipe", "smoke-qwen2"]),
        ("torch", ["export", "--adapter", ".", "--base", "."]),
    ],
)
def test_an_extra_that_is_not_installed_is_one_sentence(missing: str, arguments: list[str]) -> None:
    done = finetune("-c", WITHOUT, missing, *arguments)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert f"Не установлен пакет {missing}; выполните: pip install 'kodopis[finetune]'." in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b", "c"]])
def test_a_comparison_wants_two_runs(words: list[str]) -> None:
    done = finetune("-m", "finetune", "compare", *words)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("Сравниваются два прогона")


def test_a_folder_of_runs_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "файл").touch()
    done = finetune("-m", "finetune", "--recipe", "smoke-qwen2", "--runs", str(tmp_path / "файл"), "base")
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.startswith(f"В папку {tmp_path / 'файл' / 'smoke-qwen2'} нельзя записать")
    assert said.count("\n") == 1


def test_a_reader_that_has_left_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = finetune("-m", "finetune", "--help", out=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_what_bitsandbytes_lacks_is_not_said() -> None:
    done = finetune("-c", "from finetune import cli; cli._settle_environment(); import bitsandbytes")
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_adapter_that_is_not_there_leaves_no_folder(tmp_path: Path) -> None:
    done = finetune("-m", "finetune", "export", "--adapter", str(tmp_path / "нет"), "--base", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"В {tmp_path / 'нет'} нет адаптера PEFT")
    assert not list(tmp_path.iterdir())


NO_ROOM = """
import resource, sys
from finetune import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.exit(cli.main(["--recipe", "smoke-qwen2", "--runs", sys.argv[1], "base"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size to be had")
def test_a_disk_without_room_keeps_the_recipe_of_a_run(tmp_path: Path) -> None:
    kept = tmp_path / "smoke-qwen2" / "recipe.yaml"
    kept.parent.mkdir()
    kept.write_text("name: smoke-qwen2\n", encoding="utf-8")
    done = finetune("-c", NO_ROOM, str(tmp_path))
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert kept.read_text(encoding="utf-8") == "name: smoke-qwen2\n"


@pytest.mark.parametrize(
    "arguments",
    [["--adapter", "мой"], ["train", "--base", "основа"], ["plan", "--out", "куда"], ["export", "--out", "куда"]],
)
def test_an_option_of_another_word_trains_nothing(arguments: list[str], tmp_path: Path) -> None:
    done = finetune("-m", "finetune", "--runs", str(tmp_path / "runs"), *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert next(one for one in arguments if one.startswith("--")) in done.stderr.decode()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["README.md", "catalog.toml"])
def test_an_adapter_replaces_no_other_files(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("мой", encoding="utf-8")
    done = finetune("-m", "finetune", "--runs", str(tmp_path / "runs"), "adapter", "--out", str(tmp_path))
    assert done.returncode == 1
    assert name in done.stderr.decode()
    assert (tmp_path / name).read_text(encoding="utf-8") == "мой"
    assert not (tmp_path / "runs").exists()


def test_an_adapter_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "adapter.gguf").touch()
    done = finetune(
        "-m", "finetune", "--runs", str(tmp_path / "runs"), "adapter", "--out", str(tmp_path / "adapter.gguf")
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert not (tmp_path / "runs").exists()
