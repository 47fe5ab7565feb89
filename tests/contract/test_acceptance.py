"""What an acceptance takes - turns, quotas, money - and what comes back of it, on every store."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from bot.admission.spans import present_windows
from bot.domain.errors import Refused
from bot.domain.generations import PreparedBody
from bot.domain.lanes import Ahead, Standing
from bot.domain.money import Asked, Bill, Entry
from bot.domain.policies import Access, Block, Limits, Order, Policy, Quota, Span, Unit, holding
from bot.domain.prompts import Prompt
from bot.domain.quotas import Usage, Window
from bot.domain.reasons import Reason
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request, Snapshot, Take, Wish
from bot.domain.states import IllegalMove, RequestState, TakeState
from bot.queue import lane_check, ledger_check
from tests.postgres import connected
from tests.stores import STORES, URLS, Store, sql_store

_NOW_MS: Final = 1_750_032_000_000 + 43_200_000
_DAY_MS: Final = 86_400_000
_GUILD: Final = 100
_ADA: Final = Person(id=7, name="Ada")
_BO: Final = Person(id=8, name="Bo", roles=(31, 32))
_PRICE: Final = 600_000


# --- scenes ----------------------------------------------------------------------------------------------------------


def _id(number: int) -> str:
    return f"{number:013d}"


async def _draft(
    store: Store,
    number: int,
    *,
    person: Person = _ADA,
    takes: int = 1,
    guild: int = _GUILD,
    parent: int | None = None,
) -> Request:
    place = Place(
        guild_id=guild, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000, parent_id=parent
    )
    wish = Wish(
        interaction_id=number,
        place=place,
        person=person,
        prompt="a cat",
        offers=(),
        parameters=Parameters(),
        take_count=takes,
    )
    return (await store.create_draft(_id(number), wish, now_ms=_NOW_MS)).request


async def _accept(
    store: Store,
    draft: Request,
    *,
    now_ms: int = _NOW_MS,
    seconds: int = 5,
    price: int | None = _PRICE,
    roles: tuple[int, ...] | None = None,
) -> Snapshot:
    takes = draft.take_count
    cost = None if price is None else price * takes
    asked = Asked(takes=takes, seconds=seconds * takes, cost_usd_micros=cost)
    return await store.accept(
        draft, prompt=Prompt(()), findings=(), model_id="model", asked=asked, now_ms=now_ms, roles=roles
    )


async def _queued(store: Store, number: int, *, person: Person = _ADA, takes: int = 1, seconds: int = 5) -> Snapshot:
    return await _accept(store, await _draft(store, number, person=person, takes=takes), seconds=seconds)


async def _claim(store: Store, *, max_running: int = 100) -> str | None:
    return await store.claim_next(max_running=max_running, now_ms=_NOW_MS)


async def _working(store: Store, number: int, *, takes: int = 1, seconds: int = 5) -> Snapshot:
    await _queued(store, number, takes=takes, seconds=seconds)
    assert await _claim(store) == _id(number)
    await store.move((await _load(store, number)).request, RequestState.WORKING)
    return await _load(store, number)


async def _load(store: Store, number: int) -> Snapshot:
    snapshot = await store.load(_id(number))
    assert snapshot is not None
    return snapshot


async def _set(store: Store, policy: Policy, *, guild: int = _GUILD) -> None:
    await store.change_policy(guild, lambda _before: policy, by=1, now_ms=_NOW_MS)


async def _end(store: Store, number: int, state: RequestState = RequestState.CANCELLED) -> Snapshot:
    await store.move((await _load(store, number)).request, state, finished_at_ms=_NOW_MS)
    return await _load(store, number)


async def _submitting(store: Store, take: Take) -> Take:
    begun = await store.begin_submission(take, PreparedBody(body={}, fingerprint=take.id), now_ms=_NOW_MS)
    assert begun is not None
    return begun


async def _sent(store: Store, take: Take) -> Take:
    begun = await _submitting(store, take)
    return await store.move_take(begun, TakeState.RENDERING, generation_id=f"g{take.id}", submitted_at_ms=_NOW_MS)


async def _used(store: Store, *, person: Person = _ADA, now_ms: int = _NOW_MS) -> Usage:
    return (await store.quotas(_GUILD, person, now_ms=now_ms)).usage


async def _counted(store: Store) -> tuple[int, int, int]:
    """Requests, takes and seconds of the guild's day."""
    used = (await _used(store)).guild
    return used[Unit.REQUESTS, Span.DAY], used[Unit.TAKES, Span.DAY], used[Unit.SECONDS, Span.DAY]


