"""Domain values to Components V2; pure."""

from bot.cards.answers import accepted, cancelled, delivering_again, offered, refused
from bot.cards.card import can_be_cancelled, can_be_delivered_again, card
from bot.cards.marker import find_marker, marker
from bot.cards.result import PROMPT_FILE, notice, prompt_file, result
from bot.cards.sheet import Sheet

__all__ = [
    "PROMPT_FILE",
    "Sheet",
    "accepted",
    "can_be_cancelled",
    "can_be_delivered_again",
    "cancelled",
    "card",
    "delivering_again",
    "find_marker",
    "marker",
    "notice",
    "offered",
    "prompt_file",
    "refused",
    "result",
]
