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
