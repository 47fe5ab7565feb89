"""What the ledger shows, and what of it is kept: accounts, lines, holds that wait for a cost, months long past."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from bot.domain.money import Account, Cause, Entry, LedgerLine
from bot.domain.states import TakeState
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.ledger import GUILD, PERSON
from bot.queue.tables import IS_CLOSING, accounts, ledger, takes

_HOUR_MS: Final = 3_600_000
_EAST_MS, _WEST_MS = 14 * _HOUR_MS, 12 * _HOUR_MS
"""How far the earliest and the latest local midnight are from UTC's."""
_ENDED: Final = tuple(state.value for state in TakeState if state.final)
_SPENDING: Final = (Entry.SETTLE.value, Entry.ADJUST.value, Entry.OPENING.value)


def month_account(
    connection: Connection, guild_id: int, month_ms: int, limit: int | None = None, *, within_ms: int = 0
) -> Account:
    """What the guild holds and has spent in the month that began then; `limit`: its budget, micro-USD.

    `within_ms`: months that began so much earlier or later count too, as those of another time zone do.
    """
    key = (accounts.c.scope == GUILD) & (accounts.c.guild_id == guild_id) & (accounts.c.person_id == 0)
    return _account(connection, key & _near(month_ms, within_ms), limit)


def day_account(
    connection: Connection, guild_id: int, person_id: int, day_ms: int, limit: int | None = None, *, within_ms: int = 0
) -> Account:
    """What the person holds and has spent in that guild on the day that began then; `within_ms` as for a month."""
    key = (accounts.c.scope == PERSON) & (accounts.c.guild_id == guild_id) & (accounts.c.person_id == person_id)
    return _account(connection, key & _near(day_ms, within_ms), limit)


def lines_of(connection: Connection, request_id: str) -> tuple[LedgerLine, ...]:
    """A request's lines, in order."""
    return _lines(connection, ledger.c.request_id == request_id)


def lines_in(connection: Connection, guild_id: int, month: str | None = None) -> tuple[LedgerLine, ...]:
    """A guild's lines, in order: all, or those that count in a month (`YYYY-MM`, the guild's own; else `ValueError`).

    A line counts in the month of its request's acceptance.
    """
    which = ledger.c.guild_id == guild_id
    return _lines(connection, which if month is None else which & _counts_in(month))


def lines_between(connection: Connection, guild_id: int, since_ms: int, until_ms: int) -> tuple[LedgerLine, ...]:
    """A guild's lines that count in the months that begin in that time (half-open), in order.

    A line counts in the month of its request's acceptance, whenever it was written.
    """
    begins = (ledger.c.month_ms >= since_ms) & (ledger.c.month_ms < until_ms)
    return _lines(connection, (ledger.c.guild_id == guild_id) & begins)


def month_name(month_ms: int) -> str:
    """`YYYY-MM` of a month that began then in some time zone: wherever that is, half a day later it is that month."""
    return f"{datetime.fromtimestamp((month_ms + _EAST_MS) / 1000, UTC):%Y-%m}"


def unsettled(connection: Connection, most: int) -> tuple[str, ...]:
    """Takes that ended at the vendor without a known cost, whose hold stays; the oldest first, at most so many."""
    ended = (
        select(ledger.c.take_id)
        .join(takes, takes.c.id == ledger.c.take_id)
        .where(ledger.c.entry == Entry.HOLD.value, ~_closed_too())
        .where(takes.c.state.in_(_ENDED), takes.c.cost_usd_micros.is_(None), takes.c.generation_id.is_not(None))
    )
    return tuple(connection.execute(ended.order_by(ledger.c.id).limit(most)).scalars())


def sum_up(work: Transaction, before_ms: int, now_ms: int, *, most: int = 100) -> int:
    """Puts one opening line in the place of what was settled in a guild's month; answers for how many months it did.

    For months that began before then, at most so many at once. Lines of holds that are still open stay.
    """
    connection = work.connection
    one_at_a_time(connection)
    old = select(ledger.c.guild_id, ledger.c.month_ms).where(IS_CLOSING, ledger.c.month_ms < before_ms)
    months = connection.execute(old.distinct().order_by(ledger.c.month_ms, ledger.c.guild_id).limit(most)).all()
    for guild_id, month_ms in months:
        _sum_up(connection, guild_id, month_ms, now_ms)
    return len(months)


