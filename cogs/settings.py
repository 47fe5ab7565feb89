"""`/settings drafts`: what a server's admins decide. Discord shows it to those who manage the server."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.drafts import GuildChoices
from cogs.errors import tell

WHEN_NEEDED, ALWAYS = "when needed", "always"
CARD = [app_commands.Choice(name=word, value=word) for word in (WHEN_NEEDED, ALWAYS)]
_MOST_USD = 10_000.0
_MICROS = 1_000_000


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.default_permissions(manage_guild=True)
class GuildSettings(commands.GroupCog, name="settings", description="How Rushes works in this server"):
    """Every change is kept with who made it."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        self._client = client

    @app_commands.command(name="drafts", description="When people have to confirm a draft before it is made")
    @app_commands.describe(
        card="When needed: only if something was found, converted or refused, or it costs more than the limit",
        ask_above="Ask above this price of one request, in US dollars",
    )
    @app_commands.choices(card=CARD)
    async def drafts(
        self,
        interaction: discord.Interaction[RushesClient],
        card: str | None = None,
        ask_above: app_commands.Range[float, 0.0, _MOST_USD] | None = None,
    ) -> None:
        """Stores what was said, if anything, and shows what holds."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild_id, choices = interaction.guild_id or 0, self._client.services.guild_choices
        wanted = GuildChoices(
            skip_card=None if card is None else card == WHEN_NEEDED,
            ask_above_usd_micros=None if ask_above is None else round(ask_above * _MICROS),
        )
        if wanted == GuildChoices():
            holds = await choices.show(guild_id)
        else:
            holds = await choices.change(guild_id, wanted, by=interaction.user.id)
        await tell(interaction, cards.guild_choices(holds))
