"""The question before a draft's numbers change."""

from collections.abc import Iterator
from typing import Final

import discord

from bot.cards import said
from bot.cards.buttons import button, row
from bot.cards.sheet import Sheet
from bot.cards.text import inline, joined
from bot.cards.titles import NEEDS_CHANGE_COLOUR
from bot.domain.custom_ids import Action
from bot.domain.drafts import DraftView, Renumbering, rearranged
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import Reference

_NAME_UNITS: Final = 80
_TABLE_UNITS: Final = 3000


def renumber_question(view: DraftView, change: Renumbering) -> Sheet:
    """What is taken out or moved, and every number that changes by it. `Refused` when the file is gone meanwhile."""
    request = view.request
    subject = next((one for one in request.references if one.id == change.reference_id), None)
    if subject is None:
        raise Refused(reason("draft-changed"))
    taken_out = change.to_number is None
    after = {one.id: one for one in rearranged(request.references, change)}
    yes = _take_out(view, subject) if taken_out else _move(view, after[subject.id])
    still = "No other number changes." if taken_out else "It is there already: no number changes."
    return Sheet(
        (
            f"### {'Take out' if taken_out else 'Move'} {_named(subject)}?",
            _table(request.references, after) or still,
            said.sentence(reason("draft-mentions-removed") if taken_out else reason("draft-mentions-moved")),
            row(yes, button(Action.SHOW, request.id, "Back")),
        ),
        colour=NEEDS_CHANGE_COLOUR,
    )


def _take_out(view: DraftView, subject: Reference) -> discord.ui.Button[discord.ui.LayoutView]:
    argument = f"{view.request.version}.{subject.id}"
    style = discord.ButtonStyle.danger
    return button(Action.TAKE_OUT, view.request.id, "Take it out", argument=argument, style=style)


def _move(view: DraftView, moved: Reference) -> discord.ui.Button[discord.ui.LayoutView]:
    argument = f"{view.request.version}.{moved.id}.{moved.number}"
    return button(Action.MOVE, view.request.id, "Move it", argument=argument, style=discord.ButtonStyle.primary)


def _table(before: tuple[Reference, ...], after: dict[str, Reference]) -> str:
    lines = [*_changes(before, after)]
    return joined(["These numbers change:", *lines], _TABLE_UNITS) if lines else ""


def _changes(before: tuple[Reference, ...], after: dict[str, Reference]) -> Iterator[str]:
    for old in before:
        new = after.get(old.id)
        if new is not None and _numbers(old) != _numbers(new):
            yield f"{_numbers(old)} → {_numbers(new)} {inline(old.name, _NAME_UNITS)}"


def _numbers(reference: Reference) -> str:
    return f"`#{reference.number}` **{reference.token}**"


def _named(reference: Reference) -> str:
    return f"#{reference.number} {reference.token} {inline(reference.name, _NAME_UNITS)}"
