"""The store on SQLite: accepts with quotas, and claims, beside bare one-row commits with the same durability."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bot.admission.rules import quota_refusal
from bot.domain.admission import GuildPolicy
from bot.domain.prompts import Prompt, Text
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Wish
from bot.queue.store import SqlRequestStore

POLICY = GuildPolicy(
    max_running_requests=10**6,
    max_waiting_requests_per_person=10**6,
    takes_per_person_per_day=10**6,
    takes_per_guild_per_day=10**6,
)
ACCEPTS, ACCEPTORS, CLAIMS = 400, 20, 100
NOW_MS = 1_800_000_000_000


async def report() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqlRequestStore(f"sqlite:///{folder}/bench.sqlite3", quota_rule=quota_refusal)
        await store.open()
        accepted = await _accepts_per_second(store)
        claim_ms = await _claim_ms(store)
        await store.close()
        bare = _bare_commits_per_second(Path(folder) / "bare.sqlite3")
    print("queue (SQLite, synchronous=FULL): one run")
    print(
        f"  draft + accept, {ACCEPTORS} acceptors  {accepted:6.0f}/s   bare one-row commit {bare:6.0f}/s   "
        f"{accepted / bare:.2f} of it (two commits each, quotas counted in the second)"
    )
    print(f"  claim of the next request  median {claim_ms:.2f} ms with {ACCEPTS} waiting over 20 servers")


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
            draft.request, prompt=Prompt((Text("a boat"),)), findings=(), model_id="m", policy=POLICY, now_ms=NOW_MS
        )


async def _claim_ms(store: SqlRequestStore) -> float:
    times: list[float] = []
    for _claim in range(CLAIMS):
        started = time.perf_counter()
        await store.claim_next(lambda _guild: POLICY, max_running=10**6, now_ms=NOW_MS)
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


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
