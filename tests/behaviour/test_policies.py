"""`/settings …` and `/quota`: what a server's admins set, what comes of it, and what people read of it."""

import csv
import io
from dataclasses import replace
from typing import Any, cast

import discord
import pytest
import simcord

from bot.client import RushesClient
from bot.domain.states import RequestState
from tests.behaviour.studio import Scene, read, told


@pytest.fixture
def admin(scene: Scene) -> simcord.MemberActor:
    managers = scene.guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return scene.guild.add_member(scene.env.create_user("ada"), roles=[managers])


async def settle(scene: Scene, admin: simcord.MemberActor, command: str, **options: object) -> str:
    return told(await admin.slash(scene.channel, f"settings {command}", **options))


async def ask(scene: Scene, person: simcord.MemberActor | None = None, **options: object) -> str:
    text = told(await (person or scene.alice).slash(scene.channel, "video make", prompt="a storm", **options))
    await scene.carry()
    return text


async def quota(scene: Scene, person: simcord.MemberActor | None = None) -> str:
    return told(await (person or scene.alice).slash(scene.channel, "quota"))


# --- what everybody reads --------------------------------------------------------------------------------------------


async def test_a_quota_tells_what_is_used_held_and_left(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False
    await ask(scene, takes=2)

    mine, server = (await quota(scene)).split("**This server**")

    assert "takes a day: **2 of 12** · anew <t:" in mine
    assert "spent today: **$0.00**, $3.00 held" in mine
    assert "under way: **1**" in mine
    assert "waiting: **0 of 5**" in mine
    assert "takes a day: **2 of 60**" in server
    assert "under way: **1 of 2**" in server
    mine, server = (await quota(scene, scene.bob)).split("**This server**")
    assert "takes a day: **0 of 12**" in mine
    assert "takes a day: **2 of 60**" in server


async def test_what_was_paid_is_spent_and_what_was_cancelled_is_given_back(scene: Scene) -> None:
    await ask(scene)
    assert "held" in await quota(scene)
    assert "spent today: **$0.00**" not in await quota(scene)

    scene.studio.provider.finishes_at_once = False
    await ask(scene)
    told(await scene.alice.slash(scene.channel, "queue cancel", request=scene.studio.accepted[-1]))
    await scene.carry()

    assert "$0.00 held" in await quota(scene)


# --- what admins change ----------------------------------------------------------------------------------------------


async def test_only_those_who_manage_the_server_are_offered_them(scene: Scene, admin: simcord.MemberActor) -> None:
    names = {
        f"settings {what}"
        for what in ("limits", "quotas", "budget", "order", "access", "time", "history", "ledger", "drafts")
    }

    assert names <= set(admin.available_commands(scene.channel))
    for person in (scene.alice, scene.moderator):
        assert not names & set(person.available_commands(scene.channel))


@pytest.mark.parametrize("what", ["limits", "quotas", "budget", "order", "access", "time"])
async def test_without_an_option_what_holds_is_shown_and_nothing_changed(
    scene: Scene, admin: simcord.MemberActor, what: str
) -> None:
    assert "→" not in await settle(scene, admin, what)
    assert "Nothing was changed yet." in await settle(scene, admin, "history")


async def test_a_paused_server_starts_nothing_until_it_goes_on(scene: Scene, admin: simcord.MemberActor) -> None:
    scene.studio.provider.finishes_at_once = False

    assert "This server, under way at once: 2 → **0**" in await settle(scene, admin, "limits", server_running="0")
    assert "The line of this server is paused" in await ask(scene)
    assert (await scene.studio.requests())[0].request.state is RequestState.QUEUED

    assert "0 → **2**" in await settle(scene, admin, "limits", server_running="none")
    await scene.carry()
    assert (await scene.studio.requests())[0].request.state is RequestState.WORKING


async def test_how_many_may_wait_holds_from_the_next_request_on(scene: Scene, admin: simcord.MemberActor) -> None:
    await settle(scene, admin, "limits", server_running="0", waiting="1")
    await ask(scene)

    assert "You already have 1 requests waiting here; at most 1 may." in await ask(scene)


async def test_a_pause_between_two_requests_is_kept(scene: Scene, admin: simcord.MemberActor) -> None:
    await settle(scene, admin, "limits", cooldown="60")
    await ask(scene)

    assert "Between two of your requests here 60 s have to pass." in await ask(scene)
    assert "pause between two requests: **60 s** · the next <t:" in await quota(scene)
    await scene.env.advance_time(61)
    assert "in line" in await ask(scene)


async def test_a_quota_holds_from_the_next_request_on(scene: Scene, admin: simcord.MemberActor) -> None:
    text = await settle(scene, admin, "quotas", unit="takes", span="day", limit="1", scope="person")

    assert "Each person, takes a day: 12 → **1**" in text
    assert "in line" in await ask(scene)
    assert "You have used 1 of your 1 takes a day here and asked for 1." in await ask(scene)
    assert "takes a day: **1 of 1**" in await quota(scene)
    assert "in line" in await ask(scene, scene.bob)


async def test_a_quota_is_set_whole_or_not_at_all(scene: Scene, admin: simcord.MemberActor) -> None:
    assert "say all of it" in await settle(scene, admin, "quotas", unit="takes", span="day", limit="1")
    assert "say all of it" in await settle(scene, admin, "quotas", scope="server")
    text = await settle(scene, admin, "quotas", unit="takes", span="day", limit="several", scope="server")
    assert "“several” is no limit." in text
    assert "Nothing was changed yet." in await settle(scene, admin, "history")


async def test_what_exceeds_the_operators_ceiling_is_said_and_does_not_hold(
    scene: Scene, admin: simcord.MemberActor
) -> None:
    text = await settle(scene, admin, "quotas", unit="takes", span="day", limit="100", scope="person")

    assert "12 → **30** · you set 100; this bot's operator allows at most 30." in text
    assert "takes a day: **0 of 30**" in await quota(scene)


async def test_a_role_gives_its_people_more(scene: Scene, admin: simcord.MemberActor) -> None:
    crew = scene.guild.create_role("Crew")
    member = scene.guild.add_member(scene.env.create_user("cy"), roles=[crew])
    await settle(scene, admin, "quotas", unit="takes", span="day", limit="1", scope="person")

    text = await settle(scene, admin, "quotas", unit="takes", span="day", limit="2", role=crew)

    assert f"<@&{crew.id}>, takes a day: nothing set → **2**" in text
    for person, times in ((scene.alice, 1), (member, 2)):
        for _ in range(times):
            assert "in line" in await ask(scene, person)
        assert f"You have used {times} of your {times} takes a day here" in await ask(scene, person)


async def test_a_budget_is_hard_and_stands_on_the_drafts_card(scene: Scene, admin: simcord.MemberActor) -> None:
    scene.studio.provider.finishes_at_once = False
    text = await settle(scene, admin, "budget", server_month="$4", person_day="2")
    assert "This server, US dollars a month: no limit → **$4.00**" in text
    assert "Each person, US dollars a day: no limit → **$2.00**" in text
    await settle(scene, admin, "drafts", card="always")

    asked = await scene.alice.slash(scene.channel, "video make", prompt="a storm")
    assert (
        "Costs at most $1.50; $4.00 of this month's $4.00 left in this server, and $2.00 of your $2.00 for today."
        in told(asked)
    )
    await scene.confirm(scene.alice, asked)

    assert "budget a day: **$0.50 left of $2.00**, $0.00 spent, $1.50 held · anew <t:" in await quota(scene)
    assert "This can cost up to $1.50; of your budget of $2.00 a day here, $1.50 is spent or held." in await ask(scene)
    assert "no sum of money" in await settle(scene, admin, "budget", person_day="a lot")


async def test_whose_turn_it_is_changes_with_the_order(scene: Scene, admin: simcord.MemberActor) -> None:
    scene.studio.provider.finishes_at_once = False
    for person in (scene.bob, scene.bob, scene.bob, scene.alice):
        await ask(scene, person)
    assert f"**1st** <@{scene.alice.id}>" in told(await scene.bob.slash(scene.channel, "queue show"))

    text = await settle(scene, admin, "order", mode="first come")

    assert "Order: fair between people → **first come, first served**" in text
    assert f"**1st** <@{scene.bob.id}>" in told(await scene.bob.slash(scene.channel, "queue show"))


async def test_a_roles_priority_goes_first(scene: Scene, admin: simcord.MemberActor) -> None:
    crew = scene.guild.create_role("Crew")
    member = scene.guild.add_member(scene.env.create_user("cy"), roles=[crew])
    text = await settle(scene, admin, "order", role=crew, weight=2, priority=1)
    assert f"<@&{crew.id}>, priority: nothing set → **+1**" in text
    scene.studio.provider.finishes_at_once = False
    for person in (scene.bob, scene.bob, scene.alice, member):
        await ask(scene, person)

    assert f"**1st** <@{member.id}>" in told(await scene.bob.slash(scene.channel, "queue show"))
    assert "A weight or a priority is a role's" in await settle(scene, admin, "order", weight=2)


async def test_a_channel_is_closed_with_its_threads(scene: Scene, admin: simcord.MemberActor) -> None:
    thread = await scene.thread()

    text = await settle(scene, admin, "access", action="deny", channel=scene.channel)

    assert f"Not in these channels: nothing set → **<#{scene.channel.id}>**" in text
    assert "Videos may not be asked for in" in await ask(scene)
    assert "Videos may not be asked for in" in told(await scene.alice.slash(thread, "video make", prompt="a storm"))
    await settle(scene, admin, "access", action="forget", channel=scene.channel)
    assert "in line" in await ask(scene)


async def test_only_a_role_may_ask(scene: Scene, admin: simcord.MemberActor) -> None:
    crew = scene.guild.create_role("Crew")
    member = scene.guild.add_member(scene.env.create_user("cy"), roles=[crew])

    await settle(scene, admin, "access", action="allow", role=crew)

    assert "Only people with certain roles" in await ask(scene)
    assert "in line" in await ask(scene, member)


async def test_roles_count_also_while_the_server_is_not_known_yet(scene: Scene, admin: simcord.MemberActor) -> None:
    crew, banned = scene.guild.create_role("Crew"), scene.guild.create_role("Banned")
    member = scene.guild.add_member(scene.env.create_user("cy"), roles=[crew])
    denied = scene.guild.add_member(scene.env.create_user("dee"), roles=[crew, banned])
    await settle(scene, admin, "access", action="allow", role=crew)
    await settle(scene, admin, "access", action="deny", role=banned)

    scene.not_told_of_the_server()

    assert "you may not ask for videos here" in await told_asking(scene, denied)
    assert "Only people with certain roles" in await told_asking(scene, scene.alice)
    assert "in line" in await told_asking(scene, member)


async def told_asking(scene: Scene, person: simcord.MemberActor) -> str:
    return told(await person.slash(scene.channel, "video make", prompt="a storm"))


async def test_a_denied_everybody_is_denied_while_the_server_is_not_known_yet(
    scene: Scene, admin: simcord.MemberActor
) -> None:
    await settle(scene, admin, "access", action="deny", role=scene.guild.default_role)

    scene.not_told_of_the_server()

    assert "you may not ask for videos here" in await told_asking(scene, scene.alice)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("settings access", {"action": "block", "why": "flooding"}),
        ("settings drafts", {"card": "always"}),
        ("settings limits", {"waiting": "1"}),
        ("settings history", {}),
        ("settings ledger", {}),
        ("privacy references", {"files": "forbid"}),
        ("quota", {}),
        ("queue show", {}),
        ("queue cancel", {"request": "0000000000001"}),
        ("video make", {"prompt": "a storm"}),
        ("video drafts", {}),
    ],
)
async def test_without_a_server_nothing_is_done(
    scene: Scene, admin: simcord.MemberActor, monkeypatch: pytest.MonkeyPatch, command: str, options: dict[str, object]
) -> None:
    """Discord offers the commands in servers only; were one to come from elsewhere, 0 would stand for every server."""
    named = {"person": scene.bob} if "block" in options.values() else {}
    whole = discord.Interaction[RushesClient]._from_data  # pyright: ignore[reportPrivateUsage]  Discord sends no other

    def from_a_private_message(self: discord.Interaction[RushesClient], data: dict[str, Any]) -> None:
        del data["guild_id"]
        data["user"] = data.pop("member")["user"]
        whole(self, cast("Any", data))

    monkeypatch.setattr(discord.Interaction, "_from_data", from_a_private_message)

    assert "This works in servers only." in told(await admin.slash(scene.channel, command, **options, **named))

    monkeypatch.undo()
    assert "Nothing was changed yet." in await settle(scene, admin, "history")
    assert "in line" in await ask(scene, scene.bob)


