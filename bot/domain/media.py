"""What files are, as measured (never as declared)."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The three kinds of reference a model may take; `value` is what columns and logs say."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"

    @property
    def word(self) -> str:
        """The word in tokens and for people: Image, Video, Audio."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed:
    """What the first bytes say: `format` is a stable short name (png, jpeg, webp, gif, mp4, mov, webm, mp3, wav, …)."""

    kind: Kind | None
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What was measured in the media child. Pixels as displayed (after rotation), seconds as decoded or demuxed."""

    kind: Kind
    format: str
    byte_count: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    frame_count: int | None = None
    video_codec: str | None = None
    audio_codec: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimaticPart:
    """One reference on its way into a drawing (an animatic, a sheet): a readable local file, its use, its label.

    `start_seconds`, `seconds`: which part of a clip or a sound is used (`None`: to its end).
    """

    path: str
    kind: Kind
    label: str
    start_seconds: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimaticPlan:
    """What to draw: pixels, seconds, the parts in order, the prompt as caption, and whether there is sound."""

    width: int
    height: int
    seconds: float
    parts: tuple[AnimaticPart, ...]
    caption: str
    audio: bool
    frame_rate: int = 24
