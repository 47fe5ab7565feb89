"""The private message that brings a free draft."""

import discord

from bot.cards import said
from bot.cards.sheet import Sheet
from bot.cards.titles import READY_COLOUR
from bot.domain.reasons import reason


def free_draft_file(request_id: str) -> str:
    """What the film is called."""
    return f"free-draft-{request_id}.mp4"


def free_draft(request_id: str) -> Sheet:
    """What it is and what it cost; the file of `free_draft_file` has to be attached."""
    film = discord.MediaGalleryItem(f"attachment://{free_draft_file(request_id)}", description="The free draft")
    return Sheet(
        ("### Free draft", discord.ui.MediaGallery(film), said.sentence(reason("animatic-drawn"))), colour=READY_COLOUR
    )
