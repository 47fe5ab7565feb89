"""From kept clips to a message, or to a word about why there is none."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import MediaFacts
from bot.domain.reasons import reason
from bot.domain.requests import ChannelKind, Place, Snapshot, Undelivered
from bot.domain.states import RequestState
from bot.pipeline.delivering import affordable, hopeless
from bot.pipeline.redeliver import DeliverAgain
from tests.fakes_delivery import make_snapshot, make_take
from tests.fakes_provider import Fault
from tests.fault_points import SHRINKING_POINTS
from tests.pipeline_rig import ADA, CLIP, Defect, Killed, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def rendered(
    rig: Rig, *, takes: int = 1, channel_kind: ChannelKind = ChannelKind.TEXT, upload_limit_bytes: int = 10 << 20
) -> str:
    """A request whose videos are ready at the vendor."""
    request_id = await rig.ask(takes=takes, channel_kind=channel_kind, upload_limit_bytes=upload_limit_bytes)
    await rig.settle()
    for generation_id in rig.provider.started:
        rig.provider.finish(generation_id)
    return request_id


async def test_a_text_channel_gets_a_thread_for_the_result(rig: Rig) -> None:
    request_id = await rendered(rig)
    await rig.look()
    assert (await rig.request(request_id)).thread_id == rig.card.id
    assert [message.channel_id for message in rig.clips] == [rig.card.id]


@pytest.mark.parametrize("kind", [ChannelKind.THREAD, ChannelKind.OTHER])
async def test_other_channels_get_it_where_it_was_asked(rig: Rig, kind: ChannelKind) -> None:
    await rendered(rig, channel_kind=kind)
    await rig.look()
    assert [message.channel_id for message in rig.clips] == [rig.card.channel_id]


async def test_takes_that_do_not_fit_together_come_in_messages_of_their_own(rig: Rig) -> None:
    await rendered(rig, takes=2, upload_limit_bytes=len(CLIP) - 1)
    await rig.look()
    assert [len(message.files) for message in rig.clips] == [1, 1]


async def test_several_takes_with_one_failed_deliver_what_there_is(rig: Rig) -> None:
    request_id = await rig.ask(takes=3)
    await rig.settle()
    first, second, third = rig.provider.started
    rig.provider.finish(first)
    rig.provider.fail(second, "The input image may contain real person")
    await rig.look()
    assert await rig.state(request_id) == "working", "the third is still on its way"
    rig.provider.finish(third)
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert [take.state.value for take in snapshot.takes] == ["fetched", "failed", "fetched"]
    assert snapshot.takes[1].failure == reason("rejected-face")
    assert snapshot.request.state.value == "delivered"
    assert [sorted(message.files) for message in rig.clips] == [[f"{request_id}-1.mp4", f"{request_id}-3.mp4"]]
    assert (rig.notices, rig.staged) == ([], [])


async def test_when_every_take_failed_the_person_is_told_once(rig: Rig) -> None:
    request_id = await rig.ask(takes=2)
    await rig.settle()
    for generation_id in rig.provider.started:
        rig.provider.fail(generation_id, cost_usd_micros=0)
    await rig.go_on()
    rig.engine.wake(request_id)
    await rig.settle()

    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("failed", reason("rejected-content"))
    assert (len(rig.notices), rig.clips, rig.staged) == (1, [], [])
    assert rig.card.shown[-1] == "failed"
    assert await rig.store.open_requests() == ()


async def test_a_word_that_could_not_be_said_is_said_when_discord_is_back(rig: Rig) -> None:
    await rig.ask()
    await rig.settle()
    rig.provider.fail(rig.provider.started[0])
    rig.discord.down = True
    await rig.look()
    await rig.pass_time(60_000)
    assert rig.notices == []
    rig.discord.down = False
    await rig.go_on()
    assert len(rig.notices) == 1


async def test_a_word_that_may_not_be_said_is_not_tried_for_ever(rig: Rig) -> None:
    await rig.ask()
    await rig.settle()
    rig.discord.refusals["notice"] = "delivery-forbidden"
    rig.provider.fail(rig.provider.started[0])
    await rig.go_on()
    assert rig.notices == []
    assert await rig.store.open_requests() == ()


@pytest.mark.parametrize("code", ["delivery-forbidden", "delivery-too-large", "channel-gone", "thread-locked"])
async def test_a_refused_delivery_keeps_the_paid_clip_and_its_reason(rig: Rig, code: str) -> None:
    request_id = await rendered(rig)
    rig.discord.refusals["result-1"] = code
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert (snapshot.request.state.value, snapshot.request.failure) == ("kept", reason(code))
    (clip,) = [take.clip for take in snapshot.takes]
    assert clip is not None
    assert rig.contents.contents[clip] == CLIP
    assert clip in await rig.store.contents_in_use(since_ms=rig.clock() + 10**9), "for as long as it is kept"
    assert (rig.clips, rig.staged) == ([], [])
    assert (rig.card.shown[-1], len(rig.notices)) == ("kept", 1)


async def test_of_several_messages_those_that_may_be_posted_are(rig: Rig) -> None:
    request_id = await rendered(rig, takes=3, upload_limit_bytes=1)
    rig.discord.refusals["result-2"] = "delivery-too-large"
    await rig.look()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("kept", reason("delivery-too-large"))
    assert [message.marker.split()[1] for message in rig.clips] == ["result-1", "result-3"]


async def test_a_clip_whose_bytes_are_gone_is_not_looked_for_for_ever(rig: Rig) -> None:
    request_id = await rendered(rig)
    rig.discord.down = True
    await rig.look()
    rig.contents.contents.clear()
    rig.discord.down = False
    await rig.go_on()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("kept", reason("clip-gone"))


async def test_a_defect_in_delivery_that_stays_keeps_the_clip_for_later(rig: Rig) -> None:
    request_id = await rendered(rig)
    deliver = rig.rooms.courier.deliver

    async def broken(*_args: object) -> None:
        raise Defect

    rig.rooms.courier.deliver = broken  # pyright: ignore[reportAttributeAccessIssue]
    await rig.go_on()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("kept", reason("internal-error"))
    rig.rooms.courier.deliver = deliver  # pyright: ignore[reportAttributeAccessIssue]
    await again(rig, request_id)
    await rig.settle()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


async def test_an_outage_during_delivery_is_waited_out(rig: Rig) -> None:
    request_id = await rendered(rig)
    rig.discord.down = True
    await rig.look()
    await rig.pass_time(60_000)
    assert await rig.state(request_id) == "delivering"
    rig.discord.down = False
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_post_whose_answer_was_lost_is_not_posted_again(rig: Rig, forgotten: bool) -> None:  # noqa: FBT001
    """By the nonce while it lives, by the marker afterwards."""
    request_id = await rendered(rig, channel_kind=ChannelKind.THREAD)
    rig.discord.lost_answers = 1
    await rig.look()
    assert await rig.state(request_id) == "delivering"
    if forgotten:
        rig.discord.forget_nonces()
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


# --- clips that a place does not take for their size ---

SMALL = 100
LARGE_CLIP = CLIP + b"x" * 200
HINT = 50 << 20
MIB = 1 << 20


async def large(rig: Rig, *, takes: int = 1) -> str:
    """The first take's clip is larger than the place takes; the others are not."""
    rig.discord.upload_limit_bytes = SMALL
    request_id = await rig.ask(takes=takes, upload_limit_bytes=SMALL)
    await rig.settle()
    first, *others = rig.provider.started
    rig.provider.finish(first, result=LARGE_CLIP)
    for generation_id in others:
        rig.provider.finish(generation_id)
    return request_id


