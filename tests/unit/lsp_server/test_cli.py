"""The command line as a person and a program meet it: real processes."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from lsp_server import cli
from lsp_server.engine.process import running_engines

from ..models.model_files import write_gguf

SCRIPT = """
[[answer]]
match = "def add"
text = "return a + b\\n```"
[[answer]]
match = "сложи"
text = "total = a + b\\n```"
"""

LARGEST = """
[[model]]
id = "own"
title = "Своя"
description = {ru = "своя", en = "own"}
licence = "MIT"
architecture = "qwen2"
n_params = 9_000_000_000_000
n_ctx_train = 2048
is_auto = true
prompt = {code = "prefix", fim = "prefix"}
files = [{name = "own.gguf", path = "own.gguf"}]
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "сценарий.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def kodopis(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KODOPIS_HOME": str(home), "KODOPIS_LANG": "ru", "PYTHONIOENCODING": "utf-8", **environment}
    command = [sys.executable, "-m", "lsp_server", *arguments]
    encoding = environment.get("PYTHONIOENCODING", "utf-8").split(":")[0]
    return subprocess.run(command, env=env, capture_output=True, encoding=encoding, timeout=60, check=False)


def test_ask_prints_code_alone_and_leaves_an_engine_that_stop_ends(tmp_path: Path, script: Path) -> None:
    model = f"scripted:{script}"
    try:
        _ask_then_stop(tmp_path, model)
    finally:
        kodopis(tmp_path, "stop")


def _ask_then_stop(tmp_path: Path, model: str) -> None:
    asked = kodopis(tmp_path, "ask", "сложи a и b", "--model", model)
    assert (asked.stdout, asked.returncode) == ("total = a + b\n", 0), asked.stderr
    told = json.loads(kodopis(tmp_path, "ask", "сложи a и b", "--model", model, "--json").stdout)
    assert set(told) == {"code", "tokens", "tokens_per_s", "ttft_ms", "model"}
    assert told["code"] == "total = a + b"
    (engine,) = json.loads(kodopis(tmp_path, "status", "--json").stdout)
    assert engine["pid"] == running_engines(tmp_path / "engine")[0].state.pid
    assert json.loads(kodopis(tmp_path, "stop", "--json").stdout) == {"stopped": 1}
    assert running_engines(tmp_path / "engine") == []
    assert kodopis(tmp_path, "stop").returncode == 0


def test_ask_for_a_place_in_a_file(tmp_path: Path, script: Path) -> None:
    file = tmp_path / "файл.py"
    file.write_text("def add(a, b):\n    # сложи\n\nprint(add)\n", encoding="utf-8")
    try:
        place = ["--file", str(file), "--line", "2", "--model", f"scripted:{script}"]
        by_comment = kodopis(tmp_path, "ask", *place)
        assert by_comment.stdout == "    return a + b\n", by_comment.stderr
        by_words = kodopis(tmp_path, "ask", "сложи числа", *place)
        assert by_words.stdout == "    return a + b\n", by_words.stderr
    finally:
        kodopis(tmp_path, "stop")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_ask_keeps_the_files_line_ends_and_its_encoding(tmp_path: Path, script: Path, newline: str) -> None:
    file = tmp_path / "файл.py"
    text = "# -*- coding: cp1251 -*-\ndef add(a, b):\n    # сложи\n\nprint(add)\n"
    file.write_bytes(text.replace("\n", newline).encode("cp1251"))
    script.write_text(SCRIPT.replace("return a + b", "c = a + b\\nreturn c"), encoding="utf-8")
    env = {**os.environ, "KODOPIS_HOME": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "lsp_server",
        "ask",
        "--file",
        str(file),
        "--line",
        "3",
        "--model",
        f"scripted:{script}",
    ]
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
        assert done.stdout == f"    c = a + b{newline}    return c{newline}".encode(), done.stderr
    finally:
        kodopis(tmp_path, "stop")


def test_the_console_of_windows_does_not_double_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8", newline="\r\n", write_through=True))
    cli._print_exactly("a = 1\r\nb = 2", "\r\n")
    assert raw.getvalue() == b"a = 1\r\nb = 2\r\n"


def test_code_that_goes_into_a_file_is_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1251", write_through=True))
    cli._print_exactly("имя = '→'", "\n")
    assert raw.getvalue().decode() == "имя = '→'\n"


