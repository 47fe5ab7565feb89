"""Who allows what of theirs to be used by others. Pure rules; the rows are the store's."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, OfferSource, Reference, display_name

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


def barred(item: Offer | Reference, *, person_id: int, consents: Consents) -> Reason | None:
    """Why `person_id` may not use this file now, or `None`.

    Codes: files-withdrawn, files-forbidden, avatar-forbidden.
    """
    name = display_name(item.name)
    if item.message_id is not None and item.message_id in consents.withdrawn:
        return reason("files-withdrawn", name=name)
    if item.owner_id is None or item.owner_id == person_id:
        return None
    if item.source is OfferSource.AVATAR:
        return None if item.owner_id in consents.avatar_allowed else reason("avatar-forbidden", name=name)
    return reason("files-forbidden", name=name) if item.owner_id in consents.files_forbidden else None
