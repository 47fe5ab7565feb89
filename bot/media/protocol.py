"""What the bot and the media child say to each other: one JSON job in, two JSON lines out.

The job comes from us and is believed. The answer comes from a process that has read untrusted bytes, so it is
checked like any outside data: `facts_from` takes nothing on trust.

Files travel as inherited descriptors, never as paths. The first line out, `{"ready": [layers]}`, is written when the
isolation stands and no input has been read yet; whatever goes wrong before it is our fault, and after it the file's.
"""

import os
from collections.abc import Mapping
from typing import Final, NotRequired, TypedDict, cast

from bot.domain.media import Kind, MediaFacts

MAX_ANSWER_BYTES: Final = 64 * 1024
"""More than this from a child is no answer of ours."""

_MAX_SIDE: Final = 65_535
_MAX_SECONDS: Final = 100 * 3600.0
_MAX_FRAMES: Final = 10_000_000
_MAX_WORD: Final = 40

LANDLOCK: Final = "landlock"
SECCOMP: Final = "seccomp"

NO_THREADS: Final = "no-threads"
"""What a child refuses with where the machine has no thread for a decoder: that is never the file's fault."""


class SourceSpec(TypedDict):
    """One input: an open descriptor, the sniffed format that names its demuxer, and its name on the picture.

    What is drawn may be a part of it: from `start_seconds` on, `seconds` long (`None`: to its end).
    """

    descriptor: int
    format: str
    kind: str
    label: str
    start_seconds: NotRequired[float]
    seconds: NotRequired[float | None]


class LimitSpec(TypedDict):
    """Resource limits of the child, for `setrlimit`."""

    memory_bytes: int
    cpu_seconds: int
    output_bytes: int


class DrawSpec(TypedDict):
    """An `AnimaticPlan` without its parts, which travel as sources."""

    width: int
    height: int
    seconds: float
    frame_rate: int
    caption: str
    audio: bool


class ConformSpec(TypedDict):
    """A `Target`: what the one source is to become; see there for each field. `lasts`: its seconds as measured."""

    format: str
    width: int | None
    height: int | None
    start_seconds: float
    seconds: float | None
    loop_to_seconds: float | None
    frame_rate: float | None
    max_bytes: int | None
    copy: bool
    tonemap: bool
    still: bool
    lasts: float | None


class FitSpec(TypedDict):
    """How large the output may be, and the tags (`title`, `comment`) that are written into it."""

    max_bytes: int
    tags: dict[str, str]


class Details(TypedDict):
    """What some jobs are told beyond their files. `ours`: our own encoder wrote the one that is to be measured."""

    draw: NotRequired[DrawSpec]
    fit: NotRequired[FitSpec]
    conform: NotRequired[ConformSpec]
    ours: NotRequired[bool]


class JobSpec(Details):
    """A job: its name, who the parent is (to die with it), limits, inputs, and an output descriptor if one is due."""

    job: str
    parent: int
    limits: LimitSpec
    sources: list[SourceSpec]
    output: NotRequired[int]


class JobRefused(Exception):
    """Raised inside the child: the file's fault, with a code of `bot.domain.words` and what may be said of it."""

    def __init__(self, code: str, *, limit: str = "", source: int = 0, detail: str = "") -> None:
        """`limit` fills the sentence of media-too-heavy; `source` counts inputs from 0; `detail` is for the log."""
        super().__init__(code, detail)
        self.code = code
        self.limit = limit
        self.source = source
        self.detail = detail


def rewound(source: SourceSpec) -> int:
    """A descriptor of its own on the source, at the file's start. The caller closes it."""
    descriptor = os.dup(source["descriptor"])
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def facts_to(facts: MediaFacts) -> dict[str, object]:
    """The JSON form of facts."""
    return {
        "kind": facts.kind.value,
        "format": facts.format,
        "width": facts.width,
        "height": facts.height,
        "seconds": facts.seconds,
        "frame_count": facts.frame_count,
        "video_codec": facts.video_codec,
        "audio_codec": facts.audio_codec,
    }


def facts_from(answer: object, *, byte_count: int) -> MediaFacts:
    """Facts out of a child's answer; `ValueError` when a value is not one that honest facts can have."""
    fields = mapping_from(answer)
    return MediaFacts(
        kind=Kind(_word(fields, "kind")),
        format=_word(fields, "format") or "",
        byte_count=byte_count,
        width=_whole(fields, "width", most=_MAX_SIDE),
        height=_whole(fields, "height", most=_MAX_SIDE),
        seconds=_seconds(fields),
        frame_count=_whole(fields, "frame_count", most=_MAX_FRAMES),
        video_codec=_word(fields, "video_codec"),
        audio_codec=_word(fields, "audio_codec"),
    )


class Looks(TypedDict):
    """How many seconds of a clip are black, frozen, silent."""

    black_seconds: float
    frozen_seconds: float
    silent_seconds: float


def looks_from(answer: object) -> Looks:
    """Looks out of a child's answer; `ValueError` when a value is not one that a real clip can have."""
    fields = mapping_from(answer)
    black, frozen, silent = (_seconds({"seconds": fields.get(name)}) for name in ("black", "frozen", "silent"))
    if black is None or frozen is None or silent is None:
        raise ValueError("looks")
    return Looks(black_seconds=black, frozen_seconds=frozen, silent_seconds=silent)


def mapping_from(value: object) -> Mapping[str, object]:
    """A JSON object; `ValueError` for anything else."""
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004  outside data: one kind of error for whatever is wrong with it
    return cast("dict[str, object]", value)


def _word(fields: Mapping[str, object], name: str) -> str | None:
    """A short ASCII word, such as a codec's name, or nothing."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _MAX_WORD or not value.isascii() or not value.isprintable():
        raise ValueError(name)
    return value


def _whole(fields: Mapping[str, object], name: str, *, most: int) -> int | None:
    """A whole number from 0 to `most`, or nothing."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(name)
    return value


def _seconds(fields: Mapping[str, object]) -> float | None:
    """A duration that a real file can have, or nothing. NaN and infinity fail the comparison."""
    value = fields.get("seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_SECONDS:
        raise ValueError("seconds")
    return float(value)
