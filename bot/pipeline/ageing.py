"""What waited long rises: one process of the deployment sees to it, at intervals."""

from typing import Final

from bot.pipeline.rooms import Rooms

_LEASE: Final = "ageing"


class Ageing:
    """Raises priorities where guilds have ageing, whoever of several processes is elected."""

    def __init__(self, rooms: Rooms, *, holder: str, interval_ms: int) -> None:
        """`holder` names this process in the lease row; the lease outlasts missed turns."""
        self._rooms = rooms
        self._holder = holder
        self._ttl_ms = 3 * interval_ms

    async def __call__(self) -> None:
        """One turn, to be called once an interval. `Unavailable`: the next one catches up."""
        store, now_ms = self._rooms.store, self._rooms.clock()
        if await store.take_lease(_LEASE, self._holder, ttl_ms=self._ttl_ms, now_ms=now_ms):
            await store.age_lanes(now_ms=now_ms)
