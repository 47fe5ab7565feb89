"""What a server's rules refuse, and that each refusal says what was used, what may be, and what to do next."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admission.rules import refusals_of
from bot.domain.money import Account, Asked
from bot.domain.policies import ANYWHERE, Access, Block, Limits, Policy, Quota, Span, Unit, holding, limits_of
from bot.domain.quotas import Usage
from bot.domain.reasons import Reason
from bot.domain.words import SENTENCES, say

_NOW_MS: Final = 1_750_000_000_000
_ENDS_MS: Final = {Span.DAY: 1_750_032_000_000, Span.WEEK: 1_750_291_200_000, Span.MONTH: 1_751_328_000_000}
_USAGE: Final = Usage(person={}, guild={}, resets_at_ms=_ENDS_MS, now_ms=_NOW_MS)
_ASKED: Final = Asked(takes=2, seconds=20, cost_usd_micros=1_500_000)
_OPEN: Final = Policy()
_DOLLAR: Final = 1_000_000


def _refusals(
    policy: Policy = _OPEN,
    usage: Usage = _USAGE,
    asked: Asked = _ASKED,
    *,
    roles: Collection[int] = (),
    channel_id: int = 50,
) -> tuple[Reason, ...]:
    found = refusals_of(policy, limits_of(policy, roles), usage, asked, roles=roles, channel_id=channel_id)
    for refusal in found:
        assert SENTENCES[refusal.code].format(**refusal.arguments) == say(refusal), "it has all it needs"
    return found


def _codes(found: Collection[Reason]) -> list[str]:
    return [each.code for each in found]


def _limited(unit: Unit, span: Span, limit: int) -> Limits:
    return Limits(quotas=(Quota(unit=unit, span=span, limit=limit),))


def _account(held: int = 0, spent: int = 0) -> Account:
    return Account(held_usd_micros=held, spent_usd_micros=spent)


def test_where_nothing_is_set_nothing_is_refused() -> None:
    assert _refusals() == ()


# --- who and where ---------------------------------------------------------------------------------------------------


def _block(guild_id: int, expires_at_ms: int | None) -> Block:
    return Block(guild_id=guild_id, person_id=7, why="spam", by=1, at_ms=0, expires_at_ms=expires_at_ms)


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (_block(9, None), "You may not ask for videos in this server: spam. Ask its moderators."),
        (_block(ANYWHERE, None), "You may not ask this bot for videos: spam. Ask the bot's operator."),
        (
            _block(9, _NOW_MS + 1),
            (
                "You may not ask for videos in this server before <t:1750000001:f>: spam. "
                "Ask its moderators, or come back then."
            ),
        ),
        (
            _block(ANYWHERE, _NOW_MS + 1),
            (
                "You may not ask this bot for videos before <t:1750000001:f>: spam. "
                "Ask the bot's operator, or come back then."
            ),
        ),
    ],
)
def test_who_is_blocked_is_told_why_by_whom_and_until_when_and_nothing_else(block: Block, sentence: str) -> None:
    spent = Policy(person=_limited(Unit.TAKES, Span.DAY, 0), access=Access(denied_roles=frozenset({1})))

    assert [say(each) for each in _refusals(spent, replace(_USAGE, block=block), roles=(1,))] == [sentence]


def test_a_block_that_is_over_holds_nobody() -> None:
    assert _refusals(usage=replace(_USAGE, block=_block(9, _NOW_MS))) == ()


_A, _B, _C = 1, 2, 3


@pytest.mark.parametrize(
    ("allowed", "denied", "mine", "codes"),
    [
        ({_A}, (), {_A, _B}, []),
        ({_A, _B}, (), {_B}, []),
        ({_A}, (), {_B}, ["role-needed"]),
        ({_A}, (), (), ["role-needed"]),
        ((), {_B}, {_A}, []),
        ((), {_B}, (), []),
        ((), {_B}, {_A, _B}, ["role-denied"]),
        ({_A}, {_A}, {_A}, ["role-denied"]),
        ({_A}, {_B}, {_A, _B}, ["role-denied"]),
        ({_A}, {_B}, {_B}, ["role-denied"]),
    ],
)
def test_of_roles_the_denied_one_wins(
    allowed: Collection[int], denied: Collection[int], mine: Collection[int], codes: list[str]
) -> None:
    access = Access(allowed_roles=frozenset(allowed), denied_roles=frozenset(denied))

    assert _codes(_refusals(Policy(access=access), roles=mine)) == codes


@pytest.mark.parametrize(
    ("allowed", "denied", "here", "said"),
    [
        ({_A}, (), _A, []),
        ({_A, _C}, {_A}, _B, ["Videos may be asked for in certain channels only, such as <#3>. Ask there."]),
        ((), {_B}, _B, ["Videos may not be asked for in <#2>. Ask in another channel."]),
        ({_A}, {_A}, _A, ["Videos may not be asked for in <#1>. Ask in another channel."]),
        ({_A}, {_A}, _B, ["Videos may not be asked for in <#2>. Ask in another channel."]),
        ((), {_B}, _A, []),
    ],
)
def test_of_channels_the_denied_one_wins(
    allowed: Collection[int], denied: Collection[int], here: int, said: list[str]
) -> None:
    access = Access(allowed_channels=frozenset(allowed), denied_channels=frozenset(denied))

    assert [say(each) for each in _refusals(Policy(access=access), channel_id=here)] == said


# --- quotas ----------------------------------------------------------------------------------------------------------


@given(
    unit=st.sampled_from(Unit),
    span=st.sampled_from(Span),
    guild=st.booleans(),
    used=st.integers(0, 60),
    limit=st.integers(0, 60),
)
def test_exactly_what_a_quota_still_holds_may_be_asked_for(
    unit: Unit,
    span: Span,
    guild: bool,  # noqa: FBT001  a case of the table
    used: int,
    limit: int,
) -> None:
    limits = _limited(unit, span, limit)
    counted = {(unit, span): used, **{(other, span): 999 for other in Unit if other is not unit}}
    policy = Policy(guild=limits) if guild else Policy(person=limits)
    usage = replace(_USAGE, guild=counted) if guild else replace(_USAGE, person=counted)

    found = _refusals(policy, usage)

    asked = {Unit.REQUESTS: 1, Unit.TAKES: 2, Unit.SECONDS: 20}[unit]
    assert bool(found) is (used + asked > limit)
    for refusal in found:
        assert refusal.arguments == {
            "used": used,
            "limit": limit,
            "asked": asked,
            "unit": unit.value,
            "span": span.value,
            "resets_at": _ENDS_MS[span] // 1000,
        }
        assert refusal.code.startswith("guild-" if guild else "person-")


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (
            50,
            "You have used 40 of your 50 seconds a week here and asked for 20. More are free <t:1750291200:R>.",
        ),
        (
            19,
            "You asked for 20 seconds, and at most 19 a week are yours here. Ask for fewer takes or a shorter video.",
        ),
        (0, "You may have no seconds here (your limit a week is 0). Ask an admin of this server."),
    ],
)
def test_waiting_is_the_advice_only_where_it_helps(limit: int, sentence: str) -> None:
    usage = replace(_USAGE, person={(Unit.SECONDS, Span.WEEK): 40})

    assert [say(each) for each in _refusals(Policy(person=_limited(Unit.SECONDS, Span.WEEK, limit)), usage)] == [
        sentence
    ]


def test_every_limit_that_is_passed_is_told_at_once() -> None:
    policy = Policy(
        guild=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.MONTH, limit=9),), budget_usd_micros=9 * _DOLLAR),
        person=Limits(
            quotas=tuple(Quota(unit=unit, span=Span.DAY, limit=0) for unit in Unit),
            waiting=3,
            cooldown_seconds=60,
            budget_usd_micros=2 * _DOLLAR,
        ),
        access=Access(allowed_roles=frozenset({1}), allowed_channels=frozenset({1})),
    )
    usage = replace(
        _USAGE,
        guild={(Unit.TAKES, Span.MONTH): 8},
        person_waiting=3,
        last_accepted_ms=_NOW_MS,
        month=_account(held=8 * _DOLLAR),
        day=_account(spent=2 * _DOLLAR),
    )

    assert _codes(_refusals(policy, usage)) == [
        "role-needed",
        "channel-needed",
        *["person-quota-none"] * 3,
        "guild-quota-used",
        "too-many-waiting",
        "cooldown",
        "person-budget-over",
        "guild-budget-used",
    ]


def test_a_role_s_limits_are_those_of_who_has_it() -> None:
    policy = holding(
        Policy(person=_limited(Unit.TAKES, Span.DAY, 1), roles={5: _limited(Unit.TAKES, Span.DAY, 2)}),
        Policy(),
        Policy(),
    )

    assert _codes(_refusals(policy)) == ["person-quota-too-small"]
    assert _refusals(policy, roles=(5,)) == ()


# --- pace ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "drafts", "codes"), [(2, 0, []), (3, 0, ["too-many-waiting"]), (3, 1, ["too-many-own-drafts"])]
)
def test_no_more_wait_than_may(waiting: int, drafts: int, codes: list[str]) -> None:
    usage = replace(_USAGE, person_waiting=waiting, person_drafts=drafts)

    assert _codes(_refusals(Policy(person=Limits(waiting=3)), usage)) == codes


@pytest.mark.parametrize(("ago_ms", "refused"), [(0, True), (59_999, True), (60_000, False), (-1, False)])
def test_a_cooldown_lasts_as_long_as_it_says(ago_ms: int, refused: bool) -> None:  # noqa: FBT001
    found = _refusals(Policy(person=Limits(cooldown_seconds=60)), replace(_USAGE, last_accepted_ms=_NOW_MS - ago_ms))

    assert bool(found) is refused
    for each in found:
        assert each.arguments == {"seconds": 60, "resets_at": -(-(_NOW_MS - ago_ms + 60_000) // 1000)}


def test_who_never_asked_has_no_cooldown_and_what_runs_only_makes_wait() -> None:
    policy = Policy(person=Limits(cooldown_seconds=60, running=1), guild=Limits(running=1))

    assert _refusals(policy, replace(_USAGE, person_running=9, guild_running=9)) == ()


# --- money -----------------------------------------------------------------------------------------------------------


@given(held=st.integers(0, 4), spent=st.integers(0, 4), limit=st.integers(0, 9), cost=st.integers(0, 9))
def test_no_budget_is_ever_passed(held: int, spent: int, limit: int, cost: int) -> None:
    account = _account(held=held, spent=spent)
    asked = replace(_ASKED, cost_usd_micros=cost)

    for policy, usage in (
        (Policy(person=Limits(budget_usd_micros=limit)), replace(_USAGE, day=account)),
        (Policy(guild=Limits(budget_usd_micros=limit)), replace(_USAGE, month=account)),
    ):
        refused = bool(_refusals(policy, usage, asked))
        assert refused is (cost > 0 and held + spent + cost > limit)


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (
            3,
            (
                "This can cost up to $1.50; of your budget of $3.00 a day here, $2.00 is spent or held. "
                "It is whole again <t:1750032000:R>. Nothing has been spent on this."
            ),
        ),
        (
            2,
            (
                "Your budget of $2.00 a day here is used up: $2.00 is spent or held. "
                "It is whole again <t:1750032000:R>. Nothing has been spent on this."
            ),
        ),
        (
            1,
            (
                "This can cost up to $1.50, more than your whole budget of $1.00 a day here. "
                "Ask for fewer takes, a shorter video or a lower resolution. Nothing has been spent on this."
            ),
        ),
    ],
)
def test_a_budget_s_refusal_says_what_is_left_and_what_helps(limit: int, sentence: str) -> None:
    usage = replace(_USAGE, day=_account(held=_DOLLAR, spent=_DOLLAR))

    found = _refusals(Policy(person=Limits(budget_usd_micros=limit * _DOLLAR)), usage)

    assert [say(each) for each in found] == [sentence]


def test_a_server_s_budget_is_whole_again_with_the_month() -> None:
    usage = replace(_USAGE, month=_account(spent=4 * _DOLLAR))

    (found,) = _refusals(Policy(guild=Limits(budget_usd_micros=5 * _DOLLAR)), usage)

    assert found.code == "guild-budget-used"
    assert found.arguments == {"used": "$4.00", "limit": "$5.00", "asked": "$1.50", "resets_at": 1_751_328_000}


@pytest.mark.parametrize(
    ("unpriced", "spent", "codes"),
    [
        (False, 0, ["price-unknown"]),
        (True, 0, []),
        (True, 4, []),
        (True, 5, ["guild-budget-over"]),
        (False, 5, ["price-unknown", "guild-budget-over"]),
    ],
)
def test_an_unknown_price_is_refused_unless_the_operator_takes_it_and_something_is_left(
    unpriced: bool,  # noqa: FBT001  a case of the table
    spent: int,
    codes: list[str],
) -> None:
    policy = Policy(guild=Limits(budget_usd_micros=5), unpriced=unpriced)
    usage = replace(_USAGE, month=_account(spent=spent))

    assert _codes(_refusals(policy, usage, replace(_ASKED, cost_usd_micros=None))) == codes
