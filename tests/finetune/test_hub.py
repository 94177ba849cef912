"""The hub: a small local server that speaks its protocol, and one that does not answer."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from workshop import ROOT, Workshop

REPO = "acme/tiny-mistral"
ROWS = "acme/rows"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class _Hub(http.server.BaseHTTPRequestHandler):
    """What the hub's clients ask for: what a repository is, the list of its files, and the files."""

    repositories: ClassVar[dict[str, Path]]
    """`models/…` or `datasets/…` → the folder with its files."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Headers of a file."""
        self._answer(with_body=False)

    def do_GET(self) -> None:
        """What a repository is, the list of its files, or a file."""
        self._answer(with_body=True)

    def do_POST(self) -> None:
        """Which of the paths named there are."""
        asked = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        for name, folder in self.repositories.items():
            if self.path == f"/api/{name}/paths-info/{COMMIT}":
                found = [_entry(folder / path) for path in asked["paths"] if (folder / path).is_file()]
                self._send(json.dumps(found).encode(), "application/json", with_body=True)
                return
        self.send_error(404)

    def _answer(self, *, with_body: bool) -> None:
        address = self.path.split("?")[0]
        for name, folder in self.repositories.items():
            files = f"/{name.removeprefix('models/')}/resolve/"
            if address == f"/api/{name}" or address.startswith(f"/api/{name}/"):
                listing = _listing(name, folder, address.removeprefix(f"/api/{name}"))
                if listing is None:
                    self._lack()
                else:
                    self._send(json.dumps(listing).encode(), "application/json", with_body=with_body)
                return
            if address.startswith(files) and (folder / address.rsplit("/", 1)[-1]).is_file():
                body = (folder / address.rsplit("/", 1)[-1]).read_bytes()
                self._send(body, "application/octet-stream", with_body=with_body)
                return
            if address.startswith(files):
                self._lack()
                return
        self.send_error(404)

    def _lack(self) -> None:
        """A file or folder that the repository has not: the hub's clients know it by this header."""
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, body: bytes, kind: str, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{_digest(body)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _entry(path: Path) -> dict[str, object]:
    return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": _digest(path.read_bytes())}


def _listing(name: str, folder: Path, what: str) -> object:
    """What the hub says of a repository, or of its files; None for other questions."""
    repository = name.split("/", 1)[1]
    files = sorted(folder.iterdir())
    if what == "" or what.startswith("/revision/"):
        siblings = [{"rfilename": path.name} for path in files]
        return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings, "tags": []}
    return [_entry(path) for path in files] if what.rstrip("/") == f"/tree/{COMMIT}" else None


@pytest.fixture
def hub(smoke: Workshop, tmp_path: Path) -> Iterator[str]:
    """The address of a hub that holds the tiny Mistral, and the smoke set."""
    rows = tmp_path / "rows"
    rows.mkdir()
    shutil.copyfile(ROOT / "finetune" / "data" / "smoke.jsonl", rows / "train.jsonl")
    repositories = {f"models/{REPO}": smoke.runs / "smoke-mistral" / "base" / "weights", f"datasets/{ROWS}": rows}
    handler = type("Hub", (_Hub,), {"repositories": repositories})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def finetune(smoke: Workshop, recipe: Path, endpoint: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = smoke.environment | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        smoke.command("--recipe", str(recipe), "data", runs=tmp_path / "runs"),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def recipe_of(tmp_path: Path, **changes: object) -> Path:
    tree = yaml.safe_load((ROOT / "finetune" / "recipes" / "smoke-mistral.yaml").read_text(encoding="utf-8"))
    tree["model"]["base"] = REPO
    path = tmp_path / "from-hub.yaml"
    path.write_text(yaml.safe_dump(tree | changes, allow_unicode=True), encoding="utf-8")
    return path


def test_a_base_comes_from_the_hub(smoke: Workshop, hub: str, tmp_path: Path) -> None:
    done = finetune(smoke, recipe_of(tmp_path), hub, tmp_path)
    assert done.returncode == 0, done.stderr
    base = json.loads((tmp_path / "runs" / "from-hub" / "base" / "base.json").read_text(encoding="utf-8"))
    assert base["weights"] == COMMIT
    ours = (tmp_path / "runs" / "from-hub" / "data" / "train.jsonl").read_bytes()
    assert ours == (smoke.runs / "smoke-mistral" / "data" / "train.jsonl").read_bytes()


def test_rows_come_from_the_hub(smoke: Workshop, hub: str, tmp_path: Path) -> None:
    data = {"sources": [{"path": ROWS}], "validation_rows": 8, "test_rows": 8, "max_tokens": 512}
    done = finetune(smoke, recipe_of(tmp_path, data=data), hub, tmp_path)
    assert done.returncode == 0, done.stderr

    def tasks(file: Path) -> list[str]:
        return sorted(json.loads(line)["instruction"] for line in file.read_text(encoding="utf-8").splitlines())

    found = tmp_path / "runs" / "from-hub" / "data" / "train.jsonl"
    assert tasks(found) == tasks(smoke.runs / "smoke-mistral" / "data" / "train.jsonl")


def test_a_hub_that_does_not_answer_is_one_sentence(smoke: Workshop, tmp_path: Path) -> None:
    done = finetune(smoke, recipe_of(tmp_path), "http://127.0.0.1:9", tmp_path)
    assert done.returncode == 1
    assert REPO in done.stderr and "hub does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_base_without_the_stop_token_is_refused(smoke: Workshop, tmp_path: Path) -> None:
    folder = smoke.runs / "smoke-mistral" / "base" / "weights"
    tree = yaml.safe_load((ROOT / "finetune" / "recipes" / "smoke-mistral.yaml").read_text(encoding="utf-8"))
    tree["model"] |= {"base": str(folder), "prompt_format": "qwen-fim", "chat_format": "chatml"}
    path = tmp_path / "no-stop.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    done = finetune(smoke, path, "http://127.0.0.1:9", tmp_path)
    assert done.returncode == 1
    assert "lacks the stop token" in done.stderr