async def test_who_is_blocked_is_told_why_and_until_when(scene: Scene, admin: simcord.MemberActor) -> None:
    text = await settle(scene, admin, "access", action="block", person=scene.bob, why="flooding", days=2)
    assert f"<@{scene.bob.id}>: not blocked → **blocked until <t:" in text

    for answer in (await ask(scene, scene.bob), await quota(scene, scene.bob)):
        assert "You may not ask for videos in this server before <t:" in answer
        assert "flooding" in answer
    assert "in line" in await ask(scene, scene.alice)
    assert f"<@{scene.bob.id}>: blocked until <t:" in await settle(scene, admin, "access")

    await scene.env.advance_time(2 * 86_400 + 60)
    assert "in line" in await ask(scene, scene.bob)


async def test_a_block_is_lifted(scene: Scene, admin: simcord.MemberActor) -> None:
    await settle(scene, admin, "access", action="block", person=scene.bob, why="flooding")

    text = await settle(scene, admin, "access", action="unblock", person=scene.bob)

    assert "blocked for good (flooding) → **not blocked**" in text
    assert "in line" in await ask(scene, scene.bob)
    assert "That did not work" in await settle(scene, admin, "access", action="unblock", person=scene.bob)


@pytest.mark.parametrize("options", [{"action": "block"}, {"action": "allow"}, {"why": "because"}, {"days": 3}])
async def test_who_and_what_is_done_must_be_said(
    scene: Scene, admin: simcord.MemberActor, options: dict[str, object]
) -> None:
    assert "Say what is to be done with whom" in await settle(scene, admin, "access", **options)


