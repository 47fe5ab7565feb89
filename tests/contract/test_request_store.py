"""One suite for every `RequestStore`: what the port promises holds for the tables and for the fake alike."""

import asyncio
import json
import re
import sqlite3
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, event, text
from structlog.testing import capture_logs

from bot.domain.conform import (
    Anchor,
    ClipFindings,
    Made,
    Measured,
    Part,
    Record,
    Remark,
    Step,
    Target,
    Verdict,
)
from bot.domain.consent import EVERYWHERE, Choice
from bot.domain.drafts import Allowance, GuildChoices, TrayLimits
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.generations import PreparedBody
from bot.domain.lanes import Standing
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import Asked
from bot.domain.policies import Limits, Order, Policy, Quota, Span, Unit
from bot.domain.ports import no_fault
from bot.domain.prompts import Finding, Mention, Names, Prompt, Severity, Text
from bot.domain.quotas import Usage
from bot.domain.reasons import reason
from bot.domain.references import Fate, Offer, OfferSource, Origin, Reference, numbered
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Publication, Request, Snapshot, Take, Wish
from bot.domain.states import IllegalMove, RequestState, TakeState
from bot.queue import lane_check, ledger_check
from bot.queue.migrations import upgrade
from bot.queue.rows import (
    origin_columns,
    origin_from,
    request_columns,
    request_from,
    request_reference_columns,
    request_reference_from,
    storable,
    take_columns,
    take_from,
)
from bot.queue.tables import metadata
from tests.postgres import Postgres, ask, connected
from tests.stores import STORES, URLS, Store, memory, sql_store, sqlite

_NOON_MS: Final = 1_750_032_000_000 - 43_200_000
_DAY_MS: Final = 86_400_000
_GUILD: Final = 100
_PERSON: Final = 7
_PRICE: Final = 600_000
_NONE_MAY_WAIT: Final = Policy(person=Limits(waiting=0))
_TWO_MAY_RUN: Final = Policy(guild=Limits(running=2))
_TWO_MAY_WAIT: Final = Policy(person=Limits(waiting=2))
_PROMPT: Final = Prompt((Text("a cat with "), Mention("r1")))
_FINDINGS: Final = (Finding(reason=reason("mention-replaced", mention="1"), severity=Severity.WARNING, end=3),)
_FACTS: Final = MediaFacts(kind=Kind.IMAGE, format="png", byte_count=12, width=640, height=640)
_REFERENCE: Final = Reference(
    id="r1", number=1, kind=Kind.IMAGE, kind_number=1, name="cat.png", content="c" * 64, facts=_FACTS
)
_LONG: Final = Record(
    verdict=Verdict.CONVERT,
    code="duration_long",
    kind=Kind.VIDEO,
    facts=MediaFacts(kind=Kind.VIDEO, format="mov", byte_count=1 << 40, width=3840, height=2160, seconds=21.0210210),
    measured=Measured(rotation=90, frame_rate=30000 / 1001, pixel_format="yuv420p10le", hdr=True, video_streams=1),
    steps=(Step.TRANSCODE, Step.DOWNSCALE, Step.TRIM, Step.TONEMAP),
    remarks=(Remark.MISLABELLED, Remark.SHORT),
    why=reason("file-too-large", name="walk.mov", limit="30 MB"),
    estimated_seconds=0.1 + 0.2,
)
_LAST: Final = Part(anchor=Anchor.AT, at_seconds=13.370000000000001)
_MADE: Final = Made(
    content="m" * 64,
    facts=MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=9, width=1280, height=720, seconds=7.9745),
    target=Target(
        format="mp4",
        kind=Kind.VIDEO,
        width=1280,
        height=720,
        start_seconds=13.370000000000001,
        seconds=7.65,
        frame_rate=24000 / 1001,
        max_bytes=30_000_000,
        tonemap=True,
    ),
)
_PUBLICATION: Final = Publication(reference_id="r1", handle="h", url="https://example.test/cat.png")


# --- the stores ------------------------------------------------------------------------------------------------------


@pytest.fixture
def events() -> list[str]:
    return []


@pytest_asyncio.fixture
async def store(kind: str, tmp_path: Path, events: list[str]) -> AsyncIterator[Store]:
    async with STORES[kind](tmp_path, events.append) as opened:
        yield opened


# --- scenes ----------------------------------------------------------------------------------------------------------


def _id(number: int) -> str:
    return f"{number:013d}"


def _wish(number: int, *, guild: int = _GUILD, person: int = _PERSON, takes: int = 1) -> Wish:
    return Wish(
        interaction_id=number,
        place=Place(guild_id=guild, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000),
        person=Person(id=person, name="Ada"),
        prompt="a cat with @1",
        offers=(Offer(name="cat.png", url="https://cdn.example.test/cat.png?sig=1", byte_count=None),),
        parameters=Parameters(seed=5),
        take_count=takes,
        names=Names(people={1 << 60: "Ada"}),
        ask=True,
    )


async def _draft(store: Store, number: int, *, guild: int = _GUILD, person: int = _PERSON, takes: int = 1) -> Request:
    wish = _wish(number, guild=guild, person=person, takes=takes)
    return (await store.create_draft(_id(number), wish, now_ms=_NOON_MS)).request


def _asked(takes: int) -> Asked:
    return Asked(takes=takes, seconds=5 * takes, cost_usd_micros=_PRICE * takes)


def _takes_a_day(limit: int) -> Limits:
    return Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=limit),))


async def _set(store: Store, policy: Policy, *, guild: int = _GUILD) -> None:
    await store.change_policy(guild, lambda _before: policy, by=1, now_ms=_NOON_MS)


async def _accept(
    store: Store, request: Request, *, now_ms: int = _NOON_MS, references: tuple[Reference, ...] | None = None
) -> Snapshot:
    return await store.accept(
        request,
        prompt=_PROMPT,
        findings=_FINDINGS,
        model_id="model",
        asked=_asked(request.take_count),
        now_ms=now_ms,
        references=references,
    )


async def _queued(store: Store, number: int, *, guild: int = _GUILD, person: int = _PERSON, takes: int = 1) -> Snapshot:
    return await _accept(store, await _draft(store, number, guild=guild, person=person, takes=takes))


async def _claim(store: Store, *, max_running: int = 100) -> str | None:
    return await store.claim_next(max_running=max_running, now_ms=_NOON_MS + 1)


async def _working(store: Store, number: int, *, takes: int = 1) -> Snapshot:
    await _queued(store, number, takes=takes)
    claimed = await _claim(store)
    assert claimed == _id(number)
    await store.move((await _load(store, number)).request, RequestState.WORKING)
    return await _load(store, number)


async def _rendering(store: Store, number: int) -> Take:
    take = await _submitting(store, number)
    return await store.move_take(take, TakeState.RENDERING, generation_id=f"g{number}", submitted_at_ms=_NOON_MS)


async def _submitting(store: Store, number: int) -> Take:
    take = (await _working(store, number)).takes[0]
    begun = await store.begin_submission(take, _body(f"f{number}"), now_ms=_NOON_MS)
    assert begun is not None
    return begun


async def _ended(
    store: Store, number: int, state: RequestState, *, at_ms: int = _NOON_MS, card: str | None = None
) -> Request:
    """A request that ended in `state`; its card shows `card`, its failure was announced."""
    request = (await _working(store, number)).request
    way = [RequestState.DELIVERING] if state in {RequestState.DELIVERED, RequestState.KEPT} else []
    for step in way:
        request = await store.move(request, step)
    request = await store.move(request, state, finished_at_ms=at_ms)
    await store.intend_post(request.id, "card", 2, now_ms=_NOON_MS)
    await store.record_post(request.id, "card", message_id=55, shown=state.value if card is None else card)
    await store.intend_post(request.id, "notice", 2, now_ms=_NOON_MS)
    await store.record_post(request.id, "notice", message_id=56, shown=None)
    return request


def _body(fingerprint: str) -> PreparedBody:
    return PreparedBody(body={"prompt": "a cat", "n": [1, 2.5, None, True]}, fingerprint=fingerprint)


async def _load(store: Store, number: int) -> Snapshot:
    snapshot = await store.load(_id(number))
    assert snapshot is not None
    return snapshot


async def _state(store: Store, request_id: str) -> RequestState | None:
    snapshot = await store.load(request_id)
    return None if snapshot is None else snapshot.request.state


async def _person_takes(store: Store, now_ms: int = _NOON_MS) -> int:
    return (await _used(store, now_ms=now_ms)).person[Unit.TAKES, Span.DAY]


async def _used(store: Store, *, guild: int = _GUILD, person: int = _PERSON, now_ms: int = _NOON_MS) -> Usage:
    return (await store.quotas(guild, Person(id=person, name="Ada"), now_ms=now_ms)).usage


# --- drafts ----------------------------------------------------------------------------------------------------------


async def test_a_wish_is_durable_as_it_was_made(store: Store) -> None:
    made = await store.create_draft(_id(1), _wish(1, takes=3), now_ms=_NOON_MS)

    wish = _wish(1, takes=3)
    assert made.request == Request(
        id=_id(1),
        version=made.request.version,
        state=RequestState.DRAFT,
        interaction_id=1,
        place=wish.place,
        person=wish.person,
        written_prompt=wish.prompt,
        offers=wish.offers,
        parameters=wish.parameters,
        take_count=3,
        created_at_ms=_NOON_MS,
        names=Names(people={1 << 60: "Ada"}),
        ask=True,
    )
    assert made == Snapshot(request=made.request)
    assert await store.load(_id(1)) == made


async def test_the_same_interaction_makes_one_request(store: Store) -> None:
    made = await asyncio.gather(*(store.create_draft(_id(number), _wish(77), now_ms=_NOON_MS) for number in range(10)))

    assert len({each.request.id for each in made}) == 1
    assert sum([await store.load(_id(number)) is not None for number in range(10)]) == 1


async def test_an_id_that_exists_is_not_given_to_another_wish(store: Store) -> None:
    first = await store.create_draft(_id(1), _wish(1), now_ms=_NOON_MS)

    with pytest.raises(Unavailable):
        await store.create_draft(_id(1), _wish(2), now_ms=_NOON_MS)

    assert await store.load(_id(1)) == first


async def test_an_unknown_request_is_none(store: Store) -> None:
    assert await store.load(_id(1)) is None


async def test_what_was_collected_replaces_what_was(store: Store) -> None:
    draft = await _draft(store, 1)
    other = replace(_REFERENCE, id="r2", number=2, kind_number=2, content="d" * 64, alias="hat")

    first = await store.move(draft, RequestState.DRAFT, references=(_REFERENCE, other))
    second = await store.move(first, RequestState.DRAFT, references=(replace(other, number=1, kind_number=1),))

    assert first.references == (_REFERENCE, other)
    assert second.references == (replace(other, number=1, kind_number=1),)
    assert (await _load(store, 1)).request == second
    with pytest.raises(Stale):
        await store.move(first, RequestState.DRAFT, references=())


async def test_references_are_kept_for_drafts_only(store: Store) -> None:
    queued = await _queued(store, 1)

    with pytest.raises(IllegalMove):
        await store.move(queued.request, RequestState.QUEUED, references=(_REFERENCE,))