async def _money(store: Store) -> tuple[int, int]:
    """Held and spent in the guild's month, which here is the person's day, too."""
    used = await _used(store)
    month, day = used.month, used.day
    assert (month.held_usd_micros, month.spent_usd_micros) == (day.held_usd_micros, day.spent_usd_micros)
    return month.held_usd_micros, month.spent_usd_micros


async def _why(call: Awaitable[object]) -> tuple[Reason, ...]:
    """Why it was refused; empty when it was not."""
    try:
        await call
    except Refused as refused:
        return refused.reasons
    return ()


def _checked(kind: str, folder: Path) -> list[str]:
    """What lanes and ledger say of themselves that is not so; a store in memory has nothing to check."""
    if kind == "memory":
        return []
    with connected(URLS[kind](folder)) as connection:
        return [*lane_check.check(connection), *ledger_check.check(connection)]


# --- who may, here and now -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy(person=Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.WEEK, limit=10),))), "person-quota-used"),
        (Policy(guild=Limits(quotas=(Quota(unit=Unit.SECONDS, span=Span.MONTH, limit=54),))), "guild-quota-used"),
        (Policy(guild=Limits(budget_usd_micros=10 * _PRICE)), "guild-budget-over"),
        (Policy(person=Limits(budget_usd_micros=11 * _PRICE - 1)), "person-budget-used"),
    ],
)
async def test_of_200_at_once_exactly_as_many_are_accepted_as_there_is_left(
    kind: str, tmp_path: Path, policy: Policy, code: str
) -> None:
    async with STORES[kind](tmp_path) as store:
        drafts = [await _draft(store, number) for number in range(200)]
        await _set(store, policy)

        outcomes = await asyncio.gather(*(_why(_accept(store, draft)) for draft in drafts))

        assert Counter(each[0].code if each else "accepted" for each in outcomes) == {"accepted": 10, code: 190}
        assert await _counted(store) == (10, 10, 50)
        assert await _money(store) == (10 * _PRICE, 0)
        assert len(await store.waiting_in_guild(_GUILD)) == 10
        assert _checked(kind, tmp_path) == []


async def test_two_stores_on_one_database_do_not_overspend_a_budget(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as first, STORES[lasting](tmp_path) as second:
        drafts = [await _draft(first, number, person=Person(id=1 + number, name="P")) for number in range(40)]
        await _set(first, Policy(guild=Limits(budget_usd_micros=10 * _PRICE)))

        outcomes = await asyncio.gather(
            *(_why(_accept((first, second)[number % 2], draft)) for number, draft in enumerate(drafts))
        )

        assert sum(each == () for each in outcomes) == 10
        assert (await _used(first)).month.left_usd_micros is not None
        assert (await _used(first)).month.left_usd_micros == 0


async def test_every_reason_is_said_at_once(store: Store) -> None:
    await _queued(store, 1)
    denied = Access(denied_roles=frozenset({31}), allowed_channels=frozenset({9}))
    small = Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=1),), waiting=0, budget_usd_micros=1)
    await _set(store, Policy(guild=replace(small, waiting=None), person=small, access=denied))

    refusals = await _why(_accept(store, await _draft(store, 2, person=_BO, takes=2)))

    assert [each.code for each in refusals] == [
        "role-denied",
        "channel-needed",
        "person-quota-too-small",
        "guild-quota-too-small",
        "too-many-waiting",
        "person-budget-too-small",
        "guild-budget-too-small",
    ]


