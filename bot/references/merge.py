"""What was kept → references: the same bytes are one reference, whoever brought them and under how many names. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain

from bot.domain.conform import FROM_START, Made, Part, Record
from bot.domain.errors import Refused
from bot.domain.identity import Ids
from bot.domain.media import Kind, MediaFacts
from bot.domain.references import (
    Collected,
    Fate,
    Offer,
    Reference,
    came_twice,
    compared,
    display_name,
    numbered,
    with_same_bytes,
)
from bot.references.names import Namer, alias_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One offer that went well, its bytes as they came. `kind`: what it is used as. `names`: what it is called.

    `record`, `part` and `made` are as for `Reference`.
    """

    offer: Offer
    content: str
    facts: MediaFacts
    kind: Kind
    record: Record | None
    part: Part = FROM_START
    made: Made | None = None
    names: tuple[str, ...] = ()

    @property
    def offered_names(self) -> tuple[str, ...]:
        """Every name it comes with, its own first."""
        held = self.offer.held
        return (held.name, *held.also) if held else (self.offer.name,)

    @property
    def alias(self) -> str | None:
        """The one it was given, else the one its alt text gives."""
        return self.offer.held.alias if self.offer.held else alias_of(self.offer)

    @property
    def stands_for(self) -> tuple[str, ...]:
        """The mentions it was offered for."""
        offer = self.offer
        return offer.held.stands_for if offer.held else tuple(filter(None, [offer.stands_for]))


@dataclass(frozen=True, slots=True)
class NotKept:
    """One offer that cannot be used."""

    offer: Offer
    refused: Refused


def looked_into(offer: Offer, content: str, record: Record) -> Kept:
    """What came just now, with what was decided on it. `ValueError` for the record of a file that cannot be used."""
    kind, facts = record.used_kind, record.facts
    if kind is None or facts is None:
        raise ValueError("a file that can be used was not measured")
    return Kept(offer=offer, content=content, facts=facts, kind=kind, record=record)


def held_still(offer: Offer, held: Reference, record: Record | None = None) -> Kept:
    """What we have already, with what was decided on it then (or just now: `record`), and what was made of it."""
    if record is not None:
        return replace(looked_into(offer, held.content, record), part=held.part, made=held.made)
    return Kept(
        offer=offer,
        content=held.content,
        facts=held.facts,
        kind=held.kind,
        record=held.record,
        part=held.part,
        made=held.made,
    )


def merged(outcomes: Sequence[Kept | NotKept], ids: Ids) -> Collected:
    """One reference for each content, in the order offered; the fate of every offer, in the same order."""
    outcomes = _called(outcomes)
    groups = _by_content(outcome for outcome in outcomes if isinstance(outcome, Kept))
    references = numbered(_each_alias_once(_reference(group, ids) for group in groups))
    made = {group[0].content: (group[0], reference) for group, reference in zip(groups, references, strict=True)}
    return Collected(references=references, fates=tuple(_fate(outcome, made) for outcome in outcomes))


def _called(outcomes: Sequence[Kept | NotKept]) -> list[Kept | NotKept]:
    """The same with names that no two files share."""
    namer = Namer()
    return [
        replace(one, names=tuple(namer.name(name, one.content) for name in one.offered_names))
        if isinstance(one, Kept)
        else one
        for one in outcomes
    ]


def _by_content(kept: Iterable[Kept]) -> list[list[Kept]]:
    groups: dict[str, list[Kept]] = {}
    for one in kept:
        groups.setdefault(one.content, []).append(one)
    return list(groups.values())


def _reference(group: Sequence[Kept], ids: Ids) -> Reference:
    """The first one's, and of the others what they add."""
    name, *also = _told_apart(chain.from_iterable(one.names for one in group))
    return replace(reduce(with_same_bytes, map(_by_itself, group)), id=ids.short(), name=name, also=tuple(also))


def _by_itself(one: Kept) -> Reference:
    held = one.offer.held
    return Reference(
        id="",
        number=0,
        kind=one.kind,
        kind_number=0,
        name=one.names[0],
        content=one.content,
        facts=one.facts,
        alias=one.alias,
        source=held.source if held else one.offer.source,
        origins=one.offer.origins,
        stands_for=one.stands_for,
        shows_person=held is not None and held.shows_person,
        record=one.record,
        part=one.part,
        made=one.made,
    )


def _each_alias_once(references: Iterable[Reference]) -> Iterator[Reference]:
    """Of two files with one alias only the first has it: it could not be told which is meant."""
    given = set[str]()
    for one in references:
        twice = one.alias is not None and compared(one.alias) in given
        given |= set() if one.alias is None else {compared(one.alias)}
        yield replace(one, alias=None) if twice else one


def _told_apart(names: Iterable[str]) -> list[str]:
    """The names without those that differ in case or width only, the first of each."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(compared(name), name)
    return list(found.values())


def _fate(outcome: Kept | NotKept, made: Mapping[str, tuple[Kept, Reference]]) -> Fate:
    """`made`: content → who brought it first, and what became of it."""
    offer = outcome.offer
    if isinstance(outcome, NotKept):
        return Fate(name=display_name(offer.name), source=offer.source, reason=outcome.refused.reason)
    first, reference = made[outcome.content]
    why = None if outcome is first else came_twice(outcome.names[0], reference)
    return Fate(name=outcome.names[0], source=offer.source, reference_id=reference.id, reason=why)
