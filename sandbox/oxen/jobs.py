"""Carries accepted generations: queued → processing → succeeded, failed or cancelled."""

import asyncio
import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import structlog

from bot.domain.errors import RushesError
from sandbox.oxen import wire
from sandbox.oxen.checks import body_refusal, file_refusal, value_error, wanted
from sandbox.oxen.generations import Generation, Status
from sandbox.oxen.references import Fetcher, Unfetchable
from sandbox.oxen.rendering import Renderer, shape_of
from sandbox.oxen.views import FaultOrder, FaultView, ResultView
from sandbox.oxen.world import World

_log = structlog.get_logger(__name__)

NO_CREDITS = "Insufficient credits"
_MODERATED = "The request was blocked by our content safety filter."


class JobFailed(Exception):
    """The text is the generation's `error_message`."""


@dataclass(frozen=True, slots=True)
class _Clip:
    result: ResultView
    cost: Decimal


class Jobs:
    """All jobs run side by side ("no limit on total queued" [D]); only rendering takes turns."""

    def __init__(
        self, world: World, *, fetcher: Fetcher, renderer: Renderer, folder: Path, group: asyncio.TaskGroup
    ) -> None:
        self._world = world
        self._fetcher = fetcher
        self._renderer = renderer
        self._folder = folder
        self._group = group

    def start(self, row: Generation) -> None:
        """Sets the row going."""
        row.task = self._group.create_task(self._carry(row), name=row.id)

    def cancel(self, row: Generation) -> None:
        """Ends an active row as cancelled, at once and without an event; no effect on one that has ended [D]."""
        if row.active:
            row.cost = self._world.settings.cost_cancelled
            self._close(row, Status.CANCELLED)
            _stop(row)

    def settle(self, row: Generation, error_message: str) -> None:
        """Ends an active row as failed, from outside."""
        if row.active:
            self._fail(row, error_message)
            _stop(row)

    def stop(self) -> None:
        """Ends everything with the process."""
        for row in self._world.book.everything():
            _stop(row)

    async def _carry(self, row: Generation) -> None:
        try:
            await self._run(row)
        except Exception:  # noqa: BLE001  one job's defect must not end the server; the log has it
            _log.exception("job-crashed", generation_id=row.id)
            self._fail(row, "Internal server error")
        finally:
            row.task = None
            await asyncio.to_thread(shutil.rmtree, self._folder / row.id, ignore_errors=True)

    async def _run(self, row: Generation) -> None:
        world = self._world
        await asyncio.sleep(world.settings.queue_seconds)
        await world.gates.passed("queued")
        row.status, row.started_at_ms = Status.PROCESSING, world.clock()
        fault = _marked(row, world.faults.strike("job", row.id))
        if row.lost:
            return
        done_at = _now() + world.settings.render_seconds
        outcome = await self._outcome(row, fault)
        await asyncio.sleep(max(0.0, done_at - _now()))
        await world.gates.passed("processing")
        self._finish(row, outcome)

    async def _outcome(self, row: Generation, fault: FaultOrder | None) -> _Clip | str:
        """The clip, or why there is none. Charges nothing."""
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "stuck":
            await asyncio.Event().wait()
        try:
            return await self._work(row, fault)
        except (JobFailed, Unfetchable) as failure:
            return str(failure)
        except RushesError as refusal:
            _log.warning("render-refused", generation_id=row.id, code=refusal.reason.code, detail=refusal.detail)
            return value_error(f"Could not process the input files: {refusal.reason.code}")

    async def _work(self, row: Generation, fault: FaultOrder | None) -> _Clip:
        world, schema, settings = self._world, self._world.schema, self._world.settings
        _raise_if(body_refusal(schema, row.body, unknown=settings.unknown_fields))
        references = await self._fetcher.fetch_all(wanted(schema, row.body), self._folder / row.id, row.references)
        _raise_if(file_refusal(row.references))
        if fault is not None and fault.kind == "fail":
            raise JobFailed(fault.message or _MODERATED)
        shape = shape_of(schema, row.body, references)
        cost = shape.seconds * settings.price(shape.resolution)
        _raise_if(NO_CREDITS if cost > world.settings.balance else None)
        prompt = str(row.body["prompt"])
        if settings.stock_render:
            return _Clip(await self._renderer.stock(row.id, schema, shape), cost)
        render = self._renderer.render(row.id, schema, prompt, shape, references, quick=settings.quick_render)
        return _Clip(await render, cost)

    def _finish(self, row: Generation, outcome: _Clip | str) -> None:
        if isinstance(outcome, str):
            self._fail(row, outcome)
            return
        row.result, row.cost = outcome.result, outcome.cost
        self._world.change({"balance": self._world.settings.balance - outcome.cost})
        self._close(row, Status.SUCCEEDED)
        self._tell(row)

    def _fail(self, row: Generation, error_message: str) -> None:
        row.error_message = error_message
        row.cost = self._world.settings.cost_failed
        self._close(row, Status.FAILED)
        self._tell(row)

    def _close(self, row: Generation, status: Status) -> None:
        row.status, row.completed_at_ms = status, self._world.clock()

    def _tell(self, row: Generation) -> None:
        if not row.silent:
            self._world.hub.publish("media_generation_completed", wire.completion(row, self._world.link))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _marked(row: Generation, fault: FaultView | None) -> FaultOrder | None:
    """Leaves on the row what sticks to it."""
    if fault is None:
        return None
    order = fault.order
    row.lost = order.kind == "lost"
    row.silent = order.kind == "no_event"
    row.hides_result = order.kind == "no_result_url"
    row.shown_status = (order.message or "paused") if order.kind == "unknown_status" else None
    return order


def _raise_if(refusal: str | None) -> None:
    if refusal is not None:
        raise JobFailed(refusal)


def _stop(row: Generation) -> None:
    if row.task is not None:
        row.task.cancel()
