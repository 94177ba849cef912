"""The source of exactly the llama.cpp that is installed: its converters lie in no wheel.

Owns: fetching llama-cpp-python's source distribution of the installed version through pip, checking it against the
hash that PyPI gives, and unpacking the converters. Everything is cached; a second call touches no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from finetune.errors import FinetuneError
from finetune.messages import SDIST_DAMAGED, SDIST_UNREACHABLE
from models.home import data_home

PACKAGE = "llama-cpp-python"
# Known releases, so that a cached archive can be checked offline. Others are checked against pip's own report.
KNOWN_SHA256 = {"0.3.36": "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"}
_WANTED = ("vendor/llama.cpp/convert_", "vendor/llama.cpp/conversion/", "vendor/llama.cpp/gguf-py/")


def cache_folder() -> Path:
    """Where archives and unpacked converters lie."""
    return data_home() / "llama-cpp-source"


def llama_cpp_folder() -> Path:
    """The `vendor/llama.cpp` folder with the converters of the installed version, fetched where needed.

    Raises:
        FinetuneError: `sdist-unreachable`, `sdist-damaged`.
    """
    version = importlib.metadata.version(PACKAGE)
    target = cache_folder() / version
    inner = target / f"llama_cpp_python-{version}" / "vendor" / "llama.cpp"
    if (target / "complete.json").exists():
        return inner
    archive = cache_folder() / f"llama_cpp_python-{version}.tar.gz"
    if not archive.exists():
        _download(version, archive)
    _check(version, archive)
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        with tarfile.open(archive) as tar:
            wanted = [member for member in tar if any(part in member.name for part in _WANTED)]
            tar.extractall(scratch, members=wanted, filter="data")
        (Path(scratch) / "complete.json").write_text(json.dumps({"version": version}), encoding="utf-8")
        if not target.exists():
            Path(scratch).replace(target)
            Path(scratch).mkdir()  # what the context manager removes
    return inner


def _download(version: str, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        report = Path(scratch) / "report.json"
        # `install --dry-run --report` names the file and its hash; `download` would also run the package's build.
        done = _pip("install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report), version=version)
        if done.returncode == 0:
            info = json.loads(report.read_text(encoding="utf-8"))["install"][0]["download_info"]
            expected = info.get("archive_info", {}).get("hashes", {}).get("sha256")
            _fetch(info["url"], archive, version)
            if expected and _sha256(archive) != expected:
                archive.unlink()
                raise FinetuneError("sdist-damaged", SDIST_DAMAGED, path=archive)
            return
    reason = " ".join(done.stderr.split())[-300:]
    raise FinetuneError("sdist-unreachable", SDIST_UNREACHABLE, version=version, reason=reason, cache=archive.parent)


def _pip(*arguments: str, version: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", *arguments, "--no-deps", "--no-binary", PACKAGE, f"{PACKAGE}=={version}"]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    if os.name == "nt":  # the longest path in the archive, 178 characters, does not fit under a user's temporary folder
        short = Path(Path.home().anchor) / "kdp"
        with contextlib.suppress(OSError):  # then Python takes its usual folder
            short.mkdir(exist_ok=True)
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(short))
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", env=environment, check=False
    )


def _fetch(url: str, archive: Path, version: str) -> None:
    import httpx  # noqa: PLC0415 - only a first run needs the network

    partial = archive.with_suffix(".partial")
    try:
        if url.startswith("file:"):
            local = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
            partial.write_bytes(local.read_bytes())
        else:
            with (
                httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer,
                partial.open("wb") as stream,
            ):
                answer.raise_for_status()
                for piece in answer.iter_bytes():
                    stream.write(piece)
    except (httpx.HTTPError, OSError) as error:
        raise FinetuneError(
            "sdist-unreachable", SDIST_UNREACHABLE, version=version, reason=error, cache=archive.parent
        ) from error
    partial.replace(archive)


def _check(version: str, archive: Path) -> None:
    known = KNOWN_SHA256.get(version)
    if known and _sha256(archive) != known:
        raise FinetuneError("sdist-damaged", SDIST_DAMAGED, path=archive)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
