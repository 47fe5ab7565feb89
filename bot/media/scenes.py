"""What fills an animatic's frame for a while: a still that is slowly moved over, a clip that is cut in, a title card.

Every scene answers the frame for a moment of its own time, exactly as large as asked. Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol

from PIL import Image, ImageDraw

from bot.domain.media import Kind
from bot.media.lettering import WHITE, letter_pixels, typeface, wrapped
from bot.media.likeness import likeness
from bot.media.moving import Footage, Size, footage, opaque
from bot.media.protocol import SourceSpec

_ZOOM: Final = 1.14
_ROOM: Final = 1.2
"""How much larger than the frame a still is kept, so that zooming in loses little sharpness."""

_PAN_WIDTHS_PER_SECOND: Final = 0.10
_LONGEST_SLACK: Final = 2.5
"""Of a panorama, so many frames' worth is kept along the long side."""


class Scene(Protocol):
    """Something to show. Moments are seconds from the scene's start and never go back."""

    def at(self, moment: float) -> Image.Image:
        """The frame for a moment: RGB, of the scene's size. The caller may draw on it."""
        ...


class Still:
    """A picture with a slow camera: it zooms in or out by turns, and travels along the side that does not fit."""

    def __init__(self, image: Image.Image, size: Size, *, seconds: float, turn: int, travels: bool = True) -> None:
        """`image` is RGB, larger than `size`; `turn` counts stills, so that neighbours move differently."""
        self._image, self._size, self._seconds, self._turn = image, size, max(seconds, 0.01), turn
        self._pace = _PAN_WIDTHS_PER_SECOND if travels else 0.0

    def at(self, moment: float) -> Image.Image:
        """The camera's view, cut out of the picture and scaled."""
        progress = _eased(min(1.0, moment / self._seconds))
        backwards = 1 - progress
        width, height = self._view(1 + (_ZOOM - 1) * (progress if self._turn % 2 == 0 else backwards))
        across = progress if self._turn % 4 in {0, 1} else backwards
        left = self._start(self._image.width - width, width, across)
        top = self._start(self._image.height - height, height, across)
        return self._image.resize(self._size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))

    def _view(self, zoom: float) -> tuple[float, float]:
        """The largest part of the picture with the frame's shape, divided by the zoom."""
        scale = min(self._image.width / self._size[0], self._image.height / self._size[1]) / zoom
        return self._size[0] * scale, self._size[1] * scale

    def _start(self, slack: float, side: float, progress: float) -> float:
        """Where the view starts along a side: about the middle, no faster than is pleasant, never over the edge."""
        way = min(slack * 0.8, side * self._pace * self._seconds)
        return max(0.0, min(slack, slack / 2 + way * (progress - 0.5)))


class Clip:
    """Moving pictures, scaled to cover the frame, begun anew when they end before their time."""

    def __init__(self, film: Footage, size: Size) -> None:
        """`film` stays open as long as the scene."""
        self._moments, self._size = film.endlessly(), size
        self._current = self._next = next(self._moments)
        self._frame = self._current.covering(size)

    def at(self, moment: float) -> Image.Image:
        """The last frame that has appeared by then."""
        shown = self._current
        while self._next.seconds <= moment:
            self._current, self._next = self._next, next(self._moments)
        if self._current is not shown:
            self._frame = self._current.covering(self._size)
        return self._frame.copy()


@contextmanager
def scene_of(source: SourceSpec, size: Size, *, seconds: float, turn: int) -> Generator[Scene]:
    """The scene that shows a picture or a clip, open while the block runs. Raises `JobRefused`."""
    if source["kind"] == Kind.VIDEO.value:
        with footage(source) as film:
            yield Clip(film, size)
        return
    yield Still(_prepared(likeness(source, size), size), size, seconds=seconds, turn=turn)


def title_card(text: str, size: Size, *, seconds: float) -> Scene:
    """The prompt in large letters on a dark ground, for when there is nothing else to look at."""
    width, height = round(size[0] * _ROOM), round(size[1] * _ROOM)
    card = Image.merge("RGB", [_ramp(width, height, *ends) for ends in ((20, 44), (22, 30), (38, 78))])
    pixels = round(letter_pixels(*size) * 1.7 * _ROOM)
    font, pitch = typeface(pixels), round(pixels * 1.4)
    lines = wrapped(text, font, width=round(width * 0.76), lines=max(1, round(height * 0.7) // pitch)) or ["…"]
    draw, top = ImageDraw.Draw(card), (height - pitch * len(lines)) // 2
    for index, line in enumerate(lines):
        left = (width - font.getlength(line)) / 2
        draw.text((left, top + index * pitch), line, font=font, fill=WHITE[:3])
    return Still(card, size, seconds=seconds, turn=0, travels=False)


def _prepared(image: Image.Image, size: Size) -> Image.Image:
    """The picture opaque, and a little larger than it takes to cover the frame."""
    scale = _ROOM * max(size[0] / image.width, size[1] / image.height)
    most = round(size[0] * _ROOM * _LONGEST_SLACK), round(size[1] * _ROOM * _LONGEST_SLACK)
    width, height = (max(side, round(old * scale)) for side, old in zip(size, image.size, strict=True))
    kept_width, kept_height = min(width, most[0]), min(height, most[1])
    trim_x, trim_y = (image.width * (1 - kept_width / width) / 2, image.height * (1 - kept_height / height) / 2)
    return opaque(image).resize(
        (kept_width, kept_height),
        Image.Resampling.BICUBIC,
        box=(trim_x, trim_y, image.width - trim_x, image.height - trim_y),
        reducing_gap=2.0,
    )


def _ramp(width: int, height: int, top: int, foot: int) -> Image.Image:
    """A grey channel from one level to another."""
    levels = [round(top + (foot - top) * level / 255) for level in range(256)]
    return Image.linear_gradient("L").resize((width, height)).point(levels)


def _eased(progress: float) -> float:
    """Starts and stops softly: 3p² - 2p³."""
    return progress * progress * (3 - 2 * progress)
