"""Takes a request as far as it can go now. May be called again anywhere, any time: every step rests on rows."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from bot.domain.errors import DeliveryRefused, Refused
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Request, Snapshot, Take
from bot.domain.states import RequestState, TakeState
from bot.pipeline.calling_back import CallingBack, is_owed
from bot.pipeline.conforming import Conforming
from bot.pipeline.consenting import Consenting
from bot.pipeline.delivering import Delivering
from bot.pipeline.dispatch import Dispatch, redraw_line
from bot.pipeline.rooms import Rooms
from bot.pipeline.submit import Submit
from bot.pipeline.takes import TakeSteps

_CARD = "card"
_NOTICE = "notice"
_GOING_ON = frozenset({TakeState.SUBMITTING, TakeState.RENDERING, TakeState.FETCHING})
_DRAFT_LIFE_MS = 15 * 60 * 1000  # as long as the interaction that made it: later, nobody expects it any more

Step = Callable[[Snapshot], Awaitable[int | None]]
"""Does one thing; answers the wait in ms before the next, 0 for at once, `None` when there is nothing to do now."""


class Advance:
    """The order of steps after acceptance (and of drafts that a restart interrupted)."""

    def __init__(self, rooms: Rooms, submit: Submit, dispatch: Dispatch) -> None:
        self._rooms = rooms
        self._submit = submit
        self._dispatch = dispatch
        self._takes = TakeSteps(rooms)
        self._consenting = Consenting(rooms)
        self._delivering = Delivering(rooms)
        self._calling_back = CallingBack(rooms)
        self._conforming = Conforming(rooms)
        self._steps: dict[RequestState, Step] = {
            RequestState.DRAFT: self._draft,
            RequestState.QUEUED: self._queue,
            RequestState.PREPARING: self._prepare,
            RequestState.WORKING: self._work,
            RequestState.DELIVERING: self._deliver,
        }

    async def __call__(self, request_id: str) -> int | None:
        """Milliseconds after which to call again, or `None`: somebody will wake it.

        `Unavailable` when a service does not answer, `Stale` when somebody else moved the row: call again later.
        """
        while True:
            snapshot = await self._rooms.store.load(request_id)
            if snapshot is None:
                return None
            wait_ms = await self._steps.get(snapshot.request.state, self._finish)(snapshot)
            if wait_ms != 0:
                return wait_ms

    async def stumble(self, request_id: str, why: Reason) -> None:
        """Counts an unexpected failure. After too many, what cannot go on is given up with the reason.

        Whatever is paid for goes on: takes at the vendor, clips on their way here; clips that are here are kept. A
        draft that waits is left as it was shown; it ends by itself.
        """
        rooms = self._rooms
        snapshot = await rooms.store.load(request_id)
        if snapshot is None or snapshot.request.state.final or _waits(snapshot.request):
            return
        request = await rooms.store.move(
            snapshot.request, snapshot.request.state, attempts=snapshot.request.attempts + 1
        )
        if request.attempts < rooms.patience.max_attempts:
            return
        for take in snapshot.takes:
            if take.state is TakeState.PLANNED:
                await rooms.store.move_take(take, TakeState.FAILED, failure=why, cost_usd_micros=0)
            elif take.state is TakeState.SUBMITTING:
                await rooms.store.move_take(take, TakeState.NEEDS_REVIEW, failure=reason("needs-review"))
        if request.state is RequestState.DELIVERING:
            await self._end(request, RequestState.KEPT, why)
        elif request.state is not RequestState.WORKING:
            await self._end(request, RequestState.FAILED, why)
            await self._announce(request_id)

    # --- the steps, in order -------------------------------------------------------------------------------------

    async def _draft(self, snapshot: Snapshot) -> int | None:
        """A draft that waits for its person is left alone until it expires; any other has lost its process."""
        until_ms = snapshot.request.expires_at_ms
        if until_ms is None:
            return await self._carry_on(snapshot)
        if until_ms <= self._rooms.clock():
            await self._end(snapshot.request, RequestState.EXPIRED, reason("draft-expired"))
            return 0
        await self._calling_back.call(snapshot)
        return max(1, until_ms - self._rooms.clock())

    async def _carry_on(self, snapshot: Snapshot) -> int | None:
        """Prepared after all; if it must be refused, or needs its person, they are told in the channel."""
        request = snapshot.request
        await self._calling_back.intend(request)  # the answer to the command is lost
        if self._rooms.clock() - request.created_at_ms > _DRAFT_LIFE_MS:
            await self._end(request, RequestState.FAILED, reason("draft-too-old"))
            await self._announce(request.id)
            return None
        try:
            await self._submit.prepare(request)
        except Refused:
            await self._announce(request.id)
            return None
        return 0

    async def _queue(self, snapshot: Snapshot) -> int | None:
        if await self._stopped(snapshot.request):
            await redraw_line(self._rooms, snapshot.request.place.guild_id)
            return 0
        if not await self._card_stands(snapshot):
            return 0
        await self._dispatch()
        return None

    async def _prepare(self, snapshot: Snapshot) -> int | None:
        """One file is made to fit, or none is left to be: between two of them, whoever wants it stopped is heard."""
        rooms, request = self._rooms, snapshot.request
        if await self._stopped(request) or not await self._card_stands(snapshot):
            return 0
        try:
            if not await self._conforming(request):
                await rooms.store.move(request, RequestState.WORKING)
        except Refused as refused:
            await self._end(request, RequestState.FAILED, refused.reason)
        rooms.cards.changed(request.id)
        return 0

    async def _work(self, snapshot: Snapshot) -> int | None:
        takes, waits, trouble = await self._step_takes(snapshot)
        if all(take.state.final for take in takes):
            await self._conclude(snapshot.request, takes)
            return 0
        if [take.version for take in takes] != [take.version for take in snapshot.takes]:
            self._rooms.cards.changed(snapshot.request.id)
        states = {take.state for take in takes}
        if TakeState.NEEDS_REVIEW in states and not states & _GOING_ON:
            await self._dispatch()  # what waits for a review holds no place
        if trouble is not None:
            raise trouble
        return min(waits, default=None)

    async def _step_takes(self, snapshot: Snapshot) -> tuple[list[Take], list[int], Exception | None]:
        """Each take as far as it goes; one take's trouble does not stop another's way."""
        takes: list[Take] = []
        waits: list[int] = []
        trouble: Exception | None = None
        for take in snapshot.takes:
            current, wait_ms = take, 0
            try:
                while wait_ms == 0:
                    current, wait_ms = await self._takes.step(snapshot.request, current)
            except Exception as error:  # noqa: BLE001  raised again once every other take had its turn
                trouble = trouble or error
            else:
                waits.extend([] if wait_ms is None else [wait_ms])
            takes.append(current)
        return takes, waits, trouble

    async def _conclude(self, request: Request, takes: list[Take]) -> None:
        rooms = self._rooms
        if any(take.state is TakeState.FETCHED for take in takes):
            await rooms.store.move(request, RequestState.DELIVERING)
            rooms.cards.changed(request.id)
        elif request.cancel_requested_by is not None:
            await self._end(request, RequestState.CANCELLED, reason("cancelled", person=request.cancel_requested_by))
        else:
            why = next((take.failure for take in takes if take.failure is not None), reason("vendor-failed"))
            await self._end(request, RequestState.FAILED, why)

    async def _deliver(self, snapshot: Snapshot) -> int | None:
        rooms = self._rooms
        try:
            placed = await self._with_thread(snapshot)
            undelivered = await self._delivering(placed)
        except DeliveryRefused as refused:
            current = await self._reload(snapshot)
            await self._end(current.request, RequestState.KEPT, refused.reason)
            return 0
        rooms.reached("delivered")
        # What was refused beside what was posted is kept too: it is paid for, and can be delivered again.
        ending = RequestState.KEPT if undelivered else RequestState.DELIVERED
        await self._end(placed.request, ending, next((one.reason for one in undelivered), None))
        return 0

    async def _finish(self, snapshot: Snapshot) -> int | None:
        """What a final request may still owe: its place to the next, a word, a true card, withdrawn references."""
        await self._dispatch()
        begun = snapshot.request.accepted_at_ms is not None or snapshot.post(_NOTICE) is not None or is_owed(snapshot)
        if snapshot.request.state in {RequestState.FAILED, RequestState.KEPT} and begun:
            await self._announce(snapshot.request.id)
        card = snapshot.post(_CARD)
        if card is not None and card.message_id is None and card.shown is None:
            with suppress(DeliveryRefused):  # intended, and perhaps posted, when something came between
                await self._rooms.courier.show_card(snapshot)
        elif card is not None and card.shown != snapshot.request.state.value:
            self._rooms.cards.changed(snapshot.request.id)
        for take in snapshot.takes:
            await self._tidy(take)
        return None

    async def _tidy(self, take: Take) -> None:
        """A take that was never begun ends with its request; what was published for any is withdrawn."""
        if take.state is TakeState.PLANNED:
            take = await self._rooms.store.move_take(take, TakeState.CANCELLED, cost_usd_micros=0)
        await self._takes.withdraw(take)

    # --- what the steps share ------------------------------------------------------------------------------------

    async def _stopped(self, request: Request) -> bool:
        """True when it ends here, before anything is spent: it was cancelled, or a file of it may not be used."""
        if request.cancel_requested_by is not None:
            await self._end(request, RequestState.CANCELLED, reason("cancelled", person=request.cancel_requested_by))
            return True
        barred = await self._consenting.reasons(request)
        if barred:
            await self._end(request, RequestState.FAILED, barred[0])
        return bool(barred)

    async def _card_stands(self, snapshot: Snapshot) -> bool:
        """True when the card is posted. Where it cannot be, the request ends here, before anything is spent."""
        card = snapshot.post(_CARD)
        if card is not None and card.message_id is not None:
            return True
        try:
            await self._rooms.courier.show_card(snapshot)
        except DeliveryRefused:
            current = await self._reload(snapshot)
            await self._end(current.request, RequestState.FAILED, reason("card-refused"))
            return False
        return True

    async def _with_thread(self, snapshot: Snapshot) -> Snapshot:
        if snapshot.request.thread_id is not None:
            return snapshot
        thread_id = await self._rooms.courier.open_thread(snapshot)
        if thread_id is None:
            return snapshot
        await self._rooms.store.move(snapshot.request, snapshot.request.state, thread_id=thread_id)
        return await self._reload(snapshot)

    async def _reload(self, snapshot: Snapshot) -> Snapshot:
        return await self._rooms.store.load(snapshot.request.id) or snapshot

    async def _announce(self, request_id: str) -> None:
        snapshot = await self._rooms.store.load(request_id)
        if snapshot is None:
            return
        notice = snapshot.post(_NOTICE)
        if notice is not None and (notice.message_id is not None or notice.shown is not None):
            return
        try:
            await self._rooms.courier.announce(snapshot)
        except DeliveryRefused as refused:
            # There is no place to say it: the row says so, and the card's last state stands.
            await self._rooms.store.intend_post(
                request_id, _NOTICE, snapshot.request.place.channel_id, now_ms=self._rooms.clock()
            )
            await self._rooms.store.record_post(request_id, _NOTICE, message_id=None, shown=refused.reason.code)

    async def _end(self, request: Request, state: RequestState, why: Reason | None) -> None:
        rooms = self._rooms
        await rooms.store.move(request, state, failure=why, finished_at_ms=rooms.clock())
        rooms.cards.changed(request.id)


def _waits(request: Request) -> bool:
    return request.state is RequestState.DRAFT and request.expires_at_ms is not None
