"""Trays: references put aside, one tray a person and channel. A tray is its rows, and expires as a whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select

from bot.domain.drafts import TrayLimits, TrayView
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import Reference, numbered
from bot.queue import origins, withdrawals
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.rows import reference_columns, reference_from
from bot.queue.tables import tray_origins, tray_references

TrayChange = Callable[[tuple[Reference, ...]], Sequence[Reference]]
"""What a tray is to hold instead of what it holds. Pure; called inside the transaction; may raise `Refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayOf:
    """Whose tray, and where."""

    guild_id: int
    channel_id: int
    person_id: int


def tray(connection: Connection, channel_id: int, person_id: int, now_ms: int) -> TrayView:
    """What is in it, in order; one that expired (from that very millisecond) is empty."""
    mine = select(tray_references).where(_is_tray(channel_id, person_id), tray_references.c.expires_at_ms > now_ms)
    rows = connection.execute(mine.order_by(tray_references.c.number)).mappings().all()
    its_origins = origins.of_tray(connection, channel_id, person_id)
    return TrayView(
        references=tuple(reference_from(row, its_origins.get(row["number"], ())) for row in rows),
        expires_at_ms=rows[0]["expires_at_ms"] if rows else None,
    )


def change_tray(
    transaction: Transaction, whose: TrayOf, change: TrayChange, limits: TrayLimits, *, expires_at_ms: int, now_ms: int
) -> TrayView:
    """Puts what `change` makes of the tray in its place.

    `Refused` when that is more than before and over a limit, or has further files that were taken back meanwhile.
    What lay there when its author took it back stays, so that no number changes unasked; it is refused when it is used.
    """
    connection = transaction.connection
    one_at_a_time(connection)
    before = tray(connection, whose.channel_id, whose.person_id, now_ms).references
    after = numbered(change(before))
    if len(after) > len(before):
        _refuse_full(connection, whose, len(before), len(after), limits, now_ms)
    taken_back = withdrawals.refusals(connection, _come_newly(before, after))
    if taken_back:
        raise Refused(*taken_back)
    _replace(connection, whose, after, expires_at_ms)
    return tray(connection, whose.channel_id, whose.person_id, now_ms)


def empty_expired(transaction: Transaction, now_ms: int) -> None:
    """Deletes what expired."""
    transaction.connection.execute(delete(tray_references).where(tray_references.c.expires_at_ms <= now_ms))


def _come_newly(before: Sequence[Reference], after: Sequence[Reference]) -> list[Reference]:
    there = {reference.content for reference in before}
    return [reference for reference in after if reference.content not in there]


def _is_tray(channel_id: int, person_id: int) -> ColumnElement[bool]:
    return (tray_references.c.channel_id == channel_id) & (tray_references.c.person_id == person_id)


def _replace(connection: Connection, whose: TrayOf, references: Sequence[Reference], expires_at_ms: int) -> None:
    connection.execute(delete(tray_references).where(_is_tray(whose.channel_id, whose.person_id)))
    owned = {
        "guild_id": whose.guild_id,
        "channel_id": whose.channel_id,
        "person_id": whose.person_id,
        "expires_at_ms": expires_at_ms,
    }
    if references:
        connection.execute(insert(tray_references), [{**owned, **reference_columns(each)} for each in references])
        tray_key = {"channel_id": whose.channel_id, "person_id": whose.person_id}
        connection.execute(insert(tray_origins), origins.rows_of(references, tray_key))


def _refuse_full(
    connection: Connection, whose: TrayOf, before: int, after: int, limits: TrayLimits, now_ms: int
) -> None:
    by_guild, by_person = _held(connection, whose, now_ms)
    if after > limits.tray_files:
        raise Refused(reason("tray-full", count=after, limit=limits.tray_files))
    if by_person + after - before > limits.person_files:
        raise Refused(reason("trays-full", count=by_person, limit=limits.person_files))
    if by_guild + after - before > limits.guild_files:
        raise Refused(reason("guild-trays-full", limit=limits.guild_files))


def _held(connection: Connection, whose: TrayOf, now_ms: int) -> tuple[int, int]:
    """How many files the guild's trays hold, and how many the person's there."""
    mine = case((tray_references.c.person_id == whose.person_id, 1), else_=0)
    counted = select(func.count(), func.coalesce(func.sum(mine), 0)).where(
        tray_references.c.guild_id == whose.guild_id, tray_references.c.expires_at_ms > now_ms
    )
    by_guild, by_person = connection.execute(counted).one()
    return int(by_guild), int(by_person)
