"""Buttons of ours: what they say, and the custom id that finds its way back after any restart."""

from typing import Any, Final

import discord

from bot.cards.text import fitted, one_line
from bot.domain.custom_ids import Action, ButtonId, MessageAction, MessageButtonId

_LABEL_UNITS = 80
"""Discord, Button: `label`."""
ROW_BUTTONS: Final = 5
"""Discord, Action Row."""


def button(
    action: Action,
    request_id: str,
    label: str,
    *,
    argument: str = "",
    style: discord.ButtonStyle = discord.ButtonStyle.secondary,
) -> discord.ui.Button[Any]:
    """A button for that request; a label knows no markdown, so it is cleaned and cut but not escaped."""
    custom_id = str(ButtonId(action, request_id, argument))
    return discord.ui.Button(label=plain(label, _LABEL_UNITS), style=style, custom_id=custom_id)


def message_button(
    action: MessageAction, message_id: int, owner_id: int, label: str, *, style: discord.ButtonStyle
) -> discord.ui.Button[Any]:
    """A button about a message whose files are that person's (Discord ids)."""
    custom_id = str(MessageButtonId(action, message_id, owner_id))
    return discord.ui.Button(label=plain(label, _LABEL_UNITS), style=style, custom_id=custom_id)


def row(*buttons: discord.ui.Button[Any]) -> discord.ui.ActionRow[Any]:
    """At most 5 buttons beside one another."""
    return discord.ui.ActionRow(*buttons)


def plain(text: str, limit: int) -> str:
    """Somebody's words where Discord reads no markdown: one line, cleaned, cut."""
    return fitted(one_line(text), limit, draw=str)
