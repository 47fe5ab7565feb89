"""What is told of a clip beside it: facts only, and only what somebody would want to know before they look."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from bot.cards.text import joined
from bot.domain import words
from bot.domain.conform import ClipFindings
from bot.domain.media import MediaFacts
from bot.domain.reasons import reason
from bot.domain.requests import Parameters, Take

_BLACK_SECONDS: Final = 1.0
_STILL_SECONDS: Final = 2.0
_SECONDS_OFF: Final = 0.3
_PIXELS_OFF: Final = 0.1
"""From here on it is told: seconds that are black, or one still picture; how much longer or shorter than was asked for,
as silence may be shorter than the clip; the part by which a side differs."""
_FACTS_UNITS: Final = 560
_LINES: Final = re.compile(r"([0-9]{3,4})p")
"""A resolution that says how many lines the shape 16:9 has."""


def findings_block(takes: Sequence[Take], asked: Parameters, *, several: bool, kept_until_ms: int) -> str:
    """A line for each of these takes of which there is something to tell, and what can be done; may be empty.

    `several`: the request has several takes, so each says which it is. `kept_until_ms`: Unix time until which the
    original of a clip that was made smaller is kept.
    """
    told = [(take, [*_otherwise(take, asked)], [*_made_smaller(take)]) for take in takes]
    facts = [_line(take, [*otherwise, *smaller], several=several) for take, otherwise, smaller in told]
    lines = [joined([line for line in facts if line], _FACTS_UNITS)]
    if any(smaller for _, _, smaller in told):
        lines.append(words.say(reason("clip-original-kept", until=kept_until_ms // 1000)))
    if any(otherwise for _, otherwise, _ in told):
        lines.append(words.say(reason("clip-otherwise")))
    return "\n".join(line for line in lines if line)


def _line(take: Take, facts: Sequence[str], *, several: bool) -> str:
    said = " · ".join(facts)
    return f"Take {take.ordinal}: {said}." if said and several else said[:1].upper() + said[1:] + "." * bool(said)


def _otherwise(take: Take, asked: Parameters) -> Iterator[str]:
    """What the clip is that nobody asked for. Nothing that was not measured is told."""
    if take.clip_findings is not None:
        yield from _looks(take.clip_findings, asked)
    if take.clip_facts is not None:
        yield from _measures(take.clip_facts, asked)


def _looks(found: ClipFindings, asked: Parameters) -> Iterator[str]:
    if found.black_seconds >= _BLACK_SECONDS:
        yield words.phrase("clip_black", seconds=_seconds(found.black_seconds))
    still_seconds = found.frozen_seconds - found.black_seconds  # what is black is a still picture, too
    if still_seconds >= _STILL_SECONDS:
        yield words.phrase("clip_still", seconds=_seconds(still_seconds))
    if asked.audio and found.facts.seconds and found.silent_seconds >= found.facts.seconds - _SECONDS_OFF:
        yield words.phrase("clip_silent")


def _measures(facts: MediaFacts, asked: Parameters) -> Iterator[str]:
    wanted = asked.duration_seconds
    if wanted is not None and facts.seconds is not None and abs(facts.seconds - wanted) > _SECONDS_OFF:
        yield words.phrase("clip_seconds", seconds=_seconds(facts.seconds), asked=wanted)
    if facts.width and facts.height and not _has_lines(facts.width, facts.height, asked.resolution):
        yield words.phrase("clip_pixels", width=facts.width, height=facts.height, asked=asked.resolution)


def _has_lines(width: int, height: int, resolution: str) -> bool:
    """True unless the short side differs, and also that of a 16:9 picture with as many pixels.

    Models keep the pixels and give up lines where the shape is another: 720p is 834×1112, 960×960 or 1470×630.
    """
    lines = _LINES.fullmatch(resolution)
    if lines is None:
        return True
    sides = (min(width, height), math.sqrt(width * height * 9 / 16))
    return any(abs(side / int(lines[1]) - 1) <= _PIXELS_OFF for side in sides)


def _made_smaller(take: Take) -> Iterator[str]:
    if take.shrunk_facts is not None and take.clip_facts is not None:
        size, whole = (words.byte_size(facts.byte_count) for facts in (take.shrunk_facts, take.clip_facts))
        yield words.phrase("clip_smaller", size=size, whole=whole)


def _seconds(value: float) -> str:
    """To the tenth: `3`, `1.2`."""
    return f"{value:.1f}".removesuffix(".0")
