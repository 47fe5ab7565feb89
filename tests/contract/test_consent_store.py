"""One suite for every `ConsentStore`, and for the looks at consent before a request is accepted and a take is paid."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from bot.domain.consent import EVERYWHERE, Choice, Consents
from bot.domain.drafts import TrayLimits
from bot.domain.errors import Refused, Stale
from bot.domain.generations import PreparedBody
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import Asked
from bot.domain.policies import Limits, Policy
from bot.domain.prompts import Prompt, Text
from bot.domain.reasons import Reason, reason
from bot.domain.references import OfferSource, Origin, Reference, numbered, stands_for_person
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request, Snapshot, Take, Wish
from bot.domain.states import RequestState, TakeState
from tests.postgres import ask
from tests.stores import STORES, URLS, Store

_NOW_MS: Final = 1_750_032_000_000
_GUILD: Final = 100
_ADA: Final = 7
_BO: Final = 1 << 62
_CY: Final = 9
_MESSAGE: Final = 1 << 61
_ASKED: Final = Asked(takes=1, seconds=5, cost_usd_micros=600_000)


# --- scenes: Ada asks, with files of Bo's and Cy's -------------------------------------------------------------------


def _file(name: str, *, owner: int | None = _BO, message: int | None = _MESSAGE) -> Reference:
    return Reference(
        id=name,
        number=1,
        kind=Kind.IMAGE,
        kind_number=1,
        name=f"{name}.png",
        content=name[0] * 64,
        facts=MediaFacts(kind=Kind.IMAGE, format="png", byte_count=12, width=640, height=640),
        source=OfferSource.TARGET,
        origins=(Origin(source=OfferSource.TARGET, owner_id=owner, message_id=message),),
    )


def _avatar(owner: int = _BO) -> Reference:
    return replace(_file("v"), name="Bo", source=OfferSource.AVATAR, origins=(_avatar_of(owner),))


def _avatar_of(owner: int) -> Origin:
    return Origin(source=OfferSource.AVATAR, owner_id=owner)


_OWN: Final = _file("o", owner=None, message=None)


def _id(number: int) -> str:
    return f"{number:013d}"


async def _draft(
    store: Store, number: int, files: Sequence[Reference], *, guild: int = _GUILD, takes: int = 1
) -> Request:
    wish = Wish(
        interaction_id=number,
        place=Place(guild_id=guild, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000),
        person=Person(id=_ADA, name="Ada"),
        prompt="a cat",
        offers=(),
        parameters=Parameters(),
        take_count=takes,
    )
    draft = (await store.create_draft(_id(number), wish, now_ms=_NOW_MS)).request
    return await store.move(draft, RequestState.DRAFT, references=tuple(numbered(files)))


async def _accept(store: Store, draft: Request) -> Snapshot:
    asked = replace(_ASKED, takes=draft.take_count)
    return await store.accept(
        draft, prompt=Prompt((Text("a cat"),)), findings=(), model_id="model", asked=asked, now_ms=_NOW_MS
    )


async def _queued(
    store: Store, number: int, files: Sequence[Reference], *, guild: int = _GUILD, takes: int = 1
) -> Snapshot:
    return await _accept(store, await _draft(store, number, files, guild=guild, takes=takes))


async def _working(store: Store, number: int, files: Sequence[Reference], *, takes: int = 1) -> Snapshot:
    await _queued(store, number, files, takes=takes)
    return await _working_on(store, number)


async def _working_on(store: Store, number: int) -> Snapshot:
    assert await store.claim_next(max_running=1_000, now_ms=_NOW_MS) == _id(number)
    await store.move((await _load(store, number)).request, RequestState.WORKING)
    return await _load(store, number)


async def _load(store: Store, number: int) -> Snapshot:
    snapshot = await store.load(_id(number))
    assert snapshot is not None
    return snapshot


async def _begin(store: Store, take: Take) -> Take | None:
    return await store.begin_submission(take, PreparedBody(body={}, fingerprint=take.id), now_ms=_NOW_MS)


async def _begun(store: Store, take: Take) -> Take:
    begun = await _begin(store, take)
    assert begun is not None
    return begun


async def _forbid(store: Store, person: int = _BO, guild: int = _GUILD) -> tuple[str, ...]:
    return await store.choose(person, guild, Choice(files=False), now_ms=_NOW_MS)


async def _allow_avatar(store: Store, person: int = _BO, guild: int = _GUILD) -> tuple[str, ...]:
    return await store.choose(person, guild, Choice(avatar=True), now_ms=_NOW_MS)


async def _withdraw(store: Store, message: int = _MESSAGE, owner: int = _BO) -> tuple[str, ...]:
    return await store.withdraw(message, owner, now_ms=_NOW_MS)


async def _holds(store: Store, guild: int = _GUILD) -> Consents:
    return await store.consents(guild, owners={_BO, _CY}, messages={_MESSAGE, 5})


# --- choices ---------------------------------------------------------------------------------------------------------


async def test_what_was_never_said_is_an_empty_choice(store: Store) -> None:
    assert await store.choice(_BO, _GUILD) == Choice()
    assert await _holds(store) == Consents()
    assert await store.consents(_GUILD, owners=(), messages=()) == Consents()


async def test_what_is_not_said_stays_as_it_was_said(store: Store) -> None:
    await store.choose(_BO, _GUILD, Choice(files=False), now_ms=_NOW_MS)
    await store.choose(_BO, _GUILD, Choice(avatar=True), now_ms=_NOW_MS)
    assert await store.choice(_BO, _GUILD) == Choice(files=False, avatar=True)

    await store.choose(_BO, _GUILD, Choice(files=True), now_ms=_NOW_MS)
    await store.choose(_BO, _GUILD, Choice(), now_ms=_NOW_MS)
    assert await store.choice(_BO, _GUILD) == Choice(files=True, avatar=True)
    assert await store.choice(_BO, EVERYWHERE) == Choice()


@pytest.mark.parametrize(
    ("here", "everywhere", "forbidden"),
    [
        (None, None, False),
        (True, None, False),
        (True, True, False),
        (False, None, True),
        (None, False, True),
        (True, False, True),
        (False, True, True),
    ],
)
async def test_files_may_be_used_unless_forbidden_anywhere(
    store: Store, *, here: bool | None, everywhere: bool | None, forbidden: bool
) -> None:
    await store.choose(_BO, _GUILD, Choice(files=here), now_ms=_NOW_MS)
    await store.choose(_BO, EVERYWHERE, Choice(files=everywhere), now_ms=_NOW_MS)

    assert await _holds(store) == Consents(files_forbidden=frozenset({_BO} if forbidden else ()))


@pytest.mark.parametrize(
    ("here", "everywhere", "allowed"),
    [
        (None, None, False),
        (True, None, True),
        (None, True, True),
        (False, True, False),
        (True, False, False),
    ],
)
async def test_an_avatar_needs_a_yes_and_no_no(
    store: Store, *, here: bool | None, everywhere: bool | None, allowed: bool
) -> None:
    await store.choose(_BO, _GUILD, Choice(avatar=here), now_ms=_NOW_MS)
    await store.choose(_BO, EVERYWHERE, Choice(avatar=everywhere), now_ms=_NOW_MS)

    assert await _holds(store) == Consents(avatar_allowed=frozenset({_BO} if allowed else ()))


async def test_a_choice_is_of_one_guild_or_of_all(store: Store) -> None:
    await _forbid(store, _BO, _GUILD)
    await _forbid(store, _CY, EVERYWHERE)

    assert (await _holds(store)).files_forbidden == {_BO, _CY}
    assert (await _holds(store, guild=200)).files_forbidden == {_CY}


async def test_a_withdrawal_holds_everywhere_and_for_good(store: Store) -> None:
    assert await _withdraw(store) == await _withdraw(store) == ()

    assert await _holds(store) == await _holds(store, guild=200) == Consents(withdrawn=frozenset({_MESSAGE}))
    await store.choose(_BO, _GUILD, Choice(files=True), now_ms=_NOW_MS)
    assert (await _holds(store)).withdrawn == {_MESSAGE}


# --- before a request is accepted ------------------------------------------------------------------------------------


async def _refusal(store: Store, files: Sequence[Reference]) -> tuple[Reason, ...]:
    """Why a draft with those files is not accepted; it stays a draft."""
    draft = await _draft(store, 50, files)
    with pytest.raises(Refused) as refused:
        await _accept(store, draft)
    assert await _load(store, 50) == Snapshot(request=draft)
    return refused.value.reasons


async def test_nothing_that_is_barred_is_accepted_and_every_file_is_named(store: Store) -> None:
    await _withdraw(store, 5, _CY)
    await _forbid(store)
    files = [_OWN, _file("a", message=6), _file("b", owner=_CY, message=5), _avatar(), _file("d", owner=_CY, message=8)]

    assert await _refusal(store, files) == (
        reason("files-forbidden", name="a.png"),
        reason("files-withdrawn", name="b.png"),
        reason("avatar-forbidden", name="Bo"),
    )


async def test_a_quota_is_said_beside_what_is_barred(store: Store) -> None:
    await _withdraw(store)
    draft = await _draft(store, 1, [_file("a")])

    none_may_wait = Policy(person=Limits(waiting=0))
    await store.change_policy(_GUILD, lambda _before: none_may_wait, by=1, now_ms=_NOW_MS)

    with pytest.raises(Refused) as refused:
        await _accept(store, draft)

    assert [each.code for each in refused.value.reasons] == ["files-withdrawn", "too-many-waiting"]


async def test_what_is_allowed_is_accepted(store: Store) -> None:
    await _allow_avatar(store)
    await _forbid(store, guild=200)

    accepted = await _queued(store, 1, [_OWN, _file("a"), _avatar()])

    assert accepted.request.state is RequestState.QUEUED


async def test_ones_own_files_are_barred_by_a_withdrawal_only(store: Store) -> None:
    await _forbid(store, _ADA)
    own = [_OWN, _file("a", owner=_ADA, message=5), _avatar(_ADA)]
    assert (await _queued(store, 1, own)).request.state is RequestState.QUEUED

    await _withdraw(store, 5, _ADA)
    assert await _refusal(store, own) == (reason("files-withdrawn", name="a.png"),)


# --- before a take is paid -------------------------------------------------------------------------------------------


async def test_nothing_is_paid_for_what_was_forbidden_meanwhile(store: Store) -> None:
    working = await _working(store, 1, [_OWN, _file("a")])
    await _forbid(store)
    await _withdraw(store)

    with pytest.raises(Refused) as refused:
        await _begin(store, working.takes[0])

    assert refused.value.reasons == (reason("files-withdrawn", name="a.png"),)
    assert await _load(store, 1) == working


async def test_nothing_is_paid_for_an_avatar_that_is_allowed_no_more(store: Store) -> None:
    await _allow_avatar(store)
    working = await _working(store, 1, [_avatar()], takes=2)
    begun = await _begun(store, working.takes[0])
    await store.choose(_BO, EVERYWHERE, Choice(avatar=False), now_ms=_NOW_MS)

    with pytest.raises(Refused) as refused:
        await _begin(store, working.takes[1])

    assert refused.value.reasons == (reason("avatar-forbidden", name="Bo"),)
    assert (await _load(store, 1)).takes == (begun, working.takes[1])


async def test_a_cancel_is_said_before_consent(store: Store) -> None:
    working = await _working(store, 1, [_file("a")])
    await store.move(working.request, RequestState.WORKING, cancel_requested_by=_ADA)
    await _forbid(store)

    with pytest.raises(Stale):
        await _begin(store, working.takes[0])


@pytest.mark.parametrize("say", [_forbid, _withdraw])
async def test_of_a_no_and_a_payment_at_once_one_wins(store: Store, say: object) -> None:
    """Either the payment came first, and the request is none of those to stop; or it is, and it was refused."""
    for number in range(1, 21):
        owner, message = 1_000 + number, 2_000 + number
        working = await _working(store, number, [_file("a", owner=owner, message=message)])
        said = _forbid(store, owner) if say is _forbid else _withdraw(store, message, owner)
        pays = _begin(store, working.takes[0])
        first, second = (said, pays) if number % 2 else (pays, said)
        outcomes = await asyncio.gather(first, second, return_exceptions=True)

        submitted = any(isinstance(each, Take) for each in outcomes)
        refused = any(isinstance(each, Refused) for each in outcomes)
        stopped = (_id(number),) in outcomes
        assert (submitted, refused, stopped) in {(True, False, False), (False, True, True)}
        assert ((await _load(store, number)).takes[0].state is TakeState.SUBMITTING) is submitted


async def test_of_two_stores_one_that_forbids_and_one_that_pays_one_wins(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as first, STORES[lasting](tmp_path) as second:
        for number in range(1, 11):
            working = await _working(first, number, [_file("a", owner=1_000 + number)])
            outcomes = await asyncio.gather(
                _begin(first, working.takes[0]), _forbid(second, 1_000 + number), return_exceptions=True
            )

            submitted = any(isinstance(each, Take) for each in outcomes)
            assert submitted is not ((_id(number),) in outcomes)
            assert submitted is not any(isinstance(each, Refused) for each in outcomes)


# --- whom it stops ---------------------------------------------------------------------------------------------------


async def _ended(store: Store, number: int, files: Sequence[Reference]) -> None:
    queued = await _queued(store, number, files)
    await store.move(queued.request, RequestState.CANCELLED, finished_at_ms=_NOW_MS)


async def _with_all_takes_begun(store: Store, number: int, files: Sequence[Reference]) -> None:
    for take in (await _working(store, number, files, takes=2)).takes:
        await _begun(store, take)


async def _with_a_take_begun(store: Store, number: int, files: Sequence[Reference]) -> None:
    await _begun(store, (await _working(store, number, files, takes=2)).takes[0])


async def _crowd(store: Store) -> None:
    """1 and 6 may still be stopped; 2 is over, 3 is paid for, 4 is a draft, 5 has no file of Bo's."""
    await _with_a_take_begun(store, 1, [_OWN, _file("a"), _avatar(_ADA)])
    await _ended(store, 2, [_file("a")])
    await _with_all_takes_begun(store, 3, [_file("a")])
    await _draft(store, 4, [_file("a")])
    await _queued(store, 5, [_OWN, _file("c", owner=_CY, message=5)])
    await _queued(store, 6, [_file("a")], guild=200)


