"""`/settings drafts`: what a server's admins decide about cards."""

import discord
import pytest
import simcord

from tests.behaviour.studio import Scene, told


@pytest.fixture
def admin(scene: Scene) -> simcord.MemberActor:
    managers = scene.guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return scene.guild.add_member(scene.env.create_user("ada"), roles=[managers])


async def settle(scene: Scene, admin: simcord.MemberActor, **options: object) -> str:
    return told(await admin.slash(scene.channel, "settings drafts", **options))


async def ask(scene: Scene) -> str:
    return told(await scene.alice.slash(scene.channel, "video make", prompt="a storm"))


async def test_a_server_can_have_every_request_confirmed(scene: Scene, admin: simcord.MemberActor) -> None:
    assert "in line" in await ask(scene)

    await settle(scene, admin, card="always")

    assert "Your draft: ready to confirm" in await ask(scene)
    await settle(scene, admin, card="when needed")
    assert "in line" in await ask(scene)


async def test_a_server_can_say_from_which_price_on_it_is_asked(scene: Scene, admin: simcord.MemberActor) -> None:
    text = await settle(scene, admin, ask_above=1.25)

    assert "$1.25" in text
    assert "Your draft: ready to confirm" in await ask(scene)


async def test_one_choice_leaves_the_other_as_it_is(scene: Scene, admin: simcord.MemberActor) -> None:
    await settle(scene, admin, ask_above=1.25)
    await settle(scene, admin, card="always")
    await settle(scene, admin, card="when needed")

    text = await settle(scene, admin)

    assert "$1.25" in text
    assert text == await settle(scene, admin)


async def test_only_those_who_manage_the_server_are_offered_it(scene: Scene, admin: simcord.MemberActor) -> None:
    assert "settings drafts" in admin.available_commands(scene.channel)
    assert "settings drafts" not in scene.alice.available_commands(scene.channel)
