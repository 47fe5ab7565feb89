"""Cancelling is a wish: what it comes to depends on how far the request is, and on what the vendor says."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.reasons import reason
from bot.domain.requests import Request
from tests.fakes_provider import Fault
from tests.pipeline_rig import ADA, SETTLE_LOOKS, SETTLE_MS, WATCH_MS, Rig

BOB = 8


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def refused(rig: Rig, request_id: str, *, person: int = ADA) -> str:
    with pytest.raises(Refused) as caught:
        await rig.cancel(request_id, person_id=person, moderator=False)
    return caught.value.reason.code


async def cancel(rig: Rig, request_id: str) -> str:
    """The state that the person reads at once."""
    return (await rig.cancel(request_id, person_id=ADA, moderator=False)).request.state.value


async def waiting(rig: Rig) -> str:
    """A request behind another one."""
    await rig.limit(running=1)
    await rig.ask()
    request_id = await rig.ask()
    await rig.settle()
    assert await rig.state(request_id) == "queued"
    return request_id


async def rendering(rig: Rig, *, takes: int = 1) -> str:
    request_id = await rig.ask(takes=takes)
    await rig.settle()
    assert await rig.state(request_id) == "working"
    return request_id


async def test_a_queued_request_ends_at_once_and_gives_its_quota_back(rig: Rig) -> None:
    request_id = await waiting(rig)
    assert await cancel(rig, request_id) == "cancelled"
    await rig.go_on(3)

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.failure == reason("cancelled", person=ADA)
    assert [take.state.value for take in snapshot.takes] == ["cancelled"]
    assert snapshot.known_cost_usd_micros == 0
    assert len(rig.provider.started) == 1, "the other one's"
    assert await rig.takes_today() == 1
    assert rig.notices == [], "who cancels knows"


async def test_cancelled_just_as_it_is_claimed_it_ends_before_it_is_paid(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.store.claim_next(max_running=8, now_ms=rig.clock())
    assert await cancel(rig, request_id) == "preparing"
    await rig.settle()
    assert await rig.state(request_id) == "cancelled"
    assert rig.provider.started == []


async def test_cancelled_while_it_waits_to_be_ordered_again_it_is_not(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.NOT_STARTED)
    request_id = await rendering(rig)
    await cancel(rig, request_id)
    await rig.go_on(3)
    assert (await rig.state(request_id), rig.provider.started) == ("cancelled", [])
    assert (await rig.snapshot(request_id)).known_cost_usd_micros == 0


async def test_a_rendering_take_is_stopped_at_the_vendor_and_costs_what_the_vendor_says(rig: Rig) -> None:
    request_id = await rendering(rig)
    assert await cancel(rig, request_id) == "working"
    await rig.settle()

    snapshot = await rig.snapshot(request_id)
    assert rig.provider.cancels == rig.provider.started
    assert snapshot.request.state.value == "cancelled"
    assert snapshot.takes[0].failure == reason("cancelled", person=ADA)
    assert snapshot.known_cost_usd_micros == 0
    assert (rig.clips, rig.staged, rig.card.shown[-1]) == ([], [], "cancelled")


async def test_too_late_to_stop_it_is_delivered(rig: Rig) -> None:
    rig.provider.ignores_cancel = True
    request_id = await rendering(rig)
    await cancel(rig, request_id)
    await rig.pass_time(SETTLE_MS)
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on(5)
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


async def test_what_was_finished_when_the_wish_came_is_delivered(rig: Rig) -> None:
    request_id = await rendering(rig)
    rig.provider.finish(rig.provider.started[0])
    await cancel(rig, request_id)
    await rig.settle()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


async def test_of_several_takes_what_is_there_is_delivered_and_the_rest_stopped(rig: Rig) -> None:
    request_id = await rendering(rig, takes=2)
    rig.provider.finish(rig.provider.started[0])
    await cancel(rig, request_id)
    await rig.settle()
    assert await rig.take_states(request_id) == ["fetched", "cancelled"]
    assert [len(message.files) for message in rig.clips] == [1]


async def test_the_vendor_s_outage_does_not_lose_the_wish(rig: Rig) -> None:
    request_id = await rendering(rig)
    rig.provider.down = True
    await cancel(rig, request_id)
    await rig.pass_time(WATCH_MS)
    await rig.restart()
    await rig.settle()
    assert await rig.state(request_id) == "working"
    rig.provider.down = False
    await rig.go_on(5)
    assert await rig.state(request_id) == "cancelled"


async def test_an_order_of_unknown_fate_is_looked_for_before_it_is_cancelled(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rendering(rig)
    await cancel(rig, request_id)
    await rig.pass_time(SETTLE_MS)
    assert rig.provider.cancels == rig.provider.started
    assert await rig.state(request_id) == "cancelled"


async def test_an_order_that_never_arrived_is_not_sent_again_for_a_cancelled_request(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_BEFORE)
    request_id = await rendering(rig)
    await cancel(rig, request_id)
    await rig.pass_time(2 * SETTLE_LOOKS * SETTLE_MS)
    assert (await rig.state(request_id), rig.provider.started) == ("cancelled", [])


async def test_what_waits_for_its_operator_is_stopped_as_soon_as_it_can_be_told(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rig.ask_in_words()
    await rig.settle()
    another = await rig.provider.submit(rig.provider.bodies[0])
    await rig.pass_time(SETTLE_MS)
    assert await rig.take_states(request_id) == ["needs_review"]
    await cancel(rig, request_id)
    rig.provider.forget(another)
    await rig.pass_time(15 * 60_000)
    assert (await rig.state(request_id), rig.provider.cancels) == ("cancelled", [rig.provider.started[0]])


# --- who, and when ---------------------------------------------------------------------------------------------------


async def test_others_may_not(rig: Rig) -> None:
    request_id = await rendering(rig)
    assert await refused(rig, request_id, person=BOB) == "cancel-not-yours"
    await rig.settle()
    assert rig.provider.cancels == []
    assert (await rig.request(request_id)).cancel_requested_by is None


async def test_a_moderator_may_and_is_named(rig: Rig) -> None:
    request_id = await rendering(rig)
    await rig.cancel(request_id, person_id=BOB, moderator=True)
    await rig.settle()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("cancelled", reason("cancelled", person=BOB))


async def test_an_unknown_request_is_said_to_be_unknown(rig: Rig) -> None:
    assert await refused(rig, "0000000000000") == "request-unknown"


async def test_over_is_over(rig: Rig) -> None:
    rig.provider.finishes_at_once = True
    request_id = await rig.ask()
    await rig.go_on()
    before = await rig.snapshot(request_id)
    assert await refused(rig, request_id) == "cancel-too-late"
    assert await rig.snapshot(request_id) == before


async def test_what_is_being_delivered_is_too_late(rig: Rig) -> None:
    request_id = await rendering(rig)
    rig.provider.finish(rig.provider.started[0])
    rig.discord.down = True
    await rig.look()
    assert await rig.state(request_id) == "delivering"
    assert await refused(rig, request_id) == "cancel-delivering"


async def test_a_click_too_many_changes_nothing(rig: Rig) -> None:
    request_id = await rendering(rig)
    both = await asyncio.gather(cancel(rig, request_id), cancel(rig, request_id))
    assert both == ["working", "working"]
    await rig.settle()
    assert await rig.state(request_id) == "cancelled"
    assert await refused(rig, request_id) == "cancel-too-late"


async def test_a_row_that_moves_meanwhile_does_not_lose_the_wish(rig: Rig) -> None:
    """The dispatcher claims it between our look and our move."""
    request_id = await waiting(rig)
    move = rig.store.move

    async def claimed_just_before(*args: object, **changes: object) -> object:
        rig.store.move = move
        await rig.limit(running=2)
        return await move(*args, **changes)  # pyright: ignore[reportArgumentType]

    rig.store.move = claimed_just_before  # pyright: ignore[reportAttributeAccessIssue]
    assert await cancel(rig, request_id) == "preparing"
    await rig.settle()
    assert (await rig.state(request_id), len(rig.provider.started)) == ("cancelled", 1)


async def test_a_wish_that_was_not_stored_is_not_said_to_be(rig: Rig) -> None:
    request_id = await rendering(rig)

    async def always_late(*_args: object, **_changes: object) -> Request:
        raise Stale(reason("internal-error"))

    rig.store.move = always_late
    with pytest.raises(Unavailable):
        await cancel(rig, request_id)
    assert (await rig.request(request_id)).cancel_requested_by is None
