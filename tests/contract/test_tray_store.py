"""One suite for every `TrayStore`."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from bot.domain.conform import Anchor, Made, Part, Record, Step, Target, Verdict
from bot.domain.drafts import TrayLimits, TrayView
from bot.domain.errors import Refused
from bot.domain.media import Kind, MediaFacts
from bot.domain.reasons import reason
from bot.domain.references import OfferSource, Origin, Reference
from bot.domain.requests import ChannelKind, Place
from tests.stores import STORES, Store

_NOW_MS: Final = 1_750_032_000_000
_TOMORROW_MS: Final = _NOW_MS + 86_400_000
_ADA: Final = 7
_BO: Final = 8
_HERE: Final = Place(guild_id=1, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000)
_LIMITS: Final = TrayLimits(tray_files=100, person_files=1_000, guild_files=1_000)


def _file(name: str, *, kind: Kind = Kind.IMAGE, message: int | None = None) -> Reference:
    return Reference(
        id=name,
        number=9,
        kind=kind,
        kind_number=9,
        name=f"{name}.bin",
        content=name[0] * 64,
        facts=MediaFacts(kind=kind, format="png", byte_count=12, width=640, height=640),
        origins=(Origin(source=OfferSource.TARGET, owner_id=_BO, message_id=message),) if message else (Origin(),),
    )


async def _put(
    store: Store,
    files: Sequence[Reference],
    *,
    place: Place = _HERE,
    person: int = _ADA,
    limits: TrayLimits = _LIMITS,
    expires_at_ms: int = _TOMORROW_MS,
    now_ms: int = _NOW_MS,
) -> TrayView:
    """The files at the end of what is there."""
    return await store.change_tray(
        place, person, lambda held: [*held, *files], limits=limits, expires_at_ms=expires_at_ms, now_ms=now_ms
    )


async def _change_to(store: Store, files: Sequence[Reference], *, limits: TrayLimits = _LIMITS) -> TrayView:
    return await store.change_tray(
        _HERE, _ADA, lambda _held: files, limits=limits, expires_at_ms=_TOMORROW_MS, now_ms=_NOW_MS
    )


async def _tray(store: Store, *, place: Place = _HERE, person: int = _ADA, now_ms: int = _NOW_MS) -> TrayView:
    return await store.tray(place.channel_id, person, now_ms=now_ms)


def _names(view: TrayView) -> list[str]:
    return [each.id for each in view.references]


async def test_what_is_put_aside_stays_in_order_and_is_numbered(store: Store) -> None:
    await _put(store, [_file("a"), _file("b", kind=Kind.VIDEO)])
    view = await _put(store, [_file("c")])

    assert view.references == (
        replace(_file("a"), number=1, kind_number=1),
        replace(_file("b", kind=Kind.VIDEO), number=2, kind_number=1),
        replace(_file("c"), number=3, kind_number=2),
    )
    assert (view.expires_at_ms, view.fates) == (_TOMORROW_MS, ())
    assert await _tray(store) == view


async def test_everything_about_a_file_is_kept(store: Store) -> None:
    everything = replace(
        _file("a", message=1 << 62),
        number=1,
        kind_number=1,
        alias="hero",
        also=("b.png", "c.png"),
        source=OfferSource.AVATAR,
        origins=(
            Origin(source=OfferSource.AVATAR, owner_id=1 << 61),
            Origin(source=OfferSource.FORWARD, owner_id=_BO, message_id=1 << 62, forwarded_id=(1 << 62) + 1),
            Origin(),
        ),
        stands_for=("person:5",),
        shows_person=True,
    )

    await _put(store, [everything])

    assert (await _tray(store)).references == (everything,)


async def test_a_tray_is_one_persons_in_one_channel(store: Store) -> None:
    await _put(store, [_file("a")])
    await _put(store, [_file("b")], person=_BO)
    await _put(store, [_file("c")], place=replace(_HERE, channel_id=3))

    assert _names(await _tray(store)) == ["a"]
    assert _names(await _tray(store, person=_BO)) == ["b"]
    assert _names(await _tray(store, place=replace(_HERE, channel_id=3))) == ["c"]
    assert await _tray(store, place=replace(_HERE, channel_id=4)) == TrayView(references=())


async def test_files_are_moved_named_and_taken_out(store: Store) -> None:
    a, b, c = (await _put(store, [_file("a"), _file("b"), _file("c")])).references

    view = await _change_to(store, [c, replace(a, alias="hat")])
    assert [(each.id, each.number, each.kind_number, each.alias) for each in view.references] == [
        ("c", 1, 1, None),
        ("a", 2, 2, "hat"),
    ]
    assert b not in view.references

    assert await _change_to(store, []) == TrayView(references=())
    assert await _tray(store) == TrayView(references=())


async def test_a_tray_expires_as_a_whole_from_its_last_change(store: Store) -> None:
    await _put(store, [_file("a")], expires_at_ms=_NOW_MS + 10)
    await _put(store, [_file("b")], expires_at_ms=_NOW_MS + 20, now_ms=_NOW_MS + 9)

    assert _names(await _tray(store, now_ms=_NOW_MS + 19)) == ["a", "b"]
    assert await _tray(store, now_ms=_NOW_MS + 20) == TrayView(references=())

    assert _names(await _put(store, [_file("c")], now_ms=_NOW_MS + 20)) == ["c"], "what expired does not come back"


async def test_what_expired_is_cleared_away_and_nothing_else(store: Store) -> None:
    await _put(store, [_file("a")], expires_at_ms=_NOW_MS + 10)
    await _put(store, [_file("b")], person=_BO, expires_at_ms=_NOW_MS + 11)

    await store.tidy(now_ms=_NOW_MS + 10)

    assert await store.contents_in_use(since_ms=0) == frozenset({"b" * 64})
    assert _names(await _tray(store, person=_BO, now_ms=_NOW_MS + 10)) == ["b"]


async def test_a_tray_keeps_what_was_decided_and_chosen_but_not_what_was_made(store: Store) -> None:
    facts = MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=9, seconds=7.9745)
    record = Record(verdict=Verdict.CONVERT, code="duration_long", kind=Kind.VIDEO, facts=facts, steps=(Step.TRIM,))
    decided = replace(_file("a", kind=Kind.VIDEO), record=record, part=Part(anchor=Anchor.AT, at_seconds=0.1 + 0.2))
    made = Made(content="m" * 64, facts=facts, target=Target(format="mp4", kind=Kind.VIDEO, seconds=15.0))

    await _put(store, [replace(decided, target=made.target, made=made)])
    view = await _put(store, [_file("b")])

    assert view.references[0] == replace(decided, number=1, kind_number=1)
    assert await _tray(store) == view
    assert await store.contents_in_use(since_ms=_NOW_MS) == frozenset({"a" * 64, "b" * 64})


async def test_bytes_are_in_use_until_their_tray_expires(store: Store) -> None:
    await _put(store, [_file("a"), _file("b")])
    await _put(store, [_file("a")], person=_BO)

    assert await store.contents_in_use(since_ms=_TOMORROW_MS - 1) == frozenset({"a" * 64, "b" * 64})
    assert await store.contents_in_use(since_ms=_TOMORROW_MS) == frozenset()

    await _change_to(store, [])
    assert await store.contents_in_use(since_ms=_NOW_MS) == frozenset({"a" * 64})


async def test_a_refused_change_changes_nothing(store: Store) -> None:
    before = await _put(store, [_file("a")])

    def refuse(_held: tuple[Reference, ...]) -> tuple[Reference, ...]:
        raise Refused(reason("no-such-file", number=2, count=1))

    with pytest.raises(Refused) as refused:
        await store.change_tray(_HERE, _ADA, refuse, limits=_LIMITS, expires_at_ms=_TOMORROW_MS + 5, now_ms=_NOW_MS)

    assert refused.value.reason == reason("no-such-file", number=2, count=1)
    assert await _tray(store) == before


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (replace(_LIMITS, tray_files=4), reason("tray-full", count=5, limit=4)),
        (replace(_LIMITS, person_files=6), reason("trays-full", count=5, limit=6)),
        (replace(_LIMITS, guild_files=8), reason("guild-trays-full", limit=8)),
    ],
)
async def test_a_full_tray_takes_nothing_more(store: Store, limits: TrayLimits, said: object) -> None:
    """Ada has three files here and two in another channel of the guild, Bo two: seven in all."""
    before = await _put(store, [_file("a"), _file("b"), _file("c")])
    await _put(store, [_file("d"), _file("e")], place=replace(_HERE, channel_id=3))
    await _put(store, [_file("f"), _file("g")], person=_BO)
    await _put(store, [_file("h")] * 50, place=replace(_HERE, guild_id=2, channel_id=4))
    await _put(store, [_file("i")] * 50, place=replace(_HERE, channel_id=5), expires_at_ms=_NOW_MS)

    with pytest.raises(Refused) as refused:
        await _put(store, [_file("x"), _file("y")], limits=limits)

    assert refused.value.reasons == (said,)
    assert await _tray(store) == before
    assert len((await _put(store, [_file("x")], limits=limits)).references) == 4, "one fits"


@pytest.mark.parametrize("field", ["tray_files", "person_files", "guild_files"])
async def test_a_tray_over_a_new_limit_can_be_ordered_and_emptied(store: Store, field: str) -> None:
    a, b, c = (await _put(store, [_file("a"), _file("b"), _file("c")])).references
    lowered = replace(_LIMITS, **{field: 1})

    assert _names(await _change_to(store, [c, b, a], limits=lowered)) == ["c", "b", "a"]
    assert _names(await _change_to(store, [c, b], limits=lowered)) == ["c", "b"]
    with pytest.raises(Refused):
        await _change_to(store, [c, b, a], limits=lowered)


@pytest.mark.parametrize("limit", [50, 30])
async def test_fifty_files_put_aside_at_once_are_all_there_up_to_the_limit(store: Store, limit: int) -> None:
    limits = replace(_LIMITS, tray_files=limit)

    outcomes = await asyncio.gather(
        *(_put(store, [_file(f"{number}")], limits=limits) for number in range(50)), return_exceptions=True
    )

    view = await _tray(store)
    taken = [str(number) for number, outcome in enumerate(outcomes) if isinstance(outcome, TrayView)]
    assert len(taken) == limit
    assert sorted(_names(view)) == sorted(taken)
    assert [each.number for each in view.references] == list(range(1, limit + 1))
    assert {each.reason.code for each in outcomes if isinstance(each, Refused)} <= {"tray-full"}


async def test_many_trays_at_once_never_exceed_what_a_guild_may_hold(store: Store) -> None:
    limits = replace(_LIMITS, guild_files=30)

    outcomes = await asyncio.gather(
        *(_put(store, [_file("a"), _file("b")], person=number, limits=limits) for number in range(50)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, TrayView) for each in outcomes) == 15
    held = [len((await _tray(store, person=number)).references) for number in range(50)]
    assert sum(held) == 30


async def test_two_stores_lose_nothing_that_is_put_aside(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as first, STORES[lasting](tmp_path) as second:
        await asyncio.gather(*(_put((first, second)[number % 2], [_file(f"{number}")]) for number in range(50)))

        assert sorted(_names(await _tray(first))) == sorted(str(number) for number in range(50))


async def test_a_tray_outlives_the_process(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        view = await _put(store, [_file("a"), _file("b")])

    async with STORES[lasting](tmp_path) as store:
        assert await _tray(store) == view
