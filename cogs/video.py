"""`/video make`, `/video drafts`, and the message menu's “Make video”."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.references import OfferSource
from bot.domain.requests import Parameters
from cogs.answers import answer, show_draft
from cogs.errors import tell
from cogs.menus import add_message_menu
from cogs.sources import mentioned, offers_in, offers_of
from cogs.video_form import ASPECT_RATIOS, DURATIONS, MAX_PROMPT_CHARACTERS, MakeVideoForm, seconds
from cogs.wishes import guild_of, wish_from

_RESOLUTIONS = ("720p", "480p")
RESOLUTIONS = [app_commands.Choice(name=name, value=name) for name in _RESOLUTIONS]
ASPECTS = [app_commands.Choice(name=name, value=name) for name in ASPECT_RATIOS]
_FURTHER_FILES = {f"ref{number}": "One more file" for number in range(2, 13)}


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Video(commands.GroupCog, name="video", description="Turn attachments into a video"):
    """Making videos. Where is decided for the whole group: Discord knows no such limit of a subcommand."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        add_message_menu(client, "Make video", self.make_video)

    @app_commands.command(name="make", description="Make a video from a prompt and up to 12 files")
    @app_commands.describe(
        prompt="What happens. Point at files as @Image1, “the first image”, #2 or hero.png",
        ref1="The first file: an image, a clip or a sound. Without any, your tray's files are taken",
        **_FURTHER_FILES,
        duration="How long the video is",
        resolution="720p unless you say otherwise",
        aspect_ratio="The shape of the picture",
        audio="Whether the video has sound",
        takes="How many variants to make; each is paid for",
        seed="The same seed and settings give similar results, where the model knows seeds",
    )
    @app_commands.choices(duration=DURATIONS, resolution=RESOLUTIONS, aspect_ratio=ASPECTS)
    async def make(
        self,
        interaction: discord.Interaction[RushesClient],
        prompt: app_commands.Range[str, 1, MAX_PROMPT_CHARACTERS],
        ref1: discord.Attachment | None = None,
        ref2: discord.Attachment | None = None,
        ref3: discord.Attachment | None = None,
        ref4: discord.Attachment | None = None,
        ref5: discord.Attachment | None = None,
        ref6: discord.Attachment | None = None,
        ref7: discord.Attachment | None = None,
        ref8: discord.Attachment | None = None,
        ref9: discord.Attachment | None = None,
        ref10: discord.Attachment | None = None,
        ref11: discord.Attachment | None = None,
        ref12: discord.Attachment | None = None,
        duration: str = "auto",
        resolution: str = "720p",
        aspect_ratio: str = "auto",
        audio: bool = True,  # noqa: FBT001, FBT002  a Discord option
        takes: app_commands.Range[int, 1, 4] = 1,
        seed: app_commands.Range[int, 0, 2_147_483_647] | None = None,
    ) -> None:
        """Defers, asks, answers."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        files = (ref1, ref2, ref3, ref4, ref5, ref6, ref7, ref8, ref9, ref10, ref11, ref12)
        parameters = Parameters(
            duration_seconds=seconds(duration),
            resolution=resolution,
            aspect_ratio=aspect_ratio,
            audio=audio,
            seed=seed,
        )
        offers = offers_of(files, OfferSource.OPTION)
        names, pictures = await mentioned(interaction, prompt)
        wish = wish_from(
            interaction,
            prompt=prompt,
            names=names,
            offers=(*offers, *pictures),
            parameters=parameters,
            take_count=takes,
            use_tray=not offers,
        )
        await answer(interaction, wish)

    @app_commands.command(name="drafts", description="Show your drafts that wait to be confirmed")
    async def drafts(self, interaction: discord.Interaction[RushesClient]) -> None:
        """One draft is shown at once; several are listed."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        views = await interaction.client.services.drafts.mine(guild_of(interaction), interaction.user.id)
        if len(views) == 1:
            await show_draft(interaction, views[0])
        else:
            await tell(interaction, cards.drafts(views))

    async def make_video(self, interaction: discord.Interaction[RushesClient], message: discord.Message) -> None:
        """The message menu: a form at once, before anything is fetched; the message's text and files are in it."""
        offers = await offers_in(interaction, message)
        await interaction.response.send_modal(MakeVideoForm(interaction.client, message.content, offers))
