"""What people and guilds have chosen, read back to them."""

from typing import Final

import discord

from bot.cards import said
from bot.cards.buttons import message_button, row
from bot.cards.sheet import Sheet
from bot.cards.titles import NEEDS_CHANGE_COLOUR, READY_COLOUR
from bot.domain import words
from bot.domain.consent import Choice, avatar_allowed, files_allowed
from bot.domain.custom_ids import MessageAction
from bot.domain.drafts import GuildChoices
from bot.domain.reasons import Reason, reason

_SAID: Final = {None: "nothing said", True: "allowed", False: "forbidden"}


def privacy(here: Choice, everywhere: Choice, *, stopped: int | None = None) -> Sheet:
    """What a person said for this guild and for everywhere, and what holds. `stopped`: requests that a change ended."""
    both = (here, everywhere)
    files = reason("privacy-files-allowed") if files_allowed(both) else reason("privacy-files-forbidden")
    avatar = reason("privacy-avatar-allowed") if avatar_allowed(both) else reason("privacy-avatar-forbidden")
    return Sheet(
        (
            "### Your files and your avatar",
            f"{said.sentence(files)}\n{said.sentence(avatar)}",
            said.sentence(_stopped(stopped)) if stopped is not None else "",
            f"{_said('In this server', here)}\n{_said('Everywhere', everywhere)}",
            said.sentence(reason("privacy-rules")),
        ),
        colour=READY_COLOUR,
    )


def take_back_question(message_id: int, owner_id: int) -> Sheet:
    """Before a message's files are taken back for good by that person: what it means, and the click that does it."""
    yes = message_button(
        MessageAction.TAKE_BACK, message_id, owner_id, "Take them back for good", style=discord.ButtonStyle.danger
    )
    texts = ("### Take back the files of that message?", said.sentence(reason("take-back-means")))
    return Sheet((*texts, row(yes)), colour=NEEDS_CHANGE_COLOUR)


def withdrawn(stopped: int) -> Sheet:
    """A message's files were taken back; `stopped` requests ended by it."""
    texts = ("### Taken back", said.sentence(reason("withdrawn-own")), said.sentence(_stopped(stopped)))
    return Sheet(texts, colour=READY_COLOUR)


def guild_choices(choices: GuildChoices) -> Sheet:
    """When drafts show their card in a guild."""
    return Sheet(("### Drafts in this server", said.sentence(_drafts(choices))), colour=READY_COLOUR)


def _said(where: str, choice: Choice) -> str:
    return f"**{where}** files: {_SAID[choice.files]} · avatar: {_SAID[choice.avatar]}"


def _stopped(count: int) -> Reason:
    if count == 0:
        return reason("stopped-none")
    return reason("stopped-one") if count == 1 else reason("stopped-many", count=count)


def _drafts(choices: GuildChoices) -> Reason:
    if choices.skip_card is None:
        return reason("drafts-by-default")
    if not choices.skip_card:
        return reason("drafts-always")
    above = choices.ask_above_usd_micros
    limit = "this bot's limit" if above is None else words.dollars(above)
    return reason("drafts-when-needed", limit=limit)
