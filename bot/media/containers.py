"""Opens and measures untrusted video and sound the one safe way: demuxer forced to what was sniffed, all else shut.

Without that, FFmpeg follows playlists and scripts to local files and into the network; a Python file object is *more*
open than a path, because it has no default whitelist. What a header claims is never believed: packets are walked,
samples counted. Of a video, as many frames are decoded as 15 s of 720p at 60 frames a second have; that is all of it
for what models take, and the first seconds of anything larger, whose packets are still all walked.
Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import av
import av.error
import av.subtitles.stream
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from bot.domain.media import Kind, MediaFacts
from bot.media.formats import CODECS, DEMUXERS
from bot.media.protocol import JobRefused, SourceSpec, rewound

_LATE_IMPORT: Final = av.subtitles.stream
"""What PyAV imports in the middle of opening a file, when nothing can be opened by name any more."""

_MAX_FRAME_PIXELS: Final = 40_000_000
_MAX_STREAMS: Final = 16
_MAX_PACKETS: Final = 200_000
_READ_BYTES: Final = 128 * 1024
_DECODED_PIXELS: Final = 15 * 60 * 1280 * 720
_DECODED_SAMPLES: Final = 600 * 48_000
_MOST_BROKEN: Final = 0.05
"""Share of a track's packets that may fail to decode: a stream cut out of another begins with some."""

_MISSING: Final = 0.02
"""Share of the packets that an index lists and the file does not hold, before it counts as incomplete."""

_CODEC_PADDING: Final = 0.1
"""Seconds: frames of sound codecs are up to 0.06 s long, and the last one is filled up."""
_DECODER_OPTIONS: Final = {"max_pixels": str(_MAX_FRAME_PIXELS), "threads": "1"}
_CONTAINER_OPTIONS: Final = {
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join(sorted(CODECS)),
    "max_streams": str(_MAX_STREAMS),
    "probesize": "5000000",
    "analyzeduration": "5000000",  # microseconds
}


@contextmanager
def container(source: SourceSpec) -> Generator[InputContainer]:
    """The file as a demuxer sees it, with no other demuxer, protocol or codec allowed than what is listed."""
    demuxer = DEMUXERS[source["format"]]
    with (
        os.fdopen(rewound(source), "rb", buffering=0) as file,
        av.open(
            file,
            mode="r",
            format=demuxer,
            options=dict(_DECODER_OPTIONS),
            container_options={**_CONTAINER_OPTIONS, "format_whitelist": demuxer},
            metadata_errors="ignore",
            buffer_size=_READ_BYTES,
        ) as opened,
    ):
        yield opened


