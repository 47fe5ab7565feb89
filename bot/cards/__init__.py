"""Domain values to Components V2; pure."""

from bot.cards.answers import accepted, cancelled, offered, refused
from bot.cards.card import can_be_cancelled, card
from bot.cards.marker import find_marker, marker
from bot.cards.result import FIRST_SLOT, PROMPT_FILE, notice, prompt_file, result
from bot.cards.sheet import Sheet

__all__ = [
    "FIRST_SLOT",
    "PROMPT_FILE",
    "Sheet",
    "accepted",
    "can_be_cancelled",
    "cancelled",
    "card",
    "find_marker",
    "marker",
    "notice",
    "offered",
    "prompt_file",
    "refused",
    "result",
]
