"""References: files a request may point to, and the offers they are made from."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from bot.domain.media import Kind, MediaFacts

_MAX_NAME = 100
_MENTION_CHARACTERS = frozenset("@<>`|\\")


class OfferSource(StrEnum):
    """Where an offer came from."""

    OPTION = "option"
    TARGET = "target"
    FORM = "form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A file somebody points us to, before its bytes are ours. `url` is signed and never logged."""

    name: str
    url: str
    byte_count: int | None
    content_type: str | None = None
    alt: str | None = None
    source: OfferSource = OfferSource.OPTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One file a request may point to: a stable `id`, numbers from 1 (over all, and within the kind), and its bytes.

    `content` is the lower-case hex SHA-256 of the bytes, the key in the content-addressed store.
    """

    id: str
    number: int
    kind: Kind
    kind_number: int
    name: str
    content: str
    facts: MediaFacts
    alias: str | None = None

    @property
    def stem(self) -> str:
        """The display name without its extension."""
        return PurePosixPath(self.name).stem or self.name


def display_name(name: str) -> str:
    """The file name without control, bidi and mention characters, at most 100 characters; never empty."""
    kept = "".join(
        character
        for character in name
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        and character not in _MENTION_CHARACTERS
    )
    return " ".join(kept.split())[:_MAX_NAME] or "file"


def numbered(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """The references with fresh numbers in the given order: over all from 1, and within each kind from 1."""
    counts: Counter[Kind] = Counter()
    result: list[Reference] = []
    for number, reference in enumerate(references, start=1):
        counts[reference.kind] += 1
        result.append(replace(reference, number=number, kind_number=counts[reference.kind]))
    return tuple(result)


def of_kind(references: Sequence[Reference], kind: Kind) -> tuple[Reference, ...]:
    """The references of one kind, in order."""
    return tuple(reference for reference in references if reference.kind is kind)
