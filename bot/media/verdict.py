"""Whether a model takes a file as it is, after a change, or not at all: a pure function of what was measured.

What belongs to the model comes from its limits alone. The rest is policy of ours, confirmed with those who run this:
H.264 in 4:2:0 and 8 bits with AAC is what is sent as video, pictures are upright and say nothing of where they were
made, slivers and specks are refused. Seconds of work are estimated from measurements on two shared cores.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from bot.domain.conform import Measured, Record, Remark, Step, Verdict
from bot.domain.media import Kind, MediaFacts, Sniffed
from bot.domain.models import KindLimits, ModelLimits
from bot.domain.reasons import Reason, reason
from bot.media.measurement import Finding, Measurement, Trouble

MIN_SIDE: Final = 16
MAX_ASPECT: Final = 20
MIN_SOUND_SECONDS: Final = 0.2
MAX_FRAME_RATE: Final = 60.0
MIN_FRAME_RATE: Final = 1.0
"""Frames a second below which a film is told anew at a rate that decoders expect, or becomes a still."""

_RATE_TOLERANCE: Final = 0.5
_TIME_TOLERANCE: Final = 0.005
"""Seconds that clocks and rounding may be off."""

SOUND_PADDING: Final = 0.03
"""Seconds by which MP3 frames make a sound longer than it was; up to that a sound counts as fitting."""

VIDEO_CODECS: Final = frozenset({"h264"})
PIXEL_FORMATS: Final = frozenset({"yuv420p", "yuvj420p"})
FILM_SOUNDS: Final = frozenset({None, "aac"})
SOUNDS: Final = {
    "mp3": frozenset({"mp3"}),
    "wav": frozenset({"pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le"}),
}
"""Format → the codecs that it is taken with."""

_NO_KIND: Final = {
    "empty": "empty",
    "exe": "executable",
    "lottie json": "lottie",
    "midi": "unsupported",
    "psd": "unsupported",
    **dict.fromkeys(("zip", "rar", "7z", "gzip", "archive"), "archive"),
    **dict.fromkeys(("hls playlist", "ffconcat", "sdp", "dash manifest", "playlist"), "playlist"),
}
"""What was sniffed → the code of its refusal; all else without a kind is `not_media`."""

_SUFFIXES: Final = {
    "png": {"png"},
    "apng": {"png"},
    "jpg": {"jpeg"},
    "jpeg": {"jpeg"},
    "jpe": {"jpeg"},
    "webp": {"webp"},
    "gif": {"gif"},
    "bmp": {"bmp"},
    "tif": {"tiff"},
    "tiff": {"tiff"},
    "heic": {"heic"},
    "heif": {"heic", "avif"},
    "avif": {"avif"},
    "ico": {"ico"},
    "jp2": {"jp2"},
    "mp4": {"mp4", "m4a", "mov", "3gp"},
    "m4v": {"mp4", "mov"},
    "mov": {"mov", "mp4"},
    "3gp": {"3gp", "mp4"},
    "webm": {"webm"},
    "mkv": {"mkv", "webm"},
    "avi": {"avi"},
    "wmv": {"asf"},
    "wma": {"asf"},
    "ts": {"mpegts"},
    "mp3": {"mp3"},
    "wav": {"wav"},
    "ogg": {"ogg"},
    "flac": {"flac"},
    "aac": {"aac"},
    "m4a": {"m4a", "mp4"},
}
"""What names end with → what such files hold. Other endings say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What has to be changed and why: the code that is told, and the steps in the order they are taken."""

    code: str
    steps: tuple[Step, ...]


def decide(sniffed: Sniffed, measurement: Measurement | None, limits: ModelLimits, *, name: str = "") -> Record:
    """The decision on one file. `measurement=None`: no child looked into it, because its first bytes said enough.

    `name` is what people call the file: it fills the sentence of a refusal, and shows when its ending lies.
    """
    if measurement is None:
        code = "unsupported" if sniffed.kind is not None else _NO_KIND.get(sniffed.format, "not_media")
        return _rejected(code, sniffed.kind, _why(code, sniffed, limits, name))
    facts, found = measurement.facts, measurement.measured
    if measurement.trouble is not None or facts is None:
        code = (measurement.trouble or Trouble.CORRUPT).value
        why = _why(code, sniffed, limits, name)
        return _rejected(code, _kind_of(sniffed, facts), why, facts=facts, found=found)
    refused = _too_little(facts, name)
    if refused is not None:
        return _rejected(*refused, facts=facts, found=found)
    kind = _used_as(facts, measurement, limits)
    if kind not in limits.kinds:
        why = reason("kind-not-accepted", name=name, kind=facts.kind.value)
        return _rejected("kind_not_accepted", facts.kind, why, facts=facts, found=found)
    change = _change(facts, measurement, limits, kind)
    return Record(
        verdict=Verdict.ACCEPT if change is None else Verdict.CONVERT,
        code="ok" if change is None else change.code,
        kind=facts.kind,
        facts=facts,
        measured=found,
        steps=() if change is None else change.steps,
        remarks=_remarks(facts, measurement, limits, change, name),
        estimated_seconds=0.0 if change is None else estimated_seconds(facts, found, change.steps, limits),
    )


def refused_by_limits(sniffed: Sniffed, why: Reason) -> Record:
    """The record of a file whose child was stopped by a limit, or died of it."""
    code = Trouble.TOO_HEAVY if why.code == "media-too-heavy" else Trouble.CORRUPT
    return _rejected(code.value, sniffed.kind, why)


def estimated_seconds(facts: MediaFacts, found: Measured, steps: tuple[Step, ...], limits: ModelLimits) -> float:
    """About how long the steps take, in seconds: measured on two shared cores, good to a factor of two."""
    megapixels = (facts.width or 0) * (facts.height or 0) / 1_000_000
    if facts.kind is Kind.IMAGE:
        return round(0.05 + megapixels * (0.08 if facts.format in {"heic", "avif", "jp2"} else 0.03), 2)
    lasts = facts.seconds or 0.0
    allowed = limits.kinds[facts.kind].max_seconds_together if facts.kind in limits.kinds else None
    lasts = lasts if allowed is None else min(lasts, allowed)
    if facts.kind is Kind.AUDIO:
        return round(0.05 + lasts * 0.016, 2)
    if Step.TRANSCODE not in steps:
        return round(0.2 + facts.byte_count / 100_000_000, 2)
    rate = found.frame_rate or 0.0
    area = limits.kinds[Kind.VIDEO].max_area_pixels if Kind.VIDEO in limits.kinds else None
    written = min(megapixels, area / 1_000_000 if area else megapixels) * min(rate, MAX_FRAME_RATE) * lasts
    return round(0.3 + megapixels * rate * lasts * 0.0028 + written * (0.045 if found.hdr else 0.02), 2)


# --- refusals ---------------------------------------------------------------------------------------------------------


def _rejected(
    code: str,
    kind: Kind | None,
    why: Reason,
    *,
    facts: MediaFacts | None = None,
    found: Measured | None = None,
) -> Record:
    return Record(verdict=Verdict.REJECT, code=code, kind=kind, facts=facts, measured=found or Measured(), why=why)


def _kind_of(sniffed: Sniffed, facts: MediaFacts | None) -> Kind | None:
    """What a file is that cannot be used. A drawing (SVG) is a picture to people, although nothing here draws it."""
    if facts is not None:
        return facts.kind
    return Kind.IMAGE if sniffed.format == "svg" else sniffed.kind


def _why(code: str, sniffed: Sniffed, limits: ModelLimits, name: str) -> Reason:
    """The refusal of a file that is no media, damaged or dangerous."""
    found = sniffed.format
    reasons = {
        "empty": reason("file-empty", name=name),
        "playlist": reason("file-is-playlist", name=name, found=found),
        "executable": reason("file-is-program", name=name),
        "archive": reason("file-is-archive", name=name),
        "lottie": reason("sticker-not-a-picture", name=name),
        "unsupported": reason("format-unsupported", name=name, found=found, accepted=_accepted(limits)),
        "external_reference": reason("file-points-elsewhere", name=name),
        "truncated": reason("file-cut-off", name=name),
        "corrupt": reason("file-unreadable", name=name, found=found),
        "pixel_bomb": reason("too-many-pixels", name=name),
        "metadata_bomb": reason("metadata-too-large", name=name),
        "too_heavy": reason("media-too-heavy", name=name, limit="too much computing"),
    }
    return reasons.get(code) or reason("file-not-media", name=name, found=found, accepted=_accepted(limits))


def _accepted(limits: ModelLimits) -> str:
    """The formats of all kinds, as people write them."""
    return ", ".join(name.upper() for kind in limits.kinds.values() for name in kind.formats)


def _too_little(facts: MediaFacts, name: str) -> tuple[str, Kind, Reason] | None:
    """Specks, slivers and clicks: no model makes anything of them."""
    if facts.kind is Kind.AUDIO:
        if (facts.seconds or 0.0) < MIN_SOUND_SECONDS:
            return "too_short", facts.kind, reason("sound-too-short", name=name, limit=str(MIN_SOUND_SECONDS))
        return None
    width, height = facts.width or 0, facts.height or 0
    if min(width, height) < MIN_SIDE:
        why = reason("picture-too-small", name=name, width=width, height=height, limit=MIN_SIDE)
        return "too_small", facts.kind, why
    if max(width, height) > MAX_ASPECT * min(width, height):
        why = reason("picture-too-narrow", name=name, width=width, height=height, limit=MAX_ASPECT)
        return "too_narrow", facts.kind, why
    return None


# --- changes ----------------------------------------------------------------------------------------------------------


def _used_as(facts: MediaFacts, measurement: Measurement, limits: ModelLimits) -> Kind:
    """The kind a file is used as: what moves is a still where it hardly moves, or where the model takes no video."""
    return Kind.IMAGE if facts.kind is Kind.VIDEO and _is_still(facts, measurement.measured, limits) else facts.kind


def _is_still(facts: MediaFacts, found: Measured, limits: ModelLimits) -> bool:
    """True when no two frames of a film would be seen, or when an animation can be a still only."""
    if Kind.IMAGE not in limits.kinds:
        return False
    if Kind.VIDEO not in limits.kinds:
        return facts.format in {"gif", "webp"}
    if (facts.frame_count or 0) <= 1:
        return True
    longest = limits.kinds[Kind.VIDEO].max_seconds_together
    shown = min(facts.seconds or 0.0, longest) if longest is not None else facts.seconds or 0.0
    return found.frame_rate is not None and found.frame_rate * shown < 2 and found.frame_rate < MIN_FRAME_RATE  # noqa: PLR2004  frames


def _change(facts: MediaFacts, measurement: Measurement, limits: ModelLimits, kind: Kind) -> _Change | None:
    """What has to be done to the file, or nothing."""
    if facts.kind is Kind.VIDEO and kind is Kind.IMAGE:
        code = facts.format if facts.format in {"gif", "webp"} else "frame_rate"
        return _Change(code=code, steps=(Step.TO_STILL, Step.STRIP))
    changes = {Kind.IMAGE: _picture_changes, Kind.VIDEO: _film_changes, Kind.AUDIO: _sound_changes}[kind]
    found = changes(facts, measurement, limits.kinds[kind])
    if not found:
        return None
    steps = {step for change in found for step in change.steps}
    if Step.TRANSCODE in steps:
        steps.discard(Step.REMUX)
    return _Change(code=found[0].code, steps=tuple(step for step in Step if step in steps))


def _when(wanted: bool, code: str, *steps: Step) -> tuple[_Change, ...]:  # noqa: FBT001  reads as a condition
    return (_Change(code=code, steps=steps),) if wanted else ()


def _picture_changes(facts: MediaFacts, measurement: Measurement, limits: KindLimits) -> tuple[_Change, ...]:
    """The changes of a picture, the most telling first."""
    found, findings = measurement.measured, measurement.findings
    foreign = facts.format not in limits.formats
    return (
        *_when(found.animated, "animated_still", Step.TO_STILL, Step.STRIP),
        *_when(foreign, _FOREIGN_PICTURES.get(facts.format, facts.format), Step.TRANSCODE, Step.STRIP),
        *_when(Finding.ORIENTATION in findings, "exif_orientation", Step.TRANSCODE, Step.ROTATE, Step.STRIP),
        *_when(Finding.CMYK in findings, "cmyk", Step.TRANSCODE),
        *_area_changes(facts, limits),
        *_when(_too_large(facts, limits), "too_many_bytes", Step.TRANSCODE, Step.SHRINK),
        *_when(Finding.TRAILING in findings, "trailing_data", Step.TRANSCODE, Step.STRIP),
        *_when(found.metadata, "strip_metadata", Step.TRANSCODE, Step.STRIP),
    )


_FOREIGN_PICTURES: Final = {"gif": "gif_still"}


def _film_changes(facts: MediaFacts, measurement: Measurement, limits: KindLimits) -> tuple[_Change, ...]:
    """The changes of a film, the most telling first."""
    found, findings = measurement.measured, measurement.findings
    if facts.format in {"gif", "webp"}:
        return (_animation_change(facts, found, limits),)
    foreign = facts.format not in limits.formats
    too_long = limits.max_seconds_together is not None and _over(facts.seconds, limits.max_seconds_together)
    rate = found.frame_rate
    wrong_rate = rate is not None and not MIN_FRAME_RATE <= rate <= MAX_FRAME_RATE + _RATE_TOLERANCE
    recode = facts.video_codec not in VIDEO_CODECS or found.pixel_format not in PIXEL_FORMATS
    recode = recode or facts.audio_codec not in FILM_SOUNDS or found.alpha
    return (
        *_area_changes(facts, limits),
        *_when(too_long, "duration_long", Step.TRANSCODE, Step.TRIM),
        *_when(_too_large(facts, limits), "too_many_bytes", Step.TRANSCODE, Step.SHRINK),
        *_when(foreign, "container", Step.REMUX),
        *_when(recode, "codec", Step.TRANSCODE),
        *_when(wrong_rate, "frame_rate", Step.TRANSCODE, Step.FRAME_RATE),
        *_when(Finding.TRACKS in findings, "streams", Step.REMUX),
        *_when(found.rotation != 0, "rotation", Step.TRANSCODE, Step.ROTATE),
        *_when(found.hdr, "hdr", Step.TRANSCODE, Step.TONEMAP),
        *_when(Finding.VARIES in findings or _odd(facts), "resolution_varies", Step.TRANSCODE),
        *_when(bool(findings & _UNSURE), "damaged", Step.TRANSCODE),
        *_when(Finding.TRAILING in findings, "trailing_data", Step.REMUX, Step.STRIP),
        *_when(found.metadata, "strip_metadata", Step.REMUX, Step.STRIP),
    )


_UNSURE: Final = frozenset({Finding.DAMAGED, Finding.PARTLY, Finding.CUT})
"""What keeps a file from being taken untouched although nothing else is wrong: not all of it was seen to be sound."""


def _animation_change(facts: MediaFacts, found: Measured, limits: KindLimits) -> _Change:
    """GIF and animated WebP become films; those shorter than a film may be are played again."""
    steps = [Step.TRANSCODE, *(step for change in _area_changes(facts, limits) for step in change.steps)]
    if limits.min_seconds_together is not None and (facts.seconds or 0.0) < limits.min_seconds_together:
        steps.append(Step.LOOP)
    if limits.max_seconds_together is not None and _over(facts.seconds, limits.max_seconds_together):
        steps.append(Step.TRIM)
    if found.frame_rate is not None and found.frame_rate > MAX_FRAME_RATE + _RATE_TOLERANCE:
        steps.append(Step.FRAME_RATE)
    return _Change(code=facts.format, steps=tuple(steps))


def _sound_changes(facts: MediaFacts, measurement: Measurement, limits: KindLimits) -> tuple[_Change, ...]:
    """The changes of a sound, the most telling first."""
    findings = measurement.findings
    foreign = facts.format not in limits.formats
    longest = limits.max_seconds_together
    too_long = longest is not None and _over(facts.seconds, longest + SOUND_PADDING)
    codecs = SOUNDS.get(facts.format)
    return (
        *_when(too_long, "duration_long", Step.TRANSCODE, Step.TRIM),
        *_when(_too_large(facts, limits), "too_many_bytes", Step.TRANSCODE, Step.SHRINK),
        *_when(foreign, "container", Step.TRANSCODE),
        *_when(codecs is not None and facts.audio_codec not in codecs, "codec", Step.TRANSCODE),
        *_when(Finding.TRACKS in findings, "streams", Step.TRANSCODE),
        *_when(bool(findings & _UNSURE), "damaged", Step.TRANSCODE),
        *_when(Finding.TRAILING in findings, "trailing_data", Step.TRANSCODE, Step.STRIP),
        *_when(measurement.measured.metadata, "strip_metadata", Step.TRANSCODE, Step.STRIP),
    )


def _area_changes(facts: MediaFacts, limits: KindLimits) -> tuple[_Change, ...]:
    """Down or up into the area that the model takes."""
    area = (facts.width or 0) * (facts.height or 0)
    high = limits.max_area_pixels is not None and area > limits.max_area_pixels
    low = limits.min_area_pixels is not None and area < limits.min_area_pixels
    return (
        *_when(high, "resolution_high", Step.TRANSCODE, Step.DOWNSCALE),
        *_when(low, "resolution_low", Step.TRANSCODE, Step.UPSCALE),
    )


def _odd(facts: MediaFacts) -> bool:
    """4:2:0 has a colour for each two by two pixels."""
    return bool((facts.width or 0) % 2 or (facts.height or 0) % 2)


def _over(seconds: float | None, limit: float) -> bool:
    return seconds is not None and seconds > limit + _TIME_TOLERANCE


def _too_large(facts: MediaFacts, limits: KindLimits) -> bool:
    most = [one for one in (limits.max_bytes_each, limits.max_bytes_together) if one is not None]
    return bool(most) and facts.byte_count > min(most)


def _remarks(
    facts: MediaFacts, measurement: Measurement, limits: ModelLimits, change: _Change | None, name: str
) -> tuple[Remark, ...]:
    """What a person should know although the file is used."""
    least = limits.kinds[facts.kind].min_seconds_together if facts.kind in limits.kinds else None
    short = least is not None and facts.seconds is not None and facts.seconds < least - _TIME_TOLERANCE
    steps = () if change is None else change.steps
    ending = PurePosixPath(name).suffix.removeprefix(".").lower()
    told = {
        Remark.UPSCALED: Step.UPSCALE in steps and not measurement.measured.animated,  # nobody expects a crisp GIF
        Remark.SALVAGED: bool(measurement.findings & {Finding.CUT, Finding.DAMAGED}),
        Remark.SHORT: short and Step.LOOP not in steps and Step.TO_STILL not in steps,
        Remark.MISLABELLED: facts.format not in _SUFFIXES.get(ending, {facts.format}),
    }
    return tuple(remark for remark in Remark if told[remark])
