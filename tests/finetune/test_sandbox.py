"""The sandbox against code that behaves, fails, runs away, hoards and tries to get out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from finetune.evaluate import sandbox

MIB = 1024 * 1024


def test_code_that_runs_to_its_end_passes() -> None:
    outcome = sandbox.run("assert sum([1, 2]) == 3\nprint('готово')")
    assert outcome == sandbox.Outcome(True, False, "", "готово\n")


def test_a_failing_assert_is_named() -> None:
    outcome = sandbox.run("x = 1\nassert x == 2, 'не два'")
    assert not outcome.passed and not outcome.timed_out
    assert outcome.error == "AssertionError: не два"
    assert "assert x == 2" in outcome.stdout  # the traceback shows the source line


@pytest.mark.parametrize("leave", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"])
def test_leaving_before_the_end_is_not_passing(leave: str) -> None:
    assert not sandbox.run(f"{leave}\nassert False").passed


def test_syntax_errors_and_half_characters_fail_quietly() -> None:
    assert "SyntaxError" in sandbox.run("def f(:").error
    assert not sandbox.run("s = '\udcd0'").passed


def test_the_code_is_main_as_a_script_is() -> None:
    code = """
import dataclasses, pickle, inspect

@dataclasses.dataclass
class Point:
    x: int

assert __name__ == "__main__"
assert pickle.loads(pickle.dumps(Point(3))) == Point(3)
assert "class Point" in inspect.getsource(Point)
"""
    assert sandbox.run(code).error == ""


def test_annotations_are_evaluated_as_in_a_script() -> None:
    assert sandbox.run("def f(x: int): ...\nassert f.__annotations__ == {'x': int}").passed
    assert "NameError" in sandbox.run("def f(x: Unknown): ...").error


def test_given_files_can_be_read_and_imported_and_new_ones_written() -> None:
    code = """
import sub.helper
from pathlib import Path
assert Path('данные.txt').read_text(encoding='utf-8') == 'ёж'
assert sub.helper.X == 7
Path('new').mkdir()
Path('new/файл.txt').write_text('да', encoding='utf-8')
assert Path('new/файл.txt').exists()
"""
    outcome = sandbox.run(code, files={"данные.txt": "ёж", "sub/helper.py": "X = 7\n"})
    assert outcome.error == ""


def test_asyncio_and_threads_work() -> None:
    code = """
import asyncio, threading

async def one():
    await asyncio.sleep(0)
    return 1

assert asyncio.run(one()) == 1
seen = []
thread = threading.Thread(target=seen.append, args=(1,))
thread.start(); thread.join()
assert seen == [1]
"""
    assert sandbox.run(code).error == ""


def test_an_endless_loop_is_ended() -> None:
    outcome = sandbox.run("while True: pass", timeout_s=1)
    assert outcome.timed_out and not outcome.passed


def test_sleeping_counts_as_time() -> None:
    assert sandbox.run("import time; time.sleep(60)", timeout_s=1).timed_out


def test_swallowing_every_exception_does_not_help() -> None:
    code = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert sandbox.run(code, timeout_s=1).timed_out


def test_a_fork_bomb_is_contained_and_nothing_outlives_it() -> None:
    marker = "fork-bomb-marker"
    code = f"""
import os, sys, time
name = {marker!r}
n = 0
while True:
    try:
        if os.fork() == 0:
            os.setsid()
            time.sleep(30)
            os._exit(0)
        n += 1
        assert n < 200, "no limit on processes"
    except OSError:
        print("refused after", n)
        break
while True: pass
"""
    before = set(psutil.pids())
    outcome = sandbox.run(code, timeout_s=2)
    assert not outcome.passed
    assert "no limit" not in outcome.stdout
    started = [pid for pid in set(psutil.pids()) - before if _runs_the_sandbox(pid)]
    assert started == []


def _runs_the_sandbox(pid: int) -> bool:
    try:
        return any("sandbox_child" in part for part in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def test_a_memory_hog_is_refused() -> None:
    outcome = sandbox.run("x = bytearray(2_000_000_000)", memory_bytes=256 * MIB)
    assert not outcome.passed
    assert "MemoryError" in outcome.error


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', PORT), timeout=2)",
        "socket.create_connection(('1.1.1.1', 53), timeout=2)",
        "socket.getaddrinfo('localhost.example.org', 80)",
        "urllib.request.urlopen('http://127.0.0.1:PORT/', timeout=2)",
    ],
)
def test_there_is_no_network(attempt: str) -> None:
    import socket

    if sys.platform == "win32" and "127.0.0.1" in attempt:
        pytest.skip("Windows: asyncio needs loopback connections")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        code = f"import socket, urllib.request\n{attempt.replace('PORT', str(port))}"
        outcome = sandbox.run(code, timeout_s=8)
    assert not outcome.passed and not outcome.timed_out


def test_nothing_outside_can_be_written_or_removed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    kept = tmp_path / "kept.txt"
    kept.write_text("old", encoding="utf-8")
    kept.chmod(0o666)
    code = f"""
import os
refused = 0
for attempt in (
    lambda: open({str(kept)!r}, 'w'),
    lambda: os.remove({str(kept)!r}),
    lambda: os.mkdir({str(tmp_path / "made")!r}),
    lambda: open({str(tmp_path / "new.txt")!r}, 'a').write('x'),
):
    try:
        attempt()
    except OSError:
        refused += 1
assert refused == 4, refused
"""
    assert sandbox.run(code).error == ""
    assert kept.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2-secret")
    code = f"""
