"""Who allows what of theirs to be used by others. Pure rules; the rows are the store's."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, OfferSource, Origin, Reference, display_name, stands_for_person

EVERYWHERE = 0
"""In the place of a guild's id: a choice that holds in every guild."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person said for one guild, or everywhere: may others use their messages' files, and their avatar?

    `None`: nothing was said.
    """

    files: bool | None = None
    avatar: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """What holds in one guild for the people and messages that were asked about.

    `files_forbidden`: people whose messages' files others may not use. `avatar_allowed`: people whose avatar others
    may use. `withdrawn`: messages whose files their author took back, from everybody.
    """

    files_forbidden: frozenset[int] = frozenset()
    avatar_allowed: frozenset[int] = frozenset()
    withdrawn: frozenset[int] = frozenset()


def files_allowed(choices: Collection[Choice]) -> bool:
    """Of the guild's choice and the one for everywhere: files may be used unless either forbids it."""
    return all(choice.files is not False for choice in choices)


def avatar_allowed(choices: Collection[Choice]) -> bool:
    """Of the guild's choice and the one for everywhere: an avatar needs one that allows it and none that forbids it."""
    said = {choice.avatar for choice in choices}
    return True in said and False not in said


def concerned(items: Iterable[Offer | Reference]) -> tuple[frozenset[int], frozenset[int]]:
    """The owners and the messages that have to be asked about before `Consents` says anything of these files."""
    origins = [origin for item in items for origin in item.origins]
    owners = frozenset(origin.owner_id for origin in origins if origin.owner_id is not None)
    return owners, frozenset(message for origin in origins for message in origin.messages)


def barred(item: Offer | Reference, *, person_id: int, consents: Consents) -> Reason | None:
    """Why `person_id` may not use this file now, or `None`: one origin that allows it is enough.

    Codes: files-withdrawn, files-forbidden, avatar-forbidden; the first origin's.
    """
    codes = [_barred(origin, person_id, consents) for origin in item.origins]
    first = codes[0]
    return None if first is None or None in codes else reason(first, name=display_name(item.name))


def as_meant(reference: Reference, *, person_id: int, consents: Consents) -> Reference:
    """The reference without the mentions that it may not stand for: an avatar is one only while its person allows it.

    The same bytes may be used for another origin's sake; the mention is then that person's name.
    """
    gone = {
        stands_for_person(origin.owner_id)
        for origin in reference.origins
        if origin.source is OfferSource.AVATAR
        and origin.owner_id is not None
        and _barred(origin, person_id, consents) is not None
    }
    return replace(reference, stands_for=tuple(each for each in reference.stands_for if each not in gone))


def stopping(reference: Reference, *, person_id: int, consents: Consents) -> Reason | None:
    """Why a request whose prompt was read with this reference may not go on, or `None`.

    As `barred`; and avatar-taken-back, when it stands for somebody who does not allow their avatar.
    """
    why = barred(reference, person_id=person_id, consents=consents)
    if why is not None or as_meant(reference, person_id=person_id, consents=consents) == reference:
        return why
    return reason("avatar-taken-back", name=display_name(reference.name))


def _barred(origin: Origin, person_id: int, consents: Consents) -> str | None:
    if not consents.withdrawn.isdisjoint(origin.messages):
        return "files-withdrawn"
    if origin.owner_id is None or origin.owner_id == person_id:
        return None
    if origin.source is OfferSource.AVATAR:
        return None if origin.owner_id in consents.avatar_allowed else "avatar-forbidden"
    return "files-forbidden" if origin.owner_id in consents.files_forbidden else None
