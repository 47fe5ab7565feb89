"""Two ways to start a media child: forked by a zygote that is warm already, or a fresh interpreter for every job.

The zygote is the way in production: a job's floor is a tenth. Fresh interpreters need nothing but `exec`; they are for
machines that are not Linux, and for tests, which hold both to the same promises.
"""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from threading import Lock
from typing import Final, Protocol

from bot.domain.errors import Unavailable
from bot.domain.reasons import reason
from bot.media.protocol import mapping_from

_ENVIRONMENT: Final[Mapping[str, str]] = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
"""All a child gets. Each malloc arena reserves 64 MB of the address space that a child is allowed."""

_READ_BYTES: Final = 4096
_WARM_UP_SECONDS: Final = 60.0
_WORD_BYTES: Final = 2048


Hear = Callable[[bytes], bool]
"""Takes in the next bytes that a child says; False when there is no use in listening on."""


class StarterGone(Unavailable):
    """What starts children ended in the middle of a job: no fault of any file, and worth one more try."""

    def __init__(self, detail: str) -> None:
        """`detail` is for the log."""
        super().__init__(reason("internal-error"), detail=f"media child: {detail}")


class Running(Protocol):
    """A child that was started."""

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: the signal); `None` while it has not."""
        ...

    async def listen(self, hear: Hear) -> None:
        """Hands over what it says until it ends, or until nobody wants to hear more. `StarterGone`."""
        ...


class Starter(Protocol):
    """Starts children."""

    def start(self, job: bytes, descriptors: Sequence[int]) -> AbstractAsyncContextManager[Running]:
        """A child in a session of its own that has the job's text and these descriptors, by the same numbers.

        It is dead and reaped when the block is left, however. `Unavailable` when there cannot be one.
        """
        ...


def starter_of(python: str, *, fresh: bool) -> Starter:
    """`python`: the interpreter that has this package. One zygote serves the whole process."""
    if fresh or sys.platform != "linux":
        return FreshStarter(python)
    return _ZYGOTES.setdefault(python, ForkingStarter(python))


# --- a fresh interpreter a job ----------------------------------------------------------------------------------------


class FreshStarter:
    """Implements `Starter` with a new interpreter for every job."""

    def __init__(self, python: str) -> None:
        """`python`: the interpreter that has this package."""
        self._python = python

    @asynccontextmanager
    async def start(self, job: bytes, descriptors: Sequence[int]) -> AsyncGenerator[Running]:
        """See `Starter`."""
        try:
            child = await asyncio.create_subprocess_exec(
                *(self._python, "-I", "-m", "bot.media.child"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                pass_fds=descriptors,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(reason("internal-error"), detail=f"media child: {error}") from error
        try:
            yield _Fresh(child, job)
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            await _drained(child)
            await child.wait()


async def _drained(child: Process) -> None:
    """Reads what is left. asyncio stops reading a pipe whose buffer is full, and waits for that pipe's end for ever."""
    if child.stdout is not None:
        await child.stdout.read()


class _Fresh:
    """Implements `Running`."""

    def __init__(self, child: Process, job: bytes) -> None:
        self._child, self._job = child, job

    @property
    def exit_code(self) -> int | None:
        """See `Running`."""
        return self._child.returncode

    async def listen(self, hear: Hear) -> None:
        """Writes the job first. See `Running`."""
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None:
            raise AssertionError("pipes were asked for")
        stdin.write(self._job)
        with suppress(BrokenPipeError, ConnectionResetError):
            await stdin.drain()
        stdin.close()
        while chunk := await stdout.read(_READ_BYTES):
            if not hear(chunk):
                return
        await self._child.wait()


# --- forked by a zygote -----------------------------------------------------------------------------------------------


