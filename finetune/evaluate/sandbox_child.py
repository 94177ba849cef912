"""The inner half of `sandbox`: confines this process, then runs the code it was sent. Started by path, never imported.

Reads one JSON object from stdin (code, files, nonce, cpu_s, memory_bytes), writes one to stderr (nonce, error). What
the code prints, on either stream, goes to stdout.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import linecache
import os
import struct
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

N_PROCESSES = 32
FILE_BYTES = 16 * 1024 * 1024
DISK_BYTES = 64 * 1024 * 1024

# linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x2, 0x4, 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NODEV = 442, -100, 0x8000, 0x1, 0x4
CAPABILITY_VERSION = 0x20080522
LOWEST_SPARE_UID = 0x60000000
HARMLESS_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# linux/filter.h, linux/seccomp.h, linux/socket.h; per processor linux/audit.h, the numbers of socket and socketpair
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
SECCOMP_MODE_FILTER, ALLOW, REFUSE = 2, 0x7FFF0000, 0x00050000 | errno.EPERM
AT_NUMBER, AT_ARCHITECTURE, AT_DOMAIN, AT_TYPE, TYPE_BITS = 0, 4, 16, 24, 0xF
AF_INET, AF_INET6, SOCK_STREAM = 2, 10, 1
SYS_IO_URING_SETUP, X32_CALLS = 425, 0x40000000
ARCHITECTURES = {"x86_64": (0xC000003E, 41, 53), "aarch64": (0xC00000B7, 198, 199)}


def enter_namespaces(directory: str) -> bool:
    """Leave the network, the other processes and the writable file system behind. False where the system refuses.

    The caller goes on in a child process, the first of its process namespace; the parent stays here until it ends.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _count_apart()
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _lock_file_system(libc, directory)
    except OSError:
        return False
    inner = os.fork()
    if inner:
        _, status = os.waitpid(inner, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    libc.prctl(PR_SET_PDEATHSIG, 9)
    # Read-only: root could set the machine's sysctls there. Refused inside some containers: the old one, which is
    # read-only too, shows nothing we can enter.
    _mount(libc, "proc", "/proc", "proc", flags=MS_RDONLY)
    _drop_capabilities(libc)
    return _filter_sockets(libc)


def _count_apart() -> None:
    """As root, take a real user id nobody else has: root's own processes are not limited in number.

    The effective id stays, so that a Python under /root can still be read; writing is held by the read-only mounts.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # inside a container that maps few user ids
            os.setresuid(LOWEST_SPARE_UID + os.getpid(), 0, 0)


def _lock_file_system(libc: ctypes.CDLL, directory: str) -> None:
    """Everything read-only and without devices, except a small file system in memory over the working directory."""
    if libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    if not _set_mount(libc, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, 0):
        raise OSError(ctypes.get_errno(), "mount_setattr")
    for device in HARMLESS_DEVICES:  # each a mount of its own, of which devices are let through again
        if _mount(libc, device, device, flags=MS_BIND):
            _set_mount(libc, device, 0, 0, MOUNT_ATTR_NODEV)
    if not _mount(libc, "tmpfs", directory, "tmpfs", options=f"size={DISK_BYTES},mode=0777"):
        raise OSError(ctypes.get_errno(), "mount tmpfs")


def _set_mount(libc: ctypes.CDLL, path: str, flags: int, to_set: int, to_clear: int) -> bool:
    attributes = ctypes.create_string_buffer(struct.pack("=4Q", to_set, to_clear, 0, 0))  # struct mount_attr
    return bool(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, attributes, 32) == 0)


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str = "", *, options: str = "", flags: int = 0) -> bool:
    flags |= MS_NOSUID | MS_NODEV
    return bool(
        libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()) == 0
    )


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up all privilege over the new namespaces, for good: with it the mounts could be made writable again."""
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(64):  # the kernel refuses the numbers it does not know
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION, 0))
    none = ctypes.create_string_buffer(24)
    if libc.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _filter_sockets(libc: ctypes.CDLL) -> bool:
    """Leave only Internet sockets, which lead nowhere here, and stream pairs. False where the system has no filters.

    A Unix socket in the file system is in no namespace: with one, code could talk to D-Bus or docker. A datagram pair
    can be turned to another address, and io_uring makes sockets without a call that a filter sees.
    """
    if os.uname().machine not in ARCHITECTURES or sys.maxsize < 2**32:  # a 32-bit Python has other numbers
        return False
    architecture, sys_socket, sys_socketpair = ARCHITECTURES[os.uname().machine]
    program = [  # operation, how many to skip if true, if false, operand
        (LOAD, 0, 0, AT_ARCHITECTURE),
        (EQUAL, 0, 12, architecture),
        (LOAD, 0, 0, AT_NUMBER),
        (AT_LEAST, 10, 0, X32_CALLS),
        (EQUAL, 9, 0, SYS_IO_URING_SETUP),
        (EQUAL, 4, 0, sys_socketpair),
        (EQUAL, 0, 6, sys_socket),
        (LOAD, 0, 0, AT_DOMAIN),
        (EQUAL, 4, 0, AF_INET),
        (EQUAL, 3, 4, AF_INET6),
        (LOAD, 0, 0, AT_TYPE),
        (AND, 0, 0, TYPE_BITS),
        (EQUAL, 0, 1, SOCK_STREAM),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]

    loaded = Program(len(program), b"".join(struct.pack("=HBBI", *step) for step in program))
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0) == 0)


