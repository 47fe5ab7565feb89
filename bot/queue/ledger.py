"""The ledger: money is held at acceptance and settled on the vendor's cost, line by line, with the accounts' sums.

Lines are written once; both accounts of a line change in its transaction. A hold counts in the guild's month and the
person's day of its acceptance, and so does whatever comes of it, however late.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, select, true, update

from bot.domain.errors import Refused
from bot.domain.identity import take_id as nth_take
from bot.domain.money import Asked, Cause, Entry
from bot.domain.reasons import reason
from bot.domain.requests import Request, Take
from bot.domain.states import TakeState
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.tables import IS_CLOSING, accounts, ledger, takes

GUILD: Final = "guild"
PERSON: Final = "person"

_SPENDING: Final = (Entry.SETTLE.value, Entry.ADJUST.value)


_Line = RowMapping | dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """When the guild's month and the person's day began at acceptance (Unix ms), and their budgets, if they are set."""

    month_ms: int
    day_ms: int
    month_limit_usd_micros: int | None = None
    day_limit_usd_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """The key of one account, and the columns of a line that say it."""

    scope: str
    guild_id: int
    person_id: int
    starts_ms: int

    @property
    def row(self) -> ColumnElement[bool]:
        whose = (accounts.c.guild_id == self.guild_id) & (accounts.c.person_id == self.person_id)
        return (accounts.c.scope == self.scope) & whose & (accounts.c.starts_ms == self.starts_ms)


def hold(work: Transaction, request: Request, asked: Asked, windows: Windows, now_ms: int) -> None:
    """Reserves the most that each take can cost, one line a take, in both accounts. Held once, however often called.

    `Refused` (budget-taken) when a budget has not that much left. Of unknown price nothing is held: the line is of 0,
    and keeps the accounts that the cost is booked in; a budget that is used up refuses it too.
    """
    connection = work.connection
    if connection.execute(select(ledger.c.id).where(ledger.c.request_id == request.id).limit(1)).first() is not None:
        return
    priced = asked.cost_usd_micros is not None
    whose = {"guild_id": request.place.guild_id, "person_id": request.person.id}
    when = {"at_ms": now_ms, "month_ms": windows.month_ms, "day_ms": windows.day_ms}
    why = {"entry": Entry.HOLD.value, "cause": (Cause.ACCEPTED if priced else Cause.UNPRICED).value}
    parts = _shares(asked.cost_usd_micros or 0, asked.takes)
    lines = [
        {**whose, **when, **why, "request_id": request.id, "take_id": nth_take(request.id, nth), "usd_micros": part}
        for nth, part in enumerate(parts, start=1)
    ]
    limits = (windows.month_limit_usd_micros, windows.day_limit_usd_micros)
    for account, limit in zip(_accounts_of({**whose, **when}), limits, strict=True):
        _reserve(connection, account, sum(parts), limit, priced=priced)
    connection.execute(insert(ledger), lines)


def settle(work: Transaction, before: Take, after: Take, now_ms: int) -> None:
    """Settles a take that ended, once, on the vendor's cost; to be called in whatever transaction changes a take.

    Its hold is given back when it was never submitted or its cost is zero; while its cost is unknown the hold stays,
    until a later call brings it. A cost above the hold is booked, and noted in the operator's log. A take that was
    accepted before there was a ledger has no hold, and nothing is booked.
    """
    cost = _cost(before, after)
    held = None if cost is None else _open_hold(work.connection, after.id)
    if cost is None or held is None:
        return
    unbegun = before.state is TakeState.PLANNED and cost == 0
    above = cost > held["usd_micros"] and held["cause"] != Cause.UNPRICED.value
    nothing = Cause.NEVER_SUBMITTED if unbegun else Cause.COST_ZERO
    back = Cause.BELOW_HOLD if cost else nothing
    _close(work.connection, held, cost, now_ms, spent=Cause.ABOVE_HOLD if above else Cause.VENDOR_COST, back=back)
    if above:
        work.entered("money", after.id, Cause.ABOVE_HOLD)


def give_back(work: Transaction, request_id: str, now_ms: int) -> None:
    """Releases the holds of the takes that are still planned, for a request that ended: they are begun no more."""
    planned = select(takes.c.id).where(takes.c.request_id == request_id, takes.c.state == TakeState.PLANNED.value)
    for take_id in work.connection.execute(planned.order_by(takes.c.id)).scalars().all():
        held = _open_hold(work.connection, take_id)
        if held is not None:
            _close(work.connection, held, 0, now_ms, spent=Cause.VENDOR_COST, back=Cause.NEVER_SUBMITTED)


def adjust(work: Transaction, take_id: str, cost_usd_micros: int, cause: str, now_ms: int) -> None:
    """What a take cost, on an operator's word: settles an open hold, or corrects what was settled by the difference.

    Said twice it is booked once. `cause`: the operator's word, none of `Cause`. `KeyError` for a take without a
    hold; `ValueError` for a negative cost.
    """
    if cost_usd_micros < 0 or cause in set(Cause):
        raise ValueError(f"not an adjustment: {cost_usd_micros}, {cause}")
    one_at_a_time(work.connection)
    held = _hold_line(work.connection, take_id)
    if held is None:
        raise KeyError(take_id)
    if not _closed(work.connection, take_id):
        _close(work.connection, held, cost_usd_micros, now_ms, spent=cause, back=cause)
    elif (difference := cost_usd_micros - _spent(work.connection, take_id)) != 0:
        _write(work.connection, held, Entry.ADJUST, difference, cause, now_ms)
        _book(work.connection, held, held_more=0, spent_more=difference)


def _shares(whole: int, count: int) -> list[int]:
    """The whole in so many parts that differ by one at most."""
    share, rest = divmod(whole, count)
    return [share + (nth < rest) for nth in range(count)]


def _cost(before: Take, after: Take) -> int | None:
    """What an ended take is settled on; `None` while that is not known, or it has not ended."""
    if not after.state.final:
        return None
    if before.state is TakeState.PLANNED and after.cost_usd_micros is None:
        return 0
    return after.cost_usd_micros


def _open_hold(connection: Connection, take_id: str) -> RowMapping | None:
    held = _hold_line(connection, take_id)
    return None if held is None or _closed(connection, take_id) else held


def _hold_line(connection: Connection, take_id: str) -> RowMapping | None:
    """The take's hold, locked: whoever settles or adjusts the take at the same moment waits for our end."""
    which = (ledger.c.take_id == take_id) & (ledger.c.entry == Entry.HOLD.value)
    return connection.execute(select(ledger).where(which).with_for_update()).mappings().one_or_none()


