"""What a person is told at once, for their eyes only."""

from collections.abc import Mapping, Sequence

from bot.cards import said
from bot.cards.blocks import parameters_line, prompt_block, references_block
from bot.cards.fates import fates_block, from_tray_line
from bot.cards.money import money_ended, money_held
from bot.cards.plans import awaited_list
from bot.cards.sheet import Sheet
from bot.cards.standings import standing_lines
from bot.cards.text import inline, joined
from bot.cards.titles import REFUSED_COLOUR, colour, place, title
from bot.domain import words
from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, display_name
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState

_PROMPT_UNITS = 800
_AWAITED_UNITS = 400
_WARNINGS_UNITS = 600
_WHY_UNITS = 300
_REASONS_UNITS = 3600
_OFFERS_UNITS = 1500
_NAME_UNITS = 100

_BEFORE_WORK = frozenset({RequestState.QUEUED, RequestState.PREPARING})


def accepted(snapshot: Snapshot, *, rendered_prompt: str, vendor_tokens: Mapping[str, str]) -> Sheet:
    """The request is in line, or where it stands by now: what it holds, as understood, and the fate of each file.

    `rendered_prompt` is what the model will read, `vendor_tokens` what it calls the references numbered otherwise
    there (by reference id).
    """
    request = snapshot.request
    prompt_title = "The model will read" if request.state is RequestState.QUEUED else "Prompt"
    return Sheet(
        (
            f"### {_where(snapshot)}",
            _standing(snapshot),
            prompt_block(prompt_title, rendered_prompt, _PROMPT_UNITS),
            references_block(request.references, vendor_tokens=vendor_tokens),
            parameters_line(snapshot),
            awaited_list(request.references, _AWAITED_UNITS).text if request.state in _BEFORE_WORK else "",
            fates_block(request.fates, request.references),
            from_tray_line(request),
            said.warnings(request.findings, _WARNINGS_UNITS),
            f"-# Request `{request.id}`",
        ),
        colour=colour(request.state),
    )


def _where(snapshot: Snapshot) -> str:
    """It may have gone far since: a confirmation is answered once more, however late it is repeated."""
    if snapshot.request.state is not RequestState.QUEUED:
        return title(snapshot)
    where = place(snapshot.standing)
    return "Your video is in line" + (f", {where}" if where else "")


def _standing(snapshot: Snapshot) -> str:
    """Who comes before it and what is reserved for it; of one that ended, why there is no clip and what that cost."""
    state = snapshot.request.state
    if state is RequestState.DELIVERED:
        lines = [money_ended(snapshot)]
    elif state.final:
        lines = [said.why(snapshot, _WHY_UNITS), money_ended(snapshot)]
    else:
        lines = [*standing_lines(snapshot.standing), money_held(snapshot)]
    return "\n".join(line for line in lines if line)


def refused(reasons: Sequence[Reason], *, nothing_spent: bool = True, log_id: int | None = None) -> Sheet:
    """It was not done: every reason found, that it cost nothing where that is known, and where the log has it."""
    listed = [f"- {said.sentence(cause)}" for cause in reasons] if len(reasons) > 1 else []
    text = said.joined(listed, _REASONS_UNITS) if listed else said.sentences(reasons, _REASONS_UNITS)
    parts = (
        "### That did not work",
        text,
        words.NOTHING_SPENT if nothing_spent else "",
        f"-# Id `{log_id}`" if log_id is not None else "",
    )
    return Sheet(parts, colour=REFUSED_COLOUR)


def cancelled(snapshot: Snapshot) -> Sheet:
    """The wish to end a request was noted: what happens now, or, when it ended at once, what it cost."""
    state = snapshot.request.state
    if state is RequestState.CANCELLED:
        title, text = "### Cancelled", money_ended(snapshot)
    elif state.final:
        title, text = "### Too late to cancel", said.sentence(reason("cancel-too-late"))
    else:
        title, text = "### Cancelling", said.cancelling(snapshot)
    return Sheet((title, text, f"-# Request `{snapshot.request.id}`"), colour=colour(state))


def delivering_again(snapshot: Snapshot) -> Sheet:
    """The wish to have a kept video posted was noted."""
    text = said.sentence(reason("delivering-again"))
    return Sheet((text, f"-# Request `{snapshot.request.id}`"), colour=colour(snapshot.request.state))


def offered(offers: Sequence[Offer]) -> str:
    """The target's files as the form lists them; for a message without any, how to go on.

    The numbers are those they will have unless two files have the same content, which nobody knows before they are
    fetched: then the later ones move up, and the list says so.
    """
    if not offers:
        return "The message has no files. Add some below, or describe the video in words alone."
    lines = [f"`#{number}` {inline(display_name(offer.name), _NAME_UNITS)}" for number, offer in enumerate(offers, 1)]
    alike = "\nIdentical files count once." if len(offers) > 1 else ""
    return "From the message:\n" + joined(lines, _OFFERS_UNITS) + alike
