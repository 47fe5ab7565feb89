"""Drafts: wishes made durable, and what was collected for them."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert

from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request, Snapshot, Wish
from bot.domain.states import IllegalMove, RequestState
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.moves import current_request, store_request
from bot.queue.rows import request_columns
from bot.queue.snapshots import request_row, snapshot_of
from bot.queue.tables import requests
from bot.queue.waiting import person_waiting


def create_draft(
    transaction: Transaction, request_id: str, wish: Wish, now_ms: int, *, max_waiting: int | None
) -> Snapshot:
    """Stores the wish. The same `interaction_id` again answers the request it already made.

    `Refused` (too-many-waiting) when `max_waiting` requests of that person wait in the guild: a draft costs downloads
    before any quota binds it.
    """
    connection = transaction.connection
    if max_waiting is not None:
        one_at_a_time(connection)
    same = requests.c.interaction_id == wish.interaction_id
    row = request_row(connection, same)
    if row is None:
        _refuse_many(connection, wish, max_waiting)
        connection.execute(insert(requests).values(request_columns(_draft(request_id, wish, now_ms))))
        transaction.entered("request", request_id, RequestState.DRAFT)
        row = request_row(connection, same)
    assert row is not None  # noqa: S101  it was found, or added in this very transaction
    return snapshot_of(connection, row)


def keep_references(transaction: Transaction, request: Request, references: Sequence[Reference]) -> Request:
    """Stores what was collected for a draft (replacing what was); illegal later, when a line or a bill rests on it."""
    current = current_request(transaction.connection, request)
    if current.state is not RequestState.DRAFT:
        raise IllegalMove(f"request: references kept in {current.state}")
    return store_request(transaction, current, replace(current, references=tuple(references)))


def _refuse_many(connection: Connection, wish: Wish, limit: int | None) -> None:
    if limit is None:
        return
    count = person_waiting(connection, wish.place.guild_id, wish.person.id)
    if count >= limit:
        raise Refused(reason("too-many-waiting", count=count, limit=limit))


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
    )
