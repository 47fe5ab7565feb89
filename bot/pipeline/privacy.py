"""What a person allows others to do with their files and avatar, and what is stopped when they forbid it."""

from bot.domain.consent import EVERYWHERE, Choice
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Request
from bot.domain.states import RequestState, TakeState
from bot.pipeline.consenting import Consenting
from bot.pipeline.dispatch import redraw_line
from bot.pipeline.rooms import Rooms

_TRIES = 5
_COME_TO_NOTHING = frozenset({TakeState.PLANNED, TakeState.FAILED, TakeState.CANCELLED})
_ON_ITS_WAY = frozenset({RequestState.QUEUED, RequestState.PREPARING, RequestState.WORKING})


class Privacy:
    """The word is stored first: from then on nothing is paid for against it, whatever becomes of the rest."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._consenting = Consenting(rooms)

    async def choices(self, guild_id: int, person_id: int) -> tuple[Choice, Choice]:
        """What they said for that guild, and for everywhere."""
        consent = self._rooms.consent
        return await consent.choice(person_id, guild_id), await consent.choice(person_id, EVERYWHERE)

    async def choose(self, guild_id: int, person_id: int, choice: Choice) -> int:
        """Stores a choice for a guild (or `EVERYWHERE`); answers how many requests of others were stopped by it."""
        rooms = self._rooms
        return await self._stop(await rooms.consent.choose(person_id, guild_id, choice, now_ms=rooms.clock()))

    async def withdraw(self, message_id: int, *, owner_id: int, person_id: int) -> int:
        """Takes back a message's files; `Refused` unless it is one's own. Answers how many requests were stopped."""
        if owner_id != person_id:
            raise Refused(reason("withdraw-not-yours"))
        rooms = self._rooms
        return await self._stop(await rooms.consent.withdraw(message_id, owner_id, now_ms=rooms.clock()))

    async def _stop(self, request_ids: tuple[str, ...]) -> int:
        return sum([await self._stopped(request_id) for request_id in request_ids])

    async def _stopped(self, request_id: str) -> bool:
        """True when it was on its way and ends now.

        A draft stays: its card says what is wrong, and it cannot be confirmed so. A request with a take that is ordered
        already goes on without the others.
        """
        for _try in range(_TRIES):
            snapshot = await self._rooms.store.load(request_id)
            if snapshot is None or snapshot.request.state not in _ON_ITS_WAY:
                return False
            reasons = await self._consenting.reasons(snapshot.request)
            if not reasons:
                return False  # allowed again meanwhile
            try:
                await self._end(snapshot.request, reasons[0])
            except Stale:
                continue  # it moved while we looked: look again
            self._rooms.engine.wake(request_id)
            return all(take.state in _COME_TO_NOTHING for take in snapshot.takes)
        raise Unavailable(reason("database-unavailable"))

    async def _end(self, request: Request, why: Reason) -> None:
        """Only what waits ends here; what is being prepared or worked on finds out before it pays."""
        if request.state is not RequestState.QUEUED:
            return
        rooms = self._rooms
        await rooms.store.move(request, RequestState.FAILED, failure=why, finished_at_ms=rooms.clock())
        await redraw_line(rooms, request.place.guild_id)
