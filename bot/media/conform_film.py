"""Makes an MP4 that a model takes: H.264 and AAC, exact pixels and seconds, upright, in SDR, at an even frame rate.

Frames are picked for an even rate before anything is done to them: those which are not shown cost decoding only.
Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import IO, Final, cast

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from bot.media.ahead import ahead, frames_ahead
from bot.media.conform_frames import Darkroom, even
from bot.media.conform_pictures import on_white
from bot.media.conform_sound import RATE, Tape, decoded_sound, moment_of, sound_frames, whole_packets
from bot.media.containers import check_packets, container, main_audio, main_video
from bot.media.formats import PILLOW_NAMES
from bot.media.pictures import counted_frames, frame_milliseconds, orientation, picture, upright
from bot.media.protocol import ConformSpec, JobRefused, SourceSpec

Advance = Callable[[float], None]

_USUAL_RATE: Final = Fraction(25)
_MOST_RATE, _CALM_RATE, _LEAST_RATE = 60.5, Fraction(30), 10
"""Frames a second: above the most it becomes the calm one; below the least it is multiplied."""

_ANIMATION_RATES: Final = (10, 50)
_SAME_RATE: Final = 0.03
_TIDY_DENOMINATOR: Final = 1001
_SEEK_FROM_SECONDS: Final = 2.0
_BEYOND_SECONDS: Final = 1.0
"""So far behind the end packets are still read: files interleave loosely."""

_PADDING_SECONDS: Final = 0.1
"""Sound that outlasts the pictures by less than this is a codec's padding."""

_INSTANT: Final = 1e-4
"""Seconds that are rounding."""

_THREADS: Final = "2"
_SLICES_FROM_PIXELS: Final = 12_000_000
"""Frames larger than 4K are decoded in slices: several of them at once would not fit into memory."""

_AUDIO_BIT_RATE, _LEAST_AUDIO_BIT_RATE = 128_000, 32_000
_AUDIO_SHARE: Final = 0.2
_LEAST_BIT_RATE: Final = 60_000
_CONTAINER_SHARE: Final = 0.985
_INDEX_BYTES, _INDEX_BYTES_PER_SECOND = 24 * 1024, 3 * 1024
_BT709, _LIMITED_RANGE = 1, 1


@dataclass(frozen=True, slots=True)
class Shot:
    """A decoded frame: when it appears and how long it lasts, in seconds from where the wanted part begins."""

    at: float
    lasts: float
    frame: VideoFrame


@dataclass(frozen=True, slots=True)
class Noise:
    """A decoded piece of sound; `at=None`: straight after the last."""

    at: float | None
    frame: AudioFrame


@dataclass(slots=True)
class Wants:
    """What is still wanted of a file; whoever reads it asks before each packet, and may be a little ahead."""

    pictures: bool = True
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Reel:
    """An open source: a good frame rate for it, whether it has sound, its size upright, and how to play it.

    `ahead`: so many frames of it may wait in memory.
    """

    rate: Fraction
    sound: bool
    size: tuple[int, int]
    play: Callable[[Wants], Iterator[Shot | Noise]]
    ahead: int = 1


def make_film(
    source: SourceSpec, target: ConformSpec, file: IO[bytes], advance: Advance, *, budget: float = 1.0
) -> None:
    """Writes the MP4; `budget` is the share of the target's bytes to aim at. Raises `JobRefused`."""
    with _reel(source, target) as reel:
        rate = _wanted_rate(target) or reel.rate
        size = even(target["width"] or reel.size[0]), even(target["height"] or reel.size[1])
        cut = _Cut.of(target, rate)
        shape = _Shape(
            size=size, rate=rate, sound=reel.sound, seconds=cut.expected(target), budget=_bytes(target, budget)
        )
        with _encoder(file, shape) as encoder:
            _Desk(cut, Darkroom(size), encoder, advance, expected=round(shape.seconds * rate)).run(reel)


def one_frame(source: SourceSpec, target: ConformSpec) -> Image.Image:
    """The frame at the wanted second, or the last before it; upright, RGB, its own size. Raises `JobRefused`."""
    with _reel(source, target) as reel:
        chosen = None
        for moment in reel.play(Wants(sound=False)):
            if isinstance(moment, Shot):
                chosen = moment.frame
                if moment.at + moment.lasts > _INSTANT:
                    break
        if chosen is None:
            raise JobRefused("file-unreadable", detail="no frame decodes")
        turned = bool(chosen.rotation % 180)
        size = (chosen.height, chosen.width) if turned else (chosen.width, chosen.height)
        return cast("Image.Image", Darkroom(size, "rgb24").developed(chosen).to_image())


