"""What the scan sees in the text, before anybody asks whether it points to something."""

from dataclasses import dataclass

from bot.domain.media import Kind


@dataclass(frozen=True, slots=True)
class ByNumber:
    """A number within the kind, or over all when `kind` is `None`."""

    kind: Kind | None
    number: int


@dataclass(frozen=True, slots=True)
class ByName:
    """A folded name. `certain` is false for a plain `@word`, which may be no mention at all."""

    key: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Literal:
    """No mention: Discord's markup or an escaped mention, with the text that takes its place.

    `shown` is how the finding names it; `None` means that there is nothing to tell.
    """

    text: str
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class ById:
    """Points straight to a collected reference (an avatar, an emoji's picture)."""

    reference_id: str


Target = ByNumber | ByName | ById | Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Something at `start:end` of the folded text.

    `bare_start:bare_end` is the part that stays when it is no mention: without the `@` or the brackets. `unsure`: it
    may well mean something else, so it stays text. `reach`: where a longer name ends that it may mean as well.
    """

    start: int
    end: int
    bare_start: int
    bare_end: int
    target: Target
    strict: bool
    unsure: bool = False
    reach: int = 0
