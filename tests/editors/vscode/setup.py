"""Put a real VS Code workbench (code-server) into a cache folder, once. `python tests/editors/vscode/setup.py`.

Owns: what must be on the machine, where the workbench is kept, and how it is built from npm. Does not install Debian
packages: that needs root, so `.ci/run` does it; everybody else is told which are missing.

code-server 4.99.4 is VS Code 1.99.3 and the last line that runs on Node 20. Its own install script downloads ripgrep
and refuses root, so the same steps are taken here one by one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CODE_SERVER = "code-server@4.99.4"
PACKAGES = ("nodejs", "npm", "chromium", "ripgrep", "libkrb5-dev", "libsecret-1-dev", "libxkbfile-dev", "pkg-config")
_PROGRAMS = {"node": "nodejs", "npm": "npm", "rg": "ripgrep", "pkg-config": "pkg-config", "g++": "g++"}
_LIBRARIES = {"krb5-gssapi": "libkrb5-dev", "libsecret-1": "libsecret-1-dev", "xkbfile": "libxkbfile-dev"}
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def cache_folder() -> Path:
    """Where the workbench is kept between runs."""
    chosen = os.environ.get("KODOPIS_TEST_CACHE")
    base = Path(chosen) if chosen else Path.home() / ".cache" / "kodopis-test"
    return base / "code-server-4.99.4"


def chromium() -> str | None:
    """The browser that shows the workbench."""
    return next((found for name in _CHROMIUMS if (found := shutil.which(name))), None)


def node() -> str:
    """The program that runs the workbench, by its whole path: tests choose what else is on PATH."""
    return str(shutil.which("node"))


def entry() -> Path:
    """The script that node runs to serve the workbench."""
    return cache_folder() / "node_modules" / "code-server" / "out" / "node" / "entry.js"


def is_ready() -> bool:
    """Whether an earlier run put the whole workbench there."""
    return (cache_folder() / "ready").is_file() and entry().is_file()


def missing_packages() -> list[str]:
    """Names of Debian packages that the tests need and this machine lacks."""
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if chromium() is None:
        missing.append("chromium")
    if not is_ready() and shutil.which("pkg-config"):
        for library, package in _LIBRARIES.items():
            found = subprocess.run(["pkg-config", "--exists", library], check=False)
            if found.returncode != 0:
                missing.append(package)
    return missing


def install() -> Path:
    """Build the workbench in the cache folder unless it is there; takes about two minutes. Gives the entry script."""
    if is_ready():
        return entry()
    folder = cache_folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    npm, npx = str(shutil.which("npm")), str(shutil.which("npx"))
    modules = folder / "node_modules"
    vscode = modules / "code-server" / "lib" / "vscode"

    def step(cwd: Path, *command: str) -> None:
        print("+", " ".join(Path(part).name if i == 0 else part for i, part in enumerate(command)), flush=True)
        subprocess.run(command, cwd=cwd, check=True, env={**os.environ, "npm_config_yes": "true"})

    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    step(folder, npm, "install", CODE_SERVER, "--ignore-scripts", "--no-audit", "--no-fund")
    step(modules / "argon2", npx, "--no-install", "node-pre-gyp", "rebuild", "--build-from-source")
    step(vscode, npm, "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
    ripgrep = vscode / "node_modules" / "@vscode" / "ripgrep" / "bin"
    ripgrep.mkdir(parents=True, exist_ok=True)
    link = ripgrep / "rg"
    link.unlink(missing_ok=True)
    link.symlink_to(str(shutil.which("rg")))
    step(vscode, npm, "rebuild")
    asar = vscode / "node_modules.asar"
    if not asar.exists():
        asar.symlink_to("node_modules")
    step(vscode / "extensions", npm, "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
    (folder / "ready").write_text(CODE_SERVER + "\n", encoding="utf-8")
    return entry()


def main() -> int:
    """Install, or name what is missing."""
    if "--packages" in sys.argv[1:]:
        print(*PACKAGES)
        return 0
    missing = missing_packages()
    if missing:
        print("VS Code tests need these Debian packages: " + " ".join(missing), file=sys.stderr)
        return 1
    print(install())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
