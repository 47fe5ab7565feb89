"""The lanes on every database, step by step beside a model without counters; and what is fair about them."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, NullPool, StaticPool, create_engine, event, select, text, update

from bot.domain.lanes import Turn
from bot.domain.policies import Limits, Order, Policy
from bot.domain.ports import no_fault
from bot.domain.reasons import reason
from bot.queue import lanes
from bot.queue.engine import Database, Transaction
from bot.queue.lane_check import check
from bot.queue.lane_limits import limits_from, own_running, set_limits
from bot.queue.lane_rows import bot_from, lane_from, person_from
from bot.queue.migrations import upgrade
from bot.queue.standings import line, standing
from bot.queue.tables import bot_line, lane_people, requests
from bot.queue.tables import lanes as lane_table
from bot.queue.turns import UNLIMITED, BotLine, LaneLimits
from tests.fakes_lanes import MemoryLanes, Person
from tests.lane_rows import add_queued, move
from tests.pickers import work_off
from tests.postgres import Postgres
from tests.stores import URLS

_ROOT: Final = Path(__file__).resolve().parents[2]
_GUILDS: Final = (1, 1, 2)
_PEOPLE: Final = (1, 1, 2, 3)
_FREE: Final = LaneLimits()
_UNIT: Final = 1 << 20

# --- beside the model ------------------------------------------------------------------------------------------------

_LIMITS: Final = st.builds(
    LaneLimits,
    weight=st.sampled_from([1, 1, 2, 5]),
    max_running=st.sampled_from([0, 1, 2, 2, UNLIMITED]),
    person_max_running=st.sampled_from([1, 2, UNLIMITED]),
    first_come=st.sampled_from([False, False, True]),
    ageing_ms=st.sampled_from([0, 10]),
)
_TURNS: Final = st.builds(
    Turn,
    cost=st.sampled_from([1, 1, 3, 10]),
    weight=st.sampled_from([1, 1, 2, 3]),
    priority=st.integers(-1, 2),
    not_before_ms=st.sampled_from([0, 0, 0, 15, 40]),
)


_BOT: Final = select(bot_line)
_LANES: Final = select(lane_table)
_PERSONS: Final = select(lane_people)


class Beside(RuleBasedStateMachine):
    """Every step on both; after each the tables say what the model finds among its requests."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._work = Transaction(connection)
        self._connection = connection
        self._model = MemoryLanes()
        self._now_ms = 1
        self._entered = 0
        connection.begin()

    def teardown(self) -> None:
        try:
            assert check(self._connection) == ()
        finally:
            self._connection.rollback()

    @initialize(
        crowd=st.lists(st.tuples(st.integers(2, 5), _TURNS, st.sampled_from([None, 1])), min_size=1, max_size=3),
        limits=_LIMITS,
    )
    def begin(self, crowd: list[tuple[int, Turn, int | None]], limits: LaneLimits) -> None:
        for person, (count, turn, own) in enumerate(crowd, start=1):
            for _each in range(count):
                self.enter(1, person, turn, own, limits)

    @rule(
        guild=st.sampled_from(_GUILDS),
        person=st.sampled_from(_PEOPLE),
        turn=_TURNS,
        own=st.sampled_from([None, None, 1, 2]),
        limits=st.none() | _LIMITS,
    )
    def enter(self, guild: int, person: int, turn: Turn, own: int | None, limits: LaneLimits | None) -> None:
        self._entered += 1
        request_id = f"{self._entered:013d}"
        known = self._model.guilds.get(guild)
        wanted = limits or (known.limits if known else _FREE)
        turn = replace(turn, not_before_ms=turn.not_before_ms and turn.not_before_ms + self._now_ms - 20)
        add_queued(self._connection, request_id, self._entered, guild=guild, person=person)
        lanes.enter(
            self._work,
            request_id,
            guild_id=guild,
            person_id=person,
            turn=turn,
            limits=wanted,
            person_running=own,
            now_ms=self._now_ms,
        )
        self._model.enter(
            request_id, self._entered, guild, person, turn, wanted, person_running=own, now_ms=self._now_ms
        )

    @rule(guild=st.sampled_from(_GUILDS), person=st.sampled_from(_PEOPLE), turn=_TURNS, count=st.integers(2, 4))
    def flood(self, guild: int, person: int, turn: Turn, count: int) -> None:
        for _each in range(count):
            self.enter(guild, person, turn, None, None)

    @rule(max_running=st.sampled_from([1, 3, UNLIMITED, UNLIMITED]), count=st.integers(1, 5))
    def pick(self, max_running: int, count: int) -> None:
        for _each in range(count):
            picked = lanes.pick(self._work, max_running=max_running, now_ms=self._now_ms)
            assert picked == self._model.pick(max_running=max_running, now_ms=self._now_ms)
            if picked is not None:
                move(self._connection, picked, "preparing")

    @rule(person=st.sampled_from(_PEOPLE))
    def others_go_on_while_some_are_held(self, person: int) -> None:
        """The clock moves on, then everything that runs is over."""
        for _each in range(4):
            self.enter(1, person, Turn(cost=10), None, None)
        self.pick(UNLIMITED, 6)
        for place in self._model.of("running"):
            lanes.end(self._work, place.id, given_back=False)
            self._model.end(place.id, given_back=False)
            move(self._connection, place.id, "delivered")
        self.pick(UNLIMITED, 2)

    @precondition(lambda self: self._model.places)
    @rule(data=st.data(), given_back=st.booleans())
    def end(self, data: st.DataObject, given_back: bool) -> None:  # noqa: FBT001  hypothesis
        request_id = self._any(data, "running", "parked", "ready")
        over = self._model.places[request_id].where in {"running", "parked"}
        lanes.end(self._work, request_id, given_back=given_back)
        self._model.end(request_id, given_back=given_back)
        if over:
            move(self._connection, request_id, "cancelled" if given_back else "delivered")

    @precondition(lambda self: self._model.places)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        request_id = self._any(data, "ready", "asleep", "running")
        waits = self._model.places[request_id].where in {"ready", "asleep"}
        lanes.leave(self._work, request_id)
        self._model.leave(request_id)
        if waits:
            move(self._connection, request_id, "cancelled")

    @precondition(lambda self: self._model.places)
    @rule(data=st.data())
    def park_or_go_on(self, data: st.DataObject) -> None:
        request_id = self._any(data, "running", "parked", "parked")
        if self._model.places[request_id].where == "parked":
            lanes.unpark(self._work, request_id)
            self._model.unpark(request_id)
        else:
            lanes.park(self._work, request_id)
            self._model.park(request_id)

    @rule(guild=st.sampled_from(_GUILDS), limits=_LIMITS)
    def set_limits(self, guild: int, limits: LaneLimits) -> None:
        if guild in self._model.guilds:
            set_limits(self._work, guild, limits)
            self._model.set_limits(guild, limits)

    @rule(batch=st.sampled_from([1, 2, 100]), later_ms=st.sampled_from([0, 5, 12, 30]))
    def age_later(self, batch: int, later_ms: int) -> None:
        self._now_ms += later_ms
        aged = lanes.age(self._work, now_ms=self._now_ms, batch=batch)
        assert aged == self._model.age(now_ms=self._now_ms, batch=batch)

    @precondition(lambda self: self._model.places)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        request_id = self._any(data, "ready", "ready", "asleep", "running", "parked")
        place = self._model.places[request_id]
        assert standing(self._connection, request_id) == self._model.standing(request_id)
        if place.where == "ready":
            order = [each.id for each in self._model.play_out(place.guild)][:25]
            shown = line(self._connection, place.guild)
            assert shown == tuple((each, self._model.standing(each)) for each in order)

    @invariant()
    def the_tables_say_what_the_model_finds(self) -> None:
        self._compare_bot()
        self._compare_guilds()
        self._compare_people()

    def _compare_bot(self) -> None:
        row = self._connection.execute(_BOT).mappings().one_or_none()
        bot, model = (BotLine() if row is None else bot_from(row)), self._model
        running = len(model.of("running"))
        assert bot == BotLine(running=running, max_running=model.max_running, clock=model.clock, picks=model.picks)

    def _compare_guilds(self) -> None:
        found = [lane_from(row) for row in self._connection.execute(_LANES).mappings()]
        assert {each.guild_id for each in found} == set(self._model.guilds)
        for lane in found:
            model = self._model.guilds[lane.guild_id]
            counted = (lane.limits, lane.tag, lane.clock, lane.running, lane.eligible)
            running, eligible = self._model.of("running", lane.guild_id), self._model.eligible(lane.guild_id)
            assert counted == (model.limits, model.tag, model.clock, len(running), len(eligible))

    def _compare_people(self) -> None:
        rows = [person_from(row) for row in self._connection.execute(_PERSONS).mappings()]
        found = {(each.guild_id, each.person_id): each for each in rows}
        for key, model in self._model.people.items():
            if key not in found:
                assert model == Person()
                assert not self._model.of("ready", *key)
                continue
            person, ready = found[key], self._model.of("ready", *key)
            assert Person(person.weight, person.max_running, person.tag, person.credit, person.picked) == model
            assert (person.running, person.ready) == (len(self._model.of("running", *key)), len(ready))
            assert person.blocked == self._model.blocked(*key)
            assert (person.head and person.head.request_id) == (ready[0].id if ready else None)

    def _any(self, data: st.DataObject, *wanted: str) -> str:
        """One of those that are so, by preference in this order of likelihood; any one if there is none."""
        where = data.draw(st.sampled_from(wanted))
        found = [each.id for each in self._model.of(where)] or sorted(self._model.places)
        return data.draw(st.sampled_from(found))


