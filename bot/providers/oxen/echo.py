"""Is this row the generation of that body? The vendor has no tag; what it documents to echo are the parameters.

Sources: oxen.md 1.2 ("any additional parameters from the original enqueue request … are included"), architecture 2.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import chain
from typing import Final

from bot.providers.oxen.body import ENVELOPE_FIELDS, is_material_field, material_urls

CLOCK_SKEW_MS: Final = 5_000
"""How far the vendor's clock (whole seconds) may be behind ours before a row's time proves it to be this body's."""
DOUBTFUL_MS: Final = 86_400_000
"""How far it may be behind before a row with the same words is certainly another's: our own clock may be wrong."""


class Match(Enum):
    """`UNTELLABLE`: the row could be ours, but its references or its time do not prove it."""

    YES = "yes"
    NO = "no"
    UNTELLABLE = "untellable"


def match(body: Mapping[str, object], row: Mapping[str, object], *, enqueued_at_ms: int | None, since_ms: int) -> Match:
    """Compares a body that was sent with a row as the vendor lists it.

    URLs of the take's own prove it alone, by host and path (signatures are renewed), in whatever fields the vendor
    repeats them: that it keeps faces apart in its echo is not documented. Without URLs the prompt, every echoed
    parameter and the time must agree; whether a data URI is echoed, and as what, is not documented.
    """
    ours, theirs = _all_urls(body), _all_urls(row)
    if ours and theirs:
        return _match_urls(ours, theirs)
    behind_ms = 0 if enqueued_at_ms is None else since_ms - enqueued_at_ms
    if not _same_words(body, row) or behind_ms > DOUBTFUL_MS:
        return Match.NO
    if behind_ms > CLOCK_SKEW_MS:
        return Match.UNTELLABLE
    if not ours and not theirs:
        return Match.YES
    return Match.UNTELLABLE if any(is_material_field(name) for name in body) else Match.NO


def _all_urls(fields: Mapping[str, object]) -> Sequence[str]:
    return sorted(chain.from_iterable(material_urls(fields).values()))


def _match_urls(ours: Sequence[str], theirs: Sequence[str]) -> Match:
    """Some of ours among others is what no take of ours asked for, and yet no proof that it is not this one."""
    if ours == theirs:
        return Match.YES
    return Match.NO if set(ours).isdisjoint(theirs) else Match.UNTELLABLE


def _same_words(body: Mapping[str, object], row: Mapping[str, object]) -> bool:
    """The prompt must be echoed; a parameter that is not echoed does not speak against the row."""
    if row.get("prompt") != body.get("prompt"):
        return False
    names = body.keys() - ENVELOPE_FIELDS - {"prompt"}
    return all(
        row.get(name) is None or _plain(row[name]) == _plain(body[name])
        for name in names
        if not is_material_field(name)
    )


def _plain(value: object) -> str:
    """`8` and `"8"`, `True` and `"true"` are the same parameter."""
    return str(value).lower()
