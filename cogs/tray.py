"""The tray: “Add to tray” on messages, and `/tray …`. It combines the files of several messages without reading any."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from cogs.errors import tell
from cogs.menus import add_message_menu
from cogs.sources import offers_in
from cogs.wishes import place_of, tray_wish_from

Number = app_commands.Range[int, 1, 100]
_MAX_ALIAS_CHARACTERS = 32


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Tray(commands.GroupCog, name="tray", description="Files you have put aside in this channel for a video"):
    """Everything here is answered privately, with the tray as it stands then."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        self._client = client
        add_message_menu(client, "Add to tray", self.add)

    async def add(self, interaction: discord.Interaction[RushesClient], message: discord.Message) -> None:
        """The message menu: everything in the message that may be a reference."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        offers = await offers_in(interaction, message)
        view = await self._client.services.tray.add(tray_wish_from(interaction, offers))
        await tell(interaction, cards.tray(view))

    @app_commands.command(name="show", description="Show your tray in this channel")
    async def show(self, interaction: discord.Interaction[RushesClient]) -> None:
        """As it stands."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._client.services.tray.show(place_of(interaction).channel_id, interaction.user.id)
        await tell(interaction, cards.tray(view))

    @app_commands.command(name="name", description="Give a file in your tray a name that prompts may use")
    @app_commands.describe(
        number="The file's number", name="One word, such as hero; leave it out to take the name away"
    )
    async def name(
        self,
        interaction: discord.Interaction[RushesClient],
        number: Number,
        name: app_commands.Range[str, 1, _MAX_ALIAS_CHARACTERS] | None = None,
    ) -> None:
        """Names one file."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        place = place_of(interaction)
        view = await self._client.services.tray.name(place, interaction.user.id, number=number, alias=name)
        await tell(interaction, cards.tray(view))

    @app_commands.command(name="move", description="Move a file in your tray to another place in the order")
    @app_commands.describe(number="The file's number", to="Its new number")
    async def move(self, interaction: discord.Interaction[RushesClient], number: Number, to: Number) -> None:
        """Moves one file."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        place = place_of(interaction)
        view = await self._client.services.tray.move(place, interaction.user.id, number=number, to_number=to)
        await tell(interaction, cards.tray(view))

    @app_commands.command(name="remove", description="Take a file out of your tray")
    @app_commands.describe(number="The file's number")
    async def remove(self, interaction: discord.Interaction[RushesClient], number: Number) -> None:
        """Takes one file out."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._client.services.tray.remove(place_of(interaction), interaction.user.id, number=number)
        await tell(interaction, cards.tray(view))

    @app_commands.command(name="clear", description="Empty your tray in this channel")
    async def clear(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Takes all files out."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._client.services.tray.clear(place_of(interaction), interaction.user.id)
        await tell(interaction, cards.tray(view))