def warm_up() -> None:
    """Makes a tiny film of a tiny film, so that every filter and codec is loaded before the walls go up."""
    shape = _Shape(size=(32, 32), rate=Fraction(10), sound=True, seconds=0.2, budget=20_000)
    with _encoder(BytesIO(), shape) as encoder:
        room = Darkroom((32, 32))
        for number in range(3):
            frame = room.developed(_video_frame(Image.new("RGB", (16, 16))))
            encoder.show(frame, number)
        encoder.hear(bytes(4 * 4000))
    Darkroom((16, 16), "rgb24").developed(_video_frame(Image.new("RGB", (16, 16)))).to_image()


# --- what a source holds ----------------------------------------------------------------------------------------------


@contextmanager
def _reel(source: SourceSpec, target: ConformSpec) -> Generator[Reel]:
    """Opens a film or an animation. Raises `JobRefused`."""
    if source["format"] in PILLOW_NAMES:
        with picture(source) as image:
            yield _animation(image, target)
        return
    with container(source) as opened:
        video, audio = main_video(opened), main_audio(opened)
        if video is None:
            raise JobRefused("file-unreadable", detail="no moving pictures")
        decode_quickly(video)
        yield Reel(
            _rate_of(video),
            audio is not None,
            (video.width, video.height),
            lambda wants: _film(opened, video, audio, target, wants),
            frames_ahead(video),
        )


def decode_quickly(video: VideoStream) -> None:
    """Lets the decoder use both cores, within the memory there is."""
    large = video.width * video.height > _SLICES_FROM_PIXELS
    video.codec_context.options = {**video.codec_context.options, "threads": _THREADS}
    video.codec_context.thread_type = "SLICE" if large else "AUTO"


def _animation(image: Image.Image, target: ConformSpec) -> Reel:
    """Pillow's frames with their durations, from the wanted second on."""
    first = 1 if getattr(image, "default_image", False) else 0
    count, lasts, turn = counted_frames(image), list[float](), orientation(image)
    for index in range(first, count):
        image.seek(index)
        image.load()
        lasts.append(frame_milliseconds(image) / 1000)
    if not lasts:
        raise JobRefused("file-unreadable", detail="no frame")

    def play(wants: Wants) -> Iterator[Shot]:
        at = -target["start_seconds"]
        for index, seconds in enumerate(lasts, start=first):
            if not wants.pictures:
                return
            image.seek(index)
            yield Shot(at, seconds, _video_frame(upright(on_white(image), turn)))
            at += seconds

    slowest, quickest = _ANIMATION_RATES
    rate = min(max(round(1 / min(lasts)), slowest), quickest)
    return Reel(Fraction(rate), sound=False, size=upright(image, turn).size, play=play)


def _video_frame(image: Image.Image) -> VideoFrame:
    return cast("VideoFrame", VideoFrame.from_image(image))


def _rate_of(video: VideoStream) -> Fraction:
    """The file's own rate as far as it can be believed, tidied up: between 10 and 60 frames a second."""
    guessed, average = video.guessed_rate, video.average_rate
    rate = guessed or average or _USUAL_RATE
    if average and abs(rate - average) > _SAME_RATE * average and rate > _MOST_RATE:
        rate = Fraction(max(1, round(average)))
    if rate > _MOST_RATE:
        return _CALM_RATE
    if rate < _LEAST_RATE:
        rate *= math.ceil(_LEAST_RATE / rate)
    return rate.limit_denominator(_TIDY_DENOMINATOR)


def _wanted_rate(target: ConformSpec) -> Fraction | None:
    return Fraction(target["frame_rate"]).limit_denominator(_TIDY_DENOMINATOR) if target["frame_rate"] else None


