"""One process carries every request: `advance` runs as owned asyncio tasks, at most one at a time per request."""

import asyncio
from dataclasses import dataclass, field

from bot.engine.attempt import Advance, Retries, Stumble, attempt


@dataclass(slots=True)
class _Carried:
    """One request's place in this process: is it running, is it wanted again, and its timer."""

    running: bool = False
    again: bool = False
    failures: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class LocalEngine:
    """Owns the tasks that carry requests. `wake` may be called before `run`: such wishes wait for it."""

    def __init__(self, *, retry_first_ms: int, retry_most_ms: int) -> None:
        self._retries = Retries(first_ms=retry_first_ms, most_ms=retry_most_ms)
        self._carried: dict[str, _Carried] = {}
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    def wake(self, request_id: str, *, delay_ms: int = 0) -> None:
        """See the port. Wakes during a run make one more run; a stopping engine leaves them to the next start."""
        if self._draining:
            return
        carried = self._carried.setdefault(request_id, _Carried())
        if delay_ms > 0:
            self._set_timer(request_id, carried, delay_ms)
            return
        if carried.timer is not None:
            carried.timer.cancel()
            carried.timer = None
        if carried.running:
            carried.again = True
        else:
            self._start(request_id, carried)

    async def run(self, advance: Advance, stumble: Stumble) -> None:
        """Carries requests until cancelled; every task ends inside."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                request_id = await self._wanted.get()
                tasks.create_task(self._carry(request_id, advance, stumble), name=f"advance {request_id}")

    async def in_hand(self) -> frozenset[str]:
        """Ids of the requests that are carried, or will be."""
        return frozenset(self._carried)

    @property
    def works(self) -> bool:
        """True: what it does is done by the process that asks."""
        return True

    async def drain(self, seconds: float) -> bool:
        """Stops taking wishes and waits for the steps under way; `False` when some were not done in time."""
        self._draining = True
        for carried in self._carried.values():
            if carried.timer is not None:
                carried.timer.cancel()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _set_timer(self, request_id: str, carried: _Carried, delay_ms: int) -> None:
        """Of two waits the shorter counts."""
        loop = asyncio.get_running_loop()
        if carried.timer is not None:
            if carried.timer.when() <= loop.time() + delay_ms / 1000:
                return
            carried.timer.cancel()
        carried.timer = loop.call_later(delay_ms / 1000, self._due, request_id)

    def _due(self, request_id: str) -> None:
        self._carried[request_id].timer = None
        self.wake(request_id)

    def _start(self, request_id: str, carried: _Carried) -> None:
        carried.running = True
        self._idle.clear()
        self._wanted.put_nowait(request_id)

    async def _carry(self, request_id: str, advance: Advance, stumble: Stumble) -> None:
        carried = self._carried[request_id]
        outcome = await attempt(request_id, carried.failures, advance=advance, stumble=stumble, retries=self._retries)
        carried.failures, wait_ms = outcome.failures, outcome.wait_ms
        carried.running = False
        again, carried.again = carried.again, False
        if again and not self._draining:
            self._start(request_id, carried)
        elif wait_ms is not None and not self._draining:
            self.wake(request_id, delay_ms=max(1, wait_ms))
        elif carried.timer is None:
            del self._carried[request_id]
        if not any(other.running for other in self._carried.values()):
            self._idle.set()