async def test_access_to_a_channel_is_access_to_its_threads(store: Store) -> None:
    await _set(store, Policy(access=Access(allowed_channels=frozenset({9}))))

    assert await _why(_accept(store, await _draft(store, 1, parent=9))) == ()
    assert [each.code for each in await _why(_accept(store, await _draft(store, 2)))] == ["channel-needed"]
    assert (await _load(store, 1)).request.place.parent_id == 9


async def test_who_is_blocked_is_told_only_that_until_it_is_over(store: Store) -> None:
    await _set(store, Policy(person=Limits(waiting=0)))
    block = Block(guild_id=0, person_id=7, why="spam", by=1, at_ms=_NOW_MS, expires_at_ms=_NOW_MS + 1_000)
    await store.block(block)
    draft = await _draft(store, 1)

    assert [each.code for each in await _why(_accept(store, draft))] == ["blocked-anywhere-until"]
    assert (await _used(store)).block == block
    later = await _why(_accept(store, draft, now_ms=_NOW_MS + 1_000))
    assert [each.code for each in later] == ["too-many-waiting"]


async def test_a_cooldown_lasts_from_one_acceptance_to_the_next(store: Store) -> None:
    await _set(store, Policy(person=Limits(cooldown_seconds=60)))
    await _queued(store, 1)
    draft = await _draft(store, 2)

    assert [each.code for each in await _why(_accept(store, draft, now_ms=_NOW_MS + 59_999))] == ["cooldown"]
    assert await _why(_accept(store, draft, now_ms=_NOW_MS + 60_000)) == ()


async def test_a_role_gives_its_people_more(store: Store) -> None:
    one = Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.DAY, limit=1),), running=1)
    two = Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.DAY, limit=2),), running=2)
    await _set(store, Policy(person=one, roles={31: two}))
    refusals = [
        await _why(_accept(store, await _draft(store, 10 * person.id + nth, person=person)))
        for nth in range(3)
        for person in (_ADA, _BO)
    ]

    assert [each[0].code if each else "" for each in refusals] == [
        "",
        "",
        *["person-quota-used", ""],
        *["person-quota-used"] * 2,
    ]
    assert {await _claim(store) for _ in range(4)} == {_id(70), _id(80), _id(81), None}


async def test_roles_of_now_are_judged_and_kept_instead_of_those_it_was_asked_with(store: Store) -> None:
    once = Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.DAY, limit=1),), running=1)
    twice = Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.DAY, limit=2),), running=2)
    await _set(store, Policy(person=once, roles={31: twice}, order=Order(priorities={31: 1})))
    await _queued(store, 1)
    draft = await _draft(store, 2)

    accepted = await _accept(store, draft, roles=(31,))

    assert accepted.request.person == replace(_ADA, roles=(31,))
    assert accepted == await _load(store, 2)
    assert [await _claim(store) for _ in range(3)] == [_id(2), _id(1), None], "first, and beside the other"


@pytest.mark.parametrize("roles", [(), (32,)])
async def test_a_refused_confirmation_with_other_roles_changes_nothing(store: Store, roles: tuple[int, ...]) -> None:
    await _set(store, Policy(access=Access(allowed_roles=frozenset({31}))))
    draft = await _draft(store, 1, person=_BO)
    before = await _load(store, 1)

    assert [each.code for each in await _why(_accept(store, draft, roles=roles))] == ["role-needed"]

    assert await _load(store, 1) == before
    assert before.request == draft
    assert await _why(_accept(store, draft)) == (), "with those it was asked with, and at the same version"


async def test_references_that_are_given_are_those_it_is_accepted_with(store: Store) -> None:
    draft = await _draft(store, 1)
    accepted = await store.accept(
        draft,
        prompt=Prompt(()),
        findings=(),
        model_id="model",
        asked=Asked(takes=1, seconds=0, cost_usd_micros=0),
        now_ms=_NOW_MS,
        references=(),
    )

    assert accepted.request.references == ()
    assert accepted == await _load(store, 1)
    assert accepted.bill == Bill(open_takes=1)