def _film(
    opened: InputContainer, video: VideoStream, audio: AudioStream | None, target: ConformSpec, wants: Wants
) -> Iterator[Shot | Noise]:
    """Frames of both tracks from the keyframe before the wanted part to a little behind its end."""
    start = target["start_seconds"]
    if start >= _SEEK_FROM_SECONDS and video.start_time is not None and video.time_base:
        there = video.start_time + int(start / video.time_base)
        moments = _moments(opened, video, audio, target, wants, seek_to=there)
        first = next((moment for moment in moments if isinstance(moment, Shot)), None)
        if first is not None and first.at <= 0:
            yield first
            yield from moments
            return
        moments.close()
        opened.seek(video.start_time, stream=video)
    yield from _moments(opened, video, audio, target, wants)


def _moments(
    opened: InputContainer,
    video: VideoStream,
    audio: AudioStream | None,
    target: ConformSpec,
    wants: Wants,
    *,
    seek_to: int | None = None,
) -> Generator[Shot | Noise]:
    """What decodes, in the file's order; what is damaged is left out."""
    reader = _Reader(video, audio, target["start_seconds"], target["seconds"])
    if seek_to is not None:
        opened.seek(seek_to, stream=video)
    packets = opened.demux([stream for stream in (video, audio) if stream is not None])
    for count, packet in enumerate(whole_packets(packets)):
        check_packets(count)
        if reader.is_over(packet, wants):
            break
        if packet.stream.index == video.index:
            if wants.pictures:
                yield from reader.shots(packet)
        elif audio is not None and wants.sound:
            yield from reader.noises(packet)
    if wants.pictures:
        yield from reader.shots(None)


@dataclass(slots=True)
class _Reader:
    """Decodes packets and puts what comes out on the wanted part's clock. A file begins where its pictures begin."""

    video: VideoStream
    audio: AudioStream | None
    start: float
    seconds: float | None
    origin: float | None = None
    frame_seconds: float = 0.0
    flushed: bool = False

    def __post_init__(self) -> None:
        if self.video.start_time is not None and self.video.time_base:
            self.origin = float(self.video.start_time * self.video.time_base)
        self.frame_seconds = float(1 / self.video.guessed_rate) if self.video.guessed_rate else 1 / 25

    def seek_to(self) -> int:
        """The wanted part's start in the units of the pictures' track."""
        base = self.video.time_base or Fraction(1, 1)
        return (self.video.start_time or 0) + int(self.start / base)

    def is_over(self, packet: "Packet[Stream]", wants: Wants) -> bool:
        """True when nothing more is wanted, or this packet is well behind the end."""
        if not wants.pictures and not wants.sound:
            return True
        at = packet.dts if packet.dts is not None else packet.pts
        if self.seconds is None or at is None:
            return False
        return float(at * packet.time_base) - (self.origin or 0.0) > self.start + self.seconds + _BEYOND_SECONDS

    def shots(self, packet: "Packet[Stream] | None") -> Iterator[Shot]:
        """The packet's pictures; `None` gets what the decoder still holds, once."""
        if packet is None or not packet.size:
            if self.flushed:
                return
            self.flushed = True
        try:
            frames = self.video.decode(packet)
        except (av.error.InvalidDataError, av.error.EOFError):
            return
        for frame in frames:
            yield Shot(self._moment(frame), self._lasts(frame), frame)

    def noises(self, packet: "Packet[Stream]") -> Iterator[Noise]:
        """The packet's sound."""
        if self.audio is None:
            return
        for frame in decoded_sound(self.audio, packet):
            at = moment_of(frame, self.audio)
            yield Noise(None if at is None else at - (self.origin or 0.0) - self.start, frame)

    def _moment(self, frame: VideoFrame) -> float:
        base = frame.time_base or self.video.time_base
        at = float(frame.pts * base) if frame.pts is not None and base else None
        if self.origin is None:
            self.origin = at
        return 0.0 if at is None else at - (self.origin or 0.0) - self.start

    def _lasts(self, frame: VideoFrame) -> float:
        base = frame.time_base or self.video.time_base
        return float(frame.duration * base) if frame.duration and base else self.frame_seconds


