"""Frames of a clip with their moments, whatever it came as: video through FFmpeg, moving GIF and WebP through Pillow.

A frame's picture is made only when it is asked for, so that frames which are never shown cost no scaling. It is upright
and in SDR, much as what is made of the clip for a model would be. Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Final, cast

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from bot.media.clips import hasten
from bot.media.conform_frames import Darkroom
from bot.media.conform_pictures import on_white
from bot.media.containers import check_packets, container, main_video
from bot.media.formats import PILLOW_NAMES
from bot.media.pictures import counted_frames, frame_milliseconds, orientation, picture, upright
from bot.media.protocol import JobRefused, SourceSpec

Size = tuple[int, int]
"""Width and height in pixels."""

_GROUND: Final = (24, 24, 30)
_SHORTEST_FRAME: Final = 1 / 240
_SEEK_FROM_SECONDS: Final = 2.0
_ON_THE_WAY_PIXELS: Final = 1_000_000_000
"""How much is decoded on the way to a part of a clip; what has no keyframe near it is shown from where that ends."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame: when it appears (seconds from the clip's start), how large it is upright, and how to get its picture."""

    seconds: float
    size: Size
    covering: Callable[[Size], Image.Image]
    """The picture as RGB, scaled to cover that size and cut to it."""


@dataclass(frozen=True, slots=True)
class Footage:
    """An open clip, or a part of it: `seconds` long (measured), and its moments from the start, as often as asked for.

    `whole_seconds`: how long the clip is of which it may be a part.
    """

    seconds: float
    whole_seconds: float
    play: Callable[[], Iterator[Moment]]

    def endlessly(self) -> Iterator[Moment]:
        """Begins anew at the end, for ever. `JobRefused` when nothing decodes."""
        start, lasts = 0.0, max(self.seconds, _SHORTEST_FRAME)
        while True:
            shown = 0
            for shown, moment in enumerate(self.play(), start=1):  # noqa: B007  counted after the loop
                yield Moment(start + moment.seconds, moment.size, moment.covering)
            if not shown:
                raise JobRefused("file-unreadable", detail="no frame decodes")
            start += lasts


@contextmanager
def footage(source: SourceSpec) -> Generator[Footage]:
    """Opens a clip, or the part of it that the source names. Raises `JobRefused`."""
    start, most = source.get("start_seconds", 0.0), source.get("seconds")
    if source["format"] in PILLOW_NAMES:
        with picture(source) as image:
            yield _part(*_animation(image), start, most)
        return
    with container(source) as opened:
        stream = main_video(opened)
        if stream is None:
            raise JobRefused("file-unreadable", detail="no moving pictures")
        hasten(stream)
        begins, seconds = _walked(opened, stream)
        yield _part(seconds, lambda: _decoded(opened, stream, begins, start), start, most)


def shown_at(film: Footage, wanted: Iterable[float]) -> Iterator[tuple[float, Moment]]:
    """The frame that is on the screen at each of the moments (seconds, ascending), the first and last ones included.

    `JobRefused` when nothing decodes.
    """
    shown: Moment | None = None
    left = iter(wanted)
    at = next(left, None)
    for moment in film.play():
        while shown is not None and at is not None and moment.seconds > at:
            yield at, shown
            at = next(left, None)
        if at is None:
            return
        shown = moment
    if shown is None:
        raise JobRefused("file-unreadable", detail="no frame decodes")
    while at is not None:
        yield at, shown
        at = next(left, None)


def covering(image: Image.Image, size: Size) -> Image.Image:
    """The image as RGB, scaled to cover the size and cut to it around the middle; what is clear becomes dark ground."""
    return ImageOps.fit(opaque(image), size, Image.Resampling.BICUBIC)


