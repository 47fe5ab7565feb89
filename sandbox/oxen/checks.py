"""What the vendor looks at when a job runs: pure, and every refusal is an `error_message`.

The five short sentences are Oxen's walkthrough's (for the sibling model, V1 era) [D]; the rest are wrapped in the text
in which provider-side validation surfaces, "Getting model response error: 422 - Value error, …" [D], with words of
our own [S]. Limits are those of schema V1, the only ones Oxen ever wrote down; MB are read as 1,000,000 bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from bot.domain.media import Kind
from bot.domain.prompts import PromptStyle
from sandbox.oxen.schemas import ENVELOPE, MAX_OF_KIND, REFERENCE_FIELDS, ModelSchema
from sandbox.oxen.views import ReferenceView

FIELD_REQUIRED = "Field required"
TOO_MANY_FILES = "Too many input files"
AUDIO_NEEDS_VISUAL = "Audio requires at least one image or video"

_FORMATS: Mapping[str, frozenset[str]] = {
    Kind.IMAGE: frozenset({"jpeg", "png", "webp"}),
    Kind.VIDEO: frozenset({"mp4", "mov"}),
    Kind.AUDIO: frozenset({"mp3", "wav"}),
}
MAX_BYTES_EACH: Mapping[Kind, int] = {Kind.IMAGE: 30_000_000, Kind.VIDEO: 50_000_000, Kind.AUDIO: 15_000_000}
_MAX_VIDEO_BYTES = 50_000_000
# In an address or an e-mail address (`a@Image1.example`, `…/@Image1`) it is none.
_TOKENS: Mapping[PromptStyle, re.Pattern[str]] = {
    PromptStyle.AT: re.compile(r"(?<![\w/.@:])@(?:Image|Video|Audio)\d+(?![\w@])"),
    PromptStyle.BRACKET: re.compile(r"\[(?:Image|Video|Audio) \d+\]"),
}
_MIN_AREA, _MAX_AREA = 409_600, 927_408
_MIN_VIDEO_SECONDS, _MAX_SECONDS = 2.0, 15.0
_ROUNDING_SECONDS = 0.05  # a frame's worth: containers round the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A reference that a body names, before it is fetched. `number` counts from 1 within its kind."""

    field: str
    kind: Kind
    number: int
    url: str


def value_error(text: str) -> str:
    """Provider-side validation as it surfaces through Oxen [D]."""
    return f"Getting model response error: 422 - Value error, {text}"


def wanted(schema: ModelSchema, body: Mapping[str, object]) -> tuple[Wanted, ...]:
    """The references of a body that passed `body_refusal`, in the order in which they are numbered."""
    numbers: Counter[Kind] = Counter()
    result: list[Wanted] = []
    for name, kind in schema.reference_fields:
        for url in cast("list[str]", body.get(name) or []):
            numbers[kind] += 1
            result.append(Wanted(field=name, kind=kind, number=numbers[kind], url=url))
    return tuple(result)


def undefined_tokens(schema: ModelSchema, body: Mapping[str, object]) -> tuple[str, ...]:
    """Tokens of this version's style in the prompt that no reference has, in order; face media count first.

    The vendor says nothing to them, and the model makes something up.
    """
    named = {schema.style.token(one.kind, one.number) for one in wanted(schema, _lists_only(schema, body))}
    found = _TOKENS[schema.style].findall(str(body.get("prompt") or ""))
    return tuple(token for token in found if token not in named)


def _lists_only(schema: ModelSchema, body: Mapping[str, object]) -> Mapping[str, object]:
    return {name: body[name] for name, _ in schema.reference_fields if _is_list_of_strings(body.get(name))}


def body_refusal(schema: ModelSchema, body: Mapping[str, object], *, unknown: Literal["ignore", "fail"]) -> str | None:
    """Why the job cannot run with this body, before anything is fetched."""
    if any(body.get(name) in {None, ""} for name in schema.document["required"]):
        return FIELD_REQUIRED
    return (
        _value_refusal(schema, body)
        or (_unknown_refusal(schema, body) if unknown == "fail" else None)
        or _count_refusal(schema, body)
    )


def _value_refusal(schema: ModelSchema, body: Mapping[str, object]) -> str | None:
    given = {name: body[name] for name in schema.properties if name in body and name not in REFERENCE_FIELDS}
    return next((f"Invalid {name}" for name, value in given.items() if not schema.allows(name, value)), None)


def _unknown_refusal(schema: ModelSchema, body: Mapping[str, object]) -> str | None:
    surplus = sorted(set(body) - set(schema.properties) - ENVELOPE)
    return value_error(f"Extra inputs are not permitted: {surplus[0]}") if surplus else None


def _count_refusal(schema: ModelSchema, body: Mapping[str, object]) -> str | None:
    counts: Counter[Kind] = Counter()
    for name, kind in schema.reference_fields:
        value = body.get(name, [])
        if not _is_list_of_strings(value):
            return f"Invalid {name}"
        counts[kind] += len(cast("list[str]", value))
    if counts.total() > schema.max_files or any(counts[kind] > most for kind, most in MAX_OF_KIND.items()):
        return TOO_MANY_FILES
    alone = counts[Kind.AUDIO] and not counts[Kind.IMAGE] and not counts[Kind.VIDEO]
    return AUDIO_NEEDS_VISUAL if alone else None


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in cast("list[object]", value))


def file_refusal(references: Sequence[ReferenceView]) -> str | None:
    """Why the job cannot run with these files: the first thing found, in their order."""
    return next(_file_problems(references), None)


def _file_problems(references: Sequence[ReferenceView]) -> Iterator[str]:
    for reference in references:
        name = f"{reference.kind} {reference.number}"
        if reference.format not in _FORMATS[reference.kind]:
            yield value_error(f"Unsupported {reference.kind} format for {name}: {reference.format or 'unknown'}")
        if reference.error is not None:
            yield value_error(f"Could not read {name}: {reference.error}")
        if (reference.byte_count or 0) > MAX_BYTES_EACH[Kind(reference.kind)]:
            yield value_error(f"{name} is too large: {reference.byte_count} bytes")
        if reference.kind == Kind.VIDEO and not _MIN_AREA <= _area(reference) <= _MAX_AREA:
            yield value_error(f"{name} has unsupported dimensions: {reference.width}x{reference.height}")
    yield from _combined_problems(references)


def _combined_problems(references: Sequence[ReferenceView]) -> Iterator[str]:
    videos = [reference for reference in references if reference.kind == Kind.VIDEO]
    audios = [reference for reference in references if reference.kind == Kind.AUDIO]
    if sum(video.byte_count or 0 for video in videos) >= _MAX_VIDEO_BYTES:
        yield value_error("Total size of videos must be under 50 MB")
    if videos and not _MIN_VIDEO_SECONDS - _ROUNDING_SECONDS <= _together(videos) <= _MAX_SECONDS + _ROUNDING_SECONDS:
        yield value_error(f"Combined video duration must be between 2 and 15 seconds, got {_together(videos):.2f}")
    if _together(audios) > _MAX_SECONDS + _ROUNDING_SECONDS:
        yield value_error(f"Combined audio duration must not exceed 15 seconds, got {_together(audios):.2f}")


def _area(reference: ReferenceView) -> int:
    return (reference.width or 0) * (reference.height or 0)


def _together(references: Iterable[ReferenceView]) -> float:
    return sum(reference.seconds or 0.0 for reference in references)