async def test_forbidding_in_a_guild_tells_which_requests_it_stops(store: Store) -> None:
    await _crowd(store)

    assert await _forbid(store) == (_id(1),)
    assert await _forbid(store, guild=200) == (_id(6),)
    assert await _forbid(store, _CY, 200) == ()


async def test_forbidding_everywhere_tells_which_requests_it_stops(store: Store) -> None:
    await _crowd(store)

    assert await _forbid(store, guild=EVERYWHERE) == (_id(1), _id(6))
    assert await store.choose(_BO, _GUILD, Choice(avatar=True), now_ms=_NOW_MS) == (_id(1),), "it is forbidden still"


async def test_a_withdrawal_tells_which_requests_it_stops(store: Store) -> None:
    await _crowd(store)

    assert await _withdraw(store) == (_id(1), _id(6))
    assert await _withdraw(store, 4) == ()


async def test_allowing_stops_nothing(store: Store) -> None:
    await _crowd(store)

    assert await store.choose(_BO, EVERYWHERE, Choice(files=True, avatar=True), now_ms=_NOW_MS) == ()


async def test_forbidding_an_avatar_stops_what_shows_it(store: Store) -> None:
    await _allow_avatar(store)
    await _queued(store, 1, [_avatar()])
    await _queued(store, 2, [_file("a")])

    assert await store.choose(_BO, _GUILD, Choice(avatar=False), now_ms=_NOW_MS) == (_id(1),)


