"""What holds where somebody asks, and what was used there: what the accepting transaction and the first look read."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, Protocol

from sqlalchemy import Connection

from bot.domain.money import Asked
from bot.domain.policies import Holding, Limits, Policy, Span, limits_of
from bot.domain.quotas import Quotas, Usage, Windows
from bot.domain.reasons import Reason
from bot.domain.requests import Person
from bot.queue import quotas
from bot.queue.ledger_reads import day_account, month_account
from bot.queue.policies import policy_of
from bot.queue.quotas import Asker

OTHER_MONTH_MS: Final = 26 * 3_600_000
"""How far apart the same month begins in two time zones, at most: to change the zone gives no second budget."""
OTHER_DAY_MS: Final = 23 * 3_600_000 - 1
"""The same for a day: none is shorter than 23 hours, so that the day before in the same zone is not among them.

For once, after a change of the zone, the day before may be: less may be spent then, never more.
"""

PresentWindows = Callable[[str, int], Windows]
"""The present day, week and month of a time zone (an IANA name) at a moment (Unix ms). Pure."""


class Rule(Protocol):
    """Answers every reason why a person may not ask for this, here and now. Pure; called inside the transaction."""

    def __call__(  # noqa: D102  the class says it
        self,
        policy: Policy,
        limits: Limits,
        usage: Usage,
        asked: Asked,
        /,
        *,
        roles: Collection[int],
        channel_id: int,
    ) -> tuple[Reason, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a deployment decides by: what holds where a guild wants something, its spans, and the rule."""

    holding: Holding
    windows: PresentWindows
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What holds for one person in a guild at a moment: the guild's policy, their limits of it, the present spans."""

    asker: Asker
    policy: Policy
    limits: Limits
    windows: Windows


def held_for(connection: Connection, terms: Terms, guild_id: int, person: Person, now_ms: int) -> Held:
    """What holds for that person there now."""
    policy = terms.holding(policy_of(connection, guild_id))
    return Held(
        asker=Asker(guild_id=guild_id, person_id=person.id),
        policy=policy,
        limits=limits_of(policy, person.roles),
        windows=windows_of(terms, policy, now_ms),
    )


def windows_of(terms: Terms, policy: Policy, now_ms: int) -> Windows:
    """The present spans of the guild whose policy holds so."""
    return terms.windows(policy.time_zone or "UTC", now_ms)


def usage_of(connection: Connection, held: Held, now_ms: int, *, besides: str = "") -> Usage:
    """What the person and the guild have used, waiting, held and spent. `besides`: a request that does not wait."""
    used = quotas.usage(connection, held.asker, held.windows, now_ms, besides=besides)
    month_ms, day_ms = held.windows[Span.MONTH].starts_ms, held.windows[Span.DAY].starts_ms
    guild_id, person_id = held.asker.guild_id, held.asker.person_id
    return replace(
        used,
        month=month_account(
            connection, guild_id, month_ms, held.policy.guild.budget_usd_micros, within_ms=OTHER_MONTH_MS
        ),
        day=day_account(connection, guild_id, person_id, day_ms, held.limits.budget_usd_micros, within_ms=OTHER_DAY_MS),
    )


def quotas_of(connection: Connection, terms: Terms, guild_id: int, person: Person, now_ms: int) -> Quotas:
    """For the first look: what holds in the guild, and what that person and the guild have used of it."""
    held = held_for(connection, terms, guild_id, person, now_ms)
    return Quotas(policy=held.policy, usage=usage_of(connection, held, now_ms))