def _account(connection: Connection, key: ColumnElement[bool], limit: int | None) -> Account:
    held, spent = (
        func.coalesce(func.sum(each), 0) for each in (accounts.c.held_usd_micros, accounts.c.spent_usd_micros)
    )
    sums = connection.execute(select(held.label("held"), spent.label("spent")).where(key)).one()
    return Account(held_usd_micros=int(sums.held), spent_usd_micros=int(sums.spent), limit_usd_micros=limit)


def _near(starts_ms: int, within_ms: int) -> ColumnElement[bool]:
    return accounts.c.starts_ms.between(starts_ms - within_ms, starts_ms + within_ms)


def _lines(connection: Connection, which: ColumnElement[bool]) -> tuple[LedgerLine, ...]:
    rows = connection.execute(select(ledger).where(which).order_by(ledger.c.id)).mappings()
    return tuple(_line(row) for row in rows)


def _line(row: RowMapping) -> LedgerLine:
    return LedgerLine(
        id=row["id"],
        at_ms=row["at_ms"],
        guild_id=row["guild_id"],
        person_id=row["person_id"],
        request_id=row["request_id"] or "",
        take_id=row["take_id"] or "",
        entry=Entry(row["entry"]),
        usd_micros=row["usd_micros"],
        cause=row["cause"],
    )


def _counts_in(month: str) -> ColumnElement[bool]:
    """Months begin at local midnight, which is a little before or after UTC's."""
    begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    begins_ms = (begins - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return ledger.c.month_ms.between(begins_ms - _EAST_MS, begins_ms + _WEST_MS)


def _closed_too() -> ColumnElement[bool]:
    """The line's take has been settled or given back."""
    other = ledger.alias("other")
    closing = other.c.entry.in_((Entry.RELEASE.value, Entry.SETTLE.value))
    return exists().where(other.c.take_id == ledger.c.take_id, closing)


def _sum_up(connection: Connection, guild_id: int, month_ms: int, now_ms: int) -> None:
    """Locks the month's account first: whoever writes lines books them there before their end, and waits for ours."""
    month = (accounts.c.scope == GUILD) & (accounts.c.guild_id == guild_id) & (accounts.c.starts_ms == month_ms)
    connection.execute(select(accounts.c.scope).where(month).with_for_update())
    done = or_(ledger.c.entry == Entry.OPENING.value, _closed_too())
    which = and_(ledger.c.guild_id == guild_id, ledger.c.month_ms == month_ms, done)
    days = _spent_by_day(connection, which)
    connection.execute(delete(ledger).where(which))
    opening = {
        "entry": Entry.OPENING.value,
        "usd_micros": sum(days.values()),
        "cause": Cause.SUMMED.value,
        "at_ms": now_ms,
    }
    whose = {"guild_id": guild_id, "person_id": 0, "month_ms": month_ms, "day_ms": month_ms}
    connection.execute(insert(ledger).values({**opening, **whose}))
    for (person_id, day_ms), spent in days.items():
        _forget_day(connection, guild_id, person_id, day_ms, spent)


def _spent_by_day(connection: Connection, which: ColumnElement[bool]) -> dict[tuple[int, int], int]:
    """By person and day; an opening line's is nobody's."""
    spent = func.sum(case((ledger.c.entry.in_(_SPENDING), ledger.c.usd_micros), else_=0))
    days = select(ledger.c.person_id, ledger.c.day_ms, spent).where(which)
    rows = connection.execute(days.group_by(ledger.c.person_id, ledger.c.day_ms))
    return {(person_id, day_ms): int(sum_of_day) for person_id, day_ms, sum_of_day in rows}


def _forget_day(connection: Connection, guild_id: int, person_id: int, day_ms: int, spent: int) -> None:
    """Takes the deleted lines out of a person's day, which goes when no line of it is left."""
    whose = (accounts.c.guild_id == guild_id) & (accounts.c.person_id == person_id)
    day = (accounts.c.scope == PERSON) & whose & (accounts.c.starts_ms == day_ms)
    less = {"spent_usd_micros": accounts.c.spent_usd_micros - spent}
    connection.execute(update(accounts).where(day).values(less))
    lines = (ledger.c.guild_id == guild_id) & (ledger.c.person_id == person_id) & (ledger.c.day_ms == day_ms)
    connection.execute(delete(accounts).where(day, ~exists().where(lines)))