async def test_a_persons_choice_does_not_stop_their_own_request(store: Store) -> None:
    await _queued(store, 1, [_file("a", owner=_ADA)])

    assert await _forbid(store, _ADA) == ()
    assert await _withdraw(store, _MESSAGE, _ADA) == (_id(1),)


# --- trays and bytes -------------------------------------------------------------------------------------------------


async def _put_aside(store: Store, files: Sequence[Reference], *, person: int = _ADA, channel: int = 2) -> None:
    await store.change_tray(
        Place(guild_id=_GUILD, channel_id=channel, channel_kind=ChannelKind.TEXT, upload_limit_bytes=1),
        person,
        lambda held: [*held, *files],
        limits=TrayLimits(tray_files=9, person_files=9, guild_files=9),
        expires_at_ms=_NOW_MS + 10 + channel,
        now_ms=_NOW_MS,
    )


async def test_a_withdrawal_changes_no_number_in_a_tray_and_frees_the_bytes(store: Store) -> None:
    await _put_aside(store, [_file("a"), _file("b", message=5), _file("c"), _OWN])
    await _put_aside(store, [_file("a")], channel=3)
    await _put_aside(store, [_file("b", message=5), _file("a")], person=_CY)

    await _withdraw(store)

    ada = await store.tray(2, _ADA, now_ms=_NOW_MS)
    assert ada.references == numbered([_file("a"), _file("b", message=5), _file("c"), _OWN])
    assert (await store.tray(3, _ADA, now_ms=_NOW_MS)).references == numbered([_file("a")])
    await _put_aside(store, [replace(_OWN, id="p", name="p.png", content="p" * 64)])
    assert len((await store.tray(2, _ADA, now_ms=_NOW_MS)).references) == 5
    assert await store.contents_in_use(since_ms=_NOW_MS) == {"b" * 64, "o" * 64, "p" * 64}


