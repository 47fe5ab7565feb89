"""What admins write, what becomes of their server's policy, and what they read of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cards
from bot.cards import Area
from bot.domain.errors import Refused
from bot.domain.policies import Access, Block, Change, Limits, Order, Policy, PolicyView, Quota, Span, Unit, holding
from cogs.policy_wishes import (
    GUILD,
    PERSON,
    Scope,
    access_changed,
    limits_changed,
    number,
    order_changed,
    quota_changed,
    usd_micros,
    zone_changed,
)
from tests.card_reading import read, schema_problems, units
from tests.fakes_delivery import NOW_MS, OPENAPI

_TAKES_A_DAY = Quota(unit=Unit.TAKES, span=Span.DAY, limit=12)
DEFAULTS = Policy(
    time_zone="UTC", guild=Limits(running=2), person=Limits(quotas=(_TAKES_A_DAY,), waiting=5), order=Order()
)
CEILINGS = Policy(person=Limits(quotas=(replace(_TAKES_A_DAY, limit=30),), cooldown_seconds=10, running=4))


def view(wanted: Policy) -> PolicyView:
    return PolicyView(wanted=wanted, holding=holding(wanted, DEFAULTS, CEILINGS), ceilings=CEILINGS)


def shown(area: Area, wanted: Policy) -> str:
    return read(cards.policy(area, view(wanted)))


def changed(area: Area, before: Policy, after: Policy) -> str:
    return read(cards.policy_changed(area, view(before), view(after)))


# --- reading what was written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "value"), [("4", 4), (" 0 ", 0), ("None", None)])
def test_a_limit_is_a_number_or_none(text: str, value: int | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "", "٣", "1000001", "9" * 40])
def test_anything_else_is_no_limit(text: str) -> None:
    with pytest.raises(Refused) as refused:
        number(text)
    assert refused.value.reason.code == "not-a-limit"


@pytest.mark.parametrize(
    ("text", "value"), [("25", 25_000_000), ("$0.01", 10_000), ("12.50", 12_500_000), ("none", None)]
)
def test_a_budget_is_dollars_or_none(text: str, value: int | None) -> None:
    assert usd_micros(text) == value


@pytest.mark.parametrize("text", ["-1", "1e3", "NaN", "1,5", "0.0000001", "1000001", "$", "1."])
def test_anything_else_is_no_budget(text: str) -> None:
    with pytest.raises(Refused) as refused:
        usd_micros(text)
    assert refused.value.reason.code == "not-a-budget"


# --- changing --------------------------------------------------------------------------------------------------------


def test_what_is_not_said_stays_as_it_is() -> None:
    before = Policy(person=Limits(quotas=(_TAKES_A_DAY,), waiting=3, budget_usd_micros=7), roles={5: Limits(running=1)})

    after = limits_changed({GUILD: {}, PERSON: {"running": 2}})(before)

    assert after == replace(before, person=replace(before.person, running=2))


def test_a_role_of_which_nothing_is_set_any_more_is_forgotten() -> None:
    with_role = limits_changed({5: {"waiting": 9}})(Policy())

    assert with_role == Policy(roles={5: Limits(waiting=9)})
    assert limits_changed({5: {"waiting": None}})(with_role) == Policy()


@pytest.mark.parametrize("scope", [GUILD, PERSON, 5])
def test_a_quota_replaces_the_one_of_its_unit_and_span(scope: Scope) -> None:
    first = quota_changed(scope, Unit.TAKES, Span.DAY, 3)(Policy())
    second = quota_changed(scope, Unit.TAKES, Span.WEEK, 9)(first)
    third = quota_changed(scope, Unit.TAKES, Span.DAY, 4)(second)

    limits = {GUILD: third.guild, PERSON: third.person}[scope] if isinstance(scope, str) else third.roles[scope]
    assert {(one.span, one.limit) for one in limits.quotas} == {(Span.DAY, 4), (Span.WEEK, 9)}
    back = quota_changed(scope, Unit.TAKES, Span.WEEK, None)(quota_changed(scope, Unit.TAKES, Span.DAY, None)(third))
    assert back == Policy()


def test_an_order_is_set_and_forgotten_by_role() -> None:
    policy = order_changed(mode="first come", ageing="30", role_id=5, weight=3, priority=-1)(Policy())

    assert policy.order == Order(first_come=True, weights={5: 3}, priorities={5: -1}, ageing_minutes=30)
    assert order_changed(mode="fair")(policy).order.first_come is False
    assert order_changed(mode="default", ageing="none", role_id=5, forget=True)(policy) == Policy()


@pytest.mark.parametrize(
    "given_", [{"weight": 2}, {"role_id": 5}, {"forget": True}, {"role_id": 5, "weight": 2, "forget": True}]
)
def test_a_weight_needs_its_role_and_a_role_something_to_do(given_: dict[str, int]) -> None:
    with pytest.raises(Refused):
        order_changed(**given_)  # pyright: ignore[reportArgumentType]  of several kinds


def test_what_is_allowed_is_not_denied_any_more_and_back() -> None:
    denied = access_changed("deny", role_id=5, channel_id=6)(Policy())
    allowed = access_changed("allow", role_id=5, channel_id=6)(denied)

    assert denied.access == Access(denied_roles=frozenset({5}), denied_channels=frozenset({6}))
    assert allowed.access == Access(allowed_roles=frozenset({5}), allowed_channels=frozenset({6}))
    assert access_changed("forget", role_id=5, channel_id=6)(allowed) == Policy()
    with pytest.raises(Refused):
        access_changed("allow", role_id=None, channel_id=None)


def test_a_time_zone_is_set_and_left_to_the_deployment() -> None:
    assert zone_changed("Europe/Berlin ")(Policy()).time_zone == "Europe/Berlin"
    assert zone_changed("none")(Policy(time_zone="Europe/Berlin")).time_zone is None


# --- what admins read ------------------------------------------------------------------------------------------------


def test_what_holds_says_what_was_set_here() -> None:
    text = shown(Area.LIMITS, Policy(guild=Limits(running=3)))

    assert "- This server, under way at once: **3** · set here" in text
    assert "- Each person, waiting at once, drafts too: **5**\n" in text
    assert "- Each person, under way at once: **4**" in text, "the ceiling holds where nothing is set"


def test_a_change_is_told_from_what_to_what() -> None:
    text = changed(Area.LIMITS, Policy(), Policy(guild=Limits(running=1), roles={5: Limits(waiting=9)}))

    assert "This server, under way at once: 2 → **1**" in text
    assert "<@&5>, waiting at once, drafts too: nothing set → **9**" in text
    assert "Each person" not in text.partition("What holds now")[0]


def test_no_change_is_called_none() -> None:
    assert "Nothing was changed: it is so already." in changed(Area.TIME, Policy(), Policy())


def test_what_exceeds_the_operators_ceiling_is_said() -> None:
    wanted = quota_changed(PERSON, Unit.TAKES, Span.DAY, 100)(
        limits_changed({PERSON: {"cooldown_seconds": 2}})(Policy())
    )

    quotas, limits = changed(Area.QUOTAS, Policy(), wanted), changed(Area.LIMITS, Policy(), wanted)

    assert "takes a day: 12 → **30** · you set 100; this bot's operator allows at most 30." in quotas
    assert (
        "pause between two requests: 10 s → **10 s** · you set 2 s; this bot's operator asks for at least 10 s."
        in limits
    )


def test_budgets_are_said_in_dollars() -> None:
    wanted = Policy(guild=Limits(budget_usd_micros=50_000_000), roles={5: Limits(budget_usd_micros=2_500_000)})

    text = shown(Area.BUDGET, wanted)

    assert "- This server, US dollars a month: **$50.00** · set here" in text
    assert "- Each person, US dollars a day: **no limit**" in text
    assert "- <@&5>, US dollars a day: **$2.50** · set here" in text


def test_order_and_access_are_read_back() -> None:
    order = Order(first_come=True, weights={5: 3}, priorities={6: -1}, ageing_minutes=30)
    access = Access(allowed_roles=frozenset({5}), denied_channels=frozenset({8, 9}))

    text = shown(Area.ORDER, Policy(order=order))
    assert "- Order: **first come, first served** · set here" in text
    assert "**every 30 min**" in text
    assert "- <@&5>, weight: **3**" in text
    assert "- <@&6>, priority: **-1**" in text
    text = shown(Area.ACCESS, Policy(access=access))
    assert "- Only these roles may ask: **<@&5>**" in text
    assert "- Not in these channels: **<#8>, <#9>**" in text
    assert "Nothing is set here." in shown(Area.ACCESS, Policy())


def test_blocks_are_listed_with_reason_and_end() -> None:
    block = Block(guild_id=1, person_id=7, why="flooding *hard*", by=8, at_ms=NOW_MS, expires_at_ms=NOW_MS + 1000)

    text = read(cards.policy(Area.ACCESS, view(Policy()), blocks=(block,)))
    until = f"until <t:{(NOW_MS + 1000) // 1000}:f>"
    assert f"- <@7>: blocked {until} (flooding *hard*), by <@8>" in text
    assert f"<@7>: not blocked → **blocked {until}" in read(cards.block_changed(None, block, 7, (block,)))
    assert "→ **not blocked**" in read(cards.block_changed(block, None, 7, ()))


def test_the_history_tells_who_changed_what_when() -> None:
    block = Block(guild_id=1, person_id=7, why="flooding", by=8, at_ms=NOW_MS)
    changes = (
        Change(guild_id=1, by=8, at_ms=NOW_MS, before=None, after=block),
        Change(guild_id=1, by=9, at_ms=NOW_MS - 60_000, before=Policy(), after=Policy(time_zone="Europe/Berlin")),
        Change(
            guild_id=1,
            by=9,
            at_ms=NOW_MS - 60_000,
            before=Policy(person=Limits(running=1), order=Order(first_come=True)),
            after=Policy(order=Order(first_come=False)),
        ),
    )

    text = read(cards.policy_history(changes))

    assert f"<t:{NOW_MS // 1000}:f> <@8>: <@7>: not blocked → **blocked for good (flooding)**" in text
    assert "<@9>: Time zone: nothing set → **Europe/Berlin**" in text
    assert "Each person, under way at once: 1 → **nothing set**" in text
    assert "Order: first come, first served → **fair between people**" in text
    assert "Nothing was changed yet." in read(cards.policy_history(()))


@pytest.mark.skipif(not OPENAPI.exists(), reason=f"Discord's OpenAPI file is not at {OPENAPI}")
def test_discords_own_schema_takes_them() -> None:
    block = Block(guild_id=1, person_id=7, why="flooding", by=8, at_ms=NOW_MS)
    change = Change(guild_id=1, by=8, at_ms=NOW_MS, before=None, after=block)
    sheets = [
        cards.ledger(),
        cards.policy_history([change]),
        cards.block_changed(None, block, 7, [block]),
        *(cards.policy_changed(area, view(Policy()), view(Policy()), blocks=[block]) for area in Area),
    ]

    assert [schema_problems(sheet) for sheet in sheets] == [[]] * len(sheets)


@given(st.dictionaries(st.integers(1, 1 << 63), st.integers(0, 1_000_000), max_size=60))
def test_whatever_is_set_fits_into_a_message(roles: dict[int, int]) -> None:
    quotas = tuple(Quota(unit=unit, span=span, limit=5) for unit in Unit for span in Span)
    own = Limits(quotas=quotas, running=1, waiting=2, cooldown_seconds=3, budget_usd_micros=4)
    ids = frozenset(roles)
    wanted = Policy(
        guild=own,
        person=own,
        roles=dict.fromkeys(roles, own),
        order=Order(weights=roles, priorities=roles, first_come=True),
        access=Access(allowed_roles=ids, denied_roles=ids, allowed_channels=ids, denied_channels=ids),
    )
    blocks = [Block(guild_id=1, person_id=each, why="x" * 300, by=8, at_ms=NOW_MS) for each in list(roles)[:25]]

    for area in Area:
        assert units(cards.policy(area, view(wanted), blocks=blocks)) <= 4000
        assert units(cards.policy_changed(area, view(Policy()), view(wanted), blocks=blocks)) <= 4000
    assert units(cards.block_changed(None, blocks[0] if blocks else None, 7, blocks)) <= 4000
    change = Change(guild_id=1, by=9, at_ms=NOW_MS, before=Policy(), after=wanted)
    assert units(cards.policy_history([change] * 25)) <= 4000
