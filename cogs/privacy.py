"""What people allow others to do with their files and avatar: `/privacy references`, and “Take back my files”."""

import re
from typing import Self

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.consent import EVERYWHERE, Choice
from bot.domain.custom_ids import MESSAGE_TEMPLATE, MessageAction
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from cogs.errors import answered, tell
from cogs.menus import add_message_menu
from cogs.sources import has_files, owner_of
from cogs.wishes import guild_of

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
        guild_id, person_id, privacy = guild_of(interaction), interaction.user.id, self._client.services.privacy
        choice = Choice(files=_allows(files), avatar=_allows(avatar))
        stopped = None
        if choice != Choice():
            stopped = await privacy.choose(EVERYWHERE if where == EVERY else guild_id, person_id, choice)
        here, everywhere = await privacy.choices(guild_id, person_id)
        await tell(interaction, cards.privacy(here, everywhere, stopped=stopped))

    async def take_back(self, interaction: discord.Interaction[RushesClient], message: discord.Message) -> None:
        """The message menu: asks first, since nothing brings them back."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        owner_id = await owner_of(self._client, message)
        if owner_id != interaction.user.id:
            raise Refused(reason("withdraw-not-yours"))
        if not has_files(self._client, message):
            raise Refused(reason("nothing-to-use"))
        await tell(interaction, cards.take_back_question(message.id, owner_id))


class MessageButton(discord.ui.DynamicItem[discord.ui.Item[discord.ui.LayoutView]], template=MESSAGE_TEMPLATE.pattern):
    """A button about somebody's message. It carries whose it is: the message may be gone when it is pressed."""

    def __init__(self, match: re.Match[str]) -> None:
        super().__init__(discord.ui.Button(custom_id=match.string))
        self._match = match

    @classmethod
    async def from_custom_id(  # pyright: ignore[reportIncompatibleMethodOverride]  narrower types than the base
        cls,
        interaction: discord.Interaction[RushesClient],
        item: discord.ui.Item[discord.ui.LayoutView],
        match: re.Match[str],
        /,
    ) -> Self:
        """Reads the meaning back from the custom id."""
        del interaction, item
        return cls(match)

    async def callback(self, interaction: discord.Interaction[RushesClient]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  same
        """The question was answered with yes."""
        async with answered(interaction, nothing_spent_if=()):
            if self._match["action"] != MessageAction.TAKE_BACK:
                raise Refused(reason("request-unknown"))
            await interaction.response.defer()
            stopped = await interaction.client.services.privacy.withdraw(
                int(self._match["message_id"]), owner_id=int(self._match["owner_id"]), person_id=interaction.user.id
            )
            await tell(interaction, cards.withdrawn(stopped))


def _allows(answer: str | None) -> bool | None:
    return None if answer is None else answer == "allow"
