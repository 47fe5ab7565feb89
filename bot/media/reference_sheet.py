"""The job `reference_sheet`: a PNG with a labelled tile for each reference. Runs inside the media child.

Discord shows it about 400 points wide on a phone, so that letters of 30 pixels on 1,280 are still read there; and it
has 256 dithered colours, which keeps it under 1.7 MB whatever is on it: a byte a pixel.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import takewhile
from typing import Final

from PIL import Image, ImageDraw

from bot.media import likeness, loudness
from bot.media.formats import readable
from bot.media.lettering import drawable, shortened_inside, typeface
from bot.media.looks import ACCENT, GROUND, INK, rounded
from bot.media.moving import Size
from bot.media.protocol import JobSpec, SourceSpec
from bot.media.tiles import blank, tile

Say = Callable[[Mapping[str, object]], None]

_COLUMNS: Final = (0, 1, 2, 3, 2, 3, 3, 4, 4, 3)
"""For so many tiles; for more than nine there are four."""

_MOST_COLUMNS: Final = 4
_WIDTH, _WIDTH_OF_ONE = 1280, 860
_MARGIN, _GAP, _ROW_GAP = 24, 14, 18
_TOKEN, _NAME = 30, 24
_LABEL: Final = 82
_SHAPE: Final = 3 / 4
_MOST_LETTERS: Final = 120
_COLOURS: Final = 256
_CANNOT: Final = "cannot be shown"


def work(spec: JobSpec, say: Say) -> Mapping[str, object]:
    """Draws the sheet into the output descriptor."""
    if "output" not in spec:
        raise AssertionError("a sheet needs an output")
    sources = spec["sources"]
    sheet, places = _sheet(len(sources))
    for index, (source, place) in enumerate(zip(sources, places, strict=True)):
        say({"source": index})
        _put(sheet, place, _tile(source, _size(place)), source["label"])
    with os.fdopen(os.dup(spec["output"]), "r+b") as file:
        file.write(_png(sheet))
        file.truncate()  # a child before this one may have ended in the middle of a longer sheet
    return {"done": True}


def warm_up() -> None:
    """Draws a sheet of one blank tile, so that every import and typeface is loaded before the walls go up."""
    likeness.warm_up()
    loudness.warm_up()
    sheet, (place,) = _sheet(1)
    _put(sheet, place, blank(_size(place), words="…"), "#1 @Image1 …")
    _png(sheet.resize((8, 8)))


def _sheet(count: int) -> tuple[Image.Image, list[tuple[int, int, int]]]:
    """An empty sheet and the places of so many tiles: left, top, and width."""
    columns = _COLUMNS[count] if count < len(_COLUMNS) else _MOST_COLUMNS
    width = _WIDTH if columns > 1 else _WIDTH_OF_ONE
    across = (width - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    down = round(across * _SHAPE) + _LABEL
    rows = -(-count // columns)
    places = [
        (_MARGIN + index % columns * (across + _GAP), _MARGIN + index // columns * (down + _ROW_GAP), across)
        for index in range(count)
    ]
    return Image.new("RGB", (width, 2 * _MARGIN + rows * (down + _ROW_GAP) - _ROW_GAP), GROUND), places


def _size(place: tuple[int, int, int]) -> Size:
    return place[2], round(place[2] * _SHAPE)


def _tile(source: SourceSpec, size: Size) -> Image.Image:
    """The reference's tile; a blank one for a file that is damaged, or that has no reader."""
    if not readable(source["format"]):
        return blank(size, words=_CANNOT)
    try:
        return tile(source, size)
    except Exception:  # noqa: BLE001  whatever a decoder raises, the other tiles are still of use
        return blank(size, words=_CANNOT)


def _put(sheet: Image.Image, place: tuple[int, int, int], picture: Image.Image, label: str) -> None:
    """A tile, and its label below: number and token in one line, the name in the next."""
    left, top, across = place
    sheet.paste(picture, (left, top), rounded(picture.size))
    draw, foot = ImageDraw.Draw(sheet), top + picture.height + 10
    words = drawable(label[:_MOST_LETTERS]).split()
    token = list(takewhile(lambda word: word[0] in "#@", words))
    for line, pixels, ink in ((token, _TOKEN, ACCENT), (words[len(token) :], _NAME, INK)):
        font = typeface(pixels)
        draw.text((left + 2, foot), shortened_inside(" ".join(line), font, across - 4), font=font, fill=ink)
        foot += pixels + 6 if line else 0


def _png(sheet: Image.Image) -> bytes:
    """The sheet as a PNG with a palette of its own (octrees are made in a tenth of a median cut's time)."""
    palette = sheet.quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    file = BytesIO()
    sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(file, "PNG")
    return file.getvalue()
