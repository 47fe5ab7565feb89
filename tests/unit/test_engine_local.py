"""The engine of one process: whoever is woken is carried, one at a time, and nobody stops another."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bot.domain.errors import Refused, RushesError, Stale, Unavailable
from bot.domain.reasons import Reason, reason
from bot.engine.local import LocalEngine

OUTAGE = Unavailable(reason("vendor-unreachable"))
LONG_MS = 3_600_000


class Step:
    """One call of `advance`: it waits until the test lets it end."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.begun = asyncio.Event()
        self.over = False
        self._end: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def end(self, outcome: float | BaseException | None = None) -> None:
        """It answers a wait in ms, or raises."""
        if isinstance(outcome, BaseException):
            self._end.set_exception(outcome)
        else:
            self._end.set_result(None if outcome is None else int(outcome))

    async def run(self) -> int | None:
        try:
            return await self._end
        finally:
            self.over = True


class Stage:
    """An engine, and every step it took."""

    def __init__(self, *, retry_first_ms: int = 1, retry_most_ms: int = 8) -> None:
        self.engine = LocalEngine(retry_first_ms=retry_first_ms, retry_most_ms=retry_most_ms)
        self.steps: list[Step] = []
        self.told: list[tuple[str, str]] = []
        self.stumbling: Exception | None = None
        self.most_at_once = 0
        self._changed = asyncio.Event()

    async def advance(self, request_id: str) -> int | None:
        step = Step(request_id)
        self.steps.append(step)
        under_way = [each for each in self.steps if each.request_id == request_id and not each.over]
        self.most_at_once = max(self.most_at_once, len(under_way))
        self._changed.set()
        return await step.run()

    async def stumble(self, request_id: str, why: Reason) -> None:
        self.told.append((request_id, why.code))
        if self.stumbling is not None:
            raise self.stumbling

    async def step(self, number: int) -> Step:
        """The so-manyth step (from 1), once it has begun."""
        async with asyncio.timeout(5):
            while len(self.steps) < number:
                self._changed.clear()
                await self._changed.wait()
        return self.steps[number - 1]

    async def quiet(self) -> int:
        """How many steps there were, when whatever could begin at once has begun."""
        for _ in range(20):
            await asyncio.sleep(0)
        return len(self.steps)

    def timer_ms(self, request_id: str) -> float:
        """When the request's timer is due, in ms from now."""
        timer = self.engine._carried[request_id].timer  # pyright: ignore[reportPrivateUsage]
        assert timer is not None
        return (timer.when() - asyncio.get_running_loop().time()) * 1000

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            carrier = tasks.create_task(self.engine.run(self.advance, self.stumble))
            yield
            carrier.cancel()


async def test_who_is_woken_is_carried_at_once_and_others_beside() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        stage.engine.wake("b")
        await stage.step(2)
        assert [step.request_id for step in stage.steps] == ["a", "b"]


async def test_wishes_from_before_the_start_are_kept() -> None:
    stage = Stage()
    stage.engine.wake("a")
    stage.engine.wake("b")
    assert await stage.quiet() == 0
    async with stage.running():
        await stage.step(2)


async def test_wakes_during_a_run_make_exactly_one_more_and_never_two_at_once() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        first = await stage.step(1)
        for _ in range(5):
            stage.engine.wake("a")
        assert await stage.quiet() == 1
        first.end()
        (await stage.step(2)).end()
        assert await stage.quiet() == 2
    assert stage.most_at_once == 1


async def test_several_wakes_before_a_run_are_one() -> None:
    stage = Stage()
    for _ in range(5):
        stage.engine.wake("a")
    async with stage.running():
        (await stage.step(1)).end()
        assert await stage.quiet() <= 2
    assert stage.most_at_once == 1


async def test_a_wake_during_a_run_wins_over_the_wait_that_the_run_asks_for() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        first = await stage.step(1)
        stage.engine.wake("a")
        first.end(LONG_MS)
        await stage.step(2)


async def test_nothing_is_remembered_of_who_wants_nothing_more() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end()
        await stage.quiet()
        assert stage.engine._carried == {}  # pyright: ignore[reportPrivateUsage]


# --- waits -----------------------------------------------------------------------------------------------------------


async def test_a_run_that_asks_for_a_wait_is_called_again_after_it() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(LONG_MS)
        assert await stage.quiet() == 1
        assert stage.timer_ms("a") == pytest.approx(LONG_MS, abs=5_000)


