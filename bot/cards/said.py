"""Reasons as sentences for a card: the words around are ours, the arguments are somebody's and are escaped."""

from collections.abc import Iterable

from bot.cards.text import inline, joined
from bot.cards.titles import waits_for_operator
from bot.domain import words
from bot.domain.prompts import Finding, Severity
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Snapshot, Take
from bot.domain.states import RequestState, TakeState

_ARGUMENT_UNITS = 200


def sentence(cause: Reason, argument_units: int = _ARGUMENT_UNITS) -> str:
    """The catalogue's sentence with escaped arguments, each cut to so many units."""
    arguments = {
        name: _argument(value, argument_units) if isinstance(value, str) else value
        for name, value in cause.arguments.items()
    }
    return words.say(Reason(cause.code, arguments))


def _argument(value: str, limit: int) -> str:
    """A leading space is kept: some arguments are sentences that follow another."""
    return " " * value.startswith(" ") + inline(value, limit)


def sentences(causes: Iterable[Reason], limit: int) -> str:
    """One sentence a line, as many as fit."""
    return joined([sentence(cause) for cause in causes], limit)


def warnings(findings: Iterable[Finding], limit: int) -> str:
    """What lint warns of, one a line."""
    return joined([f"⚠ {sentence(one.reason)}" for one in findings if one.severity is Severity.WARNING], limit)


def why(snapshot: Snapshot, limit: int) -> str:
    """Why a request ended as it did: its own reason, who cancelled it, or what its takes say; may be empty."""
    request = snapshot.request
    if request.failure is not None:
        return sentences([request.failure], limit)
    if request.cancel_requested_by is not None:
        return sentences([reason("cancelled", person=request.cancel_requested_by)], limit)
    return lost_takes(snapshot, limit)


def cancelling(snapshot: Snapshot) -> str:
    """What becomes of the wish to end a request that is not over yet."""
    if snapshot.request.state is RequestState.DELIVERING:
        return sentence(reason("cancel-delivering"))
    if snapshot.request.state is not RequestState.WORKING:
        return sentence(reason("cancel-before-order"))
    if waits_for_operator(snapshot.takes):
        return sentence(reason("needs-review"))
    return sentence(reason("cancel-requested"))


def lost_takes(snapshot: Snapshot, limit: int) -> str:
    """The takes that gave no clip, and why, one a line; the number is left out when there is one take only."""
    lost = [take for take in snapshot.takes if take.state in {TakeState.FAILED, TakeState.CANCELLED}]
    return joined([_lost_take(take, alone=len(snapshot.takes) == 1) for take in lost], limit)


def _lost_take(take: Take, *, alone: bool) -> str:
    otherwise = "vendor-cancelled" if take.state is TakeState.CANCELLED else "vendor-failed"
    said = sentence(take.failure or reason(otherwise))
    return said if alone else f"Take {take.ordinal}: {said}"
