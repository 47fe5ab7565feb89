"""Sound for what conform makes: decoded, brought to one rate, cut to the sample; and MP3 or WAV out of it.

Loudness is left as it is. What decodes is used, what does not is left out. Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from typing import IO, Final, TypeVar

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from bot.media.containers import check_packets, container, main_audio
from bot.media.protocol import ConformSpec, JobRefused, SourceSpec

Advance = Callable[[float], None]
_AnyStream = TypeVar("_AnyStream", bound=Stream)

RATE: Final = 48_000
_SAMPLE_BYTES: Final = 2
_MP3_FRAME: Final = 1152
_MP3_RATES: Final = frozenset({32_000, 44_100, 48_000})
_MP3_BIT_RATES: Final = (192_000, 160_000, 128_000, 96_000, 64_000, 48_000, 32_000)
_WAV_HEADER_BYTES: Final = 1024
_WAV_SHAPES: Final = ((48_000, 2), (48_000, 1), (32_000, 1), (16_000, 1), (8_000, 1))
_MP3_EXTRA_BYTES: Final = 2048
"""The frame that says how long the sound is, and the one that LAME adds."""

_JUMP_SECONDS: Final = 0.05
"""A timestamp this far from where the sound is means a gap or an overlap; less is rounding."""

_LONGEST_GAP_SECONDS: Final = 600.0
_SEEK_FROM_SECONDS: Final = 120.0
"""Sound is decoded so quickly that seeking, which is never exact, pays only this far into a file."""


class Tape:
    """16-bit samples at one rate, laid down where their timestamps say. What lies before second 0 is cut.

    `limit`: samples it takes at most.
    """

    def __init__(self, *, rate: int = RATE, channels: int = 2, limit: int | None = None) -> None:
        """Takes frames of any shape."""
        self.rate, self.channels, self.limit = rate, channels, limit
        self.layout = "mono" if channels == 1 else "stereo"
        self.count = 0
        self._width = _SAMPLE_BYTES * channels
        self._held, self._cut = bytearray(), 0
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._next: float | None = None

    @property
    def full(self) -> bool:
        """True when it takes no more."""
        return self.limit is not None and self.count >= self.limit

    @property
    def held(self) -> int:
        """Samples that can be taken off."""
        return len(self._held) // self._width

    def put(self, frame: AudioFrame, at: float | None) -> None:
        """Lays down a frame that sounds `at` seconds; `None`: straight after the last."""
        shape = frame.format.name, frame.layout.name, frame.sample_rate
        jumps = self._next is None or (at is not None and abs(at - self._next) > _JUMP_SECONDS)
        if shape != self._shape or jumps:
            self.flush()
            self._shape, self._resampler = shape, AudioResampler("s16", self.layout, self.rate)
            if at is not None and jumps:
                self._move_to(at)
        self._next = (at if at is not None else self._next or 0.0) + frame.samples / frame.sample_rate
        frame.pts = None
        if self._resampler is not None:
            self._lay(self._resampler.resample(frame))

    def flush(self) -> None:
        """Gets what the resampler still holds."""
        if self._resampler is not None:
            self._lay(self._resampler.resample(None))
        self._resampler = None

    def take(self, samples: int) -> bytes:
        """Takes off up to so many samples, from the beginning."""
        taken = bytes(self._held[: samples * self._width])
        del self._held[: len(taken)]
        return taken

    def _move_to(self, at: float) -> None:
        """Silence up to there, or the next samples cut so that they begin where the tape is."""
        ahead = round(at * self.rate) - self.count
        self._cut = max(0, -ahead)
        gap = min(max(0, ahead), round(_LONGEST_GAP_SECONDS * self.rate))
        self._append(bytes(self._room(gap) * self._width))

    def _lay(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            cut = min(self._cut, frame.samples)
            self._cut -= cut
            data = bytes(frame.planes[0])[cut * self._width : frame.samples * self._width]
            self._append(data[: self._room(frame.samples - cut) * self._width])

    def _append(self, data: bytes) -> None:
        self._held += data
        self.count += len(data) // self._width

    def _room(self, samples: int) -> int:
        return samples if self.limit is None else max(0, min(samples, self.limit - self.count))


def sound_frames(tape_rate: int, channels: int, data: bytes, *, first: int, size: int = 1024) -> Iterator[AudioFrame]:
    """The samples as frames; `first` is the number of the first sample."""
    layout, width = "mono" if channels == 1 else "stereo", _SAMPLE_BYTES * channels
    for start in range(0, len(data), size * width):
        piece = data[start : start + size * width]
        frame = AudioFrame(format="s16", layout=layout, samples=len(piece) // width)
        frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.time_base, frame.pts = tape_rate, Fraction(1, tape_rate), first + start // width
        yield frame


def decoded_sound(stream: AudioStream, packet: "Packet[_AnyStream]") -> list[AudioFrame]:
    """The packet's frames; none when it is damaged."""
    try:
        return stream.decode(packet)
    except av.error.InvalidDataError:
        return []


def moment_of(frame: AudioFrame, stream: AudioStream) -> float | None:
    """The frame's own timestamp in seconds."""
    base = frame.time_base or stream.time_base
    return None if frame.pts is None or base is None else float(frame.pts * base)


