"""The tables of procrastinate, in a schema of their own, brought up to date by its own files."""

from pathlib import Path
from typing import Final, cast

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql
from sqlalchemy import Connection

SCHEMA: Final = "rushes_engine"
_MARKER: Final = "rushes_applied"  # its files have no record of what was applied: ours, in the same schema


def upgrade(connection: Connection) -> None:
    """Makes the tables, or applies what a newer procrastinate brought. To be called by one process at a time."""
    postgres = cast("psycopg.Connection", connection.connection.driver_connection)
    postgres.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
    postgres.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(SCHEMA)))
    is_new = not _is_there(postgres)
    if is_new:
        postgres.execute(SchemaManager.get_schema())
        postgres.execute(sql.SQL("CREATE TABLE {} (name text PRIMARY KEY)").format(sql.Identifier(_MARKER)))
    for file in _missing(postgres):
        if not is_new:
            postgres.execute(file.read_bytes())
        postgres.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(sql.Identifier(_MARKER)), [file.name])


def _is_there(postgres: psycopg.Connection) -> bool:
    found = postgres.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{SCHEMA}.{_MARKER}"]).fetchone()
    return bool(found and found[0])


def _missing(postgres: psycopg.Connection) -> list[Path]:
    """The files that were not applied, in order: their names begin with the version."""
    rows = postgres.execute(sql.SQL("SELECT name FROM {}").format(sql.Identifier(_MARKER))).fetchall()
    applied = {str(name) for (name,) in rows}
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    return [file for file in files if file.name not in applied]
