"""What references are called: cleaned, and no two alike."""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from bot.domain.references import Offer, display_name

_MAX_ALIAS = 32


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Display names in order; the second `hero.png` becomes `hero (2).png`. Compared without case and width."""
    taken: set[str] = set()
    result: list[str] = []
    for name in map(display_name, names):
        chosen = next(candidate for candidate in _candidates(name, len(names)) if _compared(candidate) not in taken)
        taken.add(_compared(chosen))
        result.append(chosen)
    return tuple(result)


def alias_of(offer: Offer) -> str | None:
    """The alt text when it is one clean word of at most 32 characters; it can be mentioned as `@word`."""
    words = (offer.alt or "").split()
    if len(words) != 1 or len(words[0]) > _MAX_ALIAS or display_name(words[0]) != words[0]:
        return None
    return words[0]


def _candidates(name: str, count: int) -> tuple[str, ...]:
    path = PurePosixPath(name)
    return (name, *(f"{path.stem} ({number}){path.suffix}" for number in range(2, count + 2)))


def _compared(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
