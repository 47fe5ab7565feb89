"""Opens and measures untrusted video and sound the one safe way: demuxer forced to what was sniffed, all else shut.

Without that, FFmpeg follows playlists and scripts to local files and into the network; a Python file object is *more*
open than a path, because it has no default whitelist. What a header claims is never believed: packets are walked,
samples counted. Of a video, as many frames are decoded as 15 s of 720p at 60 frames a second have; that is all of it
for what models take, and the first seconds of anything larger, whose packets are still all walked. A look for a
decision (`survey`) decodes only a few frames of what would be converted anyway: its outcome is measured again. Of what
our own encoder wrote a moment ago (`ours`) all packets are walked and all sound is decoded, but of the pictures only
the first ones, every keyframe and what leads to the last one: decoding them all again took as long as a quarter of
making them, and would find only what x264 had got wrong.
Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import av
import av.error
import av.subtitles.stream
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bot.domain.conform import Measured
from bot.domain.media import Kind, MediaFacts
from bot.media.formats import CODECS, DEMUXERS, MAX_PICTURE_PIXELS
from bot.media.measurement import Finding, Measurement, TooManyPixels, Trouble, UnknownCodec
from bot.media.protocol import JobRefused, SourceSpec, rewound
from bot.media.structure import layout_of, message_tells
from bot.media.tracks import MOST_BROKEN, Packets, frame_seconds, together_seconds

_LATE_IMPORT: Final = av.subtitles.stream
"""What PyAV imports in the middle of opening a file, when nothing can be opened by name any more."""

_MAX_FRAME_PIXELS: Final = 40_000_000
_MAX_STREAMS: Final = 16
_MAX_PACKETS: Final = 200_000
_READ_BYTES: Final = 128 * 1024
_DECODED_PIXELS: Final = 16 * 60 * 950_000
_GLIMPSE_PIXELS: Final = 40_000_000
_GLIMPSE_SAMPLES: Final = 60 * 48_000
"""Of what is converted anyway: a few frames, a minute of sound, which prove that it decodes."""

_UNTOUCHED: Final = frozenset({"h264"})
_UNTOUCHED_CONTAINERS: Final = frozenset({"mp4", "mov", "m4a", "3gp"})
_UNTOUCHED_FRAME: Final = 2_500_000
"""What may be taken untouched, generously: codecs, containers, pixels of a frame. All else gets a glimpse."""

_HDR_TRANSFERS: Final = frozenset({16, 18})
"""PQ and HLG (ITU-T H.273)."""

_THREADED_PIXELS: Final = 4_000_000
"""Frames up to this size are decoded by two threads; larger ones by one, for the memory."""

_FIRST_PICTURES: Final = 24
"""Of what our own encoder wrote, so many packets are decoded from the start."""

_LEAST_SALVAGED: Final = 1.0
"""Seconds that must be left of a file without its end."""

_DECODED_SAMPLES: Final = 600 * 48_000
_DECODER_OPTIONS: Final = {"max_pixels": str(_MAX_FRAME_PIXELS), "threads": "1"}
_BROKEN_PACKETS: Final = (av.error.InvalidDataError, av.error.ArgumentError, av.error.PatchWelcomeError)
_STRICT_OPTIONS: Final = {"max_pixels": str(MAX_PICTURE_PIXELS), "threads": "1", "err_detect": "explode"}
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


def measure_container(source: SourceSpec, *, ours: bool = False) -> MediaFacts:
    """Walks the file and decodes what the budgets allow. `ours`: our own encoder wrote it. Raises `JobRefused`."""
    with container(source) as opened:
        video, audio = main_video(opened), main_audio(opened)
        if video is None and audio is None:
            raise JobRefused("file-unreadable", detail="neither picture nor sound")
        if video is not None and video.width * video.height > _MAX_FRAME_PIXELS:
            raise TooManyPixels(_MAX_FRAME_PIXELS)
        pictures, sounds = _walk(opened, video, audio, _DECODED_PIXELS, ours=ours)
        for track in (pictures, sounds):
            track.check()
        return _facts(source["format"], video, audio, pictures, sounds)


def survey(source: SourceSpec, *, ours: bool = False) -> Measurement:
    """Measures for a decision. `ours`: our own encoder wrote it.

    Damage is named in the measurement; raises `JobRefused` for what is too heavy.
    """
    with container(source) as opened:
        video, audio = main_video(opened), main_audio(opened)
        if video is None and audio is None:
            return Measurement(trouble=Trouble.CORRUPT)
        if video is not None and video.width * video.height > _MAX_FRAME_PIXELS:
            raise TooManyPixels(_MAX_FRAME_PIXELS)
        pictures, sounds = _walk(opened, video, audio, _budget(source["format"], video), ours=ours)
        facts = _facts(source["format"], video, audio, pictures, sounds)
        trouble = pictures.trouble() or sounds.trouble()
        findings = {finding for finding, found in _findings(opened, video, audio, pictures, sounds).items() if found}
        if trouble is Trouble.TRUNCATED and source["format"] not in _UNTOUCHED_CONTAINERS:
            trouble = None if (facts.seconds or 0) >= _LEAST_SALVAGED else trouble
            findings.add(Finding.CUT)
        return Measurement(
            facts=facts,
            measured=_measured(opened, video, pictures, sounds),
            trouble=trouble,
            findings=frozenset(findings),
        )


def jpeg_decodes(source: SourceSpec) -> bool:
    """True when a decoder that forgives nothing reads the picture whole; Pillow fills what is missing with grey."""
    with (
        os.fdopen(rewound(source), "rb", buffering=0) as file,
        av.open(
            file,
            mode="r",
            format="jpeg_pipe",
            options=dict(_STRICT_OPTIONS),
            container_options={**_CONTAINER_OPTIONS, "format_whitelist": "jpeg_pipe"},
            metadata_errors="ignore",
            buffer_size=_READ_BYTES,
        ) as opened,
    ):
        stream = opened.streams.video[0]
        stream.codec_context.options = dict(_STRICT_OPTIONS)
        try:
            return next(iter(opened.decode(stream)), None) is not None
        except (av.error.InvalidDataError, av.error.EOFError):
            return False


def _facts(
    format_name: str, video: VideoStream | None, audio: AudioStream | None, pictures: "_Track", sounds: "_Track"
) -> MediaFacts:
    """What was found, as facts. The byte count is the parent's to know."""
    return MediaFacts(
        kind=Kind.AUDIO if video is None else Kind.VIDEO,
        format=_format_of_content(format_name, video),
        byte_count=0,
        width=pictures.width or None,
        height=pictures.height or None,
        seconds=round(together_seconds(pictures.span, sounds.seconds), 3),
        frame_count=pictures.shown if video else None,
        video_codec=video.codec_context.codec.canonical_name if video else None,
        audio_codec=audio.codec_context.codec.canonical_name if audio else None,
    )


