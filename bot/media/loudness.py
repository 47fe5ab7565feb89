"""How loud a sound is from moment to moment, for drawing its form. Inside the media child only."""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from bot.media.containers import check_packets, container, main_audio
from bot.media.protocol import JobRefused, SourceSpec

_RATE: Final = 8_000
"""Samples a second are enough to see loudness by."""

_CHANNELS, _SAMPLE_BYTES = 2, 2
_WINDOW: Final = _RATE // 100
_MOST_SECONDS: Final = 600
_LOUDEST: Final = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """The loudest sample (0 to 1) of every hundredth of a second, either channel; `seconds` as decoded.

    Not `whole`: it goes on after them.
    """

    seconds: float
    peaks: tuple[float, ...]
    whole: bool


def loudness(source: SourceSpec) -> Loudness:
    """Decodes the source's sound, ten minutes of it at most. `JobRefused` when there is none."""
    with container(source) as opened:
        stream = main_audio(opened)
        if stream is None:
            raise JobRefused("file-unreadable", detail="no sound")
        peaks: list[float] = []
        seconds, whole = 0.0, True
        for frame in _small(_decoded(opened, stream)):
            seconds += frame.samples / _RATE
            peaks += _peaks(frame)
            if seconds > _MOST_SECONDS:
                whole = False
                break
    if not peaks:
        raise JobRefused("file-unreadable", detail="no sound decodes")
    return Loudness(seconds=seconds, peaks=tuple(peaks), whole=whole)


def warm_up() -> None:
    """Resamples a moment of silence, so that whatever that needs is loaded."""
    silence = AudioFrame("s16", "stereo", 480)
    silence.sample_rate = 48_000
    for plane in silence.planes:
        plane.update(bytes(plane.buffer_size))
    list(_small(iter((silence,))))


def _decoded(opened: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """All frames. A packet that does not decode is left out; whether there are too many is for `probe`."""
    for count, packet in enumerate(opened.demux(stream)):
        check_packets(count)
        try:
            yield from stream.decode(packet)
        except av.error.InvalidDataError:
            continue


def _small(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """The same sound with fewer samples: 16 bit, two channels in turn."""
    resampler = AudioResampler("s16", "stereo", _RATE)
    for frame in frames:
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _peaks(frame: AudioFrame) -> Iterator[float]:
    """The loudest sample of each window; the frame's last one may be shorter."""
    data = memoryview(bytes(frame.planes[0])[: frame.samples * _CHANNELS * _SAMPLE_BYTES]).cast("h")
    for start in range(0, len(data), _WINDOW * _CHANNELS):
        window = data[start : start + _WINDOW * _CHANNELS]
        loudest, lowest = max(window), min(window)
        yield max(loudest, -lowest) / _LOUDEST
