"""How a person is answered: with a request in line, or with the draft that waits for them."""

import io

import discord

from bot import cards
from bot.client import RushesClient
from bot.domain.drafts import DraftView
from bot.domain.requests import Snapshot, Wish
from bot.domain.states import RequestState
from cogs.errors import tell


async def answer(interaction: discord.Interaction[RushesClient], wish: Wish) -> None:
    """Submits the wish and shows the person what was understood. The public card is posted by the bot's token."""
    await show(interaction, await interaction.client.services.submit(wish))


async def show(interaction: discord.Interaction[RushesClient], snapshot: Snapshot) -> None:
    """A draft with its card; what is in line already as it was understood."""
    services = interaction.client.services
    if snapshot.request.state is RequestState.DRAFT:
        view = await services.drafts.look(snapshot.request.id, person_id=interaction.user.id)
        await show_draft(interaction, view)
    else:
        await show_accepted(interaction, snapshot)


async def show_accepted(interaction: discord.Interaction[RushesClient], snapshot: Snapshot) -> None:
    """In line, or further by now: no pictures, and those of a draft's card are taken off."""
    services = interaction.client.services
    view = cards.accepted(
        snapshot, rendered_prompt=services.rendered(snapshot), vendor_tokens=services.vendor_tokens(snapshot)
    )
    await tell(interaction, view, attachments=[] if interaction.message is not None else None)


async def show_draft(
    interaction: discord.Interaction[RushesClient], view: DraftView, *, same_files: bool = False
) -> None:
    """The draft's card, in place of the answer to this interaction.

    `same_files`: the card that was clicked shows these files with these numbers, so its sheet is kept, not drawn anew;
    unless it may show a picture that its owner no longer allows.
    """
    texts = cards.draft_text_files(view)
    if same_files and not view.barred and not texts and interaction.message is not None:
        await tell(interaction, cards.draft(view, sheet=_shows_sheet(interaction.message)))
        return
    sheet = await interaction.client.services.drafts.sheet(view)
    files = {cards.SHEET_FILE: sheet, **{name: text.encode() for name, text in texts.items()}}
    uploads = [discord.File(io.BytesIO(content), filename=name) for name, content in files.items() if content]
    if await tell(interaction, cards.draft(view, sheet=sheet is not None), attachments=uploads):
        await interaction.client.services.drafts.answered(view)


def _shows_sheet(message: discord.Message) -> bool:
    boxes = [part for part in message.components if isinstance(part, discord.Container)]
    parts = [*message.components, *(child for box in boxes for child in box.children)]
    return any(isinstance(part, discord.MediaGalleryComponent) for part in parts)
