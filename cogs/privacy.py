"""What people allow others to do with their files and avatar: `/privacy references`, and “Take back my files”."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.consent import EVERYWHERE, Choice
from cogs.errors import tell
from cogs.menus import add_message_menu
from cogs.sources import owner_of

HERE, EVERY = "here", "everywhere"
PLACES = [
    app_commands.Choice(name="this server", value=HERE),
    app_commands.Choice(name="everywhere", value=EVERY),
]
ANSWERS = [app_commands.Choice(name=word, value=word) for word in ("allow", "forbid")]


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Privacy(commands.GroupCog, name="privacy", description="What others may use of yours"):
    """For everybody, about themselves only."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        self._client = client
        add_message_menu(client, "Take back my files", self.take_back)

    @app_commands.command(name="references", description="Say whether others may use your files and your avatar")
    @app_commands.describe(
        where="Where this holds; in this server unless you say otherwise",
        files="May others use the files of your messages?",
        avatar="May others use your avatar? Nobody may unless you allow it",
    )
    @app_commands.choices(where=PLACES, files=ANSWERS, avatar=ANSWERS)
    async def references(
        self,
        interaction: discord.Interaction[RushesClient],
        where: str = HERE,
        files: str | None = None,
        avatar: str | None = None,
    ) -> None:
        """Stores what was said, if anything, and shows what holds."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild_id, person_id, privacy = interaction.guild_id or 0, interaction.user.id, self._client.services.privacy
        choice = Choice(files=_allows(files), avatar=_allows(avatar))
        stopped = None
        if choice != Choice():
            stopped = await privacy.choose(EVERYWHERE if where == EVERY else guild_id, person_id, choice)
        here, everywhere = await privacy.choices(guild_id, person_id)
        await tell(interaction, cards.privacy(here, everywhere, stopped=stopped))

    async def take_back(self, interaction: discord.Interaction[RushesClient], message: discord.Message) -> None:
        """The message menu: its files are not used any more, by nobody."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        owner_id = await owner_of(self._client, message)
        stopped = await self._client.services.privacy.withdraw(
            message.id, owner_id=owner_id, person_id=interaction.user.id
        )
        await tell(interaction, cards.withdrawn(stopped))


def _allows(answer: str | None) -> bool | None:
    return None if answer is None else answer == "allow"
