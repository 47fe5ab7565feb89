"""The reference card of a draft: what will be sent, what is to be said of it, and what can be done about it.

A message takes 4,000 characters in all. Files and fates have their share, what becomes of the files comes next, then
the findings, and the prompt has what is left. What does not fit is counted, and whole in a text file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import discord

from bot.cards import said
from bot.cards.blocks import is_cut, moment, parameters_line, prompt_block, references_list
from bot.cards.buttons import button, plain, row
from bot.cards.draft_files import FILES_FILE, files_text
from bot.cards.fates import FATES_UNITS, fates_list, from_tray_line
from bot.cards.money import price_of
from bot.cards.origins import origin
from bot.cards.plans import part_button, part_menu, plan_list
from bot.cards.remarks import Remark, remarks
from bot.cards.result import PROMPT_FILE
from bot.cards.sheet import Sheet
from bot.cards.text import units
from bot.cards.titles import NEEDS_CHANGE_COLOUR, READY_COLOUR
from bot.domain.custom_ids import Action, ButtonId
from bot.domain.drafts import DraftView
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request

SHEET_FILE: Final = "references.png"
_UNITS: Final = 3950
_REFERENCES_UNITS: Final = 1600
_PLAN_UNITS: Final = (300, 1300)
"""The least and the most for what becomes of the files."""
_REMARKS_UNITS: Final = 650
"""What is left for the findings before what becomes of the files has more than its least."""
_PROMPT_UNITS: Final = 450
"""The least that is left for the prompt."""
_MORE: Final = f"… and {{count}} more in {FILES_FILE}"
_OPTIONS: Final = 25
_OPTION_UNITS: Final = 100
"""Discord, String Select: options, and the label of one."""
_PROMPT_TITLE: Final = "The model will read"
_PROMPT_TITLE_WITH_ERRORS: Final = "The model would read, as far as it can be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The card's texts from top to bottom; together they fit."""

    head: str
    files: str
    plan: str
    fates: str
    files_are_cut: bool
    remarks: tuple[Remark, ...]
    prompt: str
    prompt_is_cut: bool
    foot: str


def draft(view: DraftView, *, sheet: bool) -> Sheet:
    """The card as it should look now. `sheet`: a picture of the references is attached as `references.png`.

    The files of `draft_text_files` are attached too.
    """
    texts = _texts(view)
    return Sheet(
        (
            texts.head,
            *([_contact_sheet()] if sheet else []),
            texts.files,
            texts.plan,
            texts.fates,
            *([discord.ui.File(f"attachment://{FILES_FILE}")] if texts.files_are_cut else []),
            *(part for remark in texts.remarks for part in remark.parts()),
            texts.prompt,
            *([discord.ui.File(f"attachment://{PROMPT_FILE}")] if texts.prompt_is_cut else []),
            texts.foot,
            *_controls(view),
        ),
        colour=NEEDS_CHANGE_COLOUR if view.errors else READY_COLOUR,
    )


def draft_text_files(view: DraftView) -> Mapping[str, str]:
    """File name → text, for what the card can show only a part of.

    `prompt.txt`: exactly what the model will read; `files.txt`: what there is to say of the files.
    """
    texts = _texts(view)
    prompt = {PROMPT_FILE: view.rendered} if texts.prompt_is_cut else {}
    files = {FILES_FILE: files_text(view, _notes(view.request))} if texts.files_are_cut else {}
    return {**prompt, **files}


def _contact_sheet() -> discord.ui.MediaGallery[Any]:
    picture = discord.MediaGalleryItem(f"attachment://{SHEET_FILE}", description="The files of the draft, numbered")
    return discord.ui.MediaGallery(picture)


def _texts(view: DraftView) -> _Texts:
    request = view.request
    head, foot = _head(view), _foot(view)
    as_they_came = [replace(one, made=None) for one in request.references]
    files = references_list(
        as_they_came, _REFERENCES_UNITS, vendor_tokens=view.vendor_tokens, notes=_notes(request), more=_MORE
    )
    fates = fates_list(request.fates, request.references, FATES_UNITS, more=_MORE)
    left = _UNITS - sum(map(units, (head, foot, files.text, fates.text)))
    least, most = _PLAN_UNITS
    plan = plan_list(view, min(most, max(least, left - _PROMPT_UNITS - _REMARKS_UNITS)), more=_MORE)
    left -= units(plan.text)
    found = remarks(view, left - _PROMPT_UNITS)
    left -= sum(units(one.text) for one in found)
    title = _PROMPT_TITLE_WITH_ERRORS if view.errors else _PROMPT_TITLE
    return _Texts(
        head=head,
        files=files.text,
        plan=plan.text,
        fates=fates.text,
        files_are_cut=bool(files.missing or plan.missing or fates.missing),
        remarks=found,
        prompt=prompt_block(title, view.rendered, left) if view.rendered.strip() else "",
        prompt_is_cut=is_cut(title, view.rendered, left),
        foot=foot,
    )


def _head(view: DraftView) -> str:
    if view.errors:
        return "### Your draft: needs a change\nIt can be confirmed once what is marked ⛔ is settled."
    return "### Your draft: ready to confirm\nNothing is ordered before you press Confirm."


def _foot(view: DraftView) -> str:
    request = view.request
    lines = [
        parameters_line(view.snapshot),
        price_of(view),
        said.sentence(reason("draft-posted-in", channel=request.place.channel_id)),
        from_tray_line(request),
        _until(request),
    ]
    return "\n".join(line for line in lines if line)


def _until(request: Request) -> str:
    if request.expires_at_ms is None:
        return ""
    dropped = moment(request.expires_at_ms)
    return f"-# Unless you confirm it, it is dropped {dropped}. Until then `/video drafts` brings it back."


def _notes(request: Request) -> Mapping[str, str]:
    """By reference id: where it came from, when that is not obvious, and whether it shows a person."""
    notes = {
        one.id: " · ".join(
            part for part in (origin(one, request.fates), "shows a real person" if one.shows_person else "") if part
        )
        for one in request.references
    }
    return {reference_id: note for reference_id, note in notes.items() if note}


def _controls(view: DraftView) -> Iterator[discord.ui.Item[Any]]:
    request = view.request
    if request.references:
        yield discord.ui.ActionRow(_files_menu(request))
    yield from part_menu(view)
    confirm = button(
        Action.CONFIRM, request.id, "Confirm", argument=str(request.version), style=discord.ButtonStyle.primary
    )
    yield row(
        *([] if view.errors else [confirm]),
        button(Action.EDIT, request.id, "Edit prompt", argument=str(request.version)),
        *part_button(view),
        *_free_draft_button(view),
        button(Action.DISCARD, request.id, "Discard", style=discord.ButtonStyle.danger),
    )


def _free_draft_button(view: DraftView) -> Iterator[discord.ui.Button[Any]]:
    """Where there is something to draw."""
    if any(one.id not in view.barred for one in view.request.references):
        yield button(Action.ANIMATIC, view.request.id, "Free draft", argument=str(view.request.version))


def _files_menu(request: Request) -> discord.ui.Select[Any]:
    options = [discord.SelectOption(label=_option(one), value=one.id) for one in request.references[:_OPTIONS]]
    return discord.ui.Select(
        custom_id=str(ButtonId(Action.FILE, request.id, str(request.version))),
        placeholder="Change a file…",
        min_values=1,
        max_values=1,
        options=options,
    )


def _option(reference: Reference) -> str:
    return plain(f"#{reference.number} {reference.token} {reference.name}", _OPTION_UNITS)