async def test_what_was_withdrawn_while_it_was_collected_gets_into_no_tray(store: Store) -> None:
    await _put_aside(store, [_OWN])
    await _withdraw(store)

    with pytest.raises(Refused) as refused:
        await _put_aside(store, [_file("a"), _avatar(), _file("b", message=5)])

    assert refused.value.reasons == (reason("files-withdrawn", name="a.png"),)
    assert (await store.tray(2, _ADA, now_ms=_NOW_MS)).references == numbered([_OWN])


async def test_forbidding_leaves_trays_as_they_are(store: Store) -> None:
    await _put_aside(store, [_file("a")])

    await _forbid(store)

    assert (await store.tray(2, _ADA, now_ms=_NOW_MS)).references == numbered([_file("a")])


async def test_bytes_that_were_withdrawn_may_be_forgotten(store: Store) -> None:
    await _draft(store, 1, [_file("a"), _OWN])
    await _queued(store, 2, [_file("b"), _file("c", message=5)])
    assert await store.contents_in_use(since_ms=_NOW_MS) == {"a" * 64, "b" * 64, "c" * 64, "o" * 64}

    await _withdraw(store)

    assert await store.contents_in_use(since_ms=_NOW_MS) == {"c" * 64, "o" * 64}


async def test_bytes_that_were_withdrawn_stay_while_another_needs_them(store: Store) -> None:
    await _draft(store, 1, [_file("a")])
    await _draft(store, 2, [_file("a", message=None, owner=None)])

    await _withdraw(store)

    assert await store.contents_in_use(since_ms=_NOW_MS) == {"a" * 64}


