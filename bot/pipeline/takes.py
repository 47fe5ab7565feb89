"""The steps of one take: publish, save the intent, pay once, settle lost answers by looking, fetch."""

from dataclasses import replace
from pathlib import Path

import structlog

from bot.domain.conform import ClipFindings
from bot.domain.errors import NotStarted, OutcomeUnknown, Refused, Rejected, Unavailable
from bot.domain.generations import Generation, GenerationState, Material, PreparedBody, Submission
from bot.domain.media import Kind, MediaFacts, Sniffed
from bot.domain.models import ModelSpec
from bot.domain.reasons import Reason, reason
from bot.domain.references import faces_first
from bot.domain.requests import Request, Take
from bot.domain.states import TakeState
from bot.pipeline.consenting import Consenting
from bot.pipeline.outcome import Outcome
from bot.pipeline.rooms import Rooms
from bot.pipeline.scratch import scratch_folder

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.takes")
_HEAD_BYTES = 64 * 1024
_CLOCK_SKEW_MS = 5_000
_INTENT_LIFE_MS = 5_000
_REVIEW_INTERVAL_MS = 10 * 60 * 1000
_REVIEW_LIFE_MS = 24 * 3_600_000
_OUTAGES = frozenset({"vendor-unreachable", "vendor-rate-limited"})