def _budget(format_name: str, video: VideoStream | None) -> int:
    """How many pixels to decode: all of what may be taken untouched, a glimpse of the rest."""
    if video is None:
        return _DECODED_PIXELS if format_name in {"mp3", "wav"} else _GLIMPSE_PIXELS
    if (
        format_name in _UNTOUCHED_CONTAINERS | {"mkv"}
        and video.codec_context.name in _UNTOUCHED
        and video.width * video.height <= _UNTOUCHED_FRAME
    ):
        return _DECODED_PIXELS
    return _GLIMPSE_PIXELS


def _findings(
    opened: InputContainer,
    video: VideoStream | None,
    audio: AudioStream | None,
    pictures: "_Track",
    sounds: "_Track",
) -> dict[Finding, bool]:
    covers = sum(bool(stream.disposition & Disposition.attached_pic) for stream in opened.streams.video)
    used = (video is not None) + (audio is not None)
    return {
        Finding.TRACKS: len(opened.streams) - covers > used,
        Finding.VARIES: len(pictures.sizes) > 1,
        Finding.DAMAGED: bool(pictures.broken + sounds.broken),
        Finding.PARTLY: (video is not None and pictures.budget <= 0) or (audio is not None and sounds.budget <= 0),
    }


def _measured(opened: InputContainer, video: VideoStream | None, pictures: "_Track", sounds: "_Track") -> Measured:
    covers = sum(bool(stream.disposition & Disposition.attached_pic) for stream in opened.streams.video)
    span = pictures.span
    return Measured(
        rotation=pictures.rotation,
        frame_rate=round(pictures.shown / span, 3) if video is not None and span > 0 else None,
        pixel_format=pictures.pixel_format or None,
        hdr=video is not None and (pictures.hdr or int(video.codec_context.color_trc or 0) in _HDR_TRANSFERS),
        alpha=pictures.pixel_format.startswith(_WITH_ALPHA),
        metadata=(video is not None and covers > 0) or pictures.tells,
        video_streams=len(opened.streams.video) - covers,
        audio_streams=len(opened.streams.audio),
        error_count=pictures.broken + sounds.broken,
    )


