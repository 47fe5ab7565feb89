"""Who is next, and how many at once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.fakes_provider import Fault
from tests.pipeline_rig import SETTLE_MS, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, max_running=3)


async def running(rig: Rig) -> Counter[int]:
    """Requests under way by guild."""
    return Counter(each.place.guild_id for each in await rig.every_request() if each.state.value == "working")


async def place(rig: Rig, request_id: str) -> int | None:
    """Where it stands in its line."""
    standing = (await rig.snapshot(request_id)).standing
    return None if standing is None else standing.place


async def test_a_guild_s_limit_holds_and_the_next_starts_when_one_ends(rig: Rig) -> None:
    await rig.limit(running=2)
    asked = [await rig.ask() for _ in range(4)]
    await rig.settle()
    assert [await rig.state(each) for each in asked] == ["working", "working", "queued", "queued"]

    await rig.finish(asked[1])
    assert [await rig.state(each) for each in asked] == ["working", "delivered", "working", "queued"]


async def test_the_bot_s_limit_holds_over_all_guilds_and_each_gets_its_share(rig: Rig) -> None:
    for _ in range(3):
        await rig.ask(guild=1)
    for guild in (2, 3):
        await rig.ask(guild=guild)
    await rig.settle()
    assert await running(rig) == {1: 1, 2: 1, 3: 1}


async def test_a_flood_is_worked_off_in_order_and_never_over_the_limits(rig: Rig) -> None:
    for guild in (1, 2):
        await rig.limit(guild=guild, running=2)
    asked = [await rig.ask(guild=1) for _ in range(8)]
    others = [await rig.ask(guild=2) for _ in range(4)]
    ended = list[str]()
    await rig.settle()
    while len(ended) < 12:
        counts = await running(rig)
        assert max(counts.values()) <= 2
        assert counts.total() <= 3
        oldest = next(each.id for each in await rig.every_request() if each.state.value == "working")
        await rig.finish(oldest)
        ended.append(oldest)
    assert [each for each in ended if each in asked] == asked
    assert [each for each in ended if each in others] == others


@pytest.mark.parametrize("how", ["failed", "cancelled", "kept"])
async def test_however_a_request_ends_the_next_one_starts(rig: Rig, how: str) -> None:
    await rig.limit(running=1)
    first, second = await rig.ask(), await rig.ask()
    await rig.settle()
    if how == "failed":
        rig.provider.fail(rig.provider.started[0])
    elif how == "cancelled":
        await rig.cancel(first, person_id=7, moderator=False)
    else:
        rig.discord.refusals["result-1"] = "delivery-forbidden"
        rig.provider.finish(rig.provider.started[0])
    await rig.look()
    assert [await rig.state(first), await rig.state(second)] == [how, "working"]


async def test_what_waits_for_its_operator_holds_no_place(rig: Rig) -> None:
    await rig.limit(running=1)
    rig.provider.fail_submits(Fault.LOST_AFTER)
    stuck, second = await rig.ask_in_words(), await rig.ask()
    await rig.settle()
    await rig.provider.submit(rig.provider.bodies[0])
    await rig.pass_time(SETTLE_MS)
    assert await rig.take_states(stuck) == ["needs_review"]
    assert await rig.state(second) == "working"


async def test_those_who_wait_see_their_place_move_up(rig: Rig) -> None:
    await rig.limit(running=1)
    asked = [await rig.ask() for _ in range(4)]
    await rig.settle()
    assert [await place(rig, each) for each in asked] == [None, 1, 2, 3]
    rig.provider.finish(rig.provider.started[0])
    await rig.watch.look()
    rig.cards.owed.clear()
    assert await rig.advance(asked[0]) is None
    assert set(asked[2:]) <= set(rig.cards.owed)
    assert await place(rig, asked[3]) == 2


async def test_a_full_house_is_left_alone(rig: Rig) -> None:
    await rig.limit(running=1)
    await rig.ask()
    await rig.ask()
    await rig.settle()
    await rig.dispatch()
    await rig.dispatch()
    assert rig.engine.due == {}
    assert (await running(rig)).total() == 1