async def test_a_short_wait_passes() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a", delay_ms=5)
        assert await stage.quiet() == 0
        (await stage.step(1)).end(5)
        await stage.step(2)


async def test_a_wake_ends_a_wait() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a", delay_ms=LONG_MS)
        stage.engine.wake("a")
        (await stage.step(1)).end()
        assert await stage.quiet() == 1, "the wait it ended does not come on top"


async def test_of_two_waits_the_shorter_counts() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a", delay_ms=5)
        stage.engine.wake("a", delay_ms=LONG_MS)
        first = await stage.step(1)
        stage.engine.wake("a", delay_ms=5)
        first.end(LONG_MS)
        await stage.step(2)


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def test_an_outage_is_tried_again_with_growing_bounded_waits() -> None:
    stage = Stage(retry_first_ms=LONG_MS, retry_most_ms=4 * LONG_MS)
    waits: list[float] = []
    async with stage.running():
        for number in range(1, 6):
            stage.engine.wake("a")
            (await stage.step(number)).end(OUTAGE)
            await stage.quiet()
            waits.append(stage.timer_ms("a") / LONG_MS)
    assert waits == pytest.approx([1, 2, 4, 4, 4], abs=0.01)
    assert stage.told == [], "an outage is nobody's fault"


async def test_the_service_s_own_wish_to_wait_is_honoured() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(Unavailable(reason("discord-unavailable"), retry_after_ms=LONG_MS))
        await stage.quiet()
        assert stage.timer_ms("a") == pytest.approx(LONG_MS, abs=5_000)


async def test_after_a_step_that_went_well_the_waits_begin_anew() -> None:
    stage = Stage(retry_first_ms=LONG_MS, retry_most_ms=100 * LONG_MS)
    async with stage.running():
        for number, outcome in enumerate([OUTAGE, OUTAGE, LONG_MS, OUTAGE], start=1):
            stage.engine.wake("a")
            (await stage.step(number)).end(outcome)
            await stage.quiet()
        assert stage.timer_ms("a") == pytest.approx(LONG_MS, abs=5_000)


async def test_a_row_that_moved_meanwhile_is_read_again_at_once() -> None:
    stage = Stage(retry_first_ms=LONG_MS, retry_most_ms=LONG_MS)
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(Stale(reason("internal-error")))
        await stage.step(2)
    assert stage.told == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(ValueError("odd"), "internal-error"), (Refused(reason("bytes-gone", name="a")), "bytes-gone")],
)
async def test_a_defect_is_reported_and_tried_again_and_stops_no_other(error: Exception, code: str) -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        stage.engine.wake("b")
        broken, other = await stage.step(1), await stage.step(2)
        broken.end(error)
        await stage.step(3)
        other.end()
        stage.engine.wake("c")
        await stage.step(4)
    assert stage.told == [("a", code)]
    assert [step.request_id for step in stage.steps] == ["a", "b", "a", "c"]


@pytest.mark.parametrize("trouble", [OUTAGE, Stale(reason("internal-error")), KeyError("a defect in the telling too")])
async def test_a_report_that_fails_stops_nobody(trouble: RushesError | KeyError) -> None:
    stage = Stage()
    stage.stumbling = trouble
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(ValueError("odd"))
        assert (await stage.step(2)).request_id == "a"


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_a_drain_waits_for_what_is_under_way_and_takes_no_more() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        stage.engine.wake("later", delay_ms=5)
        step = await stage.step(1)
        async with asyncio.TaskGroup() as tasks:
            drained = tasks.create_task(stage.engine.drain(5))
            await stage.quiet()
            assert not drained.done()
            stage.engine.wake("b")
            stage.engine.wake("a")
            step.end(1)
        assert drained.result()
        assert stage.engine._idle.is_set()  # pyright: ignore[reportPrivateUsage]
        assert await stage.quiet() == 1
    assert [each.request_id for each in stage.steps] == ["a"]


async def test_an_idle_engine_drains_at_once() -> None:
    assert await Stage().engine.drain(5)


async def test_a_drain_that_takes_too_long_says_so_and_the_stop_cuts_the_step() -> None:
    stage = Stage()
    async with stage.running():
        stage.engine.wake("a")
        step = await stage.step(1)
        assert not await stage.engine.drain(0.01)
    assert step.over


async def test_a_stop_leaves_nothing_running() -> None:
    stage = Stage()
    before = asyncio.all_tasks()
    async with stage.running():
        for name in "abc":
            stage.engine.wake(name)
        await stage.step(3)
    assert all(step.over for step in stage.steps)
    assert asyncio.all_tasks() == before
