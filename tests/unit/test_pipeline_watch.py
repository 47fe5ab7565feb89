"""One look for all: what the watcher asks the vendor, and what it makes of the answers."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.errors import Unavailable
from bot.domain.generations import Generation
from bot.domain.reasons import reason
from bot.pipeline.watch import Watch
from tests.pipeline_rig import DEADLINE_MS, GUILD, SETTLE_LOOKS, SETTLE_MS, WATCH_MS, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


LATE_MS = 5 * 60_000


async def rendering(rig: Rig, *, takes: int = 1, guild: int = GUILD) -> tuple[str, str]:
    """A request and its generation, under way."""
    request_id = await rig.ask(takes=takes, guild=guild)
    await rig.settle()
    return request_id, rig.provider.started[-1]


async def test_nothing_is_asked_while_nothing_renders(rig: Rig) -> None:
    await rig.look()
    assert rig.provider.asked == []


async def test_one_look_is_one_call_however_many_render(rig: Rig) -> None:
    for number in range(4):
        await rendering(rig, takes=4, guild=number)
    rig.provider.asked.clear()
    await rig.look()
    assert rig.provider.asked == ["active"]


async def test_only_what_left_the_list_is_looked_at_and_only_its_request_is_woken(rig: Rig) -> None:
    done, generation_id = await rendering(rig)
    going, _ = await rendering(rig)
    rig.provider.asked.clear()
    rig.provider.finish(generation_id)
    await rig.watch.look()
    assert rig.provider.asked == ["active", "look"]
    assert list(rig.engine.due) == [done]
    await rig.settle()
    assert [await rig.state(each) for each in (done, going)] == ["delivered", "working"]


async def test_a_look_that_learns_nothing_writes_nothing(rig: Rig) -> None:
    request_id, _ = await rendering(rig)
    await rig.look()
    before = await rig.snapshot(request_id)
    rig.cards.owed.clear()
    await rig.watch.look()
    assert await rig.snapshot(request_id) == before
    assert (rig.engine.due, rig.cards.owed) == ({}, {})


async def test_two_looks_at_once_write_once(rig: Rig) -> None:
    """As when a lease is passed on while its old holder still looks."""
    request_id, generation_id = await rendering(rig)
    rig.provider.finish(generation_id)
    version = (await rig.takes(request_id))[0].version
    await asyncio.gather(rig.watch.look(), rig.watch.look())
    assert (await rig.takes(request_id))[0].version == version + 1
    await rig.settle()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


# --- doubts ----------------------------------------------------------------------------------------------------------


async def test_a_paid_generation_is_given_up_only_after_several_answers_that_it_is_missing(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    rig.provider.forget(generation_id)
    for _look in range(SETTLE_LOOKS - 1):
        await rig.look()
        assert await rig.take_states(request_id) == ["rendering"]
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert (snapshot.request.state.value, snapshot.request.failure) == ("failed", reason("vendor-lost"))
    assert snapshot.known_cost_usd_micros is None, "nobody knows what it cost"
    assert len(rig.provider.started) == 1


async def test_a_generation_that_is_listed_again_clears_the_doubt(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    row = rig.provider.rows[generation_id]
    for _round in range(3):
        rig.provider.forget(generation_id)
        for _look in range(SETTLE_LOOKS - 1):
            await rig.look()
        rig.provider.rows[generation_id] = row
        await rig.look()
    assert await rig.take_states(request_id) == ["rendering"]


async def test_done_without_a_video_is_looked_at_again_before_it_is_given_up(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    rig.provider.finish(generation_id, with_url=False, cost_usd_micros=484_000)
    for _look in range(SETTLE_LOOKS - 1):
        await rig.look()
        assert await rig.take_states(request_id) == ["rendering"]
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.failure == reason("result-missing")
    assert snapshot.known_cost_usd_micros == 484_000


async def test_a_video_that_comes_late_is_delivered(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    rig.provider.finish(generation_id, with_url=False)
    await rig.look()
    rig.provider.finish(generation_id)
    await rig.look()
    assert await rig.state(request_id) == "delivered"


async def test_an_outage_of_the_vendor_is_no_doubt(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    rig.provider.down = True
    await rig.go_on(20)
    assert await rig.take_states(request_id) == ["rendering"]
    rig.provider.down = False
    rig.provider.finish(generation_id)
    await rig.look()
    assert await rig.state(request_id) == "delivered"


async def test_a_generation_that_cannot_be_looked_at_does_not_hide_the_others(rig: Rig) -> None:
    hidden, first = await rendering(rig)
    seen, second = await rendering(rig)
    rig.provider.finish(first)
    rig.provider.finish(second)
    look = rig.provider.look

    async def not_the_first(generation_id: str) -> Generation:
        if generation_id == first:
            raise Unavailable(reason("vendor-strange"))
        return await look(generation_id)

    rig.provider.look = not_the_first
    await rig.look()
    assert [await rig.state(each) for each in (hidden, seen)] == ["working", "delivered"]


# --- the deadline ----------------------------------------------------------------------------------------------------


async def test_what_takes_too_long_is_stopped_at_the_vendor_and_says_so(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    await rig.pass_time(DEADLINE_MS)
    await rig.look()
    assert rig.provider.cancels == []
    await rig.pass_time(WATCH_MS)
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert rig.provider.cancels == [generation_id]
    assert snapshot.request.state.value == "failed"
    assert snapshot.request.failure == reason("deadline-passed", minutes=45)
    assert snapshot.known_cost_usd_micros == 0
    assert (len(rig.notices), rig.staged) == (1, [])


async def test_what_was_finished_just_before_it_was_stopped_is_delivered(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    await rig.pass_time(DEADLINE_MS + WATCH_MS)
    rig.provider.finish(generation_id)
    await rig.look()
    assert await rig.state(request_id) == "delivered"


async def test_a_vendor_that_will_not_stop_is_asked_a_bounded_time_and_the_cost_stays_unknown(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    rig.provider.ignores_cancel = True
    await rig.pass_time(DEADLINE_MS + WATCH_MS)
    await rig.look()
    assert await rig.state(request_id) == "working"
    await rig.pass_time((SETTLE_LOOKS + 1) * SETTLE_MS)
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.failure == reason("deadline-not-stopped", minutes=45)
    assert snapshot.known_cost_usd_micros is None
    assert set(rig.provider.cancels) == {generation_id}


# --- one watcher -----------------------------------------------------------------------------------------------------


async def test_a_process_without_the_lease_does_not_call_the_vendor(rig: Rig) -> None:
    await rendering(rig)
    await rig.look()
    rig.provider.asked.clear()
    await Watch(rig.rooms, holder="another").look()
    assert rig.provider.asked == []


async def test_the_watch_passes_on_when_its_holder_stops_looking(rig: Rig) -> None:
    request_id, generation_id = await rendering(rig)
    await rig.look()
    rig.provider.finish(generation_id)
    await rig.pass_time(6 * WATCH_MS)
    await Watch(rig.rooms, holder="another").look()
    await rig.settle()
    assert await rig.state(request_id) == "delivered"
    rig.provider.asked.clear()
    await rig.watch.look()
    assert rig.provider.asked == []


async def test_a_holder_that_keeps_looking_keeps_the_watch(rig: Rig) -> None:
    await rendering(rig)
    another = Watch(rig.rooms, holder="another")
    for _round in range(20):
        await rig.look()
        await rig.pass_time(WATCH_MS)
        rig.provider.asked.clear()
        await another.look()
        assert rig.provider.asked == []


# --- costs that come late --------------------------------------------------------------------------------------------


async def given_up(rig: Rig) -> tuple[str, str]:
    """A request whose take ended while the vendor did not say what it cost."""
    request_id, generation_id = await rendering(rig)
    row = rig.provider.rows[generation_id]
    rig.provider.forget(generation_id)
    for _look in range(SETTLE_LOOKS):
        await rig.look()
    rig.provider.rows[generation_id] = row
    return request_id, generation_id


async def test_a_cost_that_comes_late_is_booked_and_shown(rig: Rig) -> None:
    request_id, generation_id = await given_up(rig)
    assert (await rig.snapshot(request_id)).bill.held_usd_micros > 0
    await rig.pass_time(LATE_MS)
    await rig.look()
    assert (await rig.snapshot(request_id)).known_cost_usd_micros is None, "it goes on at the vendor"

    rig.provider.finish(generation_id, cost_usd_micros=484_000)
    await rig.look()
    assert (await rig.snapshot(request_id)).known_cost_usd_micros is None, "it is not asked at every look"
    await rig.pass_time(LATE_MS)
    rig.cards.owed.clear()
    await rig.watch.look()

    snapshot = await rig.snapshot(request_id)
    assert (snapshot.request.state.value, snapshot.known_cost_usd_micros) == ("failed", 484_000)
    assert snapshot.bill.spent_usd_micros == 484_000
    assert (await rig.overview.quotas(GUILD, snapshot.request.person)).usage.month.held_usd_micros == 0
    assert list(rig.cards.owed) == [request_id]
    await rig.pass_time(LATE_MS)
    rig.provider.asked.clear()
    await rig.look()
    assert rig.provider.asked == [], "what is booked is not asked for again"


async def test_costs_that_never_come_are_asked_for_a_few_at_a_time_and_hide_no_other(rig: Rig) -> None:
    started = [(await given_up(rig))[1] for _ in range(25)]
    for generation_id in started[:-1]:
        rig.provider.forget(generation_id)
    rig.provider.finish(started[-1], cost_usd_micros=1)
    for _round in range(2):
        await rig.pass_time(LATE_MS)
        rig.provider.asked.clear()
        await rig.look()
        assert len(rig.provider.asked) == 20
    spent = [(await rig.snapshot(each.id)).known_cost_usd_micros for each in await rig.every_request()]
    assert spent.count(1) == 1
