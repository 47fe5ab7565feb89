"""From offers to references: consent, the day's allowance, and only then the first byte."""

from collections.abc import Sequence

from bot.domain.errors import Refused
from bot.domain.models import ModelSpec
from bot.domain.reasons import Reason
from bot.domain.references import Collected, Offer
from bot.domain.requests import Place
from bot.pipeline.consenting import Consenting
from bot.pipeline.rooms import Rooms

_OF_ONE_FILE = frozenset({"file-too-large"})
"""Declared reasons that concern one file: alone, they stop no other file and become that file's fate."""


class Collecting:
    """Collects for drafts and trays alike."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._consenting = Consenting(rooms)

    def declared(self, offers: Sequence[Offer], spec: ModelSpec, *further: Reason) -> None:
        """`Refused`, before any byte is fetched, with what the offers say of themselves, and with `further` reasons."""
        reasons = (*further, *self._rooms.declared_reasons(offers, spec))
        if any(why.code not in _OF_ONE_FILE for why in reasons):
            raise Refused(*reasons)

    async def __call__(
        self, offers: Sequence[Offer], *, place: Place, person_id: int, draft_id: str | None = None
    ) -> Collected:
        """The references and every offer's fate. Preparing one draft (`draft_id`) again takes no more of the day.

        `Refused` when the day's allowance is used up: then nothing was fetched. `Unavailable`.
        """
        rooms = self._rooms
        allowed = await self._consenting.allowed(offers, guild_id=place.guild_id, person_id=person_id)
        files, byte_count = rooms.declared_bytes(allowed)
        if files:
            await rooms.store.reserve(
                place.guild_id,
                person_id,
                files=files,
                byte_count=byte_count,
                allowance=rooms.drafting.allowance,
                now_ms=rooms.clock(),
                draft_id=draft_id,
            )
        return await rooms.collect(allowed)


def refuse_when_nothing_is_left(offers: Sequence[Offer], collected: Collected) -> None:
    """`Refused` with every reason when files were offered and none can be used.

    Pictures that a mention stands for do not count as offered: without them, the mention is words.
    """
    offered = [offer for offer in offers if offer.stands_for is None]
    reasons = [fate.reason for fate in collected.fates if fate.reason is not None]
    if offered and not collected.references and reasons:
        raise Refused(*reasons)
