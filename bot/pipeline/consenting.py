"""Consent as the steps look at it: which files their owners do not allow to be used now."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.consent import Consents, barred
from bot.domain.reasons import Reason
from bot.domain.references import Offer, Reference
from bot.domain.requests import Request
from bot.pipeline.rooms import Rooms


class Consenting:
    """Asks the rows, and nothing where nobody else's files are concerned."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def allowed(self, offers: Sequence[Offer], *, guild_id: int, person_id: int) -> tuple[Offer, ...]:
        """The offers in order; one that is barred now is refused for that reason, and so fetched by nobody."""
        consents = await self._consents(offers, guild_id)
        return tuple(_judged(offer, person_id, consents) for offer in offers)

    async def reasons(self, request: Request) -> tuple[Reason, ...]:
        """Why references of the request may not be used now; empty when all may."""
        consents = await self._consents(request.references, request.place.guild_id)
        found = (barred(each, person_id=request.person.id, consents=consents) for each in request.references)
        return tuple(why for why in found if why is not None)

    async def _consents(self, items: Sequence[Offer] | Sequence[Reference], guild_id: int) -> Consents:
        owners = {item.owner_id for item in items if item.owner_id is not None}
        messages = {item.message_id for item in items if item.message_id is not None}
        if not owners and not messages:
            return Consents()
        return await self._rooms.consent.consents(guild_id, owners=owners, messages=messages)


def _judged(offer: Offer, person_id: int, consents: Consents) -> Offer:
    why = barred(offer, person_id=person_id, consents=consents)
    return offer if why is None or offer.refusal is not None else replace(offer, refusal=why)