_WITH_ALPHA: Final = ("yuva", "rgba", "argb", "bgra", "abgr", "gbrap", "ya8", "ya16", "pal8")


@dataclass(slots=True, kw_only=True)
class _Track(Packets):
    """What was seen of one stream so far; `budget` is what may still be decoded."""

    budget: int
    wanted: bool = False
    tried: int = 0
    frames: int = 0
    broken: int = 0
    width: int = 0
    height: int = 0
    decoded_seconds: float = 0.0
    listed: int = 0
    rotation: int = 0
    pixel_format: str = ""
    hdr: bool = False
    tells: bool = False
    sizes: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])

    @property
    def seconds(self) -> float:
        """Seconds of sound: counted samples, or the packets' span when not all of it was decoded."""
        return self.decoded_seconds if self.budget > 0 else max(self.span, self.decoded_seconds)

    def check(self) -> None:
        """`JobRefused` unless the track decodes and is whole."""
        if self.trouble() is not None:
            seen = f"{self.frames} frames, {self.broken} broken, {self.packets} packets of {self.listed}"
            raise JobRefused("file-unreadable", detail=seen)

    def trouble(self) -> Trouble | None:
        """What is wrong with the track: `listed` are the packets that the file's index names, 0 when it has none."""
        if not self.wanted:
            return None
        if self.lacks(self.listed):
            return Trouble.TRUNCATED
        broken = self.broken > self.tried * MOST_BROKEN
        return Trouble.CORRUPT if not self.frames or broken else None

    def looked(self, frame: VideoFrame) -> None:
        """Takes in a decoded picture. What counts is the largest that was seen."""
        self.frames += 1
        self.budget -= frame.width * frame.height
        self.broken += frame.is_corrupt
        self.sizes.add((frame.width, frame.height))
        self.rotation = round(-frame.rotation / 90) * 90 % 360
        turned = self.rotation % 180 != 0
        width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
        if width * height > self.width * self.height:
            self.width, self.height = width, height
        self.pixel_format = frame.format.name


def _format_of_content(format_name: str, video: VideoStream | None) -> str:
    """MP4 without pictures is what people call M4A; other containers keep their name."""
    return "m4a" if video is None and format_name in {"mp4", "mov", "3gp"} else format_name


@dataclass(slots=True)
class _Glances:
    """Chooses which pictures of our own encoder's H.264 the decoder passes over."""

    stream: VideoStream
    groups: int
    """Keyframes whose group of pictures has not begun."""

    @staticmethod
    def at(stream: VideoStream) -> "_Glances":
        """The file's index knows how many groups there are."""
        return _Glances(stream, sum(entry.is_keyframe for entry in stream.index_entries))

    def choose(self, packet: "Packet[Stream]", tried: int) -> None:
        """To be said before each packet: after the first ones only keyframes, and in the last group what others need.

        That is enough to decode the last picture, which no other follows and which is never left out.
        """
        self.groups -= packet.is_keyframe
        if tried < _FIRST_PICTURES:
            return
        self.stream.codec_context.skip_frame = "NONKEY" if self.groups > 0 else "NONREF"


