"""What the packets of one track say, whoever reads them: a survey before a decision, or a look at a clip.

Used inside the media child only.
"""

# The stubs leave Packet's type open.
# pyright: reportUnknownMemberType=false

from dataclasses import dataclass
from typing import Final

from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

MOST_BROKEN: Final = 0.05
"""Share of a track's packets that may fail to decode: a stream cut out of another begins with some."""

MISSING: Final = 0.02
"""Share of the packets that an index lists and the file does not hold, before it counts as incomplete."""

_CODEC_PADDING: Final = 0.1
"""Seconds: frames of sound codecs are up to 0.06 s long, and the last one is filled up."""


@dataclass(slots=True, kw_only=True)
class Packets:
    """The packets of one track. Seconds are on the file's clock."""

    start: float | None = None
    end: float = 0.0
    packets: int = 0
    shown: int = 0
    byte_count: int = 0

    @property
    def span(self) -> float:
        """Seconds from the first packet's start to the last one's end."""
        return 0.0 if self.start is None else max(0.0, self.end - self.start)

    def saw(self, packet: "Packet[Stream]", frame_seconds: float = 0.0) -> None:
        """Counts a packet. What an edit list cuts away is read, but lasts no time; a flush is none."""
        if not packet.size:
            return
        self.packets += 1
        self.byte_count += packet.size
        at = packet.pts if packet.pts is not None else packet.dts
        if packet.is_discard or at is None:
            return
        start = float(at * packet.time_base)
        lasts = float(packet.duration * packet.time_base) if packet.duration else frame_seconds
        self.shown += 1
        self.start = start if self.start is None else min(self.start, start)
        self.end = max(self.end, start + lasts)

    def lacks(self, listed: int) -> bool:
        """True when the file's index names more packets than the file holds. `listed`: how many, or 0."""
        return self.packets < listed * (1 - MISSING)


def together_seconds(pictures: float, sounds: float) -> float:
    """The longer track. Sound that outlasts the pictures by no more than a codec's padding does not count."""
    return pictures if pictures and sounds - pictures < _CODEC_PADDING else max(pictures, sounds)


def frame_seconds(video: VideoStream) -> float:
    """How long a frame is shown that does not say so; 0 when nothing tells."""
    return float(1 / video.guessed_rate) if video.guessed_rate else 0.0
