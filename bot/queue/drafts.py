"""Drafts: wishes made durable, and what was collected for them."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from bot.domain.admission import waiting_refusal
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.requests import Request, Snapshot, Wish
from bot.domain.states import RequestState
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.rows import request_columns
from bot.queue.snapshots import request_row, snapshot_of
from bot.queue.tables import IS_DRAFT, requests
from bot.queue.waiting import person_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLimits:
    """How much may stand open in a guild before another draft is refused; `None`: no limit.

    A draft costs downloads before any quota binds it. `waiting_per_person` counts what waits in the line, too.
    """

    waiting_per_person: int | None = None
    drafts_per_guild: int | None = None


def create_draft(
    transaction: Transaction, request_id: str, wish: Wish, now_ms: int, *, limits: DraftLimits
) -> Snapshot:
    """Stores the wish. The same `interaction_id` again answers the request it already made.

    `Refused` (too-many-waiting, too-many-own-drafts, too-many-drafts) when a limit is reached.
    """
    connection = transaction.connection
    if limits != DraftLimits():
        one_at_a_time(connection)
    same = requests.c.interaction_id == wish.interaction_id
    row = request_row(connection, same)
    if row is None:
        _refuse_many(connection, wish, limits.waiting_per_person)
        _refuse_crowd(connection, wish.place.guild_id, limits.drafts_per_guild)
        connection.execute(insert(requests).values(request_columns(_draft(request_id, wish, now_ms))))
        transaction.entered("request", request_id, RequestState.DRAFT)
        row = request_row(connection, same)
    assert row is not None  # noqa: S101  it was found, or added in this very transaction
    return snapshot_of(connection, row)


def drafts_of(connection: Connection, guild_id: int, person_id: int) -> tuple[str, ...]:
    """Ids of the drafts that wait for that person there, newest first."""
    mine = select(requests.c.id).where(
        IS_DRAFT,
        requests.c.guild_id == guild_id,
        requests.c.person_id == person_id,
        requests.c.expires_at_ms.is_not(None),
    )
    newest_first = mine.order_by(requests.c.created_at_ms.desc(), requests.c.id.desc())
    return tuple(connection.execute(newest_first).scalars())


def _refuse_many(connection: Connection, wish: Wish, limit: int | None) -> None:
    if limit is None:
        return
    waiting, drafts = person_waiting(connection, wish.place.guild_id, wish.person.id)
    refusal = waiting_refusal(waiting, drafts, limit)
    if refusal is not None:
        raise Refused(refusal)


def _refuse_crowd(connection: Connection, guild_id: int, limit: int | None) -> None:
    if limit is None:
        return
    drafts = select(func.count()).select_from(requests).where(IS_DRAFT, requests.c.guild_id == guild_id)
    if connection.execute(drafts).scalar_one() >= limit:
        raise Refused(reason("too-many-drafts", limit=limit))


def _draft(request_id: str, wish: Wish, now_ms: int) -> Request:
    return Request(
        id=request_id,
        version=1,
        state=RequestState.DRAFT,
        interaction_id=wish.interaction_id,
        place=wish.place,
        person=wish.person,
        written_prompt=wish.prompt,
        offers=wish.offers,
        parameters=wish.parameters,
        take_count=wish.take_count,
        created_at_ms=now_ms,
        names=wish.names,
        ask=wish.ask,
    )
