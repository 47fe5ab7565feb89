"""A job that tries what a media child must not be able to do, and says what worked. For the start and for tests."""

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from bot.media.protocol import JobSpec


def work(spec: JobSpec, _say: Callable[[Mapping[str, object]], None]) -> Mapping[str, object]:
    """Tries everything; or misbehaves in the way that the first source's label asks for (tests of the parent)."""
    for source in spec["sources"]:
        _misbehave(source["label"])
    possible = [name for name, attempt in _FORBIDDEN.items() if _works(attempt)]
    broken = [name for name, attempt in _NEEDED.items() if not _works(attempt)]
    return {"report": {"possible": possible, "broken": broken}}


def _misbehave(how: str) -> None:
    if how == "spin":
        while True:
            pass
    if how == "sleep":
        time.sleep(3600)
    if how == "allocate":
        bytearray(1 << 40)  # more than any limit
    if how == "crash":
        os.abort()


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, RuntimeError):
        return False
    return True


def _open_file() -> None:
    os.close(os.open("/etc/passwd", os.O_RDONLY))


def _write_file() -> None:
    os.close(os.open("/tmp", os.O_RDWR | os.O_TMPFILE))  # noqa: S108  nothing is left behind


def _list_folder() -> None:
    os.listdir("/")  # noqa: PTH208  no pathlib in between


def _tcp_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def _udp_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _start_program() -> None:
    _wait_for(os.posix_spawn("/bin/true", ["true"], {}))


def _wait_for(pid: int) -> None:
    os.waitpid(pid, 0)


def _signal_parent() -> None:
    os.kill(os.getppid(), 0)


def _thread() -> None:
    thread = threading.Thread(target=time.sleep, args=(0,))
    thread.start()
    thread.join()


_FORBIDDEN: Final[Mapping[str, Callable[[], object]]] = {
    "open": _open_file,
    "write": _write_file,
    "list": _list_folder,
    "tcp": _tcp_socket,
    "udp": _udp_socket,
    "fork": _fork,
    "exec": _start_program,
    "signal": _signal_parent,
}
_NEEDED: Final[Mapping[str, Callable[[], object]]] = {"thread": _thread}
