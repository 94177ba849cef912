"""One command for each thing a developer or a new user does; the Makefile only passes them on.

    python dev.py run       set up .venv, fetch the default model, show comments become code
    python dev.py test      set up everything and run all tests
    python dev.py check     format, lint, types
    python dev.py format    rewrite files to the format that `check` wants
    python dev.py vsix      build the VS Code extension, vscode-extension/*.vsix
    python dev.py setup     only the set-up

Owns: the set-up of a checkout. Uses the standard library alone: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
EXTENSION = ROOT / "vscode-extension"
NEOVIM = ROOT / "neovim-plugin"
RUN_EXTRAS = "engine"
TEST_EXTRAS = "engine,data,finetune,dev"
TEST_PINS = ("torch==2.13.0",)  # what training's tests were seen green with
# The vision tools of llama.cpp are not used and take a third of the build. Its AMX kernels, built by GCC 12, crash on
# processors that have AMX (https://github.com/ggml-org/llama.cpp/pull/26954); elsewhere these flags would replace what
# the compiler needs.
CMAKE_ARGS = "-DLLAVA_BUILD=OFF"
if sys.platform == "linux":
    CMAKE_ARGS += " -DCMAKE_C_FLAGS=-U__AMX_INT8__ -DCMAKE_CXX_FLAGS=-U__AMX_INT8__"
BUILD_ENVIRONMENT = {"CMAKE_ARGS": CMAKE_ARGS}
# pip unpacks sources here on Windows: the engine's longest path, 178 characters, would not fit under a user's folder.
BUILD_TEMP = Path(ROOT.anchor) / "kdp" if os.name == "nt" else None


def call(*command: str | Path, cwd: Path = ROOT, temp: Path | None = None) -> None:
    """Run a command, its output on this terminal; end with its exit status where it fails."""
    print("›", *command, flush=True)
    environment = {**BUILD_ENVIRONMENT, **os.environ}
    if temp is not None:
        with contextlib.suppress(OSError):  # then Python takes its usual folder
            temp.mkdir(exist_ok=True)
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temp))
    status = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=False).returncode
    if status:
        sys.exit(status)


def set_up(extras: str) -> None:
    """Make `.venv` and install the project with `extras`, unless that was done for this very pyproject.toml."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what a person with an older Python starts
        sys.exit("Нужен Python 3.11 или новее. / Python 3.11 or newer is needed.")
    stamp = VENV / f".installed-{extras.replace(',', '-')}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    if not has_pip():
        print(f"› python -m venv {VENV.name}", flush=True)
        venv.create(VENV, with_pip=True)
    print("llama-cpp-python собирается из исходников: первый раз это несколько минут.", flush=True)
    print("llama-cpp-python is built from source: several minutes the first time.", flush=True)
    pins = TEST_PINS if extras == TEST_EXTRAS else ()
    install = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    call(*install, *pins, "--editable", f".[{extras}]", temp=BUILD_TEMP)
    stamp.write_text(wanted, encoding="utf-8")


def has_pip() -> bool:
    """Whether `.venv` is whole: one whose making was interrupted has a Python and no pip."""
    if not PYTHON.exists():
        return False
    return subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def fetch_model() -> None:
    """Fetch and verify the model that examples and tests use, unless it is there."""
    call(PYTHON, "-m", "models", "get", "qwen2.5-coder-0.5b")


def npm_run(folder: Path, script: str) -> None:
    """Run one of a folder's npm scripts, its packages installed as its lock file has them."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("Нужен Node.js 20 или новее с npm. / Node.js 20 or newer with npm is needed.")
    stamp = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        call(npm, "ci", "--no-audit", "--no-fund", cwd=folder)
        stamp.write_text(wanted, encoding="utf-8")
    call(npm, "run", script, cwd=folder)


def luacheck() -> None:
    """Lint the Neovim plugin; luacheck comes from the system (Debian: lua-check), so a person may lack it."""
    program = shutil.which("luacheck")
    if program is not None:
        call(program, "--quiet", "--config", NEOVIM / ".luacheckrc", NEOVIM)
    elif os.environ.get("CI"):
        sys.exit("luacheck is missing: apt-get install lua-check")
    else:
        print("luacheck is missing (Debian: lua-check): the Neovim plugin is not linted", flush=True)


def run(_: list[str]) -> None:
    """The main job, on the default model."""
    set_up(RUN_EXTRAS)
    fetch_model()
    call(PYTHON, "-m", "examples.demo")


def test(arguments: list[str]) -> None:
    """All tests; more arguments go to pytest."""
    set_up(TEST_EXTRAS)
    fetch_model()
    if shutil.which("npm") or os.environ.get("CI"):
        npm_run(EXTENSION, "test")
    else:
        print("npm is missing: the extension's own unit tests are skipped", flush=True)
    call(PYTHON, "-m", "pytest", *arguments)


def check(_: list[str]) -> None:
    """Format, lint, types: of Python, of the VS Code extension, of the Neovim plugin."""
    set_up(TEST_EXTRAS)
    call(PYTHON, "-m", "ruff", "format", "--check", ".")
    call(PYTHON, "-m", "ruff", "check", ".")
    call(PYTHON, "-m", "mypy")
    npm_run(EXTENSION, "check")
    npm_run(NEOVIM / "dev", "check")
    luacheck()


def reformat(_: list[str]) -> None:
    """Rewrite files to the format that `check` wants."""
    set_up(TEST_EXTRAS)
    call(PYTHON, "-m", "ruff", "format", ".")
    call(PYTHON, "-m", "ruff", "check", "--fix", ".")


def vsix(_: list[str]) -> None:
    """The VS Code extension as one file."""
    set_up(TEST_EXTRAS)
    npm_run(EXTENSION, "package")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "run": run,
    "test": test,
    "check": check,
    "format": reformat,
    "vsix": vsix,
    "setup": lambda _: set_up(TEST_EXTRAS),
}


def main() -> None:
    """Read the command line and do it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe on Windows has few letters, and Russian may not be among them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    options, rest = parser.parse_known_args()
    if rest and options.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        COMMANDS[options.command](rest)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
