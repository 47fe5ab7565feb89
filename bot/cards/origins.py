"""Where a file came from, in a few words."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.domain.references import Fate, OfferSource, Reference

_ORIGINS: Final[Mapping[OfferSource, str]] = {
    OfferSource.TRAY: "from your tray",
    OfferSource.FORWARD: "forwarded",
    OfferSource.REPLY: "from the message replied to",
    OfferSource.STICKER: "sticker",
    OfferSource.EMBED: "from a link's preview",
    OfferSource.EMOJI: "emoji",
    OfferSource.AVATAR: "avatar",
    OfferSource.CLIP: "made by Rushes",
}
"""The others are obvious: the person has just pointed at the file."""


def origin(reference: Reference, fates: Sequence[Fate] = ()) -> str:
    """Empty when it is obvious. What was put into a tray from elsewhere says both."""
    first = _ORIGINS.get(reference.source, "")
    through = {_ORIGINS.get(fate.source, "") for fate in fates if fate.reference_id == reference.id}
    tray = _ORIGINS[OfferSource.TRAY]
    return ", ".join(dict.fromkeys(part for part in (first, tray if tray in through else "") if part))