@pytest.mark.parametrize(
    ("way", "needed"),
    [
        ([], True),
        ([TakeState.NEEDS_REVIEW], True),
        ([TakeState.RENDERING], True),
        ([TakeState.RENDERING, TakeState.FETCHING], True),
        ([TakeState.RENDERING, TakeState.FETCHING, TakeState.FETCHED], False),
        ([TakeState.FAILED], False),
        ([TakeState.PLANNED], False),
    ],
)
async def test_bytes_that_were_withdrawn_stay_while_a_take_is_at_work(
    store: Store, way: Sequence[TakeState], *, needed: bool
) -> None:
    take = await _begun(store, (await _working(store, 1, [_file("a")])).takes[0])
    for state in way:
        take = await store.move_take(take, state)

    await _withdraw(store)

    assert await store.contents_in_use(since_ms=_NOW_MS) == ({"a" * 64} if needed else set())


async def test_a_no_is_stored_whatever_became_of_a_request(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        await _queued(store, 1, [_file("a")])
        ask(URLS[lasting](tmp_path), "UPDATE requests SET offers = '{', prompt = '{'")

        assert await _forbid(store) == (_id(1),)
        assert await _withdraw(store) == (_id(1),)


async def test_what_people_said_outlives_the_process(lasting: str, tmp_path: Path) -> None:
    async with STORES[lasting](tmp_path) as store:
        await _forbid(store)
        await _allow_avatar(store, _CY, EVERYWHERE)
        await _withdraw(store)
        held = await _holds(store)

    async with STORES[lasting](tmp_path) as store:
        assert (
            await _holds(store)
            == held
            == Consents(
                files_forbidden=frozenset({_BO}), avatar_allowed=frozenset({_CY}), withdrawn=frozenset({_MESSAGE})
            )
        )


# --- the same bytes from several -------------------------------------------------------------------------------------

_POSTED: Final = Origin(source=OfferSource.TARGET, owner_id=_BO, message_id=_MESSAGE)
_CYS: Final = Origin(source=OfferSource.TARGET, owner_id=_CY, message_id=5)
_ADAS: Final = Origin(source=OfferSource.TARGET, owner_id=_ADA, message_id=6)
_FORWARDED: Final = Origin(source=OfferSource.FORWARD, owner_id=_CY, message_id=5, forwarded_id=_MESSAGE)


def _from(*origins: Origin) -> Reference:
    return replace(_file("a"), origins=origins)


async def test_one_origin_that_allows_it_is_enough(store: Store) -> None:
    await _forbid(store)
    for number, other in enumerate([_CYS, _ADAS, Origin()], start=1):
        for origins in [(_POSTED, other), (other, _POSTED)]:
            queued = await _queued(store, number * 10 + origins.index(other), [_from(*origins)])
            assert queued.request.state is RequestState.QUEUED

    await _forbid(store, _CY)
    assert await _refusal(store, [_from(_CYS, _POSTED)]) == (reason("files-forbidden", name="a.png"),)


@pytest.mark.parametrize("order", [1, -1])
async def test_whoever_was_first_the_last_no_stops_it(store: Store, order: int) -> None:
    await _queued(store, 1, [_from(*[_POSTED, _CYS][::order])])

    assert await _withdraw(store) == ()
    assert await _forbid(store, _CY) == (_id(1),)


async def test_what_one_brought_oneself_is_stopped_by_nobody_else(store: Store) -> None:
    await _queued(store, 1, [_from(_POSTED, _ADAS)])
    await _queued(store, 2, [_from(_POSTED, Origin())])

    assert await _forbid(store) == ()
    assert await _withdraw(store) == ()
    assert await _withdraw(store, 6, _ADA) == (_id(1),)


@pytest.mark.parametrize("message", [5, _MESSAGE])
async def test_a_forward_ends_with_either_message(store: Store, message: int) -> None:
    await _queued(store, 1, [_from(_FORWARDED)])
    await _put_aside(store, [_from(_FORWARDED)])

    assert await _withdraw(store, message) == (_id(1),)
    assert await _refusal(store, [_from(_FORWARDED)]) == (reason("files-withdrawn", name="a.png"),)
    assert await store.contents_in_use(since_ms=_NOW_MS) == frozenset()


async def test_of_a_tray_only_what_came_another_way_too_keeps_its_bytes(store: Store) -> None:
    await _put_aside(store, [_from(_POSTED, _ADAS), replace(_from(_POSTED), id="c", content="c" * 64)])

    await _withdraw(store)

    both, taken_back = (await store.tray(2, _ADA, now_ms=_NOW_MS)).references
    assert (both.origins, taken_back.origins) == ((_POSTED, _ADAS), (_POSTED,))
    assert await store.contents_in_use(since_ms=_NOW_MS) == {"a" * 64}
    await _put_aside(store, [replace(_from(_POSTED, _CYS), id="d", content="d" * 64)])
    assert len((await store.tray(2, _ADA, now_ms=_NOW_MS)).references) == 3


async def test_bytes_stay_until_their_last_origin_was_taken_back(store: Store) -> None:
    await _draft(store, 1, [_from(_POSTED, _CYS)])
    await _withdraw(store)
    assert await store.contents_in_use(since_ms=_NOW_MS) == {"a" * 64}
    await _withdraw(store, 5, _CY)
    assert await store.contents_in_use(since_ms=_NOW_MS) == frozenset()


async def test_a_file_stands_for_nobody_who_does_not_allow_it_whatever_else_it_is(store: Store) -> None:
    """Its bytes may be used for another's sake; the prompt was read with the mention as that person's picture."""
    meant = replace(_from(_CYS, _avatar_of(_BO)), stands_for=(stands_for_person(_BO), "emoji:5"))
    said = reason("avatar-taken-back", name="a.png")
    assert await _refusal(store, [meant]) == (said,)
    await _allow_avatar(store)
    await _queued(store, 1, [meant])
    working = await _working_on(store, 1)
    await _queued(store, 2, [replace(meant, stands_for=("emoji:5",))])

    assert await store.choose(_BO, _GUILD, Choice(avatar=False), now_ms=_NOW_MS) == (_id(1),)
    with pytest.raises(Refused) as refused:
        await _begin(store, working.takes[0])
    assert refused.value.reasons == (said,)
