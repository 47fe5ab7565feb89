"""What quotas count: on every database the same as a model that reckons it anew from all requests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update

from bot.admission.rules import refusals_of
from bot.admission.spans import present_windows
from bot.domain.money import Asked
from bot.domain.policies import ANYWHERE, Block, Limits, Policy, Quota, Span, Unit
from bot.domain.quotas import Usage, Windows
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request
from bot.domain.states import RequestState
from bot.queue import blocks, quotas
from bot.queue.connecting import engines
from bot.queue.engine import Database, Transaction, one_at_a_time
from bot.queue.lane_limits import set_limits
from bot.queue.lane_rows import save, seat_in_lane
from bot.queue.migrations import upgrade
from bot.queue.quotas import Asker
from bot.queue.rows import request_columns
from bot.queue.tables import requests
from bot.queue.turns import LaneLimits, held
from tests.fakes_quotas import Accepted, MemoryCounts
from tests.postgres import Postgres, ask, connected
from tests.stores import URLS, sqlite_url

_NOW_MS: Final = 1_750_032_000_000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_ASKED: Final = Asked(takes=2, seconds=20, cost_usd_micros=0)
_ADA: Final = Asker(guild_id=1 << 62, person_id=1 << 61)
_BOB: Final = replace(_ADA, person_id=8)


def _windows(zone: str = "UTC", now_ms: int = _NOW_MS) -> Windows:
    return present_windows(zone, now_ms)


def _request(number: int, asker: Asker, *, at_ms: int | None = None) -> Request:
    return Request(
        id=f"{number:013d}",
        version=1,
        state=RequestState.DRAFT if at_ms is None else RequestState.QUEUED,
        interaction_id=number,
        place=Place(
            guild_id=asker.guild_id, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000
        ),
        person=Person(id=asker.person_id, name="Ada"),
        written_prompt="a cat",
        offers=(),
        parameters=Parameters(),
        take_count=2,
        created_at_ms=_NOW_MS,
        accepted_at_ms=at_ms,
    )


def _ask(transaction: Transaction, number: int, asker: Asker = _ADA, *, zone: str = "UTC", at_ms: int = _NOW_MS) -> str:
    request = _request(number, asker, at_ms=at_ms)
    transaction.connection.execute(insert(requests).values(request_columns(request)))
    quotas.count(transaction, request.id, asker, _ASKED, _windows(zone, at_ms))
    return request.id


def _runs(transaction: Transaction, asker: Asker) -> None:
    """One of theirs holds a place in the lane."""
    set_limits(transaction, asker.guild_id, LaneLimits())
    seat = seat_in_lane(transaction.connection, asker.guild_id, asker.person_id)
    save(transaction.connection, seat, held(seat))


@pytest_asyncio.fixture
async def database(lasting: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(URLS[lasting](tmp_path), reached=lambda _name: None)
    await opened.prepare(upgrade)
    yield opened
    await opened.close()


async def _usage(database: Database, asker: Asker = _ADA, *, zone: str = "UTC", at_ms: int = _NOW_MS) -> Usage:
    return await database.read(lambda connection: quotas.usage(connection, asker, _windows(zone, at_ms), at_ms))


def _takes(usage: Usage) -> list[int]:
    """Of the person and the guild: in the day, the week, the month."""
    return [counted[Unit.TAKES, span] for counted in (usage.person, usage.guild) for span in Span]


# --- at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (Policy(person=Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.DAY, limit=10),))), "person-quota-used"),
        (Policy(guild=Limits(quotas=(Quota(unit=Unit.SECONDS, span=Span.MONTH, limit=219),))), "guild-quota-used"),
    ],
)
async def test_of_200_at_once_a_quota_of_ten_accepts_exactly_ten(
    database: Database, policy: Policy, refused: str
) -> None:
    drafts = [_request(number, _ADA) for number in range(200)]
    await database.write(
        lambda work: work.connection.execute(insert(requests), [request_columns(each) for each in drafts])
    )

    def accept(work: Transaction, request: Request) -> str:
        one_at_a_time(work.connection)
        used = quotas.usage(work.connection, _ADA, _windows(), _NOW_MS, besides=request.id)
        found = refusals_of(policy, policy.person, used, _ASKED, roles=(), channel_id=2)
        if found:
            return found[0].code
        quotas.count(work, request.id, _ADA, _ASKED, _windows())
        return "accepted"

    outcomes = await asyncio.gather(*(database.write(lambda work, each=draft: accept(work, each)) for draft in drafts))

    assert Counter(outcomes) == {"accepted": 10, refused: 190}
    assert _takes(await _usage(database)) == [20] * 6


async def test_what_is_asked_for_and_given_back_at_once_adds_up(database: Database) -> None:
    people = (_ADA, _BOB)
    ids = [await database.write(lambda work, n=n: _ask(work, n, people[n % 2])) for n in range(20)]

    def give_back(work: Transaction, request_id: str) -> bool:
        one_at_a_time(work.connection)
        return quotas.give_back(work, request_id)

    async with asyncio.TaskGroup() as tasks:
        backs = [tasks.create_task(database.write(lambda work, each=each: give_back(work, each))) for each in ids + ids]
        for number in range(20, 50):
            tasks.create_task(database.write(lambda work, n=number: _ask(work, n, people[n % 2])))

    assert Counter(back.result() for back in backs) == {True: 20, False: 20}
    assert _takes(await _usage(database)) == [30] * 3 + [60] * 3


# --- spans -----------------------------------------------------------------------------------------------------------


async def test_each_span_begins_with_nothing_and_a_person_s_use_is_the_guild_s_too(database: Database) -> None:
    monday = _NOW_MS  # 16 June 2025, 00:00 UTC
    for number, at_ms in enumerate((monday - 15 * _DAY_MS, monday - 1, monday, monday + _DAY_MS)):
        await database.write(lambda work, n=number, at=at_ms: _ask(work, n, at_ms=at))
    await database.write(lambda work: _ask(work, 9, _BOB, at_ms=monday + _DAY_MS))

    assert _takes(await _usage(database, at_ms=monday + _DAY_MS)) == [2, 4, 8, 4, 6, 10]
    assert _takes(await _usage(database, at_ms=monday + 7 * _DAY_MS)) == [0, 0, 8, 0, 0, 10]
    assert _takes(await _usage(database, replace(_ADA, guild_id=5))) == [0] * 6


async def test_a_usage_says_when_its_spans_end(database: Database) -> None:
    usage = await _usage(database, zone="Europe/Berlin")

    windows = _windows("Europe/Berlin")
    assert usage.resets_at_ms == {span: windows[span].ends_ms for span in Span}
    assert set(usage.person) == set(usage.guild) == {(unit, span) for unit in Unit for span in Span}


async def test_what_is_given_back_goes_where_it_was_counted_days_and_time_zones_later(database: Database) -> None:
    first = await database.write(lambda work: _ask(work, 1, zone="Asia/Tokyo", at_ms=_NOW_MS))
    await database.write(lambda work: _ask(work, 2, zone="Asia/Tokyo", at_ms=_NOW_MS))
    later_ms = _NOW_MS + 3 * _DAY_MS
    await database.write(lambda work: _ask(work, 3, zone="UTC", at_ms=later_ms))

    assert await database.write(lambda work: quotas.give_back(work, first))
    assert _takes(await _usage(database, zone="Asia/Tokyo", at_ms=_NOW_MS)) == [2] * 6
    assert _takes(await _usage(database, zone="UTC", at_ms=later_ms)) == [2] * 6
    assert not await database.write(lambda work: quotas.give_back(work, first)), "once"
    assert _takes(await _usage(database, zone="Asia/Tokyo", at_ms=_NOW_MS)) == [2] * 6


async def test_a_request_that_was_never_counted_gives_nothing_back(database: Database) -> None:
    await database.write(lambda work: _ask(work, 1))
    await database.write(
        lambda work: work.connection.execute(insert(requests).values(request_columns(_request(2, _ADA))))
    )

    assert not await database.write(lambda work: quotas.give_back(work, f"{2:013d}"))
    assert not await database.write(lambda work: quotas.give_back(work, "0123456789abc"))
    assert _takes(await _usage(database)) == [2] * 6


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
async def test_another_time_zone_is_no_way_to_a_fresh_quota(database: Database, zone: str) -> None:
    at_ms = _NOW_MS + 11 * _HOUR_MS
    await database.write(lambda work: _ask(work, 1, at_ms=at_ms))
    await database.write(lambda work: _ask(work, 2, _BOB, at_ms=at_ms))

    for before, after in (("UTC", zone), (zone, "UTC"), ("UTC", zone)):
        await database.write(
            lambda work, old=before, new=after: quotas.carry_over(
                work, _ADA.guild_id, _windows(old, at_ms), _windows(new, at_ms)
            )
        )
        assert _takes(await _usage(database, zone=after, at_ms=at_ms)) == [2] * 3 + [4] * 3

    await database.write(lambda work: _ask(work, 3, zone=zone, at_ms=at_ms))
    await database.write(
        lambda work: quotas.carry_over(work, _ADA.guild_id, _windows(zone, at_ms), _windows("UTC", at_ms))
    )
    assert _takes(await _usage(database, at_ms=at_ms)) == [4] * 3 + [6] * 3
    assert _takes(await _usage(database, replace(_ADA, guild_id=5), at_ms=at_ms)) == [0] * 6


# --- heads -----------------------------------------------------------------------------------------------------------


async def test_a_usage_knows_what_waits_what_runs_the_last_acceptance_and_a_block(
    database: Database, lasting: str, tmp_path: Path
) -> None:
    for number, at_ms in enumerate((_NOW_MS - 5, _NOW_MS - 9, _NOW_MS - 7)):
        await database.write(lambda work, n=number, at=at_ms: _ask(work, n, at_ms=at))
    await database.write(lambda work: _ask(work, 7, _BOB))
    draft = replace(_request(8, _ADA), expires_at_ms=_NOW_MS + 1)
    await database.write(lambda work: work.connection.execute(insert(requests).values(request_columns(draft))))
    ask(URLS[lasting](tmp_path), "UPDATE requests SET state = 'working' WHERE interaction_id IN (0, 7)")
    for asker in (_ADA, _BOB):
        await database.write(lambda work, each=asker: _runs(work, each))
    block = Block(guild_id=ANYWHERE, person_id=_ADA.person_id, why="spam", by=1, at_ms=0)
    await database.write(lambda work: blocks.block(work, block))

    mine, bobs = await _usage(database), await _usage(database, _BOB)

    assert (mine.person_running, mine.guild_running) == (1, 2)
    assert (mine.person_waiting, mine.person_drafts) == (3, 1)
    assert (mine.last_accepted_ms, mine.block, mine.now_ms) == (_NOW_MS - 5, block, _NOW_MS)
    assert (bobs.person_running, bobs.person_waiting, bobs.block) == (1, 0, None)
    besides = await database.read(
        lambda connection: quotas.usage(connection, _ADA, _windows(), _NOW_MS, besides=draft.id)
    )
    assert (besides.person_waiting, besides.person_drafts) == (2, 0)


async def test_counts_of_spans_long_over_are_forgotten_and_the_present_ones_are_not(
    database: Database, lasting: str, tmp_path: Path
) -> None:
    end_of_month_ms = _windows()[Span.MONTH].ends_ms - 1
    old = await database.write(lambda work: _ask(work, 1, at_ms=_NOW_MS - 100 * _DAY_MS))
    await database.write(lambda work: _ask(work, 2))
    await database.write(lambda work: quotas.forget_old(work, end_of_month_ms))

    assert _takes(await _usage(database)) == [2] * 6
    assert ask(URLS[lasting](tmp_path), "SELECT count(*) FROM usage_counts") == [(6,)]
    assert await database.write(lambda work: quotas.give_back(work, old)), "late, and without a count below nothing"
    assert ask(URLS[lasting](tmp_path), "SELECT min(takes) FROM usage_counts") == [(2,)]


# --- against the model -----------------------------------------------------------------------------------------------

_ZONES: Final = {1: "UTC", 2: "America/Havana"}
_POLICY: Final = Policy(
    guild=Limits(quotas=(Quota(unit=Unit.SECONDS, span=Span.WEEK, limit=150),)),
    person=Limits(
        quotas=(
            Quota(unit=Unit.TAKES, span=Span.DAY, limit=6),
            Quota(unit=Unit.REQUESTS, span=Span.MONTH, limit=7),
        ),
        waiting=4,
        cooldown_seconds=1_800,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Time passes, then somebody asks, or one of the requests so far starts or is given back."""

    kind: str
    pass_ms: int
    guild: int
    person: int
    takes: int
    seconds: int
    which: int


