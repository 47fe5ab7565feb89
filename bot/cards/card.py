"""The one public message that shows where a request stands."""

from collections.abc import Iterator
from typing import Any

import discord

from bot.cards import said
from bot.cards.blocks import asked_by, message_link, moment, parameters_line, prompt_block, references_block, time_taken
from bot.cards.marker import marker
from bot.cards.sheet import Sheet
from bot.cards.titles import colour, take_lines, title
from bot.domain import words
from bot.domain.custom_ids import Action, ButtonId
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState, TakeState

_PROMPT_UNITS = 1200
_WHY_UNITS = 700
_SLOT = "card"
_S = RequestState
_BEFORE_WORK = frozenset({_S.DRAFT, _S.AWAITING_APPROVAL, _S.QUEUED, _S.PREPARING})
_WITHOUT_CLIP = frozenset({_S.EXPIRED, _S.DENIED, _S.CANCELLED, _S.FAILED})
_CANCELLABLE_TAKES = frozenset(
    {TakeState.PLANNED, TakeState.SUBMITTING, TakeState.RENDERING, TakeState.NEEDS_REVIEW},
)


def card(snapshot: Snapshot, *, rendered_prompt: str) -> Sheet:
    """The card as it should look now. It is posted without any allowed mention."""
    request = snapshot.request
    return Sheet(
        (
            f"### {title(snapshot)}\n{_below_title(snapshot)}",
            _news(snapshot),
            prompt_block("Prompt", rendered_prompt, _PROMPT_UNITS),
            references_block(request.references),
            parameters_line(snapshot),
            *_buttons(snapshot),
            marker(request.id, _SLOT),
        ),
        colour=colour(request.state),
    )


def can_be_cancelled(snapshot: Snapshot) -> bool:
    """True while a cancel button makes sense: not asked for yet, and something is left to stop."""
    request = snapshot.request
    if request.cancel_requested_by is not None:
        return False
    if request.state is _S.WORKING:
        return any(take.state in _CANCELLABLE_TAKES for take in snapshot.takes)
    return request.state in _BEFORE_WORK


def _below_title(snapshot: Snapshot) -> str:
    request = snapshot.request
    parts = [f"Asked by {asked_by(request)}"]
    if request.state.final:
        parts.append(time_taken(request))
    elif request.started_at_ms is not None:
        parts.append(f"started {moment(request.started_at_ms)}")
    elif request.accepted_at_ms is not None:
        parts.append(f"waiting since {moment(request.accepted_at_ms, 't')}")
    return " · ".join(part for part in parts if part)


def _news(snapshot: Snapshot) -> str:
    request = snapshot.request
    if request.state is _S.DELIVERED:
        return _link(snapshot)
    if request.state in _WITHOUT_CLIP or request.state is _S.KEPT:
        return "\n".join(part for part in (said.why(snapshot, _WHY_UNITS), _money(snapshot)) if part)
    lines = [take_lines(snapshot.takes) if request.state is _S.WORKING else ""]
    if request.cancel_requested_by is not None and not request.state.final:
        lines.append(words.say(reason("cancel-requested")))
    return "\n".join(line for line in lines if line)


def _link(snapshot: Snapshot) -> str:
    post = snapshot.post("result-1")
    if post is None or post.message_id is None:
        return ""
    address = message_link(snapshot.request.place.guild_id, post.channel_id, post.message_id)
    return f"[Open the result]({address})"


def _money(snapshot: Snapshot) -> str:
    return words.money_line(snapshot.known_cost_usd_micros)


def _buttons(snapshot: Snapshot) -> Iterator[discord.ui.Item[Any]]:
    if can_be_cancelled(snapshot):
        custom_id = str(ButtonId(Action.CANCEL, snapshot.request.id))
        button: discord.ui.Button[Any] = discord.ui.Button(
            label="Cancel", style=discord.ButtonStyle.secondary, custom_id=custom_id
        )
        yield discord.ui.ActionRow(button)
