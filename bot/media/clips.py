"""Opens a clip to read all of it quickly: the one safe way of `containers`, with decoders on two threads.

Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bot.media.containers import check_packets, container, main_audio, main_video
from bot.media.formats import DEMUXERS
from bot.media.protocol import JobRefused, SourceSpec
from bot.media.tracks import MOST_BROKEN, Packets, frame_seconds, together_seconds

_MAX_FRAME_PIXELS: Final = 40_000_000
_THREADS: Final = "2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """An open clip: its file, its moving pictures, and its sound if there is any."""

    opened: InputContainer
    video: VideoStream
    audio: AudioStream | None

    def packets(self) -> Iterator["Packet[Stream]"]:
        """All packets of both tracks, as they stand in the file; the empty ones at the end flush the decoders."""
        tracks = [self.video] if self.audio is None else [self.video, self.audio]
        for count, packet in enumerate(self.opened.demux(tracks)):
            check_packets(count)
            yield packet

    def frames(self) -> Iterator[VideoFrame | AudioFrame]:
        """All frames of both tracks. A packet that does not decode is left out."""
        for packet in self.packets():
            yield from self.decoded(packet) or ()

    def decoded(self, packet: "Packet[Stream]") -> list[VideoFrame] | list[AudioFrame] | None:
        """The frames that a packet completes; `None` when it does not decode."""
        try:
            if packet.stream.index == self.video.index:
                return self.video.decode(packet)
            return [] if self.audio is None else self.audio.decode(packet)
        except av.error.InvalidDataError:
            return None


@contextmanager
def clip(source: SourceSpec) -> Generator[Clip]:
    """Opens a clip. `JobRefused` when it has no moving pictures, or too large ones."""
    with container(source) as opened:
        video = main_video(opened)
        if video is None:
            raise JobRefused("file-unreadable", detail="no moving pictures")
        if video.width * video.height > _MAX_FRAME_PIXELS:
            raise JobRefused("media-too-heavy", limit=f"{_MAX_FRAME_PIXELS // 1_000_000} megapixels a frame")
        hasten(video)
        yield Clip(opened=opened, video=video, audio=main_audio(opened))


def hasten(stream: VideoStream) -> None:
    """Decodes the stream on two threads; to be said before its first packet."""
    stream.codec_context.options = {"max_pixels": str(_MAX_FRAME_PIXELS), "threads": _THREADS}
    stream.thread_type = "AUTO"


@dataclass(slots=True, kw_only=True)
class Track(Packets):
    """One track of a clip: its packets, and how many did not decode."""

    broken: int = 0

    def check(self, *, listed: int, frames: int) -> None:
        """`JobRefused` unless the track decodes and is whole. `listed`: packets that the file's index names, or 0."""
        if not frames or self.broken > self.packets * MOST_BROKEN:
            raise JobRefused("file-unreadable", detail=f"{frames} frames, {self.broken} broken of {self.packets}")
        if self.lacks(listed):
            raise JobRefused("file-unreadable", detail=f"{self.packets} packets of {listed}")


@dataclass(frozen=True, slots=True)
class Tracks:
    """What a clip's packets say, both tracks."""

    pictures: Track = field(default_factory=Track)
    sounds: Track = field(default_factory=Track)

    def saw(self, packet: "Packet[Stream]", film: Clip) -> Track:
        """Counts a packet and answers its track."""
        if packet.stream.index == film.video.index:
            self.pictures.saw(packet, frame_seconds(film.video))
            return self.pictures
        self.sounds.saw(packet)
        return self.sounds

    @property
    def seconds(self) -> float:
        """See `together_seconds`."""
        return together_seconds(self.pictures.span, self.sounds.span)

    @property
    def start(self) -> float:
        """When the earlier track begins, on the file's clock."""
        return min((track.start for track in (self.pictures, self.sounds) if track.start is not None), default=0.0)


def walked(film: Clip) -> Tracks:
    """Reads all packets and decodes none; leaves the file at its end."""
    tracks = Tracks()
    for packet in film.packets():
        tracks.saw(packet, film)
    return tracks


def listed_packets(source: SourceSpec, video: VideoStream) -> int:
    """How many packets the file's index names; 0 where there is no such index."""
    return len(video.index_entries) if DEMUXERS[source["format"]] == "mov" else 0