async def test_a_time_zone_is_offered_and_checked(scene: Scene, admin: simcord.MemberActor) -> None:
    found = await admin.autocomplete(scene.channel, "settings time", "zone", "europe/ber")
    assert [choice["value"] for choice in found] == ["Europe/Berlin"]

    assert "Time zone: UTC → **Europe/Berlin**" in await settle(scene, admin, "time", zone="Europe/Berlin")
    assert "Days, weeks and months are those of Europe/Berlin." in await quota(scene)
    assert "Mars/Olympus" in await settle(scene, admin, "time", zone="Mars/Olympus")


async def test_every_change_is_kept_with_who_made_it(scene: Scene, admin: simcord.MemberActor) -> None:
    await settle(scene, admin, "limits", waiting="2")
    await settle(scene, admin, "access", action="block", person=scene.bob, why="flooding")

    (title, newest, oldest) = (await settle(scene, admin, "history")).split("\n")

    assert "What was changed" in title
    assert f"<@{admin.id}>: <@{scene.bob.id}>: not blocked → **blocked for good (flooding)**" in newest
    assert f"<@{admin.id}>: Each person, waiting at once, drafts too: nothing set → **2**" in oldest


async def test_a_change_outlives_the_process(scene: Scene, admin: simcord.MemberActor) -> None:
    await settle(scene, admin, "limits", waiting="2")
    await scene.restart()

    assert "waiting at once, drafts too: **2** · set here" in await settle(scene, admin, "limits")