def set_limits(cpu_s: int, memory_bytes: int, *, limit_processes: bool) -> None:
    """POSIX rlimits, each where the system has it."""
    import resource  # noqa: PLC0415 - POSIX only

    wanted = {
        "RLIMIT_CPU": cpu_s,
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_FSIZE": FILE_BYTES,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 256,
    }
    if limit_processes:  # outside a user namespace it would count the user's other processes as well
        wanted["RLIMIT_NPROC"] = N_PROCESSES
    for name, value in wanted.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


REFUSED_EVENTS = frozenset(
    {
        *("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn"),
        *("subprocess.Popen", "_winapi.CreateProcess", "os.kill", "os.killpg", "ctypes.dlopen"),
        *("socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"),
        *("os.chmod", "os.chown", "os.link", "os.symlink", "shutil.chown"),
        *("winreg.CreateKey", "winreg.SetValue", "winreg.DeleteKey"),
    }
)
# Which arguments are paths, and which is the descriptor of the folder each is relative to.
PATH_EVENTS: dict[str, dict[int, int | None]] = {
    "os.mkdir": {0: 2},
    "os.remove": {0: 1},
    "os.rename": {0: 2, 1: 3},
    "os.rmdir": {0: 1},
    "os.truncate": {0: None},
    "os.utime": {0: 3},
    "shutil.rmtree": {0: 1},
    "shutil.move": {0: None, 1: None},
    "sqlite3.connect": {0: None},
}
# An interpreter within the process has hooks of its own, and not every version of Python survives refusing its event.
INTERPRETER_MODULES = ("_interpreters", "_xxsubinterpreters")
_ABSENT: Any = None  # what makes an import say that there is no such module
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install_guard(directory: str) -> None:
    """For systems without namespaces: the audit hook, and no way to start a Python that would not have it."""
    sys.addaudithook(guard(directory))
    sys.modules.update(dict.fromkeys(INTERPRETER_MODULES, _ABSENT))
    if sys.platform != "win32":
        import _posixsubprocess  # noqa: PLC0415 - POSIX only

        def refuse(*_: object) -> None:
            raise PermissionError("refused in the sandbox: starting a process")

        vars(_posixsubprocess)["fork_exec"] = refuse  # multiprocessing calls it, and it raises no event


