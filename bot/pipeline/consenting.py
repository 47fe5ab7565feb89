"""Consent as the steps look at it: which files their owners do not allow to be used now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.consent import Consents, as_meant, barred, concerned, stopping
from bot.domain.reasons import Reason
from bot.domain.references import Offer, Reference
from bot.domain.requests import Request
from bot.pipeline.rooms import Rooms


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A draft's references as their owners allow them now.

    `barred`: reference id → why it may not be used. `references`: all of them, each without the mentions that it may
    not stand for.
    """

    barred: dict[str, Reason]
    references: tuple[Reference, ...]


class Consenting:
    """Asks the rows, and nothing where nobody else's files are concerned."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def allowed(self, offers: Sequence[Offer], *, guild_id: int, person_id: int) -> tuple[Offer, ...]:
        """The offers in order; one that is barred now is refused for that reason, and so fetched by nobody."""
        consents = await self._consents(offers, guild_id)
        return tuple(_judged(offer, person_id, consents) for offer in offers)

    async def judged(self, draft: Request) -> Judged:
        """What may be made of a draft's references, as its prompt is to be read now."""
        references, person_id = draft.references, draft.person.id
        consents = await self._consents(references, draft.place.guild_id)
        reasons = {each.id: barred(each, person_id=person_id, consents=consents) for each in references}
        return Judged(
            barred={reference_id: why for reference_id, why in reasons.items() if why is not None},
            references=tuple(as_meant(each, person_id=person_id, consents=consents) for each in references),
        )

    async def reasons(self, request: Request) -> tuple[Reason, ...]:
        """Why a request whose prompt was read and accepted may not go on; empty when it may."""
        consents = await self._consents(request.references, request.place.guild_id)
        found = (stopping(each, person_id=request.person.id, consents=consents) for each in request.references)
        return tuple(why for why in found if why is not None)

    async def _consents(self, items: Sequence[Offer] | Sequence[Reference], guild_id: int) -> Consents:
        owners, messages = concerned(items)
        if not owners and not messages:
            return Consents()
        return await self._rooms.consent.consents(guild_id, owners=owners, messages=messages)


def _judged(offer: Offer, person_id: int, consents: Consents) -> Offer:
    why = barred(offer, person_id=person_id, consents=consents)
    return offer if why is None or offer.refusal is not None else replace(offer, refusal=why)
