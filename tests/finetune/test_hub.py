"""The hub: a small local server that speaks its protocol, and one that does not answer."""

from __future__ import annotations

import hashlib
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from workshop import ROOT, Workshop

REPO = "acme/tiny-mistral"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class _Hub(http.server.BaseHTTPRequestHandler):
    """What `snapshot_download` asks for: the list of a repository's files, and the files."""

    folder: Path

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Headers of a file."""
        self._answer(with_body=False)

    def do_GET(self) -> None:
        """The list, or a file."""
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        listing = self._listing()
        if listing is not None:
            self._send(json.dumps(listing).encode(), "application/json", with_body=with_body)
            return
        path = self.folder / self.path.split("?")[0].rsplit("/", 1)[-1]
        if f"/{REPO}/resolve/" not in self.path or not path.is_file():
            self.send_error(404)
            return
        self._send(path.read_bytes(), "application/octet-stream", with_body=with_body)

    def _listing(self) -> object:
        """What the hub says of the repository, or of its files; None for other addresses."""
        address = self.path.split("?")[0].removeprefix(f"/api/models/{REPO}")
        files = sorted(self.folder.iterdir())
        if address == "" or address.startswith("/revision/"):
            siblings = [{"rfilename": path.name} for path in files]
            return {"id": REPO, "modelId": REPO, "sha": COMMIT, "siblings": siblings}
        if address == f"/tree/{COMMIT}":
            return [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": _digest(path.read_bytes())}
                for path in files
            ]
        return None

    def _send(self, body: bytes, kind: str, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{_digest(body)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def hub(smoke: Workshop) -> Iterator[str]:
    """The address of a hub that holds the tiny Mistral."""
    handler = type("Hub", (_Hub,), {"folder": smoke.runs / "smoke-mistral" / "base" / "weights"})
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
