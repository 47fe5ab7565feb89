"""What references are called: cleaned, and no two alike."""

from collections.abc import Sequence

from bot.domain.references import Offer, compared, display_name, is_alias, name_candidates


class Namer:
    """Gives names out so that no two files are called alike. Compared without case and width."""

    def __init__(self) -> None:
        self._files: dict[str, object] = {}

    def name(self, wanted: str, file: object) -> str:
        """The display name for that file: the second file called `hero.png` is called `hero (2).png`.

        A file keeps what it is called already; `file` is anything that tells it from the others.
        """
        chosen = next(
            one for one in name_candidates(display_name(wanted)) if self._files.get(compared(one), file) == file
        )
        self._files[compared(chosen)] = file
        return chosen


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Display names in order, one for each of as many files."""
    namer = Namer()
    return tuple(namer.name(name, file) for file, name in enumerate(names))


def alias_of(offer: Offer) -> str | None:
    """The alt text when it is one word that may be a name (`is_alias`); it can be mentioned as `@word`."""
    words = (offer.alt or "").split()
    return words[0] if len(words) == 1 and is_alias(words[0]) else None
