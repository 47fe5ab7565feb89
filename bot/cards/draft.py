"""The reference card of a draft: what will be sent, what is to be said of it, and what can be done about it.

A message takes 4,000 characters in all. Files and fates have their share, the findings come next, and the prompt has
what is left; when that is not enough, it is whole in a file of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.cards import said
from bot.cards.blocks import is_cut, moment, parameters_line, prompt_block, references_block
from bot.cards.buttons import button, plain, row
from bot.cards.fates import fates_block, from_tray_line
from bot.cards.origins import origin
from bot.cards.remarks import Remark, remarks
from bot.cards.result import PROMPT_FILE
from bot.cards.sheet import Sheet
from bot.cards.text import units
from bot.cards.titles import NEEDS_CHANGE_COLOUR, READY_COLOUR
from bot.domain import words
from bot.domain.custom_ids import Action, ButtonId
from bot.domain.drafts import DraftView
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request

SHEET_FILE: Final = "references.png"
_UNITS: Final = 3950
_REFERENCES_UNITS: Final = 1600
_PROMPT_UNITS: Final = 450
"""The least that is left for the prompt."""
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
    fates: str
    remarks: tuple[Remark, ...]
    prompt: str
    prompt_is_cut: bool
    foot: str


def draft(view: DraftView, *, sheet: bool) -> Sheet:
    """The card as it should look now. `sheet`: a picture of the references is attached as `references.png`.

    When `draft_prompt_file` has a text, a file named `prompt.txt` is attached too.
    """
    texts = _texts(view)
    return Sheet(
        (
            texts.head,
            *([_contact_sheet()] if sheet else []),
            texts.files,
            texts.fates,
            *(part for remark in texts.remarks for part in remark.parts()),
            texts.prompt,
            *([discord.ui.File(f"attachment://{PROMPT_FILE}")] if texts.prompt_is_cut else []),
            texts.foot,
            *_controls(view),
        ),
        colour=NEEDS_CHANGE_COLOUR if view.errors else READY_COLOUR,
    )


def draft_prompt_file(view: DraftView) -> str | None:
    """The text of `prompt.txt`: exactly what the model will read, when the card can show only a part of it."""
    return view.rendered if _texts(view).prompt_is_cut else None


def _contact_sheet() -> discord.ui.MediaGallery[Any]:
    picture = discord.MediaGalleryItem(f"attachment://{SHEET_FILE}", description="The files of the draft, numbered")
    return discord.ui.MediaGallery(picture)


def _texts(view: DraftView) -> _Texts:
    request = view.request
    head, foot = _head(view), _foot(view)
    files = references_block(
        request.references, _REFERENCES_UNITS, vendor_tokens=view.vendor_tokens, notes=_notes(request)
    )
    fates = fates_block(request.fates, request.references)
    left = _UNITS - sum(map(units, (head, foot, files, fates)))
    found = remarks(view, left - _PROMPT_UNITS)
    left -= sum(units(one.text) for one in found)
    title = _PROMPT_TITLE_WITH_ERRORS if view.errors else _PROMPT_TITLE
    return _Texts(
        head=head,
        files=files,
        fates=fates,
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
        words.price_line(view.price_usd_micros),
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
    confirm = button(
        Action.CONFIRM, request.id, "Confirm", argument=str(request.version), style=discord.ButtonStyle.primary
    )
    yield row(
        *([] if view.errors else [confirm]),
        button(Action.EDIT, request.id, "Edit prompt", argument=str(request.version)),
        button(Action.DISCARD, request.id, "Discard", style=discord.ButtonStyle.danger),
    )


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
