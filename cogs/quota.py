"""`/quota`: what is left for a person and for their server."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from cogs.errors import tell
from cogs.wishes import guild_of, person_of


class Quota(commands.Cog):
    """Answered privately."""

    def __init__(self, client: RushesClient) -> None:
        self._client = client

    @app_commands.command(name="quota", description="What you and this server have used, what is left, and until when")
    @app_commands.guild_only()
    @app_commands.allowed_installs(guilds=True, users=False)
    async def quota(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Both at once."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        person = person_of(interaction)
        found = await self._client.services.quotas(guild_of(interaction), person)
        await tell(interaction, cards.quotas(found, roles=person.roles))
