"""The inner half of `sandbox`: confines this process, then runs the code it was sent. Started by path, never imported.

Reads one JSON object from stdin (code, files, nonce, cpu_s, memory_bytes), writes one to stderr (nonce, error). What
the code prints, on either stream, goes to stdout.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

N_PROCESSES = 32
FILE_BYTES = 16 * 1024 * 1024
DISK_BYTES = 64 * 1024 * 1024

# linux/sched.h, linux/mount.h, linux/prctl.h
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 0x1
LOWEST_SPARE_UID = 0x60000000


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
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _mount(libc, "proc", "/proc", "proc", "")  # refused inside some containers: the old one shows nothing we can enter
    return True


def _count_apart() -> None:
    """As root, take a real user id nobody else has: root's own processes are not limited in number.

    The effective id stays, so that a Python under /root can still be read; writing is held by the read-only mounts.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # inside a container that maps few user ids
            os.setresuid(LOWEST_SPARE_UID + os.getpid(), 0, 0)


def _lock_file_system(libc: ctypes.CDLL, directory: str) -> None:
    """Everything read-only, except a small file system in memory over the working directory."""

    class MountAttr(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]

    read_only = MountAttr(MOUNT_ATTR_RDONLY, 0, 0, 0)
    if libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    size = ctypes.sizeof(read_only)
    if libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(read_only), size) != 0:
        raise OSError(ctypes.get_errno(), "mount_setattr")
    if not _mount(libc, "tmpfs", directory, "tmpfs", f"size={DISK_BYTES},mode=0777"):
        raise OSError(ctypes.get_errno(), "mount tmpfs")


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str, options: str) -> bool:
    flags = MS_NOSUID | MS_NODEV
    return bool(
        libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()) == 0
    )


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
        *("subprocess.Popen", "os.kill", "os.killpg", "ctypes.dlopen"),
        *("socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"),
        *("os.chmod", "os.chown", "os.link", "os.symlink", "shutil.chown"),
        *("winreg.CreateKey", "winreg.SetValue", "winreg.DeleteKey"),
    }
)
PATH_EVENTS = frozenset(
    {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.utime", "shutil.rmtree", "shutil.move"}
)
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def guard(directory: str) -> Callable[[str, tuple[Any, ...]], None]:
    """The audit hook for systems without namespaces: refuses network, processes and writing outside `directory`."""
    root = os.path.realpath(directory)
    realpath, fsdecode, join, null = os.path.realpath, os.fsdecode, os.path.join, os.devnull
    loopback_allowed = sys.platform == "win32"  # asyncio's own socketpair connects to itself there

    def outside(path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False  # a file descriptor that is open already
        resolved = realpath(join(root, fsdecode(path)))
        return resolved != root and not resolved.startswith(root + os.sep) and resolved != null

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED_EVENTS:
            raise PermissionError(f"refused in the sandbox: {event}")
        if event == "socket.connect" and not (loopback_allowed and arguments[1][0] == "127.0.0.1"):
            raise PermissionError("refused in the sandbox: network")
        if event == "open" and (arguments[2] or 0) & WRITE_FLAGS and outside(arguments[0]):
            raise PermissionError(f"refused in the sandbox: writing to {arguments[0]!r}")
        if event in PATH_EVENTS and any(outside(path) for path in arguments if not isinstance(path, int | float)):
            raise PermissionError(f"refused in the sandbox: {event}")

    return hook


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
        exec(compile(code, str(path), "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - this is what the sandbox is for
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
        sys.addaudithook(guard(directory))
    error = execute(payload["code"], directory)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    verdict = json.dumps({"nonce": payload["nonce"], "error": error})
    os.write(report, f"\n{verdict}\n".encode("utf-8", "replace"))
    os._exit(0)  # threads and exit handlers the code left behind have no say in it


if __name__ == "__main__":
    main()