_STEPS: Final = st.lists(
    st.builds(
        _Step,
        kind=st.sampled_from(("ask", "ask", "ask", "give back", "start")),
        pass_ms=st.sampled_from((0, 1_000, _HOUR_MS, 12 * _HOUR_MS, 2 * _DAY_MS, 9 * _DAY_MS)),
        guild=st.sampled_from(sorted(_ZONES)),
        person=st.integers(7, 8),
        takes=st.integers(1, 4),
        seconds=st.integers(4, 60),
        which=st.integers(0, 20),
    ),
    max_size=20,
)
_FLOOD: Final = [
    _Step(kind="ask", pass_ms=_HOUR_MS, guild=2, person=7, takes=1, seconds=15, which=0) for _number in range(20)
]


class _Scene:
    """One database and one model that are told the same."""

    def __init__(self, transaction: Transaction) -> None:
        self._work = transaction
        self._model = MemoryCounts()
        self._now_ms = 1_741_406_400_000  # the day before Havana's clocks skip a midnight

    def goes_on(self, step: _Step) -> None:
        self._now_ms += step.pass_ms
        match step.kind:
            case "ask":
                self._asks(step)
            case "give back" if self._model.rows:
                self._gives_back(step.which % len(self._model.rows))
            case "start" if self._model.rows:
                self._starts(step.which % len(self._model.rows))
            case _:
                pass

    def agrees(self) -> None:
        for guild in _ZONES:
            for person in (7, 8):
                self._agree(guild, person)

    def _agree(self, guild: int, person: int) -> Usage:
        windows = _windows(_ZONES[guild], self._now_ms)
        asker = Asker(guild_id=guild, person_id=person)
        counted = quotas.usage(self._work.connection, asker, windows, self._now_ms)
        assert counted == self._model.usage(guild, person, windows, self._now_ms)
        return counted

    def _asks(self, step: _Step) -> None:
        asker = Asker(guild_id=step.guild, person_id=step.person)
        asked = Asked(takes=step.takes, seconds=step.seconds, cost_usd_micros=0)
        used = self._agree(step.guild, step.person)
        if refusals_of(_POLICY, _POLICY.person, used, asked, roles=(), channel_id=2):
            return
        request = _request(len(self._model.rows), asker, at_ms=self._now_ms)
        self._work.connection.execute(insert(requests).values(request_columns(request)))
        quotas.count(self._work, request.id, asker, asked, _windows(_ZONES[step.guild], self._now_ms))
        self._model.rows.append(
            Accepted(id=request.id, guild_id=step.guild, person_id=step.person, at_ms=self._now_ms, asked=asked)
        )

    def _gives_back(self, index: int) -> None:
        row = self._model.rows[index]
        assert quotas.give_back(self._work, row.id) is self._model.give_back(index)
        self._set_state(row.id, RequestState.CANCELLED)

    def _starts(self, index: int) -> None:
        row = self._model.rows[index]
        if row.state is RequestState.QUEUED:
            self._model.rows[index] = replace(row, state=RequestState.PREPARING)
            self._set_state(row.id, RequestState.PREPARING)

    def _set_state(self, request_id: str, state: RequestState) -> None:
        mine = update(requests).where(requests.c.id == request_id)
        self._work.connection.execute(mine.values(state=state.value))


