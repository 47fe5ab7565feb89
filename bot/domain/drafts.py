"""Drafts and trays as they are shown and changed: values and pure rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.conform import NOTHING_TO_CHANGE, FilePlan, SetPlan
from bot.domain.prompts import Finding, Severity
from bot.domain.quotas import Quotas
from bot.domain.references import Fate, Offer, Reference, numbered
from bot.domain.requests import Person, Place, Request, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """A draft as its person sees it.

    `findings` are everything that is to be said of it now: the prompt's (with mends), the set's, consent's; errors keep
    it from being confirmed. `rendered`: the prompt as the model will read it; while there are errors, as far as it can
    be told. `vendor_tokens`: reference id → the token the model will read, for those numbered otherwise there than
    here. `barred`: ids of the references that may not be used now, whose pictures are not shown either. `plan`: what
    the files become when the draft is confirmed, in the references' order. `quotas`: its person's and the guild's now.
    """

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    rendered: str
    price_usd_micros: int | None = None
    vendor_tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    barred: frozenset[str] = frozenset()
    plan: SetPlan = NOTHING_TO_CHANGE
    quotas: Quotas | None = None

    @property
    def planned(self) -> tuple[tuple[Reference, FilePlan], ...]:
        """The files that become something else, each with what it becomes."""
        pairs = zip(self.request.references, self.plan.files, strict=False)
        return tuple((reference, file) for reference, file in pairs if file.target is not None)

    @property
    def request(self) -> Request:
        """The draft itself."""
        return self.snapshot.request

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What keeps it from being confirmed."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumbering:
    """A change that gives other numbers: asked before it is made.

    `to_number=None` takes the reference out; otherwise it moves to that number over all (from 1).
    """

    reference_id: str
    to_number: int | None = None


def rearranged(references: Sequence[Reference], change: Renumbering) -> tuple[Reference, ...]:
    """The references after the change, numbered anew; a number out of range is the nearest one, an unknown id nothing.

    What is asked and what is done are both this rule.
    """
    moved = [one for one in references if one.id == change.reference_id]
    others = [one for one in references if one.id != change.reference_id]
    place = None if change.to_number is None else max(0, change.to_number - 1)
    return numbered(others if place is None else [*others[:place], *moved, *others[place:]])


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayWish:
    """What a person wants to put into their tray in a channel."""

    interaction_id: int
    place: Place
    person: Person
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayView:
    """A person's tray in one channel. `fates` tell what became of what was just added; empty otherwise."""

    references: tuple[Reference, ...]
    expires_at_ms: int | None = None
    fates: tuple[Fate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildChoices:
    """What a guild's admins set for drafts; `None`: the deployment's default holds.

    `skip_card`: no card to confirm when nothing was found, nothing converted, and the price is not above
    `ask_above_usd_micros`.
    """

    skip_card: bool | None = None
    ask_above_usd_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is free may cost us so much in a day (UTC), by person and by guild.

    Files looked into, bytes fetched, and animatics drawn.
    """

    person_files: int
    person_bytes: int
    guild_files: int
    guild_bytes: int
    person_animatics: int
    guild_animatics: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayLimits:
    """How many files trays may hold: one tray, all trays of a person in a guild, all trays of a guild."""

    tray_files: int
    person_files: int
    guild_files: int
