"""A process with a program's modules in memory already, which forks off as many of that program as are asked for.

What is born here is a process like any other, with its own pid, session, environment, files and signals, but without
the second that importing takes. `python -m sandbox.nursery DESCRIPTOR MODULE LIBRARY…` is the nursery, `Nursery` its
client; they talk through a socket of packets, one order and one answer at a time. Linux alone (pidfd).
"""

import asyncio
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol, TypedDict

_OWN_NAME: Final = "sandbox.nursery"  # as `-m` runs it, it is called `__main__`
_PACKET_BYTES: Final = 1 << 17


class NurseryError(Exception):
    """The nursery is gone; what it said last stands on its standard error."""


class _Order(TypedDict):
    """`reap`: answer how that child ended, and forget it; 0: start one, whose stdout and stderr came along."""

    reap: int
    arguments: Sequence[str]
    environment: Mapping[str, str]


# --- the client ----------------------------------------------------------------------------------------------------


class Nursery:
    """Starts `python -m module` again and again; `libraries` are imported once, before. Use from one thread."""

    def __init__(self, module: str, libraries: Sequence[str]) -> None:
        """Answers at once; the nursery imports while others work, and the first `start` waits for it."""
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _OWN_NAME, str(theirs.fileno()), module, *libraries],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self, arguments: Sequence[str], *, environment: Mapping[str, str] | None, stdout: int, stderr: int
    ) -> "Forked":
        """A new process; `environment` as for `subprocess`. The descriptors stay the caller's to close."""
        order = _Order(reap=0, arguments=list(arguments), environment=dict(environment or os.environ))
        return Forked(self._asked(order, stdout, stderr), self._reaped)

    def close(self) -> None:
        """Ends the nursery and, with SIGKILL, whoever of its children still lives."""
        self._door.close()
        self._process.wait()

    def _reaped(self, pid: int) -> int:
        return self._asked(_Order(reap=pid, arguments=(), environment={}))

    def _asked(self, order: _Order, *descriptors: int) -> int:
        try:
            socket.send_fds(self._door, [json.dumps(order).encode()], descriptors)
            answer = self._door.recv(_PACKET_BYTES)
        except OSError as error:
            raise NurseryError(str(error)) from error
        if not answer:
            raise NurseryError("it ended")
        return int(answer)


@dataclass(slots=True)
class Forked:
    """A process that a nursery started, with the face of `asyncio.subprocess.Process`."""

    pid: int
    _reaped: "Reaper"
    _descriptor: int = field(init=False)
    _code: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # Its parent keeps it, ended or not, until we have asked how it ended: the number is nobody else's until then.
        self._descriptor = os.pidfd_open(self.pid)

    @property
    def returncode(self) -> int | None:
        """As for `subprocess`: negative when a signal ended it, `None` while it runs."""
        if self._code is None and select.select([self._descriptor], [], [], 0)[0]:
            self._code = self._reaped(self.pid)
            os.close(self._descriptor)
        return self._code

    def terminate(self) -> None:
        """SIGTERM; `ProcessLookupError` when it has ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL; `ProcessLookupError` when it has ended."""
        self._send(signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code, once it has ended. One waiter at a time."""
        loop = asyncio.get_running_loop()
        while (code := self.returncode) is None:
            ended = asyncio.Event()
            loop.add_reader(self._descriptor, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._descriptor)
        return code

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is not None:
            raise ProcessLookupError(self.pid)
        signal.pidfd_send_signal(self._descriptor, number)


class Reaper(Protocol):
    """Answers how the child of that pid ended; waits for it."""

    def __call__(self, pid: int, /) -> int: ...


# --- the nursery ---------------------------------------------------------------------------------------------------


def main() -> None:
    """Imports, then serves until the client is gone; in a newborn child it goes on as the program."""
    descriptor, module, *libraries = sys.argv[1:]
    try:
        for name in libraries:
            importlib.import_module(name)
    except Exception:  # noqa: BLE001  what cannot be imported is said by whoever is born, in a log that is read
        traceback.print_exc()
    gc.collect()
    gc.freeze()  # children share these objects' memory as long as no collection touches them
    with socket.socket(fileno=int(descriptor)) as door:
        order = _next_child(door)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[1:] = order["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _next_child(door: socket.socket) -> _Order:
    """Returns in a new child only, as what it shall be; the nursery itself never comes back from here."""
    living: set[int] = set()
    while True:
        packet, descriptors, _, _ = socket.recv_fds(door, _PACKET_BYTES, 2)
        if not packet:
            _end(living)
        order: _Order = json.loads(packet)
        if order["reap"]:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["reap"], 0)[1])
            living.discard(order["reap"])
        elif answer := os.fork():
            living.add(answer)
        else:
            _settle_in(descriptors)
            return order
        for one in descriptors:
            os.close(one)
        door.send(str(answer).encode())


def _settle_in(descriptors: Sequence[int]) -> None:
    """A session of its own, and the given descriptors as stdout and stderr."""
    os.setsid()
    for number, one in enumerate(descriptors, start=1):
        os.dup2(one, number)
        os.close(one)


def _end(living: set[int]) -> NoReturn:
    for pid in living:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sys.exit()


if __name__ == "__main__":
    main()
