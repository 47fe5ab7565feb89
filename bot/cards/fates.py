"""What became of the files that were offered; nothing is dropped silently."""

from collections.abc import Iterator, Sequence
from typing import Final

from bot.cards import said
from bot.cards.text import MORE, Listed, inline, listed, titled
from bot.domain.reasons import Reason, reason
from bot.domain.references import Fate, OfferSource, Reference, came_twice
from bot.domain.requests import Request

FATES_UNITS: Final = 450
_ARGUMENT_UNITS: Final = (200, 80, 40)
"""Long names are shortened together until all fates fit."""
_NOT_USED: Final = "Not used"
_OTHERWISE: Final = "Used, but not as they came"


def fates_block(fates: Sequence[Fate], references: Sequence[Reference], limit: int = FATES_UNITS) -> str:
    """`fates_list` as a text."""
    return fates_list(fates, references, limit).text


def fates_list(fates: Sequence[Fate], references: Sequence[Reference], limit: int, *, more: str = MORE) -> Listed:
    """The files that are not used, with the reason, then those used otherwise than they came. May be empty.

    Those used as they came are in the list of references.
    """
    groups = told_of(fates, references)
    return listed((_drawn(groups, size) for size in _ARGUMENT_UNITS), limit, more=more)


def told_of(fates: Sequence[Fate], references: Sequence[Reference]) -> dict[str, list[tuple[str, Reason]]]:
    """By title: names and what is to be said of them, with today's numbers."""
    unused = [(fate.name, fate.reason) for fate in fates if fate.refused and fate.reason is not None]
    return {_NOT_USED: unused, _OTHERWISE: [*_used_otherwise(fates, references)]}


def _drawn(groups: dict[str, list[tuple[str, Reason]]], argument_units: int) -> list[str]:
    drawn = (titled(title, [_line(*one, argument_units) for one in told]) for title, told in groups.items())
    return [line for lines in drawn for line in lines]


def from_tray_line(request: Request) -> str:
    """That the files came out of the tray, and that they are still in it; empty when they did not."""
    used = {fate.reference_id for fate in request.fates if fate.source is OfferSource.TRAY and not fate.refused}
    marked = {one.id for one in request.references if one.source is OfferSource.TRAY}
    count = len((used | marked) & {one.id for one in request.references})
    if count == 0:
        return ""
    return said.sentence(reason("tray-used-one") if count == 1 else reason("tray-used", count=count))


def _used_otherwise(fates: Sequence[Fate], references: Sequence[Reference]) -> Iterator[tuple[str, Reason]]:
    by_id = {one.id: one for one in references}
    for fate in fates:
        used = by_id.get(fate.reference_id or "")
        if used is not None and fate.reason is not None:
            yield fate.name, _of_today(fate, fate.reason, used)


def _of_today(fate: Fate, cause: Reason, used: Reference) -> Reason:
    """Numbers may have been changed since the files were collected."""
    if cause.code != "same-file-twice":
        return cause
    return came_twice(fate.name, used)


def _line(name: str, cause: Reason, argument_units: int) -> str:
    """The sentence, and the name before it unless it is in it."""
    text = said.sentence(cause, argument_units)
    shown = inline(name, argument_units)
    return f"- {text}" if shown in text else f"- “{shown}”: {text}"