@pytest.mark.parametrize("endpoint", ["http://[::1", "gpu.example.org:8080"])
def test_ask_refuses_an_endpoint_that_is_no_address(tmp_path: Path, endpoint: str) -> None:
    done = kodopis(tmp_path, "ask", "сложи", "--endpoint", endpoint)
    assert done.returncode == 2
    assert endpoint in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_ask_refuses_an_encoding_that_there_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("# coding: no-such-one\n", encoding="utf-8")
    done = kodopis(tmp_path, "ask", "сложи", "--file", str(file))
    assert done.returncode == 1
    assert "no-such-one" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "сложи", "--model", "no-such-model"], "no-such-model"),
        (["ask", "сложи", "--file", "none.py"], "none.py"),
        (["ask"], "инструкцию"),
        (["models", "path", "qwen2.5-coder-0.5b"], "qwen2.5-coder-0.5b"),
    ],
)
def test_a_failure_says_why_and_gives_one(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = kodopis(tmp_path, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "сложи", "--max-tokens", "0"], "от 1 до 4096, а не 0"),
        (["ask", "сложи", "числа"], "kodopis ask: ошибка в команде: лишнее: числа; смотрите kodopis ask --help"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = kodopis(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_version(tmp_path: Path) -> None:
    done = kodopis(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"{version('kodopis')}\n")


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    done = kodopis(tmp_path, "serve", "--log", str(tmp_path / "нет" / "x.log"))
    assert done.returncode == 1
    assert done.stderr.startswith("Журнал ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["status"], ["doctor"], ["doctor", "--json"], ["models", "list"], ["--help"]])
def test_a_reader_that_has_left_is_no_traceback(tmp_path: Path, command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "KODOPIS_HOME": str(tmp_path), "PYTHONUNBUFFERED": ""}
    done = subprocess.run(
        [sys.executable, "-m", "lsp_server", *command], env=env, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's disk that is always full")
def test_an_answer_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    env = {**os.environ, "KODOPIS_HOME": str(tmp_path), "KODOPIS_LANG": "ru", "PYTHONIOENCODING": "utf-8"}
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "lsp_server", "status"]
        done = subprocess.run(command, env=env, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Не удалось прочитать или записать данные")
    assert done.stderr.count("\n") == 1


def test_damaged_states_of_engines_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    state: dict[str, object] = {"pid": 1, "created": 0.0, "port": 1, "token": "", "version": "", "model": ""}
    damages: tuple[dict[str, object], ...] = (
        {"pid": "x"},
        {"pid": -1},
        {"pid": 1 << 70},
        {"created": None},
        {"token": 5},
    )
    for n, damage in enumerate(damages):
        (folder / f"{n}.json").write_text(json.dumps({**state, **damage}), encoding="utf-8")
    done = kodopis(tmp_path, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(kodopis(tmp_path, "stop", "--json").stdout) == {"stopped": 0}


@pytest.mark.parametrize(
    ("error", "said"),
    [("ModuleNotFoundError('x')", 'pip install "kodopis[engine]"'), ("RuntimeError('х')", "журнал движка")],
)
def test_doctor_says_why_the_engine_does_not_start(tmp_path: Path, error: str, said: str) -> None:
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "uvicorn.py").write_text(f"raise {error}", encoding="utf-8")
    write_gguf(tmp_path / "own.gguf", {"general.architecture": "qwen2"})
    (tmp_path / "catalog.toml").write_text(LARGEST, encoding="utf-8")
    path = os.pathsep.join([str(stub), str(Path(__file__).parents[3])])
    done = kodopis(tmp_path, "doctor", PYTHONPATH=path)
    assert done.returncode == 1
    assert said in done.stdout.splitlines()[-1]
    assert "kodopis doctor" not in done.stdout


def test_a_model_of_ones_own_that_is_gone_is_not_to_be_downloaded(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(LARGEST, encoding="utf-8")
    done = kodopis(tmp_path, "ask", "сложи", "--model", "own")
    assert done.returncode == 1
    assert "kodopis models add" in done.stderr
    assert "models get" not in done.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:2087", "example.org:80", "2087", "127.0.0.1:порт"])
def test_an_address_that_is_not_this_machines_own(tmp_path: Path, address: str) -> None:
    done = kodopis(tmp_path, "serve", "--tcp", address)
    assert done.returncode == 2
    assert address in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = kodopis(tmp_path, "serve", "--tcp", address)
    assert done.returncode == 1
    assert address in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_in_a_browser_is_not_answered(tmp_path: Path) -> None:
    """What it can send at most: a message in the body of a POST, or a method of its own at a name that it owns."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    env = {**os.environ, "KODOPIS_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "lsp_server", "serve", "--tcp", f"{host}:{port}"]
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}).encode()
    message = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        assert b"listening" in server.stderr.readline()
        for method in (b"POST", b"CONTENT-LENGTH"):
            with socket.create_connection((host, port), timeout=60) as page:
                page.sendall(method + b" / HTTP/1.1\r\nHost: x\r\n" + message)
                assert _received(page) == b""
        with socket.create_connection((host, port)), socket.create_connection((host, port), timeout=60) as editor:
            editor.sendall(message)
            assert editor.recv(1 << 16).startswith(b"Content-")
            editor.sendall(b'Content-Length: 33\r\n\r\n{"jsonrpc":"2.0","method":"exit"}')
        assert server.wait(60) is not None


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("arguments", [["no-such-command"], ["serve", "--stdio", "--tcp", "x"], ["ask", "--line", "x"]])
def test_a_wrong_command_line_gives_two(tmp_path: Path, arguments: list[str]) -> None:
    assert kodopis(tmp_path, *arguments).returncode == 2


@pytest.mark.parametrize("command", [[], ["serve"], ["ask"], ["doctor"], ["status"], ["stop"], ["models"]])
@pytest.mark.parametrize(("language", "word"), [("ru", "справк"), ("en", "help")])
def test_help_in_two_languages(tmp_path: Path, command: list[str], language: str, word: str) -> None:
    done = kodopis(tmp_path, *command, "--help", KODOPIS_LANG=language)
    assert done.returncode == 0
    assert word in done.stdout
    is_russian = any("а" <= letter <= "я" for letter in done.stdout)
    assert is_russian == (language == "ru")


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "ascii"])
def test_any_console(tmp_path: Path, encoding: str) -> None:
    done = kodopis(tmp_path, "--help", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert "ask" in done.stdout


def test_doctor_says_what_to_do_next(tmp_path: Path) -> None:
    done = kodopis(tmp_path, "doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["sha256"] is None
    assert found["ready"] is False
    assert f"kodopis models get {found['model']}" in found["next"]
    assert "kodopis models get" in kodopis(tmp_path, "doctor").stdout


def test_the_server_ends_with_its_stdin(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lsp_server", "--stdio"]
    env = {**os.environ, "KODOPIS_HOME": str(tmp_path)}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