import os
print(dict(os.environ))
for pid in (os.getppid(), {os.getpid()}, 1, 'self'):
    try:
        print(open(f'/proc/{{pid}}/environ').read())
    except OSError as error:
        print(type(error).__name__)
"""
    outcome = sandbox.run(code)
    assert outcome.passed
    assert "hunter2" not in outcome.stdout and "SECRET_TOKEN" not in outcome.stdout


def test_stdin_is_empty() -> None:
    assert "EOFError" in sandbox.run("input()").error


def test_huge_output_is_cut_and_does_not_block() -> None:
    outcome = sandbox.run("import sys\nfor _ in range(3000): sys.stdout.write('я' * 10000)", timeout_s=30)
    assert outcome.passed
    assert 0 < len(outcome.stdout.encode("utf-8")) <= sandbox.KEPT_OUTPUT_BYTES + 4


def test_huge_files_are_refused() -> None:
    code = "f = open('big', 'wb')\nfor _ in range(100): f.write(b'x' * 1_000_000)"
    if sys.platform == "win32":
        pytest.skip("Windows has no limit on file size")
    assert "OSError" in sandbox.run(code).error


def test_the_working_directory_is_gone_afterwards() -> None:
    outcome = sandbox.run("import os; open('x', 'w').close(); print(os.getcwd())")
    assert outcome.passed
    assert not Path(outcome.stdout.strip()).exists()


@pytest.fixture(scope="module")
def namespaces() -> None:
    """For tests of what only Linux namespaces hold."""
    if not sandbox.run("import os; assert os.getpid() == 1").passed:
        pytest.skip("this system has no namespaces for users")


LIFTING = """
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
MOUNT_SETATTR, HERE, RECURSIVE, READ_ONLY, NO_DEVICES = 442, -100, 0x8000, 1, 4
NEW_MOUNTS, NEW_USER = 0x20000, 0x10000000

def error_of(result):
    return errno.errorcode[ctypes.get_errno()] if result else "none"

def lift(path, attributes):
    asked = (ctypes.c_uint64 * 4)(0, attributes, 0, 0)
    return error_of(libc.syscall(MOUNT_SETATTR, HERE, path, 0, asked, ctypes.sizeof(asked)))
"""


@pytest.mark.parametrize("before", ["", "libc.unshare(NEW_USER | NEW_MOUNTS)"])
@pytest.mark.usefixtures("namespaces")
def test_the_mounts_cannot_be_undone(tmp_path: Path, before: str) -> None:
    tmp_path.chmod(0o777)
    code = f"""{LIFTING}
{before}
assert lift(b"/", READ_ONLY) == "EPERM"
assert lift(b"/dev", NO_DEVICES) == "EPERM"
if not {before!r}:
    assert error_of(libc.umount2(os.getcwd().encode(), 2)) == "EPERM"
for path in ({str(tmp_path / "made.txt")!r}, "/proc/sys/kernel/core_pattern"):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    except OSError:
        pass
    else:
        raise AssertionError(path)
"""
    outcome = sandbox.run(code)
    assert outcome.error == "", outcome.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("namespaces")
def test_no_capability_is_left_nor_comes_back_in_a_new_program() -> None:
    code = """
import subprocess

shown = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
for status in (open("/proc/self/status").read(), shown):
    sets = dict(line.split(":") for line in status.splitlines() if line.startswith("Cap"))
    assert len(sets) == 5 and all(int(value, 16) == 0 for value in sets.values()), sets
"""
    outcome = sandbox.run(code)
    assert outcome.error == "", outcome.stdout


@pytest.mark.usefixtures("namespaces")
def test_devices_are_closed_but_for_the_harmless_ones() -> None:
    code = """
import os, subprocess

open(os.devnull, "w").write("x")
assert len(open("/dev/urandom", "rb").read(8)) == 8
subprocess.run(["ls", "/"], stdout=subprocess.DEVNULL, check=True)
for path in ("/dev/ptmx", "/dev/tty"):
    try:
        os.open(path, os.O_RDWR)
    except (PermissionError, FileNotFoundError):
        continue
    raise AssertionError(path)
"""
    outcome = sandbox.run(code)
    assert outcome.error == "", outcome.stdout


@pytest.mark.usefixtures("namespaces")
def test_sockets_in_the_file_system_are_out_of_reach(tmp_path: Path) -> None:
    import socket

    tmp_path.chmod(0o777)
    with socket.socket(socket.AF_UNIX) as stream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        for listening, name in ((stream, "s"), (datagrams, "d")):
            listening.bind(str(tmp_path / name))
            (tmp_path / name).chmod(0o777)
        stream.listen()
        code = f"""
import ctypes, errno, socket

for attempt in (
    lambda: socket.socket(socket.AF_UNIX).connect({str(tmp_path / "s")!r}),
    lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"out", {str(tmp_path / "d")!r}),
    lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)[0].sendto(b"out", {str(tmp_path / "d")!r}),
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
):
    try:
        attempt()
    except PermissionError:
        continue
    raise AssertionError("allowed")
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(425, 1, ctypes.create_string_buffer(120)) == -1 and ctypes.get_errno() == errno.EPERM  # io_uring
here, there = socket.socketpair()
here.sendall(b"in")
assert there.recv(2) == b"in"
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
"""
        outcome = sandbox.run(code)
    assert outcome.error == "", outcome.stdout


def test_memory_is_counted_together_with_that_of_children() -> None:
    """As of a virtual environment on Windows, whose `python.exe` starts the real one."""
    grow = f"x = bytearray(b'x') * {100 * MIB}; print('grown', flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        together = sandbox._resident_bytes(process.pid)
        process.stdin.write(b"\n")
        process.stdin.close()
    assert together > 100 * MIB
