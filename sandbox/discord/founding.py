"""The world at the start: one guild, its owner, one person, the bot, two channels."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.discord import expressions
from sandbox.discord.cdn import Cdn
from sandbox.discord.options import Options
from sandbox.discord.permissions import BOT_DEFAULT, EVERYONE_DEFAULT, Permission
from sandbox.discord.world import (
    DISCORD_EPOCH_MS,
    TEXT,
    Application,
    Channel,
    Clock,
    Guild,
    Overwrite,
    Role,
    User,
    World,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """The world and the ids that are told at the start."""

    world: World
    channel_id: int
    staging_channel_id: int
    user_id: int
    bot_role_id: int


def found(*, options: Options, clock: Clock, secret: bytes, token: str | None) -> Founded:
    """`#general` is open to all, `#staging` to the bot (and the guild's owner) alone. The bot is no administrator."""
    start = (int(clock() * 1000) - DISCORD_EPOCH_MS) << 22
    guild_id, owner_id, bot_id = start - 9, start - 8, start - 7
    holder: list[World] = []
    cdn = Cdn(
        clock=clock,
        secret=secret,
        link_life_seconds=lambda: holder[0].options.link_life_seconds,
        new_id=lambda: holder[0].new_id(),  # noqa: PLW0108  the world is not there yet
    )
    world = World(
        options=options,
        clock=clock,
        cdn=cdn,
        guild=Guild(id=guild_id, name="Sandbox", owner_id=owner_id),
        application=Application(id=bot_id, name="bot", token=token or f"{bot_id}.sandbox.{cdn.opaque(bot_id)}"),
    )
    holder.append(world)
    bot_role = world.new_id()
    world.roles = {
        guild_id: Role(id=guild_id, name="@everyone", permissions=int(EVERYONE_DEFAULT)),
        bot_role: Role(id=bot_role, name="bot", permissions=int(BOT_DEFAULT), position=1, managed_by_bot=bot_id),
    }
    world.users = {
        owner_id: User(id=owner_id, name="olivia"),
        bot_id: User(id=bot_id, name="bot", bot=True, role_ids=[bot_role]),
    }
    expressions.add_default_avatars(world)
    user_id = world.new_id()
    world.users[user_id] = User(id=user_id, name="paula")
    general, staging = world.new_id(), world.new_id()
    world.channels = {
        general: Channel(id=general, kind=TEXT, name="general", guild_id=guild_id),
        staging: Channel(
            id=staging, kind=TEXT, name="staging", guild_id=guild_id, position=1, overwrites=private_to_bot(world)
        ),
    }
    return Founded(world=world, channel_id=general, staging_channel_id=staging, user_id=user_id, bot_role_id=bot_role)


def private_to_bot(world: World) -> dict[int, Overwrite]:
    """Overwrites of a channel that only the bot (and those above overwrites) can see."""
    return {
        world.guild.id: Overwrite(kind=0, deny=int(Permission.VIEW_CHANNEL)),
        world.bot_id: Overwrite(kind=1, allow=int(Permission.VIEW_CHANNEL)),
    }
