"""One suite for every engine: whoever is woken is carried, one at a time, and nobody stops another.

The second part is about several processes on one database, which only the distributed engine has.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from bot.domain.errors import Refused, RushesError, Stale, Unavailable
from bot.domain.reasons import Reason, reason
from bot.engine.attempt import Advance, Retries, Stumble
from bot.engine.distributed import DistributedEngine, Pace, upgrade
from bot.engine.local import LocalEngine
from tests.engine_process import Journal, engine_on, nobody
from tests.postgres import Postgres, ask, connected

OUTAGE = Unavailable(reason("vendor-unreachable"))
LONG_MS = 3_600_000
_SECONDS = 20
_JOBS = "FROM rushes_engine.procrastinate_jobs WHERE"


class Step:
    """One call of `advance`: it waits until the test lets it end."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.over = False
        self._end: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    @property
    def is_held(self) -> bool:
        return not self._end.done()

    def end(self, outcome: int | BaseException | None = None) -> None:
        """It answers a wait in ms, or raises."""
        if isinstance(outcome, BaseException):
            self._end.set_exception(outcome)
        else:
            self._end.set_result(outcome)

    async def run(self) -> int | None:
        try:
            return await self._end
        finally:
            self.over = True


class Carrying(Protocol):
    def wake(self, request_id: str, *, delay_ms: int = 0) -> None: ...
    async def run(self, advance: Advance, stumble: Stumble) -> None: ...
    async def drain(self, seconds: float) -> bool: ...


class Kind(Protocol):
    """An engine of one kind, and how to look into it."""

    def engine(self, retries: Retries) -> Carrying: ...
    async def at_rest(self, held: set[str]) -> bool:
        """True when nothing is on its way to a step that could begin now, but for those whose step is `held`."""
        ...

    async def wait_ms(self, request_id: str) -> float:
        """When the request is due, from now."""
        ...


class Local:
    def __init__(self) -> None:
        self._engine: LocalEngine | None = None

    def engine(self, retries: Retries) -> LocalEngine:
        self._engine = LocalEngine(retry_first_ms=retries.first_ms, retry_most_ms=retries.most_ms)
        return self._engine

    async def at_rest(self, held: set[str]) -> bool:
        for _ in range(20):
            await asyncio.sleep(0)
        return True

    async def wait_ms(self, request_id: str) -> float:
        assert self._engine is not None
        timer = self._engine._carried[request_id].timer  # pyright: ignore[reportPrivateUsage]
        assert timer is not None
        return (timer.when() - asyncio.get_running_loop().time()) * 1000


class Distributed:
    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: DistributedEngine | None = None

    def engine(self, retries: Retries) -> DistributedEngine:
        pace = Pace(poll_seconds=0.02, stalled_seconds=10, at_once=8)
        self._engine = DistributedEngine(self._url, retries=retries, pace=pace, clock=_now_ms, carries=True)
        return self._engine

    async def at_rest(self, held: set[str]) -> bool:
        assert self._engine is not None
        if self._engine._owed:  # pyright: ignore[reportPrivateUsage]
            return False
        now = "(status = 'doing' OR coalesce(scheduled_at <= now(), true))"
        return not await self._ask(f"SELECT 1 {_JOBS} {now} AND NOT lock = ANY(:held)", held=list(held))

    async def wait_ms(self, request_id: str) -> float:
        due = "SELECT extract(epoch FROM scheduled_at - now()) * 1000"
        [[found]] = await self._ask(f"{due} {_JOBS} status = 'todo' AND lock = :lock", lock=request_id)
        return float(str(found))

    async def _ask(self, statement: str, **values: object) -> Sequence[tuple[object, ...]]:
        return await asyncio.to_thread(ask, self._url, statement, **values)


def _now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000


