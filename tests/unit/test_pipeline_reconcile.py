"""With several processes: what one left between its commit and its wake is found, and nothing else is disturbed."""

from collections.abc import Collection
from pathlib import Path

import pytest

from bot.pipeline.reconcile import Reconcile
from tests.pipeline_rig import ADA, Rig

LOOK_MS = 15_000


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, max_running=2)


def reconciler(rig: Rig, holder: str = "one", carried: Collection[str] = ()) -> Reconcile:
    async def in_hand() -> Collection[str]:
        return {*rig.engine.due, *carried}

    return Reconcile(rig.rooms, rig.dispatch, in_hand, holder=holder)


def lose_the_wakes(rig: Rig) -> None:
    rig.engine.due.clear()


async def looks(rig: Rig, reconcile: Reconcile, times: int) -> list[str]:
    """Who is woken by that many looks, one after another."""
    for _look in range(times):
        await reconcile.look()
        rig.clock.now_ms += LOOK_MS
    return list(rig.engine.due)


async def test_a_claimed_request_that_nobody_carries_is_woken_at_the_second_look(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.dispatch()
    lose_the_wakes(rig)
    reconcile = reconciler(rig)
    assert await looks(rig, reconcile, 1) == [], "whoever claimed it may be about to hand it over"
    assert await looks(rig, reconcile, 1) == [request_id]
    await rig.settle()
    assert await rig.state(request_id) == "working"


async def test_what_the_engine_has_in_hand_is_left_to_it(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.dispatch()
    lose_the_wakes(rig)
    assert await looks(rig, reconciler(rig, carried=[request_id]), 4) == []


async def test_who_waits_in_line_is_claimed_in_turn_and_not_stirred_up(rig: Rig) -> None:
    asked = [await rig.ask() for _ in range(5)]
    lose_the_wakes(rig)
    reconcile = reconciler(rig)
    assert sorted(await looks(rig, reconcile, 1)) == asked[:2], "there are two places"
    await rig.settle()
    lose_the_wakes(rig)
    assert await looks(rig, reconcile, 3) == []


async def test_a_request_that_renders_is_left_to_the_watcher(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    assert await rig.state(request_id) == "working"
    lose_the_wakes(rig)
    assert await looks(rig, reconciler(rig), 3) == []


async def test_one_that_waits_in_line_and_was_cancelled_is_woken(rig: Rig) -> None:
    await rig.limit(running=1)
    _first, waiting = await rig.ask(), await rig.ask()
    await rig.settle()
    await rig.cancel(waiting, person_id=ADA, moderator=False)
    lose_the_wakes(rig)
    woken = await looks(rig, reconciler(rig), 2)
    assert woken == [waiting]
    await rig.settle()
    assert await rig.state(waiting) == "cancelled"


async def test_a_new_draft_is_its_gateway_s_for_five_minutes(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png")
    draft = await rig.store.create_draft("0000000000001", wish, now_ms=rig.clock())
    reconcile = reconciler(rig)
    assert await looks(rig, reconcile, 20) == []
    assert await looks(rig, reconcile, 2) == [draft.request.id]


async def test_one_process_at_a_time_looks(rig: Rig) -> None:
    await rig.ask()
    await rig.dispatch()
    lose_the_wakes(rig)
    one, other = reconciler(rig, "one"), reconciler(rig, "other")
    await one.look()
    assert await looks(rig, other, 2) == []
    assert await looks(rig, one, 1) != []


async def test_when_the_one_that_looked_is_gone_another_looks(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.dispatch()
    lose_the_wakes(rig)
    await reconciler(rig, "one").look()
    assert await looks(rig, reconciler(rig, "other"), 6) == [request_id]
