"""Places in the line: who enters, is picked, ends, leaves. Each is a few statements, however long the line is.

Every step takes `one_at_a_time`. On PostgreSQL a transaction that holds a request's row before it asks for that stands
in the way of a pick that wants the row: ask first.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, bindparam, select, update

from bot.domain.lanes import Turn
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.lane_limits import set_limits
from bot.queue.lane_rows import (
    ASLEEP,
    NONE,
    PARKED,
    READY,
    RUNNING,
    first_ready,
    head_from,
    lane_from,
    person_from,
    read_bot,
    read_seat,
    save,
    save_bot,
    seat_in_lane,
)
from bot.queue.tables import (
    AGES,
    CAN_START,
    IS_ASLEEP,
    IS_ELIGIBLE,
    IS_LEFT_OUT,
    MAY_AGE,
    lane_people,
    lanes,
    requests,
)
from bot.queue.turns import (
    BotLine,
    Head,
    LaneLimits,
    Seat,
    charge_of,
    freed,
    given_back,
    held,
    joined,
    left,
    started,
    with_person,
)

_WAKE_BATCH: Final = 50
_PLACE: Final = (
    requests.c.id,
    requests.c.guild_id,
    requests.c.person_id,
    requests.c.accepted_seq,
    requests.c.priority,
    requests.c.cost,
    requests.c.lane_state,
    requests.c.person_charge,
    requests.c.guild_charge,
)


def enter(
    work: Transaction,
    request_id: str,
    *,
    guild_id: int,
    person_id: int,
    turn: Turn,
    limits: LaneLimits,
    person_running: int | None = None,
    now_ms: int,
) -> None:
    """A queued request that has its `accepted_seq` takes its place; asleep while `turn.not_before_ms` lies ahead.

    `limits` hold in the lane from now on, as by `set_limits`. `person_running`: how many of this person's may run at
    once (at least 1), `None`: what the lane says for everybody; this and the weight are what the last enter said.
    Raises SQLAlchemy's `NoResultFound` for one that has a place.
    """
    connection = work.connection
    one_at_a_time(connection)
    before = _lane_seat(work, guild_id, person_id, limits)
    seat = with_person(before, replace(before.person, weight=turn.weight, max_running=person_running))
    lane_state = ASLEEP if turn.not_before_ms > now_ms else READY
    seq = _place(connection, request_id, turn, lane_state, now_ms)
    if lane_state == READY:
        seat = joined(seat, Head(request_id=request_id, seq=seq, priority=turn.priority, cost=turn.cost))
    save(connection, before, seat)


def pick(work: Transaction, *, max_running: int, now_ms: int) -> str | None:
    """The next in turn starts and holds a place; its id, or `None` when there is none or a limit is reached.

    Up to 50 of those whose time has come are woken before. `max_running`: of the whole deployment, from now on.
    """
    connection = work.connection
    one_at_a_time(connection)
    _wake(connection, now_ms)
    told = read_bot(connection)
    bot = replace(told, max_running=max_running)
    seat = None if bot.running >= max_running else _next_seat(connection, bot)
    if seat is None:
        save_bot(connection, told, bot)
        return None
    return _start(connection, replace(seat, bot=told), seat)


def leave(work: Transaction, request_id: str) -> None:
    """A waiting one gives up its place. Nothing happens to one that does not wait in the line."""
    connection = work.connection
    one_at_a_time(connection)
    placed = _placed(connection, request_id)
    if placed is None or placed["lane_state"] not in {READY, ASLEEP}:
        return
    _set_state(connection, request_id, NONE)
    if placed["lane_state"] == READY:
        before = _seat(connection, placed)
        save(connection, before, left(before, _head_without(connection, before, request_id)))


def end(work: Transaction, request_id: str, *, given_back: bool) -> None:
    """One that was picked is over. `given_back`: its turn does not count for its person and guild.

    Nothing happens to one that was not picked, so that it may be called twice.
    """
    connection = work.connection
    one_at_a_time(connection)
    placed = _placed(connection, request_id)
    if placed is None or placed["lane_state"] not in {RUNNING, PARKED}:
        return
    _set_state(connection, request_id, NONE)
    before = _seat(connection, placed)
    seat = _refunded(before, placed) if given_back else before
    save(connection, before, freed(seat) if placed["lane_state"] == RUNNING else seat)


def park(work: Transaction, request_id: str) -> None:
    """A running one that only a review can move holds no place meanwhile: nobody may come for days."""
    _change(work, request_id, RUNNING, PARKED)


def unpark(work: Transaction, request_id: str) -> None:
    """It goes on, and holds a place again: more may run then than the limits say, and none starts until fewer do."""
    _change(work, request_id, PARKED, RUNNING)


def age(work: Transaction, *, now_ms: int, batch: int) -> int:
    """Raises by one what waited as long as its lane says, up to `batch` requests; how many they were.

    Fewer than `batch`: for now all is done. Up to the highest priority that there is; time asleep is no waiting.
    """
    connection = work.connection
    one_at_a_time(connection)
    due = connection.execute(_due_to_age(now_ms).limit(batch)).mappings().all()
    _raise(connection, due)
    owners = {(row["guild_id"], row["person_id"]): row for row in due}
    for row in owners.values():
        before = _seat(connection, row)
        head = first_ready(connection, row["guild_id"], row["person_id"])
        save(connection, before, replace(before, person=replace(before.person, head=head)))
    return len(due)


def left_out(connection: Connection, *, batch: int) -> tuple[str, ...]:
    """Queued requests without a place, oldest first: an older release accepted them. They want to `enter`."""
    found = select(requests.c.id).where(IS_LEFT_OUT).order_by(requests.c.accepted_seq).limit(batch)
    return tuple(connection.execute(found).scalars())


def _lane_seat(work: Transaction, guild_id: int, person_id: int, limits: LaneLimits) -> Seat:
    seat = read_seat(work.connection, guild_id, person_id)
    if seat is not None and seat.lane.limits == limits:
        return seat
    set_limits(work, guild_id, limits)
    return seat_in_lane(work.connection, guild_id, person_id)


def _place(connection: Connection, request_id: str, turn: Turn, lane_state: int, now_ms: int) -> int:
    """Writes the turn down; its number in the order of acceptance."""
    new = (requests.c.id == request_id) & (requests.c.lane_state == NONE)
    written = update(requests).where(new).returning(requests.c.accepted_seq)
    return connection.execute(
        written.values(
            cost=turn.cost,
            priority=turn.priority,
            not_before_ms=turn.not_before_ms,
            lane_state=lane_state,
            aged_at_ms=max(now_ms, turn.not_before_ms),
        )
    ).scalar_one()


def _wake(connection: Connection, now_ms: int) -> None:
    for placed in connection.execute(_DUE, {"now": now_ms}).mappings().all():
        _set_state(connection, placed["id"], READY)
        before = _seat(connection, placed)
        save(connection, before, joined(before, head_from(placed)))


def _next_seat(connection: Connection, bot: BotLine) -> Seat | None:
    row = connection.execute(_NEXT_LANE).mappings().one_or_none()
    if row is None:
        return None
    lane = lane_from(row)
    people = _NEXT_FIRST if lane.limits.first_come else _NEXT_FAIR
    person = connection.execute(people, {"guild": lane.guild_id}).mappings().one()
    return Seat(bot=bot, lane=lane, person=person_from(person))


def _start(connection: Connection, before: Seat, seat: Seat) -> str:
    head = seat.person.head
    assert head is not None  # noqa: S101  who has something ready has a head
    _set_state(
        connection,
        head.request_id,
        RUNNING,
        person_charge=charge_of(head.cost, seat.person.weight),
        guild_charge=charge_of(head.cost, seat.lane.limits.weight),
    )
    save(connection, before, started(seat, _head_without(connection, seat, head.request_id)))
    return head.request_id


def _change(work: Transaction, request_id: str, before: int, after: int) -> None:
    connection = work.connection
    one_at_a_time(connection)
    placed = _placed(connection, request_id)
    if placed is None or placed["lane_state"] != before:
        return
    _set_state(connection, request_id, after)
    seat = _seat(connection, placed)
    save(connection, seat, held(seat) if after == RUNNING else freed(seat))


def _refunded(seat: Seat, placed: RowMapping) -> Seat:
    return given_back(seat, placed["person_charge"], placed["guild_charge"])


def _head_without(connection: Connection, seat: Seat, request_id: str) -> Head | None:
    """The head once that one is gone; the same one is not looked for anew."""
    head = seat.person.head
    if head is not None and head.request_id != request_id:
        return head
    return first_ready(connection, seat.person.guild_id, seat.person.person_id)


def _seat(connection: Connection, placed: RowMapping) -> Seat:
    return seat_in_lane(connection, placed["guild_id"], placed["person_id"])


def _placed(connection: Connection, request_id: str) -> RowMapping | None:
    """The request's place; its row is held, so that a pick and a cancel do not both have it."""
    return connection.execute(_PLACED, {"request": request_id}).mappings().one_or_none()