class Stage:
    """An engine, and every step it took."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.engine = kind.engine(Retries(first_ms=1, most_ms=8))
        self.steps: list[Step] = []
        self.told: list[tuple[str, str]] = []
        self.stumbling: Exception | None = None
        self.most_at_once = 0
        self._changed = asyncio.Event()

    def patience(self, first_ms: int, most_ms: int) -> None:
        self.engine = self._kind.engine(Retries(first_ms=first_ms, most_ms=most_ms))

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
        async with asyncio.timeout(_SECONDS):
            while len(self.steps) < number:
                self._changed.clear()
                await self._changed.wait()
        return self.steps[number - 1]

    async def quiet(self) -> int:
        """How many steps there were, when whatever could begin at once has begun."""
        async with asyncio.timeout(_SECONDS):
            while not await self._kind.at_rest({step.request_id for step in self.steps if step.is_held}):
                await asyncio.sleep(0.01)
        return len(self.steps)

    async def wait_ms(self, request_id: str) -> float:
        await self.quiet()
        return await self._kind.wait_ms(request_id)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            carrier = tasks.create_task(self.engine.run(self.advance, self.stumble))
            yield
            carrier.cancel()


@pytest.fixture(scope="module")
def tables(postgres: Postgres) -> str:
    """A database with the queue's tables."""
    url = postgres.bare()
    with connected(url) as connection:
        upgrade(connection)
    return url


@pytest.fixture
def database(tables: str) -> str:
    """The same, empty."""
    for table in ("jobs", "workers"):
        ask(tables, f"TRUNCATE rushes_engine.procrastinate_{table} CASCADE")
    return tables


