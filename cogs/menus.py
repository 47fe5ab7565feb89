"""The message menu's entries: for servers only, as all that is made from a message."""

from collections.abc import Awaitable, Callable

import discord
from discord import app_commands

from bot.client import RushesClient

Chosen = Callable[[discord.Interaction[RushesClient], discord.Message], Awaitable[None]]


def add_message_menu(client: RushesClient, name: str, chosen: Chosen) -> None:
    """Puts an entry into the menu of every message in a server."""

    async def callback(interaction: discord.Interaction[RushesClient], message: discord.Message) -> None:
        await chosen(interaction, message)

    menu = app_commands.ContextMenu(name=name, callback=callback)
    menu.guild_only = True
    menu.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False)
    menu.allowed_installs = app_commands.AppInstallationType(guild=True, user=False)
    client.tree.add_command(menu)
