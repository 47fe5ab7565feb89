"""What a move means for the rest: for the request's place in the line, its quotas, and the money held for it."""

from typing import Final

from sqlalchemy import Connection, and_, or_, select

from bot.domain.requests import Request, Take
from bot.domain.states import RequestState, TakeState
from bot.queue import lanes, ledger, quotas
from bot.queue.engine import Transaction
from bot.queue.tables import takes

_WITHOUT_CLIP: Final = frozenset(
    {RequestState.CANCELLED, RequestState.FAILED, RequestState.DENIED, RequestState.EXPIRED}
)
_MAY_HAVE_COST: Final = (TakeState.SUBMITTING.value, TakeState.NEEDS_REVIEW.value)
_CAME_TO_NOTHING: Final = (TakeState.FAILED.value, TakeState.CANCELLED.value)
_GOING_ON: Final = frozenset({TakeState.SUBMITTING, TakeState.RENDERING, TakeState.FETCHING})


def request_moved(work: Transaction, before: Request, after: Request) -> None:
    """An accepted request that ended gives up its place and what is held for takes that are begun no more.

    Ended without a clip, and nothing of it ever was, or may have been, at the vendor: its turn and its quota are given
    back too. To be called under `one_at_a_time`.
    """
    if not after.state.final or before.accepted_at_ms is None:
        return
    back = after.state in _WITHOUT_CLIP and not _may_have_cost(work.connection, after.id)
    if before.state is RequestState.QUEUED:
        lanes.leave(work, after.id)
    else:
        lanes.end(work, after.id, given_back=back)
    if back:
        quotas.give_back(work, after.id)
    ledger.give_back(work, after.id, work.clock())


def take_moved(work: Transaction, before: Take, after: Take) -> None:
    """A take that ended is settled; a request that only a review can move holds no place meanwhile.

    To be called under `one_at_a_time`.
    """
    if (after.state, after.cost_usd_micros) != (before.state, before.cost_usd_micros):
        ledger.settle(work, before, after, work.clock())
    if after.state is not before.state:
        _keep_place(work, before, after)


def _keep_place(work: Transaction, before: Take, after: Take) -> None:
    states = {TakeState(state) for state in _states(work.connection, after.request_id)}
    if TakeState.NEEDS_REVIEW not in states | {before.state}:
        return
    if TakeState.NEEDS_REVIEW in states and not states & _GOING_ON:  # a planned one may be its twin, and waits for it
        lanes.park(work, after.request_id)
    else:
        lanes.unpark(work, after.request_id)


def _states(connection: Connection, request_id: str) -> list[str]:
    return list(connection.execute(select(takes.c.state).where(takes.c.request_id == request_id)).scalars())


def _may_have_cost(connection: Connection, request_id: str) -> bool:
    """What is proved to have cost nothing ended with a cost of 0; an unknown one may yet be on the vendor's bill."""
    unknown = and_(takes.c.state.in_(_CAME_TO_NOTHING), takes.c.cost_usd_micros.is_(None))
    known = or_(takes.c.generation_id.is_not(None), takes.c.state.in_(_MAY_HAVE_COST), takes.c.cost_usd_micros > 0)
    found = select(takes.c.id).where(takes.c.request_id == request_id, or_(known, unknown)).limit(1)
    return connection.execute(found).first() is not None
