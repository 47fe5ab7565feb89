"""References: files a request may point to, and the offers they are made from."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import PurePosixPath

from bot.domain.conform import FROM_START, Made, Part, Record, Target, Verdict
from bot.domain.media import Kind, MediaFacts
from bot.domain.reasons import Reason, reason

_MAX_NAME = 100
_MENTION_CHARACTERS = frozenset("@<>`|\\")
MAX_ALIAS = 32
"""Characters of a name that people give to a file."""
MAX_EMOJI_BYTES = MAX_STICKER_BYTES = 1 << 20
MAX_AVATAR_BYTES = 4 << 20
MAX_EMBEDDED_BYTES = 16 << 20
"""The most that is fetched of what Discord names no size of. Its own limits for these are a good deal lower."""


class OfferSource(StrEnum):
    """Where an offer came from."""

    OPTION = "option"
    TARGET = "target"
    FORM = "form"
    FORWARD = "forward"
    REPLY = "reply"
    STICKER = "sticker"
    EMBED = "embed"
    EMOJI = "emoji"
    AVATAR = "avatar"
    TRAY = "tray"
    CLIP = "clip"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One way by which a file's bytes came to us: whose they were, and in which message (Discord ids).

    Neither: the person who asks brought them. `forwarded_id` is the message that `message_id` forwards; whoever takes
    back either takes back the file.
    """

    source: OfferSource = OfferSource.OPTION
    owner_id: int | None = None
    message_id: int | None = None
    forwarded_id: int | None = None

    @property
    def messages(self) -> tuple[int, ...]:
        """The messages it was in."""
        return tuple(one for one in (self.message_id, self.forwarded_id) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One file a request may point to: a stable `id`, numbers from 1 (over all, and within the kind), and its bytes.

    `content` is the lower-case hex SHA-256 of the bytes as they came, the key in the content-addressed store; `facts`
    are theirs, `kind` is what they are used as. `also` are the names under which the same bytes were brought again.
    `source` is how it came to this request, `origins` (at least one) are all the ways by which the bytes came, each
    once, the first one first. `stands_for` are the mentions whose picture it is, as `stands_for_person` and
    `stands_for_emoji` write them. `shows_person`: it shows a real person, says who asks. `record` is the decision on
    it when it was collected (`None`: collected by a release that made files fit at once), `part` what is used of it
    where it is too long. `target` is what it becomes, as confirmed (`None`: it is sent as it came; a draft's: not
    confirmed yet), `made` what it was made into for the model.
    """

    id: str
    number: int
    kind: Kind
    kind_number: int
    name: str
    content: str
    facts: MediaFacts
    alias: str | None = None
    also: tuple[str, ...] = ()
    source: OfferSource = OfferSource.OPTION
    origins: tuple[Origin, ...] = (Origin(),)
    stands_for: tuple[str, ...] = ()
    shows_person: bool = False
    record: Record | None = None
    part: Part = FROM_START
    target: Target | None = None
    made: Made | None = None

    @property
    def decided(self) -> Record:
        """The decision on it."""
        if self.record is not None:
            return self.record
        return Record(verdict=Verdict.ACCEPT, code="ok", kind=self.kind, facts=self.facts)

    @property
    def as_sent(self) -> "Reference":
        """The same with the bytes that the model gets: those that were made of it, else its own."""
        return self if self.made is None else replace(self, content=self.made.content, facts=self.made.facts)

    @property
    def owner_id(self) -> int | None:
        """Whose it was first."""
        return self.origins[0].owner_id

    @property
    def message_id(self) -> int | None:
        """The message it was first taken from."""
        return self.origins[0].message_id

    @property
    def token(self) -> str:
        """How people here point to it: `@Image1`. What the model reads may differ in style and number."""
        return f"@{self.kind.word}{self.kind_number}"

    @property
    def stem(self) -> str:
        """The display name without its extension."""
        return stem_of(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A file somebody points us to, before its bytes are ours. `url` is signed and never logged.

    `held`: a reference whose bytes we have already (from a tray, from an earlier request): nothing is fetched.
    `refusal`: why it cannot be used, when that is known before any look into it; its fate is told like any other's.
    `owner_id`, `message_id` and `forwarded_id` are as for `Origin`; what is held has its own origins. `stands_for` is
    as for `Reference`, but one offer stands for one mention at most. `max_bytes`: no file of this sort is larger, so
    no more is fetched.
    """

    name: str
    url: str
    byte_count: int | None
    content_type: str | None = None
    alt: str | None = None
    source: OfferSource = OfferSource.OPTION
    owner_id: int | None = None
    message_id: int | None = None
    forwarded_id: int | None = None
    stands_for: str | None = None
    held: Reference | None = None
    refusal: Reason | None = None
    max_bytes: int | None = None

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The ways by which the bytes come, or came."""
        if self.held is not None:
            return self.held.origins
        return (
            Origin(
                source=self.source,
                owner_id=self.owner_id,
                message_id=self.message_id,
                forwarded_id=self.forwarded_id,
            ),
        )

    def most_bytes(self, limit: int) -> int:
        """The most that may be fetched of it, where `limit` holds for any file."""
        return limit if self.max_bytes is None else min(limit, self.max_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one offer. Nothing that was offered is without a fate.

    Used as `reference_id` (with a `reason` when it came twice), or refused for `reason` (then `reference_id` is
    `None`). What becomes of a file that is used, the plan says.
    """

    name: str
    source: OfferSource
    reference_id: str | None = None
    reason: Reason | None = None

    @property
    def refused(self) -> bool:
        """True when the file is not used."""
        return self.reference_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The references in the order offered, numbered, and every offer's fate in the same order."""

    references: tuple[Reference, ...]
    fates: tuple[Fate, ...]


def stands_for_person(person_id: int) -> str:
    """How an avatar says whose it is: the mention `<@id>` means this file."""
    return f"person:{person_id}"


def stands_for_emoji(emoji_id: int) -> str:
    """How an emoji's picture says which it is: the mention `<:name:id>` means this file."""
    return f"emoji:{emoji_id}"


def display_name(name: str) -> str:
    """The file name without control, bidi and mention characters, at most 100 characters; never empty."""
    kept = "".join(
        character
        for character in name
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        and character not in _MENTION_CHARACTERS
    )
    return " ".join(kept.split())[:_MAX_NAME] or "file"


def with_same_bytes(before: Reference, further: Reference) -> Reference:
    """Of two files with equal bytes the first, with what the other adds but its names: each origin has its say.

    What was chosen is the first one's, and so is what was decided, unless only the other was decided on; what was made
    of either is not thrown away.
    """
    decided = further if before.record is None and further.record is not None else before
    return replace(
        before,
        kind=decided.kind,
        facts=decided.facts,
        record=decided.record,
        alias=before.alias or further.alias,
        origins=tuple(dict.fromkeys((*before.origins, *further.origins))),
        stands_for=tuple(dict.fromkeys((*before.stands_for, *further.stands_for))),
        shows_person=before.shows_person or further.shows_person,
        made=before.made or further.made,
    )


def came_twice(name: str, reference: Reference) -> Reason:
    """What is told of a file, called `name`, that has the bytes of a reference."""
    return reason("same-file-twice", name=name, other=reference.name, token=reference.token)


def stem_of(name: str) -> str:
    """A name without its extension, as `PurePosixPath.stem` has it, at a tenth of the cost; never empty."""
    base = name.rpartition("/")[2]
    dot = base.rfind(".")
    return (base[:dot] if 0 < dot < len(base) - 1 else base) or name


def compared(name: str) -> str:
    """The name as names are compared: without case and width."""
    return unicodedata.normalize("NFKC", name).casefold()


def is_alias(word: str) -> bool:
    """True for what may be a file's own name: at most 32 letters, digits, hyphens and underscores."""
    kinds = [unicodedata.category(character)[0] for character in word]
    fits = all(kind in "LNM" or character in "-_" for kind, character in zip(kinds, word, strict=True))
    return len(word) <= MAX_ALIAS and fits and any(kind in "LN" for kind in kinds) and kinds[0] != "M"


def name_candidates(name: str) -> Iterator[str]:
    """What a file may be called when others have its name already: `hero.png`, `hero (2).png` and so on."""
    path = PurePosixPath(name)
    yield name
    yield from (f"{path.stem} ({number}){path.suffix}" for number in count(2))


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


def faces_first(references: Sequence[Reference], face_kinds: Collection[Kind]) -> tuple[Reference, ...]:
    """The references in the vendor's order, with the vendor's numbers.

    Within each of `face_kinds` those that show a person come before the others (the newest schema numbers them so);
    otherwise the order is the one given.
    """
    ordered = sorted(references, key=lambda one: not (one.shows_person and one.kind in face_kinds))
    return numbered(ordered)
