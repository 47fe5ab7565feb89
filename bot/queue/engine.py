"""Threads, transactions and the one door at which database errors stop."""

import asyncio
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.domain.errors import Unavailable
from bot.domain.ports import FaultPoint
from bot.domain.reasons import Reason, reason
from bot.queue.alone import Alone
from bot.queue.connecting import (
    READERS,
    NotAsNeeded,
    engines,
    holding,
    in_transaction,
    migrating,
    one_at_a_time,
    require_unicode,
)

__all__ = ["Clock", "Database", "Entered", "Transaction", "one_at_a_time", "wall_clock_ms"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.store")

_Result = TypeVar("_Result")


Clock = Callable[[], int]
"""Unix ms."""


def wall_clock_ms() -> int:
    """This machine's."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction at work: its connection, what is to be said once it is committed, and what time it is."""

    connection: Connection
    events: list["Entered"] = field(default_factory=list["Entered"])
    clock: Clock = wall_clock_ms

    def entered(self, subject: str, row_id: str, state: str, why: Reason | None = None) -> None:
        """Notes that a row of `subject` ("request", "take") has a new state."""
        self.events.append(Entered(subject, row_id, state, why.code if why is not None else None))


@dataclass(frozen=True, slots=True)
class Entered:
    """A row's new state: what the operator's log and the fault points are told after the commit."""

    subject: str
    row_id: str
    state: str
    why: str | None


class Database:
    """Runs plain synchronous transactions on threads of its own.

    A cancelled caller cannot cut one in half: what has begun on the thread runs to its commit or rollback, what has
    not begun never does. Raises `Unavailable` (database-unavailable) for anything the database or its driver raises.
    """

    def __init__(self, url: str, *, reached: FaultPoint, shared: bool = False, clock: Clock = wall_clock_ms) -> None:
        """`url`: SQLAlchemy's, `sqlite:///file` or `postgresql+psycopg://…`; `ValueError` for any other.

        And for a url whose driver is not installed. `shared`: what `alone` asks for is not to be the only one.
        """
        self._url = url
        self._reached = reached
        self._clock = clock
        self._engines = engines(url)
        self._writers = ThreadPoolExecutor(self._engines.writers, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        held = holding(url)
        self._alone = None if held is None else Alone(held, shared=shared)

    async def prepare(self, work: Callable[[Connection], None]) -> None:
        """Runs `work` (migrations) in one transaction on the writer thread."""
        await self._on(self._writers, lambda: _behind_the_door(lambda: self._prepare(work)))

    async def write(self, work: Callable[[Transaction], _Result]) -> _Result:
        """Runs `work` in one write transaction, then calls the fault point for what it entered."""
        return await self._on(self._writers, lambda: self._write(work))

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Runs `work` in one read transaction: everything it sees is of one moment."""
        return await self._on(self._readers, lambda: _behind_the_door(lambda: self._read(work)))

    async def alone(self) -> bool:
        """True when no other process has asked this of the database and lives; see `Alone`. On SQLite always.

        Processes that share it do not disturb one another, and disturb one that does not.

        To be asked again now and then: what was lost with a connection is taken anew, unless another was quicker.
        """
        alone = self._alone
        return alone is None or await self._on(self._readers, lambda: _behind_the_door(alone.held))

    async def close(self) -> None:
        """Lets what has begun end, then closes every connection. Calls after it raise `Unavailable`."""
        await asyncio.to_thread(self._close)

    async def _on(self, threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
        return await asyncio.wrap_future(_submitted(threads, work))

    def _prepare(self, work: Callable[[Connection], None]) -> None:
        engine = migrating(self._url)
        try:
            with engine.begin() as connection:
                require_unicode(connection)
                one_at_a_time(connection)
                work(connection)
        finally:
            engine.dispose()

    def _read(self, work: Callable[[Connection], _Result]) -> _Result:
        with self._engines.reading.connect() as connection:
            result = in_transaction(connection, lambda: work(connection))
            connection.commit()
        return result

    def _write(self, work: Callable[[Transaction], _Result]) -> _Result:
        result, events = _behind_the_door(lambda: self._committed(work))
        for entered in events:
            why = {} if entered.why is None else {"why": entered.why}
            _log.info("moved", **{entered.subject: entered.row_id}, state=entered.state, **why)
            self._reached(f"{entered.subject}.{entered.state}")
        return result

    def _committed(self, work: Callable[[Transaction], _Result]) -> tuple[_Result, list[Entered]]:
        with self._engines.writing.connect() as connection:

            def once() -> tuple[_Result, list[Entered]]:
                transaction = Transaction(connection, clock=self._clock)
                return work(transaction), transaction.events

            done = in_transaction(connection, once)
            connection.commit()
        return done

    def _close(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self._engines.reading.dispose()
        self._engines.writing.dispose()
        if self._alone is not None:
            self._alone.release()


def _submitted(threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> Future[_Result]:
    try:
        return threads.submit(work)
    except RuntimeError as error:  # the threads were shut down
        raise Unavailable(reason("database-unavailable"), detail="the store is closed") from error


def _behind_the_door(work: Callable[[], _Result]) -> _Result:
    with _door():
        return work()


@contextmanager
def _door() -> Generator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        detail = str(getattr(error, "orig", None) or error)  # the statement's own text names no parameters either
        raise Unavailable(reason("database-unavailable"), detail=detail) from error
    except NotAsNeeded as error:
        raise Unavailable(reason("database-unavailable"), detail=str(error)) from error
