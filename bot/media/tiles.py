"""One reference as a tile: a picture fitted in, a frame of a clip, the form of a sound. Inside the media child only."""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from PIL import Image, ImageDraw

from bot.domain.media import Kind
from bot.media.likeness import likeness
from bot.media.looks import ACCENT, plate
from bot.media.loudness import Loudness, loudness
from bot.media.moving import Footage, Moment, Size, footage
from bot.media.protocol import JobRefused, SourceSpec

_GROUND, _RIM, _PALE = (32, 32, 40), (64, 64, 76), (176, 176, 188)
_CHECKS: Final = (104, 104, 112), (128, 128, 136)
"""Greys on which both dark and light drawings with a clear ground can be seen."""

_CHECK_PIXELS: Final = 14
_MOST_ENLARGED: Final = 3.0
"""An emoji of a few pixels is not blown up to the whole tile."""

_LETTERS, _INSET = 22, 10
_BAR, _BAR_GAP = 7, 5
_SECONDS_A_MINUTE: Final = 60

_LOOKED_AT_PIXELS: Final = 250_000_000
"""How much of a clip is decoded on the way to the frame that is shown: 4 s of 1080p at 30 frames a second."""

_LITTLE: Final = 0.1
"""Seconds that nobody misses."""


def tile(source: SourceSpec, size: Size) -> Image.Image:
    """The reference as RGB of exactly that size. Raises `JobRefused`, or whatever a decoder raises."""
    if source["kind"] == Kind.AUDIO.value:
        return _sound(source, size)
    return _clip(source, size) if source["kind"] == Kind.VIDEO.value else _picture(source, size)


def blank(size: Size, *, words: str) -> Image.Image:
    """A tile without a picture that says why."""
    image = Image.new("RGB", size, _GROUND)
    sign = plate(words, pixels=_LETTERS)
    draw, middle = ImageDraw.Draw(image), (size[0] // 2, size[1] // 2)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=8, outline=_RIM, width=3)
    reach, above = size[1] // 9, middle[1] - size[1] // 8
    for lean in (-1, 1):
        ends = (middle[0] - reach, above - lean * reach, middle[0] + reach, above + lean * reach)
        draw.line(ends, fill=_PALE, width=6)
    image.paste(sign, (middle[0] - sign.width // 2, middle[1] + size[1] // 8), sign)
    return image


def _picture(source: SourceSpec, size: Size) -> Image.Image:
    image = likeness(source, size)
    return _centred(image.resize(_fitted(image.size, size), Image.Resampling.LANCZOS, reducing_gap=2.0), size)


def _clip(source: SourceSpec, size: Size) -> Image.Image:
    with footage(source) as film:
        moment = _early_moment(film)
        image = _centred(moment.covering(_fitted(moment.size, size)), size)
        _say(image, _used(film.seconds, _clock(film.whole_seconds), film.whole_seconds), plays=True)
        return image


def _early_moment(film: Footage) -> Moment:
    """The frame at a quarter of what is used, or the last before it that the budget reaches. Openings are often black.

    `JobRefused` when nothing decodes.
    """
    shown, budget = None, _LOOKED_AT_PIXELS
    for moment in film.play():
        if shown is not None and (moment.seconds > film.seconds / 4 or budget <= 0):
            return shown
        shown = moment
        budget -= moment.size[0] * moment.size[1]
    if shown is None:
        raise JobRefused("file-unreadable", detail="no frame decodes")
    return shown


def _sound(source: SourceSpec, size: Size) -> Image.Image:
    """Bars as high as the sound is loud, from its start on the left to its end on the right."""
    heard = loudness(source)
    image = Image.new("RGB", size, _GROUND)
    draw, room, middle = ImageDraw.Draw(image), size[0] - 4 * _INSET, size[1] * 43 // 100
    count = max(1, (room + _BAR_GAP) // (_BAR + _BAR_GAP))
    left = (size[0] - count * (_BAR + _BAR_GAP) + _BAR_GAP) // 2
    start, end = _used_part(source, heard)
    for number, level in enumerate(_levels(heard.peaks, count)):
        half, used = max(2, round(level * size[1] * 0.32)), start <= (number + 0.5) / count * heard.seconds <= end
        bar = (left, middle - half, left + _BAR - 1, middle + half)
        draw.rounded_rectangle(bar, radius=_BAR // 2, fill=ACCENT if used else _RIM)
        left += _BAR + _BAR_GAP
    length = _clock(heard.seconds) if heard.whole else f"over {_clock(heard.seconds)}"
    _say(image, _used(end - start, length, heard.seconds))
    return image


def _used_part(source: SourceSpec, heard: Loudness) -> tuple[float, float]:
    """From where to where the sound is used, in seconds."""
    start, seconds = source.get("start_seconds", 0.0), source.get("seconds")
    return start, heard.seconds if seconds is None else start + seconds


def _used(seconds: float, length: str, whole_seconds: float) -> str:
    """The length, or how much of it is used if that is not all of it."""
    return length if whole_seconds - seconds < _LITTLE else f"{_clock(seconds)} of {length}"


def _levels(peaks: Sequence[float], count: int) -> list[float]:
    """So many levels from 0 to 1, the loudest being 1; silence stays 0."""
    loudest = max(peaks, default=0) or 1
    edges = [position * len(peaks) // count for position in range(count + 1)]
    shares = (peaks[start : max(end, start + 1)] for start, end in pairwise(edges))
    return [max(share, default=0) / loudest for share in shares]


def _fitted(size: Size, room: Size) -> Size:
    """The largest size of the same shape that fits into the room, within reason."""
    scale = min(room[0] / size[0], room[1] / size[1], _MOST_ENLARGED)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _centred(image: Image.Image, size: Size) -> Image.Image:
    """The image in the middle of a tile; what is clear in it shows a chequered ground."""
    ground = Image.new("RGB", size, _GROUND)
    at = ((size[0] - image.width) // 2, (size[1] - image.height) // 2)
    if image.mode == "RGBA":
        ground.paste(_chequered(image.size), at)
    ground.paste(image, at, image if image.mode == "RGBA" else None)
    return ground


def _chequered(size: Size) -> Image.Image:
    image = Image.new("RGB", size, _CHECKS[0])
    draw, step = ImageDraw.Draw(image), _CHECK_PIXELS
    for row, top in enumerate(range(0, size[1], step)):
        for left in range(step * (row % 2), size[0], 2 * step):
            draw.rectangle((left, top, left + step - 1, top + step - 1), fill=_CHECKS[1])
    return image


def _say(image: Image.Image, text: str, *, plays: bool = False) -> None:
    """Words in the lower right corner."""
    sign = plate(text, pixels=_LETTERS, plays=plays)
    image.paste(sign, (image.width - sign.width - _INSET, image.height - sign.height - _INSET), sign)


def _clock(seconds: float) -> str:
    """3.2 s; from a minute on 1:03."""
    if seconds < _SECONDS_A_MINUTE:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // _SECONDS_A_MINUTE}:{int(seconds) % _SECONDS_A_MINUTE:02d}"