class ForkingStarter:
    """Implements `Starter` with a zygote, which it starts when a job comes and there is none (any more)."""

    def __init__(self, python: str, *, reap_seconds: float = 5.0) -> None:
        """`reap_seconds`: so long a killed child may take to be gone, before its zygote counts as stuck."""
        self._python, self._reap_seconds, self._lock = python, reap_seconds, Lock()
        self._zygote: _Zygote | None = None

    @property
    def pid(self) -> int | None:
        """The zygote's, while there is one."""
        return self._zygote.process.pid if self._zygote is not None else None

    @asynccontextmanager
    async def start(self, job: bytes, descriptors: Sequence[int]) -> AsyncGenerator[Running]:
        """See `Starter`."""
        zygote = await self._living()
        with ExitStack() as ours:
            child = self._ordered(zygote, job, descriptors, ours)
            try:
                yield child
            finally:
                if not await child.gone(within_seconds=self._reap_seconds):
                    self._drop(zygote)

    async def _living(self) -> "_Zygote":
        """The zygote, warm; a new one when the last has ended. `Unavailable` when none can be started."""
        zygote = self._zygote
        if zygote is None or zygote.process.poll() is not None:
            zygote = self._new()
        try:
            async with asyncio.timeout(_WARM_UP_SECONDS):
                await zygote.warm()
        except (TimeoutError, ValueError, OSError) as error:
            self._drop(zygote)
            raise Unavailable(
                reason("internal-error"), detail=f"media child: no zygote: {error or 'not warm in time'}"
            ) from error
        return zygote

    def _new(self) -> "_Zygote":
        with self._lock:
            if self._zygote is not None and self._zygote.process.poll() is None:
                return self._zygote
            if self._zygote is not None:
                self._zygote.end()
            try:
                self._zygote = _Zygote(self._python)
            except OSError as error:
                self._zygote = None
                raise Unavailable(reason("internal-error"), detail=f"media child: {error}") from error
            return self._zygote

    def _drop(self, zygote: "_Zygote") -> None:
        """Ends a zygote that is stuck or gone, and all its children; the next job gets another."""
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.end()

    def _ordered(self, zygote: "_Zygote", job: bytes, descriptors: Sequence[int], ours: ExitStack) -> "_Forked":
        """Orders a child. What stays with us is closed with `ours`; what travels, at once."""
        try:
            leash, far_leash = socket.socketpair()
            ours.callback(leash.close)
            with far_leash:
                answer, far_answer = os.pipe()
                ours.callback(os.close, answer)
                text = os.memfd_create("job")
                try:
                    os.write(text, job)
                    os.lseek(text, 0, os.SEEK_SET)
                    zygote.order([far_leash.fileno(), text, far_answer, *descriptors], descriptors)
                finally:
                    os.close(text)
                    os.close(far_answer)
        except OSError as error:
            raise StarterGone(f"zygote: {error}") from error
        leash.settimeout(0)
        return _Forked(leash, answer)

    def close(self) -> None:
        """Ends the zygote, if there is one."""
        if self._zygote is not None:
            self._drop(self._zygote)


class _Zygote:
    """A zygote process and the socket that it takes orders from. Not bound to an event loop."""

    def __init__(self, python: str) -> None:
        """Starts it; `OSError` when that cannot be. It warms up on its own."""
        self._orders, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._is_warm = False
        self._orders.settimeout(0)
        with far:
            try:
                self.process = subprocess.Popen(  # noqa: S603  our own package
                    [python, "-I", "-m", "bot.media.zygote", str(far.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[far.fileno()],
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError:
                self._orders.close()
                raise

    async def warm(self) -> None:
        """Waits until it can fork. `ValueError` says why it never will."""
        while not self._is_warm:
            ear = os.dup(self._orders.fileno())  # a loop listens to a descriptor for one only, and many may wait
            try:
                await _readable(ear)
            finally:
                os.close(ear)
            self._hear()

    def _hear(self) -> None:
        """Looks at its only word, and leaves it for others who wait."""
        word = self._orders.recv(_WORD_BYTES, socket.MSG_PEEK)
        said = mapping_from(json.loads(word)) if word else {"broken": "did not start"}
        if "ready" not in said:
            raise ValueError(str(said.get("broken")))
        self._is_warm = True

    def order(self, travelling: Sequence[int], numbers: Sequence[int]) -> None:
        """Sends the descriptors of a job. `OSError` when it takes no orders."""
        socket.send_fds(self._orders, [json.dumps({"numbers": list(numbers)}).encode()], travelling)

    def end(self) -> None:
        """Kills it; its children go with it."""
        self._orders.close()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


class _Forked:
    """Implements `Running`."""

    def __init__(self, leash: socket.socket, answer: int) -> None:
        self._leash, self._answer = leash, answer
        self._over = False
        self._exit_code: int | None = None

    @property
    def exit_code(self) -> int | None:
        """See `Running`."""
        return self._exit_code

    async def listen(self, hear: Hear) -> None:
        """See `Running`."""
        while chunk := await self._heard():
            if not hear(chunk):
                return
        await self._ended()
        if self._exit_code is None:
            raise StarterGone("the zygote ended in the middle of a job")

    async def gone(self, *, within_seconds: float) -> bool:
        """Lets go of the leash and waits for the child's end; False when that takes too long or the zygote is gone."""
        if self._over:
            return self._exit_code is not None
        with suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)
        try:
            async with asyncio.timeout(within_seconds):
                await self._ended()
        except TimeoutError:
            return False
        return self._exit_code is not None

    async def _heard(self) -> bytes:
        await _readable(self._answer)
        return os.read(self._answer, _READ_BYTES)

    async def _ended(self) -> None:
        """Waits for the zygote's word about the child. Without one, the zygote is gone, and the child with it."""
        loop = asyncio.get_running_loop()
        word = b""
        with suppress(ConnectionError):
            while chunk := await loop.sock_recv(self._leash, _WORD_BYTES):
                word += chunk
        self._over = True
        if word:
            exit_code = mapping_from(json.loads(word)).get("exit")
            self._exit_code = exit_code if isinstance(exit_code, int) else None


async def _readable(descriptor: int) -> None:
    """Waits until there is something to read, or nothing any more."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


_ZYGOTES: Final[dict[str, ForkingStarter]] = {}


@atexit.register
def _close_zygotes() -> None:
    for one in _ZYGOTES.values():
        one.close()
