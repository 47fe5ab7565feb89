"""May this person, here, now? Everything that can be told before a byte is fetched is told at once."""

from dataclasses import replace

import pytest

from bot.admission.rules import refusals
from bot.domain.money import Asked
from bot.domain.policies import Access, Limits, Policy, Quota, Span, Unit
from bot.domain.quotas import Quotas, Usage
from bot.domain.reasons import Reason
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Wish
from bot.domain.words import SENTENCES, say

_DAY_ENDS_MS = 1_750_032_000_000
_PERSON = Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=10),))
_POLICY = Policy(person=_PERSON)
_WISH = Wish(
    interaction_id=1,
    place=Place(guild_id=1, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000),
    person=Person(id=3, name="Ada"),
    prompt="a cat",
    offers=(),
    parameters=Parameters(),
)


def looked(wish: Wish = _WISH, policy: Policy = _POLICY, *, used: int = 0, max_takes: int = 4) -> tuple[Reason, ...]:
    usage = Usage(
        person={(Unit.TAKES, Span.DAY): used},
        guild={},
        resets_at_ms=dict.fromkeys(Span, _DAY_ENDS_MS),
        now_ms=_DAY_ENDS_MS - 1,
    )
    asked = Asked(takes=wish.take_count, seconds=4 * wish.take_count, cost_usd_micros=1)
    found = refusals(wish, Quotas(policy=policy, usage=usage), asked, max_takes=max_takes)
    for refusal in found:
        assert SENTENCES[refusal.code].format(**refusal.arguments) == say(refusal), "it has all it needs"
    return found


def test_what_fits_is_not_refused() -> None:
    assert looked(replace(_WISH, take_count=4), used=6) == ()


def test_a_refusal_says_how_much_was_used_and_when_more_is_free() -> None:
    (refusal,) = looked(used=10)

    assert refusal.code == "person-quota-used"
    assert say(refusal) == (
        "You have used 10 of your 10 takes a day here and asked for 1. More are free <t:1750032000:R>."
    )


def test_the_first_look_tells_everything_at_once() -> None:
    wish = replace(_WISH, missing_permissions=("Attach Files", "Send Messages"), take_count=9)

    found = looked(wish, used=5)

    assert [each.code for each in found] == ["missing-permissions", "parameter-not-offered", "person-quota-used"]
    assert found[0].arguments == {"permissions": "Attach Files, Send Messages"}
    assert found[1].arguments == {"name": "takes", "value": 9, "choices": "1–4"}


@pytest.mark.parametrize(("take_count", "refused"), [(0, True), (1, False), (4, False), (5, True)])
def test_a_request_asks_for_one_take_up_to_the_most(take_count: int, refused: bool) -> None:  # noqa: FBT001
    assert bool(looked(replace(_WISH, take_count=take_count))) is refused


def test_a_role_s_limits_are_those_of_who_has_it() -> None:
    policy = replace(_POLICY, roles={7: Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=20),))})

    assert [each.code for each in looked(policy=policy, used=15)] == ["person-quota-used"]
    assert looked(replace(_WISH, person=Person(id=3, name="Ada", roles=(7,))), policy, used=15) == ()


def test_access_to_a_channel_is_access_to_its_threads() -> None:
    policy = replace(_POLICY, access=Access(allowed_channels=frozenset({50})))
    in_thread = replace(_WISH, place=replace(_WISH.place, parent_id=50))

    assert [each.code for each in looked(policy=policy)] == ["channel-needed"]
    assert looked(in_thread, policy) == ()