def _set_state(connection: Connection, request_id: str, lane_state: int, **more: int) -> None:
    connection.execute(_SET, {"request": request_id, "lane_state": lane_state, **more})


def _due_to_age(now_ms: int) -> Select[*tuple[Any, ...]]:
    """By guild, and there by whose wait was counted longest ago: the indexes' order, so that nothing is sorted."""
    due = select(requests.c.id, requests.c.guild_id, requests.c.person_id, lanes.c.ageing_ms)
    waited = requests.c.aged_at_ms <= now_ms - lanes.c.ageing_ms
    found = due.join_from(lanes, requests, requests.c.guild_id == lanes.c.guild_id).where(AGES, MAY_AGE, waited)
    return found.order_by(lanes.c.guild_id, requests.c.aged_at_ms, requests.c.accepted_seq)


def _raise(connection: Connection, due: Sequence[RowMapping]) -> None:
    spans = {row["ageing_ms"] for row in due}
    for span in spans:
        raised = update(requests).where(requests.c.id.in_([row["id"] for row in due if row["ageing_ms"] == span]))
        connection.execute(raised.values(priority=requests.c.priority + 1, aged_at_ms=requests.c.aged_at_ms + span))


# Made once: to build a statement anew takes longer than SQLite takes to run it.
_REQUEST: Final = requests.c.id == bindparam("request")
_PLACED: Final = select(*_PLACE).where(_REQUEST).with_for_update()
_SET: Final = update(requests).where(_REQUEST)
_DUE: Final = (
    select(*_PLACE)
    .where(IS_ASLEEP, requests.c.not_before_ms <= bindparam("now"))
    .order_by(requests.c.not_before_ms, requests.c.accepted_seq)
    .limit(_WAKE_BATCH)
)
_NEXT_LANE: Final = select(lanes).where(CAN_START).order_by(lanes.c.tag, lanes.c.guild_id).limit(1)
_NEXT_PERSON: Final = (
    select(lane_people)
    .where(IS_ELIGIBLE, lane_people.c.guild_id == bindparam("guild"))
    .order_by(lane_people.c.head_priority.desc())
    .limit(1)
)
_NEXT_FIRST: Final = _NEXT_PERSON.order_by(lane_people.c.head_seq)
_NEXT_FAIR: Final = _NEXT_PERSON.order_by(lane_people.c.tag, lane_people.c.picked, lane_people.c.head_seq)
