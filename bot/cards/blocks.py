"""The parts that cards share: prompt, references, parameters, money, times."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.cards.text import MORE, Listed, clean, first_lines, fitted, inline, listed, quoted, units
from bot.domain import words
from bot.domain.fates import became
from bot.domain.references import Reference
from bot.domain.requests import Request, Snapshot

REFERENCES_UNITS: Final = 1300
_PROMPT_LINES: Final = 15
_ALSO_SHOWN: Final = 2
_NAME_UNITS: Final = (80, 48, 24, 12)
"""Long names are shortened together until all references fit."""


def prompt_block(title: str, text: str, limit: int) -> str:
    """A titled quote of a prompt; what does not fit is replaced by an ellipsis."""
    head = f"**{title}**\n"
    return head + fitted(first_lines(clean(text).strip(), _PROMPT_LINES), limit - units(head), quoted)


def is_cut(title: str, text: str, limit: int) -> bool:
    """True when `prompt_block` cannot show all of it."""
    return prompt_block(title, text, limit) != f"**{title}**\n{quoted(clean(text).strip())}"


def references_block(
    references: Sequence[Reference], limit: int = REFERENCES_UNITS, *, vendor_tokens: Mapping[str, str]
) -> str:
    """`references_list` as a text."""
    return references_list(references, limit, vendor_tokens=vendor_tokens).text


def references_list(
    references: Sequence[Reference],
    limit: int,
    *,
    vendor_tokens: Mapping[str, str],
    notes: Mapping[str, str] | None = None,
    more: str = MORE,
) -> Listed:
    """One numbered line a reference, such as: `#1` **@Image1** hero.png · 640×480 · 84 kB. Empty without references.

    Of a file that was made to fit it says what it was and what it is now: · 3840×2160 → 1280×720 ·.
    By reference id: `vendor_tokens` are those the model reads, told where they differ from ours; `notes` are further
    words, ours. Where the same bytes came under several names, the others are told.
    """
    remarks = notes or {}
    tails = {one.id: _tail(one, vendor_tokens.get(one.id), remarks.get(one.id)) for one in references}
    drawings = ([_reference_line(one, tails[one.id], size) for one in references] for size in _NAME_UNITS)
    return listed(drawings, limit, more=more)


def _reference_line(reference: Reference, tail: str, name_units: int) -> str:
    alias = f" (@{inline(reference.alias, name_units // 2)})" if reference.alias else ""
    name = inline(reference.name, name_units)
    parts = (f"**{reference.token}** {name}{alias}", measures(reference), _also(reference, name_units), tail)
    return f"`#{reference.number}` " + " · ".join(part for part in parts if part)


def _tail(reference: Reference, vendor_token: str | None, note: str | None) -> str:
    differs = vendor_token is not None and vendor_token != reference.token
    return " · ".join(part for part in (note, f"the model reads {vendor_token}" if differs else "") if part)


def _also(reference: Reference, name_units: int) -> str:
    """The other names of the same bytes: two of them, the rest counted."""
    if not reference.also:
        return ""
    shown = ", ".join(inline(name, name_units) for name in reference.also[:_ALSO_SHOWN])
    more = len(reference.also) - _ALSO_SHOWN
    return f"also {shown}" + (f" and {more} more" if more > 0 else "")


def measures(reference: Reference) -> str:
    """Its size, length and bytes; of a file that was made to fit, what they were and what they are."""
    facts = reference.facts
    if reference.made is not None:
        return " · ".join(became(facts, reference.made))
    size = f"{facts.width}×{facts.height}" if facts.width and facts.height else ""
    length = f"{facts.seconds:.1f} s" if facts.seconds else ""
    return " · ".join(part for part in (size, length, words.byte_size(facts.byte_count)) if part)


def parameters_line(snapshot: Snapshot) -> str:
    """What was chosen, on one line; the seed only when it is sent."""
    request, chosen = snapshot.request, snapshot.request.parameters
    parts = [
        f"{chosen.duration_seconds} s" if chosen.duration_seconds is not None else "length up to the model",
        inline(chosen.resolution, 40),
        inline(chosen.aspect_ratio, 40) if chosen.aspect_ratio != "auto" else "shape up to the model",
        "with sound" if chosen.audio else "no sound",
        f"seed {chosen.seed}" if chosen.seed is not None and _seed_is_sent(snapshot) else "",
        f"{request.take_count} takes" if request.take_count > 1 else "",
    ]
    return "**Settings** " + " · ".join(part for part in parts if part)


def _seed_is_sent(snapshot: Snapshot) -> bool:
    """Not where the model's schema has no seed, which was found and said at acceptance."""
    dropped = [one.reason for one in snapshot.request.findings if one.reason.code == "parameter-dropped"]
    return all(reason.arguments.get("name") != "seed" for reason in dropped)


def asked_by(request: Request) -> str:
    """Who asked. It pings only where the message's allowed mentions say so."""
    return f"<@{request.person.id}>"


def moment(at_ms: int, style: str = "R") -> str:
    """A Unix time in milliseconds as Discord shows it to each reader."""
    return f"<t:{at_ms // 1000}:{style}>"


def duration(milliseconds: int) -> str:
    """A span as people read it: 42 s, 2 min 13 s, 1 h 5 min."""
    seconds = max(0, round(milliseconds / 1000))
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def time_taken(request: Request, now_ms: int | None = None) -> str:
    """From acceptance to the end, or to now; empty while neither is known."""
    end_ms = request.finished_at_ms if request.finished_at_ms is not None else now_ms
    if request.accepted_at_ms is None or end_ms is None:
        return ""
    return f"Took {duration(end_ms - request.accepted_at_ms)}"


def message_link(guild_id: int, channel_id: int, message_id: int) -> str:
    """The address of a message."""
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"
