"""A request, its takes, and what hangs on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bot.domain.conform import ClipFindings
from bot.domain.lanes import Standing
from bot.domain.media import MediaFacts
from bot.domain.money import NO_BILL, Bill
from bot.domain.prompts import Finding, Names, Prompt
from bot.domain.reasons import Reason
from bot.domain.references import Fate, Offer, Reference
from bot.domain.states import RequestState, TakeState


class ChannelKind(StrEnum):
    """What the request's channel can do: a text channel opens a thread, a thread is one, others only take posts."""

    TEXT = "text"
    THREAD = "thread"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request was made. Discord ids. `upload_limit_bytes` is the guild's, as reported (a hint).

    `parent_id`: the channel that a thread hangs in; access to a channel is access to its threads.
    """

    guild_id: int
    channel_id: int
    channel_kind: ChannelKind
    upload_limit_bytes: int
    parent_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who asks: the Discord id, the name to show (cleaned by the cards), and the roles they have there (ids)."""

    id: int
    name: str
    roles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What the person chose, in neutral values: duration `None` and aspect ratio "auto" leave it to the model."""

    duration_seconds: int | None = None
    resolution: str = "720p"
    aspect_ratio: str = "auto"
    audio: bool = True
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a cog hands over: everything a person asked for, in plain values.

    `interaction_id` makes it durable exactly once; `missing_permissions` are what the bot lacks here. `ask`: the draft
    waits for its person whatever is found. `use_tray`: without any offer but the pictures of what the prompt mentions,
    the files of the person's tray in that channel are taken, before those.
    """

    interaction_id: int
    place: Place
    person: Person
    prompt: str
    offers: tuple[Offer, ...]
    parameters: Parameters
    take_count: int = 1
    missing_permissions: tuple[str, ...] = ()
    names: Names = field(default_factory=Names)
    ask: bool = False
    use_tray: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A person's wish, durable from the first moment. `version` grows with every stored change.

    `expires_at_ms` is set from the moment a draft waits for its person; until then it is being prepared.
    `fates` has an entry for every offer once they are collected. `ask` and `names` are the wish's.
    """

    id: str
    version: int
    state: RequestState
    interaction_id: int
    place: Place
    person: Person
    written_prompt: str
    offers: tuple[Offer, ...]
    parameters: Parameters
    take_count: int
    created_at_ms: int
    prompt: Prompt | None = None
    findings: tuple[Finding, ...] = ()
    references: tuple[Reference, ...] = ()
    model_id: str | None = None
    accepted_at_ms: int | None = None
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    thread_id: int | None = None
    cancel_requested_by: int | None = None
    failure: Reason | None = None
    attempts: int = 0
    names: Names = field(default_factory=Names)
    fates: tuple[Fate, ...] = ()
    ask: bool = False
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One reference made reachable for one take. `handle` is the publisher's own and lets it renew and withdraw."""

    reference_id: str
    handle: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One generation of a request. `body` is exactly what is (to be) sent; it is stored before it is paid for.

    `clip` is the clip as it came back, `shrunk_clip` a smaller one for where Discord refused that for its size (keys of
    the content store). `clip_findings`: what was found of the clip; `None` when it was too much work to look.
    """

    id: str
    request_id: str
    ordinal: int
    version: int
    state: TakeState
    publications: tuple[Publication, ...] = ()
    body: Mapping[str, object] | None = None
    fingerprint: str | None = None
    attempts: int = 0
    looks: int = 0
    not_before_ms: int = 0
    submitting_at_ms: int | None = None
    generation_id: str | None = None
    submitted_at_ms: int | None = None
    vendor_status: str | None = None
    result_url: str | None = None
    clip: str | None = None
    clip_facts: MediaFacts | None = None
    clip_findings: ClipFindings | None = None
    shrunk_clip: str | None = None
    shrunk_facts: MediaFacts | None = None
    cost_usd_micros: int | None = None
    failure: Reason | None = None
    withdrawn: bool = False

    @property
    def posted_clip(self) -> str | None:
        """The key of the clip that is posted."""
        return self.clip if self.shrunk_clip is None else self.shrunk_clip

    @property
    def posted_facts(self) -> MediaFacts | None:
        """What the clip that is posted is."""
        return self.clip_facts if self.shrunk_facts is None else self.shrunk_facts


RESULT_PREFIX: Final = "result-"
"""What the slots of a result's messages begin with."""


def result_slot(number: int) -> str:
    """The slot of a result's `number`-th message, from 1."""
    return f"{RESULT_PREFIX}{number}"


def is_result(slot: str) -> bool:
    """True for the slots of a result's messages."""
    return slot.startswith(RESULT_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The outbox's row of one message. `slot` is card, result-1 …, notice or callback.

    `message_id` is `None` until it is known.
    """

    request_id: str
    slot: str
    channel_id: int
    intended_at_ms: int
    message_id: int | None = None
    shown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A message of a result that Discord refused: why, and the ids of the takes whose clips it would have brought."""

    reason: Reason
    take_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A request with all that belongs to it, read in one transaction.

    `standing`: where it stands while it is queued. `bill`: what is held and spent for it.
    """

    request: Request
    takes: tuple[Take, ...] = ()
    posts: tuple[Post, ...] = ()
    standing: Standing | None = None
    bill: Bill = NO_BILL

    def post(self, slot: str) -> Post | None:
        """The outbox row of that slot, if there is one."""
        return next((post for post in self.posts if post.slot == slot), None)

    @property
    def known_cost_usd_micros(self) -> int | None:
        """The sum of what the vendor said the takes cost; `None` when any submitted take's cost is unknown."""
        submitted = [take for take in self.takes if take.submitting_at_ms is not None]
        costs = [take.cost_usd_micros for take in submitted]
        return None if any(cost is None for cost in costs) else sum(cost or 0 for cost in costs)
