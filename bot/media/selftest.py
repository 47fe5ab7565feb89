"""A job that tries what a media child must not be able to do, and says what worked. For the start and for tests."""

# What is written here must not work; that is the point of it.

import ctypes
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from bot.media.protocol import JobSpec

_PTRACE_ATTACH: Final = 16
_CLONE_NEWUSER: Final = 0x10000000
_DESCRIPTORS: Final = 256


def work(spec: JobSpec, say: Callable[[Mapping[str, object]], None]) -> Mapping[str, object]:
    """Tries everything; or misbehaves in the way that the first source's label asks for (tests of the parent)."""
    for source in spec["sources"]:
        _misbehave(source["label"], say)
    possible = [name for name, attempt in _FORBIDDEN.items() if _works(attempt)]
    broken = [name for name, attempt in _NEEDED.items() if not _works(attempt)]
    return {
        "report": {"possible": possible, "broken": broken, "user": os.geteuid(), "descriptors": _open_descriptors()}
    }


def _open_descriptors() -> list[int]:
    """The numbers that are open, as far as a child may open any."""
    return [number for number in range(_DESCRIPTORS) if _works(lambda number=number: os.fstat(number))]


def _misbehave(how: str, say: Callable[[Mapping[str, object]], None]) -> None:
    if how == "spin":
        while True:
            pass
    if how == "sleep":
        time.sleep(3600)
    if how == "allocate":
        bytearray(1 << 40)  # more than any limit
    if how == "eat":
        _eat()
    if how == "fork":
        _multiply()
    if how == "crash":
        os.abort()
    while how == "chatter":
        say({"chatter": "x" * 1000})


def _eat() -> None:
    """Bite by bite, each of them used, as a decoder whose file unfolds."""
    eaten: list[bytes] = []
    while True:
        eaten.append(os.urandom(1 << 20) * 16)


def _multiply() -> None:
    """Every copy goes on to make more; here none is made."""
    for _ in range(1000):
        with suppress(OSError):
            os.fork()


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, RuntimeError, AttributeError):  # the last: a C library without that function
        return False
    return True


def _open_file() -> None:
    os.close(os.open("/etc/passwd", os.O_RDONLY))


def _write_file() -> None:
    os.close(os.open("/tmp", os.O_RDWR | os.O_TMPFILE))  # noqa: S108  nothing is left behind


def _list_folder() -> None:
    os.listdir("/")  # noqa: PTH208  no pathlib in between


def _look_at_file() -> None:
    os.stat("/etc/passwd")  # noqa: PTH116  no pathlib in between


def _socket(family: socket.AddressFamily, kind: socket.SocketKind) -> Callable[[], None]:
    return lambda: socket.socket(family, kind).close()


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _start_program() -> None:
    _wait_for(os.posix_spawn("/bin/true", ["true"], {}))


def _become_program() -> None:
    """A child that could do that answers nothing more, which is told apart from an answer."""
    os.execve("/bin/true", ["true"], {})  # noqa: S606  it must not work


def _wait_for(pid: int) -> None:
    os.waitpid(pid, 0)


def _signal_parent() -> None:
    os.kill(os.getppid(), 0)


def _signal_parents_thread() -> None:
    parent = os.getppid()
    _call("tgkill", parent, parent, 0)


def _signal_by_descriptor() -> None:
    os.close(os.pidfd_open(os.getppid()))


def _trace_parent() -> None:
    _call("ptrace", _PTRACE_ATTACH, os.getppid(), 0, 0)


def _read_parents_memory() -> None:
    """A byte of the parent's, from an address that holds something in a process that was forked from it."""
    byte = ctypes.create_string_buffer(1)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(byte), 1)
    there = (ctypes.c_void_p * 2)(id(None), 1)
    _call("process_vm_readv", os.getppid(), here, ctypes.c_ulong(1), there, ctypes.c_ulong(1), ctypes.c_ulong(0))


def _read_parents_environment() -> None:
    os.close(os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY))


def _limit_parent() -> None:
    resource.prlimit(os.getppid(), resource.RLIMIT_CORE)


def _become_root() -> None:
    os.setuid(0)


def _enter_namespace() -> None:
    _call("unshare", _CLONE_NEWUSER)


def _call(name: str, *arguments: object) -> None:
    """A function of the C library; `OSError` when it fails."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _thread() -> None:
    thread = threading.Thread(target=time.sleep, args=(0,))
    thread.start()
    thread.join()


def _own_descriptor() -> None:
    os.close(os.dup(1))
    os.fstat(1)


def _own_signal() -> None:
    signal.raise_signal(signal.SIGCHLD)


_FORBIDDEN: Final[Mapping[str, Callable[[], object]]] = {
    "open": _open_file,
    "write": _write_file,
    "list": _list_folder,
    "stat": _look_at_file,
    "tcp": _socket(socket.AF_INET, socket.SOCK_STREAM),
    "tcp6": _socket(socket.AF_INET6, socket.SOCK_STREAM),
    "udp": _socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "fork": _fork,
    "spawn": _start_program,
    "exec": _become_program,
    "signal": _signal_parent,
    "signal-thread": _signal_parents_thread,
    "pidfd": _signal_by_descriptor,
    "ptrace": _trace_parent,
    "memory": _read_parents_memory,
    "environ": _read_parents_environment,
    "limit": _limit_parent,
    "namespace": _enter_namespace,
    "root": _become_root,
}
_NEEDED: Final[Mapping[str, Callable[[], object]]] = {
    "thread": _thread,
    "descriptor": _own_descriptor,
    "own-signal": _own_signal,
}
