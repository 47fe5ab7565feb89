"""The posts that bring the clips, and the one that says there are none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import discord

from bot.cards import said
from bot.cards.blocks import (
    REFERENCES_UNITS,
    asked_by,
    is_cut,
    parameters_line,
    prompt_block,
    references_block,
    time_taken,
)
from bot.cards.buttons import ROW_BUTTONS, button, row
from bot.cards.card import can_be_asked_again, can_be_delivered_again
from bot.cards.findings import findings_block
from bot.cards.marker import marker
from bot.cards.money import money_ended
from bot.cards.sheet import Sheet
from bot.cards.text import inline, one_line, units
from bot.cards.titles import colour
from bot.domain import words
from bot.domain.custom_ids import Action
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot, Take, result_slot
from bot.domain.states import RequestState

PROMPT_FILE: Final = "prompt.txt"
_FIRST_SLOT: Final = result_slot(1)
_NOTICE_SLOT: Final = "notice"
_WRITTEN, _SENT, _ONLY = "Prompt, as written", "Prompt, as sent", "Prompt"
_PROMPT_UNITS = 750
_LOST_UNITS = 450
_WHY_UNITS = 2000
_MODEL_UNITS = 120
_ALT_CHARACTERS = 500


def result(
    snapshot: Snapshot,
    clips: Sequence[str],
    *,
    rendered_prompt: str,
    vendor_tokens: Mapping[str, str],
    slot: str = _FIRST_SLOT,
    further: bool = False,
    now_ms: int | None = None,
    takes: Sequence[Take] = (),
    kept_until_ms: int = 0,
) -> Sheet:
    """The post that carries `clips` (names of files attached to it, at most 10), as of `now_ms`.

    `takes` are those whose clips they are; what was found of them is told, and one can go on from each. Files that are
    not posted are kept until `kept_until_ms`, a Unix time.
    The first message tells everything; `further` ones show their clips and whose they are.
    When `prompt_file` has a text, a file named `prompt.txt` is attached to the first one too. `vendor_tokens`: what
    the model calls the references numbered otherwise there, by reference id.
    """
    request = snapshot.request
    several = len(snapshot.takes) > 1
    found = findings_block(takes, request.parameters, several=several, kept_until_ms=kept_until_ms)
    left = REFERENCES_UNITS - units(found)
    details = () if further else _details(snapshot, rendered_prompt, now_ms, vendor_tokens, references_units=left)
    return Sheet(
        (
            f"More for {asked_by(request)}" if further else _headline(snapshot, len(clips)),
            _gallery(clips, rendered_prompt),
            found,
            *details,
            *_onwards(snapshot, takes, further=further),
            f"-# AI-generated · {inline(request.model_id or 'model unknown', _MODEL_UNITS)}",
            marker(request.id, slot),
        ),
        colour=colour(RequestState.DELIVERED),
    )


def prompt_file(snapshot: Snapshot, rendered_prompt: str) -> str | None:
    """The text of `prompt.txt`: the whole prompt, when the result can show only a part of it."""
    written = snapshot.request.written_prompt
    if not any(is_cut(title, text, _PROMPT_UNITS) for title, text in _prompts(written, rendered_prompt)):
        return None
    return f"{_WRITTEN}:\n\n{written}\n\n\n{_SENT}:\n\n{rendered_prompt}\n"


def notice(snapshot: Snapshot) -> Sheet:
    """The request ended without a posted clip: why, what it cost, what to do next."""
    request = snapshot.request
    cause = said.why(snapshot, _WHY_UNITS) or words.say(reason("internal-error"))
    return Sheet(
        (
            f"{asked_by(request)}, {_NO_CLIP.get(request.state, 'there is no video')}.",
            cause,
            words.say(reason("deliver-again")) if can_be_delivered_again(snapshot) else "",
            money_ended(snapshot),
            *([row(button(Action.AGAIN, request.id, "Again"))] if can_be_asked_again(snapshot) else []),
            marker(request.id, _NOTICE_SLOT),
        ),
        colour=colour(request.state),
    )


_NO_CLIP: Final = {
    RequestState.CANCELLED: "your video was cancelled",
    RequestState.FAILED: "your video could not be made",
    RequestState.EXPIRED: "your video was not confirmed in time",
    RequestState.DENIED: "your video was not approved",
    RequestState.KEPT: "your video is ready but could not be posted here",
}


def _onwards(snapshot: Snapshot, takes: Sequence[Take], *, further: bool) -> Iterator[discord.ui.ActionRow[Any]]:
    """What can be made of a result: a video that uses it, the same request once more, one that goes on from a clip."""
    request_id = snapshot.request.id
    buttons = [
        *([] if further else [button(Action.USE, request_id, "Use as reference")]),
        *([] if further else [button(Action.AGAIN, request_id, "Again")]),
        *(button(Action.CONTINUE, request_id, _continue(snapshot, take), argument=str(take.ordinal)) for take in takes),
    ]
    for start in range(0, len(buttons), ROW_BUTTONS):
        yield row(*buttons[start : start + ROW_BUTTONS])


def _continue(snapshot: Snapshot, take: Take) -> str:
    return f"Continue take {take.ordinal}" if len(snapshot.takes) > 1 else "Continue"


def _headline(snapshot: Snapshot, clip_count: int) -> str:
    """It counts the clips of this very message: whether the others can be posted is not known yet."""
    request, asked = snapshot.request, len(snapshot.takes)
    brought = f"{clip_count} of {asked} takes" if clip_count < asked else f"your {asked} takes"
    what = brought if asked > 1 else "your video"
    late = "\nIt was too late to stop it." if request.cancel_requested_by is not None else ""
    return f"{asked_by(request)}, here {'are' if asked > 1 and clip_count > 1 else 'is'} {what}.{late}"


def _gallery(clips: Sequence[str], rendered_prompt: str) -> discord.ui.MediaGallery[Any]:
    alt = one_line(rendered_prompt)[:_ALT_CHARACTERS]
    return discord.ui.MediaGallery(
        *(discord.MediaGalleryItem(f"attachment://{name}", description=alt or None) for name in clips)
    )


def _details(
    snapshot: Snapshot,
    rendered_prompt: str,
    now_ms: int | None,
    vendor_tokens: Mapping[str, str],
    *,
    references_units: int,
) -> Iterator[str | discord.ui.Item[Any]]:
    request = snapshot.request
    for title, text in _prompts(request.written_prompt, rendered_prompt):
        yield prompt_block(title, text, _PROMPT_UNITS)
    if prompt_file(snapshot, rendered_prompt) is not None:
        yield discord.ui.File(f"attachment://{PROMPT_FILE}")
    yield references_block(request.references, references_units, vendor_tokens=vendor_tokens)
    yield parameters_line(snapshot)
    yield said.lost_takes(snapshot, _LOST_UNITS)
    yield " · ".join(part for part in (time_taken(request, now_ms), money_ended(snapshot)) if part)


def _prompts(written: str, rendered: str) -> list[tuple[str, str]]:
    if written.strip() == rendered.strip():
        return [(_ONLY, rendered)]
    return [(_WRITTEN, written), (_SENT, rendered)]
