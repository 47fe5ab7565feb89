"""What the media child measured of one file, as values, and how it travels: decisions are made elsewhere, from these.

The JSON comes from a process that has read untrusted bytes: `measurement_from` takes nothing on trust.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bot.domain.conform import Measured
from bot.domain.media import MediaFacts
from bot.media.protocol import JobRefused, facts_from, facts_to, mapping_from

_MOST: Final = 10_000_000
_MAX_RATE: Final = 1_000_000.0
_QUARTERS: Final = frozenset({0, 90, 180, 270})


class Trouble(StrEnum):
    """Why a file cannot be used; also the code of its record."""

    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    PIXEL_BOMB = "pixel_bomb"
    METADATA_BOMB = "metadata_bomb"
    EXTERNAL_REFERENCE = "external_reference"
    TOO_HEAVY = "too_heavy"
    UNSUPPORTED = "unsupported"
    LOTTIE = "lottie"
    ARCHIVE = "archive"


class Finding(StrEnum):
    """What keeps a file from being taken as it is, although it can be used.

    `ORIENTATION`: EXIF turns it. `CMYK`: four inks. `TRAILING`: bytes after its end. `TRACKS`: more than one track of a
    kind, or some that are neither picture nor sound. `VARIES`: its frames have several sizes. `CUT`: its end is
    missing, but what is there can be used. `DAMAGED`: a few packets do not decode. `PARTLY`: not all of it was decoded.
    """

    ORIENTATION = "orientation"
    CMYK = "cmyk"
    TRAILING = "trailing"
    TRACKS = "tracks"
    VARIES = "varies"
    CUT = "cut"
    DAMAGED = "damaged"
    PARTLY = "partly"


class TooManyPixels(JobRefused):
    """Raised inside the child: a picture or a frame larger than any that is decoded."""

    def __init__(self, most: int) -> None:
        super().__init__("media-too-heavy", limit=f"{most // 1_000_000} megapixels")


class UnknownCodec(JobRefused):
    """Raised inside the child: no decoder that may run reads this track."""

    def __init__(self, name: str) -> None:
        super().__init__("file-unreadable", detail=f"codec {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All that is known of a file. With a `trouble` there may be no facts."""

    facts: MediaFacts | None = None
    measured: Measured = field(default_factory=Measured)
    trouble: Trouble | None = None
    findings: frozenset[Finding] = frozenset()


def measurement_to(measurement: Measurement) -> dict[str, object]:
    """The JSON form, without the byte count, which the parent knows."""
    measured = measurement.measured
    return {
        "facts": None if measurement.facts is None else facts_to(measurement.facts),
        "trouble": measurement.trouble,
        "findings": sorted(measurement.findings),
        "rotation": measured.rotation,
        "frame_rate": measured.frame_rate,
        "pixel_format": measured.pixel_format,
        "hdr": measured.hdr,
        "alpha": measured.alpha,
        "animated": measured.animated,
        "metadata": measured.metadata,
        "video_streams": measured.video_streams,
        "audio_streams": measured.audio_streams,
        "error_count": measured.error_count,
    }


def measurement_from(answer: object, *, byte_count: int) -> Measurement:
    """A measurement out of a child's answer; `ValueError` for what an honest one cannot say."""
    fields = mapping_from(answer)
    facts, trouble, findings = fields.get("facts"), fields.get("trouble"), fields.get("findings")
    if not isinstance(findings, list):
        raise ValueError("findings")  # noqa: TRY004  outside data: one kind of error for whatever is wrong with it
    measurement = Measurement(
        facts=None if facts is None else facts_from(facts, byte_count=byte_count),
        measured=_measured_from(fields),
        trouble=None if trouble is None else Trouble(str(trouble)),
        findings=frozenset(Finding(str(finding)) for finding in findings),  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  a JSON list
    )
    if measurement.facts is None and measurement.trouble is None:
        raise ValueError("neither facts nor trouble")
    return measurement


def _measured_from(fields: Mapping[str, object]) -> Measured:
    rotation = _count(fields, "rotation")
    if rotation not in _QUARTERS:
        raise ValueError("rotation")
    return Measured(
        rotation=rotation,
        frame_rate=_rate(fields),
        pixel_format=_name(fields),
        hdr=_flag(fields, "hdr"),
        alpha=_flag(fields, "alpha"),
        animated=_flag(fields, "animated"),
        metadata=_flag(fields, "metadata"),
        video_streams=_count(fields, "video_streams"),
        audio_streams=_count(fields, "audio_streams"),
        error_count=_count(fields, "error_count"),
    )


def _flag(fields: Mapping[str, object], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise ValueError(name)  # noqa: TRY004  as above
    return value


def _count(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise ValueError(name)
    return value


def _rate(fields: Mapping[str, object]) -> float | None:
    value = fields.get("frame_rate")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_RATE:
        raise ValueError("frame_rate")
    return float(value)


def _name(fields: Mapping[str, object]) -> str | None:
    value = fields.get("pixel_format")
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > 40:  # noqa: PLR2004  as codecs' names
        raise ValueError("pixel_format")
    return value
