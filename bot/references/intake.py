"""Does a set of files fit the model? Pure checks; each reason names the file, the limit and the way out."""

from collections.abc import Iterator, Sequence

from bot.domain.media import Kind
from bot.domain.models import KindLimits, ModelLimits
from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, Reference, display_name, of_kind
from bot.domain.words import byte_size, listed
from bot.references.formats import format_words, formats_words

_VISUAL = frozenset({Kind.IMAGE, Kind.VIDEO})
_ROUNDING_SECONDS = 0.005
_MP3_SECONDS = 0.03
"""How much longer a file may be measured than it was made: clocks and rounding, and MP3's whole frames."""


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


def set_reasons(references: Sequence[Reference], limits: ModelLimits) -> tuple[Reason, ...]:
    """Every reason why these files cannot go to the model together; empty when they can."""
    return (
        *_too_many(references, limits.max_files),
        *(why for kind in Kind for why in _kind_reasons(of_kind(references, kind), kind, limits.kinds.get(kind))),
        *_lonely_audio(references, limits),
    )


def tray_reasons(references: Sequence[Reference], limits: ModelLimits) -> tuple[Reason, ...]:
    """Why a tray cannot hold these files: their counts alone, because a tray is no set to be sent yet."""
    return (
        *_too_many(references, limits.max_files),
        *(why for kind in Kind for why in _count_reasons(of_kind(references, kind), kind, limits.kinds.get(kind))),
    )


def _to_fetch(offers: Sequence[Offer]) -> list[Offer]:
    return [offer for offer in offers if offer.held is None and offer.refusal is None]


def _kind_reasons(references: Sequence[Reference], kind: Kind, limits: KindLimits | None) -> Iterator[Reason]:
    yield from _count_reasons(references, kind, limits)
    if limits is None or limits.max_count == 0 or not references:
        return
    for reference in references:
        yield from _file_reasons(reference, limits)
    yield from _bytes_together(references, kind, limits.max_bytes_together)
    yield from _seconds_together(references, kind, limits)


def _count_reasons(references: Sequence[Reference], kind: Kind, limits: KindLimits | None) -> Iterator[Reason]:
    if limits is None or limits.max_count == 0:
        yield from (reason("kind-not-accepted", name=reference.name, kind=kind.value) for reference in references)
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


def _file_reasons(reference: Reference, limits: KindLimits) -> Iterator[Reason]:
    facts = reference.facts
    if facts.format not in limits.formats:
        yield reason(
            "format-not-accepted",
            name=reference.name,
            found=format_words(facts.format),
            accepted=formats_words(limits.formats),
            kind=facts.kind.value,
        )
    if limits.max_bytes_each is not None and facts.byte_count > limits.max_bytes_each:
        yield reason(
            "file-too-large-for-model",
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
            "frame-too-small", name=reference.name, width=width, height=height, limit=f"{limits.min_area_pixels:,}"
        )
    if limits.max_area_pixels is not None and area > limits.max_area_pixels:
        yield reason(
            "frame-too-large", name=reference.name, width=width, height=height, limit=f"{limits.max_area_pixels:,}"
        )


def _bytes_together(references: Sequence[Reference], kind: Kind, limit: int | None) -> Iterator[Reason]:
    together = sum(reference.facts.byte_count for reference in references)
    if limit is not None and together > limit:
        yield reason("kind-too-large-together", kind=kind.value, size=byte_size(together), limit=byte_size(limit))


def _seconds_together(references: Sequence[Reference], kind: Kind, limits: KindLimits) -> Iterator[Reason]:
    """Says nothing when the length of any file is not known: the model will look for itself."""
    known = [reference.facts.seconds for reference in references if reference.facts.seconds is not None]
    if len(known) < len(references):
        return
    together, shortest, longest = sum(known), limits.min_seconds_together, limits.max_seconds_together
    padding = _MP3_SECONDS * sum(reference.facts.format == "mp3" for reference in references)
    if longest is not None and together > longest + _ROUNDING_SECONDS + padding:
        yield reason("kind-too-long-together", kind=kind.value, seconds=_seconds(together), limit=_seconds(longest))
    if shortest is not None and together < shortest - _ROUNDING_SECONDS:
        yield reason("kind-too-short-together", kind=kind.value, seconds=_seconds(together), limit=_seconds(shortest))


def _lonely_audio(references: Sequence[Reference], limits: ModelLimits) -> Iterator[Reason]:
    lonely = references and not any(reference.kind in _VISUAL for reference in references)
    if limits.audio_needs_visual and lonely:
        yield reason("audio-needs-visual", names=_names(references))


def _too_many(files: Sequence[Offer] | Sequence[Reference], limit: int) -> Iterator[Reason]:
    count = len(files)
    if count > limit:
        yield reason("too-many-references", count=count, names=_names(files), limit=limit, surplus=count - limit)


def _names(files: Sequence[Offer] | Sequence[Reference]) -> str:
    return listed([display_name(file.name) for file in files])


def _seconds(value: float) -> str:
    """Seconds to the hundredth: `15`, `15.07`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
