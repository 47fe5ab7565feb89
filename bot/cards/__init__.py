"""Domain values to Components V2; pure."""

from bot.cards.answers import accepted, cancelled, delivering_again, offered, refused
from bot.cards.card import can_be_asked_again, can_be_cancelled, can_be_delivered_again, card
from bot.cards.choices import guild_choices, privacy, take_back_question, withdrawn
from bot.cards.draft import SHEET_FILE, draft, draft_text_files
from bot.cards.draft_files import FILES_FILE
from bot.cards.drafts import called_back, drafts
from bot.cards.free_draft import free_draft, free_draft_file
from bot.cards.ledger import LEDGER_FILE, ledger
from bot.cards.marker import find_marker, marker
from bot.cards.policies import Area, block_changed, policy, policy_changed, policy_history
from bot.cards.queue import Turns, queue, queue_choice
from bot.cards.quotas import quotas
from bot.cards.renumber import renumber_question
from bot.cards.result import PROMPT_FILE, notice, prompt_file, result
from bot.cards.sheet import Sheet
from bot.cards.tray import tray

__all__ = [
    "FILES_FILE",
    "LEDGER_FILE",
    "PROMPT_FILE",
    "SHEET_FILE",
    "Area",
    "Sheet",
    "Turns",
    "accepted",
    "block_changed",
    "called_back",
    "can_be_asked_again",
    "can_be_cancelled",
    "can_be_delivered_again",
    "cancelled",
    "card",
    "delivering_again",
    "draft",
    "draft_text_files",
    "drafts",
    "find_marker",
    "free_draft",
    "free_draft_file",
    "guild_choices",
    "ledger",
    "marker",
    "notice",
    "offered",
    "policy",
    "policy_changed",
    "policy_history",
    "privacy",
    "prompt_file",
    "queue",
    "queue_choice",
    "quotas",
    "refused",
    "renumber_question",
    "result",
    "take_back_question",
    "tray",
    "withdrawn",
]
