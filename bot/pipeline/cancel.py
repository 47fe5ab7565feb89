"""Cancelling: a wish on the row. What waits ends at once, what is being prepared after the file that is at work.

What is ordered ends in what the vendor then says.
"""

from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.reasons import reason
from bot.domain.requests import Request, Snapshot
from bot.domain.states import RequestState
from bot.pipeline.dispatch import redraw_line
from bot.pipeline.rooms import Rooms

_TRIES = 5
_NOT_STARTED = frozenset({RequestState.DRAFT, RequestState.AWAITING_APPROVAL, RequestState.QUEUED})


class Cancel:
    """Asks for a request's end."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(
        self, request_id: str, *, person_id: int, moderator: bool, guild_id: int | None = None
    ) -> Snapshot:
        """The request after the wish was stored. `Refused` when it is unknown, somebody else's, or over.

        With a `guild_id`, also when it is of another guild: somebody who moderates here does not moderate there.
        `Unavailable` when it was not stored, because the row would not stand still.
        """
        for _try in range(_TRIES):
            request = await self._cancellable(request_id, person_id, moderator=moderator, guild_id=guild_id)
            try:
                await self._wish(request, person_id)
            except Stale:
                continue  # it moved while we looked: look again
            self._rooms.cards.changed(request_id)
            self._rooms.engine.wake(request_id)
            break
        else:
            raise Unavailable(reason("database-unavailable"))
        snapshot = await self._rooms.store.load(request_id)
        if snapshot is None:
            raise Refused(reason("request-unknown"))
        return snapshot

    async def _cancellable(self, request_id: str, person_id: int, *, moderator: bool, guild_id: int | None) -> Request:
        snapshot = await self._rooms.store.load(request_id)
        if snapshot is None:
            raise Refused(reason("request-unknown"))
        request = snapshot.request
        if guild_id not in {None, request.place.guild_id}:
            raise Refused(reason("not-here"))
        if person_id != request.person.id and not moderator:
            raise Refused(reason("cancel-not-yours"))
        if request.state is RequestState.DELIVERING:
            raise Refused(reason("cancel-delivering"))
        if request.state.final:
            raise Refused(reason("cancel-too-late"))
        return request

    async def _wish(self, request: Request, person_id: int) -> None:
        store = self._rooms.store
        wished = await store.move(request, request.state, cancel_requested_by=person_id)
        if request.state in _NOT_STARTED:
            await store.move(
                wished,
                RequestState.CANCELLED,
                failure=reason("cancelled", person=person_id),
                finished_at_ms=self._rooms.clock(),
            )
            await redraw_line(self._rooms, request.place.guild_id)
