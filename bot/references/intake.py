"""Do files fit the model, or a tray, as they are? Pure; each reason names the file, the limit and the way out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from bot.domain.conform import Part, Record, SetPlan
from bot.domain.media import Kind
from bot.domain.models import KindLimits, ModelLimits
from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, Reference, display_name, of_kind
from bot.domain.words import byte_size, listed
from bot.references.formats import format_words, formats_words


class Planner(Protocol):
    """See `bot.media.planner.plan`."""

    def __call__(
        self,
        records: Sequence[Record],
        limits: ModelLimits,
        parts: Mapping[int, Part] | None = None,
        *,
        names: Sequence[str] = (),
    ) -> SetPlan:
        """The plan over all records, in their order."""
        ...


def declared_reasons(offers: Sequence[Offer], *, max_bytes: int, max_files: int) -> tuple[Reason, ...]:
    """What can be told before any download, from what Discord says of the files.

    What is refused already is no file of the set; what is held was looked at when it was fetched.
    """
    too_large = (
        reason(
            "file-too-large",
            name=display_name(offer.name),
            size=byte_size(offer.byte_count),
            limit=byte_size(offer.most_bytes(max_bytes)),
        )
        for offer in _to_fetch(offers)
        if offer.byte_count is not None and offer.byte_count > offer.most_bytes(max_bytes)
    )
    return (*_too_many([offer for offer in offers if offer.refusal is None], max_files), *too_large)


def declared_bytes(offers: Sequence[Offer], *, max_bytes: int) -> tuple[int, int]:
    """(files to be looked into, bytes to be fetched at most): what collecting these offers takes of the allowance.

    A file of unknown size counts as the most that would be fetched of it. What is held, refused, or too large to be
    fetched counts nothing.
    """
    most = [(offer.byte_count, offer.most_bytes(max_bytes)) for offer in _to_fetch(offers)]
    fetched = [limit if size is None else size for size, limit in most if size is None or size <= limit]
    return len(fetched), sum(fetched)


def file_reasons(references: Sequence[Reference], limits: ModelLimits) -> tuple[Reason, ...]:
    """Why files that are sent as they are cannot go to the model, each by itself; empty when they can.

    They could when they were looked into, or the plan would change them: the model takes something else now. What they
    come to together is the plan's to say.
    """
    return tuple(why for each in references for why in _file_reasons(each, limits.kinds.get(each.kind)))


def planned(make: Planner, references: Sequence[Reference], limits: ModelLimits) -> SetPlan:
    """What these files become together, by what was decided on each when it came and by the parts people chose."""
    return make(
        [each.decided for each in references],
        limits,
        {index: each.part for index, each in enumerate(references)},
        names=[each.name for each in references],
    )


def tray_reasons(references: Sequence[Reference], limits: ModelLimits) -> tuple[Reason, ...]:
    """Why a tray cannot hold these files: their counts alone, because a tray is no set to be sent yet."""
    return (
        *_too_many(references, limits.max_files),
        *(why for kind in Kind for why in _count_reasons(of_kind(references, kind), kind, limits.kinds.get(kind))),
    )


def _to_fetch(offers: Sequence[Offer]) -> list[Offer]:
    return [offer for offer in offers if offer.held is None and offer.refusal is None]


def _count_reasons(references: Sequence[Reference], kind: Kind, limits: KindLimits | None) -> Iterator[Reason]:
    if limits is None or limits.max_count == 0:
        yield from map(_kind_not_accepted, references)
        return
    surplus = len(references) - limits.max_count
    if surplus > 0:
        yield reason(
            "too-many-of-kind",
            count=len(references),
            kind=kind.value,
            names=_names(references),
            limit=limits.max_count,
            surplus=surplus,
        )


def _kind_not_accepted(reference: Reference) -> Reason:
    return reason("kind-not-accepted", name=reference.name, kind=reference.kind.value)


def _file_reasons(reference: Reference, limits: KindLimits | None) -> Iterator[Reason]:
    facts = reference.facts
    if limits is None or limits.max_count == 0:
        yield _kind_not_accepted(reference)
        return
    if facts.format not in limits.formats:
        yield reason(
            "format-not-accepted-now",
            name=reference.name,
            found=format_words(facts.format),
            accepted=formats_words(limits.formats),
            kind=facts.kind.value,
        )
    if limits.max_bytes_each is not None and facts.byte_count > limits.max_bytes_each:
        yield reason(
            "file-too-large-now",
            name=reference.name,
            size=byte_size(facts.byte_count),
            limit=byte_size(limits.max_bytes_each),
            kind=facts.kind.value,
        )
    yield from _frame_reasons(reference, limits)


def _frame_reasons(reference: Reference, limits: KindLimits) -> Iterator[Reason]:
    width, height = reference.facts.width, reference.facts.height
    if width is None or height is None:
        return
    area = width * height
    if limits.min_area_pixels is not None and area < limits.min_area_pixels:
        yield reason(
            "frame-too-small-now", name=reference.name, width=width, height=height, limit=f"{limits.min_area_pixels:,}"
        )
    if limits.max_area_pixels is not None and area > limits.max_area_pixels:
        yield reason(
            "frame-too-large-now", name=reference.name, width=width, height=height, limit=f"{limits.max_area_pixels:,}"
        )


def _too_many(files: Sequence[Offer] | Sequence[Reference], limit: int) -> Iterator[Reason]:
    count = len(files)
    if count > limit:
        yield reason("too-many-references", count=count, names=_names(files), limit=limit, surplus=count - limit)


def _names(files: Sequence[Offer] | Sequence[Reference]) -> str:
    return listed([display_name(file.name) for file in files])
