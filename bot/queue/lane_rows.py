"""The lanes' rows, read and written. Under `one_at_a_time` what was read is what is written over."""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    BigInteger,
    Connection,
    RowMapping,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    insert,
    select,
    update,
)

from bot.queue.rows import Columns, differing
from bot.queue.tables import IS_READY, bot_line, lane_people, lanes, requests
from bot.queue.turns import BotLine, Head, Lane, LaneLimits, LanePerson, Seat

NONE: Final = 0
READY: Final = 1
ASLEEP: Final = 2
RUNNING: Final = 3
PARKED: Final = 4
"""`requests.lane_state`."""

_LIMITS: Final = ("weight", "max_running", "person_max_running", "first_come", "ageing_ms")
_LANE: Final = ("guild_id", "running", "eligible", "tag", "clock")
_BOT: Final = ("running", "max_running", "clock", "picks")
_PERSON: Final = (
    "guild_id",
    "person_id",
    "weight",
    "max_running",
    "running",
    "ready",
    "blocked",
    "tag",
    "credit",
    "picked",
)
_BOT_ID: Final = 1


def read_bot(connection: Connection) -> BotLine:
    """The deployment's line; a new one before the first pick."""
    row = connection.execute(_BOT_LINE).mappings().one_or_none()
    return BotLine() if row is None else bot_from(row)


def read_lane(connection: Connection, guild_id: int) -> Lane | None:
    """The guild's lane, or `None` when nothing ever entered it."""
    row = connection.execute(_A_LANE, {"guild": guild_id}).mappings().one_or_none()
    return None if row is None else lane_from(row)


def read_seat(connection: Connection, guild_id: int, person_id: int) -> Seat | None:
    """The person's seat, a new one if need be; `None` when the guild has no lane yet."""
    row = connection.execute(_SEAT, {"guild": guild_id, "person": person_id}).mappings().one_or_none()
    if row is None:
        return None
    known = row["lane_people_person_id"] is not None
    return Seat(
        bot=BotLine() if row["bot_line_id"] is None else bot_from(row, "bot_line_"),
        lane=lane_from(row, "lanes_"),
        person=person_from(row, "lane_people_") if known else LanePerson(guild_id=guild_id, person_id=person_id),
    )


def seat_in_lane(connection: Connection, guild_id: int, person_id: int) -> Seat:
    """The person's seat where the lane is known to be there, as it is for whatever has a place."""
    seat = read_seat(connection, guild_id, person_id)
    if seat is None:
        raise LookupError(f"lane: guild {guild_id} has none")
    return seat


def save(connection: Connection, before: Seat, after: Seat) -> None:
    """Writes what differs; whoever is new gets a row."""
    _store(connection, lane_people, person_columns(before.person), person_columns(after.person))
    save_lane(connection, before.lane, after.lane)
    save_bot(connection, before.bot, after.bot)


def save_lane(connection: Connection, before: Lane, after: Lane) -> None:
    """Writes what differs."""
    _store(connection, lanes, lane_columns(before), lane_columns(after))


def save_bot(connection: Connection, before: BotLine, after: BotLine) -> None:
    """Writes what differs."""
    _store(connection, bot_line, _bot_columns(before), _bot_columns(after))


def first_ready(connection: Connection, guild_id: int, person_id: int) -> Head | None:
    """The first of the person's ready requests."""
    row = connection.execute(_FIRST_READY, {"guild": guild_id, "person": person_id}).mappings().one_or_none()
    return None if row is None else head_from(row)


def head_from(row: RowMapping) -> Head:
    """A ready request's row as a head."""
    return Head(request_id=row["id"], seq=row["accepted_seq"], priority=row["priority"], cost=row["cost"])


def bot_from(row: RowMapping, prefix: str = "") -> BotLine:
    """Of a row of `bot_line`."""
    return BotLine(**{name: row[prefix + name] for name in _BOT})


def lane_from(row: RowMapping, prefix: str = "") -> Lane:
    """Of a row of `lanes`."""
    limits = LaneLimits(**{name: row[prefix + name] for name in _LIMITS})
    return Lane(limits=limits, **{name: row[prefix + name] for name in _LANE})


def person_from(row: RowMapping, prefix: str = "") -> LanePerson:
    """Of a row of `lane_people`."""
    head = Head(
        request_id=row[prefix + "head_id"],
        seq=row[prefix + "head_seq"],
        priority=row[prefix + "head_priority"],
        cost=row[prefix + "head_cost"],
    )
    person = LanePerson(**{name: row[prefix + name] for name in _PERSON})
    return person if row[prefix + "head_id"] is None else replace(person, head=head)


def lane_columns(lane: Lane) -> Columns:
    """The row of `lanes`."""
    limits = {name: getattr(lane.limits, name) for name in _LIMITS}
    return {**limits, **{name: getattr(lane, name) for name in _LANE}}


def person_columns(person: LanePerson) -> Columns:
    """The row of `lane_people`."""
    head = person.head
    return {
        **{name: getattr(person, name) for name in _PERSON},
        "head_id": None if head is None else head.request_id,
        "head_seq": 0 if head is None else head.seq,
        "head_priority": 0 if head is None else head.priority,
        "head_cost": 0 if head is None else head.cost,
    }


def _bot_columns(bot: BotLine) -> Columns:
    return {"id": _BOT_ID, **{name: getattr(bot, name) for name in _BOT}}


def _store(connection: Connection, table: Table, before: Columns, after: Columns) -> None:
    changed = differing(before, after)
    if not changed:
        return
    keys = {f"key_{column.name}": after[column.name] for column in table.primary_key}
    if connection.execute(_UPDATES[table.name], {**changed, **keys}).rowcount == 0:
        connection.execute(_INSERTS[table.name], after)


def _update_statement(table: Table) -> Update:
    """By primary key; what is set follows from the values that it is executed with."""
    return update(table).where(*(column == bindparam(f"key_{column.name}") for column in table.primary_key))


def _seat_statement() -> Select[*tuple[Any, ...]]:
    is_person = and_(lane_people.c.guild_id == _GUILD, lane_people.c.person_id == _PERSON_ID)
    joined = lanes.outerjoin(bot_line, bot_line.c.id == _BOT_ID).outerjoin(lane_people, is_person)
    every = select(bot_line, lanes, lane_people).select_from(joined).where(lanes.c.guild_id == _GUILD)
    return every.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)


def _first_ready_statement() -> Select[*tuple[Any, ...]]:
    columns = (requests.c.id, requests.c.accepted_seq, requests.c.priority, requests.c.cost)
    mine = (requests.c.guild_id == _GUILD, requests.c.person_id == _PERSON_ID)
    ready = select(*columns).where(IS_READY, *mine)
    return ready.order_by(requests.c.priority.desc(), requests.c.accepted_seq).limit(1)


# Made once: to build a statement anew takes longer than SQLite takes to run it.
_GUILD: Final = bindparam("guild", type_=BigInteger)
_PERSON_ID: Final = bindparam("person", type_=BigInteger)
_BOT_LINE: Final = select(bot_line).where(bot_line.c.id == _BOT_ID)
_A_LANE: Final = select(lanes).where(lanes.c.guild_id == _GUILD)
_SEAT: Final = _seat_statement()
_FIRST_READY: Final = _first_ready_statement()
_UPDATES: Final = {table.name: _update_statement(table) for table in (bot_line, lanes, lane_people)}
_INSERTS: Final = {table.name: insert(table) for table in (bot_line, lanes, lane_people)}
