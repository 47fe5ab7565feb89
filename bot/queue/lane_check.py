"""Do the lanes' counters and heads say what the rows say? For a doctor, not for a request's way: it reads them all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, RowMapping, select

from bot.queue.lane_rows import ASLEEP, NONE, PARKED, READY, RUNNING, head_from, lane_from, person_from, read_bot
from bot.queue.tables import lane_people, lanes, requests
from bot.queue.turns import Head, Lane, LanePerson

_WAITS: Final = frozenset({"queued"})
_UNDER_WAY: Final = frozenset({"preparing", "working", "delivering"})
_PLACES: Final = {
    NONE: "none",
    READY: "ready",
    ASLEEP: "asleep",
    RUNNING: "running",
    PARKED: "parked",
}

_Key = tuple[int, int]


@dataclass(slots=True)
class _Found:
    """What the requests themselves say, by guild and person."""

    running: Counter[_Key] = field(default_factory=Counter[_Key])
    ready: Counter[_Key] = field(default_factory=Counter[_Key])
    heads: dict[_Key, Head] = field(default_factory=dict[_Key, Head])


def check(connection: Connection) -> tuple[str, ...]:
    """Every difference between what is counted and what is there, a sentence each; none when all is well."""
    found = _Found()
    told = [sentence for row in _places(connection) for sentence in _counted(found, row)]
    lane_rows = [lane_from(row) for row in connection.execute(select(lanes)).mappings()]
    people = [person_from(row) for row in connection.execute(select(lane_people)).mappings()]
    known = {lane.guild_id: lane for lane in lane_rows}
    for person in people:
        told += _check_person(person, known.get(person.guild_id), found)
    told += _check_lanes(lane_rows, people, found)
    told += _strangers(people, found)
    told += _differs("the bot", "running", read_bot(connection).running, found.running.total())
    return tuple(told)


def _places(connection: Connection) -> Iterator[RowMapping]:
    columns = (
        requests.c.id,
        requests.c.state,
        requests.c.guild_id,
        requests.c.person_id,
        requests.c.lane_state,
        requests.c.accepted_seq,
        requests.c.priority,
        requests.c.cost,
    )
    concerned = (requests.c.lane_state != NONE) | requests.c.state.in_(_WAITS)
    yield from connection.execute(select(*columns).where(concerned)).mappings()


def _counted(found: _Found, row: RowMapping) -> Iterator[str]:
    key, place = (row["guild_id"], row["person_id"]), row["lane_state"]
    if place == RUNNING:
        found.running[key] += 1
    if place == READY:
        found.ready[key] += 1
        head = head_from(row)
        found.heads[key] = min(found.heads.get(key, head), head, key=lambda each: each.rank)
    fitting = _WAITS if place in {READY, ASLEEP} else _UNDER_WAY
    if place == NONE or row["state"] not in fitting:
        yield f"request {row['id']}: it is {row['state']}, and its place in the line is {_PLACES[place]}."


def _check_person(person: LanePerson, lane: Lane | None, found: _Found) -> Iterator[str]:
    key = (person.guild_id, person.person_id)
    who = f"guild {person.guild_id}, person {person.person_id}"
    yield from _differs(who, "running", person.running, found.running[key])
    yield from _differs(who, "ready", person.ready, found.ready[key])
    yield from _differs(who, "head", person.head, found.heads.get(key))
    if lane is None:
        yield f"{who}: the guild has no lane."
    else:
        yield from _differs(who, "blocked", person.blocked, person.running >= person.limit(lane.limits))


def _check_lanes(lane_rows: list[Lane], people: list[LanePerson], found: _Found) -> Iterator[str]:
    running, eligible = Counter[int](), Counter[int]()
    for (guild_id, _person_id), count in found.running.items():
        running[guild_id] += count
    for person in people:
        eligible[person.guild_id] += person.eligible
    for lane in lane_rows:
        who = f"guild {lane.guild_id}"
        yield from _differs(who, "running", lane.running, running[lane.guild_id])
        yield from _differs(who, "eligible", lane.eligible, eligible[lane.guild_id])


def _strangers(people: list[LanePerson], found: _Found) -> Iterator[str]:
    known = {(person.guild_id, person.person_id) for person in people}
    for guild_id, person_id in sorted((found.ready + found.running).keys() - known):
        yield f"guild {guild_id}, person {person_id}: has places, and is not counted."


def _differs(who: str, what: str, counted: object, there: object) -> Iterator[str]:
    if counted != there:
        yield f"{who}: {what} is {counted}, and the rows say {there}."
