"""The keeper under a clock that is turned by hand."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from bot.delivery import CardKeeper
from bot.domain.errors import DeliveryRefused, Unavailable
from bot.domain.ports import Courier
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState
from tests.fakes_delivery import NOW_MS, REQUEST_ID, OutboxStore, make_snapshot

S = RequestState
OTHER_ID = "0zzzzzzzzzzzz"


class HandClock:
    """Monotonic seconds that pass only when told to, and sleepers who wake by them."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now + seconds, woken))
        await woken.wait()

    async def turn(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((at for at, _ in self._sleepers if at <= end)):
            self.now = due[0]
            for at, woken in [each for each in self._sleepers if each[0] <= self.now]:
                self._sleepers.remove((at, woken))
                woken.set()
            await settle()
        self.now = end
        await settle()


async def settle() -> None:
    """Lets every task run until it waits."""
    for _ in range(30):
        await asyncio.sleep(0)


class Draughtsman:
    """Notes when which state was drawn. An edit takes `edit_seconds`; `troubles` are raised first, in turn."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.drawn: list[tuple[float, str, str]] = []
        self.troubles: list[Exception] = []
        self.edit_seconds = 0.0
        self.in_flight: dict[str, int] = {}
        self.most_in_flight = 0

    async def show_card(self, snapshot: Snapshot) -> None:
        request = snapshot.request
        self.in_flight[request.id] = self.in_flight.get(request.id, 0) + 1
        self.most_in_flight = max(self.most_in_flight, *self.in_flight.values())
        try:
            if self.edit_seconds:
                await self.clock.sleep(self.edit_seconds)
            if self.troubles:
                raise self.troubles.pop(0)
            self.drawn.append((self.clock.now, request.id, request.state.value))
        finally:
            self.in_flight[request.id] -= 1

    @property
    def states(self) -> list[str]:
        return [state for _, _, state in self.drawn]

    @property
    def times(self) -> list[float]:
        return [at for at, _, _ in self.drawn]


class Scene:
    """A keeper with everything it needs."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.draughtsman = Draughtsman(self.clock)
        self.store = OutboxStore()
        self.reported: list[Exception] = []
        self.keeper = CardKeeper(
            self.store.as_store(),
            cast("Courier", self.draughtsman),
            lambda _, trouble: self.reported.append(trouble),
            self.clock.monotonic,
            interval_seconds=2.0,
            sleep=self.clock.sleep,
        )

    async def card_posted(self, request_id: str = REQUEST_ID) -> None:
        await self.store.intend_post(request_id, "card", 7, now_ms=NOW_MS)
        await self.store.record_post(request_id, "card", message_id=1, shown=None)

    async def change(self, state: RequestState, request_id: str = REQUEST_ID) -> None:
        self.store.snapshots[request_id] = make_snapshot(state, id=request_id)
        await self.card_posted(request_id)
        self.keeper.changed(request_id)
        await settle()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as owner:
            run = owner.create_task(self.keeper.run())
            await settle()
            yield
            run.cancel()


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_two_quick_changes_are_drawn_two_seconds_apart_and_the_last_state_wins(scene: Scene) -> None:
    async with scene.running():
        for state in (S.QUEUED, S.PREPARING, S.WORKING, S.DELIVERING):
            await scene.change(state)
        await scene.clock.turn(1.9)
        assert scene.draughtsman.states == ["queued"]
        await scene.clock.turn(10)

    assert scene.draughtsman.states == ["queued", "delivering"]
    assert scene.draughtsman.times == [100.0, 102.0]


async def test_the_rest_begins_when_the_edit_has_ended_and_edits_never_overlap(scene: Scene) -> None:
    scene.draughtsman.edit_seconds = 5.0
    async with scene.running():
        await scene.change(S.QUEUED)
        await scene.clock.turn(3)
        await scene.change(S.PREPARING)
        await scene.clock.turn(30)

    assert scene.draughtsman.times == [105.0, 112.0]
    assert scene.draughtsman.most_in_flight == 1


async def test_a_change_after_a_while_is_drawn_at_once_and_one_too_soon_is_not(scene: Scene) -> None:
    async with scene.running():
        await scene.change(S.QUEUED)
        await scene.clock.turn(60)
        await scene.change(S.PREPARING)
        await scene.clock.turn(1)
        await scene.change(S.WORKING)
        await scene.clock.turn(60)

    assert scene.draughtsman.times == [100.0, 160.0, 162.0]


async def test_one_cards_slowness_does_not_hold_up_another(scene: Scene) -> None:
    scene.draughtsman.edit_seconds = 5.0
    async with scene.running():
        await scene.change(S.QUEUED)
        await scene.change(S.QUEUED, OTHER_ID)
        await scene.clock.turn(5)

    assert scene.draughtsman.times == [105.0, 105.0]


async def test_a_discord_that_is_down_is_tried_again_ever_more_rarely(scene: Scene) -> None:
    down = Unavailable(reason("discord-unavailable"))
    scene.draughtsman.troubles = [down, down]
    async with scene.running():
        await scene.change(S.QUEUED)
        await scene.clock.turn(60)

    assert scene.draughtsman.times == [112.0]  # after 4 and then 8 seconds
    assert scene.reported == [down, down]


@pytest.mark.parametrize("trouble", [DeliveryRefused(reason("delivery-forbidden")), ValueError("defect")])
async def test_what_will_not_mend_itself_is_reported_and_not_repeated(scene: Scene, trouble: Exception) -> None:
    scene.draughtsman.troubles = [trouble]
    async with scene.running():
        await scene.change(S.QUEUED)
        await scene.clock.turn(600)
        assert scene.draughtsman.drawn == []
        await scene.change(S.PREPARING)

    assert scene.reported == [trouble]
    assert scene.draughtsman.states == ["preparing"]


async def test_a_request_that_is_not_known_is_passed_over(scene: Scene) -> None:
    async with scene.running():
        scene.keeper.changed("nobody")
        await settle()

    assert scene.reported == []


@pytest.mark.parametrize("intended", [False, True])
async def test_a_card_that_is_not_posted_yet_is_left_to_the_requests_own_steps(scene: Scene, *, intended: bool) -> None:
    scene.store.snapshots[REQUEST_ID] = make_snapshot(S.QUEUED)
    if intended:
        await scene.store.intend_post(REQUEST_ID, "card", 7, now_ms=NOW_MS)
    async with scene.running():
        scene.keeper.changed(REQUEST_ID)
        await settle()
        await scene.clock.turn(600)
        assert scene.draughtsman.drawn == []
        await scene.card_posted()
        scene.keeper.changed(REQUEST_ID)
        await settle()

    assert scene.draughtsman.states == ["queued"]
    assert scene.reported == []


async def test_at_shutdown_what_is_owed_is_drawn(scene: Scene) -> None:
    async with scene.running():
        await scene.change(S.QUEUED)
        await scene.change(S.DELIVERED)
    assert scene.draughtsman.states == ["queued"]

    async with asyncio.TaskGroup() as owner:
        owner.create_task(scene.keeper.flush())
        await settle()
        await scene.clock.turn(2)

    assert scene.draughtsman.states == ["queued", "delivered"]


async def test_an_edit_cut_off_by_the_shutdown_is_made_up_for(scene: Scene) -> None:
    scene.draughtsman.edit_seconds = 5.0
    async with scene.running():
        await scene.change(S.DELIVERED)
    assert scene.draughtsman.drawn == []

    scene.draughtsman.edit_seconds = 0.0
    async with asyncio.TaskGroup() as owner:
        owner.create_task(scene.keeper.flush())
        await settle()
        await scene.clock.turn(2)

    assert scene.draughtsman.states == ["delivered"]


async def test_a_card_at_rest_leaves_nothing_behind(scene: Scene) -> None:
    async with scene.running():
        for number in range(5):
            await scene.change(S.QUEUED, f"{number:013}")
        await scene.clock.turn(5)

        assert not any(re.search(r"\b0{12}[0-4]\b", repr(value)) for value in vars(scene.keeper).values())


async def test_a_flush_with_nothing_owed_does_nothing(scene: Scene) -> None:
    await scene.keeper.flush()

    assert scene.draughtsman.drawn == []