def make_sound(source: SourceSpec, target: ConformSpec, file: IO[bytes], advance: Advance) -> None:
    """Writes MP3 or WAV. Raises `JobRefused` when nothing can be heard."""
    with container(source) as opened:
        stream = main_audio(opened)
        if stream is None:
            raise JobRefused("file-unreadable", detail="no sound")
        tape = _tape_for(stream, target)
        expected = tape.limit or round((target["lasts"] or 0.0) * tape.rate) or None
        with _written(file, target, tape, expected) as write:
            for _ in played(opened, stream, tape, target["start_seconds"]):
                write()
                if expected:
                    advance(tape.count / expected)
            tape.flush()
            write()
        if not tape.count:
            raise JobRefused("file-unreadable", detail="no sound decodes")


def warm_up() -> None:
    """Writes and reads a little sound, so that every codec is loaded before the walls go up."""
    target: ConformSpec = dict.fromkeys(ConformSpec.__annotations__)  # pyright: ignore[reportAssignmentType]  all empty
    for format_name in ("mp3", "wav"):
        target["format"] = format_name
        tape = Tape(limit=4000)
        with _written(BytesIO(), target, tape, 4000) as write:
            for frame in sound_frames(44_100, 1, bytes(8000), first=0):
                tape.put(frame, None)
            tape.flush()
            write()


def played(opened: InputContainer, stream: AudioStream, tape: Tape, start: float) -> Iterator[None]:
    """Lays the stream's sound from `start` on down, frame by frame, until the tape is full."""
    origin = _origin_after_seek(opened, stream, start)
    packets = opened.demux(stream)
    for count, packet in enumerate(whole_packets(packets)):
        check_packets(count)
        for frame in decoded_sound(stream, packet):
            at = moment_of(frame, stream)
            if origin is None and at is not None:
                origin = at
            tape.put(frame, None if at is None or origin is None else at - origin - start)
            yield
        if tape.full:
            return


def whole_packets(packets: "Iterator[Packet[_AnyStream]]") -> "Iterator[Packet[_AnyStream]]":
    """Packets up to where the file is damaged beyond reading."""
    while True:
        try:
            packet = next(packets, None)
        except (av.error.InvalidDataError, av.error.EOFError):
            return
        if packet is None:
            return
        yield packet


def _origin_after_seek(opened: InputContainer, stream: AudioStream, start: float) -> float | None:
    """Where the file's clock stands at its start; `None` when the first frame will tell."""
    if start < _SEEK_FROM_SECONDS or stream.start_time is None or stream.time_base is None:
        return None
    opened.seek(stream.start_time + int((start - 1.0) / stream.time_base), stream=stream)
    return float(stream.start_time * stream.time_base)


def _tape_for(stream: AudioStream, target: ConformSpec) -> Tape:
    """A tape of the shape that suits the format and its bytes, as long as it may be."""
    channels = 1 if stream.codec_context.channels == 1 else 2
    seconds = target["seconds"]
    if target["format"] == "wav":
        rate, channels = _wav_shape(channels, seconds or target["lasts"], target["max_bytes"])
        return Tape(rate=rate, channels=channels, limit=None if seconds is None else math.floor(seconds * rate + 1e-6))
    rate = stream.rate if stream.rate in _MP3_RATES else RATE
    return Tape(rate=rate, channels=channels, limit=None if seconds is None else _mp3_samples(seconds, rate))


def _mp3_samples(seconds: float, rate: int) -> int:
    """So many samples that the MP3's frames, with the one that LAME adds, last no longer than `seconds`."""
    return max(1, math.floor(seconds * rate / _MP3_FRAME + 1e-6) - 1) * _MP3_FRAME


def _wav_shape(channels: int, seconds: float | None, max_bytes: int | None) -> tuple[int, int]:
    """The best rate and number of channels whose samples fit."""
    shapes = [shape for shape in _WAV_SHAPES if shape[1] <= channels]
    if seconds is None or max_bytes is None:
        return shapes[0]
    fitting = (
        (rate, count)
        for rate, count in shapes
        if seconds * rate * count * _SAMPLE_BYTES + _WAV_HEADER_BYTES <= max_bytes
    )
    return next(fitting, shapes[-1])


def _mp3_bit_rate(target: ConformSpec, seconds: float | None) -> int:
    """The best bit rate that fits; bits a second."""
    if not seconds or target["max_bytes"] is None:
        return _MP3_BIT_RATES[0]
    most = (target["max_bytes"] - _MP3_EXTRA_BYTES) * 8 / seconds
    return next((rate for rate in _MP3_BIT_RATES if rate <= most), _MP3_BIT_RATES[-1])


@contextmanager
def _written(file: IO[bytes], target: ConformSpec, tape: Tape, expected: int | None) -> Generator[Callable[[], None]]:
    """What writes whatever the tape holds; the file is complete when the block has ended well."""
    options = {"fflags": "+bitexact"} | ({"id3v2_version": "0"} if target["format"] == "mp3" else {})
    with av.open(file, mode="w", format=target["format"], options=options) as output:
        stream = _sound_track(output, target, tape, expected)
        done = 0

        def write() -> None:
            nonlocal done
            data = tape.take(tape.held)
            for frame in sound_frames(tape.rate, tape.channels, data, first=done):
                output.mux(stream.encode(frame))
                done += frame.samples

        yield write
        if done:
            output.mux(stream.encode())


def _sound_track(output: OutputContainer, target: ConformSpec, tape: Tape, expected: int | None) -> AudioStream:
    if target["format"] == "wav":
        return output.add_stream("pcm_s16le", rate=tape.rate, layout=tape.layout)
    stream = output.add_stream("libmp3lame", rate=tape.rate, layout=tape.layout)
    stream.bit_rate = _mp3_bit_rate(target, expected / tape.rate if expected else None)
    return stream