async def test_what_costs_nothing_is_accepted_though_nothing_is_left(store: Store) -> None:
    await _set(store, Policy(guild=Limits(budget_usd_micros=0), person=Limits(budget_usd_micros=0)))

    assert await _why(_accept(store, await _draft(store, 1), price=0)) == ()
    assert [each.code for each in await _why(_accept(store, await _draft(store, 2), price=None))] == [
        "person-budget-over",
        "guild-budget-over",
    ]


# --- turns -----------------------------------------------------------------------------------------------------------


async def test_people_take_turns_and_are_told_whose_come_first(store: Store) -> None:
    for number in (1, 2, 3):
        await _queued(store, number)
    for number in (4, 5):
        await _queued(store, number, person=_BO)

    line = await store.line(_GUILD)

    order = [1, 4, 2, 5, 3]
    assert [request.id for request, _ in line] == [*map(_id, order)]
    assert [request for request, _ in line] == [(await _load(store, number)).request for number in order]
    assert await store.waiting_in_guild(_GUILD) == tuple(map(_id, order))
    assert line[2][1] == Standing(place=3, own_before=1, ahead=(Ahead(person_id=8, person_name="Bo", count=1),))
    assert line[2][1] == (await _load(store, 2)).standing
    assert [await _claim(store) for _ in range(6)] == [*map(_id, order), None]


async def test_an_order_is_what_the_guild_s_policy_says(store: Store) -> None:
    await _set(store, Policy(order=Order(first_come=True, priorities={31: 1})))
    for number, person in enumerate([_ADA, _ADA, _BO, replace(_BO, roles=())], start=1):
        await _queued(store, number, person=person)

    assert [await _claim(store) for _ in range(4)] == [*map(_id, [3, 1, 2, 4])]


async def test_limits_that_change_hold_from_the_next_pick_on(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path) as store:
        for number in range(1, 4):
            await _queued(store, number)
        for number in range(4, 8):
            await _queued(store, number, person=_BO)

        await _set(store, Policy(person=Limits(running=1)))
        assert [await _claim(store) for _ in range(3)] == [_id(1), _id(4), None]
        assert _checked(kind, tmp_path) == []
        await _set(store, Policy(person=Limits(running=1), roles={31: Limits(running=2)}))
        assert [await _claim(store) for _ in range(2)] == [_id(5), None], "of Bo's role"
        assert _checked(kind, tmp_path) == []
        await _set(store, Policy(guild=Limits(running=4)))
        assert [await _claim(store) for _ in range(2)] == [_id(2), None]
        await _set(store, Policy())
        assert await _claim(store, max_running=4) is None
        assert await _claim(store, max_running=5) == _id(6)
        assert _checked(kind, tmp_path) == []


async def test_what_waits_long_rises_where_the_guild_has_ageing(store: Store) -> None:
    await _set(store, Policy(order=Order(first_come=True, ageing_minutes=10, priorities={31: 1})))
    await _queued(store, 1)
    await _accept(store, await _draft(store, 2, person=_BO), now_ms=_NOW_MS + 600_000)
    await store.age_lanes(now_ms=_NOW_MS + 599_999)
    assert await store.waiting_in_guild(_GUILD) == (_id(2), _id(1))

    await store.age_lanes(now_ms=_NOW_MS + 600_000)

    assert await store.waiting_in_guild(_GUILD) == (_id(1), _id(2))


async def test_only_a_claim_leads_out_of_the_line(store: Store) -> None:
    queued = (await _queued(store, 1)).request

    with pytest.raises(IllegalMove):
        await store.move(queued, RequestState.PREPARING)

    assert await _claim(store) == _id(1)


async def test_what_is_kept_and_delivered_again_takes_no_turn(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path) as store:
        await _working(store, 1)
        for state in (RequestState.DELIVERING, RequestState.KEPT, RequestState.DELIVERING):
            await store.move((await _load(store, 1)).request, state)
        await _queued(store, 2)

        assert await _claim(store, max_running=1) == _id(2)
        await _end(store, 1, RequestState.DELIVERED)
        assert _checked(kind, tmp_path) == []


