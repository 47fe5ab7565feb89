"""`/video make` and the message menu's “Make video”."""

from collections.abc import Callable

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.custom_ids import FORM_PREFIX
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource
from bot.domain.requests import Parameters, Wish
from cogs.errors import answer_error, answered, tell
from cogs.wishes import offers_of, wish_from

_ASPECTS = ("auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
_SECONDS = range(4, 16)
_RESOLUTIONS = ("720p", "480p")
_MAX_PROMPT_CHARACTERS = 2000

DURATIONS = [
    app_commands.Choice(name="auto", value="auto"),
    *(app_commands.Choice(name=f"{n} s", value=str(n)) for n in _SECONDS),
]
RESOLUTIONS = [app_commands.Choice(name=name, value=name) for name in _RESOLUTIONS]
ASPECTS = [app_commands.Choice(name=name, value=name) for name in _ASPECTS]
_FURTHER_FILES = {f"ref{number}": "One more file" for number in range(2, 13)}


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Video(commands.GroupCog, name="video", description="Turn attachments into a video"):
    """Making videos. Where is decided for the whole group: Discord knows no such limit of a subcommand."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        self._client = client
        self._open_forms: set[str] = set()
        menu = app_commands.ContextMenu(name="Make video", callback=self.make_video)
        menu.guild_only = True
        menu.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False)
        menu.allowed_installs = app_commands.AppInstallationType(guild=True, user=False)
        client.tree.add_command(menu)

    @app_commands.command(name="make", description="Make a video from a prompt and up to 12 files")
    @app_commands.describe(
        prompt="What happens. Point at files as @Image1, “the first image”, #2 or hero.png",
        ref1="The first file: an image, a clip or a sound",
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
        prompt: app_commands.Range[str, 1, _MAX_PROMPT_CHARACTERS],
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
            duration_seconds=_seconds(duration),
            resolution=resolution,
            aspect_ratio=aspect_ratio,
            audio=audio,
            seed=seed,
        )
        offers = offers_of(files, OfferSource.OPTION)
        await answer(
            interaction,
            wish_from(interaction, prompt=prompt, offers=offers, parameters=parameters, take_count=takes),
        )

    async def make_video(self, interaction: discord.Interaction[RushesClient], message: discord.Message) -> None:
        """The message menu: a form at once, before any I/O; the message's text and files are in it already."""
        form_id = FORM_PREFIX + self._client.services.form_id()
        self._open_forms.add(form_id)
        offers = offers_of(message.attachments, OfferSource.TARGET)
        form = MakeVideoForm(form_id, message.content, offers, closed=self._open_forms.discard)
        await interaction.response.send_modal(form)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[RushesClient]) -> None:
        """A form that was open for too long, or while the bot restarted: discord.py drops it, the person is told."""
        data = interaction.data or {}
        form_id = str(data.get("custom_id", ""))
        if interaction.type is not discord.InteractionType.modal_submit or not form_id.startswith(FORM_PREFIX):
            return
        if form_id not in self._open_forms and not interaction.response.is_done():
            async with answered(interaction):
                raise Refused(reason("form-expired"))


class MakeVideoForm(discord.ui.Modal, title="Make video"):
    """Prompt, more files, length and shape; the target's files are listed above with their numbers."""

    def __init__(self, form_id: str, text: str, offers: tuple[Offer, ...], *, closed: Callable[[str], None]) -> None:
        """`closed` is called with the id when the form was sent, or has been open for an hour."""
        super().__init__(custom_id=form_id, timeout=3600)
        self._offers, self._closed = offers, closed
        self.prompt = discord.ui.TextInput[MakeVideoForm](
            style=discord.TextStyle.paragraph,
            default=_start(text),
            min_length=1,
            max_length=_MAX_PROMPT_CHARACTERS,
            placeholder="the first image walks like video 1 …",
        )
        self.files = discord.ui.FileUpload[MakeVideoForm](required=False, min_values=0, max_values=10)
        self.duration = _select([("auto", "auto"), *((f"{n} s", str(n)) for n in _SECONDS)])
        self.aspect_ratio = _select([(name, name) for name in _ASPECTS])
        self.add_item(discord.ui.TextDisplay(cards.offered(offers)))
        self.add_item(discord.ui.Label(text="What happens", component=self.prompt))
        self.add_item(discord.ui.Label(text="More files", component=self.files))
        self.add_item(discord.ui.Label(text="Length", component=self.duration))
        self.add_item(discord.ui.Label(text="Shape", component=self.aspect_ratio))

    async def on_submit(self, interaction: discord.Interaction[RushesClient]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  our client is the only one
        """Defers, asks, answers. What is raised goes to `on_error`; the form can then be sent again."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        parameters = Parameters(
            duration_seconds=_seconds(self.duration.values[0]), aspect_ratio=self.aspect_ratio.values[0]
        )
        offers = (*self._offers, *offers_of(self.files.values, OfferSource.FORM))
        await answer(
            interaction, wish_from(interaction, prompt=self.prompt.value, offers=offers, parameters=parameters)
        )
        self._closed(self.custom_id)

    async def on_timeout(self) -> None:
        """From now on discord.py drops the form when it is sent; `Video.on_interaction` answers it."""
        self._closed(self.custom_id)

    async def on_error(self, interaction: discord.Interaction[RushesClient], error: Exception, /) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  same
        """Whatever `on_submit` raises, and what happens before it runs."""
        await answer_error(interaction, error)


async def answer(interaction: discord.Interaction[RushesClient], wish: Wish) -> None:
    """Submits the wish and shows the person what was understood. The public card is posted by the bot's token."""
    services = interaction.client.services
    snapshot = await services.submit(wish)
    view = cards.accepted(snapshot, rendered_prompt=services.rendered(snapshot))
    await tell(interaction, view)


def _seconds(duration: str) -> int | None:
    return None if duration == "auto" else int(duration)


def _start(text: str) -> str:
    """As much of a message's text as the field takes, in UTF-16 units, the strictest way to read “characters”."""
    return text.encode("utf-16-le")[: 2 * _MAX_PROMPT_CHARACTERS].decode("utf-16-le", "ignore")


def _select(options: list[tuple[str, str]]) -> discord.ui.Select[MakeVideoForm]:
    chosen = [
        discord.SelectOption(label=label, value=value, default=index == 0)
        for index, (label, value) in enumerate(options)
    ]
    return discord.ui.Select[MakeVideoForm](options=chosen, min_values=1, max_values=1)
