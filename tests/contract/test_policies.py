"""One suite for every `PolicyStore`."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from bot.domain.errors import Refused
from bot.domain.policies import ANYWHERE, Access, Block, Change, Limits, Order, Policy, Quota, Span, Unit
from bot.domain.ports import PolicyStore
from bot.domain.reasons import reason
from bot.queue import blocks
from bot.queue.engine import Database
from tests.fakes_quotas import MemoryPolicyStore
from tests.postgres import ask
from tests.stores import STORES, URLS, sql_store

_NOW_MS: Final = 1_750_032_000_000
_GUILD: Final = 1 << 62
_ADA: Final = (1 << 61) + 1
_EVERYTHING: Final = Policy(
    time_zone="Europe/Berlin",
    guild=Limits(quotas=(Quota(unit=Unit.SECONDS, span=Span.MONTH, limit=900),), running=3, budget_usd_micros=5),
    person=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=0),), waiting=2, cooldown_seconds=60),
    roles={_GUILD + 3: Limits(running=2), 4: Limits()},
    order=Order(first_come=False, weights={_GUILD + 3: 100}, priorities={4: -2}, ageing_minutes=0),
    access=Access(allowed_roles=frozenset({_GUILD + 3, 4}), denied_channels=frozenset({5})),
    weight=7,
    unpriced=True,
)


@pytest_asyncio.fixture
async def store(kind: str, tmp_path: Path) -> AsyncIterator[PolicyStore]:
    assert set(STORES) - set(URLS) == {"memory"}
    if kind == "memory":
        yield MemoryPolicyStore()
        return
    opened = sql_store(URLS[kind](tmp_path))
    await opened.open()
    yield opened
    await opened.close()


async def _change(store: PolicyStore, change: Policy, *, guild: int = _GUILD, by: int = 5, at_ms: int = 0) -> Policy:
    return await store.change_policy(guild, lambda _before: change, by=by, now_ms=_NOW_MS + at_ms)


def _block(*, guild: int = _GUILD, person: int = _ADA, at_ms: int = 0, lasts_ms: int | None = None) -> Block:
    expires_at_ms = None if lasts_ms is None else _NOW_MS + at_ms + lasts_ms
    return Block(guild_id=guild, person_id=person, why="spam", by=5, at_ms=_NOW_MS + at_ms, expires_at_ms=expires_at_ms)


# --- policies --------------------------------------------------------------------------------------------------------


async def test_what_was_never_set_is_nothing(store: PolicyStore) -> None:
    assert await store.policy(_GUILD) == Policy()
    assert await store.changes(_GUILD, limit=9) == ()


async def test_everything_that_is_set_is_read_as_it_was_set_and_in_that_guild_only(store: PolicyStore) -> None:
    assert await _change(store, _EVERYTHING) == _EVERYTHING

    assert await store.policy(_GUILD) == _EVERYTHING
    assert await store.policy(_GUILD + 1) == Policy()


async def test_two_admins_at_once_both_get_their_say(store: PolicyStore) -> None:
    def with_zone(policy: Policy) -> Policy:
        return replace(policy, time_zone="Asia/Kolkata")

    def with_limit(policy: Policy) -> Policy:
        return replace(policy, person=replace(policy.person, waiting=(policy.person.waiting or 0) + 1))

    changes = [with_zone, *[with_limit] * 5]
    await asyncio.gather(*(store.change_policy(_GUILD, each, by=6, now_ms=_NOW_MS) for each in changes))

    assert await store.policy(_GUILD) == Policy(time_zone="Asia/Kolkata", person=Limits(waiting=5))
    assert len(await store.changes(_GUILD, limit=9)) == 6


async def test_a_change_that_is_refused_changes_nothing(store: PolicyStore) -> None:
    def refused(_before: Policy) -> Policy:
        raise Refused(reason("tray-empty"))

    await _change(store, _EVERYTHING)
    with pytest.raises(Refused):
        await store.change_policy(_GUILD, refused, by=6, now_ms=_NOW_MS)

    assert await store.policy(_GUILD) == _EVERYTHING
    assert len(await store.changes(_GUILD, limit=9)) == 1


async def test_every_change_is_kept_with_who_made_it_and_when_and_how_it_was(store: PolicyStore) -> None:
    first, second = Policy(time_zone="UTC"), replace(_EVERYTHING, time_zone="UTC")
    await _change(store, first, by=5)
    await _change(store, first, by=7, at_ms=1)
    await _change(store, Policy(weight=2), guild=_GUILD + 1)
    await _change(store, second, by=6, at_ms=2)

    changes = await store.changes(_GUILD, limit=9)
    assert changes == (
        Change(guild_id=_GUILD, by=6, at_ms=_NOW_MS + 2, before=first, after=second),
        Change(guild_id=_GUILD, by=5, at_ms=_NOW_MS, before=Policy(), after=first),
    ), "saying the same again is no change"
    assert await store.changes(_GUILD, limit=1) == changes[:1]


# --- blocks ----------------------------------------------------------------------------------------------------------


async def test_who_is_blocked_in_a_guild_is_blocked_there_only(store: PolicyStore) -> None:
    await store.block(_block())

    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS) == _block()
    assert await store.block_of(_GUILD + 1, _ADA, now_ms=_NOW_MS) is None
    assert await store.block_of(_GUILD, _ADA + 1, now_ms=_NOW_MS) is None


async def test_who_is_blocked_anywhere_is_blocked_everywhere_and_no_guild_lifts_it(store: PolicyStore) -> None:
    await store.block(_block(guild=ANYWHERE))

    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS) == _block(guild=ANYWHERE)
    assert not await store.unblock(_GUILD, _ADA, by=6, now_ms=_NOW_MS)
    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS) is not None
    assert await store.unblock(ANYWHERE, _ADA, by=6, now_ms=_NOW_MS)
    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS) is None


@pytest.mark.parametrize(
    ("here_ms", "anywhere_ms", "told"),
    [(10, 20, ANYWHERE), (20, 10, _GUILD), (None, 10, _GUILD), (10, None, ANYWHERE), (10, 10, ANYWHERE)],
)
async def test_of_two_blocks_the_one_that_ends_last_is_told(
    store: PolicyStore, here_ms: int | None, anywhere_ms: int | None, told: int
) -> None:
    await store.block(_block(lasts_ms=here_ms))
    await store.block(_block(guild=ANYWHERE, lasts_ms=anywhere_ms))

    found = await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS)

    assert found is not None
    assert found.guild_id == told


async def test_a_block_is_over_when_it_expires_and_cannot_be_lifted_then(store: PolicyStore) -> None:
    await store.block(_block(lasts_ms=10))

    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS + 9) is not None
    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS + 10) is None
    assert await store.blocks(_GUILD, now_ms=_NOW_MS + 10, limit=9) == ()
    assert not await store.unblock(_GUILD, _ADA, by=6, now_ms=_NOW_MS + 10)


async def test_a_later_block_takes_the_place_of_the_one_before(store: PolicyStore) -> None:
    await store.block(_block())
    await store.block(_block(at_ms=1, lasts_ms=5))

    assert await store.blocks(_GUILD, now_ms=_NOW_MS + 2, limit=9) == (_block(at_ms=1, lasts_ms=5),)
    assert await store.block_of(_GUILD, _ADA, now_ms=_NOW_MS + 6) is None


async def test_blocks_are_listed_newest_first_for_exactly_one_guild(store: PolicyStore) -> None:
    await store.block(_block(person=1))
    await store.block(_block(person=2, at_ms=2))
    await store.block(_block(person=3, at_ms=1))
    await store.block(_block(person=4, guild=ANYWHERE))

    listed = await store.blocks(_GUILD, now_ms=_NOW_MS, limit=9)
    assert [block.person_id for block in listed] == [2, 3, 1]
    assert await store.blocks(_GUILD, now_ms=_NOW_MS, limit=2) == listed[:2]
    assert [block.person_id for block in await store.blocks(ANYWHERE, now_ms=_NOW_MS, limit=9)] == [4]


async def test_blocking_and_lifting_are_kept_among_the_changes(store: PolicyStore) -> None:
    again = _block(at_ms=20, lasts_ms=5)
    await store.block(_block(lasts_ms=10))
    await store.unblock(_GUILD, _ADA, by=6, now_ms=_NOW_MS + 1)
    await store.unblock(_GUILD, _ADA, by=7, now_ms=_NOW_MS + 2)
    await _change(store, _EVERYTHING, by=8, at_ms=3)
    await store.block(again)
    await store.block(replace(again, at_ms=_NOW_MS + 30))

    said = [(each.by, each.before, each.after) for each in await store.changes(_GUILD, limit=9)]
    assert said == [
        (5, None, replace(again, at_ms=_NOW_MS + 30)),
        (5, None, again),
        (8, Policy(), _EVERYTHING),
        (6, _block(lasts_ms=10), None),
        (5, None, _block(lasts_ms=10)),
    ]


async def test_blocks_that_are_over_are_forgotten_and_what_was_done_is_not(lasting: str, tmp_path: Path) -> None:
    url = URLS[lasting](tmp_path)
    opened = sql_store(url)
    await opened.open()
    for person, lasts_ms in ((1, 5), (2, 6), (3, None)):
        await opened.block(_block(person=person, lasts_ms=lasts_ms))
    database = Database(url, reached=lambda _name: None)
    await database.write(lambda work: blocks.forget_expired(work, _NOW_MS + 5))
    await database.close()

    assert ask(url, "SELECT person_id FROM blocks ORDER BY person_id") == [(2,), (3,)]
    assert len(await opened.changes(_GUILD, limit=9)) == 3
    await opened.close()


async def test_a_policy_of_an_older_release_is_read_with_what_it_lacks_unset(lasting: str, tmp_path: Path) -> None:
    url = URLS[lasting](tmp_path)
    opened = sql_store(url)
    await opened.open()
    written = '{"time_zone":"UTC","person":{"waiting":3},"roles":{"9":{}},"gone_since":1}'
    ask(url, "INSERT INTO guild_policies (guild_id, policy, version) VALUES (1, :written, 1)", written=written)

    expected = Policy(time_zone="UTC", person=Limits(waiting=3), roles={9: Limits()})
    assert await opened.policy(1) == expected
    assert await _change(opened, replace(expected, weight=2), guild=1) == replace(expected, weight=2)
    assert ask(url, "SELECT version FROM guild_policies") == [(2,)]
    await opened.close()