def main_video(opened: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; cover art is none. `JobRefused` when no listed codec decodes it."""
    moving = (stream for stream in opened.streams.video if not stream.disposition & Disposition.attached_pic)
    stream = next(moving, None)
    _check_codec(stream)
    return stream


def main_audio(opened: InputContainer) -> AudioStream | None:
    """The first stream of sound. `JobRefused` when no listed codec decodes it."""
    stream = next(iter(opened.streams.audio), None)
    _check_codec(stream)
    return stream


def check_packets(count: int) -> None:
    """`JobRefused` when a file has more packets than any file of ours should."""
    if count > _MAX_PACKETS:
        raise JobRefused("media-too-heavy", limit=f"more than {_MAX_PACKETS:,} packets")


def measure_container(source: SourceSpec) -> MediaFacts:
    """Walks the file and decodes what the budgets allow. Raises `JobRefused`."""
    with container(source) as opened:
        video, audio = main_video(opened), main_audio(opened)
        if video is None and audio is None:
            raise JobRefused("file-unreadable", detail="neither picture nor sound")
        if video is not None and video.width * video.height > _MAX_FRAME_PIXELS:
            raise JobRefused("media-too-heavy", limit=f"{_MAX_FRAME_PIXELS // 1_000_000} megapixels a frame")
        listed = len(video.index_entries) if video is not None and DEMUXERS[source["format"]] == "mov" else 0
        pictures, sounds = _walk(opened, video, audio)
        if video is not None:
            pictures.check(listed=listed)
        if audio is not None:
            sounds.check(listed=0)
        return MediaFacts(
            kind=Kind.AUDIO if video is None else Kind.VIDEO,
            format=_format_of_content(source["format"], video),
            byte_count=0,
            width=pictures.width or None,
            height=pictures.height or None,
            seconds=round(_seconds(pictures.span, sounds.seconds), 3),
            frame_count=pictures.shown if video else None,
            video_codec=video.codec_context.codec.canonical_name if video else None,
            audio_codec=audio.codec_context.codec.canonical_name if audio else None,
        )


@dataclass(slots=True, kw_only=True)
class _Track:
    """What was seen of one stream so far. Seconds are on the file's clock; `budget` is what may still be decoded."""

    budget: int
    start: float | None = None
    end: float = 0.0
    packets: int = 0
    shown: int = 0
    frames: int = 0
    broken: int = 0
    width: int = 0
    height: int = 0
    decoded_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of sound: counted samples, or the packets' span when not all of it was decoded."""
        return self.decoded_seconds if self.budget > 0 else max(self.span, self.decoded_seconds)

    @property
    def span(self) -> float:
        """Seconds from the first packet's start to the last one's end."""
        return 0.0 if self.start is None else max(0.0, self.end - self.start)

    def saw(self, packet: "Packet[Stream]", frame_seconds: float) -> None:
        """Counts a packet. What an edit list cuts away is read, but lasts no time."""
        self.packets += 1
        at = packet.pts if packet.pts is not None else packet.dts
        if packet.is_discard or at is None:
            return
        start = float(at * packet.time_base)
        lasts = float(packet.duration * packet.time_base) if packet.duration else frame_seconds
        self.shown += 1
        self.start = start if self.start is None else min(self.start, start)
        self.end = max(self.end, start + lasts)

    def check(self, *, listed: int) -> None:
        """`JobRefused` unless the track decodes and is whole. `listed`: packets that the file's index names, or 0."""
        if not self.frames or self.broken > self.packets * _MOST_BROKEN:
            raise JobRefused("file-unreadable", detail=f"{self.frames} frames, {self.broken} broken of {self.packets}")
        if self.packets < listed * (1 - _MISSING):
            raise JobRefused("file-unreadable", detail=f"{self.packets} packets of {listed}")


def _seconds(pictures: float, sounds: float) -> float:
    """The longer track. Sound that outlasts the pictures by no more than a codec's padding does not count."""
    return pictures if pictures and sounds - pictures < _CODEC_PADDING else max(pictures, sounds)


def _format_of_content(format_name: str, video: VideoStream | None) -> str:
    """MP4 without pictures is what people call M4A; other containers keep their name."""
    return "m4a" if video is None and format_name in {"mp4", "mov", "3gp"} else format_name


def _walk(opened: InputContainer, video: VideoStream | None, audio: AudioStream | None) -> tuple[_Track, _Track]:
    """Walks all packets, and decodes while the budgets last."""
    pictures, sounds = _Track(budget=_DECODED_PIXELS), _Track(budget=_DECODED_SAMPLES)
    frame_seconds = float(1 / video.guessed_rate) if video is not None and video.guessed_rate else 0.0
    for count, packet in enumerate(opened.demux([stream for stream in (video, audio) if stream is not None])):
        check_packets(count)
        if video is not None and packet.stream.index == video.index:
            _take_picture(pictures, video, packet, frame_seconds)
        elif audio is not None:
            _take_sound(sounds, audio, packet)
    return pictures, sounds


def _take_picture(track: _Track, stream: VideoStream, packet: "Packet[Stream]", frame_seconds: float) -> None:
    """Counts one packet of pictures (the empty one at the end flushes the decoder)."""
    if packet.size:
        track.saw(packet, frame_seconds)
    if track.budget <= 0:
        return
    try:
        frames = stream.decode(packet)
    except av.error.InvalidDataError:
        track.broken += 1
        return
    for frame in frames:
        track.frames += 1
        track.budget -= frame.width * frame.height
        turned = frame.rotation % 180 != 0
        track.width, track.height = (frame.height, frame.width) if turned else (frame.width, frame.height)


def _take_sound(track: _Track, stream: AudioStream, packet: "Packet[Stream]") -> None:
    """Counts one packet of sound and its samples."""
    if packet.size:
        track.saw(packet, 0.0)
    if track.budget <= 0:
        return
    try:
        frames = stream.decode(packet)
    except av.error.InvalidDataError:
        track.broken += 1
        return
    for frame in frames:
        track.frames += 1
        track.budget -= frame.samples
        track.decoded_seconds += frame.samples / frame.sample_rate


def _check_codec(stream: Stream | None) -> None:
    """The whitelist binds FFmpeg's own look at a file; our decoders are checked here."""
    if stream is None:
        return
    name = str(getattr(stream.codec_context, "name", "unknown"))  # there is no context where no decoder is built in
    if name not in CODECS:
        raise JobRefused("file-unreadable", detail=f"codec {name}")
    stream.codec_context.options = dict(_DECODER_OPTIONS)  # those of the container do not reach our own decoders
