"""Moves of requests and takes: each is checked against the state table and guarded by the row's version."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from bot.domain.conform import Made
from bot.domain.errors import Stale, Unavailable
from bot.domain.generations import PreparedBody
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request, Take
from bot.domain.states import IllegalMove, RequestState, TakeState, check_request_move, check_take_move
from bot.queue import consents, endings, origins
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.leaving import slimmed
from bot.queue.rows import (
    Columns,
    differing,
    made_columns,
    request_columns,
    request_from,
    request_reference_columns,
    take_columns,
    take_from,
)
from bot.queue.snapshots import read_references, read_request, read_take, request_row
from bot.queue.tables import IS_LOOKED_FOR, IS_SUBMITTING, request_origins, request_references, requests, takes

_ROWS_OWN: Final = frozenset({"id", "version", "state", "request_id", "ordinal"})
_REQUEST_FIELDS: Final = frozenset(each.name for each in fields(Request)) - _ROWS_OWN
_TAKE_FIELDS: Final = frozenset(each.name for each in fields(Take)) - _ROWS_OWN
_ALONE: Final = frozenset({"generation_id", "cost_usd_micros"})
"""What of a take is compared with other takes, or counted beside them."""


def move(transaction: Transaction, request: Request, state: RequestState, changes: Mapping[str, Any]) -> Request:
    """Stores a new state (or the same one) and the named fields.

    Into the line leads `accept` alone, and out of it to preparing `claim_next`. References are a draft's to change:
    later a line and a bill rest on them.
    """
    _check_names(changes, _REQUEST_FIELDS)
    if state.final and state is not request.state:
        one_at_a_time(transaction.connection)
    current = current_request(transaction.connection, request)
    check_request_move(current.state, state)
    if "references" in changes and current.state is not RequestState.DRAFT:
        raise IllegalMove(f"request: references changed in {current.state}")
    if state is RequestState.QUEUED and current.state is not RequestState.QUEUED:
        raise IllegalMove("request: only accept queues")
    if state is RequestState.PREPARING and current.state is RequestState.QUEUED:
        raise IllegalMove("request: only a claim prepares")
    return store_request(transaction, current, replace(current, state=state, **changes))


def record_made(transaction: Transaction, request: Request, reference_id: str, made: Made) -> Request:
    """Stores what the reference was made into; `IllegalMove` unless its request is being prepared.

    `KeyError` for a reference that the request does not have.
    """
    current = current_request(transaction.connection, request)
    if current.state is not RequestState.PREPARING:
        raise IllegalMove(f"request: a file made in {current.state}")
    if all(each.id != reference_id for each in current.references):
        raise KeyError(reference_id)
    stored = store_request(transaction, current, current)
    its = (request_references.c.request_id == request.id) & (request_references.c.id == reference_id)
    transaction.connection.execute(update(request_references).where(its).values(made_columns(made)))
    return replace(stored, references=_with_made(stored.references, reference_id, made))


def move_take(transaction: Transaction, take: Take, state: TakeState, changes: Mapping[str, Any]) -> Take:
    """Stores a new state (or the same one) and the named fields, less what that state has no use for (`slimmed`).

    `Stale` when another take owns the generation; `Unavailable` (needs-review) when it would be the second of its
    fingerprint in submitting.
    """
    _check_names(changes, _TAKE_FIELDS)
    if state is not take.state or not _ALONE.isdisjoint(changes):
        one_at_a_time(transaction.connection)
    current = current_take(transaction.connection, take)
    check_take_move(current.state, state)
    new = slimmed(replace(current, state=state, **changes))
    if _twin_in_submitting(transaction.connection, new):
        raise Unavailable(reason("needs-review"), detail=f"take {take.id} has a twin in submitting")
    if _owned_elsewhere(transaction.connection, new):
        raise Stale(reason("internal-error"), detail=f"take {take.id}: another take owns this generation")
    return _store_take(transaction, current, new)


def begin_submission(transaction: Transaction, take: Take, prepared: PreparedBody, now_ms: int) -> Take | None:
    """Planned → submitting with its body; `None` while another body of the same fingerprint is there or in review.

    From any other state it is illegal, the same one included: it would pay a second time. `Stale` when the request is
    not working or was asked to be cancelled; its row is held, so that no cancel comes between this look and the commit.
    `Refused` when a reference of it may not be used any more.
    """
    one_at_a_time(transaction.connection)
    current = current_take(transaction.connection, take)
    if current.state is not TakeState.PLANNED:
        raise IllegalMove(f"take: {current.state} -> submitting")
    _refuse_payment(transaction.connection, current.request_id)
    if _twin_looked_for(transaction.connection, current.id, prepared.fingerprint):
        return None
    new = replace(
        current,
        state=TakeState.SUBMITTING,
        body=prepared.body,
        fingerprint=prepared.fingerprint,
        attempts=current.attempts + 1,
        looks=0,
        submitting_at_ms=now_ms,
    )
    return _store_take(transaction, current, new)


def current_request(connection: Connection, request: Request) -> Request:
    """The row as it stands; `Stale` unless it is the version that the caller knows."""
    row = request_row(connection, requests.c.id == request.id)
    if row is None or row["version"] != request.version:
        raise _stale("request", request.id, request.version)
    return read_request(connection, row)


def current_take(connection: Connection, take: Take) -> Take:
    """The row as it stands; `Stale` unless it is the version that the caller knows."""
    current = read_take(connection, take.id)
    if current is None or current.version != take.version:
        raise _stale("take", take.id, take.version)
    return current


def store_request(transaction: Transaction, before: Request, after: Request, **extra: int) -> Request:
    """Writes what differs under the next version; answers what a load would. `extra`: columns that are no fields."""
    columns = request_columns(replace(after, version=before.version + 1))
    changed: Columns = {**differing(request_columns(before), columns), **extra}
    guard = (requests.c.id == before.id) & (requests.c.version == before.version)
    if transaction.connection.execute(update(requests).where(guard).values(changed)).rowcount == 0:
        raise _stale("request", before.id, before.version)
    if after.references != before.references:
        replace_references(transaction.connection, before.id, after.references)
    if after.state is not before.state:
        transaction.entered("request", after.id, after.state, after.failure)
        endings.request_moved(transaction, before, after)
    return request_from(columns, tuple(after.references))


def replace_references(connection: Connection, request_id: str, references: Sequence[Reference]) -> None:
    """Puts these references in the place of whatever the request had."""
    connection.execute(delete(request_references).where(request_references.c.request_id == request_id))
    if references:
        rows = [{"request_id": request_id, **request_reference_columns(each)} for each in references]
        connection.execute(insert(request_references), rows)
        connection.execute(insert(request_origins), origins.rows_of(references, {"request_id": request_id}))


def _with_made(references: Sequence[Reference], reference_id: str, made: Made) -> tuple[Reference, ...]:
    return tuple(replace(each, made=made) if each.id == reference_id else each for each in references)


def _store_take(transaction: Transaction, before: Take, after: Take) -> Take:
    columns = take_columns(replace(after, version=before.version + 1))
    guard = (takes.c.id == before.id) & (takes.c.version == before.version)
    changed = differing(take_columns(before), columns)
    if transaction.connection.execute(update(takes).where(guard).values(changed)).rowcount == 0:
        raise _stale("take", before.id, before.version)
    if after.state is not before.state:
        transaction.entered("take", after.id, after.state, after.failure)
    endings.take_moved(transaction, before, after)
    return take_from(columns)


def _twin_in_submitting(connection: Connection, new: Take) -> bool:
    if new.state is not TakeState.SUBMITTING or new.fingerprint is None:
        return False
    return _exists(connection, IS_SUBMITTING & (takes.c.fingerprint == new.fingerprint), besides=new.id)


def _twin_looked_for(connection: Connection, take_id: str, fingerprint: str) -> bool:
    """A take in review may have been paid for, and its generation may show up: it would pass for the twin's."""
    return _exists(connection, IS_LOOKED_FOR & (takes.c.fingerprint == fingerprint), besides=take_id)