@pytest_asyncio.fixture(params=["local", "distributed"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    kinds: dict[str, Callable[[], Kind]] = {
        "local": Local,
        "distributed": lambda: Distributed(str(request.getfixturevalue("database"))),
    }
    yield Stage(kinds[str(request.param)]())


async def test_who_is_woken_is_carried_at_once_and_others_beside(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a")
        await stage.step(1)
        stage.engine.wake("b")
        await stage.step(2)
        assert [step.request_id for step in stage.steps] == ["a", "b"]


async def test_wishes_from_before_the_start_are_kept(stage: Stage) -> None:
    stage.engine.wake("a")
    stage.engine.wake("b")
    async with stage.running():
        await stage.step(2)
        assert {step.request_id for step in stage.steps} == {"a", "b"}


async def test_wakes_during_a_run_make_exactly_one_more_and_never_two_at_once(stage: Stage) -> None:
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


async def test_several_wakes_before_a_run_are_one(stage: Stage) -> None:
    for _ in range(5):
        stage.engine.wake("a")
    async with stage.running():
        (await stage.step(1)).end()
        assert await stage.quiet() <= 2
    assert stage.most_at_once == 1


async def test_a_wake_during_a_run_wins_over_the_wait_that_the_run_asks_for(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a")
        first = await stage.step(1)
        stage.engine.wake("a")
        await stage.quiet()
        first.end(LONG_MS)
        (await stage.step(2)).end()
        assert await stage.quiet() == 2


# --- waits -----------------------------------------------------------------------------------------------------------


async def test_a_run_that_asks_for_a_wait_is_called_again_after_it(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(LONG_MS)
        assert await stage.quiet() == 1
        assert await stage.wait_ms("a") == pytest.approx(LONG_MS, abs=10_000)


async def test_a_short_wait_passes(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a", delay_ms=5)
        (await stage.step(1)).end(5)
        await stage.step(2)


async def test_a_wake_ends_a_wait(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a", delay_ms=LONG_MS)
        assert await stage.quiet() == 0
        stage.engine.wake("a")
        (await stage.step(1)).end()
        assert await stage.quiet() == 1, "the wait it ended does not come on top"


async def test_of_two_waits_the_shorter_counts(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a", delay_ms=2 * LONG_MS)
        await stage.quiet()
        stage.engine.wake("a", delay_ms=LONG_MS)
        assert await stage.wait_ms("a") == pytest.approx(LONG_MS, abs=10_000)
        stage.engine.wake("a", delay_ms=2 * LONG_MS)
        assert await stage.wait_ms("a") == pytest.approx(LONG_MS, abs=10_000)
        stage.engine.wake("a", delay_ms=5)
        await stage.step(1)


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def test_an_outage_is_tried_again_with_growing_bounded_waits(stage: Stage) -> None:
    stage.patience(LONG_MS, 4 * LONG_MS)
    waits: list[float] = []
    async with stage.running():
        for number in range(1, 6):
            stage.engine.wake("a")
            (await stage.step(number)).end(OUTAGE)
            waits.append(await stage.wait_ms("a") / LONG_MS)
    assert waits == pytest.approx([1, 2, 4, 4, 4], abs=0.01)
    assert stage.told == [], "an outage is nobody's fault"


async def test_the_service_s_own_wish_to_wait_is_honoured(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(Unavailable(reason("discord-unavailable"), retry_after_ms=LONG_MS))
        assert await stage.wait_ms("a") == pytest.approx(LONG_MS, abs=10_000)


async def test_after_a_step_that_went_well_the_waits_begin_anew(stage: Stage) -> None:
    stage.patience(LONG_MS, 100 * LONG_MS)
    async with stage.running():
        for number, outcome in enumerate([OUTAGE, OUTAGE, LONG_MS, OUTAGE], start=1):
            stage.engine.wake("a")
            (await stage.step(number)).end(outcome)
            await stage.quiet()
        assert await stage.wait_ms("a") == pytest.approx(LONG_MS, abs=10_000)


async def test_a_row_that_moved_meanwhile_is_read_again_at_once(stage: Stage) -> None:
    stage.patience(LONG_MS, LONG_MS)
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(Stale(reason("internal-error")))
        await stage.step(2)
    assert stage.told == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(ValueError("odd"), "internal-error"), (Refused(reason("bytes-gone", name="a")), "bytes-gone")],
)
async def test_a_defect_is_told_and_tried_again_and_stops_no_other(stage: Stage, error: Exception, code: str) -> None:
    async with stage.running():
        stage.engine.wake("a")
        broken = await stage.step(1)
        stage.engine.wake("b")
        other = await stage.step(2)
        broken.end(error)
        assert (await stage.step(3)).request_id == "a"
        other.end()
        stage.engine.wake("c")
        assert (await stage.step(4)).request_id == "c"
    assert stage.told == [("a", code)]


@pytest.mark.parametrize("trouble", [OUTAGE, Stale(reason("internal-error")), KeyError("a defect in the telling too")])
async def test_a_report_that_fails_stops_nobody(stage: Stage, trouble: RushesError | KeyError) -> None:
    stage.stumbling = trouble
    async with stage.running():
        stage.engine.wake("a")
        (await stage.step(1)).end(ValueError("odd"))
        assert (await stage.step(2)).request_id == "a"


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_a_drain_waits_for_what_is_under_way_and_takes_no_more(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a")
        step = await stage.step(1)
        await stage.quiet()
        async with asyncio.TaskGroup() as tasks:
            drained = tasks.create_task(stage.engine.drain(_SECONDS))
            await asyncio.sleep(0)
            assert not drained.done()
            stage.engine.wake("b")
            step.end(1)
        assert drained.result()
    assert [each.request_id for each in stage.steps] == ["a"]


async def test_a_drain_that_takes_too_long_says_so_and_the_stop_cuts_the_step(stage: Stage) -> None:
    async with stage.running():
        stage.engine.wake("a")
        step = await stage.step(1)
        assert not await stage.engine.drain(0.01)
    assert step.over


async def test_a_stop_leaves_nothing_running(stage: Stage) -> None:
    before = asyncio.all_tasks()
    async with stage.running():
        for name in "abc":
            stage.engine.wake(name)
        await stage.step(3)
    assert all(step.over for step in stage.steps)
    assert asyncio.all_tasks() == before


# --- several processes -----------------------------------------------------------------------------------------------


class Processes:
    """Processes that carry on one database, and one that only wakes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.journal = Journal(folder)
        self._url, self._folder = url, folder
        self._started: list[asyncio.subprocess.Process] = []

    def hold(self) -> None:
        (self._folder / "hold").touch()

    def release(self) -> None:
        (self._folder / "hold").unlink()

    async def start(self, stalled_seconds: float = 1.0) -> int:
        """Another one; its id, once it carries."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.engine_process", self._url, str(self._folder), str(stalled_seconds)),
            cwd=Path(__file__).parents[2],
        )
        self._started.append(process)
        await self.until(lambda lines: ("ready", process.pid, "-") in lines)
        return process.pid

    async def until(self, there: Callable[[list[tuple[str, int, str]]], bool]) -> None:
        async with asyncio.timeout(45):
            while not there(self.journal.lines()):
                await asyncio.sleep(0.02)

    def who(self, what: str, request_id: str) -> list[int]:
        return [pid for did, pid, whose in self.journal.lines() if (did, whose) == (what, request_id)]

    async def end(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest_asyncio.fixture
async def processes(database: str, tmp_path: Path) -> AsyncIterator[Processes]:
    several = Processes(database, tmp_path)
    yield several
    await several.end()


@pytest_asyncio.fixture
async def waker(database: str) -> AsyncIterator[DistributedEngine]:
    """An engine that hands over and carries nothing, as a gateway's does."""
    engine = engine_on(database, carries=False)

    async def carries_nothing(_request_id: str) -> int | None:
        raise AssertionError

    async with asyncio.TaskGroup() as tasks:
        handing_over = tasks.create_task(engine.run(carries_nothing, nobody))
        yield engine
        handing_over.cancel()


async def emptied(engine: DistributedEngine) -> None:
    """Until nothing waits and nothing runs, anywhere."""
    async with asyncio.timeout(45):
        while await engine.in_hand():
            await asyncio.sleep(0.02)


async def test_three_processes_share_the_work_and_no_request_runs_twice_at_once(
    processes: Processes, waker: DistributedEngine
) -> None:
    for _ in range(3):
        await processes.start()
    names = [f"r{number}" for number in range(60)]
    for _round in range(3):
        for name in names:
            waker.wake(name)
        await asyncio.sleep(0)
    await emptied(waker)
    for name in names:
        waker.wake(name)
    await emptied(waker)
    lines = processes.journal.lines()
    assert not [line for line in lines if line[0] == "overlap"]
    assert {request_id for what, _, request_id in lines if what == "end"} == set(names)
    assert all(len(processes.who("end", name)) >= 2 for name in names), "every wake after a run makes another"
    assert len({pid for what, pid, _ in lines if what == "begin"}) > 1


async def test_what_a_killed_process_carried_is_carried_on_by_another(
    processes: Processes, waker: DistributedEngine
) -> None:
    processes.hold()
    doomed = await processes.start()
    waker.wake("a")
    waker.wake("b")
    await processes.until(lambda _: processes.who("begin", "a") == processes.who("begin", "b") == [doomed])
    other = await processes.start()
    os.kill(doomed, signal.SIGKILL)
    processes.release()
    await processes.until(lambda _: processes.who("end", "a") == processes.who("end", "b") == [other])
    await emptied(waker)
    assert not [line for line in processes.journal.lines() if line[0] == "overlap"]


async def test_what_a_thawed_process_ends_is_not_what_another_carries(
    processes: Processes, waker: DistributedEngine
) -> None:
    """It was given up while it was frozen; the other's run stays the only one that counts."""
    processes.hold()
    frozen = await processes.start()
    waker.wake("a")
    await processes.until(lambda _: processes.who("begin", "a") == [frozen])
    other = await processes.start()
    os.kill(frozen, signal.SIGSTOP)
    await processes.until(lambda _: other in processes.who("begin", "a"))
    os.kill(other, signal.SIGSTOP)
    os.kill(frozen, signal.SIGCONT)
    processes.release()
    await processes.until(lambda _: frozen in processes.who("end", "a"))
    os.kill(other, signal.SIGCONT)
    await processes.until(lambda _: other in processes.who("end", "a"))
    await emptied(waker)
    waker.wake("b")
    await processes.until(lambda _: bool(processes.who("end", "b")))


async def test_what_was_deferred_outlives_every_process(processes: Processes, waker: DistributedEngine) -> None:
    waker.wake("a")
    async with asyncio.timeout(_SECONDS):
        while not await waker.drain(5):
            await asyncio.sleep(0)
    assert await waker.in_hand() == {"a"}
    carrier = await processes.start()
    await processes.until(lambda _: processes.who("end", "a") == [carrier])


async def test_a_server_that_was_restarted_is_carried_on_with(postgres: Postgres, mortal: Postgres) -> None:
    url = mortal.bare()
    with connected(url) as connection:
        upgrade(connection)
    stage = Stage(Distributed(url))
    async with stage.running():
        stage.engine.wake("a")
        step = await stage.step(1)
        await asyncio.to_thread(mortal.kill)
        stage.engine.wake("b")
        step.end()
        await asyncio.to_thread(mortal.start)
        while (later := await stage.step(2)).request_id != "b":
            later.end()
            stage.steps.pop()
        later.end()


def test_the_queue_s_tables_are_made_once_and_beside_ours(postgres: Postgres) -> None:
    url = postgres.bare()
    for _start in range(2):
        with connected(url) as connection:
            upgrade(connection)
    schemas = ask(url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%'")
    assert schemas == [("rushes_engine",)]