async def test_a_draft_changes_only_as_it_was_shown(store: Store) -> None:
    shown = await _draft(store, 1)
    fate = Fate(
        name="cat.png",
        source=OfferSource.STICKER,
        reference_id="r1",
        reason=reason("converted", name="cat", changes="GIF → MP4"),
    )
    reference = replace(
        _REFERENCE,
        also=("kitty.gif",),
        source=OfferSource.EMOJI,
        origins=(
            Origin(source=OfferSource.EMOJI, owner_id=8, message_id=1 << 62),
            Origin(source=OfferSource.FORWARD, owner_id=8, message_id=3, forwarded_id=1 << 61),
            Origin(),
        ),
        stands_for=("emoji:5", "person:6"),
        shows_person=True,
    )

    changed = await store.move(
        shown,
        RequestState.DRAFT,
        written_prompt="another cat",
        references=(reference,),
        fates=(fate,),
        names=Names(roles={3: "mods"}, channels={4: "lobby"}),
        expires_at_ms=_NOON_MS + 5,
    )

    assert changed == replace(
        shown,
        version=changed.version,
        written_prompt="another cat",
        references=(reference,),
        fates=(fate,),
        names=Names(roles={3: "mods"}, channels={4: "lobby"}),
        expires_at_ms=_NOON_MS + 5,
    )
    assert (await _load(store, 1)).request == changed
    with pytest.raises(Stale):
        await store.move(shown, RequestState.DRAFT, written_prompt="a third cat")
    assert (await _load(store, 1)).request == changed


async def _waiting_draft(store: Store, number: int, *, guild: int = _GUILD, person: int = _PERSON) -> Request:
    draft = await _draft(store, number, guild=guild, person=person)
    return await store.move(draft, RequestState.DRAFT, expires_at_ms=_NOON_MS + 9)


async def test_the_drafts_that_wait_for_a_person_are_found_newest_first(store: Store) -> None:
    late = await store.create_draft(_id(1), _wish(1), now_ms=_NOON_MS + 1)
    await store.move(late.request, RequestState.DRAFT, expires_at_ms=_NOON_MS + 9)
    ended, accepted = [await _waiting_draft(store, number) for number in (2, 3)]
    await _waiting_draft(store, 4)
    await _waiting_draft(store, 5)
    await _draft(store, 6)
    await _waiting_draft(store, 7, guild=200)
    await _waiting_draft(store, 8, person=8)
    await store.move(ended, RequestState.CANCELLED, finished_at_ms=_NOON_MS)
    await _accept(store, accepted)

    assert await store.drafts_of(_GUILD, _PERSON) == (_id(1), _id(5), _id(4))
    assert set(await store.open_requests()) == {_id(number) for number in range(1, 9) if number != 2}


# --- acceptance ------------------------------------------------------------------------------------------------------


async def test_acceptance_queues_with_planned_takes(store: Store) -> None:
    draft = await store.move(await _draft(store, 1, takes=2), RequestState.DRAFT, references=(_REFERENCE,))

    accepted = await _accept(store, draft)

    assert accepted.request == replace(
        draft,
        version=accepted.request.version,
        state=RequestState.QUEUED,
        prompt=_PROMPT,
        findings=_FINDINGS,
        model_id="model",
        accepted_at_ms=_NOON_MS,
    )
    assert accepted.request.version > draft.version
    assert [(take.id, take.ordinal, take.state) for take in accepted.takes] == [
        (f"{_id(1)}-1", 1, TakeState.PLANNED),
        (f"{_id(1)}-2", 2, TakeState.PLANNED),
    ]
    assert accepted.standing == Standing(place=1)
    assert (accepted.bill.held_usd_micros, accepted.bill.open_takes) == (2 * _PRICE, 2)
    assert await store.load(_id(1)) == accepted


async def test_a_flood_cannot_overspend(store: Store) -> None:
    drafts = [await _draft(store, number) for number in range(200)]
    await _set(store, Policy(person=_takes_a_day(10)))

    outcomes = await asyncio.gather(*(_accept(store, draft) for draft in drafts), return_exceptions=True)

    assert sum(isinstance(each, Snapshot) for each in outcomes) == 10
    assert [each.reason.code for each in outcomes if isinstance(each, Refused)] == ["person-quota-used"] * 190
    assert len([each for each in drafts if (await _state(store, each.id)) is RequestState.QUEUED]) == 10


async def test_a_guild_cannot_overspend_through_many_people(store: Store) -> None:
    drafts = [await _draft(store, number, person=1 + number, takes=3) for number in range(10)]
    await _set(store, Policy(guild=_takes_a_day(10)))

    outcomes = await asyncio.gather(*(_accept(store, draft) for draft in drafts), return_exceptions=True)

    assert sum(isinstance(each, Snapshot) for each in outcomes) == 3
    assert (await _used(store)).guild[Unit.TAKES, Span.DAY] == 9


async def test_a_refused_draft_stays_as_it_was(store: Store) -> None:
    draft = await _draft(store, 1)
    await _set(store, _NONE_MAY_WAIT)

    with pytest.raises(Refused) as refused:
        await _accept(store, draft)

    assert refused.value.reason.code == "too-many-waiting"
    assert await _load(store, 1) == Snapshot(request=draft)
    assert await _person_takes(store) == 0


