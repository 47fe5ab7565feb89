"""The job `shrink`: makes a clip fit into so many bytes. One pass of x264 whose rate comes from the budget.

Measured: a second pass was no better at these rates and would need a file of its own. So the size is looked at
afterwards, and if the rate control went over, it is done once more with a tenth less than that calls for. Timing,
turning and colours stay what they are. Nothing that was said about the clip is kept, only the tags that are asked for.
Runs inside the media child.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import IO, Final, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bot.media.ahead import ahead, frames_ahead
from bot.media.clips import Clip, Tracks, clip, walked
from bot.media.protocol import FitSpec, JobSpec, SourceSpec

Say = Callable[[Mapping[str, object]], None]

_OF_BUDGET: Final = 0.985
"""What is planned for: one pass comes out within a percent or so."""

_SECOND_TRY: Final = 0.9
_PEAK: Final = 1.2
_LONGEST_BUFFER: Final = 2.0
"""Seconds that the rate may stay at its peak for; a quarter of a clip that is shorter than eight of them."""

_AUDIO_BITS, _LEAST_AUDIO_BITS = 128_000, 24_000
_AUDIO_SHARE: Final = 1 / 6
_LEAST_VIDEO_BITS: Final = 30_000
_MUXING_BITS: Final = 4_000

_BITS_PER_PIXEL: Final = 0.045
"""With less, x264's blocks are uglier than a smaller picture."""

_SHORTEST_SIDE: Final = 120
_ENCODER: Final = {"preset": "veryfast", "threads": "2", "x264-params": "ratetol=0.1"}
"""x264 may miss the rate by 1 % by itself, and by far more in clips of seconds; a tenth of that keeps it below."""

_FALLBACK_RATE: Final = Fraction(25)

