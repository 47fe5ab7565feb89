"""What a file is found to be, what is to be done with it, and what a whole request's files come to: values only.

A *record* says what one file is and whether the model takes it as it is. A *plan* says, over all records of a request
and the limits, what each file becomes. *Conform* carries a plan out and looks at what came of it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bot.domain.media import Kind, MediaFacts
from bot.domain.reasons import Reason


class Verdict(StrEnum):
    """Whether the model takes a file: as it is, after a change, or not at all."""

    ACCEPT = "accept"
    CONVERT = "convert"
    REJECT = "reject"


class Step(StrEnum):
    """One thing that is done to a file."""

    REMUX = "remux"
    TRANSCODE = "transcode"
    DOWNSCALE = "downscale"
    UPSCALE = "upscale"
    TRIM = "trim"
    LOOP = "loop"
    STRIP = "strip"
    ROTATE = "rotate"
    TONEMAP = "tonemap"
    TO_STILL = "to_still"
    FRAME_RATE = "frame_rate"
    SHRINK = "shrink"


class Remark(StrEnum):
    """What a person should know although the file can be used."""

    UPSCALED = "upscaled"
    SALVAGED = "salvaged"
    SHORT = "short"
    MISLABELLED = "mislabelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured beyond `MediaFacts`. Degrees clockwise; frames a second; nothing comes from a header alone.

    `metadata`: there is something in the file that says where, when or with what it was made, or bytes after its end.
    `hdr`: a transfer that is not SDR (PQ, HLG). `video_streams`, `audio_streams`: tracks of that kind.
    """

    rotation: int = 0
    frame_rate: float | None = None
    pixel_format: str | None = None
    hdr: bool = False
    alpha: bool = False
    animated: bool = False
    metadata: bool = False
    video_streams: int = 0
    audio_streams: int = 0
    error_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The decision on one file. `code` is stable (`ok`, `heic`, `resolution_high`, `pixel_bomb` …).

    `kind` is what it is found to be; `None` when it is no media. `steps` are what a conversion has to do (before the
    set is looked at); `remarks` what a person should know. `why` explains a rejection, with the name left to fill in.
    """

    verdict: Verdict
    code: str
    kind: Kind | None
    facts: MediaFacts | None = None
    measured: Measured = field(default_factory=Measured)
    steps: tuple[Step, ...] = ()
    remarks: tuple[Remark, ...] = ()
    why: Reason | None = None
    estimated_seconds: float = 0.0

    @property
    def used_kind(self) -> Kind | None:
        """What it is used as: what moves may become a still."""
        return Kind.IMAGE if Step.TO_STILL in self.steps else self.kind


class Anchor(StrEnum):
    """Which part of a file that is too long is used."""

    START = "start"
    MIDDLE = "middle"
    END = "end"
    AT = "at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A person's choice of part: `at_seconds` counts for `Anchor.AT` only."""

    anchor: Anchor = Anchor.START
    at_seconds: float = 0.0


FROM_START: Final = Part()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one file becomes. Pixels and seconds are exact; `format` is jpeg, png, webp, mp4, mp3 or wav.

    `copy` keeps the streams (remux). `max_bytes` must be kept: encoders are steered by it and its outcome is checked.
    `loop_to_seconds`: played again until it lasts so long. `frame_rate=None` keeps the file's own.
    """

    format: str
    kind: Kind
    width: int | None = None
    height: int | None = None
    start_seconds: float = 0.0
    seconds: float | None = None
    loop_to_seconds: float | None = None
    frame_rate: float | None = None
    max_bytes: int | None = None
    copy: bool = False
    tonemap: bool = False
    still: bool = False


_TIDYING = frozenset({Step.STRIP, Step.REMUX, Step.ROTATE})
_ENCODED_TO_TIDY = frozenset({"strip_metadata", "trailing_data", "exif_orientation", "rotation"})
"""Codes of records of which nothing worse is known: what is encoded anew for them is so only to be tidied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """One file of a plan: `target=None` leaves it as it is (accepted) or out (rejected, see its record)."""

    record: Record
    target: Target | None = None
    steps: tuple[Step, ...] = ()

    @property
    def tidies(self) -> bool:
        """True when what is done loses nothing that a person would miss, so that nobody has to be asked."""
        harmless = {*_TIDYING, Step.TRANSCODE} if self.record.code in _ENCODED_TO_TIDY else _TIDYING
        return harmless.issuperset(self.steps) and Remark.SALVAGED not in self.record.remarks


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan:
    """What a whole request's files come to, in the order given. `code` as the set's (`ok`, `duration_budget` …).

    `reasons`: why the set is rejected; empty otherwise.
    """

    verdict: Verdict
    code: str
    files: tuple[FilePlan, ...]
    reasons: tuple[Reason, ...] = ()


NOTHING_TO_CHANGE: Final = SetPlan(verdict=Verdict.ACCEPT, code="ok", files=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a file was made into: the key of its bytes in the content store, what they are, and what was asked for."""

    content: str
    facts: MediaFacts
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFindings:
    """What was found of a clip that came back, as facts: seconds that are black, frozen, silent; sizes as measured."""

    facts: MediaFacts
    black_seconds: float = 0.0
    frozen_seconds: float = 0.0
    silent_seconds: float = 0.0
