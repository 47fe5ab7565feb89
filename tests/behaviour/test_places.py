"""Where a request was made, what may be posted there, and what the bot lacks to do so."""

import discord
import pytest
import simcord
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType

from bot.domain.requests import ChannelKind, Place
from bot.domain.words import NOTHING_SPENT
from tests.behaviour.studio import Scene, named, told
from tests.behaviour.test_make_video_menu import filled

MIB = 1 << 20
DISCORD_SAYS = 25 * MIB
"""`attachment_size_limit` of every interaction in simcord, as if the person had Nitro."""


async def place_of(scene: Scene, channel: simcord.ChannelHandle) -> Place:
    await scene.alice.slash(channel, "video make", prompt="a storm")
    return scene.studio.wishes[-1].place


def deny(scene: Scene, name: str, **denied: bool) -> simcord.ChannelHandle:
    """A channel where the bot's own permissions are taken away."""
    me = scene.env.bot.user
    assert me is not None
    return scene.guild.create_text_channel(name, overwrites={me: discord.PermissionOverwrite(**denied)})


def forbid(scene: Scene, **denied: bool) -> None:
    """Takes permissions from the bot in the channel, and so in its threads; builders can do so for new ones only."""
    me = scene.env.bot.user
    assert me is not None
    _, deny = discord.PermissionOverwrite(**denied).pair()
    scene.env.backend.set_overwrite(
        scene.channel.id, Overwrite(target_id=me.id, type=OverwriteType.MEMBER, deny=deny.value)
    )


async def test_a_text_channel_is_one(scene: Scene) -> None:
    place = await place_of(scene, scene.channel)

    assert (place.channel_id, place.channel_kind) == (scene.channel.id, ChannelKind.TEXT)


async def test_in_a_thread_the_place_is_the_thread(scene: Scene) -> None:
    thread = await scene.thread()

    place = await place_of(scene, thread)

    assert (place.channel_id, place.channel_kind) == (thread.id, ChannelKind.THREAD)


async def test_a_voice_channels_chat_only_takes_posts(scene: Scene) -> None:
    room = scene.guild.create_voice_channel("Lounge")

    place = await place_of(scene, room)

    assert (place.channel_id, place.channel_kind) == (room.id, ChannelKind.OTHER)


async def test_a_form_keeps_the_thread_it_was_opened_in(scene: Scene) -> None:
    thread = await scene.thread()
    shown = await scene.alice.context_menu(thread, "Make video", await scene.bob.send(thread, "a storm"))

    await scene.alice.submit_modal(shown, filled(shown))

    (wish,) = scene.studio.wishes
    assert (wish.place.channel_id, wish.place.channel_kind) == (thread.id, ChannelKind.THREAD)


@pytest.mark.parametrize(("tier", "limit"), [(0, 10 * MIB), (2, DISCORD_SAYS), (3, DISCORD_SAYS)])
async def test_the_upload_limit_is_the_smaller_of_the_interactions_and_the_servers(
    scene: Scene, tier: int, limit: int
) -> None:
    """Results are posted with the bot's token: what the person's Nitro allows does not hold for them."""
    guild = scene.env.bot.get_guild(scene.guild.id)
    assert guild is not None
    guild.premium_tier = tier  # simcord's servers have no boosts

    assert (await place_of(scene, scene.channel)).upload_limit_bytes == limit


async def test_missing_permissions_are_all_named_before_anything_is_fetched(scene: Scene) -> None:
    channel = deny(scene, "quiet", send_messages=False, attach_files=False, create_public_threads=False)

    text = told(await scene.alice.slash(channel, "video make", prompt="a storm", ref1=named("sea.png")))

    assert "I lack permissions in this channel: Attach Files, Send Messages, Create Public Threads." in text
    assert text.endswith(NOTHING_SPENT)
    assert scene.studio.downloader.fetched == []
    assert await scene.studio.requests() == []


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("attach_files", "Attach Files"),
        ("embed_links", "Embed Links"),
        ("read_message_history", "Read Message History"),
        ("send_messages", "Send Messages"),
        ("create_public_threads", "Create Public Threads"),
        ("send_messages_in_threads", "Send Messages in Threads"),
    ],
)
async def test_each_permission_that_delivery_needs_is_asked_for(scene: Scene, flag: str, name: str) -> None:
    channel = deny(scene, "quiet", **{flag: False})

    assert f"in this channel: {name}." in told(await scene.alice.slash(channel, "video make", prompt="a storm"))


async def test_in_a_thread_only_what_a_thread_needs_is_asked_for(scene: Scene) -> None:
    """Send Messages has no effect in a thread, and none is opened inside one."""
    thread = await scene.thread()
    forbid(scene, send_messages=False, create_public_threads=False)

    assert "in line" in told(await scene.alice.slash(thread, "video make", prompt="a storm"))

    forbid(scene, send_messages_in_threads=False)
    text = told(await scene.alice.slash(thread, "video make", prompt="a storm", ref1=named("sea.png")))
    assert "in this channel: Send Messages in Threads." in text
    assert scene.studio.downloader.fetched == []
