"""What a server's admins and the bot's operator decide holds: at the first look, at acceptance, at the next pick."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.domain.errors import Refused
from bot.domain.models import Pricing
from bot.domain.money import Entry
from bot.domain.policies import ANYWHERE, Access, Block, Limits, Order, Policy, Quota, Span, Unit
from bot.domain.requests import Parameters, Wish
from bot.domain.words import SENTENCES, say
from bot.pipeline.ageing import Ageing
from tests.pipeline_rig import ADA, ADMIN, AGEING_MS, BOB, CHANNEL, GUILD, Rig, codes

VIP, GUEST = 501, 502
DOLLAR = 1_000_000
MINUTE_MS = 60_000
FOUR_SECONDS = 400_000
"""What `QUICK` costs at most."""

Change = Callable[[Policy], Policy]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def refusal(rig: Rig, wish: Wish) -> Refused:
    with pytest.raises(Refused) as caught:
        await rig.submit(wish)
    return caught.value


def told(refused: Refused) -> list[str]:
    """The sentences, each with all it needs."""
    for each in refused.reasons:
        assert SENTENCES[each.code].format(**each.arguments) == say(each)
    return [say(each) for each in refused.reasons]


async def changed(rig: Rig, change: Change, guild: int = GUILD) -> Policy:
    return await rig.policies.change(guild, change, by=ADMIN)


def person(**limits: int) -> Change:
    return lambda policy: replace(policy, person=replace(policy.person, **limits))


def whole(**limits: int) -> Change:
    return lambda policy: replace(policy, guild=replace(policy.guild, **limits))


def quota(unit: Unit, span: Span, limit: int) -> tuple[Quota, ...]:
    return (Quota(unit=unit, span=span, limit=limit),)


# --- two looks, one decision -----------------------------------------------------------------------------------------

RULES: dict[str, Change] = {
    "person-quota-used": lambda policy: replace(policy, person=Limits(quotas=quota(Unit.SECONDS, Span.WEEK, 6))),
    "guild-quota-used": lambda policy: replace(policy, guild=Limits(quotas=quota(Unit.REQUESTS, Span.MONTH, 1))),
    "cooldown": person(cooldown_seconds=60),
    "person-budget-used": person(budget_usd_micros=FOUR_SECONDS + 1),
    "guild-budget-used": whole(budget_usd_micros=FOUR_SECONDS + 1),
    "role-needed": lambda policy: replace(policy, access=Access(allowed_roles=frozenset({VIP}))),
    "channel-denied": lambda policy: replace(policy, access=Access(denied_channels=frozenset({CHANNEL + GUILD}))),
}


@pytest.mark.parametrize("code", RULES)
async def test_the_first_look_and_acceptance_refuse_with_the_same_sentence(rig: Rig, code: str) -> None:
    await rig.ask()
    waiting = await rig.draft()
    fetched = len(rig.contents.contents)
    await changed(rig, RULES[code])

    first = await refusal(rig, rig.wish("@Image1 hides", "alley.png"))
    with pytest.raises(Refused) as second:
        await rig.confirmed(waiting)

    assert codes(first) == [code]
    assert told(first) == told(second.value)
    assert len(rig.contents.contents) == fetched, "refused before a byte is fetched"


async def test_an_unknown_price_is_refused_at_both_looks(rig: Rig) -> None:
    waiting = await rig.draft()
    rig.provider.spec = replace(rig.provider.spec, pricing=Pricing())
    with pytest.raises(Refused) as second:
        await rig.confirmed(waiting)
    assert told(await refusal(rig, rig.wish("@Image1 waves", "hero.png"))) == told(second.value)
    assert codes(second.value) == ["price-unknown"]


async def test_an_automatic_length_counts_and_costs_as_the_longest(rig: Rig) -> None:
    most = rig.provider.known.limits.max_seconds
    await changed(rig, lambda policy: replace(policy, person=Limits(quotas=quota(Unit.SECONDS, Span.DAY, most - 1))))
    refused = await refusal(rig, rig.wish("@Image1 waves", "hero.png", parameters=Parameters(resolution="480p")))
    assert codes(refused) == ["person-quota-too-small"]
    assert refused.reasons[0].arguments["asked"] == most


async def test_a_thread_belongs_to_its_channel(rig: Rig) -> None:
    await changed(rig, lambda policy: replace(policy, access=Access(allowed_channels=frozenset({4_000}))))
    wish = rig.wish("@Image1 waves", "hero.png")
    assert codes(await refusal(rig, wish)) == ["channel-needed"]
    inside = replace(wish, place=replace(wish.place, parent_id=4_000))
    assert (await rig.submit(inside)).request.state.value == "queued"


# --- which guilds are served -----------------------------------------------------------------------------------------


async def test_a_guild_that_is_not_on_the_operators_list_is_refused_with_a_sentence(rig: Rig) -> None:
    waiting = await rig.draft()
    rig.serve(GUILD + 1)
    rig.downloader.files.clear()

    refused = await refusal(rig, rig.wish("a paper boat"))
    with pytest.raises(Refused, match="guild-not-served"):
        await rig.confirmed(waiting)
    with pytest.raises(Refused, match="guild-not-served"):
        await rig.tray.add(rig.tray_wish(rig.offer("hero.png")))

    assert told(refused) == [
        (
            "This bot does not serve this server: its operator has not listed it. "
            f"Ask the bot's operator to add the server {GUILD}."
        )
    ]
    assert (await rig.submit(rig.wish("a paper boat", guild=GUILD + 1))).request.state.value == "queued"


async def test_without_a_list_every_guild_is_served(rig: Rig) -> None:
    rig.serve()
    assert await rig.state(await rig.ask(guild=12345)) == "queued"


# --- roles -----------------------------------------------------------------------------------------------------------


async def test_a_person_with_a_role_gets_the_roles_limits(rig: Rig) -> None:
    await rig.limit(takes_a_day=1)
    generous = Limits(quotas=quota(Unit.TAKES, Span.DAY, 3))
    await changed(rig, lambda policy: replace(policy, roles={VIP: generous}))

    assert codes(await refusal(rig, rig.wish("@Image1 waves", "hero.png", takes=2))) == ["person-quota-too-small"]
    of_role = rig.wish("@Image1 waves", "hero.png", takes=3, roles=(GUEST, VIP))
    assert (await rig.submit(of_role)).request.state.value == "queued"
    assert codes(await refusal(rig, replace(of_role, interaction_id=77))) == ["person-quota-used"]


async def test_the_roles_of_who_confirms_are_those_of_that_moment(rig: Rig) -> None:
    waiting = (await rig.draft()).request
    await changed(rig, lambda policy: replace(policy, access=Access(allowed_roles=frozenset({VIP}))))
    confirm = partial(rig.drafts.confirm, waiting.id, person_id=ADA, version=waiting.version)
    with pytest.raises(Refused, match="role-needed"):
        await confirm()
    assert (await confirm(roles=(VIP,))).request.person.roles == (VIP,)


async def test_a_role_goes_no_further_than_the_operators_ceiling(rig: Rig) -> None:
    rig.ceilings = Policy(person=Limits(quotas=quota(Unit.TAKES, Span.DAY, 2)))
    generous = Limits(quotas=quota(Unit.TAKES, Span.DAY, 50))
    await changed(rig, lambda policy: replace(policy, roles={VIP: generous}))
    refused = await refusal(rig, rig.wish("@Image1 waves", "hero.png", takes=3, roles=(VIP,)))
    assert refused.reasons[0].arguments["limit"] == 2


async def test_a_role_of_priority_goes_first(rig: Rig) -> None:
    await rig.limit(running=1)
    await changed(rig, lambda policy: replace(policy, order=Order(priorities={VIP: 2})))
    await rig.ask()
    plain = await rig.ask()
    await rig.settle()
    ahead = (await rig.submit(rig.wish("@Image1 runs", "hero.png", person=BOB, roles=(VIP,)))).request.id
    rig.provider.finish(rig.provider.started[0])
    await rig.look()
    assert (await rig.state(ahead), await rig.state(plain)) == ("working", "queued")


# --- at run time -----------------------------------------------------------------------------------------------------


async def test_limits_that_are_changed_apply_at_the_next_pick(rig: Rig) -> None:
    await rig.limit(running=1)
    asked = [await rig.ask() for _ in range(4)]
    await rig.settle()
    assert [await rig.state(each) for each in asked] == ["working", "queued", "queued", "queued"]

    await rig.limit(running=3)
    await rig.settle()
    assert [await rig.state(each) for each in asked] == ["working", "working", "working", "queued"]

    await rig.limit(running=1)
    await rig.finish(asked[0])
    assert await rig.state(asked[3]) == "queued", "two run still, one more than may"


async def test_a_paused_line_says_so_and_goes_on_when_it_may(rig: Rig) -> None:
    await rig.limit(running=0)
    request_id = await rig.ask()
    await rig.settle()
    ((_, standing),) = await rig.overview.lane(GUILD)
    assert standing.why is not None
    assert standing.why.code == "lane-paused"

    await rig.limit(running=1)
    await rig.settle()
    assert await rig.state(request_id) == "working"


async def aged(rig: Rig) -> tuple[str, str]:
    """One request that waited for two times of ageing, and a new one of priority 1."""
    await rig.limit(running=1)
    await changed(rig, lambda policy: replace(policy, order=Order(priorities={VIP: 1}, ageing_minutes=10)))
    await rig.ask()
    waited = await rig.ask()
    await rig.settle()
    rig.clock.now_ms += 25 * MINUTE_MS
    late = (await rig.submit(rig.wish("@Image1 runs", "hero.png", person=BOB, roles=(VIP,)))).request.id
    return waited, late


async def line(rig: Rig) -> list[str]:
    return [request.id for request, _ in await rig.overview.lane(GUILD)]


async def test_what_waited_long_goes_before_what_came_with_priority(rig: Rig) -> None:
    waited, late = await aged(rig)
    assert await line(rig) == [late, waited]
    for _turn in range(2):
        await rig.ageing()
    assert await line(rig) == [waited, late]


async def test_of_several_processes_one_sees_to_ageing_until_it_ends(rig: Rig) -> None:
    waited, late = await aged(rig)
    other = Ageing(rig.rooms, holder="another process", interval_ms=AGEING_MS)
    await rig.ageing()
    await other()
    assert await line(rig) == [late, waited], "raised by one, not by two"

    rig.clock.now_ms += 3 * AGEING_MS
    await other()
    assert await line(rig) == [waited, late]


# --- given back ------------------------------------------------------------------------------------------------------


async def test_what_is_cancelled_before_it_starts_is_given_back(rig: Rig) -> None:
    await changed(rig, person(budget_usd_micros=FOUR_SECONDS))
    await rig.limit(takes_a_day=1, running=0)
    request_id = await rig.ask()
    assert "person-quota-used" in codes(await refusal(rig, rig.wish("@Image1 waves", "hero.png")))

    await rig.cancel(request_id, person_id=ADA, moderator=False)
    await rig.settle()

    assert await rig.takes_today() == 0
    bill = (await rig.snapshot(request_id)).bill
    assert (bill.held_usd_micros, bill.given_back_usd_micros, bill.open_takes) == (FOUR_SECONDS, FOUR_SECONDS, 0)
    assert await rig.state(await rig.ask()) == "queued"


async def test_what_was_spent_is_spent_and_the_rest_comes_back(rig: Rig) -> None:
    await changed(rig, whole(budget_usd_micros=DOLLAR))
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=150_000)
    await rig.look()
    await rig.settle()

    usage = (await rig.overview.quotas(GUILD, (await rig.request(request_id)).person)).usage
    assert (usage.month.spent_usd_micros, usage.month.held_usd_micros) == (150_000, 0)
    assert usage.month.left_usd_micros == DOLLAR - 150_000


# --- what admins may set ---------------------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[Change, str]] = {
    "a zone": (
        lambda policy: replace(policy, time_zone="Europe/Berln"),
        "“Europe/Berln” is no time zone that I know. Write one such as Europe/Berlin.",
    ),
    "a weight": (
        lambda policy: replace(policy, order=Order(weights={VIP: 101})),
        "The weight of <@&501> can be from 1 to 100, not 101. Nothing was changed.",
    ),
    "a priority": (
        lambda policy: replace(policy, order=Order(priorities={VIP: -3})),
        "The priority of <@&501> can be from -2 to 2, not -3. Nothing was changed.",
    ),
    "ageing": (
        lambda policy: replace(policy, order=Order(ageing_minutes=-1)),
        "Minutes of ageing can be from 0 to 44640, not -1. Nothing was changed.",
    ),
    "a quota": (
        lambda policy: replace(policy, person=Limits(quotas=quota(Unit.TAKES, Span.DAY, -1))),
        "Takes a day can be from 0 to 1000000, not -1. Nothing was changed.",
    ),
    "a role's quota": (
        lambda policy: replace(policy, roles={VIP: Limits(quotas=quota(Unit.SECONDS, Span.WEEK, -1))}),
        "Seconds a week with <@&501> can be from 0 to 1000000, not -1. Nothing was changed.",
    ),
    "what runs of a person": (
        person(running=0),
        "Requests under way at once can be from 1 to 1000000, not 0. Nothing was changed.",
    ),
    "a budget": (
        whole(budget_usd_micros=-1),
        "The budget can be from $0.00 to $1000000.00, not -$0.000001. Nothing was changed.",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
async def test_what_cannot_be_set_is_refused_with_a_sentence_and_changes_nothing(rig: Rig, what: str) -> None:
    change, sentence = MISTAKES[what]
    await rig.limit(running=2)
    before = await rig.policies.show(GUILD)
    with pytest.raises(Refused) as caught:
        await changed(rig, change)
    assert told(caught.value) == [sentence]
    assert await rig.policies.show(GUILD) == before
    assert len(await rig.policies.changes(GUILD)) == 1


async def test_every_mistake_is_told_at_once(rig: Rig) -> None:
    order = Order(weights={VIP: 0}, priorities={VIP: 9})
    with pytest.raises(Refused) as caught:
        await changed(rig, lambda policy: replace(policy, time_zone="Nowhere", order=order))
    assert codes(caught.value) == ["time-zone-unknown", "setting-out-of-range", "setting-out-of-range"]


async def test_only_so_many_roles_can_be_set(rig: Rig) -> None:
    with pytest.raises(Refused, match="too-many-set"):
        await changed(rig, lambda policy: replace(policy, roles={role: Limits() for role in range(26)}))


async def test_an_admin_sees_what_is_set_what_holds_and_how_far_it_may_go(rig: Rig) -> None:
    rig.ceilings = Policy(guild=Limits(running=6))
    rig.serve()
    await rig.limit(running=9)
    view = await rig.policies.show(GUILD)
    assert (view.wanted.guild.running, view.holding.guild.running, view.ceilings.guild.running) == (9, 6, 6)
    (change,) = await rig.policies.changes(GUILD)
    assert (change.by, change.at_ms, change.after) == (ADMIN, rig.clock(), view.wanted)


# --- blocks ----------------------------------------------------------------------------------------------------------


async def test_a_blocked_person_is_told_only_that_until_it_ends(rig: Rig) -> None:
    until_ms = rig.clock() + 10 * MINUTE_MS
    await rig.policies.block(GUILD, ADA, why=" spam ", by=ADMIN, expires_at_ms=until_ms)
    await rig.limit(takes_a_day=0)
    refused = await refusal(rig, rig.wish("@Image1 waves", "hero.png"))
    assert codes(refused) == ["blocked-until"]
    assert refused.reasons[0].arguments["why"] == "spam"

    await rig.limit(takes_a_day=5)
    rig.clock.now_ms = until_ms
    assert await rig.state(await rig.ask()) == "queued"


async def test_a_block_is_lifted_once(rig: Rig) -> None:
    await rig.policies.block(GUILD, ADA, why="spam", by=ADMIN)
    assert [block.person_id for block in await rig.policies.blocks(GUILD)] == [ADA]
    await rig.policies.unblock(GUILD, ADA, by=ADMIN)
    with pytest.raises(Refused, match="not-blocked"):
        await rig.policies.unblock(GUILD, ADA, by=ADMIN)
    assert await rig.state(await rig.ask()) == "queued"
    assert len(await rig.policies.changes(GUILD)) == 2


@pytest.mark.parametrize(
    ("whom", "why", "expires_in_ms", "code"),
    [
        (ADMIN, "spam", None, "block-yourself"),
        (ADA, " ", None, "block-without-reason"),
        (ADA, "x" * 301, None, "block-reason-too-long"),
        (ADA, "spam", 0, "block-is-over"),
    ],
)
async def test_a_block_that_makes_no_sense_is_refused(
    rig: Rig, whom: int, why: str, expires_in_ms: int | None, code: str
) -> None:
    until_ms = None if expires_in_ms is None else rig.clock() + expires_in_ms
    with pytest.raises(Refused) as caught:
        await rig.policies.block(GUILD, whom, why=why, by=ADMIN, expires_at_ms=until_ms)
    assert codes(caught.value) == [code]
    assert told(caught.value)
    assert await rig.policies.blocks(GUILD) == ()


async def test_a_block_anywhere_holds_in_every_guild(rig: Rig) -> None:
    await rig.store.block(Block(guild_id=ANYWHERE, person_id=ADA, why="spam", by=1, at_ms=rig.clock()))
    assert codes(await refusal(rig, rig.wish("a paper boat", guild=12345))) == ["blocked-anywhere"]


# --- the ledger as a file --------------------------------------------------------------------------------------------


async def test_a_months_lines_come_as_a_file_of_that_guild_alone(rig: Rig) -> None:
    request_id = await rig.ask()
    elsewhere = await rig.ask(guild=GUILD + 1)
    text = (await rig.overview.ledger_csv(GUILD)).decode()
    header, line = text.splitlines()
    assert header == "time,request,person,take,entry,usd,cause"
    assert request_id in line
    assert f",{Entry.HOLD.value},0.400000," in line
    assert elsewhere not in text


async def test_a_month_is_the_guilds_own(rig: Rig) -> None:
    """The clock of the rig stands at 2026-09-21; the months are those of the guild's zone."""
    await rig.ask()
    for month, lines in (("2026-09", 1), (" 2026-09 ", 1), ("2026-08", 0), ("2026-10", 0)):
        assert len((await rig.overview.ledger_csv(GUILD, month)).splitlines()) == 1 + lines
    rig.clock.now_ms = 1_790_812_800_000 - 1  # the last moment of September, by UTC
    await rig.ask()
    assert len((await rig.overview.ledger_csv(GUILD, "2026-09")).splitlines()) == 3
    await changed(rig, lambda policy: replace(policy, time_zone="Asia/Tokyo"))
    await rig.ask()
    assert len((await rig.overview.ledger_csv(GUILD, "2026-10")).splitlines()) == 2
    assert len((await rig.overview.ledger_csv(GUILD, "2026-09")).splitlines()) == 3, "each where it was accepted"


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "September", "2026-09-01", "0000-01"])
async def test_what_is_no_month_is_refused(rig: Rig, text: str) -> None:
    with pytest.raises(Refused) as caught:
        await rig.overview.ledger_csv(GUILD, text)
    assert told(caught.value) == [f"“{text}” is no month. Write year and month, such as 2026-09."]