async def test_a_clip_over_the_limit_arrives_smaller_and_its_original_is_kept(rig: Rig) -> None:
    request_id = await large(rig)
    await rig.look()

    assert [message.files for message in rig.clips] == [{f"{request_id}-1.mp4": LARGE_CLIP[:SMALL]}]
    assert (await rig.state(request_id), rig.notices) == ("delivered", [])
    (take,) = await rig.takes(request_id)
    assert take.clip is not None
    assert rig.contents.contents[take.clip] == LARGE_CLIP
    assert take.clip_facts is not None
    assert take.posted_facts is not None
    assert (take.clip_facts.byte_count, take.posted_facts.byte_count) == (len(LARGE_CLIP), SMALL)


async def test_the_clips_beside_it_keep_their_messages(rig: Rig) -> None:
    await large(rig, takes=3)
    await rig.look()
    sizes = {message.marker.split()[1]: [len(one) for one in message.files.values()] for message in rig.clips}
    assert sizes == {"result-1": [SMALL], "result-2": [len(CLIP)], "result-3": [len(CLIP)]}


@pytest.mark.parametrize("forgotten", [False, True], ids=["nonces live", "nonces forgotten"])
@pytest.mark.parametrize("takes", [1, 2])
async def test_killed_anywhere_a_clip_over_the_limit_arrives_smaller_and_once(
    tmp_path: Path,
    takes: int,
    forgotten: bool,  # noqa: FBT001
) -> None:
    for number in count(1):
        rig = Rig(tmp_path)
        request_id = await large(rig, takes=takes)
        rig.faults.strike(number)
        with suppress(Killed):
            await rig.go_on()
        killed, passed = rig.faults.struck, list(rig.faults.passed)
        if killed:
            if forgotten:
                rig.discord.forget_nonces()
            await rig.restart()
            await rig.go_on()
        assert sorted(len(one) for message in rig.clips for one in message.files.values()) == sorted(
            [SMALL, *[len(CLIP)] * (takes - 1)]
        ), passed
        assert (await rig.state(request_id), rig.notices) == ("delivered", []), passed
        if not killed:
            after = [point for point in passed[passed.index("request.delivering") :] if point != "posted:result-2"]
            assert after == SHRINKING_POINTS, "the list is the way such a clip goes"
            return