def _closed(connection: Connection, take_id: str) -> bool:
    closing = select(ledger.c.id).where(IS_CLOSING, ledger.c.take_id == take_id).limit(1)
    return connection.execute(closing).first() is not None


def _spent(connection: Connection, take_id: str) -> int:
    spent = select(func.coalesce(func.sum(ledger.c.usd_micros), 0))
    return int(connection.execute(spent.where(ledger.c.take_id == take_id, ledger.c.entry.in_(_SPENDING))).scalar_one())


def _close(connection: Connection, held: RowMapping, cost: int, now_ms: int, *, spent: str, back: str) -> None:
    """Writes what of the hold is spent and what is given back, with these causes; nothing of it stays held."""
    reserved = int(held["usd_micros"])
    if cost > 0:
        _write(connection, held, Entry.SETTLE, cost, spent, now_ms)
    if cost < reserved or cost == 0:
        _write(connection, held, Entry.RELEASE, reserved - cost, back, now_ms)
    _book(connection, held, held_more=-reserved, spent_more=cost)


def _write(connection: Connection, held: RowMapping, entry: Entry, usd_micros: int, cause: str, now_ms: int) -> None:
    """A line beside the take's hold."""
    same = ("guild_id", "person_id", "request_id", "take_id", "month_ms", "day_ms")
    new = {"at_ms": now_ms, "entry": entry.value, "usd_micros": usd_micros, "cause": cause}
    connection.execute(insert(ledger).values({**{name: held[name] for name in same}, **new}))


def _accounts_of(line: _Line) -> tuple[_Account, _Account]:
    """The guild's, then the person's: always in that order, so that nobody stands in another's way."""
    guild_id = line["guild_id"]
    return (
        _Account(scope=GUILD, guild_id=guild_id, person_id=0, starts_ms=line["month_ms"]),
        _Account(scope=PERSON, guild_id=guild_id, person_id=line["person_id"], starts_ms=line["day_ms"]),
    )


def _reserve(connection: Connection, account: _Account, usd_micros: int, limit: int | None, *, priced: bool) -> None:
    """Holds it where there is room; the look and the change are one statement."""
    _open(connection, account)
    used = accounts.c.held_usd_micros + accounts.c.spent_usd_micros
    room = true() if limit is None else used + usd_micros <= limit if priced else used < limit
    more = {"held_usd_micros": accounts.c.held_usd_micros + usd_micros}
    if connection.execute(update(accounts).where(account.row, room).values(more)).rowcount == 0:
        raise Refused(reason("budget-taken"))


def _book(connection: Connection, line: _Line, *, held_more: int, spent_more: int) -> None:
    more = {
        "held_usd_micros": accounts.c.held_usd_micros + held_more,
        "spent_usd_micros": accounts.c.spent_usd_micros + spent_more,
    }
    for account in _accounts_of(line):
        connection.execute(update(accounts).where(account.row).values(more))


def _open(connection: Connection, account: _Account) -> None:
    if connection.execute(select(accounts.c.scope).where(account.row)).first() is None:
        key = {
            "scope": account.scope,
            "guild_id": account.guild_id,
            "person_id": account.person_id,
            "starts_ms": account.starts_ms,
        }
        connection.execute(insert(accounts).values(**key, held_usd_micros=0, spent_usd_micros=0))
