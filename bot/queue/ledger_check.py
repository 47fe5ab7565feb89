"""The proof: everything recomputed from the lines, and a sentence for each thing that does not agree."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Subquery, and_, case, exists, func, or_, select

from bot.domain.money import Cause, Entry
from bot.domain.reasons import Reason, reason
from bot.domain.states import TakeState
from bot.domain.words import dollars, say
from bot.queue.ledger import GUILD, PERSON
from bot.queue.tables import accounts, ledger, requests, takes

_ENDED: Final = tuple(state.value for state in TakeState if state.final)
_KNOWN: Final = tuple(entry.value for entry in Entry)
_SIGNED: Final = (Entry.ADJUST.value, Entry.OPENING.value)
_OWN_CAUSES: Final = tuple(cause.value for cause in Cause)
_OPENING: Final = ledger.c.entry == Entry.OPENING.value
_SAME: Final = ("request_id", "guild_id", "person_id", "month_ms", "day_ms")
"""What all lines of a take agree in."""


def _sum(entry: Entry) -> ColumnElement[int]:
    return func.sum(case((ledger.c.entry == entry.value, ledger.c.usd_micros), else_=0))


def _count(entry: Entry) -> ColumnElement[int]:
    return func.sum(case((ledger.c.entry == entry.value, 1), else_=0))


def _by_take() -> Subquery:
    """Each take's lines in one row: the sum of each entry, how many there are, and what they agree in."""
    sums = [_sum(entry).label(entry.value) for entry in Entry if entry is not Entry.OPENING]
    counts = [_count(entry).label(f"{entry.value}s") for entry in (Entry.HOLD, Entry.RELEASE, Entry.SETTLE)]
    same = [func.min(ledger.c[name]).label(name) for name in _SAME]
    scattered = or_(*(func.min(ledger.c[name]) != func.max(ledger.c[name]) for name in _SAME))
    operators = func.sum(case((ledger.c.cause.in_(_OWN_CAUSES), 0), else_=1))
    named = (scattered.label("scattered"), operators.label("operators"))
    return (
        select(ledger.c.take_id, *sums, *counts, *same, *named).where(~_OPENING).group_by(ledger.c.take_id).subquery()
    )


_TAKES: Final = _by_take()

_Key = tuple[str, int, int, int]
"""An account's scope, guild, person and start."""


def check(connection: Connection) -> tuple[str, ...]:
    """A sentence for each difference, none when all is well.

    For a connection that sees one moment, as `Database.read` gives it: then a running bot is no trouble.
    """
    return tuple(say(each) for each in _differences(connection))


def _differences(connection: Connection) -> Iterator[Reason]:
    yield from _strange_lines(connection)
    yield from _broken_takes(connection)
    yield from _unlike_their_takes(connection)
    yield from _missing_holds(connection)
    yield from _wrong_accounts(connection)


# --- lines and takes -------------------------------------------------------------------------------------------------


def _strange_lines(connection: Connection) -> Iterator[Reason]:
    """What no take's sums would show: lines of nobody's request, negative or unknown ones."""
    own = (requests.c.guild_id == ledger.c.guild_id) & (requests.c.person_id == ledger.c.person_id)
    asked = exists().where(requests.c.id == ledger.c.request_id, own)
    taken = exists().where(takes.c.id == ledger.c.take_id, takes.c.request_id == ledger.c.request_id)
    for row in connection.execute(select(ledger.c.id).where(~_OPENING, ~and_(asked, taken)).order_by(ledger.c.id)):
        yield reason("ledger-no-request", line=row.id)
    wrong = or_(ledger.c.entry.not_in(_KNOWN), and_(ledger.c.usd_micros < 0, ledger.c.entry.not_in(_SIGNED)))
    strange = select(ledger.c.id, ledger.c.entry, ledger.c.usd_micros).where(wrong).order_by(ledger.c.id)
    for row in connection.execute(strange):
        yield reason("ledger-strange-line", line=row.id, entry=row.entry, amount=dollars(row.usd_micros))


def _broken_takes(connection: Connection) -> Iterator[Reason]:
    """Takes whose own lines do not add up: hold = what is spent of it + what is given back, once it is closed."""
    for row in connection.execute(select(_TAKES).order_by(_TAKES.c.take_id)):
        if row.holds != 1:
            yield reason("ledger-holds", take=row.take_id, count=row.holds)
        if row.settles > 1 or row.releases > 1:
            yield reason("ledger-settled-twice", take=row.take_id)
        if row.scattered:
            yield reason("ledger-scattered", take=row.take_id)
        due = max(0, int(row.hold) - int(row.settle))
        if (row.settles or row.releases) and int(row.release) != due:
            back = dollars(int(row.release))
            yield reason("ledger-release", take=row.take_id, back=back, due=dollars(due), held=dollars(int(row.hold)))
        if row.adjust and not (row.settles or row.releases):
            yield reason("ledger-adjusted-early", take=row.take_id)


