"""Frames of a clip with their moments, whatever it came as: video through FFmpeg, moving GIF and WebP through Pillow.

A frame's picture is made only when it is asked for, so that frames which are never shown cost no scaling.
Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from bot.media.clips import hasten
from bot.media.containers import check_packets, container, main_video
from bot.media.formats import PILLOW_NAMES
from bot.media.pictures import counted_frames, frame_milliseconds, picture
from bot.media.protocol import JobRefused, SourceSpec

Size = tuple[int, int]
"""Width and height in pixels."""

_GROUND: Final = (24, 24, 30)
_TURNS: Final = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
_SHORTEST_FRAME: Final = 1 / 240
_UNSAID: Final = 2
_HIGH_DEFINITION: Final = 720


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame: when it appears (seconds from the clip's start), how large it is upright, and how to get its picture."""

    seconds: float
    size: Size
    covering: Callable[[Size], Image.Image]
    """The picture as RGB, scaled to cover that size and cut to it."""


@dataclass(frozen=True, slots=True)
class Footage:
    """An open clip: `seconds` long (measured), and its moments from the start, as often as they are asked for."""

    seconds: float
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
    """Opens a clip. Raises `JobRefused`."""
    if source["format"] in PILLOW_NAMES:
        with picture(source) as image:
            yield _animation(image)
        return
    with container(source) as opened:
        stream = main_video(opened)
        if stream is None:
            raise JobRefused("file-unreadable", detail="no moving pictures")
        hasten(stream)
        seconds = _walked_seconds(opened, stream)
        yield Footage(seconds, lambda: _decoded(opened, stream))


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


def _animation(image: Image.Image) -> Footage:
    """A moving picture of Pillow's."""
    count = counted_frames(image)
    lasts: list[float] = []
    for index in range(count):
        image.seek(index)
        image.load()
        lasts.append(frame_milliseconds(image) / 1000)

    def play() -> Iterator[Moment]:
        at = 0.0
        for index in range(count):
            image.seek(index)
            frame = image.copy()
            yield Moment(at, frame.size, lambda size, frame=frame: covering(frame, size))
            at += lasts[index]

    return Footage(sum(lasts), play)


def _walked_seconds(opened: InputContainer, stream: VideoStream) -> float:
    """The clip's length by its packets; leaves the file at its end."""
    start, end = float("inf"), 0.0
    frame_seconds = float(1 / stream.guessed_rate) if stream.guessed_rate else _SHORTEST_FRAME
    for count, packet in enumerate(opened.demux(stream)):
        check_packets(count)
        if packet.pts is None or packet.is_discard:
            continue
        at = float(packet.pts * packet.time_base)
        start = min(start, at)
        end = max(end, at + (float(packet.duration * packet.time_base) if packet.duration else frame_seconds))
    return max(0.0, end - start)


def _decoded(opened: InputContainer, stream: VideoStream) -> Iterator[Moment]:
    """Frames from the start. A packet that does not decode is left out; whether there are too many is for `probe`."""
    opened.seek(0)
    first: float | None = None
    for packet in opened.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            at = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
            first = at if first is None else first
            yield Moment(max(0.0, at - first), _upright_size(frame), lambda size, frame=frame: _picture(frame, size))


def _matrix(frame: VideoFrame) -> str | None:
    """The matrix to read colours by when the clip does not say: what players take for its height."""
    if frame.colorspace != _UNSAID:
        return None
    return "ITU709" if min(frame.width, frame.height) >= _HIGH_DEFINITION else "ITU601"


def _upright_size(frame: VideoFrame) -> Size:
    return (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)


def _picture(frame: VideoFrame, size: Size) -> Image.Image:
    """The frame upright, covering the size: scaled by FFmpeg (which minds colour), then turned and cut."""
    turned = bool(frame.rotation % 180)
    width, height = (size[1], size[0]) if turned else size
    scale = max(width / frame.width, height / frame.height)
    scaled = frame.reformat(
        width=max(width, round(frame.width * scale)),
        height=max(height, round(frame.height * scale)),
        format="rgb24",
        src_colorspace=_matrix(frame),
        interpolation="BILINEAR" if scale > 1 else "AREA",
    )
    image = cast("Image.Image", scaled.to_image())
    turn = _TURNS.get(frame.rotation % 360)
    upright = image if turn is None else image.transpose(turn)
    left, top = (upright.width - size[0]) // 2, (upright.height - size[1]) // 2
    return upright.crop((left, top, left + size[0], top + size[1]))
