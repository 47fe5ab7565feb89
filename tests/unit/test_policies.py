"""What an operator set holds above what guilds want, and a role only ever gives."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.policies import (
    Access,
    Limits,
    Order,
    Policy,
    Quota,
    Span,
    Unit,
    holding,
    limits_of,
    priority_of,
    weight_of,
)

_PLAIN: Final = tuple(each.name for each in fields(Limits) if each.name != "quotas")
_AMOUNTS: Final = st.none() | st.integers(0, 9)
_ROLES: Final = st.integers(1, 5)
_KINDS: Final = st.tuples(st.sampled_from(Unit), st.sampled_from(Span))


def _quotas(limits: dict[tuple[Unit, Span], int]) -> tuple[Quota, ...]:
    return tuple(Quota(unit=unit, span=span, limit=limit) for (unit, span), limit in limits.items())


_LIMITS: Final = st.builds(
    Limits,
    quotas=st.dictionaries(_KINDS, st.integers(0, 9), max_size=4).map(_quotas),
    running=_AMOUNTS,
    waiting=_AMOUNTS,
    cooldown_seconds=_AMOUNTS,
    budget_usd_micros=_AMOUNTS,
)
_ORDERS: Final = st.builds(
    Order,
    first_come=st.none() | st.booleans(),
    weights=st.dictionaries(_ROLES, st.integers(1, 100), max_size=3),
    priorities=st.dictionaries(_ROLES, st.integers(-2, 2), max_size=3),
    ageing_minutes=_AMOUNTS,
)
_POLICIES: Final = st.builds(
    Policy,
    time_zone=st.sampled_from((None, "UTC", "Europe/Berlin")),
    guild=_LIMITS,
    person=_LIMITS,
    roles=st.dictionaries(_ROLES, _LIMITS, max_size=3),
    order=_ORDERS,
    access=st.builds(Access, denied_roles=st.frozensets(_ROLES, max_size=2)),
    weight=st.integers(1, 9),
    unpriced=st.booleans(),
)
_MEMBERS: Final = st.frozensets(_ROLES, max_size=4)


def _by_kind(limits: Limits) -> dict[tuple[Unit, Span], int]:
    return {(quota.unit, quota.span): quota.limit for quota in limits.quotas}


def _no_looser(limits: Limits, than: Limits) -> bool:
    """In everything that `than` sets, `limits` is at least as strict."""
    own, most = _by_kind(limits), _by_kind(than)
    return all(
        [
            *(key in own and own[key] <= limit for key, limit in most.items()),
            *(_at_most(getattr(limits, name), getattr(than, name)) for name in _PLAIN if name != "cooldown_seconds"),
            than.cooldown_seconds is None or (limits.cooldown_seconds or 0) >= than.cooldown_seconds,
        ]
    )


def _at_most(value: int | None, most: int | None) -> bool:
    return most is None or (value is not None and value <= most)


@given(wanted=_POLICIES, defaults=_POLICIES, ceilings=_POLICIES, roles=_MEMBERS)
def test_nothing_is_ever_above_a_ceiling(
    wanted: Policy, defaults: Policy, ceilings: Policy, roles: frozenset[int]
) -> None:
    holds = holding(wanted, defaults, ceilings)

    assert _no_looser(holds.guild, ceilings.guild)
    assert _no_looser(holds.person, ceilings.person)
    assert _no_looser(limits_of(holds, roles), ceilings.person)


@given(wanted=_POLICIES, other=_POLICIES, defaults=_POLICIES, ceilings=_POLICIES)
def test_what_is_the_operator_s_no_guild_changes(
    wanted: Policy, other: Policy, defaults: Policy, ceilings: Policy
) -> None:
    holds = holding(wanted, defaults, ceilings)

    assert (holds.weight, holds.unpriced) == (defaults.weight, defaults.unpriced)
    assert holding(replace(wanted, weight=other.weight, unpriced=other.unpriced), defaults, ceilings) == holds


@given(wanted=_POLICIES, defaults=_POLICIES)
def test_what_a_guild_wants_holds_where_no_ceiling_is_and_else_what_the_deployment_says(
    wanted: Policy, defaults: Policy
) -> None:
    holds = holding(wanted, defaults, Policy())

    for mine, theirs, held in (
        (wanted.guild, defaults.guild, holds.guild),
        (wanted.person, defaults.person, holds.person),
    ):
        assert _by_kind(held) == _by_kind(theirs) | _by_kind(mine)
        for name in _PLAIN:
            own = getattr(mine, name)
            assert getattr(held, name) == (getattr(theirs, name) if own is None else own)
    assert holds.access == wanted.access


@given(defaults=_POLICIES)
def test_a_guild_that_wants_nothing_has_every_question_answered(defaults: Policy) -> None:
    holds = holding(Policy(), defaults, Policy())

    assert holds.time_zone == (defaults.time_zone or "UTC")
    assert holds.order.first_come is bool(defaults.order.first_come)
    assert (holds.order.weights, holds.order.priorities) == (defaults.order.weights, defaults.order.priorities)


@given(wanted=_POLICIES, defaults=_POLICIES, ceilings=_POLICIES)
def test_what_holds_held_up_again_is_the_same(wanted: Policy, defaults: Policy, ceilings: Policy) -> None:
    holds = holding(wanted, defaults, ceilings)
    again = holding(holds, defaults, ceilings)

    assert (_sorted(again.guild), _sorted(again.person)) == (_sorted(holds.guild), _sorted(holds.person))
    assert {role: _sorted(each) for role, each in again.roles.items()} == {
        role: _sorted(each) for role, each in holds.roles.items()
    }


def _sorted(limits: Limits) -> Limits:
    return replace(limits, quotas=tuple(sorted(limits.quotas, key=lambda quota: (quota.unit, quota.span))))


@given(wanted=_POLICIES, ceilings=_POLICIES, roles=_MEMBERS)
def test_of_several_roles_each_limit_is_the_most_generous(
    wanted: Policy, ceilings: Policy, roles: frozenset[int]
) -> None:
    holds = holding(wanted, Policy(), ceilings)
    given = [each for role, each in holds.roles.items() if role in roles] or [holds.person]
    mine = limits_of(holds, roles)

    assert all(_no_looser(each, mine) for each in given), "none gives more than the person has"
    for key, limit in _by_kind(mine).items():
        assert limit in {_by_kind(each).get(key) for each in given}, "and what they have some role gives"
    for name in _PLAIN:
        assert getattr(mine, name) in {getattr(each, name) for each in given}


@given(policy=_POLICIES, roles=_MEMBERS, more=_ROLES)
def test_one_more_of_the_roles_that_give_takes_nothing_away(policy: Policy, roles: frozenset[int], more: int) -> None:
    if roles & set(policy.roles):
        assert _no_looser(limits_of(policy, roles), limits_of(policy, roles | {more}))
    assert weight_of(policy, roles | {more}) >= weight_of(policy, roles) or not roles & set(policy.order.weights)
    assert priority_of(policy, roles | {more}) >= priority_of(policy, roles) or not roles & set(policy.order.priorities)


def test_a_role_without_a_cooldown_has_none_whatever_another_role_has() -> None:
    policy = Policy(roles={1: Limits(cooldown_seconds=60), 2: Limits(), 3: Limits(cooldown_seconds=30)})

    assert _cooldowns(policy, [{1}, {2}, {1, 2}, {1, 3}, set()]) == [60, None, None, 30, None]


def _cooldowns(policy: Policy, people: Iterable[set[int]]) -> list[int | None]:
    return [limits_of(policy, roles).cooldown_seconds for roles in people]