async def test_a_clip_that_cannot_be_made_to_fit_is_kept_whole(rig: Rig) -> None:
    request_id = await rendered(rig, upload_limit_bytes=5)
    rig.discord.upload_limit_bytes = 5
    await rig.look()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure and request.failure.code) == ("kept", "delivery-too-large")
    assert (rig.clips, len(rig.notices)) == ([], 1)


async def test_a_clip_that_any_place_takes_is_not_made_smaller_for_being_refused(rig: Rig) -> None:
    request_id = await rendered(rig)
    rig.discord.upload_limit_bytes = 5
    await rig.look()
    (take,) = await rig.takes(request_id)
    assert (await rig.state(request_id), take.shrunk_clip) == ("kept", None)


async def test_what_was_made_smaller_is_not_made_again_when_it_is_delivered_again(rig: Rig) -> None:
    request_id = await large(rig)
    rig.faults.strike("made-smaller", Unavailable(reason("database-unavailable")))
    await rig.look()
    assert rig.faults.struck
    (before,) = await rig.takes(request_id)
    assert rig.contents.contents[before.shrunk_clip or ""] == LARGE_CLIP[:SMALL]
    shrink, made = rig.rooms.clips.shrink, list[int]()

    async def counted(path: Path, into: Path, *, max_bytes: int) -> MediaFacts:
        made.append(max_bytes)
        return await shrink(path, into, max_bytes=max_bytes)

    rig.rooms.clips.shrink = counted  # pyright: ignore[reportAttributeAccessIssue]
    rig.discord.refusals["result-1"] = "delivery-forbidden"
    await rig.go_on()
    assert await rig.state(request_id) == "kept"
    rig.discord.refusals.clear()
    assert await again(rig, request_id) == "delivering"
    await rig.settle()
    assert await rig.state(request_id) == "delivered"
    assert [list(message.files.values()) for message in rig.clips] == [[LARGE_CLIP[:SMALL]]]
    assert made == []
    (after,) = await rig.takes(request_id)
    assert (after.shrunk_clip, after.shrunk_facts) == (before.shrunk_clip, before.shrunk_facts)


async def test_a_media_child_that_does_not_start_is_waited_for(rig: Rig) -> None:
    request_id = await large(rig)
    shrink = rig.rooms.clips.shrink

    async def away(*_args: object, **_limits: object) -> MediaFacts:
        raise Unavailable(reason("storage-unavailable"))

    rig.rooms.clips.shrink = away  # pyright: ignore[reportAttributeAccessIssue]
    await rig.look()
    await rig.pass_time(60_000)
    assert await rig.state(request_id) == "delivering"
    rig.rooms.clips.shrink = shrink  # pyright: ignore[reportAttributeAccessIssue]
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


def holding(*byte_counts: int, hint: int = HINT) -> Snapshot:
    """A request whose clips have so many bytes, where Discord says it takes `hint`."""
    facts = make_take().clip_facts
    assert facts is not None
    takes = [
        make_take(ordinal, clip_facts=replace(facts, byte_count=size)) for ordinal, size in enumerate(byte_counts, 1)
    ]
    place = Place(guild_id=5, channel_id=7, channel_kind=ChannelKind.TEXT, upload_limit_bytes=hint)
    return make_snapshot(RequestState.DELIVERING, *takes, place=place)


