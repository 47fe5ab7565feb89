"""The lanes as a model: no heads and no counters, everything is looked up among the requests each time.

`tests/contract/test_lanes.py` compares the tables with it step by step, and proves on it what is fair.
"""

import copy
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from bot.domain.lanes import Ahead, Standing, Turn
from bot.domain.reasons import Reason, reason
from bot.queue.turns import UNLIMITED, LaneLimits

UNIT: Final = 1 << 20
SHOWN: Final = 25
WOKEN_AT_ONCE: Final = 50


@dataclass(slots=True, kw_only=True)
class Place:
    """A request and where it is: waiting, asleep, running, parked."""

    id: str
    seq: int
    guild: int
    person: int
    cost: int
    priority: int
    not_before_ms: int
    aged_at_ms: int
    where: str
    person_charge: int = 0
    guild_charge: int = 0


@dataclass(slots=True)
class Guild:
    limits: LaneLimits
    tag: int = 0
    clock: int = 0


@dataclass(slots=True)
class Person:
    weight: int = 1
    own_limit: int | None = None
    tag: int = 0
    credit: int = 0
    picked: int = 0


@dataclass(slots=True)
class MemoryLanes:
    """Every step as `bot.queue.lanes` has it, one after the other. The request's number in the order is its own."""

    max_running: int = UNLIMITED
    clock: int = 0
    picks: int = 0
    guilds: dict[int, Guild] = field(default_factory=dict[int, Guild])
    people: dict[tuple[int, int], Person] = field(default_factory=dict[tuple[int, int], Person])
    places: dict[str, Place] = field(default_factory=dict[str, Place])

    # --- looked up ---------------------------------------------------------------------------------------------------

    def of(self, where: str, guild: int | None = None, person: int | None = None) -> list[Place]:
        """In the order in which one person's go."""
        found = [
            each
            for each in self.places.values()
            if each.where == where and guild in {None, each.guild} and person in {None, each.person}
        ]
        return sorted(found, key=lambda each: (-each.priority, each.seq))

    def limit(self, guild: int, person: int) -> int:
        own = self.people[guild, person].own_limit
        return self.guilds[guild].limits.person_max_running if own is None else own

    def blocked(self, guild: int, person: int) -> bool:
        return len(self.of("running", guild, person)) >= self.limit(guild, person)

    def eligible(self, guild: int) -> list[int]:
        """Who of the guild could have one started, as far as their own limit goes."""
        return sorted({each.person for each in self.of("ready", guild) if not self.blocked(guild, each.person)})

    # --- steps -------------------------------------------------------------------------------------------------------

    def enter(
        self,
        request_id: str,
        seq: int,
        guild: int,
        person: int,
        turn: Turn,
        limits: LaneLimits,
        *,
        person_running: int | None = None,
        now_ms: int = 0,
    ) -> None:
        self.set_limits(guild, limits, new=True)
        could = self._could_start()
        known = self.people.setdefault((guild, person), Person())
        known.weight, known.own_limit = turn.weight, person_running
        place = Place(
            id=request_id,
            seq=seq,
            guild=guild,
            person=person,
            cost=turn.cost,
            priority=turn.priority,
            not_before_ms=turn.not_before_ms,
            aged_at_ms=max(now_ms, turn.not_before_ms),
            where="asleep",
        )
        self.places[request_id] = place
        if turn.not_before_ms <= now_ms:
            self._make_ready(place)
        self._catch_up_guilds(could)

    def pick(self, *, max_running: int, now_ms: int = 0) -> str | None:
        self._wake(now_ms)
        self.max_running = max_running
        if len(self.of("running")) >= max_running:
            return None
        guilds = [
            (known.tag, guild)
            for guild, known in self.guilds.items()
            if self.eligible(guild) and len(self.of("running", guild)) < known.limits.max_running
        ]
        return self._start(min(guilds)[1]) if guilds else None

    def leave(self, request_id: str) -> None:
        if self.places[request_id].where in {"ready", "asleep"}:
            del self.places[request_id]

    def end(self, request_id: str, *, given_back: bool) -> None:
        place = self.places[request_id]
        if place.where not in {"running", "parked"}:
            return
        could = self._could_start()
        if given_back:
            self._give_back(place)
        del self.places[request_id]
        self._catch_up_guilds(could)

    def park(self, request_id: str) -> None:
        could = self._could_start()
        if self.places[request_id].where == "running":
            self.places[request_id].where = "parked"
        self._catch_up_guilds(could)

    def unpark(self, request_id: str) -> None:
        if self.places[request_id].where == "parked":
            self.places[request_id].where = "running"

    def set_limits(self, guild: int, limits: LaneLimits, *, new: bool = False) -> None:
        """`new`: a guild without a lane gets one."""
        could = self._could_start()
        if guild in self.guilds:
            self.guilds[guild].limits = limits
        elif new:
            self.guilds[guild] = Guild(limits)
        self._catch_up_guilds(could)

    def age(self, *, now_ms: int, batch: int) -> int:
        due = [
            each
            for each in self.of("ready")
            if (span := self.guilds[each.guild].limits.ageing_ms)
            and each.priority < 2
            and each.aged_at_ms <= now_ms - span
        ]
        first = sorted(due, key=lambda each: (each.guild, each.aged_at_ms, each.seq))[:batch]
        for each in first:
            each.priority += 1
            each.aged_at_ms += self.guilds[each.guild].limits.ageing_ms
        return len(first)

    # --- shown -------------------------------------------------------------------------------------------------------

    def play_out(self, guild: int) -> list[Place]:
        """The order in which the guild's would start now if nothing held anybody."""
        free = copy.deepcopy(self)
        for known in free.people.values():
            known.own_limit = UNLIMITED
        for each, known in free.guilds.items():
            known.limits = replace(known.limits, max_running=UNLIMITED if each == guild else 0)
        for place in free.of("asleep"):
            place.not_before_ms = 1
        order: list[Place] = []
        while (request_id := free.pick(max_running=UNLIMITED)) is not None:
            order.append(free.places[request_id])
        return order

    def standing(self, request_id: str) -> Standing | None:
        place = self.places.get(request_id)
        if place is None or place.where not in {"ready", "asleep"}:
            return None
        if place.where == "asleep":
            return Standing(place=None, why=reason("lane-not-before", at=place.not_before_ms // 1000))
        order = self.play_out(place.guild)
        number = [each.id for each in order].index(request_id)
        before = order[: min(number, SHOWN)]
        others = Counter(each.person for each in before if each.person != place.person)
        ahead = tuple(Ahead(person_id=each, person_name=f"P{each}", count=count) for each, count in others.items())
        return Standing(
            place=number + 1 if number < SHOWN else None,
            ahead=ahead,
            own_before=sum(each.person == place.person for each in before),
            why=self._why(place),
        )

    def _why(self, place: Place) -> Reason | None:
        guild, person = place.guild, place.person
        guild_limit = self.guilds[guild].limits.max_running
        if self.blocked(guild, person):
            running = len(self.of("running", guild, person))
            return reason("lane-person-busy", running=running, limit=self.limit(guild, person))
        if guild_limit == 0:
            return reason("lane-paused")
        for code, running, limit in (
            ("lane-guild-busy", len(self.of("running", guild)), guild_limit),
            ("lane-bot-busy", len(self.of("running")), self.max_running),
        ):
            if running >= limit:
                return reason(code, running=running, limit=limit)
        return None

    # --- the rules ---------------------------------------------------------------------------------------------------

    def _start(self, guild: int) -> str:
        known = self.guilds[guild]
        heads = [self.of("ready", guild, person)[0] for person in self.eligible(guild)]
        place = min(heads, key=self._order)
        person = self.people[guild, place.person]
        place.where = "running"
        place.person_charge = max(1, place.cost * UNIT // person.weight)
        place.guild_charge = max(1, place.cost * UNIT // known.limits.weight)
        self.picks += 1
        begin = max(person.tag, self._floor(place))
        person.tag, known.clock = begin + place.person_charge, max(known.clock, begin)
        person.credit = max(0, min(person.credit, known.clock - person.tag))
        person.picked = self.picks
        begin = max(known.tag, self.clock)
        known.tag, self.clock = begin + place.guild_charge, max(self.clock, begin)
        return place.id

    def _order(self, place: Place) -> tuple[int, ...]:
        person = self.people[place.guild, place.person]
        if self.guilds[place.guild].limits.first_come:
            return -place.priority, place.seq
        return -place.priority, person.tag, person.picked, place.seq

    def _floor(self, place: Place) -> int:
        person = self.people[place.guild, place.person]
        return self.guilds[place.guild].clock - max(person.credit, UNIT // person.weight)

    def _make_ready(self, place: Place) -> None:
        person = self.people[place.guild, place.person]
        if not self.of("ready", place.guild, place.person):
            person.tag = max(person.tag, self._floor(place))
        place.where = "ready"

    def _wake(self, now_ms: int) -> None:
        due = [each for each in self.of("asleep") if each.not_before_ms <= now_ms]
        for place in sorted(due, key=lambda each: (each.not_before_ms, each.seq))[:WOKEN_AT_ONCE]:
            could = self._could_start()
            self._make_ready(place)
            self._catch_up_guilds(could)

    def _give_back(self, place: Place) -> None:
        person, guild = self.people[place.guild, place.person], self.guilds[place.guild]
        person.credit = max(person.credit, place.person_charge)
        person.tag = min(person.tag, max(person.tag - place.person_charge, self._floor(place)))
        guild.tag = min(guild.tag, max(guild.tag - place.guild_charge, self.clock))

    def _could_start(self) -> set[int]:
        return {guild for guild in self.guilds if self.eligible(guild)}

    def _catch_up_guilds(self, could: set[int]) -> None:
        """A guild in which somebody can start and a moment ago nobody could has saved up nothing."""
        for guild in self._could_start() - could:
            self.guilds[guild].tag = max(self.guilds[guild].tag, self.clock)
