"""What becomes of files so that the model takes them, and the control that offers another part of what is cut."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import discord

from bot.cards.buttons import button, plain
from bot.cards.text import MORE, Listed, inline, listed, titled
from bot.domain import words
from bot.domain.conform import FilePlan, Step, Target
from bot.domain.custom_ids import Action, ButtonId
from bot.domain.drafts import DraftView
from bot.domain.fates import changes, told
from bot.domain.references import Reference

MADE_TO_FIT: Final = "Made to fit when you confirm"
GOOD_TO_KNOW: Final = "Good to know"
_BEING_MADE: Final = "Made to fit before anything is ordered"
_NAME_UNITS: Final = (60, 30, 12, 0)
"""Long names are shortened together until all files fit; the number tells which it is."""
_LONG_SECONDS: Final = 10.0
_MINUTES_FROM_SECONDS: Final = 90
_ROUNDED_TO_SECONDS: Final = 5
_OPTION_UNITS: Final = 100
_OPTIONS: Final = 25
"""Discord, String Select: the label and the description of an option, and how many there may be."""

Told = tuple[Reference, str]


def plan_list(view: DraftView, limit: int, *, more: str = MORE) -> Listed:
    """A line for each file that is made to fit, and for each that there is something to know of. May be empty."""
    groups = told_of(view)
    return listed((_drawn(groups, size) for size in _NAME_UNITS), limit, more=more)


def told_of(view: DraftView) -> dict[str, list[Told]]:
    """By title: the files and what is to be said of them."""
    pairs = list(zip(view.request.references, view.plan.files, strict=False))
    made = [(reference, told(file)) for reference, file in pairs if file.target is not None]
    known = [(reference, text) for reference, file in pairs if file.target is None and (text := told(file))]
    return {_made_to_fit(view): made, GOOD_TO_KNOW: known}


def awaited_list(references: Sequence[Reference], limit: int) -> Listed:
    """A line for each accepted file that has still to be made to fit, as it was confirmed. May be empty."""
    waiting = [
        (one, changes(_as_confirmed(one, one.target)))
        for one in references
        if one.made is None and one.target is not None
    ]
    return listed((_drawn({_BEING_MADE: waiting}, size) for size in _NAME_UNITS), limit)


def cut_files(view: DraftView) -> tuple[tuple[Reference, FilePlan], ...]:
    """The files of which a part is used."""
    return tuple(
        (reference, file)
        for reference, file in view.planned
        if file.target is not None and file.target.seconds is not None
    )


def part_button(view: DraftView) -> Iterator[discord.ui.Button[Any]]:
    """Offers another part of the one file that is cut."""
    cut = cut_files(view)
    if len(cut) == 1:
        argument = f"{view.request.version}.{cut[0][0].id}"
        yield button(Action.PART, view.request.id, "Choose the part", argument=argument)


def part_menu(view: DraftView) -> Iterator[discord.ui.ActionRow[Any]]:
    """Offers another part of each of several files that are cut."""
    cut = cut_files(view)
    if len(cut) > 1:
        menu = discord.ui.Select[Any](
            custom_id=str(ButtonId(Action.PART, view.request.id, str(view.request.version))),
            placeholder="Choose the part of a file…",
            min_values=1,
            max_values=1,
            options=[_option(reference, file) for reference, file in cut[:_OPTIONS]],
        )
        yield discord.ui.ActionRow(menu)


def _as_confirmed(reference: Reference, target: Target) -> FilePlan:
    """What is done to a file, read off what it becomes: the other files, too, may be why it is cut or shrunk."""
    record, cut = reference.decided, target.seconds is not None
    steps = {*record.steps} - {Step.TRIM} | ({Step.TRIM} if cut else set[Step]())
    if not target.copy and not steps & {Step.TRANSCODE, Step.TO_STILL}:  # by itself it would not be encoded anew
        steps = steps - {Step.REMUX} | {Step.TRANSCODE} | (set[Step]() if cut else {Step.SHRINK})
    return FilePlan(record=record, target=target, steps=tuple(step for step in Step if step in steps))


def _option(reference: Reference, file: FilePlan) -> discord.SelectOption:
    label = f"#{reference.number} {reference.token} {reference.name}"
    return discord.SelectOption(
        label=plain(label, _OPTION_UNITS), value=reference.id, description=plain(changes(file), _OPTION_UNITS)
    )


def _made_to_fit(view: DraftView) -> str:
    """The title, with how long the work takes when that is worth a word: an earlier request may have had it done."""
    waiting = [file for one, file in view.planned if one.made is None or one.made.target != file.target]
    seconds = sum(file.record.estimated_seconds for file in waiting)
    if seconds < _LONG_SECONDS:
        return MADE_TO_FIT
    if seconds < _MINUTES_FROM_SECONDS:
        rounded = round(seconds / _ROUNDED_TO_SECONDS) * _ROUNDED_TO_SECONDS
        return f"{MADE_TO_FIT} ({words.phrase('work_seconds', count=rounded)})"
    return f"{MADE_TO_FIT} ({words.phrase('work_minutes', count=round(seconds / 60))})"


def _drawn(groups: dict[str, list[Told]], name_units: int) -> list[str]:
    drawn = (titled(title, [_line(*one, name_units) for one in files]) for title, files in groups.items())
    return [line for lines in drawn for line in lines]


def _line(reference: Reference, text: str, name_units: int) -> str:
    name = f" {inline(reference.name, name_units)}" if name_units else ""
    return f"- **{reference.token}**{name}: {text}"
