"""Many processes carry requests: procrastinate hands each call of `advance` to one of them, over PostgreSQL.

A request has at most one job that waits (its queueing lock) and at most one that runs (its lock). Jobs are deleted as
soon as they end: our tables are the truth, the queue only carries.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job, Status
from procrastinate.manager import JobManager
from procrastinate.worker import Worker
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import make_url

from bot.domain.errors import Unavailable
from bot.domain.identity import Clock
from bot.domain.reasons import reason
from bot.engine.attempt import Advance, Retries, Stumble, attempt
from bot.engine.carrying_tables import SCHEMA, upgrade

__all__ = ["DistributedEngine", "Pace", "upgrade"]

_QUEUE: Final = "requests"
_TASK: Final = "advance"
_TRIES: Final = 5  # each loses to somebody who woke the same request in the same instant
_CONNECTIONS: Final = 4
_PAUSE_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 20.0
_AFTER_ITSELF_MS: Final = 1_000
_LOOKS_A_TIMEOUT: Final = 5
_WIRE: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "fallback_application_name": "rushes engine",
}
"""libpq's parameters, unless the url says otherwise: a server that vanished is noticed within 30 s or so."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the queue is looked at.

    `poll_seconds`: for what no notification announces (waits that are over). `stalled_seconds`: a worker that was not
    heard of for so long is dead; its requests are carried on within 1.2 times that and a poll.
    """

    poll_seconds: float
    stalled_seconds: float
    at_once: int


@dataclass(frozen=True, slots=True)
class _Wish:
    """When a request is to be carried (Unix ms; 0: now) and how often it failed in a row."""

    due_ms: int
    failures: int

    def and_also(self, other: "_Wish") -> "_Wish":
        """Of two waits the shorter counts; a wake is no success."""
        return _Wish(min(self.due_ms, other.due_ms), max(self.failures, other.failures))


class DistributedEngine:
    """Hands requests over to the queue and, where it carries, takes them from there.

    `wake` may be called before `run`: such wishes wait for it.
    """

    def __init__(self, url: str, *, retries: Retries, pace: Pace, clock: Clock, carries: bool) -> None:
        """`url`: `postgresql+psycopg://…`, with the tables that `upgrade` makes. `carries`: false only hands over."""
        self._retries, self._pace, self._clock, self._carries = retries, pace, clock, carries
        self._pool = _pool(url)
        self._app = App(connector=PsycopgConnector())
        self._app.job_manager = _Jobs(self._app.connector)
        self._owed: dict[str, _Wish] = {}
        self._wanted = asyncio.Event()
        self._carried: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._worker: Worker | None = None
        self._suspects: frozenset[int] = frozenset()

    def wake(self, request_id: str, *, delay_ms: int = 0) -> None:
        """See the port. Also a stopping engine hands over: others carry on."""
        self._owe(request_id, _Wish(self._clock() + delay_ms if delay_ms > 0 else 0, 0))

    async def run(self, advance: Advance, stumble: Stumble) -> None:
        """Hands over and carries until cancelled; every task ends inside."""
        async with self._opened(), asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hand_over(), name="hand over")
            if self._carries:
                self._register(advance, stumble)
                tasks.create_task(self._work(), name="worker")
                tasks.create_task(self._rescue(), name="rescue")

    async def drain(self, seconds: float) -> bool:
        """Takes no more jobs and waits for the steps under way and for wishes; `False` when that took too long."""
        self._draining = True
        if self._worker is not None:
            self._worker.shutdown_graceful_timeout = seconds
            self._worker.stop()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def in_hand(self) -> frozenset[str]:
        """Ids of the requests that somebody carries, or will. `Unavailable`."""
        try:
            jobs = await self._app.job_manager.list_jobs_async(queue=_QUEUE)
        except (ConnectorException, psycopg.Error) as error:
            raise Unavailable(reason("database-unavailable"), detail=type(error).__name__) from error
        return frozenset(str(job.lock) for job in jobs) | frozenset(self._owed)

    @property
    def works(self) -> bool:
        """True while this process takes jobs (or never does, and hands over)."""
        return not self._carries or (self._worker is not None and self._worker.worker_id is not None)

    # --- handing over --------------------------------------------------------------------------------------------

    def _owe(self, request_id: str, wish: _Wish) -> None:
        known = self._owed.get(request_id)
        self._owed[request_id] = wish if known is None else known.and_also(wish)
        self._wanted.set()
        self._note()

    async def _hand_over(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            for request_id, wish in list(self._owed.items()):
                if not await self._handed_over(request_id, wish):
                    self._wanted.set()
                    await asyncio.sleep(_PAUSE_SECONDS)
                    break

    async def _handed_over(self, request_id: str, wish: _Wish) -> bool:
        try:
            await self._defer(request_id, wish)
        except (ConnectorException, AlreadyEnqueued, psycopg.Error) as error:
            _log.warning("not handed over yet", request=request_id, kind=type(error).__name__)
            return False
        if self._owed.get(request_id) is wish:
            del self._owed[request_id]
        else:
            self._wanted.set()  # wished again meanwhile, perhaps after the job had begun
        self._note()
        return True

    async def _defer(self, request_id: str, wish: _Wish) -> None:
        """Puts the request's one waiting job there, or makes it due sooner.

        A job cannot be moved; it is replaced, in one transaction, and the new one is announced.
        """
        for _try in range(_TRIES - 1):
            with suppress(AlreadyEnqueued):
                return await self._deferred(request_id, wish)
        return await self._deferred(request_id, wish)

    async def _deferred(self, request_id: str, wish: _Wish) -> None:
        manager = self._app.job_manager
        waiting = next(iter(await manager.list_jobs_async(status=Status.TODO.value, queueing_lock=request_id)), None)
        if waiting is not None:
            known = _wish_of(waiting)
            wish = wish.and_also(known)
            if wish == known or (known.due_ms <= self._clock() and wish.failures == known.failures):
                return
        async with self._pool.connection() as connection:
            if waiting is not None and waiting.id is not None:
                await manager.cancel_job_by_id_async(waiting.id, delete_job=True, connection=connection)
            await manager.defer_job_async(_job(request_id, wish), connection=connection)

    # --- carrying ------------------------------------------------------------------------------------------------

    def _register(self, advance: Advance, stumble: Stumble) -> None:
        async def carry(request_id: str, failures: int) -> None:
            await self._carry(request_id, failures, advance, stumble)

        self._app.task(name=_TASK, queue=_QUEUE)(carry)

    async def _carry(self, request_id: str, failures: int, advance: Advance, stumble: Stumble) -> None:
        if request_id in self._carried:  # this process was frozen, given up, and has its own request again
            await self._again(request_id, _Wish(self._clock() + _AFTER_ITSELF_MS, failures))
            return
        self._carried.add(request_id)
        self._note()
        try:
            outcome = await attempt(request_id, failures, advance=advance, stumble=stumble, retries=self._retries)
            if outcome.wait_ms is not None:
                await self._again(request_id, _Wish(self._clock() + outcome.wait_ms, outcome.failures))
        except asyncio.CancelledError:
            await self._again(request_id, _Wish(0, failures))  # cut short by a stop: others carry on
            raise
        finally:
            self._carried.discard(request_id)
            self._note()

    async def _again(self, request_id: str, wish: _Wish) -> None:
        """Deferred before the job ends, so that no crash comes between; where that fails, it is owed."""
        try:
            await self._defer(request_id, wish)
        except (ConnectorException, AlreadyEnqueued, psycopg.Error):
            self._owe(request_id, wish)

    async def _work(self) -> None:
        """Keeps a worker at work. One whose database went away ends by itself, and a new one takes its place."""
        while not self._draining:
            self._worker = worker = self._new_worker()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(_until_it_ends(worker), name="procrastinate")
                try:
                    await asyncio.wait([running])
                except asyncio.CancelledError:
                    if not self._draining:
                        worker.shutdown_graceful_timeout = 0.0
                    raise
            if not self._draining:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _new_worker(self) -> Worker:
        pace = self._pace
        return Worker(
            self._app,
            queues=[_QUEUE],
            concurrency=pace.at_once,
            fetch_job_polling_interval=pace.poll_seconds,
            shutdown_graceful_timeout=_GRACE_SECONDS,
            delete_jobs=DeleteJobCondition.ALWAYS,
            install_signal_handlers=False,
            update_heartbeat_interval=pace.stalled_seconds / _LOOKS_A_TIMEOUT,
            stalled_worker_timeout=pace.stalled_seconds,
        )

    # --- what dead workers left ----------------------------------------------------------------------------------

    async def _rescue(self) -> None:
        while True:
            await asyncio.sleep(self._pace.stalled_seconds / _LOOKS_A_TIMEOUT)
            with suppress(ConnectorException, AlreadyEnqueued, psycopg.Error):
                for job in [*await self._stalled(), *await self._forgotten()]:
                    await self._replace(job)

    async def _stalled(self) -> Iterable[Job]:
        """Jobs of workers that were not heard of for long."""
        manager = self._app.job_manager
        return await manager.get_stalled_jobs(queue=_QUEUE, seconds_since_heartbeat=self._pace.stalled_seconds)

    async def _forgotten(self) -> list[Job]:
        """Jobs of this very worker that it does not carry, seen so twice: their end could not be stored."""
        worker_id = self._worker.worker_id if self._worker is not None else None
        if worker_id is None:
            return []
        own = await self._app.job_manager.list_jobs_async(queue=_QUEUE, status=Status.DOING.value, worker_id=worker_id)
        idle = {job.id: job for job in own if job.id is not None and str(job.lock) not in self._carried}
        again = [job for number, job in idle.items() if number in self._suspects]
        self._suspects = frozenset(idle)
        return again

    async def _replace(self, job: Job) -> None:
        """Another job for the same request, then an end to this one: a thawed worker cannot end the other's job."""
        request_id = str(job.lock)
        _log.warning("carried on for a worker that is gone", request=request_id)
        await self._defer(request_id, _Wish(0, _wish_of(job).failures))
        if job.id is not None:
            await self._app.job_manager.finish_job_by_id_async(job.id, Status.ABORTED, delete_job=True)

    # --- the rest ------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        if self._carried or self._owed:
            self._idle.clear()
        else:
            self._idle.set()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[None]:
        """The pool connects by itself, also when the database comes later."""
        await self._pool.open(wait=False)
        try:
            async with self._app.open_async(self._pool):
                yield
        finally:
            await self._pool.close()


