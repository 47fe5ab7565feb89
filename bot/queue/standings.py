"""Where requests stand: the line played out on its tags, as far as 25 turns.

Nobody is taken to be held by a limit: whose turn it is while somebody cannot start is not known before it comes.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select

from bot.domain.lanes import Ahead, Standing
from bot.domain.reasons import Reason, reason
from bot.queue.lane_rows import ASLEEP, READY, head_from, person_from, read_bot, read_lane, read_seat
from bot.queue.tables import HAS_RUNNING, IS_ELIGIBLE, IS_READY, lane_people, requests
from bot.queue.turns import BotLine, Head, Lane, LanePerson, Seat, after_turn

SHOWN: Final = 25


@dataclass(frozen=True, slots=True)
class _Turn:
    """One of the next turns: whose it is, and what their name was when they asked."""

    head: Head
    person_id: int
    person_name: str


def standing(connection: Connection, request_id: str) -> Standing | None:
    """Where a waiting request stands; `None` for one that does not wait in a line."""
    where = (requests.c.guild_id, requests.c.person_id, requests.c.lane_state, requests.c.not_before_ms)
    row = connection.execute(select(*where).where(requests.c.id == request_id)).mappings().one_or_none()
    if row is None or row["lane_state"] not in {READY, ASLEEP}:
        return None
    if row["lane_state"] == ASLEEP:
        return Standing(place=None, why=reason("lane-not-before", at=row["not_before_ms"] // 1000))
    seat = read_seat(connection, row["guild_id"], row["person_id"])
    if seat is None:
        return None
    turns = _next_turns(connection, seat.lane, _front(connection, seat.lane))
    return _standing(turns, request_id, row["person_id"], _why(seat))


def line(connection: Connection, guild_id: int) -> tuple[tuple[str, Standing], ...]:
    """The first 25 that are ready, in the order in which they are to start."""
    lane = read_lane(connection, guild_id)
    if lane is None:
        return ()
    bot, people = read_bot(connection), _front(connection, lane)
    turns = _next_turns(connection, lane, people)
    whys = {each.person_id: _why(Seat(bot=bot, lane=lane, person=each)) for each in people}
    ids = ((turn.head.request_id, turn.person_id) for turn in turns)
    return tuple((each, _standing(turns, each, person, whys[person])) for each, person in ids)


def _front(connection: Connection, lane: Lane) -> list[LanePerson]:
    """Who can have any of the next 25 turns: the first so many; those at their limit are few and sorted in."""
    priority = lane_people.c.head_priority.desc()
    fair = (priority, lane_people.c.tag, lane_people.c.picked, lane_people.c.head_seq)
    order = (priority, lane_people.c.head_seq) if lane.limits.first_come else fair
    mine = select(lane_people).where(lane_people.c.guild_id == lane.guild_id)
    free = mine.where(IS_ELIGIBLE).order_by(*order).limit(SHOWN)
    busy = mine.where(HAS_RUNNING, lane_people.c.blocked, lane_people.c.ready > 0)
    people = [person_from(row) for found in (free, busy) for row in connection.execute(found).mappings()]
    return sorted(people, key=lambda each: each.order(first_come=lane.limits.first_come))[:SHOWN]


def _next_turns(connection: Connection, lane: Lane, people: Sequence[LanePerson]) -> list[_Turn]:
    """The turns that come, in order: 25, or fewer when fewer wait."""
    at_once = max(2, 2 * SHOWN // max(1, len(people)))
    ready = {each.person_id: _Ready(connection, each, at_once) for each in people}
    waiting = {each.person_id: each for each in people}
    clock, number = lane.clock, max((each.picked for each in people), default=0)
    turns: list[_Turn] = []
    while waiting and len(turns) < SHOWN:
        number += 1
        first = min(waiting.values(), key=lambda each: each.order(first_come=lane.limits.first_come))
        del waiting[first.person_id]
        turns += ready[first.person_id].take()
        after, clock = after_turn(first, clock, number)
        if (head := ready[first.person_id].head()) is not None:
            waiting[first.person_id] = replace(after, head=head)
    return turns


class _Ready:
    """One person's ready requests, first first; read only as far as they are wanted."""

    def __init__(self, connection: Connection, person: LanePerson, at_once: int) -> None:
        self._connection = connection
        self._whose = {"guild": person.guild_id, "person": person.person_id, "at_once": at_once}
        self._found: deque[_Turn] = deque()
        self._read = 0

    def take(self) -> list[_Turn]:
        """The first, which is taken out; none when there is none."""
        return [self._found.popleft()] if self._there() else []

    def head(self) -> Head | None:
        """The first, which stays."""
        return self._found[0].head if self._there() else None

    def _there(self) -> bool:
        if not self._found:
            rows = self._connection.execute(_READY_OF, {**self._whose, "passed": self._read}).mappings()
            self._found += [_Turn(head_from(row), row["person_id"], row["person_name"]) for row in rows]
            self._read += len(self._found)
        return bool(self._found)


def _standing(turns: Sequence[_Turn], request_id: str, person_id: int, why: Reason | None) -> Standing:
    before: list[_Turn] = []
    place = None
    for number, turn in enumerate(turns, start=1):
        if turn.head.request_id == request_id:
            place = number
            break
        before.append(turn)
    return Standing(place=place, ahead=_ahead(before, person_id), own_before=_count(before, person_id), why=why)


def _ahead(before: Sequence[_Turn], person_id: int) -> tuple[Ahead, ...]:
    """The others, in the order in which they come."""
    counts = Counter(turn.person_id for turn in before if turn.person_id != person_id)
    names: dict[int, str] = {}
    for turn in before:
        names.setdefault(turn.person_id, turn.person_name)
    return tuple(Ahead(person_id=each, person_name=names[each], count=count) for each, count in counts.items())


def _count(before: Sequence[_Turn], person_id: int) -> int:
    return sum(turn.person_id == person_id for turn in before)


def _why(seat: Seat) -> Reason | None:
    """What keeps a ready one of theirs from starting, the nearest first."""
    person, lane = seat.person, seat.lane
    if person.blocked:
        return reason("lane-person-busy", running=person.running, limit=person.limit(lane.limits))
    if lane.limits.max_running == 0:
        return reason("lane-paused")
    if lane.running >= lane.limits.max_running:
        return reason("lane-guild-busy", running=lane.running, limit=lane.limits.max_running)
    return _bot_why(seat.bot)


def _bot_why(bot: BotLine) -> Reason | None:
    if bot.running < bot.max_running:
        return None
    return reason("lane-bot-busy", running=bot.running, limit=bot.max_running)


def _ready_statement() -> Select[*tuple[Any, ...]]:
    columns = (requests.c.id, requests.c.accepted_seq, requests.c.priority, requests.c.cost)
    mine = (requests.c.guild_id == bindparam("guild"), requests.c.person_id == bindparam("person"))
    ready = select(*columns, requests.c.person_id, requests.c.person_name).where(IS_READY, *mine)
    ordered = ready.order_by(requests.c.priority.desc(), requests.c.accepted_seq)
    return ordered.limit(bindparam("at_once")).offset(bindparam("passed"))


_READY_OF: Final = _ready_statement()
