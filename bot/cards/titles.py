"""A card's title and colour by state."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.domain.lanes import Standing
from bot.domain.references import Reference
from bot.domain.requests import Snapshot, Take
from bot.domain.states import RequestState, TakeState

_S = RequestState
_TITLES: Final[Mapping[RequestState, str]] = {
    _S.DRAFT: "Collecting files",
    _S.AWAITING_APPROVAL: "Waiting for approval",
    _S.QUEUED: "Waiting",
    _S.PREPARING: "Preparing",
    _S.WORKING: "Rendering",
    _S.DELIVERING: "Posting",
    _S.DELIVERED: "Done",
    _S.KEPT: "Kept: ready, but not posted",
    _S.EXPIRED: "Expired",
    _S.DENIED: "Denied",
    _S.CANCELLED: "Cancelled",
    _S.FAILED: "Failed",
}
_GREY, _BLUE, _GREEN, _YELLOW, _RED = 0x80848E, 0x5865F2, 0x23A55A, 0xF0B232, 0xF23F43
"""Discord's own colours of presence, and its blurple."""
_COLOURS: Final[Mapping[RequestState, int]] = {
    _S.DRAFT: _GREY,
    _S.AWAITING_APPROVAL: _GREY,
    _S.QUEUED: _GREY,
    _S.PREPARING: _BLUE,
    _S.WORKING: _BLUE,
    _S.DELIVERING: _BLUE,
    _S.DELIVERED: _GREEN,
    _S.KEPT: _YELLOW,
    _S.EXPIRED: _GREY,
    _S.DENIED: _RED,
    _S.CANCELLED: _GREY,
    _S.FAILED: _RED,
}
_TAKE_WORDS: Final[Mapping[TakeState, str]] = {
    TakeState.PLANNED: "waiting",
    TakeState.SUBMITTING: "being ordered",
    TakeState.RENDERING: "rendering",
    TakeState.FETCHING: "being fetched",
    TakeState.FETCHED: "ready",
    TakeState.NEEDS_REVIEW: "waiting for the operator",
    TakeState.FAILED: "failed",
    TakeState.CANCELLED: "cancelled",
}
LOOKED_AT: Final = 25
"""How many turns of a lane are played out: `Standing.place` is none beyond."""
_TEENS: Final = range(11, 14)
_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd"}
REFUSED_COLOUR: Final = _RED
READY_COLOUR: Final = _BLUE
NEEDS_CHANGE_COLOUR: Final = _YELLOW


def colour(state: RequestState) -> int:
    """The accent of a card, as 0xRRGGBB."""
    return _COLOURS[state]


def title(snapshot: Snapshot) -> str:
    """What is going on, in a few words."""
    request = snapshot.request
    if request.state is _S.QUEUED and (where := place(snapshot.standing)):
        return f"{_TITLES[_S.QUEUED]}, {where} in line"
    if request.state is _S.PREPARING:
        return _preparing(request.references)
    if request.state is _S.WORKING:
        return _working(snapshot.takes)
    return _TITLES[request.state]


def place(standing: Standing | None) -> str:
    """Such as `3rd`; empty for what is not in the line (yet), or further back than is looked."""
    return "" if standing is None or standing.place is None else ordinal(standing.place)


def is_asleep(standing: Standing) -> bool:
    """True while it waits for a time, not for its turn."""
    return standing.place is None and standing.why is not None and standing.why.code == "lane-not-before"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th … 11th … 21st."""
    ending = "th" if number % 100 in _TEENS else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def take_lines(takes: Sequence[Take]) -> str:
    """Where each take stands, on one line; empty when there is one only."""
    if len(takes) < 2:  # noqa: PLR2004  one take is what the title speaks of
        return ""
    return " · ".join(f"Take {take.ordinal}: {_TAKE_WORDS[take.state]}" for take in takes)


def waits_for_operator(takes: Sequence[Take]) -> bool:
    """True when nothing goes on before the operator has decided: every unfinished take needs review."""
    active = [take for take in takes if not take.state.final]
    return bool(active) and all(take.state is TakeState.NEEDS_REVIEW for take in active)


def _preparing(references: Sequence[Reference]) -> str:
    """Which file is being made to fit, of those that were confirmed to be changed."""
    changed = [one for one in references if one.target is not None]
    made = sum(one.made is not None for one in changed)
    return f"Making the files fit: {made + 1} of {len(changed)}" if made < len(changed) else _TITLES[_S.PREPARING]


def _working(takes: Sequence[Take]) -> str:
    active = [take for take in takes if not take.state.final]
    if not active:
        return _TITLES[_S.WORKING]
    if waits_for_operator(takes):
        return "Waiting for the operator"
    current = min(active, key=lambda take: (take.state is TakeState.NEEDS_REVIEW, take.ordinal))
    word = "Fetching" if current.state is TakeState.FETCHING else "Rendering"
    return word if len(takes) == 1 else f"{word} take {current.ordinal} of {len(takes)}"
