"""May this person, here, now? Every answer carries its reason."""

from dataclasses import replace

import pytest

from bot.admission.rules import quota_refusal, refusals
from bot.domain.admission import GuildPolicy, Usage
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Wish
from bot.domain.words import SENTENCES, say

_POLICY = GuildPolicy(
    max_running_requests=2,
    max_waiting_requests_per_person=3,
    takes_per_person_per_day=10,
    takes_per_guild_per_day=50,
)
_USAGE = Usage(person_takes_today=0, guild_takes_today=0, person_waiting=0, day_ends_at_ms=1_750_032_000_000)
_WISH = Wish(
    interaction_id=1,
    place=Place(guild_id=1, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000),
    person=Person(id=3, name="Ada"),
    prompt="a cat",
    offers=(),
    parameters=Parameters(),
)


def test_what_fits_is_not_refused() -> None:
    assert quota_refusal(_POLICY, _USAGE, asked_takes=4) is None
    assert refusals(_WISH, _POLICY, _USAGE, max_takes=4) == ()


@pytest.mark.parametrize(
    ("usage", "code"),
    [
        (replace(_USAGE, person_takes_today=8), "person-quota"),
        (replace(_USAGE, guild_takes_today=48), "guild-quota"),
        (replace(_USAGE, person_waiting=3), "too-many-waiting"),
        (replace(_USAGE, person_takes_today=8, guild_takes_today=48, person_waiting=3), "person-quota"),
        (replace(_USAGE, guild_takes_today=48, person_waiting=3), "guild-quota"),
    ],
)
def test_the_first_limit_that_is_passed_is_the_reason(usage: Usage, code: str) -> None:
    refusal = quota_refusal(_POLICY, usage, asked_takes=3)

    assert refusal is not None
    assert refusal.code == code


@pytest.mark.parametrize(
    "usage",
    [
        replace(_USAGE, person_takes_today=7),
        replace(_USAGE, guild_takes_today=47),
        replace(_USAGE, person_waiting=2),
    ],
)
def test_the_last_takes_of_a_limit_may_be_used(usage: Usage) -> None:
    assert quota_refusal(_POLICY, usage, asked_takes=3) is None
    assert usage.person_waiting == 2 or quota_refusal(_POLICY, usage, asked_takes=4) is not None


def test_a_refusal_says_how_much_was_used_and_when_more_is_free() -> None:
    refusal = quota_refusal(_POLICY, replace(_USAGE, person_takes_today=9), asked_takes=2)

    assert refusal is not None
    assert refusal.arguments == {"used": 9, "limit": 10, "asked": 2, "resets_at": 1750032000}
    assert say(refusal).endswith("More are free <t:1750032000:R>.")


def test_the_first_look_tells_everything_at_once() -> None:
    wish = replace(_WISH, missing_permissions=("Attach Files", "Send Messages"), take_count=9)

    found = refusals(wish, _POLICY, replace(_USAGE, person_takes_today=5), max_takes=4)

    assert [each.code for each in found] == ["missing-permissions", "parameter-not-offered", "person-quota"]
    assert found[0].arguments == {"permissions": "Attach Files, Send Messages"}
    assert found[1].arguments == {"name": "takes", "value": 9, "choices": "1–4"}


@pytest.mark.parametrize(("take_count", "refused"), [(0, True), (1, False), (4, False), (5, True)])
def test_a_request_asks_for_one_take_up_to_the_most(take_count: int, refused: bool) -> None:  # noqa: FBT001
    found = refusals(replace(_WISH, take_count=take_count), _POLICY, _USAGE, max_takes=4)

    assert bool(found) is refused


def test_every_sentence_has_all_it_needs() -> None:
    wish = replace(_WISH, missing_permissions=("Attach Files",), take_count=9)
    usages = [
        replace(_USAGE, person_takes_today=10),
        replace(_USAGE, guild_takes_today=50),
        replace(_USAGE, person_waiting=3),
    ]

    for refusal in (each for usage in usages for each in refusals(wish, _POLICY, usage, max_takes=1)):
        assert refusal.code in SENTENCES
        assert SENTENCES[refusal.code].format(**refusal.arguments) == say(refusal)