def guard(directory: str) -> Callable[[str, tuple[Any, ...]], None]:
    """The audit hook: refuses network, processes and writing outside `directory`."""
    root = os.path.realpath(directory)
    realpath, fsdecode, join, null = os.path.realpath, os.fsdecode, os.path.join, os.devnull
    getcwd, isabs, isdir = os.getcwd, os.path.isabs, os.path.isdir  # ours, whatever the code puts in their place
    loopback_allowed = sys.platform == "win32"  # asyncio's own socketpair connects to itself there

    def outside(path: object, *, in_open_folder: bool = False) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False  # a file descriptor that is open already
        name = fsdecode(path)
        # No folder outside can be opened, so what stays inside from the root does so from any folder that is open.
        base = root if in_open_folder or isabs(name) else getcwd()
        resolved = realpath(join(base, name))
        return resolved != root and not resolved.startswith(root + os.sep) and resolved != null

    def opens_outside(path: Any, mode: str | None, flags: int) -> bool:
        if mode is not None:
            return bool(flags & WRITE_FLAGS) and outside(path)
        # os.open: it does not tell whether the path is relative to an open folder
        return bool(flags & WRITE_FLAGS or isdir(path)) and (outside(path) or outside(path, in_open_folder=True))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED_EVENTS:
            raise PermissionError(f"refused in the sandbox: {event}")
        if event == "socket.connect" and not (loopback_allowed and arguments[1][0] == "127.0.0.1"):
            raise PermissionError("refused in the sandbox: network")
        if event == "open" and opens_outside(arguments[0], arguments[1], arguments[2] or 0):
            raise PermissionError(f"refused in the sandbox: opening {arguments[0]!r}")
        for index, folder in PATH_EVENTS.get(event, {}).items():
            path = arguments[index] if event != "sqlite3.connect" else database_file(fsdecode(arguments[index]))
            if outside(path, in_open_folder=folder is not None and arguments[folder] not in (None, -1)):
                raise PermissionError(f"refused in the sandbox: {event}")

    return hook


def database_file(database: str) -> str | None:
    """The file of this database of sqlite's: a path, or the one in a URI. None for a database in memory."""
    if database.startswith("file:"):
        database = unquote(urlsplit(database).path)
        if sys.platform == "win32" and database[2:3] == ":":
            database = database[1:]  # file:///C:/folder
    return None if database in ("", ":memory:") else database


def execute(code: str, directory: str) -> str:
    """Run the code as `__main__`; returns an empty string where it came to its end, else what stopped it."""
    path = Path(directory) / "main.py"
    main = types.ModuleType("__main__")
    main.__file__ = str(path)
    sys.modules["__main__"] = main
    sys.argv = [str(path)]
    sys.path.insert(0, directory)
    linecache.cache.clear()
    try:
        program = compile(code, str(path), "exec", dont_inherit=True)
        exec(program, main.__dict__)  # noqa: S102 - this is what the sandbox is for
    except SystemExit as stopped:
        return f"SystemExit: {stopped.code}"
    except BaseException as stopped:
        traceback.print_exc()
        return "".join(traceback.format_exception_only(stopped)).strip().splitlines()[-1][:2000] or "error"
    return ""


def main() -> None:
    """Confine, run, report."""
    directory = sys.argv[1]
    payload = json.loads(sys.stdin.buffer.read())
    report = os.dup(2)
    os.dup2(1, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    confined = sys.platform == "linux" and enter_namespaces(directory)
    os.chdir(directory)
    for name, text in {**payload["files"], "main.py": payload["code"]}.items():
        path = Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    if sys.platform != "win32":
        set_limits(payload["cpu_s"], payload["memory_bytes"], limit_processes=confined)
    if not confined:
        install_guard(directory)
    error = execute(payload["code"], directory)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    verdict = json.dumps({"nonce": payload["nonce"], "error": error})
    os.write(report, f"\n{verdict}\n".encode("utf-8", "replace"))
    os._exit(0)  # threads and exit handlers the code left behind have no say in it


if __name__ == "__main__":
    main()
