"""Files that come to others: at the end, under names of their own; the same bytes are one reference. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.reasons import reason
from bot.domain.references import (
    Collected,
    Fate,
    Offer,
    OfferSource,
    Reference,
    came_twice,
    compared,
    name_candidates,
    numbered,
    with_same_bytes,
)

_TWICE = "same-file-twice"


def joined(there: Sequence[Reference], collected: Collected) -> Collected:
    """All references, those that were `there` first and under their numbers, and the fates of what was collected.

    The same bytes as one that was there: it gets the further names and meanings, and the fate says so.
    """
    known = {reference.content: reference for reference in there}
    aliases = {compared(reference.alias) for reference in there if reference.alias is not None}
    taken = {compared(name) for reference in there for name in _names(reference)}
    ids: dict[str, str] = {}
    for each in collected.references:
        new = replace(each, alias=None) if each.alias is not None and compared(each.alias) in aliases else each
        before = known.get(new.content)
        after = _renamed(new, taken) if before is None else _merged(before, new, taken)
        known[new.content] = after
        ids[new.id] = after.id
        taken |= {compared(name) for name in _names(after)}
    references = numbered(known.values())
    return Collected(
        references=references, fates=retold([_passed_on(fate, ids) for fate in collected.fates], references)
    )


def retold(fates: Sequence[Fate], references: Sequence[Reference]) -> tuple[Fate, ...]:
    """The fates with the numbers that the references have now."""
    by_id = {reference.id: reference for reference in references}
    return tuple(_retold(fate, by_id.get(fate.reference_id or "")) for fate in fates)


def held_offer(reference: Reference, source: OfferSource) -> Offer:
    """A reference whose bytes we have, offered anew. Its origins stay, and an avatar is shown as one everywhere."""
    source = OfferSource.AVATAR if reference.source is OfferSource.AVATAR else source
    return Offer(
        name=reference.name,
        url="",
        byte_count=reference.facts.byte_count,
        source=source,
        held=replace(reference, source=source),
    )


def _names(reference: Reference) -> tuple[str, ...]:
    return (reference.name, *reference.also)


def _renamed(new: Reference, taken: set[str]) -> Reference:
    fresh = list[str]()
    for name in _names(new):
        fresh.append(_free(name, taken | {compared(each) for each in fresh}))
    return replace(new, name=fresh[0], also=tuple(fresh[1:]))


def _merged(before: Reference, new: Reference, taken: set[str]) -> Reference:
    known = {compared(name) for name in _names(before)}
    further = tuple(_free(name, taken) for name in _names(new) if compared(name) not in known)
    return replace(with_same_bytes(before, new), also=(*before.also, *further))


def _free(name: str, taken: set[str]) -> str:
    return next(candidate for candidate in name_candidates(name) if compared(candidate) not in taken)


def _passed_on(fate: Fate, ids: dict[str, str]) -> Fate:
    if fate.reference_id is None or ids[fate.reference_id] == fate.reference_id:
        return fate
    return replace(fate, reference_id=ids[fate.reference_id], reason=reason(_TWICE, name="", other="", token=""))


def _retold(fate: Fate, reference: Reference | None) -> Fate:
    if reference is None or fate.reason is None or fate.reason.code != _TWICE:
        return fate
    return replace(fate, reason=came_twice(fate.name, reference))
