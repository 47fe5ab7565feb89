"""The job `sheet`: a PNG with a row of evenly spaced frames per clip. Runs inside the media child."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from bot.media import pictures
from bot.media.lettering import drawable, shortened, typeface
from bot.media.looks import ACCENT, GROUND, plate, rounded
from bot.media.moving import Size, footage, shown_at
from bot.media.protocol import JobSpec, SourceSpec

Say = Callable[[Mapping[str, object]], None]

_FRAMES: Final = 6
_WIDTH: Final = 1600
_MARGIN, _GAP, _ROW_GAP = 28, 8, 26
_HEADING, _TIME = 22, 15
_TALLEST: Final = 300


@dataclass(frozen=True, slots=True)
class _Row:
    """One clip on the sheet: its label, and its frames with their moments in seconds."""

    label: str
    frames: tuple[tuple[float, Image.Image], ...]

    @property
    def height(self) -> int:
        """Pixels from the heading's top to the frames' foot."""
        return _HEADING + 14 + self.frames[0][1].height


def work(spec: JobSpec, say: Say) -> Mapping[str, object]:
    """Draws the sheet into the output descriptor."""
    if "output" not in spec:
        raise AssertionError("a sheet needs an output")
    rows: list[_Row] = []
    for index, source in enumerate(spec["sources"]):
        say({"source": index})
        rows.append(_row(source))
    with os.fdopen(os.dup(spec["output"]), "r+b") as file:
        file.write(_png(rows))
    return {"done": True}


def warm_up() -> None:
    """Draws a tiny sheet, so that every import and typeface is loaded before the walls go up."""
    pictures.warm_up()
    _png([_Row("@ …", ((0.0, Image.new("RGB", (8, 8))),))])


def _row(source: SourceSpec) -> _Row:
    """Plays the clip once and keeps the frames that stand at the middle of equal parts."""
    with footage(source) as film:
        wanted = [film.seconds * (position + 0.5) / _FRAMES for position in range(_FRAMES)]
        moments = list(shown_at(film, wanted))
        size = _tile(moments[0][1].size)
        frames = tuple((at, moment.covering(size)) for at, moment in moments)
        return _Row(source["label"], frames)


def _tile(size: Size) -> Size:
    """A tile of the clip's shape: as wide as six in a row allow, and not too tall."""
    width = (_WIDTH - 2 * _MARGIN - (_FRAMES - 1) * _GAP) // _FRAMES
    height = max(1, round(width * size[1] / size[0]))
    return (width, height) if height <= _TALLEST else (max(1, round(_TALLEST * size[0] / size[1])), _TALLEST)


def _png(rows: Sequence[_Row]) -> bytes:
    """The sheet: rows below one another on a dark ground, only as wide as they need."""
    widest = max((len(row.frames) * (row.frames[0][1].width + _GAP) - _GAP for row in rows), default=1)
    height = 2 * _MARGIN + sum(row.height for row in rows) + _ROW_GAP * max(0, len(rows) - 1)
    sheet = Image.new("RGB", (max(widest, _WIDTH // 2) + 2 * _MARGIN, height), GROUND)
    top = _MARGIN
    for row in rows:
        _draw_row(sheet, row, top)
        top += row.height + _ROW_GAP
    file = BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _draw_row(sheet: Image.Image, row: _Row, top: int) -> None:
    """The label as a heading, and the frames."""
    font = typeface(_HEADING)
    heading = shortened(drawable(row.label), font, sheet.width - 2 * _MARGIN)
    ImageDraw.Draw(sheet).text((_MARGIN, top), heading, font=font, fill=ACCENT)
    left, below = _MARGIN, top + _HEADING + 14
    for at, frame in row.frames:
        _time_code(frame, at)
        sheet.paste(frame, (left, below), rounded(frame.size))
        left += frame.width + _GAP


def _time_code(frame: Image.Image, seconds: float) -> None:
    """The moment, in the frame's upper right corner (captions stand below)."""
    sign = plate(f"{int(seconds) // 60}:{seconds % 60:04.1f}", pixels=_TIME)
    frame.paste(sign, (frame.width - sign.width - 6, 6), sign)