def _play(engine: Engine, steps: list[_Step]) -> None:
    """In a transaction that is taken back: the next example finds the tables empty."""
    with engine.connect() as connection:
        connection.begin()
        scene = _Scene(Transaction(connection))
        for step in steps:
            scene.goes_on(step)
        scene.agrees()
        connection.rollback()


@contextmanager
def _writing(url: str) -> Generator[Engine]:
    ours = engines(url)
    try:
        yield ours.writing
    finally:
        ours.reading.dispose()
        ours.writing.dispose()


def test_on_sqlite_counters_and_refusals_are_those_of_the_model(tmp_path: Path) -> None:
    with connected(sqlite_url(tmp_path)) as connection:
        upgrade(connection)

    with _writing(sqlite_url(tmp_path)) as engine:

        @settings(max_examples=300)
        @given(steps=_STEPS)
        @example(steps=_FLOOD)
        def played(steps: list[_Step]) -> None:
            _play(engine, steps)

        played()


def test_on_postgresql_counters_and_refusals_are_those_of_the_model(postgres: Postgres, tmp_path: Path) -> None:
    with _writing(postgres.of(tmp_path)) as engine:

        @settings(max_examples=60)
        @given(steps=_STEPS)
        @example(steps=_FLOOD)
        def played(steps: list[_Step]) -> None:
            _play(engine, steps)

        played()
    postgres.forget()
