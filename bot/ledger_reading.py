"""The ledger of this deployment, for `rushes ledger` beside a running bot. Nothing is migrated; one command writes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, func, inspect, make_url, select

from bot.domain.errors import Refused, Unavailable
from bot.domain.ledger_csv import csv_of
from bot.domain.money import LedgerLine
from bot.domain.ports import no_fault
from bot.domain.reasons import reason
from bot.domain.states import TakeState
from bot.queue.engine import Database, Transaction
from bot.queue.ledger import adjust
from bot.queue.ledger_check import check
from bot.queue.ledger_reads import lines_in, lines_of
from bot.queue.tables import accounts, ledger, takes

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check looked at, and a sentence for each difference."""

    lines: int
    accounts: int
    differences: tuple[str, ...]


def checked(url: str) -> Checked:
    """The proof. `Unavailable` when the database or a ledger in it cannot be had; `ValueError` for a url not taken."""
    return asyncio.run(_read(url, _checked))


def exported(url: str, guild_id: int, month: str | None) -> bytes:
    """A guild's lines as CSV: all, or those of a month (`YYYY-MM`). Raises like `checked`."""
    return asyncio.run(_read(url, lambda connection: csv_of(lines_in(connection, guild_id, month))))


def settled(url: str, take_id: str, cost_usd_micros: int, why: str) -> tuple[LedgerLine, ...]:
    """Books what a take cost, on an operator's word; the lines that were written, none when that was booked already.

    Raises like `checked`; `Refused` (ledger-no-take, ledger-take-goes-on), and `ValueError` for a negative cost or a
    word that is the bot's own: then nothing was written.
    """

    def work(written: Transaction) -> tuple[LedgerLine, ...]:
        return _with_ledger(written.connection, lambda _: _settled(written, take_id, cost_usd_micros, why))

    return asyncio.run(_on(url, lambda database: database.write(work)))


def _settled(work: Transaction, take_id: str, cost_usd_micros: int, why: str) -> tuple[LedgerLine, ...]:
    row = work.connection.execute(select(takes.c.request_id, takes.c.state).where(takes.c.id == take_id)).first()
    if row is None:
        raise Refused(reason("ledger-no-take", take=take_id))
    if not TakeState(row.state).final:
        raise Refused(reason("ledger-take-goes-on", take=take_id))
    before = lines_of(work.connection, row.request_id)
    try:
        adjust(work, take_id, cost_usd_micros, why, time.time_ns() // 1_000_000)
    except KeyError as error:
        raise Refused(reason("ledger-no-take", take=take_id)) from error
    return tuple(line for line in lines_of(work.connection, row.request_id) if line not in before)


def _checked(connection: Connection) -> Checked:
    line_count, account_count = (
        connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (ledger, accounts)
    )
    return Checked(lines=line_count, accounts=account_count, differences=check(connection))


async def _read(url: str, work: Callable[[Connection], _Result]) -> _Result:
    return await _on(url, lambda database: database.read(lambda connection: _with_ledger(connection, work)))


async def _on(url: str, work: Callable[[Database], Awaitable[_Result]]) -> _Result:
    database = Database(url, reached=no_fault)
    _require_file(url)
    try:
        return await work(database)
    finally:
        await database.close()


def _require_file(url: str) -> None:
    """Connecting to a SQLite file that is not there would make one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise Unavailable(reason("ledger-nothing"))


def _with_ledger(connection: Connection, work: Callable[[Connection], _Result]) -> _Result:
    if not inspect(connection).has_table(ledger.name):
        raise Unavailable(reason("ledger-nothing"))
    return work(connection)
