"""What the operator's settings mean: defaults for servers that set nothing, and how far their admins may go."""

import os

import pytest

from bot.default_policy import ceilings, default_policy
from bot.domain.policies import Limits, Policy, Quota, Span, Unit, holding
from bot.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surroundings."""
    for name in [name for name in os.environ if name.upper().startswith("RUSHES_")]:
        monkeypatch.delenv(name)


NOTHING_SET = Policy()


def held(wanted: Policy = NOTHING_SET) -> Policy:
    """What holds by the settings of this moment where a server wants this."""
    settings = load_settings()
    return holding(wanted, default_policy(settings), ceilings(settings))


def takes(limit: int) -> Limits:
    return Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=limit),))


def quotas(limits: Limits) -> dict[str, int]:
    return {f"{quota.unit.value} a {quota.span.value}": quota.limit for quota in limits.quotas}


def test_what_was_set_before_servers_could_set_anything_holds_where_they_set_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUSHES__LANES__MAX_RUNNING_PER_GUILD", "3")
    monkeypatch.setenv("RUSHES__LANES__MAX_WAITING_PER_PERSON", "7")
    monkeypatch.setenv("RUSHES__QUOTAS__TAKES_PER_PERSON_PER_DAY", "8")
    monkeypatch.setenv("RUSHES__QUOTAS__TAKES_PER_GUILD_PER_DAY", "40")
    policy = held()
    assert (policy.guild.running, policy.person.waiting, policy.time_zone) == (3, 7, "UTC")
    assert (quotas(policy.person), quotas(policy.guild)) == ({"takes a day": 8}, {"takes a day": 40})


def test_nothing_else_is_limited_by_default_and_unknown_prices_are_not_taken() -> None:
    policy = held()
    assert (policy.person.running, policy.person.cooldown_seconds, policy.order.ageing_minutes) == (None, None, 0)
    assert (policy.guild.budget_usd_micros, policy.person.budget_usd_micros, policy.unpriced) == (None, None, False)


def test_an_admin_may_lower_what_the_operator_pays_for_and_not_raise_it() -> None:
    assert quotas(held(Policy(person=takes(3))).person) == {"takes a day": 3}
    raised = held(Policy(person=takes(500), guild=takes(500), roles={7: takes(500)}))
    assert (quotas(raised.person), quotas(raised.guild)) == ({"takes a day": 12}, {"takes a day": 60})
    assert quotas(raised.roles[7]) == {"takes a day": 12}


def test_an_admin_may_raise_as_far_as_the_operator_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__CEILINGS__TAKES_PER_PERSON_PER_DAY", "30")
    monkeypatch.setenv("RUSHES__CEILINGS__TAKES_PER_GUILD_PER_DAY", "none")
    raised = held(Policy(person=takes(500), guild=takes(500)))
    assert (quotas(raised.person), quotas(raised.guild)) == ({"takes a day": 30}, {"takes a day": 500})
    assert quotas(held().person) == {"takes a day": 12}, "the default is still what holds where nothing is set"


def test_further_quotas_have_defaults_and_ceilings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__QUOTAS__PER_PERSON", '{"seconds_per_month": 600, "requests_per_week": 20}')
    monkeypatch.setenv("RUSHES__CEILINGS__PER_PERSON", '{"seconds_per_month": "none", "requests_per_day": 9}')
    wanted = (("seconds", "month", 900), ("requests", "week", 90), ("requests", "day", 90))
    limits = Limits(quotas=tuple(Quota(unit=Unit(unit), span=Span(span), limit=limit) for unit, span, limit in wanted))
    assert quotas(held(Policy(person=limits)).person) == {
        "takes a day": 12,
        "seconds a month": 900,
        "requests a week": 20,
        "requests a day": 9,
    }


def test_budgets_are_in_dollars_and_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__BUDGETS__USD_PER_GUILD_PER_MONTH", "99.999999")
    monkeypatch.setenv("RUSHES__BUDGETS__USD_PER_PERSON_PER_DAY", "0")
    policy = held(Policy(guild=Limits(budget_usd_micros=10**12)))
    assert (policy.guild.budget_usd_micros, policy.person.budget_usd_micros) == (99_999_999, 0)


def test_a_cooldown_can_be_made_longer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__QUOTAS__COOLDOWN_SECONDS", "30")
    assert held(Policy(person=Limits(cooldown_seconds=5))).person.cooldown_seconds == 30
    assert held(Policy(person=Limits(cooldown_seconds=60))).person.cooldown_seconds == 60


def test_a_time_zone_that_there_is_not_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__QUOTAS__TIME_ZONE", "Europe/Berln")
    with pytest.raises(SettingsError, match=r"quotas\.time_zone names “Europe/Berln”, which is no time zone"):
        held()
