"""What a guild's admins set and an operator allows: limits, order, access. Values and pure rules."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final


class Span(StrEnum):
    """What a quota counts over: calendar spans of the guild's time zone; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Unit(StrEnum):
    """What a quota counts. Seconds are those of all takes together; an automatic length counts as the model's most."""

    REQUESTS = "requests"
    TAKES = "takes"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most so many of a unit in each span."""

    unit: Unit
    span: Span
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a guild, or a person in it, may do. `None` and an absent quota: nothing is set.

    `running`: requests under way at once. `waiting`: requests that wait, drafts too (a person's). `cooldown_seconds`:
    between two acceptances (a person's). `budget_usd_micros`: of a guild for a month, of a person for a day; hard.
    """

    quotas: tuple[Quota, ...] = ()
    running: int | None = None
    waiting: int | None = None
    cooldown_seconds: int | None = None
    budget_usd_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Whose turn it is in a guild. By role id: `weights` (1 to 100, of turns) and `priorities` (-2 to 2).

    Of several roles the highest counts; nobody's role: weight 1, priority 0. `first_come`: no fairness between people,
    only priority and who came first. `ageing_minutes`: what waits rises one priority after each such time (0: never).
    """

    first_come: bool | None = None
    weights: Mapping[int, int] = field(default_factory=dict[int, int])
    priorities: Mapping[int, int] = field(default_factory=dict[int, int])
    ageing_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may ask, and where (ids of roles and channels). Denied wins; an empty list of allowed ones allows all."""

    allowed_roles: frozenset[int] = frozenset()
    denied_roles: frozenset[int] = frozenset()
    allowed_channels: frozenset[int] = frozenset()
    denied_channels: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that holds in a guild. `person` is for everybody, `roles` (by role id) for those who have the role.

    What a guild sets may leave things open (`None`, absent quotas); what holds is made of it by `holding`. `weight` is
    the guild's share of the bot, and `unpriced` whether requests of unknown price are taken: the operator's alone.
    """

    time_zone: str | None = None
    guild: Limits = Limits()
    person: Limits = Limits()
    roles: Mapping[int, Limits] = field(default_factory=dict[int, Limits])
    order: Order = Order()
    access: Access = Access()
    weight: int = 1
    unpriced: bool = False


ANYWHERE: Final = 0
"""In place of a guild's id: in all guilds of this deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A person may not ask, in one guild or `ANYWHERE`. `expires_at_ms=None`: for good."""

    guild_id: int
    person_id: int
    why: str
    by: int
    at_ms: int
    expires_at_ms: int | None = None

    def holds_at(self, now_ms: int) -> bool:
        """Until it expires."""
        return self.expires_at_ms is None or now_ms < self.expires_at_ms


def last_to_end(blocks: Collection[Block]) -> Block | None:
    """Of the blocks that hold for one person the one that ends last: what they are told."""
    return max(
        blocks,
        key=lambda block: (block.expires_at_ms is None, block.expires_at_ms or 0, block.guild_id == ANYWHERE),
        default=None,
    )


def holding(wanted: Policy, defaults: Policy, ceilings: Policy) -> Policy:
    """What holds where a guild wants this: its own settings over the deployment's defaults, never above the ceilings.

    A role's limits are over those for everybody; they too stay under the person's ceiling.
    """
    person = _under(_over(wanted.person, defaults.person), ceilings.person)
    order = Order(
        first_come=bool(defaults.order.first_come if wanted.order.first_come is None else wanted.order.first_come),
        weights=wanted.order.weights or defaults.order.weights,
        priorities=wanted.order.priorities or defaults.order.priorities,
        ageing_minutes=(
            defaults.order.ageing_minutes if wanted.order.ageing_minutes is None else wanted.order.ageing_minutes
        ),
    )
    return Policy(
        time_zone=wanted.time_zone or defaults.time_zone or "UTC",
        guild=_under(_over(wanted.guild, defaults.guild), ceilings.guild),
        person=person,
        roles={role: _under(_over(limits, person), ceilings.person) for role, limits in wanted.roles.items()},
        order=order,
        access=wanted.access,
        weight=defaults.weight,
        unpriced=defaults.unpriced,
    )


