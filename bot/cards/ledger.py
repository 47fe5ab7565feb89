"""The ledger, handed to an admin."""

from typing import Final

import discord

from bot.cards import said
from bot.cards.sheet import Sheet
from bot.cards.titles import READY_COLOUR
from bot.domain.reasons import reason

LEDGER_FILE: Final = "ledger.csv"


def ledger(file_name: str = LEDGER_FILE) -> Sheet:
    """A month's lines; a file of that name is attached."""
    texts = ("### Ledger of this server", said.sentence(reason("ledger-sent")))
    return Sheet((*texts, discord.ui.File(f"attachment://{file_name}")), colour=READY_COLOUR)
