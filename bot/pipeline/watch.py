"""The watcher: one per deployment looks at the vendor's list for everybody and wakes the requests that moved."""

from bot.domain.errors import Unavailable
from bot.domain.generations import Generation
from bot.domain.requests import Take
from bot.pipeline.late_costs import LateCosts
from bot.pipeline.outcome import Outcome
from bot.pipeline.rooms import Rooms

_LEASE = "watcher"


class Watch:
    """Parked takes are rows; this is what wakes them."""

    def __init__(self, rooms: Rooms, *, holder: str) -> None:
        """`holder` names this process in the lease row."""
        self._rooms = rooms
        self._outcome = Outcome(rooms)
        self._late_costs = LateCosts(rooms)
        self._holder = holder

    async def look(self) -> None:
        """One look: one list call however many takes are parked, and one call each for those that left the list.

        And every few minutes a few calls for costs that are still to come.

        To be called once an interval; `Unavailable`: the next turn tries again, the rows are as they were.
        """
        rooms = self._rooms
        ttl_ms = 3 * rooms.patience.watch_interval_ms + 10_000
        if not await rooms.store.take_lease(_LEASE, self._holder, ttl_ms=ttl_ms, now_ms=rooms.clock()):
            return
        await self._late_costs.look()
        takes = await rooms.store.watched_takes()
        if not takes:
            return
        active = {generation.id: generation for generation in await rooms.provider.active()}
        trouble: Exception | None = None
        for take in takes:
            try:
                await self._see(take, active.get(take.generation_id or ""))
            except Unavailable:
                continue  # the next turn looks again
            except Exception as error:  # noqa: BLE001  raised again once every other take was seen
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    async def _see(self, take: Take, active: Generation | None) -> None:
        rooms = self._rooms
        said = active or await rooms.provider.look(take.generation_id or "")
        try:
            seen = await self._outcome.write(take, said)
        except Unavailable:
            rooms.engine.wake(take.request_id)  # it may be written all the same, and then nobody watches it any more
            raise
        late = rooms.clock() - (take.submitted_at_ms or 0) > rooms.patience.deadline_ms
        if seen.state is not take.state or late:
            rooms.engine.wake(take.request_id)
        if seen.version != take.version:
            rooms.cards.changed(take.request_id)