def _refuse_payment(connection: Connection, request_id: str) -> None:
    row = _held(connection, request_id)
    if row["state"] != RequestState.WORKING.value or row["cancel_requested_by"] is not None:
        raise Stale(reason("internal-error"), detail=f"request {request_id} wants nothing more to be paid")
    references = read_references(connection, request_id)
    who = {"guild_id": row["guild_id"], "person_id": row["person_id"]}
    consents.refuse(consents.refusals(connection, references, **who))


def _held(connection: Connection, request_id: str) -> RowMapping:
    columns = (requests.c.state, requests.c.cancel_requested_by, requests.c.guild_id, requests.c.person_id)
    asked = select(*columns).where(requests.c.id == request_id).with_for_update(read=True)
    return connection.execute(asked).mappings().one()


def _owned_elsewhere(connection: Connection, new: Take) -> bool:
    if new.generation_id is None:
        return False
    return _exists(connection, takes.c.generation_id == new.generation_id, besides=new.id)


def _exists(connection: Connection, which: ColumnElement[bool], *, besides: str) -> bool:
    other = select(takes.c.id).where(which, takes.c.id != besides).limit(1)
    return connection.execute(other).first() is not None


def _check_names(changes: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(changes) - known)
    if unknown:
        raise TypeError(f"not fields to change: {', '.join(unknown)}")


def _stale(subject: str, row_id: str, version: int) -> Stale:
    return Stale(reason("internal-error"), detail=f"{subject} {row_id} is not at version {version}")
