"""The drafts that wait for a person, and the message that calls them back to one."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import discord

from bot.cards import said
from bot.cards.blocks import asked_by, moment
from bot.cards.buttons import button, row
from bot.cards.marker import marker
from bot.cards.sheet import Sheet
from bot.cards.text import inline
from bot.cards.titles import READY_COLOUR, colour
from bot.domain.custom_ids import Action
from bot.domain.drafts import DraftView
from bot.domain.reasons import reason
from bot.domain.requests import Request, Snapshot

_SHOWN: Final = 5
_WORDS_UNITS: Final = 200
_SLOT: Final = "callback"


def drafts(views: Sequence[DraftView]) -> Sheet:
    """The person's drafts, newest first, each with a button that shows its card; at most 5."""
    if not views:
        return Sheet((said.sentence(reason("no-drafts")),), colour=READY_COLOUR)
    further = len(views) - _SHOWN
    return Sheet(
        (
            "### Your drafts",
            *(part for number, view in enumerate(views[:_SHOWN], 1) for part in _entry(number, view)),
            f"-# … and {further} more; they come up once some of these are confirmed or discarded." * (further > 0),
        ),
        colour=READY_COLOUR,
    )


def called_back(snapshot: Snapshot) -> Sheet:
    """The public call to a draft's person. It shows neither prompt nor file: drafts are private."""
    request = snapshot.request
    return Sheet(
        (
            f"{asked_by(request)}, {said.sentence(reason('draft-waits'))}",
            row(button(Action.SHOW, request.id, "Show my draft", style=discord.ButtonStyle.primary)),
            marker(request.id, _SLOT),
        ),
        colour=colour(request.state),
    )


def _entry(number: int, view: DraftView) -> Iterator[str | discord.ui.Item[Any]]:
    request = view.request
    parts = (
        inline(request.written_prompt, _WORDS_UNITS) or "no prompt",
        _file_count(request),
        f"for <#{request.place.channel_id}>",
        "needs a change" if view.errors else "ready to confirm",
        f"dropped {moment(request.expires_at_ms)}" if request.expires_at_ms else "",
    )
    yield f"**{number}.** " + " · ".join(part for part in parts if part)
    yield row(button(Action.SHOW, request.id, f"Show draft {number}"))


def _file_count(request: Request) -> str:
    count = len(request.references)
    return f"{count} file{'' if count == 1 else 's'}" if count else "no files"