# What the index at the front needs at most: a few bytes in each of five tables, for every packet.
_INDEX_BYTES, _INDEX_BYTES_PER_FRAME, _INDEX_BYTES_PER_SOUND = 8_192, 40, 32
_COPIED_PICTURES, _COPIED_SOUNDS = frozenset({"h264"}), frozenset({"aac", "mp3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the encoders are told: bits a second, and pixels as coded. `index_bytes` are kept free at the front."""

    video_bits: int
    buffer_seconds: float
    audio_bits: int
    width: int
    height: int
    index_bytes: int


def work(spec: JobSpec, _say: Say) -> Mapping[str, object]:
    """Writes the MP4 into the output descriptor; it may be too large when nothing helps. Raises `JobRefused`.

    `encoded`: what is in it now is our own encoder's, not the clip's own tracks.
    """
    if "output" not in spec or "fit" not in spec:
        raise AssertionError("shrinking needs an output and a limit")
    source, fit = spec["sources"][0], spec["fit"]
    with os.fdopen(os.dup(spec["output"]), "r+b") as file:
        with clip(source) as film:
            tracks, copies = walked(film), _copies(film)
        copied = copies and _fits(tracks, fit) and _rewrapped(source, tracks, fit, file)
        if not copied:
            _encoded(source, tracks, fit, file)
    return {"done": True, "encoded": not copied}


def warm_up() -> None:
    """Encodes a moment of nothing, so that every import and codec is loaded before the walls go up."""
    rates = Rates(
        video_bits=100_000, buffer_seconds=1.0, audio_bits=64_000, width=64, height=64, index_bytes=_INDEX_BYTES
    )
    silence = AudioFrame("fltp", "stereo", 1024)
    silence.sample_rate = 48_000
    for plane in silence.planes:
        plane.update(bytes(plane.buffer_size))
    with av.open(BytesIO(), "w", format="mp4", options=_muxing(rates.index_bytes)) as output:
        video = output.add_stream("libx264", rate=_FALLBACK_RATE, options=_video_options(rates))
        video.width, video.height, video.pix_fmt = rates.width, rates.height, "yuv420p"
        audio = output.add_stream("aac", rate=48_000, layout="stereo")
        output.mux(video.encode(VideoFrame(128, 128, "yuv444p").reformat(width=64, height=64, format="yuv420p")))
        output.mux(audio.encode(silence))
        output.mux(video.encode())
        output.mux(audio.encode())


def rates_for(film: Clip, tracks: Tracks, max_bytes: int) -> Rates:
    """Splits the budget between pictures, sound and the file's own needs, and chooses the size that the rate is for."""
    index = index_bytes(tracks)
    seconds = max(tracks.seconds, 0.1)
    total = max(0.0, (max_bytes * _OF_BUDGET - index) * 8 / seconds - _MUXING_BITS)
    audio = 0 if film.audio is None else round(max(_LEAST_AUDIO_BITS, min(_AUDIO_BITS, total * _AUDIO_SHARE)))
    before = tracks.pictures.byte_count * 8 / max(tracks.pictures.span, 0.1)
    video = round(max(_LEAST_VIDEO_BITS, min(total - audio, before)))
    frames_a_second = tracks.pictures.shown / max(tracks.pictures.span, 0.1)
    width, height = _size(film.video, video / max(1.0, frames_a_second))
    return Rates(
        video_bits=video,
        buffer_seconds=min(_LONGEST_BUFFER, seconds / 4),
        audio_bits=audio,
        width=width,
        height=height,
        index_bytes=index,
    )


def index_bytes(tracks: Tracks) -> int:
    """Room for the index of as many packets as there are now, and of sound in frames of 1,024 samples at 48 kHz."""
    sounds = max(tracks.sounds.packets, round(tracks.sounds.span * 47) + 2)
    return _INDEX_BYTES + tracks.pictures.packets * _INDEX_BYTES_PER_FRAME + sounds * _INDEX_BYTES_PER_SOUND


def _size(video: VideoStream, bits_per_frame: float) -> tuple[int, int]:
    """The clip's own pixels, or fewer of the same shape if there are too few bits for them. Even, for 4:2:0."""
    scale = min(1.0, (bits_per_frame / _BITS_PER_PIXEL / (video.width * video.height)) ** 0.5)
    scale = min(1.0, max(scale, _SHORTEST_SIDE / min(video.width, video.height)))
    return max(2, round(video.width * scale) // 2 * 2), max(2, round(video.height * scale) // 2 * 2)


def _encoded(source: SourceSpec, tracks: Tracks, fit: FitSpec, file: IO[bytes]) -> None:
    """Encodes anew, and once more with less if that came out too large."""
    share = 1.0
    for _ in range(2):
        file.seek(0)
        file.truncate()
        with clip(source) as film:
            rates = rates_for(film, tracks, round(fit["max_bytes"] * share))
            with (
                _transcoder(film, tracks, rates, fit, file) as transcoder,
                ahead(film.frames(), frames_ahead(film.video)) as frames,
            ):
                for frame in frames:
                    transcoder.take(frame)
        over = _written(file) / fit["max_bytes"]
        if over <= 1:
            return
        share = _SECOND_TRY / over


def _written(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


class _Transcoder:
    """Takes decoded frames of both tracks and writes the MP4."""

    def __init__(self, output: OutputContainer, film: Clip, tracks: Tracks, rates: Rates) -> None:
        self._output, self._rates, self._scaler = output, rates, VideoReformatter()
        self._start, self._shown_until = tracks.start, float("-inf")
        self._video = _video_track(output, film.video, rates)
        self._audio = None if film.audio is None else _audio_track(output, film.audio, rates)
        self._late = 0.0 if tracks.sounds.start is None else tracks.sounds.start - tracks.start

    def take(self, frame: VideoFrame | AudioFrame) -> None:
        """A frame, in its track's order."""
        if isinstance(frame, VideoFrame):
            self._show(frame)
        elif self._audio is not None:
            frame.pts = None  # sound is continuous; the encoder counts
            self._hear(self._audio, frame)

    def finish(self) -> None:
        """What the encoders still hold."""
        self._output.mux(self._video.encode())
        if self._audio is not None:
            self._hear(self._audio)

    def _show(self, frame: VideoFrame) -> None:
        if frame.pts is None or frame.time_base is None:
            return
        at = float(frame.pts * frame.time_base) - self._start
        if at <= self._shown_until or at < 0:
            return  # encoders need moments that grow
        self._shown_until = at
        smaller = self._scaler.reformat(
            frame, width=self._rates.width, height=self._rates.height, format="yuv420p", interpolation="BICUBIC"
        )
        smaller.pts = frame.pts - round(self._start / frame.time_base)
        smaller.time_base = frame.time_base
        smaller.pict_type = 0  # or x264 would copy the clip's own key frames and B-frames
        self._output.mux(self._video.encode(smaller))

    def _hear(self, track: AudioStream, frame: AudioFrame | None = None) -> None:
        """Sound that begins later than the pictures still does so. No frame: what the encoder still holds."""
        made = cast("list[Packet[Stream]]", track.encode(frame))
        for packet in made:
            late = round(max(0.0, self._late) / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + late
            packet.dts = None if packet.dts is None else packet.dts + late
            self._output.mux(packet)


@contextmanager
def _transcoder(film: Clip, tracks: Tracks, rates: Rates, fit: FitSpec, file: IO[bytes]) -> Generator[_Transcoder]:
    """A transcoder into the file, which is complete when the block has ended well."""
    with av.open(file, mode="w", format="mp4", options=_muxing(rates.index_bytes)) as output:
        output.metadata.update(fit["tags"])
        transcoder = _Transcoder(output, film, tracks, rates)
        yield transcoder
        transcoder.finish()


def _muxing(index: int) -> dict[str, str]:
    """The index at the front, in room that is kept for it: moving it there later would open the file by name."""
    return {"moov_size": str(index), "fflags": "+bitexact"}


def _video_options(rates: Rates) -> dict[str, str]:
    peak = rates.video_bits * _PEAK
    buffer = round(peak * rates.buffer_seconds)
    return {**_ENCODER, "b": str(rates.video_bits), "maxrate": str(round(peak)), "bufsize": str(buffer)}


def _video_track(output: OutputContainer, old: VideoStream, rates: Rates) -> VideoStream:
    """H.264 in the clip's own time base, frame rate, colours and shape of pixels."""
    rate = old.guessed_rate or _FALLBACK_RATE
    new = output.add_stream("libx264", rate=rate, options=_video_options(rates))
    new.width, new.height, new.pix_fmt = rates.width, rates.height, "yuv420p"
    new.thread_type = "AUTO"  # PyAV's own choice would cut every frame into slices
    new.codec_context.time_base = old.time_base or 1 / rate
    if old.sample_aspect_ratio:
        new.sample_aspect_ratio = old.sample_aspect_ratio
    new.colorspace, new.color_range = old.colorspace, old.color_range
    new.color_primaries, new.color_trc = old.color_primaries, old.color_trc
    return new


def _audio_track(output: OutputContainer, old: AudioStream, rates: Rates) -> AudioStream:
    """AAC, stereo or mono."""
    new = output.add_stream("aac", rate=48_000, layout="mono" if old.channels == 1 else "stereo")
    new.bit_rate = rates.audio_bits
    return new


def _rewrapped(source: SourceSpec, tracks: Tracks, fit: FitSpec, file: IO[bytes]) -> bool:
    """Copies the streams, with the tags, when that fits: a clip that is small enough is not encoded again."""
    with (
        clip(source) as film,
        av.open(file, mode="w", format="mp4", options=_muxing(index_bytes(tracks))) as output,
    ):
        output.metadata.update(fit["tags"])
        tracks_out = {
            stream.index: output.add_stream_from_template(stream) for stream in (film.video, film.audio) if stream
        }
        for packet in film.packets():
            if packet.dts is not None:
                packet.stream = tracks_out[packet.stream.index]
                output.mux(packet)
    return _written(file) <= fit["max_bytes"]


def _copies(film: Clip) -> bool:
    """True when an MP4 of what everybody plays can hold both streams as they are."""
    sound = None if film.audio is None else film.audio.codec_context.codec.canonical_name
    return film.video.codec_context.codec.canonical_name in _COPIED_PICTURES and (
        sound is None or sound in _COPIED_SOUNDS
    )


def _fits(tracks: Tracks, fit: FitSpec) -> bool:
    tags = sum(len(name) + 4 * len(text) + 64 for name, text in fit["tags"].items())
    return tracks.pictures.byte_count + tracks.sounds.byte_count + index_bytes(tracks) + tags <= fit["max_bytes"]