def _walk(
    opened: InputContainer,
    video: VideoStream | None,
    audio: AudioStream | None,
    pixels: int,
    *,
    ours: bool,
) -> tuple[_Track, _Track]:
    """Walks all packets, and decodes while the budgets last."""
    indexed = opened.format.name.startswith("mov")
    pictures = _Track(budget=pixels, wanted=video is not None, listed=_listed(video) if indexed else 0)
    samples = _DECODED_SAMPLES if pixels == _DECODED_PIXELS else _GLIMPSE_SAMPLES
    sounds = _Track(budget=samples, wanted=audio is not None, listed=_listed(audio) if indexed else 0)
    if video is not None and 0 < video.width * video.height <= _THREADED_PIXELS:
        video.codec_context.options = {**_DECODER_OPTIONS, "threads": "2"}
        if pixels == _DECODED_PIXELS:
            video.thread_type = "AUTO"
    glances = _Glances.at(video) if ours and video is not None else None
    each_seconds = frame_seconds(video) if video is not None else 0.0
    for count, packet in enumerate(opened.demux([stream for stream in (video, audio) if stream is not None])):
        check_packets(count)
        if video is not None and packet.stream.index == video.index:
            if glances is not None:
                glances.choose(packet, pictures.tried)
            _take_picture(pictures, video, packet, each_seconds)
        elif audio is not None:
            _take_sound(sounds, audio, packet)
    return pictures, sounds


def _take_picture(track: _Track, stream: VideoStream, packet: "Packet[Stream]", each_seconds: float) -> None:
    """Counts one packet of pictures (the empty one at the end flushes the decoder)."""
    track.saw(packet, each_seconds)
    track.tells = track.tells or _message_tells(stream, packet)
    if track.budget <= 0:
        return
    track.tried += 1
    try:
        frames = stream.decode(packet)
    except _BROKEN_PACKETS:
        track.broken += 1
        _check_size(stream, packet)
        return
    for frame in frames:
        track.looked(frame)


_SIZED_UNITS: Final = 1
"""The first byte of H.264's headers where each unit's size is before it: as in MP4, not as in broadcasts."""


def _message_tells(stream: VideoStream, packet: "Packet[Stream]") -> bool:
    """True when the packet says more than pictures: what is copied or sent as it is would say it, too."""
    header = stream.codec_context.extradata or b""
    if stream.codec_context.name != "h264" or len(header) < 5 or header[0] != _SIZED_UNITS or not packet.size:  # noqa: PLR2004  up to the sizes' size
        return False
    return message_tells(memoryview(packet), (header[4] & 3) + 1)


def _listed(stream: Stream | None) -> int:
    return 0 if stream is None else len(stream.index_entries)


def _check_size(stream: VideoStream, packet: "Packet[Stream]") -> None:
    """`TooManyPixels` when that is why a packet did not decode: its size is in a JPEG's header, or known by now."""
    pixels = stream.codec_context.width * stream.codec_context.height
    if stream.codec_context.name == "mjpeg":
        pixels = layout_of(bytes(packet), "jpeg").pixels
    if pixels > _MAX_FRAME_PIXELS:
        raise TooManyPixels(_MAX_FRAME_PIXELS)


def _take_sound(track: _Track, stream: AudioStream, packet: "Packet[Stream]") -> None:
    """Counts one packet of sound and its samples."""
    track.saw(packet)
    if track.budget <= 0:
        return
    track.tried += 1
    try:
        frames = stream.decode(packet)
    except _BROKEN_PACKETS:
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
        raise UnknownCodec(name)
    stream.codec_context.options = dict(_DECODER_OPTIONS)  # those of the container do not reach our own decoders
