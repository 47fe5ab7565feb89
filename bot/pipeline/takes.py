"""The steps of one take: publish, save the intent, pay once, settle lost answers by looking, fetch."""

import tempfile
from dataclasses import replace
from pathlib import Path

from bot.domain.errors import NotStarted, OutcomeUnknown, Refused, Rejected, Unavailable
from bot.domain.generations import Generation, GenerationState, Material, PreparedBody, Submission
from bot.domain.media import Kind, MediaFacts
from bot.domain.models import ModelSpec
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Request, Take
from bot.domain.states import TakeState
from bot.pipeline.outcome import Outcome
from bot.pipeline.rooms import Rooms

_HEAD_BYTES = 64 * 1024
_CLOCK_SKEW_MS = 5_000


class TakeSteps:
    """Carries one take one step on.

    A step answers the take as it is then and the wait before the next step in ms; `None`: until somebody wakes it.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._outcome = Outcome(rooms)

    async def step(self, request: Request, take: Take) -> tuple[Take, int | None]:
        """One step by state. `Unavailable` and `Stale` pass through; the row is then as it was."""
        match take.state:
            case TakeState.PLANNED:
                return await self._plan(request, take)
            case TakeState.SUBMITTING:
                return await self._settle(take)
            case TakeState.RENDERING:
                return await self._render(request, take)
            case TakeState.FETCHING:
                return await self._fetch(take), 0
            case _:
                return await self.withdraw(take), None

    async def _plan(self, request: Request, take: Take) -> tuple[Take, int | None]:
        rooms = self._rooms
        if request.cancel_requested_by is not None:
            failure = reason("cancelled", person=request.cancel_requested_by)
            cancelled = await rooms.store.move_take(take, TakeState.CANCELLED, failure=failure, cost_usd_micros=0)
            return cancelled, 0
        wait_ms = take.not_before_ms - rooms.clock()
        if wait_ms > 0:
            return take, wait_ms
        try:
            published = await self._publish(request, take)
            prepared = await self._prepare(request, published)
        except Refused as refused:
            return await self._fail(take, refused.reason, cost_usd_micros=0), 0
        begun = await rooms.store.begin_submission(published, prepared, now_ms=rooms.clock())
        if begun is None:
            return published, rooms.patience.retry_first_ms
        return await self._pay(begun)

    async def _publish(self, request: Request, take: Take) -> Take:
        rooms = self._rooms
        publications = await rooms.publisher.publish(take.id, request.references, take.publications)
        if publications == take.publications:
            return take
        return await rooms.store.move_take(take, take.state, publications=publications)

    async def _prepare(self, request: Request, take: Take) -> PreparedBody:
        rooms = self._rooms
        spec = await rooms.provider.model()
        return rooms.provider.prepare(spec, _submission(rooms, request, take, spec))

    async def _pay(self, take: Take) -> tuple[Take, int | None]:
        """The one paid call. Its row says `submitting` already; whatever happens here, nobody pays before looking."""
        rooms = self._rooms
        try:
            generation_id = await rooms.provider.submit(take.body or {})
        except NotStarted as error:
            return await self._try_later(take, error)
        except Rejected as error:
            return await self._fail(take, error.reason, cost_usd_micros=0), 0
        except OutcomeUnknown:
            return take, rooms.patience.settle_interval_ms
        rooms.reached("paid")
        return await self._adopt(take, generation_id), None

    async def _try_later(self, take: Take, error: NotStarted) -> tuple[Take, int | None]:
        rooms = self._rooms
        if take.attempts >= rooms.patience.max_attempts:
            return await self._fail(take, error.reason, cost_usd_micros=0), 0
        wait_ms = max(rooms.patience.backoff_ms(take.attempts), error.retry_after_ms or 0)
        planned = await rooms.store.move_take(
            take,
            TakeState.PLANNED,
            not_before_ms=rooms.clock() + wait_ms,
            failure=error.reason,
            submitting_at_ms=None,
        )
        return planned, wait_ms

    async def _adopt(self, take: Take, generation_id: str) -> Take:
        return await self._rooms.store.move_take(
            take,
            TakeState.RENDERING,
            generation_id=generation_id,
            submitted_at_ms=self._rooms.clock(),
            vendor_status="queued",
            looks=0,
            failure=None,
        )

    async def _settle(self, take: Take) -> tuple[Take, int | None]:
        """A take found in `submitting`: was it started? Looked for several times before anything is paid again."""
        rooms = self._rooms
        started_ms = take.submitting_at_ms or 0
        wait_ms = started_ms + take.looks * rooms.patience.settle_interval_ms - rooms.clock()
        if wait_ms > 0:
            return take, wait_ms
        found = await self._look_for(take, since_ms=started_ms - _CLOCK_SKEW_MS)
        if found is not None and len(found) == 1:
            return await self._adopt(take, found[0].id), None
        looks = take.looks + 1
        if not found and looks < rooms.patience.settle_looks:
            looked = await rooms.store.move_take(take, take.state, looks=looks)
            return looked, rooms.patience.settle_interval_ms
        if found == ():
            return await rooms.store.move_take(take, TakeState.PLANNED, looks=0, submitting_at_ms=None), 0
        return await rooms.store.move_take(take, TakeState.NEEDS_REVIEW, failure=reason("needs-review")), None

    async def _look_for(self, take: Take, *, since_ms: int) -> tuple[Generation, ...] | None:
        """What the vendor lists of this take; `None` when its rows cannot tell (that is never "not there")."""
        claimed = await self._rooms.store.claimed_generations()
        try:
            return await self._rooms.provider.find(take.body or {}, since_ms=since_ms, claimed=claimed)
        except Unavailable as unavailable:
            if unavailable.reason.code == "outcome-unknown":
                return None
            raise

    async def _render(self, request: Request, take: Take) -> tuple[Take, int | None]:
        """Parked, unless somebody wants it stopped or it takes too long; then the vendor says what became of it."""
        rooms = self._rooms
        overdue_ms = rooms.clock() - (take.submitted_at_ms or 0) - rooms.patience.deadline_ms
        if (request.cancel_requested_by is None and overdue_ms <= 0) or take.generation_id is None:
            return take, None
        await rooms.provider.cancel(take.generation_id)
        said = await rooms.provider.look(take.generation_id)
        if said.state is GenerationState.CANCELLED:
            said = replace(said, failure=_stop_reason(request, rooms.patience.deadline_ms))
        if said.state is not GenerationState.ACTIVE:
            written = await self._outcome.write(take, said)
            return written, 0 if written.state is not take.state else rooms.patience.settle_interval_ms
        if overdue_ms > rooms.patience.settle_looks * rooms.patience.settle_interval_ms:
            return await self._fail(take, _deadline(rooms.patience.deadline_ms)), 0
        return take, rooms.patience.settle_interval_ms

    async def _fetch(self, take: Take) -> Take:
        rooms = self._rooms
        with tempfile.TemporaryDirectory(dir=rooms.scratch) as folder:
            path = Path(folder) / "clip"
            try:
                await rooms.provider.download(take.result_url or "", path)
                facts = await self._measure(path)
            except Rejected as error:
                return await self._fetch_anew(take, error)
            except Refused:
                return await self._fail(take, reason("result-not-video"))
            key = await rooms.contents.put(path)
        rooms.reached("kept-clip")
        return await rooms.store.move_take(take, TakeState.FETCHED, clip=key, clip_facts=facts)

    async def _measure(self, path: Path) -> MediaFacts:
        with path.open("rb") as file:
            sniffed = self._rooms.media.sniff(file.read(_HEAD_BYTES))
        if sniffed.kind is not Kind.VIDEO:
            raise Refused(reason("result-not-video"))
        return await self._rooms.media.probe(path, sniffed)

    async def _fetch_anew(self, take: Take, error: Rejected) -> Take:
        """A result's URL may lapse: the vendor is asked for a fresh one, a bounded number of times."""
        rooms = self._rooms
        attempts = take.attempts + 1
        if attempts >= rooms.patience.settle_looks or take.generation_id is None:
            return await self._fail(take, error.reason)
        said = await rooms.provider.look(take.generation_id)
        return await rooms.store.move_take(
            take, take.state, attempts=attempts, result_url=said.result_url or take.result_url
        )

    async def withdraw(self, take: Take) -> Take:
        """Takes a final take's publications back, once."""
        if not take.state.final or take.withdrawn or not take.publications:
            return take
        await self._rooms.publisher.withdraw(take.publications)
        return await self._rooms.store.move_take(take, take.state, withdrawn=True)

    async def _fail(self, take: Take, why: Reason, *, cost_usd_micros: int | None = None) -> Take:
        cost = take.cost_usd_micros if cost_usd_micros is None else cost_usd_micros
        return await self._rooms.store.move_take(take, TakeState.FAILED, failure=why, cost_usd_micros=cost)


def _submission(rooms: Rooms, request: Request, take: Take, spec: ModelSpec) -> Submission:
    urls = {publication.reference_id: publication.url for publication in take.publications}
    if request.prompt is None:
        raise Refused(reason("empty-prompt"))
    return Submission(
        model_id=spec.id,
        prompt=rooms.render(request.prompt, spec.style, request.references),
        parameters=request.parameters,
        materials=tuple(
            Material(reference_id=reference.id, kind=reference.kind, url=urls[reference.id])
            for reference in request.references
        ),
    )


def _stop_reason(request: Request, deadline_ms: int) -> Reason:
    if request.cancel_requested_by is not None:
        return reason("cancelled", person=request.cancel_requested_by)
    return _deadline(deadline_ms)


def _deadline(deadline_ms: int) -> Reason:
    return reason("deadline-passed", minutes=deadline_ms // 60_000)