def limits_of(policy: Policy, roles: Collection[int]) -> Limits:
    """What one person with these roles may do: of everything the most generous that a role gives, else everybody's.

    `policy` is one that holds.
    """
    given = [limits for role, limits in policy.roles.items() if role in roles]
    if not given:
        return policy.person
    return Limits(
        quotas=_most_generous(given),
        running=_most(each.running for each in given),
        waiting=_most(each.waiting for each in given),
        cooldown_seconds=_least_unless_none(each.cooldown_seconds for each in given),
        budget_usd_micros=_most(each.budget_usd_micros for each in given),
    )


def weight_of(policy: Policy, roles: Collection[int]) -> int:
    """A person's weight in the guild's order."""
    return max((weight for role, weight in policy.order.weights.items() if role in roles), default=1)


def priority_of(policy: Policy, roles: Collection[int]) -> int:
    """A person's priority in the guild's order."""
    return max((priority for role, priority in policy.order.priorities.items() if role in roles), default=0)


def _over(wanted: Limits, defaults: Limits) -> Limits:
    """The wanted limits, with the defaults where nothing is wanted."""
    own = {(quota.unit, quota.span) for quota in wanted.quotas}
    quotas = (*wanted.quotas, *(quota for quota in defaults.quotas if (quota.unit, quota.span) not in own))
    plain = {each.name: getattr(wanted, each.name) for each in fields(Limits) if each.name != "quotas"}
    rest = {name: getattr(defaults, name) if value is None else value for name, value in plain.items()}
    return Limits(quotas=quotas, **rest)


def _under(limits: Limits, ceiling: Limits) -> Limits:
    """No limit above the ceiling; where nothing is set the ceiling holds. A cooldown is no shorter than its ceiling."""
    known = {(quota.unit, quota.span): quota for quota in limits.quotas}
    for most in ceiling.quotas:
        own = known.get((most.unit, most.span), most)
        known[most.unit, most.span] = replace(own, limit=min(own.limit, most.limit))
    return Limits(
        quotas=tuple(known.values()),
        running=_least((limits.running, ceiling.running)),
        waiting=_least((limits.waiting, ceiling.waiting)),
        cooldown_seconds=_greatest((limits.cooldown_seconds, ceiling.cooldown_seconds)),
        budget_usd_micros=_least((limits.budget_usd_micros, ceiling.budget_usd_micros)),
    )


def _most_generous(given: list[Limits]) -> tuple[Quota, ...]:
    """Only what every one of them limits is limited, by the highest."""
    kinds = [{(quota.unit, quota.span): quota for quota in limits.quotas} for limits in given]
    shared = [key for key in kinds[0] if all(key in each for each in kinds)]
    return tuple(max((each[key] for each in kinds), key=lambda quota: quota.limit) for key in shared)


def _most(values: Iterable[int | None]) -> int | None:
    """The highest; one that is not set is no limit."""
    found = list(values)
    return None if any(value is None for value in found) else max(value for value in found if value is not None)


def _least(values: Iterable[int | None]) -> int | None:
    """The lowest that is set."""
    return min((value for value in values if value is not None), default=None)


def _least_unless_none(values: Iterable[int | None]) -> int | None:
    """The lowest; one that is not set is none at all."""
    found = list(values)
    return None if None in found else _least(found)


def _greatest(values: Iterable[int | None]) -> int | None:
    """The highest that is set."""
    return max((value for value in values if value is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changed what, and when: a guild's policy, or whether one person is blocked (`None`: they were not).

    `before` and `after` are both policies or both of that one block. `guild_id` may be `ANYWHERE`.
    """

    guild_id: int
    by: int
    at_ms: int
    before: Policy | Block | None
    after: Policy | Block | None


Holding = Callable[[Policy], Policy]
"""What holds where a guild wants this: `holding` with a deployment's defaults and ceilings. Pure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """What a guild set (`wanted`), what holds there of it, and how far its admins may go (`ceilings`, the operator's).

    Of `ceilings` only limits mean anything; of a cooldown it is the least.
    """

    wanted: Policy
    holding: Policy
    ceilings: Policy
