"""Names of posts: the outbox's slots, their nonces, and which clips share a message.

All of it is a pure function of stored facts, so that a restart decides exactly as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.requests import Take, result_slot

CARD: Final = "card"
NOTICE: Final = "notice"
CALLBACK: Final = "callback"
MAX_FILES_PER_MESSAGE: Final = 10
"""Discord, Create Message: `files[0]` … `files[9]`."""
MAX_BYTES_PER_MESSAGE: Final = 24 << 20
"""Discord takes requests of at most 25 MiB (docs, resources/message.mdx); the rest is for the JSON around the files."""
_NONCE_CHARACTERS: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One message of a result: its slot and the takes whose clips it carries."""

    slot: str
    takes: tuple[Take, ...]

    @property
    def take_ids(self) -> tuple[str, ...]:
        """Whose clips it carries."""
        return tuple(take.id for take in self.takes)


def nonce(request_id: str, slot: str) -> str:
    """Discord's nonce for a slot of a request: 13 characters and the slot, at most 24."""
    return f"{request_id}-{slot}"


def fresh_nonce(spent: str, attempt: int) -> str:
    """The `attempt`-th nonce (from 0) after `spent`, whose message is known to be deleted. At most 25 characters."""
    text = spent if attempt == 0 else spent + "abcdefgh"[attempt - 1]
    if len(text) > _NONCE_CHARACTERS:
        raise ValueError(f"nonce too long: {text}")
    return text


def parcels(takes: Sequence[Take], *, upload_limit_bytes: int) -> tuple[Parcel, ...]:
    """One message for all clips when they fit together, else one message a clip. Takes are ordered by ordinal.

    What counts is the clips as they came back: when one of them is made smaller, perhaps after others were posted,
    every clip keeps its message.
    """
    ordered = tuple(sorted(takes, key=lambda take: take.ordinal))
    if _fit_together(ordered, upload_limit_bytes):
        return (Parcel(slot=result_slot(1), takes=ordered),)
    return tuple(Parcel(slot=result_slot(number), takes=(take,)) for number, take in enumerate(ordered, start=1))


def _fit_together(takes: Sequence[Take], upload_limit_bytes: int) -> bool:
    sizes = [take.clip_facts.byte_count if take.clip_facts else None for take in takes]
    known = [size for size in sizes if size is not None]
    return (
        len(known) == len(takes) < MAX_FILES_PER_MESSAGE  # one place is left for prompt.txt
        and sum(known) <= MAX_BYTES_PER_MESSAGE
        and all(size <= upload_limit_bytes for size in known)
    )
