"""The machine's clock jumps an hour between any two steps: nothing is lost, nothing is paid or posted twice."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import pytest

from tests.fakes_provider import Fault
from tests.pipeline_rig import WATCH_MS, OpenStore, Rig
from tests.stores import Store, sqlite

HOUR_MS: Final = 3_600_000
MOST_STEPS: Final = 60
STEPS: Final = 7
JUMPS: Final = {"forward": HOUR_MS, "back": -HOUR_MS}
STORIES: Final[dict[str, tuple[tuple[str, ...], tuple[Fault, ...], bool]]] = {
    "undisturbed": (("hero.png",), (), False),
    "an answer lost after acceptance": (("hero.png",), (Fault.LOST_AFTER,), False),
    "not started at first": (("hero.png",), (Fault.NOT_STARTED,), False),
    # Without files nothing but the time tells it from an earlier one of the same words: where the clocks disagree, it
    # is left to a person, and never ordered again.
    "words, and an answer lost after acceptance": ((), (Fault.LOST_AFTER,), True),
}


class Jumper(Rig):
    """A rig over the real tables, whose vendor has a clock of its own."""

    def __init__(self, scratch: Path, store: Store) -> None:
        super().__init__(scratch)
        self.ahead_ms = 0
        self.store = cast("OpenStore", store)
        self.provider.clock = lambda: self.clock() - self.ahead_ms
        self.provider.finishes_at_once = True
        self._start("over the tables")

    def jump(self, by_ms: int) -> None:
        """Our clock alone; timers do not follow it."""
        self.clock.now_ms += by_ms
        self.ahead_ms += by_ms
        self.engine.due = {request_id: at_ms + by_ms for request_id, at_ms in self.engine.due.items()}

    async def one_step(self) -> bool:
        """Carries one request that is due; false when none is."""
        due = self.engine.take_due()
        if due is not None:
            await self._carry(due)
        return due is not None


@asynccontextmanager
async def jumper(folder: Path) -> AsyncGenerator[Jumper]:
    async with sqlite(folder) as store:
        yield Jumper(folder, store)


async def to_the_end(rig: Jumper, files: tuple[str, ...], *, jump_at: int, by_ms: int) -> str:
    """One request, a step at a time; the clock jumps before that step. Answers its id."""
    if jump_at == 0:
        rig.jump(by_ms)
    request_id = (await rig.submit(rig.wish("@Image1 waves" if files else "a paper boat", *files))).request.id
    for number in range(1, MOST_STEPS):
        if number == jump_at:
            rig.jump(by_ms)
        if not await rig.one_step():
            await rig.pass_time(HOUR_MS // 6 if number > jump_at else WATCH_MS)
            await rig.look()
        if not await rig.store.open_requests() or await rig.take_states(request_id) == ["needs_review"]:
            break
    return request_id


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("direction", JUMPS)
async def test_a_clock_that_jumps_between_any_two_steps_loses_nothing_and_pays_nothing_twice(
    tmp_path: Path, direction: str, story: str
) -> None:
    files, faults, may_be_parked = STORIES[story]
    for jump_at in range(STEPS):
        folder = tmp_path / str(jump_at)
        folder.mkdir()
        async with jumper(folder) as rig:
            rig.provider.fail_submits(*faults)
            request_id = await to_the_end(rig, files, jump_at=jump_at, by_ms=JUMPS[direction])
            when = f"{direction} before step {jump_at}"
            assert len(rig.provider.started) == 1, when
            if may_be_parked and await rig.take_states(request_id) == ["needs_review"]:
                continue
            assert await rig.state(request_id) == "delivered", when
            assert len(rig.clips) == 1, when
            assert rig.staged == [], when
