"""`/queue`: a server's line, and the way out of it."""

from contextlib import suppress

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.cards import Turns
from bot.client import RushesClient
from bot.domain.errors import Refused, Unavailable
from bot.domain.reasons import reason
from cogs.errors import tell
from cogs.wishes import guild_of, may_moderate_server, person_of, place_of

_CHOICES = 25
"""Discord, autocomplete."""


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Queue(commands.GroupCog, name="queue", description="What waits in this server for its turn"):
    """Everything here is answered privately."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        self._client = client

    @app_commands.command(name="show", description="Show whose turn it is next in this server, and why not yet")
    async def show(self, interaction: discord.Interaction[RushesClient]) -> None:
        """The next turns."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        services, guild_id, person = self._client.services, guild_of(interaction), person_of(interaction)
        found = await services.quotas(guild_id, person)
        turns = await services.lane(guild_id)
        sheet = cards.queue(turns, found, person_id=person.id, channel_id=place_of(interaction).channel_id)
        await tell(interaction, sheet)

    @app_commands.command(name="cancel", description="Cancel a request of yours; moderators can cancel any")
    @app_commands.describe(request="One that waits, or the id on the card of any that is not over")
    async def cancel(
        self, interaction: discord.Interaction[RushesClient], request: app_commands.Range[str, 1, 100]
    ) -> None:
        """As the button on the card does."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        moderates = may_moderate_server(interaction)
        try:
            snapshot = await self._client.services.cancel(
                request.strip().strip("`").lower(),
                person_id=interaction.user.id,
                moderator=moderates is True,
                guild_id=guild_of(interaction),
            )
        except Refused as refusal:
            if moderates is None and any(each.code == "cancel-not-yours" for each in refusal.reasons):
                raise Refused(reason("server-not-known-yet")) from None
            raise
        await tell(interaction, cards.cancelled(snapshot))

    @cancel.autocomplete("request")
    async def _requests(
        self, interaction: discord.Interaction[RushesClient], current: str
    ) -> list[app_commands.Choice[str]]:
        """Of the next turns those that this person may cancel; none while they cannot be read: an id can be typed."""
        person_id, any_one = interaction.user.id, may_moderate_server(interaction)
        channel_id = place_of(interaction).channel_id
        turns: Turns = ()
        with suppress(Unavailable):
            turns = await self._client.services.lane(guild_of(interaction))
        named = [
            (cards.queue_choice(number, request, person_id=person_id, channel_id=channel_id), request.id)
            for number, (request, _) in enumerate(turns, start=1)
            if any_one or request.person.id == person_id
        ]
        wanted = current.strip().lower()
        return [app_commands.Choice(name=name, value=id_) for name, id_ in named if wanted in name.lower()][:_CHOICES]
