"""What only a database that several processes share can do wrong: the store among others, and the server restarted."""

import asyncio
import json
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, text

from bot.domain.drafts import TrayLimits
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.generations import PreparedBody
from bot.domain.policies import Limits, Policy, Quota, Span, Unit
from bot.domain.prompts import Prompt
from bot.domain.references import Reference
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request, Snapshot, Wish
from bot.domain.states import IllegalMove, RequestState, TakeState
from bot.queue.connecting import engines, one_at_a_time
from bot.queue.store import SqlRequestStore
from bot.queue.tables import metadata
from tests.acceptors import ASKED, NOW_MS
from tests.postgres import Postgres, ask, connected
from tests.stores import sql_store

_ROOT: Final = __file__.rsplit("/tests/", 1)[0]
_GUILD: Final = 100
_TRAYS: Final = TrayLimits(tray_files=9, person_files=9, guild_files=9)
_TEN_A_DAY_AND_THREE_AT_ONCE: Final = Policy(
    person=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=10),)), guild=Limits(running=3)
)


@pytest.fixture
def url(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the tables, empty."""
    yield postgres.of(request.path / request.node.name)
    postgres.forget()


@asynccontextmanager
async def _opened(url: str, *options: str) -> AsyncGenerator[SqlRequestStore]:
    """`options`: settings of its sessions, instead of the usual."""
    said = "".join(f"&options=-c%20{option}" for option in options)
    store = sql_store(url + said)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


# --- scenes ----------------------------------------------------------------------------------------------------------


def _id(number: int) -> str:
    return f"{number:013d}"


async def _draft(store: SqlRequestStore, number: int, *, guild: int = _GUILD, person: int = 7) -> Request:
    wish = Wish(
        interaction_id=number,
        place=Place(guild_id=guild, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000),
        person=Person(id=person, name="Ada"),
        prompt="a cat",
        offers=(),
        parameters=Parameters(),
        take_count=1,
    )
    return (await store.create_draft(_id(number), wish, now_ms=NOW_MS)).request


async def _accept(store: SqlRequestStore, draft: Request) -> Snapshot:
    return await store.accept(draft, prompt=Prompt(()), findings=(), model_id="model", asked=ASKED, now_ms=NOW_MS)


async def _claim(store: SqlRequestStore) -> str | None:
    return await store.claim_next(max_running=9, now_ms=NOW_MS)


async def _working(store: SqlRequestStore, number: int) -> Snapshot:
    await _accept(store, await _draft(store, number))
    assert await _claim(store) == _id(number)
    await store.move((await _load(store, number)).request, RequestState.WORKING)
    return await _load(store, number)


async def _load(store: SqlRequestStore, number: int) -> Snapshot:
    snapshot = await store.load(_id(number))
    assert snapshot is not None
    return snapshot


async def _waits(url: str) -> None:
    """Until a session of that database waits for another's lock."""
    blocked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(ask, url, blocked):
            await asyncio.sleep(0.01)


async def _while_it_waits(url: str, call: Awaitable[object], then: Callable[[], object]) -> object:
    """What comes of a call that has to wait for somebody's lock, who then does something."""
    async with asyncio.TaskGroup() as tasks:
        calling = tasks.create_task(_outcome(call))
        await _waits(url)
        await asyncio.to_thread(then)
    return calling.result()


async def _outcome(call: Awaitable[object]) -> object:
    try:
        return await call
    except (Refused, Stale, Unavailable, IllegalMove) as error:
        return error


@asynccontextmanager
async def _another(url: str) -> AsyncGenerator[Connection]:
    """Somebody else's transaction, open."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


# --- several processes -----------------------------------------------------------------------------------------------


async def test_processes_that_accept_and_claim_at_once_pass_no_quota_and_no_limit(url: str) -> None:
    async with _opened(url) as store:
        for guild in (_GUILD, _GUILD + 1):
            await store.change_policy(guild, lambda _before: _TEN_A_DAY_AND_THREE_AT_ONCE, by=1, now_ms=NOW_MS)
        for number in range(120):
            await _draft(store, number, guild=_GUILD + number % 2)
        async with AsyncExitStack() as stack:
            others = [
                await stack.enter_async_context(_process(url, *(_id(number) for number in range(first, 120, 3))))
                for first in range(3)
            ]
            assert [await _said(each) for each in others] == [b"ready\n"] * 3
            accepted = Counter(code for codes in await _all_do(others) for code in codes)
            claimed = [request_id for ids in await _all_do(others) for request_id in ids]

        assert accepted == {"accepted": 20, "person-quota-used": 100}, "ten of one person, in each of two guilds"
        assert len(claimed) == len(set(claimed)) == 5
        waiting = [await store.waiting_in_guild(guild) for guild in (_GUILD, _GUILD + 1)]
        assert sorted(len(each) for each in waiting) == [7, 8]


@asynccontextmanager
async def _process(url: str, *drafts: str) -> AsyncGenerator[Process]:
    command = [sys.executable, "-m", "tests.acceptors", url, *drafts]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=_ROOT)
    try:
        yield process
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _all_do(processes: list[Process]) -> list[list[str]]:
    for each in processes:
        assert each.stdin is not None
        each.stdin.write(b"go\n")
    return [json.loads(await _said(each)) for each in processes]


async def _said(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


async def test_a_payment_waits_for_a_cancel_under_way_and_is_not_made(url: str) -> None:
    async with _opened(url) as store, _another(url) as cancelling:
        working = await _working(store, 1)
        cancelling.execute(text("UPDATE requests SET cancel_requested_by = 3, version = version + 1"))

        pay = store.begin_submission(working.takes[0], PreparedBody(body={}, fingerprint="f"), now_ms=NOW_MS)
        outcome = await _while_it_waits(url, pay, cancelling.commit)

        assert isinstance(outcome, Stale)
        assert (await _load(store, 1)).takes[0].state is TakeState.PLANNED


async def test_a_claim_whose_head_is_cancelled_meanwhile_takes_the_next(url: str) -> None:
    async with _opened(url) as store, _another(url) as cancelling:
        for number in (1, 2):
            await _accept(store, await _draft(store, number))
        cancelling.execute(text("UPDATE requests SET state = 'cancelled', version = 9 WHERE accepted_seq = 1"))

        assert await _while_it_waits(url, _claim(store), cancelling.commit) == _id(2)


async def test_of_two_that_stand_in_each_other_s_way_the_store_begins_anew(url: str) -> None:
    async with _opened(url, "deadlock_timeout=50ms") as store, _another(url) as other:
        draft = await _draft(store, 1)
        other.execute(text("SET deadlock_timeout = '60s'"))
        other.execute(text("UPDATE requests SET reserved = true"))

        def crossing() -> None:
            one_at_a_time(other)  # which the acceptance has, and waits for the row
            other.commit()

        assert isinstance(await _while_it_waits(url, _accept(store, draft), crossing), Snapshot)


async def test_a_process_frozen_inside_a_transaction_holds_nobody_up_for_long_and_thawed_goes_on(url: str) -> None:
    froze, thaws = threading.Event(), threading.Event()
    looks: list[int] = []

    def put_aside(held: tuple[Reference, ...]) -> Sequence[Reference]:
        looks.append(len(held))
        froze.set()
        thaws.wait(20)
        return held

    async with _opened(url, "idle_in_transaction_session_timeout=200ms") as frozen, _opened(url) as store:
        draft = await _draft(store, 1)
        async with asyncio.TaskGroup() as tasks:
            change = tasks.create_task(
                frozen.change_tray(draft.place, 7, put_aside, limits=_TRAYS, expires_at_ms=NOW_MS + 1, now_ms=NOW_MS)
            )
            await asyncio.to_thread(froze.wait, 20)
            assert isinstance(await _accept(store, draft), Snapshot)
            thaws.set()
        assert change.result().references == ()
        assert looks == [0, 0], "it began anew"


def test_the_sessions_of_a_store_have_limits_of_time_and_wait_for_the_disk(url: str) -> None:
    names = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout", "synchronous_commit")
    ours = engines(url)
    for engine in (ours.writing, ours.reading):
        with engine.connect() as connection:
            said = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
        assert said == ["5s", "15s", "30s", "on"]
        engine.dispose()


async def test_who_waits_too_long_for_the_others_is_told_and_comes_again(url: str) -> None:
    async with _opened(url, "lock_timeout=100ms") as store, _another(url) as other:
        draft = await _draft(store, 1)
        one_at_a_time(other)
        with pytest.raises(Unavailable) as unavailable:
            await _accept(store, draft)
        assert "lock timeout" in unavailable.value.detail
        other.rollback()
        assert isinstance(await _accept(store, draft), Snapshot)


# --- a server that dies ----------------------------------------------------------------------------------------------


async def test_a_server_restarted_between_two_calls_is_not_noticed(url: str, mortal: Postgres) -> None:
    async with _opened(url) as store:
        draft = await _draft(store, 1)
        await asyncio.gather(*(store.recall("a") for _ in range(4)), *(store.remember(x, "b") for x in "abcd"))
        mortal.kill()
        mortal.start()

        assert isinstance(await _accept(store, draft), Snapshot)
        assert await store.recall("a") == "b"


async def test_while_the_server_is_gone_everything_is_unavailable_and_later_goes_on(url: str, mortal: Postgres) -> None:
    async with _opened(url) as store:
        draft = await _draft(store, 1)
        mortal.kill()
        for call in (store.load(_id(1)), _accept(store, draft), store.tidy(now_ms=NOW_MS), store.alone()):
            with pytest.raises(Unavailable) as unavailable:
                await call
            assert unavailable.value.reason.code == "database-unavailable"
        mortal.start()

        assert await _load(store, 1) == Snapshot(request=draft)
        assert isinstance(await _accept(store, draft), Snapshot)


async def test_a_server_killed_amid_acceptances_loses_none_and_doubles_none(url: str, mortal: Postgres) -> None:
    async with _opened(url) as first, _opened(url) as second:
        drafts = [await _draft(first, number) for number in range(80)]

        async def kill() -> None:
            while len(await first.waiting_in_guild(_GUILD)) < 5:
                await asyncio.sleep(0)
            await asyncio.to_thread(mortal.kill)

        async with asyncio.TaskGroup() as tasks:
            calls = [
                tasks.create_task(_outcome(_accept((first, second)[number % 2], draft)))
                for number, draft in enumerate(drafts)
            ]
            tasks.create_task(kill())
        told = {draft.id for draft, call in zip(drafts, calls, strict=True) if isinstance(call.result(), Snapshot)}
        assert {type(call.result()) for call in calls} == {Snapshot, Unavailable}
        mortal.start()

        queued = [each.id for each in drafts if (await _load(second, int(each.id))).takes]
        assert told <= set(queued), "what was promised is there"
        again = [await _outcome(_accept(second, draft)) for draft in drafts]
        assert Counter(map(type, again)) == Counter({Stale: len(queued), Snapshot: 80 - len(queued)})
        lines = ask(url, "SELECT count(*), count(DISTINCT accepted_seq), max(accepted_seq) FROM requests")
        assert lines == [(80, 80, 80)]
        assert ask(url, "SELECT count(*) FROM takes") == [(80,)]


# --- one process serves ----------------------------------------------------------------------------------------------


async def test_one_process_serves_until_it_ends(url: str) -> None:
    async with _opened(url) as second:
        async with _opened(url) as first:
            assert await first.alone()
            assert await first.alone()
            assert not await second.alone()
        assert await second.alone()


async def test_after_a_restart_of_the_server_one_process_serves(url: str, mortal: Postgres) -> None:
    async with _opened(url) as first, _opened(url) as second:
        assert await first.alone()
        mortal.kill()
        mortal.start()
        assert await first.alone()
        assert not await second.alone()
        mortal.kill()
        mortal.start()
        assert await second.alone()
        assert not await first.alone(), "the other was quicker"


# --- what is opened --------------------------------------------------------------------------------------------------


async def test_stores_that_open_a_new_database_at_once_make_the_tables_once(postgres: Postgres) -> None:
    url = postgres.bare()
    async with AsyncExitStack() as stack:
        stores = await asyncio.gather(*(stack.enter_async_context(_opened(url)) for _ in range(3)))
        await stores[0].remember("a", "b")
        assert [await store.recall("a") for store in stores] == ["b"] * 3


async def test_a_database_that_cannot_hold_every_character_is_not_taken(postgres: Postgres) -> None:
    url = postgres.bare("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(Unavailable) as refused:
        async with _opened(url):
            pass
    assert refused.value.detail == "the database's encoding is LATIN1, and it has to be UTF8"


async def test_a_password_that_is_wrong_or_a_server_that_is_not_there_is_said_without_it(postgres: Postgres) -> None:
    url = postgres.url("nowhere").replace("postgres@", "postgres:s3cret-word@")
    with pytest.raises(Unavailable) as unavailable:
        async with _opened(url):
            pass
    assert 'database "nowhere" does not exist' in unavailable.value.detail
    assert "s3cret-word" not in str(unavailable.value) + unavailable.value.detail


_CATALOGUES: Final = (
    """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'""",
    """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('alembic_version'), 0)""",
    """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'""",
)


def test_migrations_and_tables_agree(postgres: Postgres, url: str) -> None:
    with connected(url) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    declared = postgres.bare()
    with connected(declared) as connection:
        metadata.create_all(connection)

    for catalogue in _CATALOGUES:
        assert sorted(ask(url, catalogue), key=str) == sorted(ask(declared, catalogue), key=str)
