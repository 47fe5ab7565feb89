"""Order is policy: whose turn it is, decided in one short transaction whose cost does not grow with the backlog."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from bot.domain.admission import GuildPolicy
from bot.domain.states import RequestState
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.moves import store_request
from bot.queue.snapshots import read_request, request_row
from bot.queue.tables import IS_RUNNING, IS_WAITING, requests, takes

_GOING_ON: Final = ("submitting", "rendering", "fetching")


@dataclass(frozen=True, slots=True)
class _Lane:
    """A guild with a line: the place in the deployment's order of its first, and how many of it run."""

    guild_id: int
    head: int
    running: int


def claim_next(
    transaction: Transaction, policy: Callable[[int], GuildPolicy], *, max_running: int, now_ms: int
) -> str | None:
    """Queued → preparing for the next in turn; its id, or `None`.

    Running: preparing, working and delivering, but for what only a review can move: nobody may come for days.
    The guild with fewest running goes first; among equals the one whose head was accepted first.
    """
    connection = transaction.connection
    one_at_a_time(connection)
    running = _running(connection)
    if sum(running.values()) >= max_running:
        return None
    lanes = [_Lane(guild_id, head, running.get(guild_id, 0)) for guild_id, head in _heads(connection)]
    ready = [lane for lane in lanes if lane.running < policy(lane.guild_id).max_running_requests]
    if not ready:
        return None
    return _start(transaction, min(ready, key=lambda lane: (lane.running, lane.head)), now_ms)


def _start(transaction: Transaction, lane: _Lane, now_ms: int) -> str:
    row = request_row(transaction.connection, requests.c.accepted_seq == lane.head)
    assert row is not None  # noqa: S101  it was the lane's head in this very transaction
    head = read_request(transaction.connection, row)
    started = replace(head, state=RequestState.PREPARING, started_at_ms=now_ms)
    return store_request(transaction, head, started).id


def _running(connection: Connection) -> dict[int, int]:
    """How many run, by guild; a look at no more rows than run or wait for a review."""
    found = select(requests.c.guild_id, func.count()).where(IS_RUNNING, ~_awaits_review())
    return dict(connection.execute(found.group_by(requests.c.guild_id)).all())


def _awaits_review() -> ColumnElement[bool]:
    """A take is in review and none goes on. A planned one beside it may be its twin, and waits for it."""
    mine = takes.c.request_id == requests.c.id
    in_review = exists().where(mine, takes.c.state == "needs_review")
    return and_(in_review, ~exists().where(mine, takes.c.state.in_(_GOING_ON)))


def _heads(connection: Connection) -> list[tuple[int, int]]:
    """Each waiting guild with the `accepted_seq` of its first.

    Hops from guild to guild over the lanes' index (a GROUP BY would read the whole backlog).
    """
    first, following, queued = requests.alias("first"), requests.alias("following"), requests.alias("queued")
    lanes = select(func.min(first.c.guild_id).label("guild_id")).where(IS_WAITING).cte("lanes", recursive=True)
    hop = select(func.min(following.c.guild_id)).where(IS_WAITING, following.c.guild_id > lanes.c.guild_id)
    lanes = lanes.union_all(select(hop.scalar_subquery()).where(lanes.c.guild_id.is_not(None)))
    head = select(func.min(queued.c.accepted_seq)).where(IS_WAITING, queued.c.guild_id == lanes.c.guild_id)
    found = select(lanes.c.guild_id, head.scalar_subquery()).where(lanes.c.guild_id.is_not(None))
    return [(guild_id, sequence) for guild_id, sequence in connection.execute(found)]