def opaque(image: Image.Image) -> Image.Image:
    """The image as RGB; what is clear becomes dark ground."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, _GROUND)
    layer = image.convert("RGBA")
    ground.paste(layer, (0, 0), layer)
    return ground


def _part(whole: float, play: Callable[[], Iterator[Moment]], start: float, most: float | None) -> Footage:
    """What lies from `start` on, `most` seconds long if that is said; all of a clip that ends before it."""
    if start >= whole:
        start = 0.0
    if most is None or most >= whole - start:
        return Footage(whole - start, whole, lambda: _cut(play(), start, inf))
    return Footage(most, whole, lambda: _cut(play(), start, start + most))


def _cut(moments: Iterator[Moment], start: float, end: float) -> Iterator[Moment]:
    """The moments from the one that is on the screen at `start` to before `end`, on a clock of their own."""
    shown, left = None, _ON_THE_WAY_PIXELS
    for moment in moments:
        if moment.seconds <= start and left > 0:
            shown = moment
            left -= moment.size[0] * moment.size[1]
            continue
        if shown is not None:
            yield Moment(0.0, shown.size, shown.covering)
            shown = None
        if moment.seconds >= end:
            return
        yield Moment(max(0.0, moment.seconds - start), moment.size, moment.covering)
    if shown is not None:
        yield Moment(0.0, shown.size, shown.covering)


def _animation(image: Image.Image) -> tuple[float, Callable[[], Iterator[Moment]]]:
    """A moving picture of Pillow's: its seconds, and how to play it."""
    count, turn = counted_frames(image), orientation(image)
    lasts: list[float] = []
    for index in range(count):
        image.seek(index)
        image.load()
        lasts.append(frame_milliseconds(image) / 1000)

    def play() -> Iterator[Moment]:
        at = 0.0
        for index in range(count):
            image.seek(index)
            frame = upright(image.copy(), turn)
            yield Moment(at, frame.size, lambda size, frame=frame: covering(on_white(frame), size))
            at += lasts[index]

    return sum(lasts), play


def _walked(opened: InputContainer, stream: VideoStream) -> tuple[float, float]:
    """Where the clip's clock stands at its start and how long it is, by its packets; leaves the file at its end."""
    start, end = inf, 0.0
    frame_seconds = float(1 / stream.guessed_rate) if stream.guessed_rate else _SHORTEST_FRAME
    for count, packet in enumerate(opened.demux(stream)):
        check_packets(count)
        if packet.pts is None or packet.is_discard:
            continue
        at = float(packet.pts * packet.time_base)
        start = min(start, at)
        end = max(end, at + (float(packet.duration * packet.time_base) if packet.duration else frame_seconds))
    return (start, end - start) if start < end else (0.0, 0.0)


def _decoded(opened: InputContainer, stream: VideoStream, begins: float, start: float) -> Iterator[Moment]:
    """Frames from the start, or from the keyframe before `start` where that can be found."""
    if start >= _SEEK_FROM_SECONDS and stream.time_base:
        opened.seek(int((begins + start) / stream.time_base), stream=stream)
        moments = _moments(opened, stream, begins)
        first = next(moments, None)
        if first is not None and first.seconds <= start:
            yield first
            yield from moments
            return
    opened.seek(0)
    yield from _moments(opened, stream, begins)


def _moments(opened: InputContainer, stream: VideoStream, begins: float) -> Iterator[Moment]:
    """Frames from here. A packet that does not decode is left out; whether there are too many is for `probe`."""
    prints = _Prints()
    for packet in opened.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            at = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else begins
            size = _upright_size(frame)
            yield Moment(max(0.0, at - begins), size, lambda size, frame=frame: prints.covering(frame, size))


class _Prints:
    """Pictures of a film's frames; whatever develops them is kept by size."""

    def __init__(self) -> None:
        self._rooms: dict[Size, Darkroom] = {}

    def covering(self, frame: VideoFrame, size: Size) -> Image.Image:
        """The frame upright, scaled to cover the size and cut to it around the middle."""
        width, height = _upright_size(frame)
        scale = max(size[0] / width, size[1] / height)
        whole = max(size[0], round(width * scale)), max(size[1], round(height * scale))
        if whole not in self._rooms:
            self._rooms[whole] = Darkroom(whole, "rgb24", sketch=True)
        image = cast("Image.Image", self._rooms[whole].developed(frame).to_image())
        left, top = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
        return image.crop((left, top, left + size[0], top + size[1]))


def _upright_size(frame: VideoFrame) -> Size:
    return (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
