"""With several processes: finds requests that nobody carries, and has them carried.

A process may end between a commit and its wake. What it carried is the engine's business; this is about the rest.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from bot.domain.requests import Snapshot
from bot.domain.states import RequestState, TakeState
from bot.pipeline.dispatch import Dispatch
from bot.pipeline.rooms import Rooms

_LEASE: Final = "reconciler"
_LEASE_MS: Final = 45_000
_WOKEN_A_LOOK: Final = 200
_PREPARING_MS: Final = 5 * 60_000
"""A new draft is taken for lost after this: longer than a gateway needs, well below what `advance` calls too old."""


class Reconcile:
    """One process at a time looks. Whoever is open, in nobody's hand at two looks in a row, and not parked is woken."""

    def __init__(
        self, rooms: Rooms, dispatch: Dispatch, in_hand: Callable[[], Awaitable[Collection[str]]], *, holder: str
    ) -> None:
        """`in_hand`: ids of the requests that the engine carries or will. `holder` names this process in the lease."""
        self._rooms = rooms
        self._dispatch = dispatch
        self._in_hand = in_hand
        self._holder = holder
        self._suspects: frozenset[str] = frozenset()

    async def look(self) -> None:
        """One look; to be called a few times within 45 s. `Unavailable`: the next one tries again."""
        rooms = self._rooms
        if not await rooms.store.take_lease(_LEASE, self._holder, ttl_ms=_LEASE_MS, now_ms=rooms.clock()):
            self._suspects = frozenset()
            return
        await self._dispatch()
        open_requests = await rooms.store.open_requests()  # before the engine is asked: what is new since is not open
        in_hand = frozenset(await self._in_hand())
        idle = [request_id for request_id in open_requests if request_id not in in_hand]
        again = [request_id for request_id in idle if request_id in self._suspects]
        woken = await self._wake(again)
        self._suspects = frozenset(idle) - woken

    async def _wake(self, request_ids: Collection[str]) -> frozenset[str]:
        """Those whose turn it is; the others are at the next looks."""
        woken: set[str] = set()
        for request_id in request_ids:
            snapshot = await self._rooms.store.load(request_id)
            if snapshot is not None and not self._waits_rightly(snapshot):
                self._rooms.engine.wake(request_id)
                woken.add(request_id)
            if len(woken) == _WOKEN_A_LOOK:
                break
        return frozenset(woken)

    def _waits_rightly(self, snapshot: Snapshot) -> bool:
        """In its lane, with the vendor (the watcher has it), or still with the gateway that makes it."""
        request = snapshot.request
        if request.state is RequestState.QUEUED:
            return request.cancel_requested_by is None
        if request.state is RequestState.DRAFT and request.expires_at_ms is None:
            return self._rooms.clock() - request.created_at_ms < _PREPARING_MS
        parked = {take.state for take in snapshot.takes if not take.state.final}
        return request.state is RequestState.WORKING and parked == {TakeState.RENDERING}
