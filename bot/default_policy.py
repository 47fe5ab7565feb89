"""What the operator's settings mean for guilds: the policy that holds where nothing is set, and the ceilings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, TypeVar

from bot.admission.spans import zones
from bot.domain.policies import Limits, Order, Policy, Quota, Span, Unit
from bot.settings import AsSet, Settings, SettingsError

_Kind = tuple[Unit, Span]
_Value = TypeVar("_Value")
_TAKES_A_DAY: Final = (Unit.TAKES, Span.DAY)


def default_policy(settings: Settings) -> Policy:
    """What holds where a guild's admins set nothing. `SettingsError` for a time zone that there is not."""
    lanes, quotas, budgets = settings.lanes, settings.quotas, settings.budgets
    if quotas.time_zone not in zones():
        raise SettingsError(f"The setting quotas.time_zone names “{quotas.time_zone}”, which is no time zone.")
    return Policy(
        time_zone=quotas.time_zone,
        guild=Limits(
            quotas=_quotas({_TAKES_A_DAY: quotas.takes_per_guild_per_day, **_kinds(quotas.per_guild)}),
            running=lanes.max_running_per_guild,
            budget_usd_micros=_micros(budgets.usd_per_guild_per_month),
        ),
        person=Limits(
            quotas=_quotas({_TAKES_A_DAY: quotas.takes_per_person_per_day, **_kinds(quotas.per_person)}),
            running=_number(lanes.max_running_per_person),
            waiting=lanes.max_waiting_per_person,
            cooldown_seconds=quotas.cooldown_seconds or None,
            budget_usd_micros=_micros(budgets.usd_per_person_per_day),
        ),
        order=Order(first_come=lanes.first_come, ageing_minutes=lanes.ageing_minutes),
        unpriced=budgets.unpriced,
    )


def ceilings(settings: Settings) -> Policy:
    """How far a guild's admins may go; only its limits mean anything."""
    said, default = settings.ceilings, default_policy(settings)
    guild, person = default.guild, default.person
    return Policy(
        guild=Limits(
            quotas=_ceilings(guild, {_TAKES_A_DAY: said.takes_per_guild_per_day, **_kinds(said.per_guild)}),
            running=_ceiling(said.max_running_per_guild, guild.running),
            budget_usd_micros=_ceiling(_micros_or(said.usd_per_guild_per_month), guild.budget_usd_micros),
        ),
        person=Limits(
            quotas=_ceilings(person, {_TAKES_A_DAY: said.takes_per_person_per_day, **_kinds(said.per_person)}),
            running=_ceiling(said.max_running_per_person, person.running),
            waiting=_ceiling(said.max_waiting_per_person, person.waiting),
            cooldown_seconds=_ceiling(said.cooldown_seconds, person.cooldown_seconds),
            budget_usd_micros=_ceiling(_micros_or(said.usd_per_person_per_day), person.budget_usd_micros),
        ),
    )


def _kinds(named: Mapping[str, _Value]) -> dict[_Kind, _Value]:
    """By what is counted and over what: `seconds_per_month`."""
    parts = ((name.partition("_per_"), value) for name, value in named.items())
    return {(Unit(unit), Span(span)): value for (unit, _, span), value in parts}


def _quotas(limits: Mapping[_Kind, int]) -> tuple[Quota, ...]:
    return tuple(Quota(unit=unit, span=span, limit=limit) for (unit, span), limit in limits.items())


def _ceilings(default: Limits, said: Mapping[_Kind, int | AsSet]) -> tuple[Quota, ...]:
    """What is not named is as far as the default goes."""
    defaults = {(quota.unit, quota.span): quota.limit for quota in default.quotas}
    limits = {kind: _ceiling(value, defaults.get(kind)) for kind, value in said.items()}
    return _quotas({kind: limit for kind, limit in {**defaults, **limits}.items() if limit is not None})


def _ceiling(said: int | AsSet, default: int | None) -> int | None:
    if said == "default":
        return default
    return None if said == "none" else said


def _number(said: int | Literal["none"]) -> int | None:
    return None if said == "none" else said


def _micros(said: Decimal | Literal["none"]) -> int | None:
    return None if said == "none" else int(said.scaleb(6))


def _micros_or(said: Decimal | AsSet) -> int | AsSet:
    return int(said.scaleb(6)) if isinstance(said, Decimal) else said
