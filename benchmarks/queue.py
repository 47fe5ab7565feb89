"""The store: accepts with quotas, claims and the lanes, beside bare one-row commits with the same durability.

On SQLite; the lanes on PostgreSQL too where RUSHES_BENCH_POSTGRESQL is the url of a server that may be used, with
`{}` for the name of a database: `bench_short` and `bench_long` have to be there, empty.
"""

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import Connection

from benchmarks.lane_rows import fill
from bot.domain.lanes import Turn
from bot.domain.money import Asked
from bot.domain.ports import no_fault
from bot.domain.prompts import Prompt, Text
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Wish
from bot.queue import lanes
from bot.queue.engine import Database, Transaction
from bot.queue.migrations import upgrade
from bot.queue.standings import standing
from bot.queue.store import SqlRequestStore
from bot.queue.turns import LaneLimits
from tests.lane_rows import add_queued
from tests.stores import sql_store

ASKED = Asked(takes=1, seconds=5, cost_usd_micros=600_000)
ACCEPTS, ACCEPTORS, CLAIMS = 400, 20, 100
NOW_MS = 1_800_000_000_000


async def report(*, quick: bool = False) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = sql_store(f"sqlite:///{folder}/bench.sqlite3")
        await store.open()
        accepted = await _accepts_per_second(store)
        claim_ms = await _claim_ms(store)
        await store.close()
        bare = _bare_commits_per_second(Path(folder) / "bare.sqlite3")
    print("queue (SQLite, synchronous=FULL): one run")
    print(
        f"  draft + accept, {ACCEPTORS} acceptors  {accepted:6.0f}/s   bare one-row commit {bare:6.0f}/s   "
        f"{accepted / bare:.2f} of it (two commits each; quotas, money and the line in the second)"
    )
    print(f"  claim of the next request  median {claim_ms:.2f} ms with {ACCEPTS} waiting over 20 servers")
    with tempfile.TemporaryDirectory() as folder:
        await _report_lanes("SQLite", f"sqlite:///{folder}/{{}}.sqlite3", bare, quick=quick)
    if (postgresql := os.environ.get("RUSHES_BENCH_POSTGRESQL")) is not None:
        await _report_lanes("PostgreSQL", postgresql, bare, quick=quick)


async def _accepts_per_second(store: SqlRequestStore) -> float:
    turns = iter(range(ACCEPTS))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _acceptor in range(ACCEPTORS):
            tasks.create_task(_accept(store, turns))
    return ACCEPTS / (time.perf_counter() - started)


async def _accept(store: SqlRequestStore, turns: Iterator[int]) -> None:
    for turn in turns:
        draft = await store.create_draft(f"{turn:013d}", _wish(turn), now_ms=NOW_MS)
        await store.accept(
            draft.request, prompt=Prompt((Text("a boat"),)), findings=(), model_id="m", asked=ASKED, now_ms=NOW_MS
        )


async def _claim_ms(store: SqlRequestStore) -> float:
    times: list[float] = []
    for _claim in range(CLAIMS):
        started = time.perf_counter()
        await store.claim_next(max_running=10**6, now_ms=NOW_MS)
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


async def _report_lanes(kind: str, url: str, bare: float, *, quick: bool) -> None:
    waiting, guilds = (20_000, 500) if quick else (1_000_000, 5_000)
    short = await _filled(url.format("bench_short"), 1_000, guilds)
    long = await _filled(url.format("bench_long"), waiting, guilds)
    few, many = await _picks_ms(short, long, 50 if quick else 300)
    shown_few, shown_many = await _standings_ms(short, long, 20 if quick else 100)
    entered = await _enters_per_second(short, 10**6)
    await short.close()
    await long.close()
    print(f"lanes ({kind}): 1000 and {waiting} waiting over {guilds} servers, turn by turn in one run")
    for what, one, other in (("pick", few, many), ("standing", shown_few, shown_many)):
        print(
            f"  {what:8}  p50 {median(one):5.2f} and {median(other):5.2f} ms, x {median(other) / median(one):.2f}   "
            f"p99 {_p99(one):5.2f} and {_p99(other):5.2f} ms, x {_p99(other) / _p99(one):.2f}"
        )
    print(f"  enter, {ACCEPTORS} at once  {entered:6.0f}/s, {entered / bare:.2f} of bare one-row commits (SQLite)")


async def _filled(url: str, waiting: int, guilds: int) -> Database:
    database = Database(url, reached=no_fault)
    await database.prepare(upgrade)
    await database.prepare(partial(fill, waiting=waiting, guilds=guilds))
    return database


async def _picks_ms(short: Database, long: Database, picks: int) -> tuple[list[float], list[float]]:
    """One here, one there: what else the machine does slows both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for _pick in range(picks):
        for database, spent in zip((short, long), times, strict=True):
            started = time.perf_counter()
            await database.write(partial(lanes.pick, max_running=10**6, now_ms=NOW_MS))
            spent.append((time.perf_counter() - started) * 1000)
    return times


async def _standings_ms(short: Database, long: Database, looks: int) -> tuple[list[float], list[float]]:
    """Of the flooded guild, deep in its line."""
    times: tuple[list[float], list[float]] = ([], [])
    for look in range(looks):
        for database, spent in zip((short, long), times, strict=True):
            started = time.perf_counter()
            await database.read(partial(_look, f"{900 + look // 3 * 10 % 100 + look % 3:013d}"))
            spent.append((time.perf_counter() - started) * 1000)
    return times


async def _enters_per_second(database: Database, first: int) -> float:
    turns = iter(range(first, first + ACCEPTS))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _acceptor in range(ACCEPTORS):
            tasks.create_task(_enter_all(database, turns))
    return ACCEPTS / (time.perf_counter() - started)


async def _enter_all(database: Database, turns: Iterator[int]) -> None:
    for turn in turns:
        await database.write(partial(_enter, turn))


def _enter(turn: int, work: Transaction) -> None:
    request_id, guild, person = f"{turn:013d}", turn % 20, turn % 50
    add_queued(work.connection, request_id, turn, guild=guild, person=person)
    lanes.enter(
        work, request_id, guild_id=guild, person_id=person, turn=Turn(cost=5), limits=LaneLimits(), now_ms=NOW_MS
    )


def _look(request_id: str, connection: Connection) -> None:
    assert standing(connection, request_id) is not None


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[98]


def _bare_commits_per_second(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER, body TEXT)")
    started = time.perf_counter()
    for index in range(ACCEPTS):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?, ?)", (index, "x" * 400))
        connection.execute("COMMIT")
    rate = ACCEPTS / (time.perf_counter() - started)
    connection.close()
    return rate


def _wish(turn: int) -> Wish:
    place = Place(guild_id=turn % 20, channel_id=1, channel_kind=ChannelKind.TEXT, upload_limit_bytes=1)
    return Wish(
        interaction_id=turn,
        place=place,
        person=Person(id=turn % 50, name="a"),
        prompt="a boat",
        offers=(),
        parameters=Parameters(),
    )