async def test_what_waits_for_a_review_or_is_delivered_again_does_not_count_as_under_way(store: Store) -> None:
    async def under_way() -> tuple[int, int]:
        used = await _used(store)
        return used.person_running, used.guild_running

    await _working(store, 1)
    for state in (RequestState.DELIVERING, RequestState.KEPT, RequestState.DELIVERING):
        await store.move((await _load(store, 1)).request, state)
    assert await under_way() == (0, 0)
    (take,) = (await _working(store, 2)).takes
    await _queued(store, 3, person=_BO)
    assert await _claim(store) == _id(3)
    assert await under_way() == (1, 2)

    parked = await store.move_take(await _submitting(store, take), TakeState.NEEDS_REVIEW)

    assert await under_way() == (0, 1)
    await store.move_take(parked, TakeState.SUBMITTING)
    assert await under_way() == (1, 2)


# --- what comes back -------------------------------------------------------------------------------------------------


async def _never_sent(store: Store, number: int) -> None:
    """Ends in each of the ways in which nothing was at the vendor."""
    if number == 1:
        await _queued(store, 1, takes=2)
    elif number == 2:
        await _queued(store, 2, takes=2)
        assert await _claim(store) == _id(2)
    else:
        first, _second = (await _working(store, number, takes=2)).takes
        await store.move_take(first, TakeState.CANCELLED, cost_usd_micros=0)
    await _end(store, number, RequestState.FAILED if number == 2 else RequestState.CANCELLED)


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_what_ends_before_anything_was_sent_is_given_back_whole(kind: str, tmp_path: Path, number: int) -> None:
    async with STORES[kind](tmp_path) as store:
        await _never_sent(store, number)

        assert await _counted(store) == (0, 0, 0)
        assert await _money(store) == (0, 0)
        assert (await _load(store, number)).bill == Bill(held_usd_micros=2 * _PRICE, given_back_usd_micros=2 * _PRICE)
        lines = await store.ledger(_GUILD, since_ms=0, until_ms=1 << 62)
        assert [line.entry for line in lines] == [Entry.HOLD] * 2 + [Entry.RELEASE] * 2
        assert _checked(kind, tmp_path) == []


async def test_a_turn_that_was_cancelled_is_given_back(store: Store) -> None:
    await _queued(store, 1, seconds=20)
    for number in (2, 3):
        await _queued(store, number, seconds=10)
    for number in (4, 5):
        await _queued(store, number, person=_BO, seconds=10)
    assert await _claim(store) == _id(1)
    assert await store.waiting_in_guild(_GUILD) == tuple(map(_id, [4, 5, 2, 3])), "Ada had as much as Bo's two"

    await _end(store, 1)

    assert await store.waiting_in_guild(_GUILD) == tuple(map(_id, [4, 2, 5, 3])), "as if she had had nothing"


async def test_what_failed_at_the_vendor_and_cost_something_counts(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path) as store:
        first, _second = (await _working(store, 1, takes=2)).takes
        await store.move_take(await _sent(store, first), TakeState.FAILED, cost_usd_micros=200_000)

        ended = await _end(store, 1, RequestState.FAILED)

        assert await _counted(store) == (1, 2, 10)
        assert await _money(store) == (0, 200_000)
        assert ended.bill == Bill(
            held_usd_micros=2 * _PRICE, spent_usd_micros=200_000, given_back_usd_micros=2 * _PRICE - 200_000
        )
        assert _checked(kind, tmp_path) == []


