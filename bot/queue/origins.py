"""The ways by which a reference's bytes came: rows of their own, so that those of a person or message are found."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, or_, select

from bot.domain.references import Origin, Reference
from bot.queue.rows import Columns, origin_columns, origin_from
from bot.queue.tables import request_origins, tray_origins, withdrawals


def rows_of(references: Sequence[Reference], owned: Columns) -> list[Columns]:
    """The rows of all their origins, in order; `owned` says whose references they are."""
    return [
        {**owned, "number": reference.number, "ordinal": ordinal, **origin_columns(origin)}
        for reference in references
        for ordinal, origin in enumerate(reference.origins, start=1)
    ]


def of_request(connection: Connection, request_id: str) -> dict[int, tuple[Origin, ...]]:
    """Number of a reference of that request → its origins."""
    return _by_number(connection, request_origins, request_origins.c.request_id == request_id)


def of_tray(connection: Connection, channel_id: int, person_id: int) -> dict[int, tuple[Origin, ...]]:
    """Number of a reference in that tray → its origins."""
    mine = (tray_origins.c.channel_id == channel_id) & (tray_origins.c.person_id == person_id)
    return _by_number(connection, tray_origins, mine)


def was_in(origins: Table, message_id: int) -> ColumnElement[bool]:
    """True for the origins that are, or forward, that message."""
    return or_(origins.c.message_id == message_id, origins.c.forwarded_id == message_id)


def one_is_left(references: Table, origins: Table, *key: str) -> ColumnElement[bool]:
    """True for the references of which not every origin was taken back. `key`: what the tables have in common."""
    its = and_(*(origins.c[name] == references.c[name] for name in key))
    taken_back = exists().where(withdrawals.c.message_id.in_((origins.c.message_id, origins.c.forwarded_id)))
    return or_(~exists().where(its), exists().where(its, ~taken_back))


def _by_number(connection: Connection, origins: Table, which: ColumnElement[bool]) -> dict[int, tuple[Origin, ...]]:
    found = defaultdict[int, list[Origin]](list)
    in_order = select(origins).where(which).order_by(origins.c.number, origins.c.ordinal)
    for row in connection.execute(in_order).mappings():
        found[row["number"]].append(origin_from(row))
    return {number: tuple(each) for number, each in found.items()}
