"""Whose turn it is becomes work: the pick of the lanes and the move to preparing, in one short transaction."""

from dataclasses import replace

from bot.domain.requests import Request
from bot.domain.states import RequestState
from bot.queue import lanes
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.moves import store_request
from bot.queue.snapshots import read_request, request_row
from bot.queue.tables import requests


def claim_next(transaction: Transaction, *, max_running: int, now_ms: int) -> str | None:
    """Queued → preparing for the next in turn; its id, or `None`.

    One that an older release moved on without the lanes' knowledge gives its place back, and the next is picked.
    """
    one_at_a_time(transaction.connection)
    while (request_id := lanes.pick(transaction, max_running=max_running, now_ms=now_ms)) is not None:
        picked = _picked(transaction, request_id)
        if picked.state is RequestState.QUEUED:
            started = replace(picked, state=RequestState.PREPARING, started_at_ms=now_ms)
            return store_request(transaction, picked, started).id
        lanes.end(transaction, request_id, given_back=True)
    return None


def _picked(transaction: Transaction, request_id: str) -> Request:
    row = request_row(transaction.connection, requests.c.id == request_id)
    assert row is not None  # noqa: S101  its place was just written in this very transaction
    return read_request(transaction.connection, row)
