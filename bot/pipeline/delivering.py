"""From kept clips to messages. What a place does not take for its size goes there smaller; its original is kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from bot.domain.errors import DeliveryRefused, Refused
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot, Take, Undelivered
from bot.domain.states import TakeState
from bot.pipeline.rooms import Rooms
from bot.pipeline.scratch import scratch_folder

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.delivery")
_TOO_LARGE: Final = "delivery-too-large"
LEAST_UPLOAD_BYTES: Final = 10 << 20
"""What Discord takes per file everywhere, from anybody (docs, reference.mdx, "Uploading Files": "10 MiB")."""
MOST_REQUEST_BYTES: Final = 25 << 20
"""The largest request that Discord speaks of (docs, resources/message.mdx, Create Message)."""


class Delivering:
    """Has a request's clips posted. Every decision is taken anew from what is stored, so any process may go on."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(self, snapshot: Snapshot) -> tuple[Undelivered, ...]:
        """Answers the messages that were refused for good; none when all are posted.

        `DeliveryRefused` (clip-gone) when bytes are missing; `Unavailable`: call again, nothing is posted twice.
        """
        await self._make_smaller(snapshot.takes, hopeless(snapshot))
        while True:
            current = await self._reload(snapshot)
            undelivered = await self._post(current)
            if not await self._make_smaller(current.takes, affordable(current, undelivered)):
                return undelivered

    async def _post(self, snapshot: Snapshot) -> tuple[Undelivered, ...]:
        with scratch_folder(self._rooms.scratch) as folder:
            clips = [(take, await self._copied(take.posted_clip, folder / take.id)) for take in _ready(snapshot)]
            return await self._rooms.courier.deliver(snapshot, clips)

    async def _make_smaller(self, takes: Sequence[Take], limits: Mapping[str, int]) -> bool:
        """True when at least one clip became smaller. `limits`: take id → bytes at most."""
        found = [take for take in takes if take.id in limits]
        return any([await self._shrunk(take, limits[take.id]) for take in found])

    async def _shrunk(self, take: Take, max_bytes: int) -> bool:
        """Makes it smaller from the original, once more for each limit. False when that cannot be done."""
        rooms = self._rooms
        with scratch_folder(rooms.scratch) as folder:
            whole = await self._copied(take.clip, folder / "whole")
            try:
                facts = await rooms.clips.shrink(whole, folder / "smaller", max_bytes=max_bytes)
            except Refused as refused:
                _log.warning("clip not made smaller", take=take.id, max_bytes=max_bytes, reason=refused.reason.code)
                return False
            key = await rooms.contents.put(folder / "smaller")
        rooms.reached("kept-smaller")
        await rooms.store.move_take(take, TakeState.FETCHED, shrunk_clip=key, shrunk_facts=facts)
        rooms.reached("made-smaller")
        return True

    async def _copied(self, key: str | None, path: Path) -> Path:
        try:
            await self._rooms.contents.copy_to(key or "", path)
        except KeyError as error:
            raise DeliveryRefused(reason("clip-gone")) from error
        return path

    async def _reload(self, snapshot: Snapshot) -> Snapshot:
        return await self._rooms.store.load(snapshot.request.id) or snapshot


def hopeless(snapshot: Snapshot) -> dict[str, int]:
    """Take id → the bytes its clip may have, for clips that need not be tried as they are: no place takes so much."""
    hint = snapshot.request.place.upload_limit_bytes
    most = max(MOST_REQUEST_BYTES, hint)
    return {take.id: hint for take in _ready(snapshot) if _byte_count(take) > most}


def affordable(snapshot: Snapshot, undelivered: Sequence[Undelivered]) -> dict[str, int]:
    """Take id → the bytes its clip may have, for clips just refused for their size, as far as less may help."""
    too_large = [one.take_ids for one in undelivered if one.reason.code == _TOO_LARGE]
    hint = snapshot.request.place.upload_limit_bytes
    limits: dict[str, int] = {}
    for take_ids in too_large:
        limits |= _less({take.id: _byte_count(take) for take in _ready(snapshot) if take.id in take_ids}, hint)
    return limits


def _less(sizes: Mapping[str, int], hint: int) -> dict[str, int]:
    """Less than these bytes in one message: what the place is said to take a file, what every place takes, a share."""
    for limit in (hint, LEAST_UPLOAD_BYTES, LEAST_UPLOAD_BYTES // max(1, len(sizes))):
        over = {take_id: limit for take_id, size in sizes.items() if size > limit}
        if over:
            return over
    return {}


def _ready(snapshot: Snapshot) -> list[Take]:
    return [take for take in snapshot.takes if take.state is TakeState.FETCHED and take.clip is not None]


def _byte_count(take: Take) -> int:
    return take.posted_facts.byte_count if take.posted_facts is not None else 0