async def test_a_request_is_accepted_once(store: Store) -> None:
    draft = await _draft(store, 1, takes=2)

    outcomes = await asyncio.gather(*(_accept(store, draft) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(each, Snapshot) for each in outcomes) == 1
    assert sum(isinstance(each, Stale) for each in outcomes) == 4
    assert await _person_takes(store) == 2
    with pytest.raises(IllegalMove):
        await _accept(store, (await _load(store, 1)).request)


async def test_quotas_count_the_day_of_the_guild_s_clock(store: Store) -> None:
    midnight_ms = _NOON_MS - _NOON_MS % _DAY_MS
    for number, at_ms in enumerate([midnight_ms - 1, midnight_ms, midnight_ms + _DAY_MS - 1, midnight_ms + _DAY_MS]):
        await _accept(store, await _draft(store, number), now_ms=at_ms)

    used = await _used(store)

    day = Unit.TAKES, Span.DAY
    assert (used.person[day], used.guild[day]) == (2, 2)
    assert used.resets_at_ms[Span.DAY] == midnight_ms + _DAY_MS
    assert used.person_waiting == 4
    assert await _person_takes(store, midnight_ms - 1) == 1


async def test_usage_is_of_this_guild_and_this_person(store: Store) -> None:
    await _queued(store, 1, takes=2)
    await _queued(store, 2, person=8, takes=3)
    await _queued(store, 3, guild=200, takes=4)
    await _draft(store, 4, takes=4)

    used = await _used(store)

    day = Unit.TAKES, Span.DAY
    assert (used.person[day], used.guild[day], used.person_waiting) == (2, 5, 2)


async def test_drafts_count_as_waiting_until_they_end(store: Store) -> None:
    drafts = [await _draft(store, number) for number in range(3)]
    await _draft(store, 8, person=8)
    await _draft(store, 9, guild=200)
    assert (await _used(store)).person_waiting == 3

    await store.move(drafts[0], RequestState.FAILED, finished_at_ms=_NOON_MS)

    assert (await _used(store)).person_waiting == 2


async def test_a_draft_does_not_stand_in_its_own_way(store: Store) -> None:
    await _set(store, _TWO_MAY_WAIT)
    await _accept(store, await _draft(store, 1))
    second, third = await _draft(store, 2), await _draft(store, 3)

    with pytest.raises(Refused) as refused:
        await _accept(store, third)
    assert refused.value.reason == reason("too-many-waiting", count=2, limit=2)

    await store.move(third, RequestState.FAILED, finished_at_ms=_NOON_MS)
    assert (await _accept(store, second)).request.state is RequestState.QUEUED


async def test_where_drafts_stand_in_the_way_that_is_said(kind: str, tmp_path: Path) -> None:
    """A draft that is being prepared is nothing that its person could do away with."""
    async with STORES[kind](tmp_path, no_fault, max_drafts=2) as store:
        await _queued(store, 1)
        preparing = await _draft(store, 2)
        with pytest.raises(Refused) as refused:
            await _draft(store, 3)
        assert refused.value.reason == reason("too-many-waiting", count=2, limit=2)

        await store.move(preparing, RequestState.DRAFT, expires_at_ms=_NOON_MS + 9)
        with pytest.raises(Refused) as refused:
            await _draft(store, 3)
        assert refused.value.reason == reason("too-many-own-drafts", count=2, limit=2)
        used = await _used(store)
        assert (used.person_waiting, used.person_drafts) == (2, 1)


async def test_what_an_interaction_made_is_found_by_it(store: Store) -> None:
    draft = await _draft(store, 1)

    assert await store.made_by(draft.interaction_id) == await _load(store, 1)
    assert await store.made_by(draft.interaction_id + 1) is None


async def test_a_failure_is_unannounced_while_its_person_was_to_be_called_back(store: Store) -> None:
    """Nobody answers the command any more: a draft that was refused then must still be told."""
    drafts = [await _draft(store, number) for number in range(1, 5)]
    for draft in drafts[1:]:
        await store.intend_post(draft.id, "callback", 5, now_ms=_NOON_MS)
    await store.record_post(drafts[2].id, "callback", message_id=None, shown="answered")
    await store.intend_post(drafts[3].id, "notice", 5, now_ms=_NOON_MS)
    await store.record_post(drafts[3].id, "notice", message_id=9, shown=None)
    for draft in drafts:
        await store.move(draft, RequestState.FAILED, finished_at_ms=_NOON_MS)

    assert await store.open_requests() == (drafts[1].id,)


async def test_a_flood_of_commands_makes_no_flood_of_drafts(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path, no_fault, max_drafts=5) as store:
        outcomes = await asyncio.gather(*(_draft(store, number) for number in range(60)), return_exceptions=True)

        made = [each for each in outcomes if isinstance(each, Request)]
        assert len(made) == 5
        assert [each.reason for each in outcomes if isinstance(each, Refused)] == [
            reason("too-many-waiting", count=5, limit=5)
        ] * 55
        assert sum([await store.load(_id(number)) is not None for number in range(60)]) == 5
        assert (await _used(store)).person_waiting == 5


async def test_the_limit_of_drafts_is_of_one_person_in_one_guild_and_counts_the_line(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path, no_fault, max_drafts=2) as store:
        queued, draft = await _queued(store, 1), await _draft(store, 2)
        assert (await store.create_draft(_id(9), _wish(2), now_ms=_NOON_MS)).request == draft, "asked again"
        await _draft(store, 3, person=8)
        await _draft(store, 4, guild=200)
        with pytest.raises(Refused):
            await _draft(store, 5)

        await store.move(queued.request, RequestState.CANCELLED, finished_at_ms=_NOON_MS)
        assert (await _draft(store, 5)).state is RequestState.DRAFT


async def test_a_guild_holds_a_limited_number_of_drafts(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path, no_fault, max_guild_drafts=5) as store:
        crowd = [_draft(store, number, person=number) for number in range(1, 21)]
        outcomes = await asyncio.gather(*crowd, return_exceptions=True)

        made = [each for each in outcomes if isinstance(each, Request)]
        assert len(made) == 5
        assert [each.reason for each in outcomes if isinstance(each, Refused)] == [
            reason("too-many-drafts", limit=5)
        ] * 15
        same = _wish(made[0].interaction_id)
        assert (await store.create_draft(_id(99), same, now_ms=_NOON_MS)).request == made[0], "asked again"
        await _draft(store, 30, guild=200)

        await _accept(store, made[0])
        assert (await _draft(store, 31)).state is RequestState.DRAFT


@pytest.mark.parametrize("end", [RequestState.CANCELLED, RequestState.FAILED])
async def test_takes_that_never_began_are_given_back(store: Store, end: RequestState) -> None:
    queued = await _queued(store, 1, takes=3)
    assert await _person_takes(store) == 3

    await store.move(queued.request, end, finished_at_ms=_NOON_MS)

    assert await _person_takes(store) == 0


@pytest.mark.parametrize(
    ("take_state", "changes", "counted"),
    [
        (TakeState.SUBMITTING, {}, 1),
        (TakeState.NEEDS_REVIEW, {}, 1),
        (TakeState.FAILED, {"generation_id": "g1"}, 1),
        (TakeState.FAILED, {"cost_usd_micros": 5}, 1),
        (TakeState.FAILED, {"cost_usd_micros": 0}, 0),
        (TakeState.FAILED, {}, 1),
        (TakeState.PLANNED, {}, 0),
    ],
)
async def test_what_may_have_been_billed_is_not_given_back(
    store: Store, take_state: TakeState, changes: Mapping[str, object], counted: int
) -> None:
    take = await _submitting(store, 1)
    await store.move_take(take, take_state, **changes)

    await store.move((await _load(store, 1)).request, RequestState.FAILED, finished_at_ms=_NOON_MS)

    assert await _person_takes(store) == counted


async def test_a_delivered_request_counts(store: Store) -> None:
    await _ended(store, 1, RequestState.DELIVERED)

    assert await _person_takes(store) == 1


# --- the line --------------------------------------------------------------------------------------------------------


async def test_the_line_is_in_order_of_acceptance(store: Store) -> None:
    drafts = {number: await _draft(store, number) for number in range(1, 31)}
    for number in reversed(drafts):
        await _accept(store, drafts[number])
    await _queued(store, 99, guild=200)

    assert await store.waiting_in_guild(_GUILD) == tuple(_id(number) for number in range(30, 5, -1))
    assert (await _load(store, 30)).standing == Standing(place=1)
    assert (await _load(store, 6)).standing == Standing(place=25, own_before=24)
    assert (await _load(store, 5)).standing == Standing(place=None, own_before=25), "more than 25"
    assert (await _load(store, 99)).standing == Standing(place=1)


async def test_a_lane_is_served_in_order_up_to_its_limit(store: Store) -> None:
    await _set(store, _TWO_MAY_RUN)
    for number in range(1, 5):
        await _queued(store, number)

    assert [await _claim(store) for _ in range(3)] == [_id(1), _id(2), None]
    claimed = await _load(store, 1)
    assert claimed.request.state is RequestState.PREPARING
    assert claimed.request.started_at_ms == _NOON_MS + 1
    assert claimed.standing is None
    busy = reason("lane-guild-busy", running=2, limit=2)
    assert (await _load(store, 3)).standing == Standing(place=1, why=busy)

    await store.move(claimed.request, RequestState.FAILED, finished_at_ms=_NOON_MS)
    assert [await _claim(store) for _ in range(2)] == [_id(3), None]


async def test_guilds_take_turns(store: Store) -> None:
    for number in range(1, 4):
        await _queued(store, number, guild=100)
    await _queued(store, 10, guild=200)
    await _queued(store, 11, guild=200)
    await _queued(store, 20, guild=300)

    turns = [await _claim(store) for _ in range(7)]

    assert turns == [*map(_id, [1, 10, 20, 2, 11, 3]), None]


async def test_a_guild_at_its_limit_lets_others_pass(store: Store) -> None:
    await _set(store, Policy(guild=Limits(running=0)), guild=100)
    await _queued(store, 1, guild=100)
    await _queued(store, 2, guild=200)

    assert [await _claim(store) for _ in range(2)] == [_id(2), None]
    assert (await _load(store, 1)).standing == Standing(place=1, why=reason("lane-paused"))


@pytest.mark.parametrize("running", [RequestState.PREPARING, RequestState.WORKING, RequestState.DELIVERING])
async def test_whatever_is_on_its_way_counts_as_running(store: Store, running: RequestState) -> None:
    await _queued(store, 1)
    await _queued(store, 2)
    await _claim(store)
    request = (await _load(store, 1)).request
    way = [RequestState.PREPARING, RequestState.WORKING, RequestState.DELIVERING]
    for state in way[: way.index(running) + 1]:
        request = await store.move(request, state)

    assert await _claim(store, max_running=1) is None
    await _set(store, Policy(guild=Limits(running=1)))
    assert await _claim(store) is None
    await _set(store, _TWO_MAY_RUN)
    assert await _claim(store) == _id(2)


async def test_what_only_a_review_can_move_does_not_hold_up_its_lane(store: Store) -> None:
    await _set(store, _TWO_MAY_RUN)
    parked = [await _submitting(store, number) for number in (1, 2)]
    for take in parked:
        await store.move_take(take, TakeState.NEEDS_REVIEW)
    for number in (3, 4, 5):
        await _queued(store, number)

    assert [await _claim(store, max_running=2) for _ in range(3)] == [_id(3), _id(4), None]
    assert [await _claim(store) for _ in range(2)] == [None, None]


@pytest.mark.parametrize(
    ("other", "running"),
    [
        (TakeState.PLANNED, False),
        (TakeState.CANCELLED, False),
        (TakeState.NEEDS_REVIEW, False),
        (TakeState.SUBMITTING, True),
        (TakeState.RENDERING, True),
    ],
)
async def test_a_request_in_review_runs_while_any_of_its_takes_goes_on(
    store: Store, other: TakeState, *, running: bool
) -> None:
    first, second = (await _working(store, 1, takes=2)).takes
    begun = await store.begin_submission(first, _body("f1"), now_ms=_NOON_MS)
    assert begun is not None
    await store.move_take(begun, TakeState.NEEDS_REVIEW)
    if other not in {TakeState.PLANNED, TakeState.CANCELLED}:
        second = await store.begin_submission(second, _body("f2"), now_ms=_NOON_MS)
        assert second is not None
    await store.move_take(second, other)
    await _queued(store, 2)

    assert await _claim(store, max_running=1) == (None if running else _id(2))


async def test_a_review_that_is_settled_runs_again(store: Store) -> None:
    parked = await store.move_take(await _submitting(store, 1), TakeState.NEEDS_REVIEW)
    rendering = await store.move_take(parked, TakeState.RENDERING, generation_id="g")
    await _queued(store, 2)
    assert await _claim(store, max_running=1) is None

    await store.move_take(rendering, TakeState.CANCELLED)
    assert await _claim(store, max_running=1) is None, "it is still to be delivered or ended"


async def test_many_claimers_never_exceed_a_limit_nor_claim_twice(store: Store) -> None:
    for guild in range(100, 105):
        await _set(store, _TWO_MAY_RUN, guild=guild)
    for number in range(30):
        await _queued(store, number, guild=100 + number % 5)
    claimed: list[str] = []
    seen: list[Counter[int]] = []
    nobody_ends = asyncio.Lock()

    async def claimer() -> None:
        while (request_id := await _claim(store, max_running=7)) is not None:
            claimed.append(request_id)
            async with nobody_ends:  # what runs can only grow while it is counted, so the count is never too high
                states = [await _load(store, number) for number in range(30)]
            seen.append(Counter(each.request.place.guild_id for each in states if each.request.started_at_ms))
            snapshot = await store.load(request_id)
            assert snapshot is not None
            if len(claimed) % 3:
                async with nobody_ends:
                    await store.move(snapshot.request, RequestState.FAILED, started_at_ms=None, finished_at_ms=_NOON_MS)

    await asyncio.gather(*(claimer() for _ in range(4)))

    assert len(claimed) == len(set(claimed))
    assert max(running.total() for running in seen) <= 7
    assert max(max(running.values()) for running in seen) <= 2


async def test_only_acceptance_leads_into_the_line(store: Store) -> None:
    with pytest.raises(IllegalMove):
        await store.move(await _draft(store, 1), RequestState.QUEUED)


# --- moves -----------------------------------------------------------------------------------------------------------


async def test_a_move_stores_the_state_and_the_named_fields(store: Store) -> None:
    request = (await _working(store, 1)).request

    moved = await store.move(
        request,
        RequestState.FAILED,
        failure=reason("rejected-prompt", detail="x", count=2),
        finished_at_ms=_NOON_MS + 5,
        thread_id=9,
        attempts=3,
    )

    assert moved == replace(
        request,
        version=moved.version,
        state=RequestState.FAILED,
        failure=reason("rejected-prompt", detail="x", count=2),
        finished_at_ms=_NOON_MS + 5,
        thread_id=9,
        attempts=3,
    )
    assert moved.version > request.version
    assert (await _load(store, 1)).request == moved


async def test_what_the_caller_did_not_name_is_not_stored(store: Store) -> None:
    draft = await _draft(store, 1)

    moved = await store.move(replace(draft, attempts=9), RequestState.DRAFT, thread_id=3)

    assert (moved.attempts, moved.thread_id) == (0, 3)
    assert (await _load(store, 1)).request == moved


async def test_a_thawed_worker_moves_nothing(store: Store) -> None:
    before = await _working(store, 1)
    now = await store.move(before.request, RequestState.WORKING, cancel_requested_by=3)
    take = await store.move_take(before.takes[0], TakeState.PLANNED, not_before_ms=5)

    with pytest.raises(Stale):
        await store.move(before.request, RequestState.DELIVERING)
    with pytest.raises(Stale):
        await store.move_take(before.takes[0], TakeState.FAILED)
    with pytest.raises(Stale):
        await store.begin_submission(before.takes[0], _body("f"), now_ms=_NOON_MS)
    assert await _load(store, 1) == replace(before, request=now, takes=(take,))


async def test_of_many_movers_with_the_same_knowledge_one_wins(store: Store) -> None:
    take = (await _working(store, 1)).takes[0]

    outcomes = await asyncio.gather(
        *(store.begin_submission(take, _body(f"f{number}"), now_ms=_NOON_MS) for number in range(20)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, Take) for each in outcomes) == 1
    assert sum(isinstance(each, Stale) for each in outcomes) == 19


async def test_what_does_not_exist_is_stale(store: Store) -> None:
    snapshot = await _queued(store, 1)

    with pytest.raises(Stale):
        await store.move(replace(snapshot.request, id=_id(2)), RequestState.CANCELLED)
    with pytest.raises(Stale):
        await store.move_take(replace(snapshot.takes[0], id="none"), TakeState.CANCELLED)


async def test_an_illegal_move_fails_and_changes_nothing(store: Store) -> None:
    queued = await _queued(store, 1)

    with pytest.raises(IllegalMove):
        await store.move(queued.request, RequestState.DELIVERED)
    with pytest.raises(IllegalMove):
        await store.move_take(queued.takes[0], TakeState.FETCHED)

    assert await _load(store, 1) == queued


@pytest.mark.parametrize("name", ["colour", "id", "version"])
async def test_unknown_names_are_a_defect_of_the_caller(store: Store, name: str) -> None:
    queued = await _queued(store, 1)

    with pytest.raises(TypeError):
        await store.move(queued.request, RequestState.QUEUED, **{name: 1})
    with pytest.raises(TypeError):
        await store.move_take(queued.takes[0], TakeState.PLANNED, **{name: 1})

    assert await _load(store, 1) == queued


async def test_a_take_keeps_everything_about_it(store: Store) -> None:
    take = await _rendering(store, 1)
    facts = MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=9, seconds=4.04, frame_count=97, video_codec="h264")

    fetching = await store.move_take(take, TakeState.FETCHING, result_url="https://x.test/v", vendor_status="done")
    fetched = await store.move_take(
        fetching,
        TakeState.FETCHED,
        publications=(_PUBLICATION,),
        clip="e" * 64,
        clip_facts=facts,
        cost_usd_micros=1_210_000,
    )

    assert fetched == replace(
        take,
        version=fetched.version,
        state=TakeState.FETCHED,
        result_url="https://x.test/v",
        vendor_status="done",
        publications=(replace(_PUBLICATION, url=""),),
        clip="e" * 64,
        clip_facts=facts,
        cost_usd_micros=1_210_000,
    )
    assert (await _load(store, 1)).takes == (fetched,)


