"""What an admin wrote, as a change of their guild's policy. Pure: a change may be made of any policy, any time."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.domain.errors import Refused
from bot.domain.policies import Access, Limits, Order, Policy, Quota, Span, Unit
from bot.domain.reasons import reason
from bot.domain.words import dollars

PolicyChange = Callable[[Policy], Policy]
GUILD: Final = "server"
PERSON: Final = "person"
Scope = int | str
"""Whose limits: `GUILD`, `PERSON` (everybody's), or a role's id."""

FAIR, FIRST_COME, DEFAULT = "fair", "first come", "default"
ALLOW, DENY, FORGET, BLOCK, UNBLOCK = "allow", "deny", "forget", "block", "unblock"
_NONE: Final = "none"
_MOST: Final = 1_000_000
_MOST_USD: Final = 1_000_000
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_MONEY: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_MICROS: Final = 1_000_000


def number(text: str) -> int | None:
    """A limit as it was written; `None` for “none”. `Refused` (not-a-limit)."""
    plain = text.strip().lower()
    if plain == _NONE:
        return None
    if _NUMBER.fullmatch(plain) is None or int(plain) > _MOST:
        raise Refused(reason("not-a-limit", text=text, most=_MOST))
    return int(plain)


def usd_micros(text: str) -> int | None:
    """A sum of US dollars as it was written, such as `$12.50`; `None` for “none”. `Refused` (not-a-budget)."""
    plain = text.strip().lower().removeprefix("$")
    if plain == _NONE:
        return None
    if _MONEY.fullmatch(plain) is None or Decimal(plain) > _MOST_USD:
        raise Refused(reason("not-a-budget", text=text, most=dollars(_MOST_USD * _MICROS)))
    return int(Decimal(plain) * _MICROS)


def said(given: Mapping[str, str | None], read: Callable[[str], int | None]) -> dict[str, int | None]:
    """The options that were given, by the name of the limit, read."""
    return {name: read(text) for name, text in given.items() if text is not None}


def limits_changed(changes: Mapping[Scope, Mapping[str, int | None]]) -> PolicyChange:
    """Sets the named fields of `Limits`, by whose they are."""

    def change(policy: Policy) -> Policy:
        for scope, named in changes.items():
            policy = _with(policy, scope, lambda limits, named=named: _with_numbers(limits, named))
        return policy

    return change


def quota_changed(scope: Scope, unit: Unit, span: Span, limit: int | None) -> PolicyChange:
    """Sets one quota in place of the one that is there; `None` takes it away."""

    def quotas(limits: Limits) -> Limits:
        others = tuple(one for one in limits.quotas if (one.unit, one.span) != (unit, span))
        own = () if limit is None else (Quota(unit=unit, span=span, limit=limit),)
        return replace(limits, quotas=(*others, *own))

    return lambda policy: _with(policy, scope, quotas)


def order_changed(
    *,
    mode: str | None = None,
    ageing: str | None = None,
    role_id: int | None = None,
    weight: int | None = None,
    priority: int | None = None,
    forget: bool = False,
) -> PolicyChange:
    """Sets what is not `None`; with `forget` the role's weight and priority are taken away."""
    ageing_minutes = None if ageing is None else number(ageing)
    wants = weight is not None or priority is not None
    if (wants or forget) != (role_id is not None) or (wants and forget):
        raise Refused(reason("order-incomplete"))

    def change(policy: Policy) -> Policy:
        order = policy.order
        if mode is not None:
            order = replace(order, first_come=None if mode == DEFAULT else mode == FIRST_COME)
        if ageing is not None:
            order = replace(order, ageing_minutes=ageing_minutes)
        if role_id is not None:
            order = _of_role(order, role_id, weight, priority, forget=forget)
        return replace(policy, order=order)

    return change


def access_changed(action: str, *, role_id: int | None, channel_id: int | None) -> PolicyChange:
    """Allows, denies or forgets a role, a channel, or both. `Refused` (access-incomplete) when nothing is named."""
    if action not in {ALLOW, DENY, FORGET} or (role_id is None and channel_id is None):
        raise Refused(reason("access-incomplete"))

    def change(policy: Policy) -> Policy:
        access = policy.access
        if role_id is not None:
            allowed, denied = _moved(role_id, action, access.allowed_roles, access.denied_roles)
            access = replace(access, allowed_roles=allowed, denied_roles=denied)
        if channel_id is not None:
            access = _with_channel(access, action, channel_id)
        return replace(policy, access=access)

    return change


def zone_changed(zone: str) -> PolicyChange:
    """Sets the time zone, such as `Europe/Berlin`; “none” leaves it to the deployment."""
    plain = zone.strip()
    wanted = None if plain.lower() == _NONE else plain
    return lambda policy: replace(policy, time_zone=wanted)


def _with(policy: Policy, scope: Scope, change: Callable[[Limits], Limits]) -> Policy:
    """The policy with other limits of one scope; a role of which nothing is set any more is forgotten."""
    if scope == GUILD:
        return replace(policy, guild=change(policy.guild))
    if isinstance(scope, str):
        return replace(policy, person=change(policy.person))
    after = change(policy.roles.get(scope, Limits()))
    others = {role: limits for role, limits in policy.roles.items() if role != scope}
    return replace(policy, roles=others if after == Limits() else {**others, scope: after})


def _with_numbers(limits: Limits, named: Mapping[str, int | None]) -> Limits:
    return Limits(
        quotas=limits.quotas,
        running=named.get("running", limits.running),
        waiting=named.get("waiting", limits.waiting),
        cooldown_seconds=named.get("cooldown_seconds", limits.cooldown_seconds),
        budget_usd_micros=named.get("budget_usd_micros", limits.budget_usd_micros),
    )


def _of_role(order: Order, role_id: int, weight: int | None, priority: int | None, *, forget: bool) -> Order:
    return replace(
        order,
        weights=_changed(order.weights, role_id, weight, forget=forget),
        priorities=_changed(order.priorities, role_id, priority, forget=forget),
    )


def _changed(known: Mapping[int, int], role_id: int, value: int | None, *, forget: bool) -> dict[int, int]:
    others = {role: each for role, each in known.items() if role != role_id}
    if forget:
        return others
    return dict(known) if value is None else {**others, role_id: value}


def _with_channel(access: Access, action: str, channel_id: int) -> Access:
    allowed, denied = _moved(channel_id, action, access.allowed_channels, access.denied_channels)
    return replace(access, allowed_channels=allowed, denied_channels=denied)


def _moved(one: int, action: str, allowed: frozenset[int], denied: frozenset[int]) -> tuple[frozenset[int], ...]:
    """Allowed and denied: in one of them, or in neither."""
    only = frozenset({one})
    return (
        allowed | only if action == ALLOW else allowed - only,
        denied | only if action == DENY else denied - only,
    )
