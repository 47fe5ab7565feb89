"""Who is next: claims as many requests as the lanes allow and wakes them."""

from bot.pipeline.rooms import Rooms


class Dispatch:
    """Fills the free places. Called whenever a request is queued or ends; safe to call at any time."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(self) -> None:
        """Claims until the store says there is no place or nobody waits."""
        rooms = self._rooms
        most = rooms.deployment.max_running
        while claimed := await rooms.store.claim_next(max_running=most, now_ms=rooms.clock()):
            rooms.cards.changed(claimed)
            rooms.engine.wake(claimed)
            await self._redraw_line(claimed)

    async def _redraw_line(self, claimed: str) -> None:
        snapshot = await self._rooms.store.load(claimed)
        if snapshot is not None:
            await redraw_line(self._rooms, snapshot.request.place.guild_id)


async def redraw_line(rooms: Rooms, guild_id: int) -> None:
    """Those who wait in a guild's line moved up: their cards say where they stand."""
    for waiting in await rooms.store.waiting_in_guild(guild_id):
        rooms.cards.changed(waiting)
