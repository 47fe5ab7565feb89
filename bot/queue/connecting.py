"""Connections: the one place that knows dialects.

SQLite has one writer connection and a few readers: many connections that contend for the write lock sleep in its busy
handler and were measured at 1.4 s (p99) where one queue took 0.1 s. PostgreSQL has a small pool, and an advisory lock
where transactions must not overlap.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    QueuePool,
    Table,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

_Result = TypeVar("_Result")

READERS: Final = 2
_POSTGRESQL_WRITERS: Final = 4
_TRIES: Final = 3
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
_TRANSIENT: Final = frozenset({"40001", "40P01"})
"""SQLSTATEs of PostgreSQL: serialization_failure, deadlock_detected."""
_WIRE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "fallback_application_name": "rushes",
}
"""libpq's parameters, unless the url says otherwise: a server that vanished is noticed within 30 s or so."""
_EVERY_SESSION: Final = {
    "synchronous_commit": "on",  # what is answered outlives a crash of the server, whatever its own default
    "tcp_keepalives_idle": "30s",  # locks of a machine that vanished are free within a minute
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "3",
}
_AT_WORK: Final = {
    **_EVERY_SESSION,
    "idle_in_transaction_session_timeout": "5s",  # a process frozen inside a transaction gives its locks back …
    "lock_timeout": "15s",  # … before those who wait for them give up
    "statement_timeout": "30s",
}


@dataclass(frozen=True, slots=True)
class Engines:
    """Where a store writes and where it reads, and how many threads may write at once."""

    writing: Engine
    reading: Engine
    writers: int


class NotAsNeeded(Exception):
    """The database answers, and cannot keep what we store. The text says why."""


def engines(url: str) -> Engines:
    """Engines for `url`; nothing is connected yet. `ValueError`, with a sentence, for one that is not taken."""
    parsed = _parsed(url)
    if _is_sqlite(parsed):
        return Engines(_sqlite(parsed, "BEGIN IMMEDIATE", 1), _sqlite(parsed, "BEGIN", READERS), 1)
    writing = _postgresql(parsed, _AT_WORK, "READ COMMITTED", kept=_POSTGRESQL_WRITERS)
    reading = _postgresql(parsed, _AT_WORK, "REPEATABLE READ", kept=READERS)
    return Engines(writing, reading.execution_options(postgresql_readonly=True), _POSTGRESQL_WRITERS)


def migrating(url: str) -> Engine:
    """An engine for migrations, which take the time they need.

    Without foreign keys on SQLite: there a table is altered by making it anew and dropping the old one, and rows that
    point to it would be deleted along.
    """
    parsed = _parsed(url)
    if _is_sqlite(parsed):
        return _sqlite(parsed, "BEGIN IMMEDIATE", 1, foreign_keys="OFF")
    return _postgresql(parsed, _EVERY_SESSION, "READ COMMITTED")


def holding(url: str) -> Engine | None:
    """An engine for a connection that is kept, outside any transaction, to hold a lock; `None` for SQLite."""
    parsed = _parsed(url)
    if _is_sqlite(parsed):
        return None
    return _postgresql(parsed, {**_EVERY_SESSION, "statement_timeout": "5s"}, "AUTOCOMMIT")


def one_at_a_time(connection: Connection) -> None:
    """Makes this transaction wait for every other that asked the same, until they ended.

    To be called before anything is read: the statement after the wait sees what the others committed. On SQLite the
    transaction began with BEGIN IMMEDIATE and is alone already.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def inserting(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that may say what is to be done where the row is there already (`on_conflict_do_update`)."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def in_transaction(connection: Connection, work: Callable[[], _Result]) -> _Result:
    """Begins a transaction and runs `work` in it; to be committed by the caller.

    Begun anew up to twice when that may well succeed: two writers on PostgreSQL both found a row missing and both added
    it (the loser's next look finds it), they stood in each other's way, or the connection was lost, as all are when the
    server restarts. Nothing had been committed then. What fails at the commit is not tried again: it may have happened.
    """
    for _try in range(_TRIES - 1):
        try:
            connection.begin()
            return work()
        except DBAPIError as error:
            connection.rollback()
            if not _is_transient(error):
                raise
    connection.begin()
    return work()


def require_unicode(connection: Connection) -> None:
    """`NotAsNeeded` for a database of PostgreSQL that cannot hold every character."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise NotAsNeeded(f"the database's encoding is {encoding}, and it has to be UTF8")


def _is_transient(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True
    return getattr(error.orig, "sqlstate", None) in _TRANSIENT


def _parsed(url: str) -> URL:
    """The url, if it is one of ours. Of the url itself an error says at most the driver: it may hold a password."""
    try:
        parsed = make_url(url)
        dialect = parsed.get_dialect()
    except (ArgumentError, ValueError):
        raise ValueError(_NOT_TAKEN) from None
    in_memory = dialect.name == "sqlite" and parsed.database in {None, "", ":memory:"}
    if (dialect.name, dialect.driver) not in {("sqlite", "pysqlite"), ("postgresql", "psycopg")} or in_memory:
        raise ValueError(_NOT_TAKEN)
    try:
        dialect.import_dbapi()
    except ImportError:
        missing = f"needs the Python package {dialect.driver}, which is not installed"
        raise ValueError(f"database: {missing}: pip install 'rushes[postgres]'") from None
    return parsed


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _postgresql(url: URL, settings: dict[str, str], isolation: IsolationLevel, *, kept: int = 0) -> Engine:
    """An engine whose sessions have these settings; what the url says wins over them.

    `kept`: as many connections as there may be, kept open; 0: each is closed after use.
    """
    said = url.query.get("options", "")
    options = [f"-c {name}={value}" for name, value in settings.items()]
    options += [said] if isinstance(said, str) else said
    wire = {name: value for name, value in _WIRE.items() if name not in url.query}
    connect_args = {**wire, "options": " ".join(options)}
    pool = QueuePool if kept else NullPool
    size = {"pool_size": kept, "max_overflow": 0} if kept else {}
    return create_engine(
        url, hide_parameters=True, isolation_level=isolation, connect_args=connect_args, poolclass=pool, **size
    )


def _sqlite(url: URL, begin: str, connections: int, *, foreign_keys: str = "ON") -> Engine:
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