@pytest.mark.parametrize("ended", [TakeState.FAILED, TakeState.CANCELLED])
@pytest.mark.parametrize(("cost", "counts"), [(None, True), (0, False)])
async def test_what_may_have_been_at_the_vendor_counts_until_it_is_proved_that_it_was_not(
    kind: str, tmp_path: Path, ended: TakeState, cost: int | None, *, counts: bool
) -> None:
    async with STORES[kind](tmp_path) as store:
        (take,) = (await _working(store, 1, seconds=20)).takes
        for number, person in ((2, _ADA), (3, _BO), (4, _BO)):
            await _queued(store, number, person=person, seconds=10)
        reviewed = await store.move_take(await _submitting(store, take), TakeState.NEEDS_REVIEW)
        await store.move_take(reviewed, ended, cost_usd_micros=cost)

        await _end(store, 1, RequestState.FAILED)

        assert await _counted(store) == ((4, 4, 50) if counts else (3, 3, 30))
        assert (await _used(store)).month.held_usd_micros == (4 if counts else 3) * _PRICE
        assert (await _load(store, 1)).bill.still_held_usd_micros == (_PRICE if counts else 0)
        assert await store.waiting_in_guild(_GUILD) == tuple(map(_id, [3, 4, 2] if counts else [3, 2, 4]))
        assert _checked(kind, tmp_path) == []


async def test_while_a_cost_is_unknown_its_hold_stays_and_an_operator_s_word_settles_it(
    kind: str, tmp_path: Path
) -> None:
    async with STORES[kind](tmp_path) as store:
        (take,) = (await _working(store, 1)).takes
        await store.move_take(await _sent(store, take), TakeState.FAILED)
        ended = await _end(store, 1, RequestState.FAILED)
        assert (ended.bill.still_held_usd_micros, ended.bill.open_takes) == (_PRICE, 1)
        assert await _money(store) == (_PRICE, 0)

        await store.adjust(take.id, 250_000, cause="looked it up", now_ms=_NOW_MS + 1)
        await store.adjust(take.id, 240_000, cause="a discount", now_ms=_NOW_MS + 2)

        assert await _money(store) == (0, 240_000)
        lines = (await store.ledger(_GUILD, since_ms=0, until_ms=_NOW_MS))[1:]
        assert [(line.entry, line.usd_micros, line.cause, line.at_ms) for line in lines] == [
            (Entry.SETTLE, 250_000, "looked it up", _NOW_MS + 1),
            (Entry.RELEASE, 350_000, "looked it up", _NOW_MS + 1),
            (Entry.ADJUST, -10_000, "a discount", _NOW_MS + 2),
        ]
        assert await store.ledger(_GUILD + 1, since_ms=0, until_ms=_NOW_MS) == ()
        with pytest.raises(KeyError):
            await store.adjust("nothing", 1, cause="x", now_ms=_NOW_MS)
        assert _checked(kind, tmp_path) == []


async def test_what_was_delivered_is_spent_and_a_cost_above_the_hold_is_booked(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path) as store:
        (take,) = (await _working(store, 1)).takes
        fetching = await store.move_take(await _sent(store, take), TakeState.FETCHING)
        await store.move_take(fetching, TakeState.FETCHED, cost_usd_micros=_PRICE + 1)
        await store.move((await _load(store, 1)).request, RequestState.DELIVERING)
        ended = await _end(store, 1, RequestState.DELIVERED)

        assert await _counted(store) == (1, 1, 5)
        assert await _money(store) == (0, _PRICE + 1)
        assert ended.bill.above_usd_micros == 1
        assert _checked(kind, tmp_path) == []


async def test_another_time_zone_is_not_another_day_s_worth(store: Store) -> None:
    one = Limits(quotas=(Quota(unit=Unit.REQUESTS, span=Span.DAY, limit=1),))
    await _set(store, Policy(person=one))
    await _queued(store, 1)

    await _set(store, Policy(person=one, time_zone="Asia/Tokyo"))

    assert [each.code for each in await _why(_accept(store, await _draft(store, 2)))] == ["person-quota-used"]