@pytest.mark.parametrize(
    ("byte_counts", "hint", "limits"),
    [
        ((60 * MIB,), 50 * MIB, [50 * MIB]),  # less than what the place is said to take
        ((40 * MIB,), 50 * MIB, [10 * MIB]),  # it takes less than is said: then what every place takes
        ((10 * MIB,), 50 * MIB, []),  # every place takes this; it is something else
        ((12 * MIB,), 10 * MIB, [10 * MIB]),
        ((11 * MIB, 4 * MIB), 50 * MIB, [10 * MIB]),
        ((8 * MIB, 8 * MIB, 2 * MIB), 10 * MIB, [10 * MIB // 3, 10 * MIB // 3]),  # each is small, all together are not
    ],
)
def test_how_small_a_refused_clip_has_to_become(byte_counts: tuple[int, ...], hint: int, limits: list[int]) -> None:
    snapshot = holding(*byte_counts, hint=hint)
    together = tuple(take.id for take in snapshot.takes)
    refused = Undelivered(reason=reason("delivery-too-large", size="60 MB"), take_ids=together)
    assert list(affordable(snapshot, [refused]).values()) == limits


def test_only_its_size_makes_a_refused_clip_smaller() -> None:
    snapshot = holding(60 * MIB)
    refused = Undelivered(reason=reason("delivery-forbidden"), take_ids=(snapshot.takes[0].id,))
    assert affordable(snapshot, [refused]) == {}


@pytest.mark.parametrize(
    ("byte_count", "hint", "limits"),
    [
        (24 * MIB, 10 * MIB, []),  # what the place is said to take may be too little
        (26 * MIB, 10 * MIB, [10 * MIB]),
        (45 * MIB, 50 * MIB, []),
        (51 * MIB, 50 * MIB, [50 * MIB]),
    ],
)
def test_what_no_place_takes_is_made_smaller_before_it_is_tried(byte_count: int, hint: int, limits: list[int]) -> None:
    assert list(hopeless(holding(byte_count, hint=hint)).values()) == limits


# --- delivering again ---


async def kept(rig: Rig) -> str:
    request_id = await rendered(rig)
    rig.discord.refusals["result-1"] = "delivery-forbidden"
    await rig.look()
    assert await rig.state(request_id) == "kept"
    return request_id


async def again(rig: Rig, request_id: str, *, person: int = ADA, moderator: bool = False) -> str:
    """The state at once, or the code of the refusal."""
    try:
        snapshot = await DeliverAgain(rig.rooms)(request_id, person_id=person, moderator=moderator)
    except Refused as refused:
        return refused.reason.code
    return snapshot.request.state.value


async def test_what_was_kept_is_delivered_on_demand_without_another_order(rig: Rig) -> None:
    request_id = await kept(rig)
    rig.discord.refusals.clear()
    assert await again(rig, request_id) == "delivering"
    assert (await rig.request(request_id)).failure is None
    await rig.settle()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("delivered", None)
    assert (len(rig.clips), len(rig.provider.started), rig.card.shown[-1]) == (1, 1, "delivered")


async def test_refused_again_it_is_kept_again(rig: Rig) -> None:
    request_id = await kept(rig)
    for _press in range(2):
        assert await again(rig, request_id) == "delivering"
        await rig.settle()
        assert await rig.state(request_id) == "kept"
    assert rig.clips == []


async def test_pressed_twice_at_once_it_is_delivered_once(rig: Rig) -> None:
    request_id = await kept(rig)
    rig.discord.refusals.clear()
    both = await asyncio.gather(again(rig, request_id), again(rig, request_id))
    assert sorted(both) == ["deliver-not-kept", "delivering"]
    await rig.settle()
    assert len(rig.clips) == 1


async def test_only_who_asked_or_a_moderator_may_have_it_delivered_again(rig: Rig) -> None:
    request_id = await kept(rig)
    assert await again(rig, request_id, person=8) == "deliver-not-yours"
    assert await again(rig, request_id, person=8, moderator=True) == "delivering"


async def test_only_what_is_kept_can_be_delivered_again(rig: Rig) -> None:
    request_id = await rendered(rig)
    assert await again(rig, request_id) == "deliver-not-kept"
    await rig.look()
    assert await again(rig, request_id) == "deliver-not-kept"
    assert await again(rig, "0000000000000") == "request-unknown"
    assert len(rig.clips) == 1


# --- the card --------------------------------------------------------------------------------------------------------


async def test_where_no_card_may_be_posted_nothing_is_paid(rig: Rig) -> None:
    rig.discord.refusals["card"] = "delivery-forbidden"
    request_id = await rig.ask()
    await rig.go_on()

    snapshot = await rig.snapshot(request_id)
    assert (snapshot.request.state.value, snapshot.request.failure) == ("failed", reason("card-refused"))
    assert [take.state.value for take in snapshot.takes] == ["cancelled"]
    assert snapshot.known_cost_usd_micros == 0
    assert (rig.provider.started, rig.staged) == ([], [])
    assert await rig.takes_today() == 0


async def test_a_request_that_another_s_start_claimed_is_not_paid_without_its_card_either(rig: Rig) -> None:
    first, second = await rig.ask(), await rig.ask()
    await rig.advance(first)
    assert (await rig.state(second), len(rig.posted("card"))) == ("preparing", 1)
    rig.discord.refusals["card"] = "delivery-forbidden"
    await rig.go_on(1)
    assert (await rig.request(second)).failure == reason("card-refused")
    assert len(rig.provider.started) == 1


async def test_nothing_is_paid_while_the_card_is_not_posted(rig: Rig) -> None:
    rig.discord.down = True
    request_id = await rig.ask()
    await rig.pass_time(60_000)
    assert (await rig.state(request_id), rig.provider.started) == ("queued", [])
    rig.discord.down = False
    await rig.pass_time(60_000)
    assert (await rig.state(request_id), len(rig.provider.started)) == ("working", 1)


async def test_a_card_that_somebody_deleted_does_not_stop_the_request(rig: Rig) -> None:
    request_id = await rendered(rig)
    rig.discord.delete(rig.card.id)
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)
    assert rig.posted("card") == []


# --- publications ----------------------------------------------------------------------------------------------------


async def test_references_are_reachable_while_it_renders_and_no_longer(rig: Rig) -> None:
    await rendered(rig, takes=2)
    assert len(rig.staged) == 2
    await rig.look()
    assert rig.staged == []


async def test_a_take_s_references_are_withdrawn_when_that_take_ends(rig: Rig) -> None:
    await rig.ask(takes=2)
    await rig.settle()
    rig.provider.fail(rig.provider.started[0])
    await rig.look()
    assert len(rig.staged) == 1


async def test_a_withdrawal_that_fails_is_made_up_for_even_by_the_next_process(rig: Rig) -> None:
    request_id = await rendered(rig, channel_kind=ChannelKind.THREAD)
    withdraw = rig.rooms.publisher.withdraw

    async def down(*_args: object) -> None:
        rig.discord.down = True
        rig.discord.check()

    rig.rooms.publisher.withdraw = down  # pyright: ignore[reportAttributeAccessIssue]
    await rig.look()
    rig.rooms.publisher.withdraw = withdraw  # pyright: ignore[reportAttributeAccessIssue]
    rig.discord.down = False
    await rig.restart()
    await rig.go_on()
    assert (await rig.state(request_id), rig.staged, len(rig.clips)) == ("delivered", [], 1)


async def test_links_that_grew_old_in_a_long_wait_are_renewed_before_they_are_sent(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.NOT_STARTED)
    request_id = await rig.ask()
    await rig.settle()
    (before,) = (await rig.takes(request_id))[0].publications
    await rig.pass_time(10_000)

    (sent,) = (await rig.takes(request_id))[0].publications
    assert sent.handle == before.handle, "the message is the same"
    assert rig.provider.bodies[0]["input_images"] != [before.url], "its link is fresh"
    assert str(rig.provider.bodies[0]["input_images"]).split("?")[0][2:] == before.url.split("?")[0]


async def test_an_end_frees_the_place_even_when_the_database_hiccups_just_then(rig: Rig) -> None:
    await rig.limit(running=1)
    await rendered(rig)
    waiting = await rig.ask()
    await rig.settle()
    claim_next = rig.store.claim_next

    async def hiccup_once(*_args: object, **_kwargs: object) -> str | None:
        rig.store.claim_next = claim_next
        raise Unavailable(reason("database-unavailable"))

    rig.store.claim_next = hiccup_once
    await rig.look()
    await rig.pass_time(10_000)
    assert await rig.state(waiting) == "working"
