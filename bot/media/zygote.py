"""The zygote: imports and warms up once what every job needs, then forks one media child a job.

Started by `ForkingStarter` as `python -I -m bot.media.zygote`, with an empty environment, in a session of its own. It
reads no file and no answer, only orders: `{"numbers": […]}` with descriptors beside it (SCM_RIGHTS): a *leash*, the
job's text, the pipe for the answer, and then the job's files, which get the numbers that the job calls them by.

The leash is one end of a socket pair. Whoever lets go of the other end wants the job dead; when the child has ended,
however, its exit code (negative: the signal) is written there as `{"exit": n}`. The first thing that the zygote says is
`{"ready": true}` or `{"broken": why}`, on the socket that orders come from. When that socket closes, the bot is gone:
the zygote kills what it started and ends.

One thread only: `fork` copies no other, and locks that others held would stay locked in the child.
"""

import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, cast

from bot.media import child
from bot.media.isolation import die_with, keep_memory_private

MOST_DESCRIPTORS: Final = 64
ORDER_BYTES: Final = 4096
_OWN: Final = 3
"""Leash, job and answer, before a job's files."""

_MAX_DETAIL: Final = 500
_HOPELESS: Final = 1


def main() -> None:
    """Warms up, then forks for every order until the bot is gone. The only argument is the socket's number."""
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        try:
            _get_ready()
        except Exception as error:  # noqa: BLE001  whatever it is, the operator should read it
            _say(orders, {"broken": f"{type(error).__name__}: {error}"[:_MAX_DETAIL]})
            sys.exit(_HOPELESS)
        _say(orders, {"ready": True})
        Zygote(orders).serve()


def _get_ready() -> None:
    """Everything that children will share. `RuntimeError` when a library has started a thread."""
    keep_memory_private()
    child.warm_up_all()
    threads = thread_count()
    if threads != 1:
        raise RuntimeError(f"{threads} threads: not safe to fork")
    gc.collect()
    gc.freeze()  # what is never collected is never written to, so its pages stay shared


def thread_count() -> int:
    """Threads of this process, those of libraries included."""
    return len(list(Path("/proc/self/task").iterdir()))


class Zygote:
    """Forks children and holds their leashes."""

    def __init__(self, orders: socket.socket) -> None:
        """`orders`: where they come from."""
        self._orders, self._own_pid = orders, os.getpid()
        self._leashes: dict[int, socket.socket] = {}
        self._ears = selectors.DefaultSelector()
        self._wakes, wake = os.pipe()
        os.set_blocking(self._wakes, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, _wake_up)
        self._ears.register(orders, selectors.EVENT_READ)
        self._ears.register(self._wakes, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the bot is gone."""
        while True:
            for key, _ in self._ears.select():
                if key.data is not None:
                    self._kill(cast("int", key.data), key.fileobj)
                elif key.fd == self._wakes:
                    self._reap()
                elif not self._obey():
                    self._end()
                    return

    def _obey(self) -> bool:
        """Forks for the next order; False when there will be none."""
        try:
            text, descriptors, _, _ = socket.recv_fds(self._orders, ORDER_BYTES, MOST_DESCRIPTORS)
        except ConnectionError:
            return False
        if not text:
            return False
        try:
            self._fork(cast("list[int]", json.loads(text)["numbers"]), descriptors)
        finally:
            for descriptor in descriptors[1:]:
                os.close(descriptor)
        return True

    def _fork(self, numbers: Sequence[int], descriptors: Sequence[int]) -> None:
        """A child for the job. When there can be none, that counts as one that ended before it said anything."""
        leash = socket.socket(fileno=descriptors[0])
        try:
            pid = os.fork()
        except OSError:
            _say(leash, {"exit": _HOPELESS})
            leash.close()
            return
        if pid == 0:
            _be_a_child(self._own_pid, numbers, descriptors)
        self._leashes[pid] = leash
        self._ears.register(leash, selectors.EVENT_READ, pid)

    def _kill(self, pid: int, leash: object) -> None:
        """The leash was let go. A leash that is still held is of a child not reaped yet, so the pid is its own."""
        if self._leashes.get(pid) is not leash:
            return
        self._ears.unregister(self._leashes[pid])
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Says of every child that ended how it did."""
        with suppress(BlockingIOError):
            while os.read(self._wakes, 512):
                pass
        for pid in list(self._leashes):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._let_go(pid, os.waitstatus_to_exitcode(status))

    def _let_go(self, pid: int, exit_code: int) -> None:
        """Tells the leash's other end."""
        leash = self._leashes.pop(pid)
        with suppress(KeyError):
            self._ears.unregister(leash)
        _say(leash, {"exit": exit_code})
        leash.close()

    def _end(self) -> None:
        """Takes all children along."""
        for pid in self._leashes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _wake_up(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the byte in the wake-up pipe is what counts, and is written only where there is a handler."""


def _be_a_child(parent: int, numbers: Sequence[int], descriptors: Sequence[int]) -> NoReturn:
    """Becomes a media child with the order's descriptors and no others, and never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with(parent)
        os.setsid()
        _take_over([0, 1, *numbers], descriptors[1:])
        child.main(parent)
    finally:
        os._exit(_HOPELESS)


def _take_over(numbers: Sequence[int], descriptors: Sequence[int]) -> None:
    """Gives the descriptors these numbers, and closes whatever else is open but 2, which leads nowhere."""
    above = max((*numbers, *descriptors)) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, above) for descriptor in descriptors]
    os.closerange(_OWN, above)
    for number, descriptor in zip(numbers, moved, strict=True):
        os.dup2(descriptor, number)
    os.closerange(above, os.sysconf("SC_OPEN_MAX"))


def _say(line: socket.socket, what: dict[str, object]) -> None:
    """Tells the bot, if it still listens."""
    with suppress(OSError):
        line.sendall(json.dumps(what).encode())


if __name__ == "__main__":
    main()