async def test_another_time_zone_is_not_another_budget(store: Store) -> None:
    budget = Limits(budget_usd_micros=_PRICE)
    await _set(store, Policy(person=budget, guild=Limits(budget_usd_micros=2 * _PRICE)))
    await _queued(store, 1)

    await _set(store, Policy(person=budget, guild=Limits(budget_usd_micros=2 * _PRICE), time_zone="Asia/Tokyo"))

    second, third = await _draft(store, 2), await _draft(store, 3)
    assert [each.code for each in await _why(_accept(store, second))] == ["person-budget-over"]
    assert await _why(_accept(store, second, now_ms=_NOW_MS + 2 * _DAY_MS)) == ()
    refusals = await _why(_accept(store, third, now_ms=_NOW_MS + 4 * _DAY_MS))
    assert [each.code for each in refusals] == ["guild-budget-over"]


async def test_what_the_operator_changes_holds_from_the_next_start_on(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        for number in (1, 2, 3):
            await _queued(store, number)
        assert await _claim(store) == _id(1)

    one_at_once = Policy(time_zone="UTC", person=Limits(running=1))
    store = sql_store(URLS[lasting](tmp_path), decides=lambda wanted: holding(wanted, one_at_once, Policy()))
    await store.open()
    assert await _claim(store) is None
    await _end(store, 1)
    assert await _claim(store) == _id(2)
    await store.close()


# --- months ----------------------------------------------------------------------------------------------------------


async def test_a_month_s_lines_are_those_of_what_was_accepted_in_it_however_late_and_summed_up(
    kind: str, tmp_path: Path
) -> None:
    month, following = (present_windows("UTC", _NOW_MS + days * _DAY_MS)[Span.MONTH] for days in (0, 30))
    async with STORES[kind](tmp_path) as store:
        (take,) = (await _working(store, 1)).takes
        await _accept(store, await _draft(store, 2), now_ms=following.starts_ms)
        await store.move_take(await _sent(store, take), TakeState.FAILED, cost_usd_micros=200_000)
        await _end(store, 1, RequestState.FAILED)

        async def entries(window: Window) -> list[tuple[str, Entry, int]]:
            lines = await store.ledger(_GUILD, since_ms=window.starts_ms, until_ms=window.ends_ms)
            return [(line.request_id, line.entry, line.usd_micros) for line in lines]

        assert await entries(month) == [
            (_id(1), Entry.HOLD, _PRICE),
            (_id(1), Entry.SETTLE, 200_000),
            (_id(1), Entry.RELEASE, _PRICE - 200_000),
        ]
        assert await entries(following) == [(_id(2), Entry.HOLD, _PRICE)]

        await store.tidy(now_ms=following.ends_ms + 400 * _DAY_MS)

        assert await entries(month) == [("", Entry.OPENING, 200_000)]
        assert (await _used(store)).month.spent_usd_micros == 200_000
        assert await entries(following) == [(_id(2), Entry.HOLD, _PRICE)]
        assert _checked(kind, tmp_path) == []


# --- what is forgotten -----------------------------------------------------------------------------------------------


async def test_what_is_long_over_is_forgotten_and_what_may_be_delivered_is_not(kind: str, tmp_path: Path) -> None:
    async with STORES[kind](tmp_path) as store:
        for number, state in enumerate([RequestState.DELIVERED, RequestState.KEPT, RequestState.FAILED], start=1):
            (take,) = (await _working(store, number)).takes
            sent = await _sent(store, take)
            if state is not RequestState.FAILED:
                fetching = await store.move_take(sent, TakeState.FETCHING)
                await store.move_take(fetching, TakeState.FETCHED, cost_usd_micros=_PRICE)
                await store.move((await _load(store, number)).request, RequestState.DELIVERING)
            await _end(store, number, state)
        await _queued(store, 4)

        await store.tidy(now_ms=_NOW_MS + 399 * _DAY_MS)
        assert [await store.load(_id(number)) is None for number in (1, 2, 3, 4)] == [False] * 4
        await store.tidy(now_ms=_NOW_MS + 450 * _DAY_MS)

        gone = [await store.load(_id(number)) is None for number in (1, 2, 3, 4)]
        assert gone == [True, False, False, False], "kept, its cost unknown, waiting"
        assert (await _used(store)).month.spent_usd_micros == 2 * _PRICE
        assert _checked(kind, tmp_path) == []
