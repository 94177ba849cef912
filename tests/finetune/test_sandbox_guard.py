"""The audit hook of the sandbox alone, as on systems without namespaces: what tries to pass it, and what may."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from finetune.evaluate import sandbox


def guarded(directory: Path, code: str) -> None:
    """Run the code under the real guard, alone, in a process without namespaces: as on macOS and Windows."""
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(sandbox.__file__).parent)!r})
from sandbox_child import install_guard
os.chdir({str(directory)!r})
install_guard({str(directory)!r})

def refused(attempt):
    try:
        attempt()
    except PermissionError as error:
        assert 'sandbox' in str(error), error
    else:
        raise AssertionError('allowed')

{code}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_guard_of_other_systems_refuses_the_same(tmp_path: Path) -> None:
    code = """
import socket, subprocess
open('inside.txt', 'w').close()
os.remove('inside.txt')
open(os.devnull, 'w').close()
refused(lambda: open('../outside.txt', 'w'))
refused(lambda: os.rename('.', '../other'))
refused(lambda: os.system('echo out'))
refused(lambda: subprocess.run([sys.executable, '-c', '']))
refused(lambda: socket.create_connection(('1.1.1.1', 53), timeout=1))
"""
    guarded(tmp_path, code)


def test_the_guard_refuses_processes_and_interpreters_without_it(tmp_path: Path) -> None:
    """Neither may start: a new Python has no hook."""
    inside = tmp_path / "inside"
    inside.mkdir()
    code = f"""
import importlib, multiprocessing
refused(multiprocessing.get_context('spawn').Process(target=open, args=({str(tmp_path / "out.txt")!r}, 'w')).start)
for name in ('_interpreters', '_xxsubinterpreters'):
    try:
        importlib.import_module(name).create()
    except ModuleNotFoundError:
        continue
    raise AssertionError('allowed')
"""
    guarded(inside, code)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_the_guard_knows_where_a_relative_path_leads(tmp_path: Path) -> None:
    inside, elsewhere = tmp_path / "inside", tmp_path / "elsewhere"
    inside.mkdir()
    elsewhere.mkdir()
    (elsewhere / "kept.txt").touch()
    code = f"""
import shutil, tempfile

os.makedirs('one/two')
os.chdir('one')
open('../above.txt', 'w').close()
os.remove('../above.txt')
if os.name == 'posix':
    folder = os.open(os.path.dirname(os.getcwd()), os.O_RDONLY)
    os.mkdir('three', dir_fd=folder)
    refused(lambda: os.mkdir('../out', dir_fd=folder))
    refused(lambda: os.open('../out.txt', os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    refused(lambda: os.open({str(elsewhere)!r}, os.O_RDONLY))
os.chdir({str(elsewhere)!r})
refused(lambda: open('new.txt', 'w'))
refused(lambda: os.open('new.txt', os.O_WRONLY | os.O_CREAT))
refused(lambda: os.mkdir('new'))
refused(lambda: os.remove('kept.txt'))
refused(lambda: os.rename('kept.txt', 'moved.txt'))
refused(lambda: shutil.rmtree('.'))
assert open('kept.txt').read() == ''
with tempfile.TemporaryDirectory(dir={str(inside)!r}) as folder:
    os.mkdir(os.path.join(folder, 'sub'))
    open(os.path.join(folder, 'sub', 'x.txt'), 'w').close()
assert not os.path.exists(folder)
shutil.rmtree({str(inside / "one")!r})
"""
    guarded(inside, code)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        ["inside", "elsewhere", "kept.txt", *(["three"] if os.name == "posix" else [])]
    )


def test_the_guard_refuses_databases_outside(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    outside = tmp_path / "out.db"
    code = f"""
import pathlib, sqlite3

for database, uri in (
    (':memory:', False), ('', False), ('file::memory:?cache=shared', True), ('file:name?mode=memory', True),
    ('x.db', False), (b'x.db', False), (pathlib.Path('x.db').absolute(), False),
    ('file:y%20z.db?mode=rwc', True), (pathlib.Path('x.db').absolute().as_uri(), True),
):
    with sqlite3.connect(database, uri=uri) as connection:
        connection.execute('create table if not exists a(b)')
    connection.close()
refused(lambda: sqlite3.connect({str(outside)!r}))
refused(lambda: sqlite3.connect('../out.db'))
refused(lambda: sqlite3.connect({outside.as_uri()!r}, uri=True))
refused(lambda: sqlite3.connect('file:%2E%2E/out.db?mode=rwc', uri=True))
"""
    guarded(inside, code)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "x.db", "y z.db"]


def test_asyncio_and_threads_work_under_the_guard(tmp_path: Path) -> None:
    code = """
import asyncio
from concurrent.futures import ThreadPoolExecutor

assert asyncio.run(asyncio.to_thread(len, 'ab')) == 2
with ThreadPoolExecutor(2) as pool:
    assert list(pool.map(abs, [-1])) == [1]
"""
    guarded(tmp_path, code)
