"""What the steps work with: ports and pure functions, handed in by the bootstrap, because a door knows no room."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.domain.conform import SetPlan
from bot.domain.drafts import Allowance
from bot.domain.identity import Clock, Ids
from bot.domain.models import ModelSpec
from bot.domain.money import Asked
from bot.domain.policies import Holding, Policy
from bot.domain.ports import (
    Cards,
    ClipTools,
    Conformer,
    ConsentStore,
    ContentStore,
    Courier,
    Engine,
    FaultPoint,
    GuildChoiceStore,
    MediaTools,
    PolicyStore,
    Provider,
    Publisher,
    RequestStore,
    TrayStore,
)
from bot.domain.prompts import Names, Parsed, Prompt
from bot.domain.quotas import Quotas, Windows
from bot.domain.reasons import Reason
from bot.domain.references import Collected, Offer, Reference
from bot.domain.requests import Wish


class Parse(Protocol):
    """The prompt language's reader; see `bot.prompting.read`."""

    def __call__(self, text: str, references: Sequence[Reference], *, spec: ModelSpec, names: Names) -> Parsed:
        """Text to segments and findings; the model's style and limits count characters."""
        ...


class Render(Protocol):
    """The prompt language's writer, in the model's style and with the model's numbers; see `bot.prompting.written`."""

    def __call__(self, prompt: Prompt, spec: ModelSpec, references: Sequence[Reference]) -> str:
        """Segments to what the model reads."""
        ...


class Renumber(Protocol):
    """See `bot.prompting.renumbered`."""

    def __call__(self, text: str, before: Sequence[Reference], after: Sequence[Reference], *, names: Names) -> str:
        """The source text with its mentions rewritten, so that each means the same file under its new number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often the steps wait and try. Milliseconds."""

    retry_first_ms: int
    retry_most_ms: int
    max_attempts: int
    settle_looks: int
    settle_interval_ms: int
    deadline_ms: int
    watch_interval_ms: int

    def backoff_ms(self, attempts: int) -> int:
        """The wait after that many failures (from 1): doubling, bounded."""
        return min(self.retry_first_ms << max(0, min(attempts, 20) - 1), self.retry_most_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """What drafts and trays may cost us, how long they last, and when no card is asked for. Milliseconds, micro-USD."""

    draft_life_ms: int
    tray_life_ms: int
    allowance: Allowance
    tray_files_per_person: int
    tray_files_per_guild: int
    skip_card: bool
    ask_above_usd_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the operator decided, and what policies are made and read with.

    `guilds`: the ones that are served; none: every one. `holding` makes what holds of what a guild set, under
    `ceilings`. `windows`: the present spans of a time zone, `zones` the names of all.
    """

    max_running: int
    guilds: frozenset[int]
    ceilings: Policy
    holding: Holding
    windows: Callable[[str, int], Windows]
    zones: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Every collaborator of the pipeline.

    `declared_bytes` answers how many files have to be fetched for these offers, and how many bytes at most.
    `plan`: what these files become so that the model takes them together, within what the publisher carries; its
    reasons say why it cannot be. `file_reasons`: why files that are sent as they are cannot go to the model.
    `tray_reasons`: why files cannot lie in one tray.
    """

    store: RequestStore
    contents: ContentStore
    media: MediaTools
    conformer: Conformer
    clips: ClipTools
    provider: Provider
    publisher: Publisher
    courier: Courier
    cards: Cards
    engine: Engine
    clock: Clock
    ids: Ids
    patience: Patience
    scratch: Path
    parse: Parse
    render: Render
    renumbered: Renumber
    collect: Callable[[Sequence[Offer]], Awaitable[Collected]]
    first_look: Callable[[Wish, Quotas, Asked], Sequence[Reason]]
    declared_reasons: Callable[[Sequence[Offer], ModelSpec], Sequence[Reason]]
    declared_bytes: Callable[[Sequence[Offer]], tuple[int, int]]
    plan: Callable[[Sequence[Reference], ModelSpec], SetPlan]
    file_reasons: Callable[[Sequence[Reference], ModelSpec], Sequence[Reason]]
    tray_reasons: Callable[[Sequence[Reference], ModelSpec], Sequence[Reason]]
    deployment: Deployment
    drafting: Drafting
    trays: TrayStore
    consent: ConsentStore
    guild_choices: GuildChoiceStore
    policies: PolicyStore
    reached: FaultPoint