def _unlike_their_takes(connection: Connection) -> Iterator[Reason]:
    """Takes that say otherwise than the ledger; where an operator had a word, the ledger is right."""
    columns = (takes.c.state, takes.c.cost_usd_micros, takes.c.submitting_at_ms)
    both = select(_TAKES, *columns).join(takes, takes.c.id == _TAKES.c.take_id).where(_TAKES.c.operators == 0)
    for row in connection.execute(both.order_by(_TAKES.c.take_id)):
        closed, ended, cost = bool(row.settles or row.releases), row.state in _ENDED, row.cost_usd_micros
        unbegun = cost is None and row.submitting_at_ms is None
        if closed and ended and cost is not None and cost != row.settle:
            spent = dollars(int(row.settle))
            yield reason("ledger-other-cost", take=row.take_id, cost=dollars(cost), spent=spent)
        if not closed and ended and (cost is not None or unbegun):
            yield reason("ledger-not-settled", take=row.take_id, held=dollars(int(row.hold)))
        if row.settles and not ended:
            yield reason("ledger-settled-early", take=row.take_id)


def _missing_holds(connection: Connection) -> Iterator[Reason]:
    """Takes without a line beside takes of the same request that have some; older requests have none at all.

    Of a month that was summed up nothing can be missing.
    """
    opening = ledger.alias("opening")
    summed = exists().where(
        opening.c.entry == Entry.OPENING.value,
        opening.c.guild_id == ledger.c.guild_id,
        opening.c.month_ms == ledger.c.month_ms,
    )
    mine = exists().where(ledger.c.take_id == takes.c.id)
    others = exists().where(ledger.c.request_id == takes.c.request_id, ~summed)
    for take_id in connection.execute(select(takes.c.id).where(others, ~mine).order_by(takes.c.id)).scalars():
        yield reason("ledger-holds", take=take_id, count=0)


# --- accounts --------------------------------------------------------------------------------------------------------


def _wrong_accounts(connection: Connection) -> Iterator[Reason]:
    """Accounts that are not the sums of their lines."""
    due = _due(connection)
    kept = {_key(row): (row.held_usd_micros, row.spent_usd_micros) for row in connection.execute(select(accounts))}
    for key in sorted(due.keys() | kept.keys()):
        (held, spent), (held_due, spent_due) = kept.get(key, (0, 0)), due.get(key, (0, 0))
        scope, guild_id, person_id, starts_ms = key
        whose = {"scope": scope, "guild": guild_id, "person": person_id, "start": starts_ms}
        if held != held_due:
            yield reason("ledger-held", **whose, held=dollars(held), due=dollars(held_due))
        if spent != spent_due:
            yield reason("ledger-spent", **whose, spent=dollars(spent), due=dollars(spent_due))


def _due(connection: Connection) -> dict[_Key, tuple[int, int]]:
    """What the accounts should hold and have spent, by their lines."""
    months = _sums(connection, GUILD, (_TAKES.c.guild_id, _TAKES.c.month_ms))
    days = _sums(connection, PERSON, (_TAKES.c.guild_id, _TAKES.c.person_id, _TAKES.c.day_ms))
    for line in connection.execute(select(ledger.c.guild_id, ledger.c.month_ms, ledger.c.usd_micros).where(_OPENING)):
        key = (GUILD, line.guild_id, 0, line.month_ms)
        held, spent = months.get(key, (0, 0))
        months[key] = (held, spent + line.usd_micros)
    return months | days


def _sums(connection: Connection, scope: str, columns: tuple[ColumnElement[int], ...]) -> dict[_Key, tuple[int, int]]:
    """Held and spent by account; `columns` are its key's: the guild, the person (not for a guild's own), the start."""
    is_open = (_TAKES.c.settles == 0) & (_TAKES.c.releases == 0)
    held = func.sum(case((is_open, _TAKES.c.hold), else_=0)).label("held")
    spent = func.sum(_TAKES.c.settle + _TAKES.c.adjust).label("spent")
    rows = connection.execute(select(held, spent, *columns).group_by(*columns)).mappings()
    return {
        (scope, row["guild_id"], row.get("person_id", 0), row[columns[-1]]): (int(row["held"]), int(row["spent"]))
        for row in rows
    }


def _key(row: Row[Any]) -> _Key:
    return (row.scope, row.guild_id, row.person_id, row.starts_ms)
