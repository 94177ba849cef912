"""Translation and replay over a real server on the loopback: what is kept, what is asked, a run that is killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from finetune.data.__main__ import main
from finetune.data.resumable import Lines
from finetune.data.translate import prose_translated


class Model(ThreadingHTTPServer):
    """Says «перевод: …» of the last line; stops answering after `patience` requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.patience = 1_000

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        self.server.asked.append(text)
        if len(self.server.asked) > self.server.patience:
            self.send_error(503)
            return
        said = {"choices": [{"finish_reason": "stop", "message": {"content": f"перевод: {text.splitlines()[-1]}"}}]}
        data = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[Model]:
    server = Model()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def english(tmp_path: Path) -> Path:
    path = tmp_path / "english.jsonl"
    rows = [
        {"instruction": f"Sort the list number {n}", "output": f"```python\nx = sorted(y)[{n}]\n```"} for n in range(5)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_code_is_left_untouched() -> None:
    text = "Call `f(x)` twice.\n```python\n# a remark\nf(x)\n```\nDone.\n>>> f(1)\n2\n    indented = 1\nThe end"
    asked: list[str] = []

    def translate(texts: list[str]) -> list[str]:
        asked.extend(texts)
        return [f"<{text}>" for text in texts]

    made = prose_translated(text, translate)
    assert made == (
        "<Call `f(x)` twice.>\n```python\n# a remark\nf(x)\n```\n<Done.>\n>>> f(1)\n2\n    indented = 1\n<The end>"
    )
    assert asked == ["Call X100 twice.", "Done.", "The end"]


def test_a_line_whose_code_was_lost_stays_as_it_was() -> None:
    assert prose_translated("Call `f(x)` twice.", lambda texts: ["вызови дважды"]) == "Call `f(x)` twice."


def test_an_answer_that_is_code_alone_is_not_asked_for() -> None:
    assert prose_translated("def f(x):\n    return x", lambda texts: ["нет"] * len(texts)) == "def f(x):\n    return x"


def test_a_killed_translation_goes_on(model: Model, english: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = english.with_name("русский.jsonl")
    command = ["translate", str(english), "--out", str(out), "--endpoint", model.endpoint]
    model.patience = 2
    assert main(command) == 1
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith(("Сервер", "The server"))
    assert [row["number"] for row in rows_of(out)] == [1, 2]
    with out.open("a", encoding="utf-8") as stream:
        stream.write('{"number": 3, "instruction": "пол')  # killed in the middle of a line
    model.patience = 1_000
    assert main(command) == 0
    rows = rows_of(out)
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[4]["instruction"] == "перевод: Sort the list number 4"
    assert rows[4]["output"] == "```python\nx = sorted(y)[4]\n```"
    asked = len(model.asked)
    assert main(command) == 0
    assert len(model.asked) == asked


def test_replay_is_the_models_own_answers(model: Model, english: Path) -> None:
    out = english.with_name("replay.jsonl")
    command = ["replay", "--endpoint", model.endpoint, "--prompts", str(english), "--out", str(out)]
    assert main(command) == 0
    assert rows_of(out)[0] == {
        "number": 1,
        "instruction": "Sort the list number 0",
        "output": "перевод: Sort the list number 0",
    }


def test_a_server_that_is_not_there_is_said(english: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = english.with_name("replay.jsonl")
    assert main(["replay", "--endpoint", "http://127.0.0.1:9", "--prompts", str(english), "--out", str(out)]) == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_lines_cut_what_was_written_in_half(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Lines(path) as lines:
        lines.write(1, {"x": "ё"})
        lines.write(2, {"x": "b"})
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:9])
    with Lines(path) as lines:
        assert lines.done == {1, 2}
    assert path.read_bytes() == whole