class TakeSteps:
    """Carries one take one step on.

    A step answers the take as it is then and the wait before the next step in ms; `None`: until somebody wakes it.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._outcome = Outcome(rooms)
        self._consenting = Consenting(rooms)

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
                return await self._fetch(take)
            case TakeState.NEEDS_REVIEW:
                return await self._look_once_more(take)
            case _:
                return await self.withdraw(take), None

    async def _plan(self, request: Request, take: Take) -> tuple[Take, int | None]:
        rooms = self._rooms
        if request.cancel_requested_by is not None:
            failure = reason("cancelled", person=request.cancel_requested_by)
            cancelled = await rooms.store.move_take(take, TakeState.CANCELLED, failure=failure, cost_usd_micros=0)
            return cancelled, 0
        barred = await self._consenting.reasons(request)
        if barred:  # not even published; that it is not paid for either, `begin_submission` sees to
            return await self._fail(take, barred[0], cost_usd_micros=0), 0
        wait_ms = take.not_before_ms - rooms.clock()
        if wait_ms > 0:
            return take, wait_ms
        return await self._order(request, take)

    async def _order(self, request: Request, take: Take) -> tuple[Take, int | None]:
        rooms = self._rooms
        try:
            published = await self._publish(request, take)
        except Refused as refused:
            return await self._fail(take, refused.reason, cost_usd_micros=0), 0
        try:
            prepared = await self._prepare(request, published)
            begun = await rooms.store.begin_submission(published, prepared, now_ms=rooms.clock())
        except Refused as refused:
            return await self._fail(published, refused.reason, cost_usd_micros=0), 0
        if begun is None:
            return published, rooms.patience.settle_interval_ms  # until its twin is settled
        return await self._pay(begun)

    async def _publish(self, request: Request, take: Take) -> Take:
        rooms = self._rooms
        publications = await rooms.publisher.publish(
            take.id, [one.as_sent for one in request.references], take.publications
        )
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
        if rooms.clock() - (take.submitting_at_ms or 0) > _INTENT_LIFE_MS:
            return await self._not_sent(take)
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

    async def _not_sent(self, take: Take) -> tuple[Take, int | None]:
        """This process slept since it stored the intent, and has not sent it. `Stale` if anybody acted meanwhile."""
        rooms = self._rooms
        if take.attempts >= rooms.patience.max_attempts:
            return await self._fail(take, reason("database-unavailable"), cost_usd_micros=0), 0
        wait_ms = rooms.patience.backoff_ms(take.attempts)
        later = {"not_before_ms": rooms.clock() + wait_ms, "submitting_at_ms": None}
        return await rooms.store.move_take(take, TakeState.PLANNED, **later), wait_ms

    async def _try_later(self, take: Take, error: NotStarted) -> tuple[Take, int | None]:
        rooms = self._rooms
        if take.attempts >= rooms.patience.max_attempts:
            why = reason("gave-up-vendor") if error.reason.code in _OUTAGES else error.reason
            return await self._fail(take, why, cost_usd_micros=0), 0
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
            return await self._adopt(take, found[0].id), 0  # somebody may want it stopped by now
        looks = take.looks + 1
        if not found and looks < rooms.patience.settle_looks:
            looked = await rooms.store.move_take(take, take.state, looks=looks)
            return looked, rooms.patience.settle_interval_ms
        if found == () and take.attempts >= rooms.patience.max_attempts:
            return await self._fail(take, reason("gave-up-vendor"), cost_usd_micros=0), 0
        if found == ():
            return await rooms.store.move_take(take, TakeState.PLANNED, looks=0, submitting_at_ms=None), 0
        why, later_ms = reason("needs-review"), rooms.clock() + _REVIEW_INTERVAL_MS
        parked = await rooms.store.move_take(take, TakeState.NEEDS_REVIEW, failure=why, not_before_ms=later_ms)
        return parked, _REVIEW_INTERVAL_MS

    async def _look_once_more(self, take: Take) -> tuple[Take, int | None]:
        """What could not be told may be told later: rarely looked at again, never ordered again by itself.

        It ends after a day; what it cost stays unknown.
        """
        rooms = self._rooms
        wait_ms = take.not_before_ms - rooms.clock()
        if take.body is None or take.submitting_at_ms is None:
            return take, None
        if rooms.clock() - take.submitting_at_ms > _REVIEW_LIFE_MS:
            return await self._fail(take, reason("review-ended")), 0
        if wait_ms > 0:
            return take, wait_ms
        found = await self._look_for(take, since_ms=take.submitting_at_ms - _CLOCK_SKEW_MS)
        if found is not None and len(found) == 1:
            return await self._adopt(take, found[0].id), 0
        later_ms = rooms.clock() + _REVIEW_INTERVAL_MS
        return await rooms.store.move_take(take, take.state, not_before_ms=later_ms), _REVIEW_INTERVAL_MS

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
            why = reason("deadline-not-stopped", minutes=rooms.patience.deadline_ms // 60_000)
            return await self._fail(take, why), 0
        return take, rooms.patience.settle_interval_ms

    async def _fetch(self, take: Take) -> tuple[Take, int | None]:
        """Brings the clip here. It is paid for: its bytes are kept before they are judged."""
        rooms = self._rooms
        wait_ms = take.not_before_ms - rooms.clock()
        if wait_ms > 0:
            return take, wait_ms
        key: str | None = None
        with scratch_folder(rooms.scratch) as folder:
            path = folder / "clip"
            try:
                byte_count = await rooms.provider.download(take.result_url or "", path)
                key = await rooms.contents.put(path)
                facts, findings = await self._checked(path, byte_count)
            except Rejected as error:
                return await self._fetch_anew(take, error.reason)
            except Refused:
                return await self._fetch_anew(take, reason("result-not-video"), kept=key)
        rooms.reached("kept-clip")
        cost = take.cost_usd_micros if take.cost_usd_micros is not None else await self._cost_now(take)
        fetched = {"clip": key, "clip_facts": facts, "clip_findings": findings, "cost_usd_micros": cost}
        return await rooms.store.move_take(take, TakeState.FETCHED, failure=None, **fetched), 0

    def _sniffed_video(self, path: Path) -> Sniffed:
        with path.open("rb") as file:
            sniffed = self._rooms.media.sniff(file.read(_HEAD_BYTES))
        if sniffed.kind is not Kind.VIDEO:
            raise Refused(reason("result-not-video"))
        return sniffed

    async def _checked(self, path: Path, byte_count: int) -> tuple[MediaFacts, ClipFindings | None]:
        """The clip's facts and what was found of it. It is paid for: what can be measured is a video, found or not.

        `Refused` when it is none.
        """
        sniffed = self._sniffed_video(path)
        try:
            findings = await self._rooms.clips.check_clip(path)
        except Refused as refused:
            _log.warning("clip not looked into", reason=refused.reason.code, detail=refused.detail)
            return await self._measured(path, sniffed, byte_count), None
        return findings.facts, findings

    async def _measured(self, path: Path, sniffed: Sniffed, byte_count: int) -> MediaFacts:
        """The clip's facts. One that is too much work to measure here and now is a video all the same."""
        try:
            facts = await self._rooms.media.probe(path, sniffed)
        except Refused as refused:
            if refused.reason.code != "media-too-heavy":
                raise
            return MediaFacts(kind=Kind.VIDEO, format=sniffed.format, byte_count=byte_count)
        if facts.kind is not Kind.VIDEO:
            raise Refused(reason("result-not-video"))
        return facts

    async def _cost_now(self, take: Take) -> int | None:
        """The vendor may say the cost a little after it says "done"."""
        if take.generation_id is None:
            return None
        try:
            return (await self._rooms.provider.look(take.generation_id)).cost_usd_micros
        except Unavailable:
            return None

    async def _fetch_anew(self, take: Take, why: Reason, *, kept: str | None = None) -> tuple[Take, int | None]:
        """A result's URL may lapse, or show something else for a while: asked for anew with growing waits.

        `kept`: the key of bytes that came but are no video; whoever looks into the failure finds them by the take.
        """
        rooms = self._rooms
        attempts = take.attempts + 1
        if why.code == "result-too-large" or attempts >= rooms.patience.max_attempts or take.generation_id is None:
            return await self._fail(take, why, clip=kept), 0
        said = await rooms.provider.look(take.generation_id)
        wait_ms = rooms.patience.backoff_ms(attempts)
        waiting = await rooms.store.move_take(
            take,
            take.state,
            attempts=attempts,
            result_url=said.result_url or take.result_url,
            not_before_ms=rooms.clock() + wait_ms,
        )
        return waiting, wait_ms

    async def withdraw(self, take: Take) -> Take:
        """Takes a final take's publications back, once."""
        if not take.state.final or take.withdrawn:
            return take
        await self._rooms.publisher.withdraw(take.id, take.publications)
        return await self._rooms.store.move_take(take, take.state, withdrawn=True)

    async def _fail(
        self, take: Take, why: Reason, *, cost_usd_micros: int | None = None, clip: str | None = None
    ) -> Take:
        cost = take.cost_usd_micros if cost_usd_micros is None else cost_usd_micros
        return await self._rooms.store.move_take(take, TakeState.FAILED, failure=why, cost_usd_micros=cost, clip=clip)


def _submission(rooms: Rooms, request: Request, take: Take, spec: ModelSpec) -> Submission:
    urls = {publication.reference_id: publication.url for publication in take.publications}
    if request.prompt is None:
        raise Refused(reason("empty-prompt"))
    return Submission(
        model_id=spec.id,
        prompt=rooms.render(request.prompt, spec, request.references),
        parameters=request.parameters,
        materials=tuple(
            Material(
                reference_id=reference.id,
                kind=reference.kind,
                url=urls[reference.id],
                shows_person=reference.shows_person,
            )
            for reference in faces_first(request.references, spec.face_kinds)
        ),
    )


def _stop_reason(request: Request, deadline_ms: int) -> Reason:
    if request.cancel_requested_by is not None:
        return reason("cancelled", person=request.cancel_requested_by)
    return _deadline(deadline_ms)


def _deadline(deadline_ms: int) -> Reason:
    return reason("deadline-passed", minutes=deadline_ms // 60_000)
