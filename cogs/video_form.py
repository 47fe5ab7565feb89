"""The form “Make video”: prompt, more files, length and shape."""

from dataclasses import replace
from typing import Final

import discord
from discord import app_commands

from bot import cards
from bot.client import RushesClient
from bot.domain.references import Offer, OfferSource
from bot.domain.requests import Parameters, Wish
from cogs.answers import answer
from cogs.forms import Form, FormKind
from cogs.sources import mentioned, offers_of
from cogs.wishes import wish_from

ASPECT_RATIOS: Final = ("auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
MAX_PROMPT_CHARACTERS: Final = 2000
_SECONDS = range(4, 16)
_FIRST_FRAME: Final = "@Image1 is the first frame. "
_CONTINUED: Final = "`#1` the last frame of that video. A draft is made with it, which you can look at and change."
DURATIONS: Final = [
    app_commands.Choice(name="auto", value="auto"),
    *(app_commands.Choice(name=f"{n} s", value=str(n)) for n in _SECONDS),
]


class MakeVideoForm(Form):
    """Prompt, more files, length and shape; the files that are there are listed above with their numbers."""

    def __init__(
        self, client: RushesClient, text: str, offers: tuple[Offer, ...], *, heading: str | None = None
    ) -> None:
        """`heading`: what stands above the fields; by default the list of the files offered."""
        super().__init__(client, FormKind.VIDEO, title="Make video")
        self._offers = offers
        self.prompt = discord.ui.TextInput[MakeVideoForm](
            style=discord.TextStyle.paragraph,
            default=fitting(text, MAX_PROMPT_CHARACTERS),
            min_length=1,
            max_length=MAX_PROMPT_CHARACTERS,
            placeholder="the first image walks like video 1 …",
        )
        self.files = discord.ui.FileUpload[MakeVideoForm](required=False, min_values=0, max_values=10)
        self.duration = _select([(choice.name, choice.value) for choice in DURATIONS])
        self.aspect_ratio = _select([(name, name) for name in ASPECT_RATIOS])
        listed = cards.offered([offer for offer in offers if offer.refusal is None])
        self.add_item(discord.ui.TextDisplay(heading or listed))
        self.add_item(discord.ui.Label(text="What happens", component=self.prompt))
        self.add_item(discord.ui.Label(text="More files", component=self.files))
        self.add_item(discord.ui.Label(text="Length", component=self.duration))
        self.add_item(discord.ui.Label(text="Shape", component=self.aspect_ratio))

    async def sent(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Defers, asks, answers."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await answer(interaction, await self.wish(interaction))

    async def wish(self, interaction: discord.Interaction[RushesClient]) -> Wish:
        """What was entered."""
        names, pictures = await mentioned(interaction, self.prompt.value)
        parameters = Parameters(
            duration_seconds=seconds(self.duration.values[0]), aspect_ratio=self.aspect_ratio.values[0]
        )
        offers = (*self._offers, *offers_of(self.files.values, OfferSource.FORM), *pictures)
        return wish_from(interaction, prompt=self.prompt.value, names=names, offers=offers, parameters=parameters)


class ContinueForm(MakeVideoForm):
    """The same for a video that begins with a clip's last frame, which is taken once the form is sent."""

    def __init__(self, client: RushesClient, *, request_id: str, ordinal: int) -> None:
        super().__init__(client, _FIRST_FRAME, (), heading=_CONTINUED)
        self._request_id, self._ordinal = request_id, ordinal

    async def wish(self, interaction: discord.Interaction[RushesClient]) -> Wish:
        """The frame comes first, and the draft waits for its person: they have not seen it yet."""
        entered = await super().wish(interaction)
        frame = await interaction.client.services.last_frame(
            self._request_id, ordinal=self._ordinal, place=entered.place, person=entered.person
        )
        return replace(entered, offers=(frame, *entered.offers), ask=True)


def seconds(duration: str) -> int | None:
    """A duration's choice as a number, `None` for “auto”."""
    return None if duration == "auto" else int(duration)


def fitting(text: str, most_units: int) -> str:
    """As much of a text as a field takes, in UTF-16 units, the strictest way to read “characters”."""
    return text.encode("utf-16-le")[: 2 * most_units].decode("utf-16-le", "ignore")


def _select(options: list[tuple[str, str]]) -> discord.ui.Select[MakeVideoForm]:
    chosen = [
        discord.SelectOption(label=label, value=value, default=index == 0)
        for index, (label, value) in enumerate(options)
    ]
    return discord.ui.Select[MakeVideoForm](options=chosen, min_values=1, max_values=1)
