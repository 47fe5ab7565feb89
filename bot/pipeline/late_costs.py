"""Costs that the vendor says late: asked for again, so that what is still held for an ended take is settled."""

from typing import Final

from bot.domain.errors import RushesError
from bot.domain.generations import GenerationState
from bot.domain.requests import Take
from bot.pipeline.rooms import Rooms

_INTERVAL_MS: Final = 300_000
_AT_ONCE: Final = 20
_MOST: Final = 1_000


class LateCosts:
    """Looks at takes that ended without a known cost: a few at a time, and every one when its turn comes.

    Whose turn it is, is kept in this process alone: another one begins with the oldest.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._not_before_ms = 0
        self._last = ""

    async def look(self) -> None:
        """One look, however often it is called, in some minutes. `Unavailable` when the store is."""
        now_ms = self._rooms.clock()
        if now_ms < self._not_before_ms:
            return
        self._not_before_ms = now_ms + _INTERVAL_MS
        for take in self._in_turn(await self._rooms.store.unsettled(_MOST)):
            self._last = take.id
            try:
                await self._book(take)
            except RushesError:
                continue  # its next turn looks again

    def _in_turn(self, takes: tuple[Take, ...]) -> tuple[Take, ...]:
        """What nobody ever says the cost of does not keep the others from being looked at."""
        later = tuple(take for take in takes if take.id > self._last)
        earlier = tuple(take for take in takes if take.id <= self._last)
        return (*later, *earlier)[:_AT_ONCE]

    async def _book(self, take: Take) -> None:
        rooms = self._rooms
        said = await rooms.provider.look(take.generation_id or "")
        if said.state is GenerationState.ACTIVE or said.cost_usd_micros is None:
            return
        await rooms.store.move_take(take, take.state, cost_usd_micros=said.cost_usd_micros)
        rooms.cards.changed(take.request_id)
