"""A process that carries requests with the engine of many processes, and writes down what it does.

`python -m tests.engine_process URL FOLDER STALLED_SECONDS`: into the file `journal` go `ready`, `begin`, `end` and
`overlap`, each with the process's id and the request's. While a file `hold` is there, no step ends.
"""

import asyncio
import fcntl
import os
import sys
import time
from pathlib import Path

from bot.domain.reasons import Reason
from bot.engine.attempt import Retries
from bot.engine.distributed import DistributedEngine, Pace


def engine_on(url: str, *, stalled_seconds: float = 1.0, carries: bool = True) -> DistributedEngine:
    """An engine in a hurry."""
    return DistributedEngine(
        url,
        retries=Retries(first_ms=1, most_ms=8),
        pace=Pace(poll_seconds=0.05, stalled_seconds=stalled_seconds, at_once=8),
        clock=lambda: time.time_ns() // 1_000_000,
        carries=carries,
    )


class Journal:
    """One file for all processes; a line is written whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, what: str, request_id: str = "-") -> None:
        with (self._folder / "journal").open("a") as file:
            file.write(f"{what} {os.getpid()} {request_id}\n")

    def lines(self) -> list[tuple[str, int, str]]:
        """What happened, to whom of the processes, and to which request."""
        path = self._folder / "journal"
        words = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(what, int(pid), request_id) for what, pid, request_id in words]

    async def advance(self, request_id: str) -> int | None:
        with (self._folder / f"lock-{request_id}").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.note("overlap", request_id)
            self.note("begin", request_id)
            await asyncio.sleep(0)
            while (self._folder / "hold").exists():
                await asyncio.sleep(0.01)
            self.note("end", request_id)
        return None


async def nobody(_request_id: str, _why: Reason) -> None:
    """Is told of failures."""


async def _main(url: str, folder: Path, stalled_seconds: float) -> None:
    journal = Journal(folder)
    engine = engine_on(url, stalled_seconds=stalled_seconds)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run(journal.advance, nobody))
        async with asyncio.timeout(20):
            while not engine.works:
                await asyncio.sleep(0.01)
        journal.note("ready")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
