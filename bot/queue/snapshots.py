"""Reading a request with all that belongs to it. The caller's transaction makes it one moment."""

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from bot.domain.bills import bill_of
from bot.domain.references import Reference
from bot.domain.requests import Request, Snapshot, Take
from bot.queue import origins
from bot.queue.ledger_reads import lines_of
from bot.queue.rows import post_from, request_from, request_reference_from, take_from
from bot.queue.standings import standing
from bot.queue.tables import posts, request_references, requests, takes


def load(connection: Connection, request_id: str) -> Snapshot | None:
    """The request with takes and posts, or `None`."""
    row = request_row(connection, requests.c.id == request_id)
    return None if row is None else snapshot_of(connection, row)


def made_by(connection: Connection, interaction_id: int) -> Snapshot | None:
    """The request that this interaction made, with takes and posts, or `None`."""
    row = request_row(connection, requests.c.interaction_id == interaction_id)
    return None if row is None else snapshot_of(connection, row)


def request_row(connection: Connection, which: ColumnElement[bool]) -> RowMapping | None:
    """The one row of `requests` that `which` is true for."""
    return connection.execute(select(requests).where(which)).mappings().one_or_none()


def snapshot_of(connection: Connection, row: RowMapping) -> Snapshot:
    """All that belongs to the request of that row."""
    request_id = row["id"]
    mine = select(takes).where(takes.c.request_id == request_id).order_by(takes.c.ordinal)
    sent = select(posts).where(posts.c.request_id == request_id).order_by(posts.c.intended_at_ms, posts.c.slot)
    return Snapshot(
        request=read_request(connection, row),
        takes=tuple(take_from(each) for each in connection.execute(mine).mappings()),
        posts=tuple(post_from(each) for each in connection.execute(sent).mappings()),
        standing=standing(connection, request_id) if row["state"] == "queued" else None,
        bill=bill_of(lines_of(connection, request_id)),
    )


def read_request(connection: Connection, row: RowMapping) -> Request:
    """The request of a row of `requests`, with its references."""
    return request_from(row, read_references(connection, row["id"]))


def read_references(connection: Connection, request_id: str) -> tuple[Reference, ...]:
    """The references of that request, in order."""
    kept = select(request_references).where(request_references.c.request_id == request_id)
    found = connection.execute(kept.order_by(request_references.c.number)).mappings()
    its_origins = origins.of_request(connection, request_id)
    return tuple(request_reference_from(each, its_origins.get(each["number"], ())) for each in found)


def read_take(connection: Connection, take_id: str) -> Take | None:
    """The take of that id, or `None`."""
    row = connection.execute(select(takes).where(takes.c.id == take_id)).mappings().one_or_none()
    return None if row is None else take_from(row)