async def _with_publications(store: Store, number: int) -> Take:
    take = (await _working(store, number)).takes[0]
    take = await store.move_take(take, TakeState.PLANNED, publications=(_PUBLICATION,))
    begun = await store.begin_submission(take, _body(f"f{number}"), now_ms=_NOON_MS)
    assert begun is not None
    return begun


@pytest.mark.parametrize("state", [TakeState.SUBMITTING, TakeState.NEEDS_REVIEW])
async def test_a_body_is_kept_while_it_may_be_looked_for(store: Store, state: TakeState) -> None:
    moved = await store.move_take(await _with_publications(store, 1), state)

    assert (moved.body, moved.publications) == (_body("f1").body, (_PUBLICATION,))
    assert (await _load(store, 1)).takes == (moved,)


async def test_a_take_that_waits_to_be_sent_again_keeps_its_urls(store: Store) -> None:
    moved = await store.move_take(await _with_publications(store, 1), TakeState.PLANNED)

    assert (moved.body, moved.publications) == (None, (_PUBLICATION,))


@pytest.mark.parametrize("end", [TakeState.RENDERING, TakeState.CANCELLED, TakeState.FAILED])
async def test_what_was_sent_is_forgotten_once_the_vendor_has_it_or_never_will(store: Store, end: TakeState) -> None:
    """Only what a withdrawal needs stays, and after it not even that. The fingerprint still tells twins apart."""
    moved = await store.move_take(await _with_publications(store, 1), end)

    assert (moved.body, moved.fingerprint) == (None, "f1")
    assert moved.publications == (replace(_PUBLICATION, url=""),)
    assert (await _load(store, 1)).takes == (moved,)

    withdrawn = await store.move_take(moved, end, withdrawn=True)
    assert withdrawn.publications == (() if end.final else moved.publications)
    assert (await _load(store, 1)).takes == (withdrawn,)


async def test_data_uris_do_not_stay_in_the_database(tmp_path: Path) -> None:
    pixels = "data:image/png;base64," + "A" * 1_000_000
    async with sqlite(tmp_path, no_fault) as store:
        for number in range(1, 6):
            planned = (await _working(store, number)).takes[0]
            planned = await store.move_take(
                planned, TakeState.PLANNED, publications=(replace(_PUBLICATION, url=pixels),)
            )
            body = PreparedBody(body={"input_images": [pixels]}, fingerprint=f"f{number}")
            begun = await store.begin_submission(planned, body, now_ms=_NOON_MS)
            assert begun is not None
            await store.move_take(begun, TakeState.RENDERING, generation_id=f"g{number}")

    assert (tmp_path / "rushes.db").stat().st_size < 4_000_000, "what one take needed is free for the next"


async def test_a_smaller_clip_is_kept_beside_the_clip(store: Store) -> None:
    fetching = await store.move_take(await _rendering(store, 1), TakeState.FETCHING)
    findings = ClipFindings(facts=_MADE.facts, black_seconds=0.1 + 0.2, frozen_seconds=1 / 3, silent_seconds=4.04)

    fetched = await store.move_take(fetching, TakeState.FETCHED, clip="e" * 64, clip_findings=findings)
    shrunk = await store.move_take(fetched, TakeState.FETCHED, shrunk_clip="s" * 64, shrunk_facts=_FACTS)

    assert shrunk.clip_findings == findings
    assert (shrunk.clip, shrunk.posted_clip, shrunk.posted_facts) == ("e" * 64, "s" * 64, _FACTS)
    assert (await _load(store, 1)).takes == (shrunk,)
    assert await store.contents_in_use(since_ms=_NOON_MS) == frozenset({"e" * 64, "s" * 64})


# --- what is made of files -------------------------------------------------------------------------------------------


def _with_decisions() -> tuple[Reference, ...]:
    """One file as a release before stored it, and a long one, of which a person chose a part."""
    walk = replace(_REFERENCE, id="r2", kind=Kind.VIDEO, name="walk.mov", content="d" * 64, record=_LONG, part=_LAST)
    return numbered([_REFERENCE, walk])


async def _drafted(store: Store, number: int, references: tuple[Reference, ...]) -> Request:
    return await store.move(await _draft(store, number), RequestState.DRAFT, references=references)


async def _preparing(store: Store, number: int, references: tuple[Reference, ...]) -> Request:
    await _accept(store, await _drafted(store, number, references))
    assert await _claim(store) == _id(number)
    return (await _load(store, number)).request


async def test_a_draft_keeps_what_was_decided_and_chosen_and_made(store: Store) -> None:
    plain, walk = _with_decisions()
    made_before = replace(walk, made=_MADE)

    draft = await _drafted(store, 1, (plain, made_before))
    assert draft.references == (plain, made_before)
    assert (await _load(store, 1)).request == draft

    other_part = replace(made_before, part=Part(anchor=Anchor.MIDDLE))
    changed = await store.move(draft, RequestState.DRAFT, references=(plain, other_part))
    assert (await _load(store, 1)).request == changed
    assert changed.references == (plain, other_part)


async def test_what_becomes_of_the_files_is_fixed_with_the_acceptance(store: Store, events: list[str]) -> None:
    plain, walk = _with_decisions()
    theirs = Origin(source=OfferSource.TARGET, owner_id=8, message_id=9)
    draft = await _drafted(store, 1, (plain, replace(walk, made=_MADE, stands_for=("person:8",), origins=(theirs,))))
    fixed = (plain, replace(walk, target=_MADE.target, origins=(theirs,)))
    events.clear()

    accepted = (await _accept(store, draft, references=fixed)).request

    assert accepted.references == fixed
    assert accepted.version == draft.version + 1
    assert events == ["request.queued"]
    assert (await _load(store, 1)).request == accepted
    assert await store.contents_in_use(since_ms=_NOON_MS) == {each * 64 for each in "cd"}
    await _claim(store)
    made = await store.record_made((await _load(store, 1)).request, "r2", _MADE)
    assert made.references == (plain, replace(fixed[1], made=_MADE))
    assert (await _load(store, 1)).request == made


async def test_an_acceptance_without_word_of_the_files_leaves_them_as_they_are(store: Store) -> None:
    draft = await _drafted(store, 1, _with_decisions())
    assert (await _accept(store, draft)).request.references == draft.references


async def test_a_refused_acceptance_leaves_the_files_and_the_version(store: Store) -> None:
    draft = await _drafted(store, 1, _with_decisions())
    fixed = tuple(replace(each, target=_MADE.target) for each in draft.references)

    await _set(store, Policy(person=_takes_a_day(0)))
    for _ in range(2):
        with pytest.raises(Refused, match="person-quota"):
            await _accept(store, draft, references=fixed)
        assert (await _load(store, 1)).request == draft

    await _set(store, Policy())
    assert (await _accept(store, draft, references=fixed)).request.references == fixed


async def test_consent_is_asked_for_the_files_as_they_are_accepted(store: Store) -> None:
    theirs = Origin(source=OfferSource.TARGET, owner_id=8, message_id=9)
    plain, walk = _with_decisions()
    draft = await _drafted(store, 1, (plain, walk))
    await store.choose(8, _GUILD, Choice(files=False), now_ms=_NOON_MS)

    with pytest.raises(Refused, match="files-forbidden"):
        await _accept(store, draft, references=(plain, replace(walk, origins=(theirs,))))

    assert (await _load(store, 1)).request == draft


async def test_the_part_is_a_drafts_to_choose(store: Store) -> None:
    preparing = await _preparing(store, 1, _with_decisions())

    with pytest.raises(IllegalMove):
        await store.move(
            preparing, RequestState.PREPARING, references=tuple(replace(each, part=_LAST) for each in _with_decisions())
        )

    assert (await _load(store, 1)).request == preparing


async def test_what_was_made_is_kept_and_what_was_confirmed_stays(store: Store) -> None:
    references = _with_decisions()
    preparing = await _preparing(store, 1, references)

    after = await store.record_made(preparing, "r2", _MADE)

    assert after == replace(
        preparing, version=after.version, references=(references[0], replace(references[1], made=_MADE))
    )
    assert after.version > preparing.version
    assert (await _load(store, 1)).request == after
    assert after.references[1].as_sent == replace(after.references[1], content=_MADE.content, facts=_MADE.facts)


async def test_every_file_of_a_request_is_recorded_by_itself(store: Store) -> None:
    references = tuple(
        replace(each, origins=(Origin(), Origin(source=OfferSource.TARGET, owner_id=8, message_id=9)))
        for each in _with_decisions()
    )
    request = await _preparing(store, 1, references)
    other = replace(_MADE, content="n" * 64)

    for each, made in (("r1", other), ("r2", other), ("r2", _MADE)):
        request = await store.record_made(request, each, made)

    assert [each.made for each in request.references] == [other, _MADE]
    assert (await _load(store, 1)).request == request
    assert [replace(each, made=None) for each in request.references] == list(references)


async def test_nobody_else_has_what_was_made(store: Store) -> None:
    first, second = [await _preparing(store, number, _with_decisions()) for number in (1, 2)]

    await store.record_made(first, "r2", _MADE)

    assert (await _load(store, 2)).request == second


async def test_a_stale_writer_records_nothing(store: Store) -> None:
    preparing = await _preparing(store, 1, _with_decisions())
    now = await store.move(preparing, RequestState.PREPARING, cancel_requested_by=3)

    with pytest.raises(Stale):
        await store.record_made(preparing, "r2", _MADE)
    with pytest.raises(Stale):
        await store.record_made(replace(now, id=_id(2)), "r2", _MADE)

    assert (await _load(store, 1)).request == now


async def test_of_many_who_record_with_the_same_knowledge_one_does(store: Store) -> None:
    preparing = await _preparing(store, 1, _with_decisions())

    outcomes = await asyncio.gather(
        *(store.record_made(preparing, "r2", replace(_MADE, content=f"{number:064d}")) for number in range(20)),
        return_exceptions=True,
    )

    (done,) = [each for each in outcomes if isinstance(each, Request)]
    assert sum(isinstance(each, Stale) for each in outcomes) == 19
    assert (await _load(store, 1)).request == done


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.PREPARING, RequestState.AWAITING_APPROVAL}))
async def test_nothing_is_recorded_but_while_a_request_is_prepared(store: Store, state: RequestState) -> None:
    request = await _in_state(store, state)

    with pytest.raises(IllegalMove):
        await store.record_made(request, "r2", _MADE)

    assert (await _load(store, 1)).request == request


async def _in_state(store: Store, state: RequestState) -> Request:
    draft = await _drafted(store, 1, _with_decisions())
    if state is RequestState.DRAFT:
        return draft
    if state in {RequestState.EXPIRED, RequestState.DENIED}:
        approval = await store.move(draft, RequestState.AWAITING_APPROVAL)
        return await store.move(approval, state, finished_at_ms=_NOON_MS)
    request = (await _accept(store, draft)).request
    if state is RequestState.QUEUED:
        return request
    await _claim(store)
    request = await store.move((await _load(store, 1)).request, RequestState.WORKING)
    if state in {RequestState.DELIVERING, RequestState.DELIVERED, RequestState.KEPT}:
        request = await store.move(request, RequestState.DELIVERING)
    return await store.move(request, state, finished_at_ms=_NOON_MS if state.final else None)


async def test_what_was_made_of_no_file_is_a_defect_of_the_caller(store: Store) -> None:
    preparing = await _preparing(store, 1, _with_decisions())

    with pytest.raises(KeyError):
        await store.record_made(preparing, "r9", _MADE)

    assert (await _load(store, 1)).request == preparing


