"""Connections, threads and the one door at which database errors stop.

This is the one place that knows dialects. SQLite has one writer connection on one writer thread, and a few readers:
many connections that contend for the write lock sleep in its busy handler and were measured at 1.4 s (p99) where one
queue took 0.1 s. PostgreSQL has a small pool, and an advisory lock where transactions must not overlap.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from bot.domain.errors import Unavailable
from bot.domain.ports import FaultPoint
from bot.domain.reasons import Reason, reason

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.store")

_Result = TypeVar("_Result")

_READERS: Final = 2
_POSTGRESQL_WRITERS: Final = 4
_BUSY_TIMEOUT_MS: Final = 5_000
_SETUP_TRIES: Final = 50
_SETUP_PAUSE_SECONDS: Final = 0.1
_ADVISORY_LOCK: Final = 7_211_905  # any number that nobody else in the database uses
_NOT_TAKEN: Final = "database: needs a SQLite file (sqlite:///…) or PostgreSQL (postgresql+psycopg://…)"
_SQLITE_SETUP: Final = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction at work: its connection, and what is to be said once it is committed."""

    connection: Connection
    events: list["Entered"] = field(default_factory=list["Entered"])

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

    def __init__(self, url: str, *, reached: FaultPoint) -> None:
        """`url`: SQLAlchemy's, `sqlite:///file` or `postgresql+psycopg://…`; `ValueError` for any other.

        And for a url whose driver is not installed.
        """
        self._url = url
        self._reached = reached
        self._writing, self._reading = _engines(url)
        writers = 1 if self._writing.dialect.name == "sqlite" else _POSTGRESQL_WRITERS
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")

    async def prepare(self, work: Callable[[Connection], None]) -> None:
        """Runs `work` (migrations) in one transaction on the writer thread."""
        await self._on(self._writers, lambda: _behind_the_door(lambda: self._prepare(work)))

    async def write(self, work: Callable[[Transaction], _Result]) -> _Result:
        """Runs `work` in one write transaction, then calls the fault point for what it entered."""
        return await self._on(self._writers, lambda: self._write(work))

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Runs `work` in one read transaction: everything it sees is of one moment."""
        return await self._on(self._readers, lambda: _behind_the_door(lambda: self._read(work)))

    async def close(self) -> None:
        """Lets what has begun end, then closes every connection. Calls after it raise `Unavailable`."""
        await asyncio.to_thread(self._close)

    async def _on(self, threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
        return await asyncio.wrap_future(_submitted(threads, work))

    def _prepare(self, work: Callable[[Connection], None]) -> None:
        engine = _migrating(self._url)
        try:
            with engine.begin() as connection:
                one_at_a_time(connection)
                work(connection)
        finally:
            engine.dispose()

    def _read(self, work: Callable[[Connection], _Result]) -> _Result:
        with self._reading.begin() as connection:
            return work(connection)

    def _write(self, work: Callable[[Transaction], _Result]) -> _Result:
        result, events = _behind_the_door(lambda: self._committed(work))
        for entered in events:
            why = {} if entered.why is None else {"why": entered.why}
            _log.info("moved", **{entered.subject: entered.row_id}, state=entered.state, **why)
            self._reached(f"{entered.subject}.{entered.state}")
        return result

    def _committed(self, work: Callable[[Transaction], _Result]) -> tuple[_Result, list[Entered]]:
        """Two writers on PostgreSQL may both find a row missing and both add it: the loser's second look finds it."""
        try:
            return self._once(work)
        except IntegrityError:
            return self._once(work)

    def _once(self, work: Callable[[Transaction], _Result]) -> tuple[_Result, list[Entered]]:
        with self._writing.begin() as connection:
            transaction = Transaction(connection)
            return work(transaction), transaction.events

    def _close(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self._reading.dispose()
        self._writing.dispose()


def one_at_a_time(connection: Connection) -> None:
    """Makes this transaction wait for every other that asked the same, until they ended.

    To be called before anything is read: the statement after the wait sees what the others committed. On SQLite the
    transaction began with BEGIN IMMEDIATE and is alone already.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


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


def _engines(url: str) -> tuple[Engine, Engine]:
    """The writing engine and the reading one."""
    match _backend(url):
        case "sqlite":
            return _sqlite(url, "BEGIN IMMEDIATE", 1), _sqlite(url, "BEGIN", _READERS)
        case _:
            writing = create_engine(url, hide_parameters=True, pool_size=_POSTGRESQL_WRITERS, max_overflow=0)
            reading = create_engine(
                url, hide_parameters=True, pool_size=_READERS, max_overflow=0, isolation_level="REPEATABLE READ"
            )
            return writing, reading


def _migrating(url: str) -> Engine:
    """An engine for migrations, without foreign keys on SQLite.

    There a table is altered by making it anew and dropping the old one: rows that point to it would be deleted along.
    """
    if _backend(url) == "sqlite":
        return _sqlite(url, "BEGIN IMMEDIATE", 1, foreign_keys="OFF")
    return create_engine(url, hide_parameters=True)


def _backend(url: str) -> str:
    """`sqlite` or `postgresql`. Of the url itself an error says at most the driver: it may hold a password."""
    try:
        parsed = make_url(url)
        dialect = parsed.get_dialect()
    except (ArgumentError, ValueError):
        raise ValueError(_NOT_TAKEN) from None
    in_memory = dialect.name == "sqlite" and parsed.database in {None, "", ":memory:"}
    if dialect.name not in {"sqlite", "postgresql"} or dialect.is_async or in_memory:
        raise ValueError(_NOT_TAKEN)
    try:
        dialect.import_dbapi()
    except ImportError:
        raise ValueError(f"database: needs the Python package {dialect.driver}, which is not installed") from None
    return dialect.name


def _sqlite(url: str, begin: str, connections: int, *, foreign_keys: str = "ON") -> Engine:
    """An engine whose transactions start with `begin`.

    Python's own transaction handling is off: it opens none for a SELECT, so that read-then-write lost updates silently
    (measured: 100 increments gave 25).
    """
    engine = create_engine(url, hide_parameters=True, pool_size=connections, max_overflow=0)

    def on_connect(connection: _DriverConnection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (*_SQLITE_SETUP, f"PRAGMA foreign_keys = {foreign_keys}"):
            _patiently(connection, pragma)

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _patiently(connection: "_DriverConnection", pragma: str) -> None:
    """Two processes that open a new file at once contend for its journal mode; SQLite waits for nobody there."""
    for _try in range(_SETUP_TRIES):
        try:
            connection.execute(pragma)
        except sqlite3.OperationalError:
            time.sleep(_SETUP_PAUSE_SECONDS)
        else:
            return
    connection.execute(pragma)


class _DriverConnection(Protocol):
    """What we need of `sqlite3.Connection`."""

    isolation_level: str | None

    def execute(self, statement: str, /) -> object: ...