# --- the ledger ------------------------------------------------------------------------------------------------------


async def ledger(scene: Scene, admin: simcord.MemberActor, **options: object) -> list[dict[str, str]]:
    result = await admin.slash(scene.channel, "settings ledger", **options)
    assert "for your eyes only" in told(result)
    assert result.response is not None
    (attachment,) = result.response.message.attachments
    assert attachment.filename.endswith(".csv")
    return list(csv.DictReader(io.StringIO((await attachment.read()).decode())))


async def test_the_ledger_has_every_line_of_the_month(scene: Scene, admin: simcord.MemberActor) -> None:
    await ask(scene)
    month = scene.env.now().strftime("%Y-%m")

    lines = await ledger(scene, admin)

    assert (lines[0]["entry"], lines[0]["usd"]) == ("hold", "1.500000")
    assert {line["person"] for line in lines} == {str(scene.alice.id)}
    assert {line["request"] for line in lines} == {scene.studio.accepted[0]}
    assert {"hold", "settle"} <= {line["entry"] for line in lines}
    assert await ledger(scene, admin, month=month) == lines
    assert await ledger(scene, admin, month="2020-01") == []


async def test_a_month_that_is_none_is_said_so(scene: Scene, admin: simcord.MemberActor) -> None:
    assert "sometime" in await settle(scene, admin, "ledger", month="sometime")


async def test_a_ledger_that_discord_would_not_take_is_said_so(scene: Scene, admin: simcord.MemberActor) -> None:
    client = cast("RushesClient", scene.env.bot)

    async def long_month(_guild_id: int, _month: str | None = None) -> bytes:
        return bytes(30_000_000)

    client.furnish(replace(client.services, ledger_csv=long_month))

    assert "`rushes ledger export`" in await settle(scene, admin, "ledger")


async def test_everybodys_role_stands_for_everybody(scene: Scene, admin: simcord.MemberActor) -> None:
    everybody = scene.guild.default_role

    await settle(scene, admin, "access", action="deny", role=everybody)
    assert "you may not ask for videos here" in await ask(scene)
    await settle(scene, admin, "access", action="allow", role=everybody)
    assert "in line" in await ask(scene)


async def test_a_final_card_says_what_happened_to_the_money(scene: Scene) -> None:
    await ask(scene)

    cards = [text for text in scene.seen_by(scene.bob) if text.startswith("### Done")]
    assert len(cards) == 1
    assert "It cost $" in cards[0]
    assert "It cost $" in read(scene.channel.threads[-1].history()[-1])
