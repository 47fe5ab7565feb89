"""The one public message that shows where a request stands."""

from collections.abc import Iterator, Mapping
from typing import Any

import discord

from bot.cards import said
from bot.cards.blocks import asked_by, message_link, moment, parameters_line, prompt_block, references_block, time_taken
from bot.cards.buttons import button, row
from bot.cards.marker import marker
from bot.cards.money import money_ended, money_held
from bot.cards.sheet import Sheet
from bot.cards.standings import standing_lines
from bot.cards.titles import colour, take_lines, title, waits_for_operator
from bot.domain.custom_ids import Action
from bot.domain.reasons import reason
from bot.domain.requests import RESULT_PREFIX, Snapshot, is_result
from bot.domain.states import RequestState, TakeState

_PROMPT_UNITS = 1200
_WHY_UNITS = 700
_SLOT = "card"
_S = RequestState
_BEFORE_WORK = frozenset({_S.DRAFT, _S.AWAITING_APPROVAL, _S.QUEUED, _S.PREPARING})
_WITHOUT_CLIP = frozenset({_S.EXPIRED, _S.DENIED, _S.CANCELLED, _S.FAILED})
_ASK_AGAIN = frozenset({_S.KEPT, _S.EXPIRED, _S.CANCELLED, _S.FAILED})
_CANCELLABLE_TAKES = frozenset({TakeState.PLANNED, TakeState.SUBMITTING, TakeState.RENDERING})


def card(snapshot: Snapshot, *, rendered_prompt: str, vendor_tokens: Mapping[str, str]) -> Sheet:
    """The card as it should look now. It is posted without any allowed mention. Arguments as for `accepted`."""
    request = snapshot.request
    return Sheet(
        (
            f"### {title(snapshot)}\n{_below_title(snapshot)}",
            _news(snapshot),
            prompt_block("Prompt", rendered_prompt, _PROMPT_UNITS),
            references_block(request.references, vendor_tokens=vendor_tokens),
            parameters_line(snapshot),
            *_buttons(snapshot),
            marker(request.id, _SLOT),
        ),
        colour=colour(request.state),
    )


def can_be_cancelled(snapshot: Snapshot) -> bool:
    """True while a cancel button makes sense: not asked for yet, and something is left that we can stop."""
    request = snapshot.request
    if request.cancel_requested_by is not None:
        return False
    if request.state is _S.WORKING:
        return any(take.state in _CANCELLABLE_TAKES for take in snapshot.takes)
    return request.state in _BEFORE_WORK


def can_be_delivered_again(snapshot: Snapshot) -> bool:
    """True when a kept video's channel is still there: a slot that was begun never moves to another one."""
    request = snapshot.request
    gone = request.failure is not None and request.failure.code == "channel-gone"
    return request.state is _S.KEPT and not gone


def can_be_asked_again(snapshot: Snapshot) -> bool:
    """True when a request ended without a posted clip, and there is a prompt to begin with."""
    return snapshot.request.state in _ASK_AGAIN and bool(snapshot.request.written_prompt.strip())


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
        lines = [_link(snapshot), *_refused_clips(snapshot), money_ended(snapshot)]
    elif request.state is _S.KEPT:
        again = said.sentence(reason("deliver-again")) if can_be_delivered_again(snapshot) else ""
        lines = [said.why(snapshot, _WHY_UNITS), again, money_ended(snapshot)]
    elif request.state in _WITHOUT_CLIP:
        lines = [said.why(snapshot, _WHY_UNITS), money_ended(snapshot)]
    else:
        lines = [*_progress(snapshot)]
    return "\n".join(line for line in lines if line)


def _progress(snapshot: Snapshot) -> Iterator[str]:
    request = snapshot.request
    yield from standing_lines(snapshot.standing)
    if request.state is _S.WORKING:
        yield take_lines(snapshot.takes)
    if request.cancel_requested_by is not None or (request.state is _S.WORKING and waits_for_operator(snapshot.takes)):
        yield said.cancelling(snapshot)
    yield money_held(snapshot)


def _refused_clips(snapshot: Snapshot) -> Iterator[str]:
    """Why some clips of a delivered request are missing."""
    if snapshot.request.failure is not None:
        yield said.sentence(reason("clips-refused"))
        yield said.why(snapshot, _WHY_UNITS)


def _link(snapshot: Snapshot) -> str:
    """To the first message of the result; when that one was refused, to the next."""
    posted = [post for post in snapshot.posts if is_result(post.slot) and post.message_id is not None]
    post = min(posted, key=lambda one: int(one.slot.removeprefix(RESULT_PREFIX)), default=None)
    if post is None or post.message_id is None:
        return ""
    address = message_link(snapshot.request.place.guild_id, post.channel_id, post.message_id)
    return f"[Open the result]({address})"


def _buttons(snapshot: Snapshot) -> Iterator[discord.ui.Item[Any]]:
    request_id = snapshot.request.id
    offered = [
        (can_be_cancelled(snapshot), Action.CANCEL, "Cancel"),
        (can_be_delivered_again(snapshot), Action.DELIVER, "Deliver again"),
        (can_be_asked_again(snapshot), Action.AGAIN, "Again"),
    ]
    wanted = [button(action, request_id, label) for can, action, label in offered if can]
    if wanted:
        yield row(*wanted)
