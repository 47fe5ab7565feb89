"""Delivering again what was kept because Discord refused it."""

from bot.domain.errors import Refused, Stale
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState
from bot.pipeline.rooms import Rooms


class DeliverAgain:
    """Kept → delivering, on demand. Messages that stand already are not posted again."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(self, request_id: str, *, person_id: int, moderator: bool) -> Snapshot:
        """The request on its way. `Refused` when it is unknown, somebody else's, or not kept."""
        snapshot = await self._rooms.store.load(request_id)
        if snapshot is None:
            raise Refused(reason("request-unknown"))
        if person_id != snapshot.request.person.id and not moderator:
            raise Refused(reason("deliver-not-yours"))
        if snapshot.request.state is not RequestState.KEPT:
            raise Refused(reason("deliver-not-kept"))
        try:
            await self._rooms.store.move(snapshot.request, RequestState.DELIVERING, failure=None, finished_at_ms=None)
        except Stale as stale:
            raise Refused(reason("deliver-not-kept")) from stale
        self._rooms.cards.changed(request_id)
        self._rooms.engine.wake(request_id)
        return await self._rooms.store.load(request_id) or snapshot
