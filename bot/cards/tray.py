"""A person's tray in a channel."""

from collections.abc import Iterator
from typing import Final

from bot.cards import said
from bot.cards.blocks import moment, references_list
from bot.cards.fates import fates_block
from bot.cards.origins import origin
from bot.cards.sheet import Sheet
from bot.cards.titles import READY_COLOUR
from bot.domain.drafts import TrayView
from bot.domain.reasons import reason
from bot.domain.references import OfferSource, Reference

_REFERENCES_UNITS: Final = 2000
_FATES_UNITS: Final = 1000
_TWICE: Final = "same-file-twice"


def tray(view: TrayView) -> Sheet:
    """What is in it, what became of what was just added, and how to use it."""
    return Sheet(
        (
            "### Your tray in this channel",
            "\n".join(_contents(view)) or said.sentence(reason("tray-empty")),
            _added(view),
            fates_block(view.fates, view.references, _FATES_UNITS),
            "\n".join(_foot(view)),
        ),
        colour=READY_COLOUR,
    )


def _contents(view: TrayView) -> Iterator[str]:
    if not view.references:
        return
    count = len(view.references)
    yield f"**{count} file{'' if count == 1 else 's'}**"
    notes = {one.id: note for one in view.references if (note := _origin(one))}
    yield references_list(view.references, _REFERENCES_UNITS, vendor_tokens={}, notes=notes).text


def _origin(reference: Reference) -> str:
    return "" if reference.source is OfferSource.TRAY else origin(reference)


def _added(view: TrayView) -> str:
    by_id = {one.id: one.token for one in view.references}
    new = [fate.reference_id for fate in view.fates if fate.reason is None or fate.reason.code != _TWICE]
    tokens = [by_id[one] for one in dict.fromkeys(new) if one is not None and one in by_id]
    return f"**Added** {', '.join(tokens)}" if tokens else ""


def _foot(view: TrayView) -> Iterator[str]:
    if not view.references:
        return
    yield said.sentence(reason("tray-how"))
    if view.expires_at_ms is not None:
        yield f"-# It expires {moment(view.expires_at_ms)}."