@pytest.fixture(scope="module")
def in_memory() -> Iterator[Connection]:
    """One database for all cases of a test: each is rolled back."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"isolation_level": None})
    event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        upgrade(connection)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")  # Python's own transactions leave reads out


def _compare(connection: Connection, *, cases: int, steps: int) -> None:
    class OnThis(Beside):
        def __init__(self) -> None:
            super().__init__(connection)

    one_failure = settings(
        max_examples=cases,
        stateful_step_count=steps,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )
    run_state_machine_as_test(OnThis, settings=one_failure)


@pytest.mark.timeout(400)  # what fails is made small first, which takes its time
def test_every_pick_counter_and_standing_is_the_models(in_memory: Connection) -> None:
    _compare(in_memory, cases=300, steps=12)


@pytest.mark.timeout(400)
def test_every_pick_counter_and_standing_is_the_models_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    engine = create_engine(postgres.of(tmp_path), poolclass=NullPool)
    with engine.connect() as connection:
        _compare(connection, cases=20, steps=10)
    postgres.forget()


# --- what is fair: on the model, which the tables follow -------------------------------------------------------------


class _Line:
    """A line in memory whose requests are told apart by whose they are."""

    def __init__(self, limits: LaneLimits = _FREE) -> None:
        self.lanes = MemoryLanes()
        self._limits = limits
        self._entered = 0

    def enter(self, person: int, *, guild: int = 1, cost: int = 1, weight: int = 1, limits: LaneLimits = _FREE) -> str:
        self._entered += 1
        request_id = f"{self._entered:013d}"
        self.lanes.enter(request_id, self._entered, guild, person, Turn(cost=cost, weight=weight), limits)
        return request_id

    def pick(self) -> tuple[int, int, int, str]:
        """Guild, person, cost and id of what starts."""
        request_id = self.lanes.pick(max_running=UNLIMITED)
        assert request_id is not None
        place = self.lanes.places[request_id]
        return place.guild, place.person, place.cost, request_id


_COSTS: Final = st.integers(1, 12)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), _COSTS), min_size=2, max_size=12),
    st.integers(0, 8),
    st.sampled_from([1, 3]),
)
def test_a_flooded_guild_delays_anothers_first_request_by_at_most_one_pick(
    flood: list[tuple[int, int]], history: int, weight: int
) -> None:
    line = _Line()
    for guild, cost in flood * 2:
        line.enter(7, guild=guild, cost=cost, limits=LaneLimits(weight=weight if guild == 1 else 1))
    for _each in range(history % len(flood)):
        line.pick()
    line.enter(8, guild=3, cost=4)

    guilds = [line.pick()[0] for _each in range(3)]
    before = guilds[: guilds.index(3)]
    assert len(before) == len(set(before)), "each other guild at most once"


_STEPS: Final = st.lists(st.tuples(st.sampled_from(["enter 2", "enter 3", "pick"]), _COSTS), min_size=10, max_size=50)


@settings(max_examples=150)
@given(_STEPS, st.booleans())
def test_between_two_of_mine_an_equal_has_at_most_two_turns_or_twice_the_greatest_cost(
    steps: list[tuple[str, int]],
    same_cost: bool,  # noqa: FBT001  hypothesis
) -> None:
    line, between = _Line(), list[int]()
    line.enter(1, cost=5)
    for step, drawn in steps:
        cost = 5 if same_cost else drawn
        if step != "pick":
            line.enter(int(step[-1]), cost=cost)
            continue
        _guild, person, picked, request_id = line.pick()
        line.lanes.end(request_id, given_back=False)
        if person == 1:
            between.clear()
            line.enter(1, cost=cost)
        elif person == 2:
            between.append(picked)
        assert len(between) <= 2 if same_cost else sum(between) <= 2 * 12


@settings(max_examples=60)
@given(st.lists(st.integers(0, 7), min_size=8, max_size=40), _COSTS)
def test_a_cancelled_turn_is_given_back(late: list[int], cost: int) -> None:
    """Four equals whose turns are cancelled now and then, however late: in the end nobody is a turn behind."""
    line, turns, owed = _Line(), Counter[int](), set[int]()
    running: list[tuple[int, str]] = []
    for person in (1, 2, 3, 4) * 2:
        line.enter(person, cost=cost)
    for back in [*late, *[7] * 8]:
        _guild, person, _cost, request_id = line.pick()
        line.enter(person, cost=cost)
        running.append((person, request_id))
        turns[person] += 1
        owed.discard(person)
        if back < len(running) and back < 7 and (cancelled := running[-1 - back])[0] not in owed:
            running.remove(cancelled)
            line.lanes.end(cancelled[1], given_back=True)
            turns[cancelled[0]] -= 1
            owed.add(cancelled[0])
    assert max(turns.values()) - min(turns.values()) <= 1


@settings(max_examples=50)
@given(st.tuples(_COSTS, _COSTS, _COSTS), st.tuples(*[st.integers(1, 5)] * 3))
def test_people_share_a_guild_and_guilds_the_bot_by_weight(
    costs: tuple[int, int, int], weights: tuple[int, int, int]
) -> None:
    """What each had by its weight differs by no more than a turn of each, however different the turns are."""
    for guilds in (False, True):
        line, had = _Line(), Counter[int]()

        def enter(number: int, line: _Line = line, guilds: bool = guilds) -> None:  # noqa: FBT001
            weight, cost = weights[number], costs[number]
            if guilds:
                line.enter(7, guild=number, cost=cost, limits=LaneLimits(weight=weight))
            else:
                line.enter(number, cost=cost, weight=weight)

        for number in range(3):
            enter(number)
            enter(number)
        for _each in range(45):
            guild, person, cost, request_id = line.pick()
            number = guild if guilds else person
            line.lanes.end(request_id, given_back=False)
            had[number] += cost
            enter(number)
        shares = [had[number] / weights[number] for number in range(3)]
        turn = [costs[number] / weights[number] for number in range(3)]
        assert max(shares) - min(shares) <= 2 * max(turn) + 1


# --- on every database -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tables:
    """The lanes of a database, a transaction for each step."""

    database: Database
    entered: int = 0

    async def enter(
        self,
        person: int,
        *,
        guild: int = 1,
        turn: Turn = Turn(cost=1),  # noqa: B008  frozen
        limits: LaneLimits = _FREE,
        own: int | None = None,
    ) -> str:
        self.entered += 1
        number, request_id = self.entered, f"{self.entered:013d}"

        def work(transaction: Transaction) -> None:
            add_queued(transaction.connection, request_id, number, guild=guild, person=person)
            lanes.enter(
                transaction,
                request_id,
                guild_id=guild,
                person_id=person,
                turn=turn,
                limits=limits,
                person_running=own,
                now_ms=1,
            )

        await self.database.write(work)
        return request_id

    async def pick(self, *, max_running: int = UNLIMITED, now_ms: int = 1) -> str | None:
        def work(transaction: Transaction) -> str | None:
            request_id = lanes.pick(transaction, max_running=max_running, now_ms=now_ms)
            if request_id is not None:
                move(transaction.connection, request_id, "preparing")
            return request_id

        return await self.database.write(work)

    async def picks(self) -> list[str]:
        found: list[str] = []
        while (request_id := await self.pick()) is not None:
            found.append(request_id)
        return found

    async def end(self, request_id: str, *, given_back: bool = False) -> None:
        def work(transaction: Transaction) -> None:
            lanes.end(transaction, request_id, given_back=given_back)
            move(transaction.connection, request_id, "cancelled" if given_back else "delivered")

        await self.database.write(work)

    async def why(self, request_id: str) -> object:
        found = await self.database.read(lambda connection: standing(connection, request_id))
        return None if found is None else found.why

    async def check(self) -> tuple[str, ...]:
        return await self.database.read(check)


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[_Tables]:
    database = Database(url, reached=no_fault)
    await database.prepare(upgrade)
    try:
        yield _Tables(database)
    finally:
        await database.close()


@pytest.fixture
async def tables(lasting: str, tmp_path: Path) -> AsyncIterator[_Tables]:
    async with _opened(URLS[lasting](tmp_path)) as opened:
        yield opened
        assert await opened.check() == ()


async def test_people_take_turns_and_a_standing_says_so(tables: _Tables) -> None:
    a, b = [await tables.enter(1) for _ in range(3)], [await tables.enter(2) for _ in range(2)]

    found = dict(await tables.database.read(lambda connection: line(connection, 1)))
    assert list(found) == [a[0], b[0], a[1], b[1], a[2]]
    assert (found[b[1]].place, found[b[1]].own_before) == (4, 1)
    assert [(each.person_name, each.count) for each in found[b[1]].ahead] == [("P1", 2)]
    assert await tables.picks() == list(found)


async def test_who_waited_at_their_limit_catches_up_by_one_turn_only(tables: _Tables) -> None:
    held = [await tables.enter(1, turn=Turn(cost=4), own=1) for _ in range(4)]
    for _each in range(8):
        await tables.enter(2, turn=Turn(cost=4))
    assert set(await tables.picks()) & set(held) == {held[0]}
    for _each in range(4):
        await tables.enter(2, turn=Turn(cost=4))
    held.append(await tables.enter(1, turn=Turn(cost=4), own=None))

    next_turns = [await tables.pick() in held for _ in range(4)]
    assert sum(next_turns) <= 3
    assert next_turns[2] is False, "not all that they missed"


async def test_of_two_equally_far_on_it_is_the_turn_of_whose_last_is_longer_ago(tables: _Tables) -> None:
    mine = [await tables.enter(1)]
    assert await tables.pick() == mine[0]
    others = [await tables.enter(2) for _ in range(3)]
    mine.append(await tables.enter(1))

    found = await tables.database.read(lambda connection: line(connection, 1))
    assert [each for each, _standing in found] == [others[0], mine[1], *others[1:]]
    assert await tables.picks() == [others[0], mine[1], *others[1:]]


async def test_who_comes_first_where_the_guild_says_so(tables: _Tables) -> None:
    first_come = LaneLimits(first_come=True)
    a, b = [await tables.enter(1, limits=first_come) for _ in range(2)], await tables.enter(2, limits=first_come)
    urgent = await tables.enter(3, turn=Turn(cost=1, priority=1), limits=first_come)

    assert await tables.picks() == [urgent, *a, b]


async def test_a_place_beyond_25_is_not_counted(tables: _Tables) -> None:
    for person in range(1, 26):
        await tables.enter(person)
    late = await tables.enter(26)
    assert await tables.database.read(lambda connection: standing(connection, late)) is not None
    found = await tables.database.read(lambda connection: standing(connection, late))
    assert found is not None
    assert (found.place, len(found.ahead)) == (None, 25)
    await tables.pick()
    found = await tables.database.read(lambda connection: standing(connection, late))
    assert found is not None
    assert found.place == 25


async def test_what_holds_a_request_is_said(tables: _Tables) -> None:
    one = LaneLimits(max_running=1, person_max_running=1)
    mine, next_of_mine, others = [await tables.enter(person, limits=one) for person in (1, 1, 2)]
    later = await tables.enter(3, turn=Turn(cost=1, not_before_ms=90_000), limits=one)
    assert await tables.why(mine) is None
    assert await tables.pick(max_running=1) == mine

    assert await tables.why(mine) is None, "it does not wait"
    assert await tables.why(next_of_mine) == reason("lane-person-busy", running=1, limit=1)
    assert await tables.why(others) == reason("lane-guild-busy", running=1, limit=1)
    assert await tables.why(later) == reason("lane-not-before", at=90)
    await _set(tables, LaneLimits())
    assert await tables.why(others) == reason("lane-bot-busy", running=1, limit=1)
    await _set(tables, LaneLimits(max_running=0))
    assert await tables.why(others) == reason("lane-paused")


async def _set(tables: _Tables, limits: LaneLimits, guild: int = 1) -> None:
    await tables.database.write(lambda transaction: set_limits(transaction, guild, limits))


async def test_limits_apply_at_the_next_pick(tables: _Tables) -> None:
    one = LaneLimits(person_max_running=1)
    mine = [await tables.enter(1, limits=one) for _ in range(4)]
    trusted = [await tables.enter(2, limits=one, own=2) for _ in range(3)]
    assert sorted(await tables.picks()) == sorted([mine[0], *trusted[:2]])

    await _set(tables, LaneLimits(person_max_running=2))
    assert await tables.picks() == [mine[1]], "the other has a limit of their own"
    await _set(tables, LaneLimits(person_max_running=3, max_running=4))
    assert await tables.picks() == []
    await _set(tables, LaneLimits(person_max_running=1))
    await tables.end(mine[0])
    assert await tables.picks() == []
    await tables.end(mine[1])
    assert await tables.picks() == [mine[2]]
    assert await tables.pick(max_running=3) is None
    assert await tables.enter(5)
    assert await tables.pick(max_running=3) is None
    assert await tables.pick(max_running=4) is not None


async def test_what_waits_for_a_review_holds_no_place_and_takes_it_back(tables: _Tables) -> None:
    one = LaneLimits(max_running=1)
    first, second, third = [await tables.enter(person, limits=one) for person in (1, 2, 3)]
    assert await tables.pick() == first
    await tables.database.write(lambda transaction: lanes.park(transaction, first))
    assert await tables.pick() == second
    await tables.database.write(lambda transaction: lanes.unpark(transaction, first))
    await tables.end(second)
    assert await tables.pick() is None, "two ran where one may, and one still does"
    await tables.database.write(lambda transaction: lanes.park(transaction, first))
    await tables.end(first)
    await tables.end(first)
    assert await tables.pick() == third


async def test_what_is_asked_for_later_takes_its_place_when_its_time_has_come(tables: _Tables) -> None:
    later = await tables.enter(1, turn=Turn(cost=1, not_before_ms=100))
    now = await tables.enter(2)
    assert await tables.picks() == [now]
    assert await tables.pick(now_ms=99) is None
    assert await tables.pick(now_ms=100) == later


async def test_waiting_raises_a_low_priority_until_it_is_the_highest(tables: _Tables) -> None:
    ageing = LaneLimits(ageing_ms=10)
    low = await tables.enter(1, turn=Turn(cost=1, priority=1), limits=ageing)
    high = await tables.enter(1, turn=Turn(cost=1, priority=2), limits=ageing)

    assert await tables.database.write(lambda work: lanes.age(work, now_ms=10, batch=5)) == 0
    found = dict(await tables.database.read(lambda connection: line(connection, 1)))
    assert list(found) == [high, low]
    assert await tables.database.write(lambda work: lanes.age(work, now_ms=11, batch=5)) == 1
    assert await tables.database.write(lambda work: lanes.age(work, now_ms=1_000, batch=5)) == 0
    assert await tables.picks() == [low, high]


async def test_a_request_enters_once(tables: _Tables) -> None:
    request_id = await tables.enter(1)

    def again(connection: Connection) -> None:
        lanes.enter(
            Transaction(connection),
            request_id,
            guild_id=1,
            person_id=1,
            turn=Turn(cost=1),
            limits=_FREE,
            now_ms=1,
        )

    with pytest.raises(Exception, match="database-unavailable"):
        await tables.database.write(lambda work: again(work.connection))


async def test_what_an_older_release_queued_is_found(tables: _Tables) -> None:
    def work(transaction: Transaction) -> tuple[str, ...]:
        for number in (3, 2, 1):
            add_queued(transaction.connection, f"{number:013d}", number, guild=1, person=1)
        found = lanes.left_out(transaction.connection, batch=2)
        transaction.connection.execute(update(requests).values(state="cancelled"))
        return found

    assert await tables.database.write(work) == (f"{1:013d}", f"{2:013d}")


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE bot_line SET running = running + 1",
        "UPDATE lanes SET running = running - 1",
        "UPDATE lanes SET eligible = eligible + 1",
        "UPDATE lane_people SET running = 0 WHERE running > 0",
        "UPDATE lane_people SET ready = ready + 1 WHERE person_id = 1",
        "UPDATE lane_people SET blocked = NOT blocked WHERE person_id = 1",
        "UPDATE lane_people SET head_cost = 9 WHERE head_id IS NOT NULL",
        "DELETE FROM lane_people WHERE person_id = 1",
        "UPDATE requests SET state = 'cancelled' WHERE lane_state = 1",
        "UPDATE requests SET lane_state = 0 WHERE lane_state = 1",
        "UPDATE requests SET state = 'queued' WHERE lane_state = 3",
    ],
)
async def test_the_check_finds_what_does_not_add_up(harm: str, tmp_path: Path) -> None:
    async with _opened(URLS["sqlite"](tmp_path)) as tables:
        for person in (1, 1, 2):
            await tables.enter(person)
        await tables.pick()
        assert await tables.check() == ()
        await tables.database.write(lambda transaction: transaction.connection.execute(text(harm)))
        assert await tables.check() != ()


# --- several at once -------------------------------------------------------------------------------------------------

_TOTAL: Final = 36
_TIGHT: Final = LaneLimits(max_running=3, person_max_running=1)


async def _crowd(tables: _Tables) -> None:
    for number in range(_TOTAL):
        await tables.enter(number % 5, guild=number % 3, limits=_TIGHT)


async def _watch(database: Database, total: int) -> None:
    """Looks at what runs, over and over, until everything was picked: never more than may."""
    picked = 0
    while picked < total:
        running, picked = await database.read(_running)
        assert sum(running.values()) <= 6
        assert max(running.values(), default=0) <= 1
        by_guild = Counter[int]()
        for (guild, _person), count in running.items():
            by_guild[guild] += count
        assert max(by_guild.values(), default=0) <= 3


def _running(connection: Connection) -> tuple[Counter[tuple[int, int]], int]:
    found = select(requests.c.guild_id, requests.c.person_id).where(requests.c.lane_state == 3)
    waiting = select(requests.c.id).where(requests.c.lane_state == 1)
    running = Counter((guild, person) for guild, person in connection.execute(found))
    return running, _TOTAL - len(connection.execute(waiting).all())


async def test_four_tasks_exceed_no_limit_and_pick_nothing_twice(tables: _Tables) -> None:
    await _crowd(tables)
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(work_off(tables.database, max_running=6, total=_TOTAL)) for _ in range(4)]
        tasks.create_task(_watch(tables.database, _TOTAL))
    picked = [each for call in calls for each in call.result()]
    assert len(picked) == len(set(picked)) == _TOTAL


async def test_four_processes_exceed_no_limit_and_pick_nothing_twice(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.of(tmp_path)
    async with _opened(url) as tables:
        await _crowd(tables)
        processes = [_picker(url) for _ in range(4)]
        for process in processes:
            assert _said(process) == "ready"
        for process in processes:
            _tell(process)
        await _watch(tables.database, _TOTAL)
        picked = [each for process in processes for each in json.loads(await asyncio.to_thread(_said, process))]
        for process in processes:
            process.communicate(timeout=30)
        assert len(picked) == len(set(picked)) == _TOTAL
        assert await tables.check() == ()
    postgres.forget()


def _picker(url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.pickers", url, "6", str(_TOTAL)]
    return subprocess.Popen(command, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


# --- from a policy ---------------------------------------------------------------------------------------------------


def test_a_policy_says_what_holds_in_the_lane() -> None:
    policy = Policy(
        weight=3,
        guild=Limits(running=4),
        person=Limits(running=2),
        roles={10: Limits(running=5), 11: Limits()},
        order=Order(first_come=True, ageing_minutes=2),
    )
    assert limits_from(policy) == LaneLimits(
        weight=3, max_running=4, person_max_running=2, first_come=True, ageing_ms=120_000
    )
    assert limits_from(Policy()) == LaneLimits()
    assert [own_running(policy, roles) for roles in ((), (99,), (10,), (10, 11))] == [None, None, 5, UNLIMITED]


def test_a_person_of_whom_nothing_may_run_is_no_limit_but_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        limits_from(Policy(person=Limits(running=0)))
