"""Whose turn it is, as arithmetic: start-time fair queueing over whole numbers. Pure.

A person's tag is where their turns have taken them in their guild's time: a turn moves it on by its cost over their
weight, and who is least far on is next. The guild's clock is the latest start of a turn: who was away starts at most
one unit behind it, so that nobody saves up turns. Guilds stand to the bot as people do to their guild, less that unit.
"""

from dataclasses import dataclass, replace
from typing import Final

UNIT: Final = 1 << 20
"""Of time, for one unit of cost at weight 1: whole numbers do not drift."""
UNLIMITED: Final = 2**31 - 1
HIGHEST_PRIORITY: Final = 2
"""Waiting raises no priority above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLimits:
    """What holds in a guild's lane. `weight`: its share of the bot; `ageing_ms`: 0 is never.

    `person_max_running` is for those of its people who have no limit of their own. `ValueError` for a person's limit or
    a weight below 1 (a guild's limit of 0 is a pause).
    """

    weight: int = 1
    max_running: int = UNLIMITED
    person_max_running: int = UNLIMITED
    first_come: bool = False
    ageing_ms: int = 0

    def __post_init__(self) -> None:
        if self.weight < 1 or self.person_max_running < 1:
            raise ValueError("lane: a weight and a person's limit are at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLine:
    """The whole deployment's: see `tables.bot_line`."""

    running: int = 0
    max_running: int = UNLIMITED
    clock: int = 0
    picks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A guild's: see `tables.lanes`."""

    guild_id: int
    limits: LaneLimits
    running: int = 0
    eligible: int = 0
    tag: int = 0
    clock: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first of a person's ready requests, or one that may become it."""

    request_id: str
    seq: int
    priority: int
    cost: int

    @property
    def rank(self) -> tuple[int, int]:
        """Lower goes first, among one person's and where the guild takes who comes first."""
        return -self.priority, self.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePerson:
    """A person in a lane: see `tables.lane_people`. `max_running=None`: follows the guild's; below 1: `ValueError`."""

    guild_id: int
    person_id: int
    weight: int = 1
    max_running: int | None = None
    running: int = 0
    ready: int = 0
    blocked: bool = False
    tag: int = 0
    credit: int = 0
    picked: int = 0
    head: Head | None = None

    def __post_init__(self) -> None:
        if self.max_running is not None and self.max_running < 1:
            raise ValueError("lane: a person's limit is at least 1")

    @property
    def eligible(self) -> bool:
        """True when one of theirs could start as far as their own limit goes."""
        return self.ready > 0 and not self.blocked

    def limit(self, limits: LaneLimits) -> int:
        """How many of theirs may run at once."""
        return limits.person_max_running if self.max_running is None else self.max_running

    def order(self, *, first_come: bool) -> tuple[int, ...]:
        """Lower goes first in the lane; of equal tags the one whose last turn is longest ago. Needs a head."""
        assert self.head is not None  # noqa: S101  only who has something ready is in an order
        priority, seq = self.head.rank
        return (priority, seq) if first_come else (priority, self.tag, self.picked, seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A person in a lane of the line: everything that one step of one request can change."""

    bot: BotLine
    lane: Lane
    person: LanePerson


def charge_of(cost: int, weight: int) -> int:
    """What a turn moves a tag by."""
    return max(1, cost * UNIT // weight)


def with_person(seat: Seat, person: LanePerson) -> Seat:
    """The seat with its person changed; whether they are held, and how many are not, follow.

    A lane in which nobody could start and now somebody can begins at the bot's clock: its past is not saved up.
    """
    person = replace(person, blocked=person.running >= person.limit(seat.lane.limits))
    eligible = seat.lane.eligible + person.eligible - seat.person.eligible
    woken = eligible > 0 and seat.lane.eligible == 0
    tag = max(seat.lane.tag, seat.bot.clock) if woken else seat.lane.tag
    return replace(seat, person=person, lane=replace(seat.lane, eligible=eligible, tag=tag))


def joined(seat: Seat, newcomer: Head) -> Seat:
    """One more of theirs is ready."""
    person = seat.person
    if person.head is None:
        person = replace(person, tag=max(person.tag, _floor(person, seat.lane.clock)), head=newcomer)
    elif newcomer.rank < person.head.rank:
        person = replace(person, head=newcomer)
    return with_person(seat, replace(person, ready=person.ready + 1))


def left(seat: Seat, head: Head | None) -> Seat:
    """One of theirs that was ready is no more; `head` is the first of the others."""
    return with_person(seat, replace(seat.person, ready=seat.person.ready - 1, head=head))


def started(seat: Seat, head: Head | None) -> Seat:
    """The head starts; `head` is the first of the others."""
    assert seat.person.head is not None  # noqa: S101  it is what starts
    number = seat.bot.picks + 1
    begin = max(seat.lane.tag, seat.bot.clock)
    lane_charge = charge_of(seat.person.head.cost, seat.lane.limits.weight)
    person, clock = after_turn(seat.person, seat.lane.clock, number)
    bot = replace(seat.bot, clock=max(seat.bot.clock, begin), picks=number)
    lane = replace(seat.lane, tag=begin + lane_charge, clock=clock)
    return left(_with_running(replace(seat, bot=bot, lane=lane), 1, person), head)


def after_turn(person: LanePerson, clock: int, number: int) -> tuple[LanePerson, int]:
    """The person once their head has had the turn of that number, and the lane's clock. Head and counts are as before.

    Catching up is capped here too: the clock moves on while somebody waits at their limit.
    """
    assert person.head is not None  # noqa: S101  it is whose turn it is
    begin = max(person.tag, _floor(person, clock))
    tag = begin + charge_of(person.head.cost, person.weight)
    clock = max(clock, begin)
    credit = max(0, min(person.credit, clock - tag))
    return replace(person, tag=tag, credit=credit, picked=number), clock


def freed(seat: Seat) -> Seat:
    """One of theirs holds no place any more."""
    return _with_running(seat, -1, seat.person)


def held(seat: Seat) -> Seat:
    """One of theirs holds a place again, whatever the limits say."""
    return _with_running(seat, 1, seat.person)


def given_back(seat: Seat, person_charge: int, lane_charge: int) -> Seat:
    """A turn did not happen after all.

    What the clock has passed meanwhile counts as credit up to that one turn; a guild gets back what lies ahead of the
    bot's clock, so that no guild is ever more than one pick before another's first.
    """
    person = replace(seat.person, credit=max(seat.person.credit, person_charge))
    tag = _less(person.tag, person_charge, _floor(person, seat.lane.clock))
    lane = replace(seat.lane, tag=_less(seat.lane.tag, lane_charge, seat.bot.clock))
    return replace(seat, lane=lane, person=replace(person, tag=tag))


def _floor(person: LanePerson, clock: int) -> int:
    """How far behind the clock they may begin."""
    return clock - max(person.credit, UNIT // person.weight)


def _less(tag: int, charge: int, floor: int) -> int:
    return min(tag, max(tag - charge, floor))


def _with_running(seat: Seat, more: int, person: LanePerson) -> Seat:
    bot = replace(seat.bot, running=seat.bot.running + more)
    lane = replace(seat.lane, running=seat.lane.running + more)
    return with_person(replace(seat, bot=bot, lane=lane), replace(person, running=person.running + more))