# --- an even rate, exact seconds --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cut:
    """How many frames there are to be: `count` at most (`None`: to the end), `loop` at least by playing again."""

    rate: Fraction
    count: int | None
    loop: int | None

    @staticmethod
    def of(target: ConformSpec, rate: Fraction) -> "_Cut":
        """Never longer than asked; a loop never shorter."""
        seconds, loop = target["seconds"], target["loop_to_seconds"]
        return _Cut(
            rate,
            None if seconds is None else max(1, math.floor(seconds * rate + Fraction(1, 1000))),
            None if loop is None else max(1, math.ceil(loop * rate - Fraction(1, 1000))),
        )

    def expected(self, target: ConformSpec) -> float:
        """Seconds that will probably come of it; 0 when nobody knows."""
        frames = self.loop or self.count
        if frames is not None:
            return float(frames / self.rate)
        return max(0.0, (target["lasts"] or 0.0) - target["start_seconds"])

    def samples(self, frames: int) -> int:
        """Samples of sound beside so many frames."""
        return math.floor(frames / self.rate * RATE)


@dataclass(slots=True)
class Slots:
    """Gives each slot of an even rate the frame nearest to it; a frame that stays long stays until the next is due."""

    rate: float
    count: int | None
    next: int = 0
    shot: Shot | None = None
    where: float = 0.0

    @property
    def full(self) -> bool:
        """True when every slot has its frame."""
        return self.count is not None and self.next >= self.count

    @property
    def end(self) -> float:
        """Seconds at which the pictures end."""
        return 0.0 if self.shot is None else self.shot.at + self.shot.lasts

    def put(self, shot: Shot) -> Iterator[VideoFrame]:
        """The frames of all slots that are settled now that this one has come."""
        where, last = shot.at * self.rate, self.shot
        if last is not None:
            yield from self._until(max((self.where + where) / 2, where - 0.5), last)
        self.shot, self.where = shot, where

    def rest(self, seconds: float) -> Iterator[VideoFrame]:
        """The last frame, up to that second, and at least once."""
        if self.shot is not None:
            yield from self._until(max(1.0, round(seconds * self.rate) - 0.5), self.shot)

    def _until(self, edge: float, shot: Shot) -> Iterator[VideoFrame]:
        while self.next < edge and not self.full:
            self.next += 1
            yield shot.frame


# --- the encoder ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What the MP4 is to be. `seconds` is a guess where nobody knows; `budget` in bytes."""

    size: tuple[int, int]
    rate: Fraction
    sound: bool
    seconds: float
    budget: int | None

    @property
    def audio_bit_rate(self) -> int:
        """Bits a second; less where there is little room."""
        if self.budget is None or not self.seconds:
            return _AUDIO_BIT_RATE
        share = int(self.budget * 8 / self.seconds * _AUDIO_SHARE)
        return max(_LEAST_AUDIO_BIT_RATE, min(_AUDIO_BIT_RATE, share))

    @property
    def index_bytes(self) -> int:
        """Room for the index at the front: MP4 keeps it at the end otherwise, and opens the file anew to move it."""
        per_second = _INDEX_BYTES_PER_SECOND * max(1.0, float(self.rate) / 30)
        return _INDEX_BYTES + round(self.seconds * per_second)

    def video_options(self) -> dict[str, str]:
        """x264's options: constant quality, under a ceiling where bytes are counted."""
        options = {"preset": "veryfast", "crf": "21", "threads": _THREADS}
        if self.budget is None or not self.seconds:
            return options
        bits = self.budget * 8 * _CONTAINER_SHARE - self.index_bytes * 8
        bits -= self.audio_bit_rate * self.seconds if self.sound else 0
        buffer_seconds = min(1.0, self.seconds / 4)  # what a full buffer may add to the average
        rate = max(_LEAST_BIT_RATE, int(bits / (self.seconds + buffer_seconds)))
        return options | {"maxrate": str(rate), "bufsize": str(max(1, int(rate * buffer_seconds)))}


def _bytes(target: ConformSpec, share: float) -> int | None:
    return None if target["max_bytes"] is None else int(target["max_bytes"] * share)


