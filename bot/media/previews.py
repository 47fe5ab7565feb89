"""The jobs that make pictures of a clip: `poster`, `preview` and `last_frame`. Run inside the media child.

All of them are upright and hold pixels only: nothing that was said about the clip goes into them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Final

from PIL import Image, ImageFilter, ImageStat

from bot.media import pictures
from bot.media.moving import Footage, Moment, Size, footage, shown_at
from bot.media.protocol import JobRefused, JobSpec

Say = Callable[[Mapping[str, object]], None]
Maker = Callable[[Footage, JobSpec, IO[bytes]], None]

_CANDIDATES: Final = 16
_LOOKED_AT: Final = 480
"""The long side, in pixels, at which candidates are compared: small, and still sharp or not."""

_POSTER_SIDE: Final = 1920
_LAST_SIDE: Final = 7680
_POSTER_QUALITY: Final = 88
_ENOUGH_CONTRAST: Final = 24.0
_PREVIEW_SECONDS: Final = 6.0


@dataclass(frozen=True, slots=True)
class _Rung:
    """One way to make a preview: its long side in pixels, frames a second, and WebP's quality."""

    side: int
    rate: int
    quality: int


_RUNGS: Final = (
    _Rung(480, 12, 65),
    _Rung(400, 10, 55),
    _Rung(320, 10, 45),
    _Rung(240, 8, 35),
    _Rung(160, 5, 25),
    _Rung(96, 3, 10),
)
_TOO_LARGE: Final = 2
"""So many times over the limit, and the next way need not be tried."""


def work(spec: JobSpec, _say: Say) -> Mapping[str, object]:
    """Writes the job's picture into the output descriptor. Raises `JobRefused`, or whatever a decoder raises."""
    if "output" not in spec:
        raise AssertionError("a picture needs an output")
    with footage(spec["sources"][0]) as film, os.fdopen(os.dup(spec["output"]), "r+b") as file:
        _MAKERS[spec["job"]](film, spec, file)
    return {"done": True}


def warm_up() -> None:
    """Saves tiny pictures of every sort, so that every import is there before the walls go up."""
    pictures.warm_up()
    image = Image.new("RGB", (8, 8))
    _interest(image)
    _webp([image, Image.new("RGB", (8, 8), (9, 9, 9))], _RUNGS[-1])
    for form in ("PNG", "JPEG"):
        image.save(BytesIO(), form)


def _poster(film: Footage, _spec: JobSpec, file: IO[bytes]) -> None:
    """A JPEG of the frame with the most to see, out of some that stand evenly over the clip."""
    best: tuple[float, Moment] | None = None
    for _, moment in shown_at(film, _evenly(film.seconds)):
        interest = _interest(moment.covering(_within(moment.size, _LOOKED_AT)))
        if best is None or interest > best[0]:
            best = interest, moment
    if best is None:
        raise AssertionError("there are moments, or a refusal")
    moment = best[1]
    moment.covering(_within(moment.size, _POSTER_SIDE)).save(file, "JPEG", quality=_POSTER_QUALITY)


def _evenly(seconds: float) -> list[float]:
    """The middles of equal parts."""
    return [seconds * (position + 0.5) / _CANDIDATES for position in range(_CANDIDATES)]


def _interest(picture: Image.Image) -> float:
    """How much there is to see: edges, which blur and flat ground have few of, and contrast, which the dark has not."""
    grey = picture.convert("L")
    inner = (1, 1, max(2, grey.width - 1), max(2, grey.height - 1))  # the filter leaves the border as it is
    edges = ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES).crop(inner)).rms[0]
    contrast = ImageStat.Stat(grey).stddev[0]
    return edges * min(1.0, contrast / _ENOUGH_CONTRAST)


def _preview(film: Footage, spec: JobSpec, file: IO[bytes]) -> None:
    """A looping WebP of the clip's first seconds, the finest that fits; the coarsest when none does."""
    if "fit" not in spec:
        raise AssertionError("a preview needs a limit")
    limit = spec["fit"]["max_bytes"]
    seconds = min(film.seconds, _PREVIEW_SECONDS)
    frames = [
        moment.covering(_within(moment.size, _RUNGS[0].side))
        for _, moment in shown_at(film, _ticks(seconds, _RUNGS[0].rate))
    ]
    file.write(_fitting(frames, seconds, limit))


def _fitting(frames: Sequence[Image.Image], seconds: float, limit: int) -> bytes:
    """The first WebP that is small enough. A way that is sure to fail, by how the last one did, is passed over."""
    made, over = b"", 0.0
    for rung in _RUNGS:
        passed_over = over > _TOO_LARGE and rung is not _RUNGS[-1]
        over /= _TOO_LARGE
        if passed_over:
            continue
        made = _webp(_thinned(frames, seconds, rung), rung)
        if len(made) <= limit:
            return made
        over = len(made) / limit
    return made


def _ticks(seconds: float, rate: int) -> list[float]:
    """Moments, `rate` a second, from the start."""
    return [tick / rate for tick in range(max(1, round(seconds * rate)))]


def _thinned(frames: Sequence[Image.Image], seconds: float, rung: _Rung) -> list[Image.Image]:
    """As many of the frames as that way shows, at its size."""
    size = _within(frames[0].size, rung.side)
    kept = [frames[min(len(frames) - 1, round(at * _RUNGS[0].rate))] for at in _ticks(seconds, rung.rate)]
    return [frame if frame.size == size else frame.resize(size, Image.Resampling.BOX) for frame in kept]


def _webp(frames: Sequence[Image.Image], rung: _Rung) -> bytes:
    first, *rest = frames
    file = BytesIO()
    lasts = round(1000 / rung.rate)
    options = {"duration": lasts, "loop": 0, "quality": rung.quality, "method": 2}
    first.save(file, "WEBP", save_all=True, append_images=rest, **options)
    return file.getvalue()


def _last_frame(film: Footage, _spec: JobSpec, file: IO[bytes]) -> None:
    """A PNG of the last frame that decodes, at its own size."""
    last: Moment | None = None
    for moment in film.play():
        last = moment
    if last is None:
        raise JobRefused("file-unreadable", detail="no frame decodes")
    last.covering(_within(last.size, _LAST_SIDE)).save(file, "PNG", compress_level=4)


def _within(size: Size, side: int) -> Size:
    """The size, made smaller if its long side is longer than that; never larger."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


_MAKERS: Final[Mapping[str, Maker]] = {"poster": _poster, "preview": _preview, "last_frame": _last_frame}
