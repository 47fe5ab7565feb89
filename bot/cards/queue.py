"""A guild's line, as anybody in the guild may see it."""

from collections.abc import Iterator, Sequence
from typing import Final

from bot.cards import said
from bot.cards.blocks import asked_by, moment
from bot.cards.buttons import plain
from bot.cards.sheet import Sheet
from bot.cards.text import inline, joined
from bot.cards.titles import LOOKED_AT, READY_COLOUR, ordinal
from bot.domain.lanes import Standing
from bot.domain.quotas import Quotas
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Request

Turns = Sequence[tuple[Request, Standing]]

_PROMPT_UNITS: Final = 30
_CHOICE_UNITS: Final = 100
"""Discord, an autocomplete's choice: its name."""
_LINES_UNITS: Final = 3000
_WHY_UNITS: Final = 700


def queue(turns: Turns, found: Quotas, *, person_id: int, channel_id: int) -> Sheet:
    """The next turns of the guild's lane: who, what, and why not now.

    A prompt is shown to its own person, and in the channel that its card is in; other channels may be hidden from them.
    """
    lines = [_line(number, each, person_id, channel_id) for number, (each, _) in enumerate(turns, start=1)]
    return Sheet(
        (
            "### The line of this server",
            _under_way(found),
            joined(lines, _LINES_UNITS) if lines else said.sentence(reason("queue-empty")),
            joined([*_whys(turns)], _WHY_UNITS),
            "\n".join(_beyond(turns, found, person_id)),
        ),
        colour=READY_COLOUR,
    )


def queue_choice(number: int, request: Request, *, person_id: int, channel_id: int) -> str:
    """One of the turns, where Discord reads no markdown; the id is at the end, so that it can be typed too."""
    prompt = f" · “{plain(request.written_prompt, _PROMPT_UNITS)}”" if _may_read(request, person_id, channel_id) else ""
    return plain(f"{ordinal(number)} · {plain(request.person.name, 30)}{prompt} · {request.id}", _CHOICE_UNITS)


def _line(number: int, request: Request, person_id: int, channel_id: int) -> str:
    prompt = f"“{inline(request.written_prompt, _PROMPT_UNITS)}”" if _may_read(request, person_id, channel_id) else ""
    since = moment(request.accepted_at_ms) if request.accepted_at_ms is not None else ""
    parts = (asked_by(request), prompt, _what(request), since, f"`{request.id}`")
    return f"**{ordinal(number)}** " + " · ".join(part for part in parts if part)


def _may_read(request: Request, person_id: int, channel_id: int) -> bool:
    mine_or_here = request.person.id == person_id or request.place.channel_id == channel_id
    return mine_or_here and bool(request.written_prompt.strip())


def _what(request: Request) -> str:
    seconds = request.parameters.duration_seconds
    takes = f"{request.take_count} × " if request.take_count > 1 else ""
    return takes + (f"{seconds} s" if seconds is not None else "auto length")


def _under_way(found: Quotas) -> str:
    running, limit = found.usage.guild_running, found.policy.guild.running
    return f"Under way: **{running}**" if limit is None else f"Under way: **{running} of {limit}**"


def _whys(turns: Turns) -> Iterator[str]:
    """Every reason once, with the turns that it holds."""
    held: dict[str, list[int]] = {}
    for number, (_, standing) in enumerate(turns, start=1):
        if standing.why is not None:
            held.setdefault(_said(standing.why), []).append(number)
    for why, numbers in held.items():
        whose = "" if len(numbers) == len(turns) else f"{_numbers(numbers)}: "
        yield f"-# {whose}{why}"


def _said(why: Reason) -> str:
    return said.sentence(why)


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(ordinal(number) for number in numbers)


def _beyond(turns: Turns, found: Quotas, person_id: int) -> Iterator[str]:
    """That there may be more, and how many of one's own are among those."""
    if len(turns) < LOOKED_AT:
        return
    yield said.sentence(reason("queue-more", limit=LOOKED_AT))
    mine = sum(request.person.id == person_id for request, _ in turns)
    further = found.usage.person_waiting - found.usage.person_drafts - mine
    if further > 0:
        yield said.sentence(reason("queue-yours-further", count=further, limit=LOOKED_AT))