class _Encoder:
    """Takes pictures and sound and writes the MP4."""

    def __init__(self, output: OutputContainer, shape: _Shape) -> None:
        self._output, self._tick, self._heard = output, 1 / shape.rate, 0
        self._video = output.add_stream("libx264", rate=shape.rate, options=shape.video_options())
        self._video.width, self._video.height, self._video.pix_fmt = *shape.size, "yuv420p"
        self._video.thread_type = "AUTO"  # PyAV's own choice would cut every frame into slices
        self._video.colorspace = self._video.color_primaries = self._video.color_trc = _BT709
        self._video.color_range = _LIMITED_RANGE
        self._audio: AudioStream | None = None
        if shape.sound:
            self._audio = output.add_stream("aac", rate=RATE, layout="stereo")
            self._audio.bit_rate = shape.audio_bit_rate

    def show(self, frame: VideoFrame, number: int) -> None:
        """The picture of slot `number`."""
        frame.pts, frame.time_base, frame.pict_type = number, self._tick, PictureType.NONE
        try:
            self._output.mux(self._video.encode(frame))
        except av.error.ExternalError as error:  # x264 says no more; its settings are ours, so it is not the file
            raise MemoryError(str(error)) from error

    def hear(self, data: bytes) -> None:
        """The next samples, as a tape has them."""
        if self._audio is None:
            return
        for frame in sound_frames(RATE, 2, data, first=self._heard):
            self._heard += frame.samples
            self._output.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """What the encoders still hold."""
        self._output.mux(self._video.encode())
        if self._audio is not None:
            self._output.mux(self._audio.encode())


@contextmanager
def _encoder(file: IO[bytes], shape: _Shape) -> Generator[_Encoder]:
    """An encoder on the file; the file is complete when the block has ended well."""
    options = {"moov_size": str(shape.index_bytes), "fflags": "+bitexact"}
    if not shape.seconds:
        del options["moov_size"]
    with av.open(file, mode="w", format="mp4", options=options) as output:
        encoder = _Encoder(output, shape)
        yield encoder
        encoder.finish()


@dataclass(slots=True)
class _Desk:
    """Cuts one film: picks frames, develops them, keeps sound beside them."""

    cut: _Cut
    room: Darkroom
    encoder: _Encoder
    advance: Advance
    expected: int
    shown: int = 0
    again: list[VideoFrame] = field(default_factory=list[VideoFrame])
    heard: bytearray = field(default_factory=bytearray)
    last: tuple[VideoFrame, VideoFrame] | None = None

    def run(self, reel: Reel) -> None:
        """Plays the reel into the encoder. `JobRefused` when there is nothing to see."""
        most = self.cut.count if self.cut.loop is None else min(self.cut.count or self.cut.loop, self.cut.loop)
        slots = Slots(float(self.cut.rate), most)
        tape = Tape(limit=None if most is None else self.cut.samples(most))
        wants = Wants(sound=reel.sound)
        with ahead(reel.play(wants), reel.ahead) as moments:
            for moment in moments:
                if isinstance(moment, Noise):
                    tape.put(moment.frame, moment.at)
                    wants.sound = not tape.full
                else:
                    self._show(slots.put(moment))
                    wants.pictures = not slots.full
                self._hear(tape, self.shown)
        tape.flush()
        sound_end = tape.count / RATE
        self._show(slots.rest(sound_end if sound_end - slots.end > _PADDING_SECONDS else slots.end))
        if not self.shown:
            raise JobRefused("file-unreadable", detail="no frame decodes")
        self._hear(tape, self.shown)
        self._loop()

    def _show(self, frames: Iterator[VideoFrame]) -> None:
        for frame in frames:
            if self.last is None or self.last[0] is not frame:
                self.last = frame, self.room.developed(frame)
            self.encoder.show(self.last[1], self.shown)
            self.shown += 1
            if self.cut.loop is not None:
                self.again.append(self.last[1])
            if self.expected:
                self.advance(self.shown / self.expected)

    def _hear(self, tape: Tape, frames: int) -> None:
        """Writes the sound that belongs to so many frames, so that both tracks grow side by side."""
        done = tape.count - tape.held
        data = tape.take(max(0, self.cut.samples(frames) - done))
        if self.cut.loop is not None:
            self.heard += data
        self.encoder.hear(data)

    def _loop(self) -> None:
        """Plays what there is again until it is long enough."""
        if self.cut.loop is None:
            return
        period, sound = self.shown, bytes(self.heard).ljust(self.cut.samples(self.shown) * 4, b"\0")
        while self.shown < self.cut.loop:
            self.encoder.show(self.again[self.shown % period], self.shown)
            self.shown += 1
            if self.shown % period == 0 or self.shown == self.cut.loop:
                ended = self.shown % period or period
                self.encoder.hear(sound[: self.cut.samples(ended) * 4])
