"""Fetching from a real hub on loopback, and what concerns every source; real processes that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from models.catalog import Catalog
from models.errors import ModelError
from models.fetch import fetch
from models.hub import HubFile, SourceError, download

from .fetching import CLOSED, HUB, PARTS, Fetcher, finish, wait_for
from .hub_server import CHUNK_BYTES, Hub, HubServer
from .model_files import write_gguf


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


def test_leftovers_that_the_server_cannot_continue_do_not_stay(tmp_path: Path, server: HubServer, hub: Hub) -> None:
    hub.served = hub.content[:-10]
    partial = tmp_path / "model.gguf.partial"
    partial.write_bytes(hub.served)
    remote = HubFile(f"{server.url}{hub.path}", size_bytes=len(hub.content), sha256=None)
    with pytest.raises(SourceError, match="416"):
        download(remote, partial, lambda done: None, lambda: False)
    assert not partial.exists()


def test_an_answer_that_cannot_be_decoded_is_one_sentence(at_hub: Fetcher, hub: Hub) -> None:
    hub.encoding = "gzip"
    assert "прервалось" in at_hub.fails()


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


def test_empty_variables_count_as_not_set(at_hub: Fetcher, hub: Hub) -> None:
    at_hub.succeeds(HF_HUB_ETAG_TIMEOUT="", HF_HOME="", HF_TOKEN="", HF_HUB_OFFLINE="")
    assert len(hub.gets) == 1


def test_a_direct_host_that_httpx_cannot_read_is_passed_over(at_hub: Fetcher, hub: Hub) -> None:
    at_hub.succeeds(NO_PROXY="localhost, 127.0.0.1,::1,[::1],fe80::/10,пример.рф")
    assert len(hub.gets) == 1


def test_certificates_that_are_not_there_are_named(at_hub: Fetcher) -> None:
    assert "SSL_CERT_FILE" in at_hub.fails(SSL_CERT_FILE=str(at_hub.home / "нет.pem"))


@pytest.mark.parametrize(("disabled", "sent"), [("0", "Bearer hf_secret"), ("1", "")])
def test_a_token_that_is_not_to_be_sent_is_not(at_hub: Fetcher, hub: Hub, disabled: str, sent: str) -> None:
    at_hub.succeeds(HF_TOKEN="hf_secret", HF_HUB_DISABLE_IMPLICIT_TOKEN=disabled)
    assert hub.authorizations == {sent}


def test_an_empty_endpoint_is_the_hub_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    command = "from models.hub import _read_settings; _read_settings(); from huggingface_hub import constants; "
    command += "print(constants.ENDPOINT)"
    monkeypatch.setenv("HF_ENDPOINT", "")
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("https://")


def test_a_variable_that_makes_no_sense_is_named(at_hub: Fetcher) -> None:
    assert "HF_…" in at_hub.fails(HF_HUB_ETAG_TIMEOUT="скоро")


def test_a_file_that_the_hub_lacks_is_said(at_hub: Fetcher, hub: Hub) -> None:
    hub.path = "/elsewhere"
    assert "404" in at_hub.fails()


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