async def test_what_was_made_survives_a_restart(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as store:
        made = await store.record_made(await _preparing(store, 1, _with_decisions()), "r2", _MADE)

    async with sqlite(tmp_path) as store:
        assert (await _load(store, 1)).request == made
        working = await store.move(made, RequestState.WORKING)
        assert working.references == made.references


async def test_made_bytes_are_in_use_as_long_as_the_file_they_were_made_of(store: Store) -> None:
    request = await store.record_made(await _preparing(store, 1, _with_decisions()), "r2", _MADE)
    await _drafted(store, 2, numbered([replace(_REFERENCE, made=replace(_MADE, content="n" * 64))]))
    assert await store.contents_in_use(since_ms=_NOON_MS) == {each * 64 for each in "cdmn"}

    await store.move(request, RequestState.FAILED, finished_at_ms=_NOON_MS)

    assert await store.contents_in_use(since_ms=_NOON_MS) == {each * 64 for each in "cdmn"}
    assert await store.contents_in_use(since_ms=_NOON_MS + 1) == {each * 64 for each in "cn"}


@pytest.mark.parametrize("at_work", [False, True])
async def test_what_was_made_of_a_withdrawn_file_may_be_forgotten_with_it(store: Store, *, at_work: bool) -> None:
    theirs = Origin(source=OfferSource.TARGET, owner_id=8, message_id=44)
    plain, walk = _with_decisions()
    request = await _preparing(store, 1, (plain, replace(walk, origins=(theirs,))))
    request = await store.record_made(request, "r2", _MADE)
    if at_work:
        await store.move(request, RequestState.WORKING)
        take = (await _load(store, 1)).takes[0]
        assert await store.begin_submission(take, _body("f"), now_ms=_NOON_MS) is not None

    await store.withdraw(44, 8, now_ms=_NOON_MS)

    assert await store.contents_in_use(since_ms=_NOON_MS) == {each * 64 for each in ("cdm" if at_work else "c")}


async def test_made_bytes_stay_while_another_file_has_or_became_the_same(store: Store) -> None:
    theirs = Origin(source=OfferSource.TARGET, owner_id=8, message_id=44)
    walk = replace(_with_decisions()[1], origins=(theirs,))
    await store.record_made(await _preparing(store, 1, numbered([walk])), "r2", _MADE)
    other = await _drafted(store, 2, numbered([replace(_REFERENCE, made=_MADE)]))
    await store.withdraw(44, 8, now_ms=_NOON_MS)
    assert await store.contents_in_use(since_ms=_NOON_MS) == {each * 64 for each in "cm"}

    await store.move(other, RequestState.DRAFT, references=numbered([replace(_REFERENCE, content="m" * 64)]))

    assert await store.contents_in_use(since_ms=_NOON_MS) == {"m" * 64}


async def test_what_a_draft_no_longer_points_to_is_swept_with_what_was_made_of_it(store: Store) -> None:
    plain, walk = _with_decisions()
    draft = await _drafted(store, 1, (plain, replace(walk, made=_MADE)))

    await store.move(draft, RequestState.DRAFT, references=(plain,))

    assert await store.contents_in_use(since_ms=_NOON_MS) == {"c" * 64}


@pytest.mark.parametrize("end", [RequestState.DELIVERED, RequestState.KEPT])
async def test_a_smaller_clip_is_in_use_as_long_as_the_clip(store: Store, end: RequestState) -> None:
    fetching = await store.move_take(await _rendering(store, 1), TakeState.FETCHING)
    await store.move_take(fetching, TakeState.FETCHED, clip="e" * 64, shrunk_clip="s" * 64, shrunk_facts=_FACTS)
    request = await store.move((await _load(store, 1)).request, RequestState.DELIVERING)
    await store.move(request, end, finished_at_ms=_NOON_MS)

    both = frozenset({"e" * 64, "s" * 64})
    assert await store.contents_in_use(since_ms=_NOON_MS) == both
    assert await store.contents_in_use(since_ms=_NOON_MS + 1) == (both if end is RequestState.KEPT else frozenset())


# --- before the paid call --------------------------------------------------------------------------------------------


async def test_the_body_is_stored_before_it_is_paid_for(store: Store) -> None:
    planned = (await _working(store, 1)).takes[0]
    planned = await store.move_take(planned, TakeState.PLANNED, looks=4)

    begun = await store.begin_submission(planned, _body("f"), now_ms=_NOON_MS + 3)

    assert begun is not None
    assert begun == replace(
        planned,
        version=begun.version,
        state=TakeState.SUBMITTING,
        body=_body("f").body,
        fingerprint="f",
        attempts=1,
        looks=0,
        submitting_at_ms=_NOON_MS + 3,
    )
    assert (await _load(store, 1)).takes == (begun,)


@pytest.mark.parametrize("cancelled", [True, False])
async def test_nothing_is_paid_after_a_cancel(store: Store, *, cancelled: bool) -> None:
    working = await _working(store, 1)
    await store.move(working.request, RequestState.WORKING, cancel_requested_by=3 if cancelled else None)

    if not cancelled:
        assert await store.begin_submission(working.takes[0], _body("f"), now_ms=_NOON_MS) is not None
        return
    with pytest.raises(Stale):
        await store.begin_submission(working.takes[0], _body("f"), now_ms=_NOON_MS)
    assert (await _load(store, 1)).takes == working.takes


@pytest.mark.parametrize(
    "state",
    [
        RequestState.QUEUED,
        RequestState.PREPARING,
        RequestState.DELIVERING,
        RequestState.DELIVERED,
        RequestState.CANCELLED,
        RequestState.FAILED,
    ],
)
async def test_only_a_working_request_pays(store: Store, state: RequestState) -> None:
    request = (await _queued(store, 1)).request
    if state is not RequestState.QUEUED:
        await _claim(store)
        request = (await _load(store, 1)).request
    ways = {
        RequestState.DELIVERING: [RequestState.WORKING, RequestState.DELIVERING],
        RequestState.DELIVERED: [RequestState.WORKING, RequestState.DELIVERING, RequestState.DELIVERED],
        RequestState.CANCELLED: [RequestState.CANCELLED],
        RequestState.FAILED: [RequestState.WORKING, RequestState.FAILED],
    }
    for step in ways.get(state, []):
        request = await store.move(request, step)
    (take,) = (await _load(store, 1)).takes

    with pytest.raises(Stale):
        await store.begin_submission(take, _body("f"), now_ms=_NOON_MS)

    assert (await _load(store, 1)).takes == (take,)


async def test_of_a_cancel_and_a_payment_at_once_the_later_sees_the_earlier(kind: str, store: Store) -> None:
    for number in range(1, 11):
        working = await _working(store, number)
        cancel = store.move(working.request, RequestState.WORKING, cancel_requested_by=3)
        pay = store.begin_submission(working.takes[0], _body(f"f{number}"), now_ms=_NOON_MS)
        first, second = (cancel, pay) if number % 2 else (pay, cancel)
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        (paid,) = (each for each in outcomes if not isinstance(each, Request))
        assert isinstance(paid, Take | Stale)
        after = await _load(store, number)
        assert after.request.cancel_requested_by == 3
        assert after.takes == ((paid,) if isinstance(paid, Take) else working.takes)
        if kind != "postgresql":  # whose writers are several
            assert isinstance(paid, Take) is (number % 2 == 0), "whoever came first"


async def test_two_bodies_that_look_alike_are_never_in_submitting_at_once(store: Store) -> None:
    first, second = (await _working(store, 1, takes=2)).takes
    begun = await store.begin_submission(first, _body("same"), now_ms=_NOON_MS)
    assert begun is not None

    assert await store.begin_submission(second, _body("same"), now_ms=_NOON_MS) is None
    assert (await _load(store, 1)).takes == (begun, second)

    await store.move_take(begun, TakeState.RENDERING, generation_id="g")
    assert await store.begin_submission(second, _body("same"), now_ms=_NOON_MS) is not None


async def test_of_many_twins_one_begins(store: Store) -> None:
    takes = [take for number in range(1, 6) for take in (await _working(store, number, takes=4)).takes]

    begun = await asyncio.gather(*(store.begin_submission(take, _body("same"), now_ms=_NOON_MS) for take in takes))

    assert sum(each is not None for each in begun) == 1


async def test_a_different_body_need_not_wait(store: Store) -> None:
    first, second = (await _working(store, 1, takes=2)).takes

    assert await store.begin_submission(first, _body("one"), now_ms=_NOON_MS) is not None
    assert await store.begin_submission(second, _body("two"), now_ms=_NOON_MS) is not None


async def test_a_review_does_not_bring_back_a_twin(store: Store) -> None:
    first, second = (await _working(store, 1, takes=2)).takes
    begun = await store.begin_submission(first, _body("same"), now_ms=_NOON_MS)
    assert begun is not None
    rendering = await store.move_take(begun, TakeState.RENDERING, generation_id="g")
    assert await store.begin_submission(second, _body("same"), now_ms=_NOON_MS) is not None
    parked = await store.move_take(rendering, TakeState.NEEDS_REVIEW)

    with pytest.raises(Unavailable):
        await store.move_take(parked, TakeState.SUBMITTING)

    assert (await _load(store, 1)).takes[0] == parked


async def test_nothing_is_paid_while_a_twin_is_in_review(store: Store) -> None:
    """Its generation may be there after all, and would pass for this one's."""
    first, second = (await _working(store, 1, takes=2)).takes
    begun = await store.begin_submission(first, _body("same"), now_ms=_NOON_MS)
    assert begun is not None
    parked = await store.move_take(begun, TakeState.NEEDS_REVIEW)

    assert await store.begin_submission(second, _body("same"), now_ms=_NOON_MS) is None
    assert (await _load(store, 1)).takes == (parked, second)

    await store.move_take(parked, TakeState.FAILED)
    assert await store.begin_submission(second, _body("same"), now_ms=_NOON_MS) is not None


async def test_a_submission_begins_from_planned_only(store: Store) -> None:
    begun = await _submitting(store, 1)

    with pytest.raises(IllegalMove):
        await store.begin_submission(begun, _body("f1"), now_ms=_NOON_MS)
    again = await store.move_take(begun, TakeState.PLANNED, not_before_ms=_NOON_MS + 9)
    second = await store.begin_submission(again, _body("f1"), now_ms=_NOON_MS)

    assert second is not None
    assert second.attempts == 2


async def test_a_generation_belongs_to_one_take(store: Store) -> None:
    await _rendering(store, 1)
    other = await _submitting(store, 2)

    with pytest.raises(Stale):
        await store.move_take(other, TakeState.RENDERING, generation_id="g1")

    assert (await _load(store, 2)).takes == (other,)
    assert await store.claimed_generations() == frozenset({"g1"})


# --- the outbox ------------------------------------------------------------------------------------------------------


async def test_an_intention_tells_whether_it_was_there_before(store: Store) -> None:
    await _draft(store, 1)

    first, existed = await store.intend_post(_id(1), "card", 5, now_ms=_NOON_MS)
    again, existed_again = await store.intend_post(_id(1), "card", 6, now_ms=_NOON_MS + 9)
    _, other_slot = await store.intend_post(_id(1), "notice", 5, now_ms=_NOON_MS)

    assert (existed, existed_again, other_slot) == (False, True, False)
    assert first == again
    assert (first.channel_id, first.intended_at_ms, first.message_id, first.shown) == (5, _NOON_MS, None, None)


async def test_of_many_posters_one_is_the_first(store: Store) -> None:
    await _draft(store, 1)

    answers = await asyncio.gather(*(store.intend_post(_id(1), "result-1", 5, now_ms=_NOON_MS) for _ in range(10)))

    assert sum(not existed for _, existed in answers) == 1


async def test_a_post_says_what_it_shows(store: Store) -> None:
    await _draft(store, 1)
    post, _ = await store.intend_post(_id(1), "card", 5, now_ms=_NOON_MS)

    await store.record_post(_id(1), "card", message_id=77, shown="draft")
    assert (await _load(store, 1)).posts == (replace(post, message_id=77, shown="draft"),)
    assert await store.intend_post(_id(1), "card", 5, now_ms=_NOON_MS) == (
        replace(post, message_id=77, shown="draft"),
        True,
    )

    await store.record_post(_id(1), "card", message_id=None, shown=None)
    assert (await _load(store, 1)).posts == (post,)


async def test_posts_of_nothing_are_a_defect_of_the_caller(store: Store) -> None:
    with pytest.raises(KeyError):
        await store.intend_post(_id(1), "card", 5, now_ms=_NOON_MS)
    await _draft(store, 1)
    with pytest.raises(KeyError):
        await store.record_post(_id(1), "card", message_id=1, shown=None)


# --- what wants work -------------------------------------------------------------------------------------------------


async def test_whatever_is_not_final_is_open(store: Store) -> None:
    await _working(store, 1)
    await _queued(store, 2)
    await _draft(store, 3)
    await store.move(await _draft(store, 4), RequestState.CANCELLED, finished_at_ms=_NOON_MS)
    await store.move(await _draft(store, 5), RequestState.FAILED, finished_at_ms=_NOON_MS)

    assert await store.open_requests() == (_id(1), _id(2), _id(3))


@pytest.mark.parametrize(
    "state", [RequestState.DELIVERED, RequestState.KEPT, RequestState.FAILED, RequestState.CANCELLED]
)
async def test_an_end_is_open_until_the_card_shows_it(store: Store, state: RequestState) -> None:
    await _ended(store, 1, state)
    await _ended(store, 2, state, card="working")
    assert await store.open_requests() == (_id(2),)

    await store.record_post(_id(2), "card", message_id=55, shown=None)
    assert await store.open_requests() == (_id(2),)
    await store.record_post(_id(2), "card", message_id=55, shown=state.value)
    assert await store.open_requests() == ()


async def test_a_failure_is_open_until_it_is_announced(store: Store) -> None:
    await _ended(store, 1, RequestState.FAILED)
    await store.record_post(_id(1), "notice", message_id=None, shown=None)
    assert await store.open_requests() == (_id(1),)

    await store.record_post(_id(1), "notice", message_id=None, shown="channel-gone")
    assert await store.open_requests() == ()


@pytest.mark.parametrize("take_state", [TakeState.PLANNED, TakeState.CANCELLED, TakeState.FAILED])
async def test_what_is_still_published_keeps_a_request_open(store: Store, take_state: TakeState) -> None:
    await _ended(store, 1, RequestState.CANCELLED)
    take = (await _load(store, 1)).takes[0]
    take = await store.move_take(take, take_state, publications=(_PUBLICATION,))
    assert await store.open_requests() == (_id(1),)

    await store.move_take(take, take_state, withdrawn=True)
    assert await store.open_requests() == ()


async def test_afterthoughts_end_after_a_week(store: Store) -> None:
    week_ms = 7 * _DAY_MS
    await _ended(store, 1, RequestState.DELIVERED, at_ms=_NOON_MS - 1, card="working")
    await _ended(store, 2, RequestState.DELIVERED, at_ms=_NOON_MS, card="working")
    assert await store.open_requests() == (_id(1), _id(2))

    await _ended(store, 3, RequestState.DELIVERED, at_ms=_NOON_MS + week_ms)

    assert await store.open_requests() == (_id(2),)


async def test_the_parked_takes_are_watched(store: Store) -> None:
    rendering = await _rendering(store, 1)
    await _submitting(store, 2)
    fetching = await store.move_take(await _rendering(store, 3), TakeState.FETCHING)

    assert await store.watched_takes() == (rendering,)
    assert await store.claimed_generations() == frozenset({"g1", "g3"})
    assert fetching.generation_id == "g3"


async def test_bytes_that_are_pointed_to_are_in_use(store: Store) -> None:
    assert await store.contents_in_use(since_ms=_NOON_MS + _DAY_MS) == frozenset()
    await store.move(await _draft(store, 1), RequestState.DRAFT, references=(_REFERENCE,))
    await store.move(await _draft(store, 2), RequestState.DRAFT, references=(_REFERENCE,))
    fetching = await store.move_take(await _rendering(store, 3), TakeState.FETCHING)
    await store.move_take(fetching, TakeState.FETCHED, clip="e" * 64)

    assert await store.contents_in_use(since_ms=_NOON_MS + _DAY_MS) == frozenset({"c" * 64, "e" * 64})


def _referring(content: str) -> Reference:
    return replace(_REFERENCE, content=content * 64)


@pytest.mark.parametrize(
    "end", [RequestState.DELIVERED, RequestState.FAILED, RequestState.CANCELLED, RequestState.KEPT]
)
async def test_bytes_of_what_ended_are_in_use_until_their_time_is_over(store: Store, end: RequestState) -> None:
    await _accept(store, await store.move(await _draft(store, 1), RequestState.DRAFT, references=(_referring("a"),)))
    await _claim(store)
    request = await store.move((await _load(store, 1)).request, RequestState.WORKING)
    begun = await store.begin_submission((await _load(store, 1)).takes[0], _body("f"), now_ms=_NOON_MS)
    assert begun is not None
    for state in (TakeState.RENDERING, TakeState.FETCHING, TakeState.FETCHED):
        begun = await store.move_take(begun, state, clip="b" * 64 if state is TakeState.FETCHED else None)
    if end in {RequestState.DELIVERED, RequestState.KEPT}:
        request = await store.move(request, RequestState.DELIVERING)
    await store.move(request, end, finished_at_ms=_NOON_MS)

    assert await store.contents_in_use(since_ms=_NOON_MS) == frozenset({"a" * 64, "b" * 64})
    undelivered = {"b" * 64} if end is RequestState.KEPT else set[str]()
    assert await store.contents_in_use(since_ms=_NOON_MS + 1) == undelivered, "a kept clip may still be delivered"


async def test_bytes_of_what_was_never_accepted_are_in_nobodys_use(store: Store) -> None:
    draft = await store.move(await _draft(store, 1), RequestState.DRAFT, references=(_referring("a"),))
    other = await store.move(await _draft(store, 2), RequestState.DRAFT, references=(_referring("b"),))
    await store.move(draft, RequestState.FAILED, finished_at_ms=_NOON_MS)
    assert await store.contents_in_use(since_ms=0) == frozenset({"b" * 64})

    await store.move(other, RequestState.CANCELLED, finished_at_ms=_NOON_MS)
    assert await store.contents_in_use(since_ms=0) == frozenset()


async def test_bytes_that_two_requests_share_stay_while_one_needs_them(store: Store) -> None:
    draft = await store.move(await _draft(store, 1), RequestState.DRAFT, references=(_referring("a"),))
    await store.move(await _draft(store, 2), RequestState.DRAFT, references=(_referring("a"),))

    await store.move(draft, RequestState.FAILED, finished_at_ms=_NOON_MS)

    assert await store.contents_in_use(since_ms=0) == frozenset({"a" * 64})


# --- leases and facts ------------------------------------------------------------------------------------------------


async def test_a_lease_has_one_holder_until_it_lapses(store: Store) -> None:
    assert await store.take_lease("watch", "a", ttl_ms=100, now_ms=1_000)
    assert not await store.take_lease("watch", "b", ttl_ms=100, now_ms=1_099)
    assert await store.take_lease("other", "b", ttl_ms=100, now_ms=1_099)
    assert await store.take_lease("watch", "b", ttl_ms=100, now_ms=1_100)
    assert not await store.take_lease("watch", "a", ttl_ms=100, now_ms=1_101)


async def test_a_holder_prolongs_its_lease(store: Store) -> None:
    assert await store.take_lease("watch", "a", ttl_ms=100, now_ms=1_000)
    assert await store.take_lease("watch", "a", ttl_ms=100, now_ms=1_090)
    assert not await store.take_lease("watch", "b", ttl_ms=100, now_ms=1_150)


async def test_of_many_who_want_a_lease_one_gets_it(store: Store) -> None:
    answers = await asyncio.gather(
        *(store.take_lease("watch", str(number), ttl_ms=100, now_ms=1_000) for number in range(20))
    )

    assert sum(answers) == 1


async def test_a_small_fact_is_kept(store: Store) -> None:
    assert await store.recall("commands") is None
    await store.remember("commands", "one")
    await store.remember("commands", "two")
    assert await store.recall("commands") == "two"
    assert await store.recall("other") is None


# --- crashes ---------------------------------------------------------------------------------------------------------


async def test_a_cancelled_caller_leaves_all_or_nothing(kind: str, tmp_path: Path) -> None:
    outcomes: list[object] = []
    async with STORES[kind](tmp_path) as store:
        drafts = [await _draft(store, number, takes=3) for number in range(30)]
        for pauses in range(3):
            tasks = [asyncio.ensure_future(_accept(store, draft)) for draft in drafts[pauses * 10 : pauses * 10 + 10]]  # noqa: TID251  to be cancelled here
            for _ in range(pauses):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            outcomes += await asyncio.gather(*tasks, return_exceptions=True)
        if kind == "memory":
            await _is_all_or_nothing(store)
    if kind != "memory":  # once it is closed, whatever had begun has ended
        async with STORES[kind](tmp_path) as store:
            await _is_all_or_nothing(store)
    assert any(isinstance(each, asyncio.CancelledError) for each in outcomes)


async def _is_all_or_nothing(store: Store) -> None:
    snapshots = [await _load(store, number) for number in range(30)]
    for snapshot in snapshots:
        wanted = {RequestState.DRAFT: 0, RequestState.QUEUED: 3}[snapshot.request.state]
        assert len(snapshot.takes) == wanted
    queued = sum(each.request.state is RequestState.QUEUED for each in snapshots)
    assert await _person_takes(store) == 3 * queued


async def test_every_state_that_was_entered_is_a_point_to_crash_at(store: Store, events: list[str]) -> None:
    take = await _rendering(store, 1)
    request = (await _load(store, 1)).request
    await store.move(request, RequestState.WORKING, attempts=2)
    await store.move_take(take, TakeState.RENDERING, vendor_status="processing")
    await store.create_draft(_id(9), _wish(1), now_ms=_NOON_MS)

    assert events == [
        "request.draft",
        "request.queued",
        "request.preparing",
        "request.working",
        "take.submitting",
        "take.rendering",
    ]


# --- the fake against the tables -------------------------------------------------------------------------------------

_FURTHER: Final = st.tuples(st.just("further"), st.integers(0, 4), st.none())
_REQUEST_MOVE: Final = st.tuples(st.just("move"), st.integers(0, 4), st.sampled_from(RequestState))
_TAKE_MOVE: Final = st.tuples(st.just("move_take"), st.integers(0, 4), st.sampled_from(TakeState))
_SIMPLE: Final = st.tuples(
    st.sampled_from(
        [
            "create",
            "accept",
            "claim",
            "begin",
            "card",
            "call",
            "collect",
            "make",
            "put aside",
            "forbid",
            "allow",
            "withdraw",
            "set",
            "age",
            "adjust",
        ]
    ),
    st.integers(0, 4),
    st.none(),
)


_Step = tuple[str, int, RequestState | TakeState | None]


_STEPS: Final = st.lists(st.one_of(_SIMPLE, _SIMPLE, _FURTHER, _FURTHER, _REQUEST_MOVE, _TAKE_MOVE), max_size=60)


def test_the_fake_and_the_tables_agree(tmp_path: Path) -> None:
    asyncio.run(_open_and_close(tmp_path))
    empty = (tmp_path / "rushes.db").read_bytes()

    @settings(max_examples=40)
    @given(_STEPS)
    def play(steps: list[_Step]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "rushes.db").write_bytes(empty)
            asyncio.run(_play_both("sqlite", Path(folder), steps))

    play()


async def _open_and_close(folder: Path) -> None:
    async with sqlite(folder):
        pass


def test_the_fake_and_the_tables_agree_on_postgresql(postgres: Postgres) -> None:
    @settings(max_examples=20)
    @given(_STEPS)
    def play(steps: list[_Step]) -> None:
        postgres.forget()
        asyncio.run(_play_both("postgresql", Path(), steps))

    play()
    postgres.forget()


async def _play_both(kind: str, folder: Path, steps: list[_Step]) -> None:
    url = URLS[kind](folder)
    async with memory(folder) as fake, STORES[kind](folder) as real:
        for step in steps:
            assert await _outcome(_play(fake, step)) == await _outcome(_play(real, step)), step
        assert await _everything(fake) == await _everything(real)
    with connected(url) as connection:
        assert [*lane_check.check(connection), *ledger_check.check(connection)] == []


_POLICIES: Final = (
    Policy(),
    Policy(guild=replace(_takes_a_day(4), running=1)),
    Policy(person=Limits(running=1, budget_usd_micros=3 * _PRICE), order=Order(ageing_minutes=10)),
    Policy(roles={9: Limits(running=1)}, order=Order(first_come=True, weights={9: 3}, priorities={9: 1})),
    Policy(guild=Limits(running=0, budget_usd_micros=2 * _PRICE), person=Limits(waiting=1)),
)


async def _outcome(step: Awaitable[object]) -> object:
    try:
        return await step
    except (Refused, Stale, Unavailable) as error:
        return type(error), error.reason
    except (IllegalMove, KeyError) as error:
        return type(error)


async def _play(store: Store, step: _Step) -> object:
    name, number, _state = step
    if name == "create":
        wish = _wish(number, guild=100 + number % 2, takes=1 + number % 2)
        of_role = replace(wish, person=Person(id=_PERSON + number // 4, name="Ada", roles=(9,) if number % 3 else ()))
        return (await store.create_draft(_id(number), of_role, now_ms=_NOON_MS)).request
    if name == "claim":
        return await _claim(store, max_running=3)
    if name in {"put aside", "forbid", "allow", "withdraw"}:
        return await _play_owner(store, name, number)
    if name in {"set", "age", "adjust"}:
        return await _play_operator(store, name, number)
    snapshot = await store.load(_id(number))
    return None if snapshot is None else await _play_on(store, snapshot, step)


async def _play_on(store: Store, snapshot: Snapshot, step: _Step) -> object:
    name, number, state = step
    if name == "accept":
        return await _accept(store, snapshot.request)
    if name == "further":
        return await _play_further(store, snapshot, number)
    if name == "collect":
        return await store.move(snapshot.request, RequestState.DRAFT, references=tuple(_of_others(number)))
    if name == "make":
        return await store.record_made(snapshot.request, "r2", _MADE)
    if name in {"call", "card"}:
        return await _play_post(store, snapshot, name)
    return await _play_move(store, snapshot, number, state)


async def _play_post(store: Store, snapshot: Snapshot, name: str) -> object:
    if name == "call":
        return (await store.intend_post(snapshot.request.id, "callback", 5, now_ms=_NOON_MS))[1]
    await store.intend_post(snapshot.request.id, "card", 5, now_ms=_NOON_MS)
    return await store.record_post(snapshot.request.id, "card", message_id=9, shown=snapshot.request.state.value)


async def _play_owner(store: Store, name: str, number: int) -> object:
    if name == "put aside":
        return await store.change_tray(
            _wish(1, guild=100 + number % 2).place,
            number,
            lambda held: [*held, *_of_others(number)],
            limits=TrayLimits(tray_files=5, person_files=9, guild_files=9),
            expires_at_ms=_NOON_MS + _DAY_MS,
            now_ms=_NOON_MS,
        )
    if name == "withdraw":
        return await store.withdraw(number, 8, now_ms=_NOON_MS)
    choice = Choice(files=name == "allow", avatar=name == "allow" or None)
    return await store.choose(8 + number % 2, [EVERYWHERE, 100][number // 2 % 2], choice, now_ms=_NOON_MS)


async def _play_operator(store: Store, name: str, number: int) -> object:
    if name == "set":
        return await _set(store, _POLICIES[number], guild=100 + number % 2)
    if name == "age":
        return await store.age_lanes(now_ms=_NOON_MS + number * 600_000)
    return await store.adjust(f"{_id(number)}-1", number * 150_000, cause="looked it up", now_ms=_NOON_MS)


async def _play_further(store: Store, snapshot: Snapshot, number: int) -> object:
    """What comes next of a request that nothing stops."""
    request = snapshot.request
    open_takes = [take for take in snapshot.takes if not take.state.final]
    if request.state is RequestState.DRAFT:
        return await _accept(store, request)
    if request.state is RequestState.QUEUED:
        return await _claim(store, max_running=3)
    if request.state is RequestState.WORKING and open_takes:
        take = open_takes[0]
        if take.state is TakeState.PLANNED:
            return await store.begin_submission(take, _body(f"f{number % 2}"), now_ms=_NOON_MS)
        return await _play_take(store, take, _NEXT_OF_TAKE[take.state], number)
    if request.state in _NEXT:
        return await _play_move(store, snapshot, number, _NEXT[request.state])
    return None


_NEXT: Final = {
    RequestState.PREPARING: RequestState.WORKING,
    RequestState.WORKING: RequestState.DELIVERING,
    RequestState.DELIVERING: RequestState.KEPT,
    RequestState.KEPT: RequestState.DELIVERING,
}
_NEXT_OF_TAKE: Final = {
    TakeState.SUBMITTING: TakeState.RENDERING,
    TakeState.NEEDS_REVIEW: TakeState.RENDERING,
    TakeState.RENDERING: TakeState.FETCHING,
    TakeState.FETCHING: TakeState.FETCHED,
}


def _of_others(number: int) -> tuple[Reference, ...]:
    """A file of one's own, one of a message of somebody's, and somebody's avatar."""
    posted = Origin(source=OfferSource.TARGET, owner_id=8 + number % 2, message_id=number)
    further = Origin(source=OfferSource.FORWARD, owner_id=9, message_id=number + 1, forwarded_id=number + 2)
    shown = Origin(source=OfferSource.AVATAR, owner_id=9)
    theirs = replace(_REFERENCE, id="r2", name="dog.png", content="d" * 64, origins=(posted,), record=_LONG)
    both = replace(_REFERENCE, id="r3", name="fox.png", content="f" * 64, origins=(posted, further))
    avatar = replace(_REFERENCE, id="r4", name="Bo", content=str(number) * 64, origins=(shown, further))
    meant = replace(avatar, stands_for=("person:9",), part=_LAST, made=replace(_MADE, content="n" * 64))
    return numbered([_REFERENCE, theirs, both, *([meant] if number % 2 else [])])


async def _play_move(store: Store, snapshot: Snapshot, number: int, state: RequestState | TakeState | None) -> object:
    if isinstance(state, RequestState):
        ended_at_ms = _NOON_MS + number * _DAY_MS * 3 if state.final else None
        return await store.move(snapshot.request, state, finished_at_ms=ended_at_ms)
    if not snapshot.takes:
        return None
    take = snapshot.takes[-1]
    if state is None:
        return await store.begin_submission(take, _body(f"f{number % 2}"), now_ms=_NOON_MS)
    return await _play_take(store, take, state, number)


async def _play_take(store: Store, take: Take, state: TakeState, number: int) -> object:
    sent = {"generation_id": f"g{number}"} if number % 3 and take.generation_id is None else {}
    cost = {"cost_usd_micros": [None, 0, 400_000, _PRICE, 900_000][number]} if state.final else {}
    return await store.move_take(
        take, state, publications=(_PUBLICATION,), shrunk_clip=str(number) * 64, **sent, **cost
    )


async def _everything(store: Store) -> object:
    return (
        [await store.load(_id(number)) for number in range(5)],
        [await _used(store, guild=guild) for guild in (100, 101)],
        [await store.line(guild) for guild in (100, 101)],
        [await _lines(store, guild) for guild in (100, 101)],
        await store.open_requests(),
        await store.watched_takes(),
        await store.claimed_generations(),
        [await store.contents_in_use(since_ms=since_ms) for since_ms in (0, _NOON_MS + _DAY_MS)],
        [await store.tray(2, person, now_ms=_NOON_MS) for person in range(5)],
        [await store.consents(guild, owners={8, 9}, messages={0, 1, 2, 3, 4}) for guild in (100, 101)],
    )


async def _lines(store: Store, guild: int) -> Counter[tuple[str, str, int, str]]:
    lines = await store.ledger(guild, since_ms=0, until_ms=1 << 62)
    return Counter((line.take_id, line.entry.value, line.usd_micros, line.cause) for line in lines)


# --- only where there is a database ----------------------------------------------------------------------------------


async def test_a_reopened_database_has_everything(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        await _rendering(store, 1)
        await store.move(await _draft(store, 2), RequestState.DRAFT, references=(_REFERENCE,))
        await store.intend_post(_id(1), "card", 5, now_ms=_NOON_MS)
        await store.remember("commands", "one")
        before = [await _load(store, 1), await _load(store, 2)]

    async with STORES[lasting](tmp_path) as store:
        assert [await _load(store, 1), await _load(store, 2)] == before
        assert await store.recall("commands") == "one"
        assert (await _queued(store, 3)).standing == Standing(place=1)


async def test_two_stores_on_one_database_cannot_overspend(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as first, STORES[lasting](tmp_path) as second:
        await _set(first, Policy(person=_takes_a_day(10)))
        drafts = [await _draft(first, number) for number in range(40)]

        outcomes = await asyncio.gather(
            *(_accept((first, second)[number % 2], draft) for number, draft in enumerate(drafts)),
            return_exceptions=True,
        )

        assert Counter(type(each) for each in outcomes) == {Snapshot: 10, Refused: 30}
        assert len(await first.waiting_in_guild(_GUILD)) == 10


async def test_what_began_is_committed_though_its_caller_left(tmp_path: Path) -> None:
    reached, leave = threading.Event(), threading.Event()

    def stop_after_commit(_name: str) -> None:
        reached.set()
        leave.wait(10)

    async with sqlite(tmp_path, stop_after_commit) as store:
        began = asyncio.ensure_future(_draft(store, 1))  # noqa: TID251  to be cancelled here
        await asyncio.to_thread(reached.wait, 10)
        waits = asyncio.ensure_future(_draft(store, 2))  # noqa: TID251  to be cancelled here
        await asyncio.sleep(0)
        began.cancel()
        waits.cancel()
        await asyncio.gather(began, waits, return_exceptions=True)
        leave.set()

        assert (await _load(store, 1)).request.state is RequestState.DRAFT
        await store.remember("all writers before this one", "have ended")
        assert await store.load(_id(2)) is None


async def test_a_crash_point_comes_after_the_commit(lasting: str, tmp_path: Path) -> None:
    def crash(name: str) -> None:
        raise RuntimeError(name)

    async with STORES[lasting](tmp_path, crash) as store:
        with pytest.raises(RuntimeError, match=r"request\.draft"):
            await _draft(store, 1)
        assert (await _load(store, 1)).request.state is RequestState.DRAFT


async def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    nowhere = sql_store(f"sqlite:///{tmp_path / 'missing' / 'rushes.db'}")

    with pytest.raises(Unavailable) as unavailable:
        await nowhere.open()
    await nowhere.close()

    assert unavailable.value.reason.code == "database-unavailable"
    assert unavailable.value.detail


async def test_a_closed_store_is_unavailable(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        pass

    with pytest.raises(Unavailable):
        await store.load(_id(1))
    with pytest.raises(Unavailable):
        await store.remember("a", "b")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_a_database_that_cannot_keep_the_promises_is_not_taken(url: str) -> None:
    with pytest.raises(ValueError, match="needs a SQLite file"):
        sql_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "postgresql+psycopg://u:secret@host:x/db",
        "postgresql+nope://u:secret@host/db",
        "postgresql+psycopg2://u:secret@host/db",
        "postgresql+asyncpg://u:secret@host/db",
    ],
)
def test_a_url_that_is_none_is_said_to_be_so_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="needs a SQLite file") as refused:
        sql_store(url)
    assert "secret" not in "".join(traceback.format_exception(refused.value))


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValueError, match="needs the Python package psycopg, which is not installed") as refused:
        sql_store(f"postgresql+psycopg://u:{'SECRET'.lower()}@host/db")
    assert "secret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("spoiled", ["{", "[]", '[{"prompt": "secret"}]', "null"])
async def test_a_row_that_cannot_be_read_does_not_hide_the_others(lasting: str, tmp_path: Path, spoiled: str) -> None:
    async with STORES[lasting](tmp_path) as store:
        bad, good = await _rendering(store, 1), await _rendering(store, 2)
        url = URLS[lasting](tmp_path)
        ask(url, "UPDATE takes SET publications = :text, clip_facts = :text WHERE id = :id", text=spoiled, id=bad.id)
        ask(url, "UPDATE requests SET offers = :text WHERE id = :id", text=spoiled, id=bad.request_id)

        with capture_logs() as said:
            assert await store.watched_takes() == (good,)
        assert said == [{"event": "row unreadable", "log_level": "error", "take": bad.id}]
        assert await store.open_requests() == (bad.request_id, good.request_id)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("offers", '[{"secret": 1}]'),
        ("parameters", '{"seed": "secret"}'),
        ("prompt", '{"segments": "secret"}'),
        ("findings", '"secret"'),
        ("failure", '["secret"]'),
    ],
)
async def test_what_people_wrote_stands_in_no_exceptions_text(
    lasting: str, tmp_path: Path, column: str, value: str
) -> None:
    async with STORES[lasting](tmp_path) as store:
        await _working(store, 1)
        spoil = f"UPDATE requests SET {column} = :text WHERE id = :id"  # noqa: S608  our own names
        ask(URLS[lasting](tmp_path), spoil, text=value, id=_id(1))

        with pytest.raises(ValueError, match="validation error") as unreadable:
            await store.load(_id(1))
        assert "secret" not in "".join(traceback.format_exception(unreadable.value))


@contextmanager
def _listening(name: str, listener: Callable[..., None]) -> Generator[None]:
    """Hears that event of every engine."""
    event.listen(Engine, name, listener)
    try:
        yield
    finally:
        event.remove(Engine, name, listener)


async def test_the_file_is_set_up_to_survive_a_power_cut(tmp_path: Path) -> None:
    found: list[object] = []

    def ask(connection: Connection) -> None:
        names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
        found.append([connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names])

    async with sqlite(tmp_path, no_fault) as store:
        with _listening("commit", ask):
            await store.remember("a", "b")
            await store.recall("a")

    assert found == [["wal", 2, 1, 5_000]] * 2


async def test_no_question_of_the_line_reads_a_whole_table(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        asked.append((statement, parameters))

    async with sqlite(tmp_path, no_fault, max_drafts=9, max_guild_drafts=9) as store:
        with _listening("before_cursor_execute", listen):
            await _ask_everything(store)

    with closing(sqlite3.connect(tmp_path / "rushes.db")) as connection:
        whole_table = re.compile(rf"SCAN ({'|'.join(metadata.tables)}|following|queued)")
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
                plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                whole = [line for line in plan if whole_table.fullmatch(line)]
                assert whole == [], statement


async def test_no_question_of_the_line_reads_a_whole_table_of_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        asked.append((statement, parameters))

    async with STORES["postgresql"](tmp_path, no_fault, max_drafts=9, max_guild_drafts=9) as store:
        with _listening("before_cursor_execute", listen):
            await _ask_everything(store)

    indexes = [index for table in metadata.tables.values() for index in table.indexes]
    partial = {index.name for index in indexes if index.dialect_options["postgresql"]["where"] is not None}
    with connected(URLS["postgresql"](tmp_path)) as connection:
        for statement in _YEARS_OF_REQUESTS:
            connection.execute(text(statement))
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")) and "pg_" not in statement:
                plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
                assert not re.search(r"Seq Scan on (requests|takes|posts)\b", plan), (statement, plan)
                scans = _INDEX_SCAN.findall(plan)
                whole = {index for one, index, by in scans if by == "Filter" or not (one or by)}
                assert whole <= partial, (statement, plan)
    postgres.forget()


_INDEX_SCAN: Final = re.compile(
    r"(Limit .*\n +-> +)?Index (?:Only )?Scan (?:Backward )?using (\w+) on (?:requests|takes|posts)\b.*"
    r"(?:\n +(Index Cond|Filter))?"
)
_YEARS_OF_REQUESTS: Final = (
    """CREATE TEMP TABLE years AS SELECT lpad(CAST(n AS text), 13, '0') AS id, n,
    100 + n % 200 AS guild_id, 1000 + n % 5000 AS person_id, n * CAST(60000 AS bigint) AS at_ms
    FROM generate_series(1000, 21000) AS n""",
    """INSERT INTO requests (id, version, state, interaction_id, guild_id, channel_id, channel_kind, upload_limit_bytes,
    person_id, person_name, written_prompt, offers, parameters, take_count, created_at_ms, findings, accepted_seq,
    accepted_at_ms, finished_at_ms, attempts)
    SELECT id, 1, 'delivered', n, guild_id, 2, 'text', 10, person_id, 'Ada', '', '[]', '{}', 1, at_ms, '[]', n,
    at_ms, at_ms, 0 FROM years""",
    """INSERT INTO takes (id, request_id, ordinal, version, state, publications, attempts, looks, not_before_ms,
    generation_id, withdrawn)
    SELECT id || '-1', id, 1, 1, 'fetched', '[]', 1, 0, 0, 'g' || n, true FROM years""",
    """INSERT INTO posts (request_id, slot, channel_id, intended_at_ms, message_id, shown)
    SELECT id, 'card', 2, at_ms, n, 'delivered' FROM years""",
    "ANALYZE",
)


async def _ask_everything(store: Store) -> None:
    take = await _submitting(store, 1)
    await store.move_take(take, TakeState.RENDERING, generation_id="g")
    await _claim(store)
    await _used(store)
    await store.made_by(1)
    await store.watched_takes()
    await store.open_requests()
    await store.waiting_in_guild(_GUILD)
    await _load(store, 1)
    await store.drafts_of(_GUILD, _PERSON)
    await store.choose(8, _GUILD, Choice(files=True), now_ms=_NOON_MS)
    await store.choose(8, EVERYWHERE, Choice(files=True), now_ms=_NOON_MS)
    await store.choice(8, _GUILD)
    await store.consents(_GUILD, owners={8, 9}, messages={1, 2})
    await _play_owner(store, "put aside", 1)
    await store.withdraw(1, 8, now_ms=_NOON_MS)
    await store.tray(2, 1, now_ms=_NOON_MS)
    await store.set_guild_choices(_GUILD, GuildChoices(skip_card=True), by=1, now_ms=_NOON_MS)
    allowance = Allowance(
        person_files=9, person_bytes=9, guild_files=9, guild_bytes=9, person_animatics=9, guild_animatics=9
    )
    await store.reserve_animatic(_GUILD, _PERSON, allowance=allowance, now_ms=_NOON_MS)
    await store.reserve(_GUILD, _PERSON, files=1, byte_count=1, allowance=allowance, now_ms=_NOON_MS, draft_id=_id(1))
    await _draft(store, 2)


# --- migrations ------------------------------------------------------------------------------------------------------


def _schema(path: Path) -> dict[str, list[str]]:
    """What SQLite was told to make, by name: the parts of each table, whatever order they came in."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {
        name: _parts(sql) if kind == "table" else [sql] for kind, name, sql in made if not name.startswith("alembic")
    }


def _parts(sql: str) -> list[str]:
    """The columns and constraints of a CREATE TABLE, sorted."""
    parts, depth = [""], 0
    for character in sql[sql.index("(") + 1 : sql.rindex(")")]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return sorted(part.strip() for part in parts)


async def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    async with sqlite(tmp_path, no_fault):
        pass
    engine = create_engine(f"sqlite:///{tmp_path / 'rushes.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    declared.dispose()

    assert _schema(tmp_path / "rushes.db") == _schema(tmp_path / "declared.db")


def test_migrating_twice_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "rushes.db"
    schemas: list[dict[str, list[str]]] = []
    for _ in range(2):
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            upgrade(connection)
        engine.dispose()
        schemas.append(_schema(path))

    assert schemas[0] == schemas[1]


async def test_two_bots_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    stores = [sql_store(f"sqlite:///{tmp_path / 'rushes.db'}") for _ in range(3)]

    await asyncio.gather(*(store.open() for store in stores))
    await stores[0].remember("a", "b")
    assert [await store.recall("a") for store in stores] == ["b"] * 3

    for store in stores:
        await store.close()


# --- rows ------------------------------------------------------------------------------------------------------------

_SQL_INTEGER: Final = st.integers(0, 2**63 - 1)
_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_STORABLE: Final = st.text().map(storable)
_ORIGIN: Final = st.builds(
    Origin,
    source=st.sampled_from(OfferSource),
    owner_id=st.none() | _SQL_INTEGER,
    message_id=st.none() | _SQL_INTEGER,
    forwarded_id=st.none() | _SQL_INTEGER,
)
_BY_TYPE: Final[Mapping[object, st.SearchStrategy[Any]]] = {
    tuple[Origin, ...]: st.lists(_ORIGIN, min_size=1, max_size=2).map(tuple),
    int: _SQL_INTEGER,
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: _STORABLE,
    Mapping[str, object]: st.dictionaries(_STORABLE, _JSON, max_size=3),
}


def _any(kind: object) -> st.SearchStrategy[Any]:
    """Every field filled with anything its type allows."""
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin is tuple:
        return st.lists(_any(arguments[0]), max_size=2).map(_tuple)
    if origin in {Union, UnionType}:
        return st.one_of(*map(_any, arguments))
    if origin is not None:
        return st.dictionaries(_any(arguments[0]), _any(arguments[1]), max_size=2)
    return _plain(kind) if isinstance(kind, type) else st.nothing()


def _plain(kind: type[Any]) -> st.SearchStrategy[Any]:
    if not is_dataclass(kind):
        return st.from_type(kind)
    hints = get_type_hints(kind)
    return st.builds(kind, **{each.name: _any(hints[each.name]) for each in fields(kind)})


def _tuple(items: list[object]) -> tuple[object, ...]:
    return tuple(items)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_any(Request))
def test_a_request_comes_back_as_it_went(request: Request) -> None:
    references = tuple(
        request_reference_from(
            request_reference_columns(each), tuple(origin_from(origin_columns(one)) for one in each.origins)
        )
        for each in request.references
    )

    assert request_from(request_columns(request), references) == request


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_any(Take))
def test_a_take_comes_back_as_it_went(take: Take) -> None:
    assert take_from(take_columns(take)) == take


async def test_what_no_database_can_hold_is_shown_as_such(lasting: str, tmp_path: Path) -> None:
    wish = replace(_wish(1), prompt="a\0b\ud800c", person=Person(id=1, name="\udfff"))
    offers = (replace(wish.offers[0], name=json.loads('"\\ud83d"')),)
    async with STORES[lasting](tmp_path) as store:
        made = await store.create_draft(_id(1), replace(wish, offers=offers), now_ms=_NOON_MS)

    assert made.request.written_prompt == "a�b�c"
    assert made.request.person.name == "�"
    assert made.request.offers[0].name == "�"
