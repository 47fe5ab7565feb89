"""Requests that an older release accepted or moved on: they get the places in the lanes that it knew nothing of.

Their quotas and their money are as that release left them: not counted, and nothing held.
"""

from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, select, update

from bot.domain.requests import Request
from bot.queue import lanes
from bot.queue.acceptance import turn_of
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.lane_limits import limits_from, own_running, set_limits
from bot.queue.lane_rows import NONE, PARKED, RUNNING, save, seat_in_lane
from bot.queue.snapshots import read_request, request_row
from bot.queue.tables import IS_RUNNING, requests, takes
from bot.queue.terms import Held, Terms, held_for
from bot.queue.turns import held as with_one_running

_LONGEST_SECONDS: Final = 15
"""What a take of automatic length counts as: the most of the one model that there was."""
_GOING_ON: Final = ("submitting", "rendering", "fetching")


def enter_left_out(transaction: Transaction, terms: Terms, now_ms: int, batch: int) -> int:
    """Queued requests without a place enter the line, those under way hold one; how many they were."""
    one_at_a_time(transaction.connection)
    waiting = lanes.left_out(transaction.connection, batch=batch)
    for request_id in waiting:
        _enter(transaction, request_id, terms, now_ms)
    under_way = _under_way(transaction.connection, batch)
    for request_id in under_way:
        _hold(transaction, request_id, terms, now_ms)
    return len(waiting) + len(under_way)


def _enter(transaction: Transaction, request_id: str, terms: Terms, now_ms: int) -> None:
    request = _request(transaction.connection, request_id)
    held = _held(transaction.connection, terms, request, now_ms)
    seconds = request.take_count * (request.parameters.duration_seconds or _LONGEST_SECONDS)
    lanes.enter(
        transaction,
        request_id,
        guild_id=request.place.guild_id,
        person_id=request.person.id,
        turn=turn_of(request, seconds, held),
        limits=limits_from(held.policy),
        person_running=own_running(held.policy, request.person.roles),
        now_ms=now_ms,
    )


def _hold(transaction: Transaction, request_id: str, terms: Terms, now_ms: int) -> None:
    """One under way counts as running from now on, unless only a review can move it."""
    connection = transaction.connection
    request = _request(connection, request_id)
    guild_id = request.place.guild_id
    set_limits(transaction, guild_id, limits_from(_held(connection, terms, request, now_ms).policy))
    parked = bool(connection.execute(select(_awaits_review(request_id))).scalar_one())
    place = {"lane_state": PARKED if parked else RUNNING, "person_charge": 1, "guild_charge": 1}
    connection.execute(update(requests).where(requests.c.id == request_id).values(place))
    seat = seat_in_lane(connection, guild_id, request.person.id)
    save(connection, seat, seat if parked else with_one_running(seat))


def _under_way(connection: Connection, batch: int) -> tuple[str, ...]:
    """What runs and was never picked. One that was, and is delivered again, has its charges."""
    unknown = (requests.c.lane_state == NONE) & (requests.c.person_charge == 0)
    found = select(requests.c.id).where(IS_RUNNING, unknown).order_by(requests.c.accepted_seq).limit(batch)
    return tuple(connection.execute(found).scalars())


def _awaits_review(request_id: str) -> ColumnElement[bool]:
    mine = takes.c.request_id == request_id
    in_review = exists().where(mine, takes.c.state == "needs_review")
    return in_review & ~exists().where(mine, takes.c.state.in_(_GOING_ON))


def _held(connection: Connection, terms: Terms, request: Request, now_ms: int) -> Held:
    return held_for(connection, terms, request.place.guild_id, request.person, now_ms)


def _request(connection: Connection, request_id: str) -> Request:
    row = request_row(connection, requests.c.id == request_id)
    assert row is not None  # noqa: S101  it was found in this very transaction
    return read_request(connection, row)
