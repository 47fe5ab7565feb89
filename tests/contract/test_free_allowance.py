"""One suite for what every `RequestStore` counts of what is free: it is bounded, whoever asks at once."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.domain.drafts import Allowance
from bot.domain.errors import Refused
from bot.domain.reasons import Reason, reason
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Wish
from tests.stores import STORES, Store

_NOON_MS: Final = 1_750_032_000_000 - 43_200_000
_DAY_MS: Final = 86_400_000
_MIDNIGHT_MS: Final = _NOON_MS - _NOON_MS % _DAY_MS
_RESETS_AT: Final = (_MIDNIGHT_MS + _DAY_MS) // 1000
_FREE: Final = Allowance(
    person_files=10, person_bytes=1_000, guild_files=30, guild_bytes=3_000, person_animatics=3, guild_animatics=10
)


async def _reserve(
    store: Store,
    files: int,
    byte_count: int = 0,
    *,
    guild: int = 1,
    person: int = 7,
    allowance: Allowance = _FREE,
    now_ms: int = _NOON_MS,
    draft_id: str | None = None,
) -> tuple[Reason, ...]:
    """Why it was refused; empty when it was counted."""
    try:
        await store.reserve(
            guild,
            person,
            files=files,
            byte_count=byte_count,
            allowance=allowance,
            now_ms=now_ms,
            draft_id=draft_id,
        )
    except Refused as refused:
        return refused.reasons
    return ()


async def test_a_persons_day_is_bounded_in_files_and_bytes(store: Store) -> None:
    assert await _reserve(store, 10, 999) == ()
    assert await _reserve(store, 1) == (reason("free-person-files", limit=10, resets_at=_RESETS_AT),)
    assert await _reserve(store, 0, 2) == (reason("free-person-bytes", limit="1 kB", resets_at=_RESETS_AT),)
    assert await _reserve(store, 0, 1) == ()


async def test_a_guilds_day_is_bounded_over_its_people(store: Store) -> None:
    for person in (1, 2, 3):
        assert await _reserve(store, 10, 1_000, person=person) == ()

    assert await _reserve(store, 1, 1, person=4) == (
        reason("free-guild-files", limit=30, resets_at=_RESETS_AT),
        reason("free-guild-bytes", limit="3 kB", resets_at=_RESETS_AT),
    )
    assert await _reserve(store, 1, 1, guild=2, person=4) == ()


async def test_a_person_is_counted_over_all_guilds(store: Store) -> None:
    assert await _reserve(store, 10, guild=1) == ()

    assert [each.code for each in await _reserve(store, 1, guild=2)] == ["free-person-files"]


async def test_what_is_refused_counts_nothing(store: Store) -> None:
    assert await _reserve(store, 11) != ()
    assert await _reserve(store, 1, 1_001) != ()
    assert await _reserve(store, 10, 1, allowance=replace(_FREE, guild_bytes=0)) != ()

    assert await _reserve(store, 10, 1_000) == ()


async def test_what_needs_no_fetching_is_always_free(store: Store) -> None:
    assert await _reserve(store, 10, 1_000) == ()

    assert await _reserve(store, 0, 0, allowance=replace(_FREE, person_files=0, guild_bytes=0)) == ()


async def _draft(store: Store, number: int) -> str:
    wish = Wish(
        interaction_id=number,
        place=Place(guild_id=1, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=1),
        person=Person(id=7, name="Ada"),
        prompt="a cat",
        offers=(),
        parameters=Parameters(),
    )
    return (await store.create_draft(f"{number:013d}", wish, now_ms=_NOON_MS)).request.id


async def test_a_draft_is_counted_once_however_often_it_is_prepared(store: Store) -> None:
    first, second = await _draft(store, 1), await _draft(store, 2)
    assert [await _reserve(store, 6, 600, draft_id=first) for _ in range(3)] == [(), (), ()]

    assert await _reserve(store, 5, draft_id=second) != (), "what is refused is not counted as had"
    assert await _reserve(store, 4, 400, draft_id=second) == ()
    assert await _reserve(store, 1) != ()


async def test_the_day_is_utcs(store: Store) -> None:
    for at_ms in (_MIDNIGHT_MS - 1, _MIDNIGHT_MS, _MIDNIGHT_MS + _DAY_MS):
        assert await _reserve(store, 10, now_ms=at_ms) == ()

    assert await _reserve(store, 1, now_ms=_MIDNIGHT_MS + _DAY_MS - 1) != ()


async def test_a_flood_never_exceeds_the_allowance(store: Store) -> None:
    outcomes = await asyncio.gather(*(_reserve(store, 1, 1, person=number % 5) for number in range(100)))

    assert sum(each == () for each in outcomes) == 30
    assert {why.code for each in outcomes for why in each} <= {"free-person-files", "free-guild-files"}


async def _draw(
    store: Store,
    *,
    guild: int = 1,
    person: int = 7,
    allowance: Allowance = _FREE,
    now_ms: int = _NOON_MS,
) -> tuple[Reason, ...]:
    """Why the free draft was refused; empty when it was counted."""
    try:
        await store.reserve_animatic(guild, person, allowance=allowance, now_ms=now_ms)
    except Refused as refused:
        return refused.reasons
    return ()


async def test_a_persons_free_drafts_are_bounded_over_all_guilds(store: Store) -> None:
    assert [await _draw(store, guild=guild) for guild in (1, 2, 3)] == [(), (), ()]

    assert await _draw(store, guild=4) == (reason("free-person-animatics", limit=3, resets_at=_RESETS_AT),)
    assert await _draw(store, guild=4, person=8) == ()


async def test_a_guilds_free_drafts_are_bounded_over_its_people(store: Store) -> None:
    assert [await _draw(store, person=person) for person in range(10)] == [()] * 10

    assert await _draw(store, person=10) == (reason("free-guild-animatics", limit=10, resets_at=_RESETS_AT),)
    assert await _draw(store, person=10, guild=2) == ()


async def test_a_free_draft_that_is_refused_counts_nothing(store: Store) -> None:
    nobody = replace(_FREE, person_animatics=0, guild_animatics=0)
    assert [each.code for each in await _draw(store, allowance=nobody)] == [
        "free-person-animatics",
        "free-guild-animatics",
    ]
    assert await _draw(store, allowance=replace(_FREE, guild_animatics=0)) != ()

    assert [await _draw(store) for _ in range(3)] == [(), (), ()]


async def test_free_drafts_and_files_are_counted_apart(store: Store) -> None:
    assert await _reserve(store, 10, 1_000) == ()
    assert [await _draw(store) for _ in range(3)] == [(), (), ()]

    assert await _draw(store) != ()
    assert await _reserve(store, 1, person=8) == ()


async def test_the_day_of_free_drafts_is_utcs(store: Store) -> None:
    for at_ms in (_MIDNIGHT_MS - 1, _MIDNIGHT_MS, _MIDNIGHT_MS + _DAY_MS):
        assert [await _draw(store, now_ms=at_ms) for _ in range(3)] == [(), (), ()]

    assert await _draw(store, now_ms=_MIDNIGHT_MS + _DAY_MS - 1) != ()


async def test_two_hundred_free_drafts_at_once_of_ten_that_are_free_are_ten(store: Store) -> None:
    outcomes = await asyncio.gather(*(_draw(store, person=person) for person in range(200)))

    assert sum(each == () for each in outcomes) == 10
    assert {why.code for each in outcomes for why in each} == {"free-guild-animatics"}


async def test_two_hundred_free_drafts_of_one_person_at_once_are_as_many_as_are_free(store: Store) -> None:
    ten = replace(_FREE, person_animatics=10, guild_animatics=1_000)

    outcomes = await asyncio.gather(*(_draw(store, guild=number % 7, allowance=ten) for number in range(200)))

    assert sum(each == () for each in outcomes) == 10
    assert {why.code for each in outcomes for why in each} == {"free-person-animatics"}


async def test_two_stores_draw_no_more_than_is_free(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as first, STORES[lasting](tmp_path) as second:
        outcomes = await asyncio.gather(*(_draw((first, second)[number % 2], person=number) for number in range(40)))

    assert sum(each == () for each in outcomes) == 10


async def test_two_stores_never_exceed_the_allowance(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as first, STORES[lasting](tmp_path) as second:
        outcomes = await asyncio.gather(*(_reserve((first, second)[number % 2], 1) for number in range(40)))

    assert sum(each == () for each in outcomes) == 10


async def test_old_days_are_forgotten_and_the_last_two_are_not(store: Store) -> None:
    for days_ago in range(4):
        assert await _reserve(store, 10, now_ms=_NOON_MS - days_ago * _DAY_MS) == ()
        assert [await _draw(store, now_ms=_NOON_MS - days_ago * _DAY_MS) for _ in range(3)] == [(), (), ()]

    await store.tidy(now_ms=_NOON_MS)

    assert [await _reserve(store, 10, now_ms=_NOON_MS - days_ago * _DAY_MS) == () for days_ago in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert [await _draw(store, now_ms=_NOON_MS - days_ago * _DAY_MS) == () for days_ago in range(4)] == [
        False,
        False,
        True,
        True,
    ]
