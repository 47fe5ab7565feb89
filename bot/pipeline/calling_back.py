"""Calling a person back whose answer was lost: intended before a draft waits, settled once its card got through."""

from dataclasses import dataclass

import structlog

from bot.domain.errors import DeliveryRefused
from bot.domain.requests import Request, Snapshot
from bot.pipeline.rooms import Rooms

_SLOT = "callback"
_ANSWERED = "answered"

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.drafts")


def is_owed(snapshot: Snapshot) -> bool:
    """True when nobody is known to have told the person, neither by an answer nor by a call."""
    post = snapshot.post(_SLOT)
    return post is not None and post.message_id is None and post.shown is None


@dataclass(frozen=True, slots=True)
class CallingBack:
    """Rests on the outbox's row: whatever process comes next finds what is owed."""

    rooms: Rooms

    async def intend(self, draft: Request) -> None:
        """From here on somebody has to be told, whatever comes between."""
        rooms = self.rooms
        await rooms.store.intend_post(draft.id, _SLOT, draft.place.channel_id, now_ms=rooms.clock())

    async def settle(self, snapshot: Snapshot) -> None:
        """The person was answered: nobody has to be called."""
        if is_owed(snapshot):
            await self.rooms.store.record_post(snapshot.request.id, _SLOT, message_id=None, shown=_ANSWERED)

    async def call(self, snapshot: Snapshot) -> None:
        """Calls, if that is owed. `Unavailable`."""
        if not is_owed(snapshot):
            return
        request_id = snapshot.request.id
        try:
            await self.rooms.courier.call_back(snapshot)
        except DeliveryRefused as refused:  # `/video drafts` has it
            _log.warning("nobody called back", request=request_id, reason=refused.reason.code)
            await self.rooms.store.record_post(request_id, _SLOT, message_id=None, shown=refused.reason.code)
