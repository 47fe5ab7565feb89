"""Keeps cards true without haste."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bot.delivery.slots import CARD
from bot.domain.errors import DeliveryRefused, Unavailable
from bot.domain.ports import Courier, RequestStore
from bot.domain.requests import Snapshot

ReportTrouble = Callable[[str, Exception], None]
"""Called with a request id and what kept its card from being drawn."""
Sleep = Callable[[float], Awaitable[None]]

_EDITS_AT_ONCE: Final = 8
_LONGEST_REST_SECONDS: Final = 60.0


class CardKeeper:
    """The `Cards` of production: one edit of a card at a time, then `interval_seconds` of rest; the last state wins.

    It only edits. A card that is not there yet is posted by the request's own steps, at its turn there: two who post
    at once would have nothing but Discord's nonce between them.

    `run` belongs into the caller's TaskGroup; `changed` may be called before, during and after it. `flush` draws
    what is still owed once `run` has been cancelled.
    """

    def __init__(
        self,
        store: RequestStore,
        courier: Courier,
        report: ReportTrouble,
        monotonic: Callable[[], float],
        *,
        interval_seconds: float = 2.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`monotonic` answers seconds; `sleep` waits for seconds of that clock."""
        self._store, self._courier, self._report = store, courier, report
        self._monotonic, self._sleep, self._interval_seconds = monotonic, sleep, interval_seconds
        self._owed: dict[str, None] = {}
        self._busy: set[str] = set()
        self._rest_until: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._wanted = asyncio.Event()
        self._edits = asyncio.Semaphore(_EDITS_AT_ONCE)

    def changed(self, request_id: str) -> None:
        """The card wants to be drawn anew; many calls before that make one edit."""
        self._owed[request_id] = None
        self._wanted.set()

    async def run(self) -> None:
        """Draws what is owed until cancelled. A card's trouble is reported and stops neither the loop nor others."""
        async with asyncio.TaskGroup() as keepers:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                self._start_keepers(keepers)

    async def flush(self) -> None:
        """Draws every card that is owed, once, after one interval at most; what fails now is only reported."""
        async with asyncio.TaskGroup() as keepers:
            for request_id in [each for each in self._owed if each not in self._busy]:
                keepers.create_task(self._draw_rested(request_id, self._interval_seconds))

    def _start_keepers(self, keepers: asyncio.TaskGroup) -> None:
        for request_id in [each for each in self._owed if each not in self._busy]:
            self._busy.add(request_id)
            keepers.create_task(self._keep(request_id))

    async def _keep(self, request_id: str) -> None:
        """One card's keeper: lives while something is owed, and one rest longer, so that no other starts too soon."""
        try:
            while request_id in self._owed:
                await self._draw_rested(request_id)
                await self._rest(request_id)
        finally:
            self._busy.discard(request_id)
        if request_id not in self._owed:
            self._rest_until.pop(request_id, None)

    async def _draw_rested(self, request_id: str, at_most_seconds: float = _LONGEST_REST_SECONDS) -> None:
        await self._rest(request_id, at_most_seconds)
        self._owed.pop(request_id, None)
        try:
            async with self._edits:
                await self._draw(request_id)
        except asyncio.CancelledError:
            self.changed(request_id)  # for `flush`
            raise
        finally:
            self._rest_until[request_id] = self._monotonic() + self._rest_seconds(request_id)

    async def _draw(self, request_id: str) -> None:
        try:
            snapshot = await self._store.load(request_id)
            if snapshot is not None and _is_posted(snapshot):
                await self._courier.show_card(snapshot)
        except Unavailable as unavailable:
            self._failures[request_id] = self._failures.get(request_id, 0) + 1
            self._report(request_id, unavailable)
            self.changed(request_id)
        except DeliveryRefused as refused:
            self._failures.pop(request_id, None)
            self._report(request_id, refused)
        except Exception as defect:  # noqa: BLE001  one card's defect must not end the keeping of all others
            self._failures.pop(request_id, None)
            self._report(request_id, defect)
        else:
            self._failures.pop(request_id, None)

    def _rest_seconds(self, request_id: str) -> float:
        """The interval, doubled for each failure in a row."""
        doubled = self._interval_seconds * 2.0 ** min(self._failures.get(request_id, 0), 10)
        return max(self._interval_seconds, min(doubled, _LONGEST_REST_SECONDS))

    async def _rest(self, request_id: str, at_most_seconds: float = _LONGEST_REST_SECONDS) -> None:
        seconds = self._rest_until.get(request_id, 0.0) - self._monotonic()
        if seconds > 0:
            await self._sleep(min(seconds, at_most_seconds))


def _is_posted(snapshot: Snapshot) -> bool:
    card = snapshot.post(CARD)
    return card is not None and card.message_id is not None
