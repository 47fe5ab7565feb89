"""The two tables of legal moves. An illegal move fails at the line that made it."""

from collections.abc import Mapping
from enum import StrEnum


class RequestState(StrEnum):
    """Where a request stands; `value` is what columns and logs say."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    PREPARING = "preparing"
    WORKING = "working"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    KEPT = "kept"
    EXPIRED = "expired"
    DENIED = "denied"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """True when the request asks for no further work (a kept one may be delivered again on demand)."""
        return self in _FINAL


class TakeState(StrEnum):
    """Where a take stands; `value` is what columns and logs say."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    RENDERING = "rendering"
    FETCHING = "fetching"
    FETCHED = "fetched"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """True when nothing more will happen to the take."""
        return not _TAKE_MOVES[self]


_R = RequestState
_FINAL = frozenset({_R.DELIVERED, _R.KEPT, _R.EXPIRED, _R.DENIED, _R.CANCELLED, _R.FAILED})
_REQUEST_MOVES: Mapping[RequestState, frozenset[RequestState]] = {
    _R.DRAFT: frozenset({_R.AWAITING_APPROVAL, _R.QUEUED, _R.EXPIRED, _R.CANCELLED, _R.FAILED}),
    _R.AWAITING_APPROVAL: frozenset({_R.QUEUED, _R.EXPIRED, _R.DENIED, _R.CANCELLED, _R.FAILED}),
    _R.QUEUED: frozenset({_R.PREPARING, _R.CANCELLED, _R.FAILED}),
    _R.PREPARING: frozenset({_R.WORKING, _R.CANCELLED, _R.FAILED}),
    _R.WORKING: frozenset({_R.DELIVERING, _R.CANCELLED, _R.FAILED}),
    _R.DELIVERING: frozenset({_R.DELIVERED, _R.KEPT}),
    _R.KEPT: frozenset({_R.DELIVERING}),
    _R.DELIVERED: frozenset(),
    _R.EXPIRED: frozenset(),
    _R.DENIED: frozenset(),
    _R.CANCELLED: frozenset(),
    _R.FAILED: frozenset(),
}

_T = TakeState
_TAKE_MOVES: Mapping[TakeState, frozenset[TakeState]] = {
    _T.PLANNED: frozenset({_T.SUBMITTING, _T.CANCELLED, _T.FAILED}),
    _T.SUBMITTING: frozenset({_T.RENDERING, _T.PLANNED, _T.NEEDS_REVIEW, _T.CANCELLED, _T.FAILED}),
    _T.RENDERING: frozenset({_T.FETCHING, _T.NEEDS_REVIEW, _T.CANCELLED, _T.FAILED}),
    _T.FETCHING: frozenset({_T.FETCHED, _T.FAILED}),
    _T.NEEDS_REVIEW: frozenset({_T.SUBMITTING, _T.RENDERING, _T.CANCELLED, _T.FAILED}),
    _T.FETCHED: frozenset(),
    _T.FAILED: frozenset(),
    _T.CANCELLED: frozenset(),
}


class IllegalMove(Exception):
    """A move that the tables do not have: a defect in the caller."""


def check_request_move(before: RequestState, after: RequestState) -> None:
    """Raises `IllegalMove` unless the table has the move; staying is always legal."""
    if before is not after and after not in _REQUEST_MOVES[before]:
        raise IllegalMove(f"request: {before} -> {after}")


def check_take_move(before: TakeState, after: TakeState) -> None:
    """Raises `IllegalMove` unless the table has the move; staying is always legal."""
    if before is not after and after not in _TAKE_MOVES[before]:
        raise IllegalMove(f"take: {before} -> {after}")