class _Jobs(JobManager):
    """An end that cannot be stored is no failure: the job was another's by then, or a later look finds it."""

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001  the library's
        """Says so in the log."""
        try:
            await super().finish_job(job, status, delete_job)
        except ConnectorException:
            _log.warning("end of a step not stored", request=job.lock)


async def _until_it_ends(worker: Worker) -> None:
    try:
        await worker.run()
    except (ConnectorException, psycopg.Error) as error:
        _log.warning("worker lost its database", kind=type(error).__name__)


def _job(request_id: str, wish: _Wish) -> Job:
    at = datetime.fromtimestamp(wish.due_ms / 1000, UTC) if wish.due_ms else None
    return Job(
        id=None,
        queue=_QUEUE,
        lock=request_id,
        queueing_lock=request_id,
        task_name=_TASK,
        task_kwargs={"request_id": request_id, "failures": wish.failures},
        scheduled_at=at,
    )


def _wish_of(job: Job) -> _Wish:
    failures = job.task_kwargs.get("failures")
    due_ms = round(job.scheduled_at.timestamp() * 1000) if job.scheduled_at is not None else 0
    return _Wish(due_ms, failures if isinstance(failures, int) else 0)


def _pool(url: str) -> AsyncConnectionPool:
    return AsyncConnectionPool(
        kwargs=_connection_parameters(url),
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=10.0,
        open=False,
        check=AsyncConnectionPool.check_connection,
        name="engine",
    )


def _connection_parameters(url: str) -> dict[str, object]:
    """What SQLAlchemy's address says, for libpq, and the schema."""
    parsed = make_url(url)
    _, said = parsed.get_dialect()().create_connect_args(parsed)
    parameters: Mapping[str, object] = {str(name): value for name, value in said.items()}
    options = f"-c search_path={SCHEMA} {parameters.get('options', '')}".strip()
    return {**_WIRE, **parameters, "options": options}
