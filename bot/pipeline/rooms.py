"""What the steps work with: ports and pure functions, handed in by the bootstrap, because a door knows no room."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.domain.admission import GuildPolicy, Usage
from bot.domain.identity import Clock, Ids
from bot.domain.models import ModelLimits, ModelSpec
from bot.domain.ports import (
    Cards,
    ContentStore,
    Courier,
    Engine,
    FaultPoint,
    MediaTools,
    Provider,
    Publisher,
    RequestStore,
)
from bot.domain.prompts import Parsed, Prompt, PromptStyle
from bot.domain.reasons import Reason
from bot.domain.references import Offer, Reference
from bot.domain.requests import Wish


class Parse(Protocol):
    """The prompt language's reader; see `bot.prompting`."""

    def __call__(
        self, text: str, references: Sequence[Reference], *, limits: ModelLimits, style: PromptStyle
    ) -> Parsed:
        """Text to segments and findings; the model's style counts characters."""
        ...


class Render(Protocol):
    """The prompt language's writer, with the references' natural numbers."""

    def __call__(self, prompt: Prompt, style: PromptStyle, references: Sequence[Reference]) -> str:
        """Segments to what the model reads."""
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
class Rooms:
    """Every collaborator of the pipeline."""

    store: RequestStore
    contents: ContentStore
    media: MediaTools
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
    collect: Callable[[Sequence[Offer]], Awaitable[tuple[tuple[Reference, ...], tuple[Reason, ...]]]]
    first_look: Callable[[Wish, GuildPolicy, Usage], Sequence[Reason]]
    declared_reasons: Callable[[Sequence[Offer], ModelSpec], Sequence[Reason]]
    set_reasons: Callable[[Sequence[Reference], ModelSpec], Sequence[Reason]]
    policy: Callable[[int], GuildPolicy]
    max_running: int
    reached: FaultPoint
