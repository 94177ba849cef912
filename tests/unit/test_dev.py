"""`dev.py`: what it says on any console, and an environment whose making was interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("encoding", ["cp1252", "cp866", "ascii"])
def test_any_console_is_survived(encoding: str) -> None:
    code = (
        "import sys, dev\n"
        "dev.COMMANDS['run'] = lambda rest: dev.call(sys.executable, '-c', '', 'проверка ▸')\n"
        "sys.argv = ['dev.py', 'run']\n"
        "dev.main()\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(encoding)


def test_an_environment_without_pip_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "окружение"
    venv.create(folder, with_pip=False)  # as it is left where a person pressed Ctrl+C
    made: list[bool] = []
    monkeypatch.setattr(dev, "PYTHON", folder / dev.PYTHON.relative_to(dev.VENV))
    monkeypatch.setattr(dev, "VENV", folder)
    monkeypatch.setattr(dev, "call", lambda *command, temp: None)
    monkeypatch.setattr(venv, "create", lambda path, with_pip: made.append(path == folder and with_pip))
    dev.set_up("engine")
    assert made == [True]
    dev.set_up("engine")  # installed now, so it is not even looked at
    assert made == [True]


def test_arguments_that_a_command_does_not_take_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(dev.COMMANDS, "check", lambda rest: pytest.fail("it was run"))
    monkeypatch.setattr(sys, "argv", ["dev.py", "check", "--fix"])
    with pytest.raises(SystemExit) as caught:
        dev.main()
    assert caught.value.code == 2
    assert "--fix" in capsys.readouterr().err


def test_what_is_broken_off_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(dev.COMMANDS, "check", broken_off)
    monkeypatch.setattr(sys, "argv", ["dev.py", "check"])
    with pytest.raises(SystemExit) as caught:
        dev.main()
    assert caught.value.code == 130
