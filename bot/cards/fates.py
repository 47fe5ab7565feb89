"""What became of the files that were offered; nothing is dropped silently."""

from collections.abc import Iterator, Sequence
from typing import Final

from bot.cards import said
from bot.cards.text import inline, joined
from bot.domain.reasons import Reason, reason
from bot.domain.references import Fate, OfferSource, Reference, came_twice
from bot.domain.requests import Request

FATES_UNITS: Final = 450
_NAME_UNITS: Final = 200


def fates_block(fates: Sequence[Fate], references: Sequence[Reference], limit: int = FATES_UNITS) -> str:
    """The files that are not used, with the reason, then those used otherwise than they came. May be empty.

    Those used as they came are in the list of references.
    """
    unused = [_line(fate.name, fate.reason) for fate in fates if fate.refused and fate.reason is not None]
    otherwise = [*_used_otherwise(fates, references)]
    lines = [*_titled("Not used", unused), *_titled("Used, but not as they came", otherwise)]
    return joined(lines, limit)


def from_tray_line(request: Request) -> str:
    """That the files came out of the tray, and that they are still in it; empty when they did not."""
    used = {fate.reference_id for fate in request.fates if fate.source is OfferSource.TRAY and not fate.refused}
    marked = {one.id for one in request.references if one.source is OfferSource.TRAY}
    count = len((used | marked) & {one.id for one in request.references})
    if count == 0:
        return ""
    return said.sentence(reason("tray-used-one") if count == 1 else reason("tray-used", count=count))


def _used_otherwise(fates: Sequence[Fate], references: Sequence[Reference]) -> Iterator[str]:
    by_id = {one.id: one for one in references}
    for fate in fates:
        used = by_id.get(fate.reference_id or "")
        if used is not None and fate.reason is not None:
            yield _line(fate.name, _of_today(fate, fate.reason, used))


def _of_today(fate: Fate, cause: Reason, used: Reference) -> Reason:
    """Numbers may have been changed since the files were collected."""
    if cause.code != "same-file-twice":
        return cause
    return came_twice(fate.name, used)


def _titled(title: str, lines: list[str]) -> list[str]:
    return [f"**{title}**", *lines] if lines else []


def _line(name: str, cause: Reason) -> str:
    """The sentence, and the name before it unless it is in it."""
    text = said.sentence(cause)
    shown = inline(name, _NAME_UNITS)
    return f"- {text}" if shown in text else f"- “{shown}”: {text}"
