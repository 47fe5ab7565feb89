"""The job `check_clip`: what a clip that came back is, and how much of it is black, frozen or silent.

Facts without a judgement. Every packet is decoded, so damage is found wherever it is; the pictures are looked at some
twelve times a second and in small. Black is what FFmpeg's `blackdetect` calls black, silence what `silencedetect`
calls silence (-60 dB). Runs inside the media child.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Mapping
from typing import Final

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageChops

from bot.domain.media import Kind, MediaFacts
from bot.media.clips import Clip, Tracks, clip, listed_packets
from bot.media.protocol import JobSpec, SourceSpec, facts_to

Say = Callable[[Mapping[str, object]], None]

_LOOK_EVERY: Final = 0.08
_SMALL: Final = (128, 72)
_SAMPLES: Final = _SMALL[0] * _SMALL[1]
_DARK: Final = 26
_DARK_SHARE: Final = 0.98
_MOVED: Final = 20
"""So much brighter or darker is a place at which something moved; coding noise in a still picture is less."""

_MOVED_SHARE: Final = 0.0002
_DRIFT: Final = 1.0
"""Mean difference of all places: a slow fade moves no single place by much."""

_SHORTEST_FROZEN: Final = 0.5
_SHORTEST_SILENCE: Final = 0.5
_SILENCE: Final = 0.001


def work(spec: JobSpec, _say: Say) -> Mapping[str, object]:
    """Answers facts and looks. Raises `JobRefused`."""
    source = spec["sources"][0]
    with clip(source) as film:
        return _checked(film, source)


def warm_up() -> None:
    """Looks at a black frame and hears a moment of silence, so that whatever that needs is loaded."""
    eyes, ears = _Eyes(), _Ears()
    for at in (0.0, 1.0):
        eyes.see(VideoFrame(64, 64, "yuv420p"), at)
    for form in ("fltp", "s16"):
        silence = AudioFrame(form, "stereo", 480)
        silence.sample_rate = 48_000
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        ears.hear(silence)


def _checked(film: Clip, source: SourceSpec) -> Mapping[str, object]:
    """Walks the clip once."""
    listed = listed_packets(source, film.video)
    tracks, eyes, ears = Tracks(), _Eyes(), _Ears()
    for packet in film.packets():
        track, frames = tracks.saw(packet, film), film.decoded(packet)
        if frames is None:
            track.broken += 1
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame):
                eyes.see(frame, _moment(frame))
            else:
                ears.hear(frame)
    tracks.pictures.check(listed=listed, frames=eyes.frames)
    if film.audio is not None:
        tracks.sounds.check(listed=0, frames=ears.frames)
    facts = _facts(film, source, tracks, eyes)
    return {"facts": facts_to(facts), "looks": _looks(facts, tracks, eyes, ears)}


def _moment(frame: VideoFrame) -> float:
    return float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0


def _facts(film: Clip, source: SourceSpec, tracks: Tracks, eyes: "_Eyes") -> MediaFacts:
    """As `probe` answers them."""
    return MediaFacts(
        kind=Kind.VIDEO,
        format=source["format"],
        byte_count=0,
        width=eyes.size[0],
        height=eyes.size[1],
        seconds=round(tracks.seconds, 3),
        frame_count=tracks.pictures.shown,
        video_codec=film.video.codec_context.codec.canonical_name,
        audio_codec=None if film.audio is None else film.audio.codec_context.codec.canonical_name,
    )


def _looks(facts: MediaFacts, tracks: Tracks, eyes: "_Eyes", ears: "_Ears") -> dict[str, float]:
    """Seconds, none more than the clip has. A clip without a sound track is silent all along."""
    seconds = facts.seconds or 0.0
    silent = seconds if facts.audio_codec is None else ears.silent.total(ears.seconds)
    found = {
        "black": eyes.black.total(tracks.pictures.end),
        "frozen": eyes.frozen.total(tracks.pictures.end),
        "silent": silent,
    }
    return {name: round(min(value, seconds), 3) for name, value in found.items()}


class _Stretches:
    """Adds up the stretches of time in which something holds, leaving out those shorter than `shortest` seconds."""

    def __init__(self, shortest: float = 0.0) -> None:
        self._shortest, self._sum = shortest, 0.0
        self._since: float | None = None

    def begin(self, at: float) -> None:
        """It holds from now on, if it did not already."""
        self._since = at if self._since is None else self._since

    def end(self, at: float) -> None:
        """It does not hold any more."""
        if self._since is not None and at - self._since >= self._shortest:
            self._sum += at - self._since
        self._since = None

    def total(self, end: float) -> float:
        """Seconds in all, when everything is over at `end`."""
        self.end(end)
        return self._sum


class _Eyes:
    """Sees every frame, and looks at one every so often."""

    def __init__(self) -> None:
        self.black, self.frozen = _Stretches(), _Stretches(_SHORTEST_FROZEN)
        self.frames, self.size = 0, (0, 0)
        self._next = float("-inf")
        self._before: Image.Image | None = None
        self._scaler = VideoReformatter()  # a frame's own would be set up anew for each

    def see(self, frame: VideoFrame, at: float) -> None:
        """A frame, in the order in which they are shown."""
        self.frames += 1
        if at < self._next:
            return
        self._next = at + _LOOK_EVERY
        self.size = (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
        self._look(_small(frame, self._scaler), at)

    def _look(self, picture: Image.Image, at: float) -> None:
        """Compares with the picture at which the stretch began, so that slow motion adds up to some."""
        _note(self.black, at, holds=_is_black(picture))
        if self._before is None or _differs(picture, self._before):
            self.frozen.end(at)
            self._before = picture
            self.frozen.begin(at)


class _Ears:
    """Hears every frame of sound."""

    def __init__(self) -> None:
        self.silent = _Stretches(_SHORTEST_SILENCE)
        self.frames, self.seconds = 0, 0.0
        self._resampler = AudioResampler("fltp")

    def hear(self, frame: AudioFrame) -> None:
        """A frame of sound, each straight after the last."""
        self.frames += 1
        lasts = frame.samples / frame.sample_rate
        frame.pts = None
        silent = all(_is_silent(part) for part in self._resampler.resample(frame))
        _note(self.silent, self.seconds, holds=silent)
        self.seconds += lasts


def _note(stretches: _Stretches, at: float, *, holds: bool) -> None:
    if holds:
        stretches.begin(at)
    else:
        stretches.end(at)


def _small(frame: VideoFrame, scaler: VideoReformatter) -> Image.Image:
    """The frame's brightness in a few thousand places, 0 to 255. Picked, not averaged: that is quicker."""
    grey = scaler.reformat(frame, width=_SMALL[0], height=_SMALL[1], format="gray", interpolation="POINT")
    plane = grey.planes[0]
    return Image.frombytes("L", _SMALL, bytes(plane), "raw", "L", plane.line_size)


def _is_black(picture: Image.Image) -> bool:
    return sum(picture.histogram()[:_DARK]) >= _DARK_SHARE * _SAMPLES


def _differs(picture: Image.Image, before: Image.Image) -> bool:
    levels = ImageChops.difference(picture, before).histogram()
    moved = sum(levels[_MOVED:])
    mean = sum(level * count for level, count in enumerate(levels)) / _SAMPLES
    return moved > _MOVED_SHARE * _SAMPLES or mean > _DRIFT


def _is_silent(frame: AudioFrame) -> bool:
    """True when no sample of any channel is louder. A plane of floats is an image of one row: extrema in C."""
    for plane in frame.planes:
        row = bytes(plane)[: frame.samples * 4]
        low, high = Image.frombuffer("F", (frame.samples, 1), row, "raw", "F", 0, 1).getextrema()
        if not isinstance(low, float) or not isinstance(high, float) or max(-low, high) > _SILENCE:
            return False
    return True
