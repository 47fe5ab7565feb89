"""Opens and measures untrusted pictures the one safe way: Pillow's plugin is forced to what was sniffed.

Without that, Pillow tries every plugin it has, and runs Ghostscript for EPS. Used inside the media child only.
"""

import importlib
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from PIL import Image

from bot.domain.media import Kind, MediaFacts
from bot.media.formats import ANIMATIONS, PILLOW_NAMES
from bot.media.protocol import JobRefused, SourceSpec, rewound

_MAX_PIXELS: Final = 120_000_000
"""Phone photographs of 48 and 108 megapixels must pass."""

ANIMATION_PIXELS: Final = 600_000_000
"""In all frames of an animation together."""

_BROWSER_FRAME_MS: Final = 100
"""What browsers show a frame for whose file says 0 or 10 ms."""

_ORIENTATION_TAG: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations that turn a picture by a quarter."""

_LATE_IMPORTS: Final = ("PIL.MpoImagePlugin", "PIL.TiffImagePlugin")
"""Multi-picture JPEG and EXIF tags: what Pillow imports in the middle of opening a file."""

Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


def warm_up() -> None:
    """Imports what Pillow would import later, when nothing can be opened by name any more."""
    Image.init()
    for late in _LATE_IMPORTS:
        importlib.import_module(late)
    Image.new("RGB", (1, 1)).getexif().get(_ORIENTATION_TAG)


@contextmanager
def picture(source: SourceSpec) -> Generator[Image.Image]:
    """The file as a Pillow image, header read, nothing decoded yet.

    `JobRefused` when it, or a later frame that makes it larger, is too large to decode.
    """
    try:
        with (
            os.fdopen(rewound(source), "rb") as file,
            Image.open(file, formats=[PILLOW_NAMES[source["format"]]]) as image,
        ):
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise JobRefused("media-too-heavy", limit=f"{_MAX_PIXELS // 1_000_000} megapixels") from error


def measure_picture(source: SourceSpec) -> MediaFacts:
    """Decodes the picture whole. One that moves (GIF, WebP) is a video. Raises `JobRefused`."""
    with picture(source) as image:
        frame_count, milliseconds = _decode_frames(image, moving=source["format"] in ANIMATIONS)
        width, height = image.size
        if orientation(image) in SIDEWAYS:
            width, height = height, width
    moves = frame_count > 1
    return MediaFacts(
        kind=Kind.VIDEO if moves else Kind.IMAGE,
        format=source["format"],
        byte_count=0,
        width=width,
        height=height,
        seconds=milliseconds / 1000 if moves else None,
        frame_count=frame_count if moves else None,
        video_codec=source["format"] if moves else None,
    )


def frame_milliseconds(image: Image.Image) -> int:
    """How long an animation shows the picture it stands at."""
    said: object = image.info.get("duration", 0)
    milliseconds = int(said) if isinstance(said, int | float) else 0
    return milliseconds if milliseconds > 10 else _BROWSER_FRAME_MS  # noqa: PLR2004  see _BROWSER_FRAME_MS


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 is upright and stands for whatever is not said."""
    said = image.getexif().get(_ORIENTATION_TAG, 1)
    return said if said in _TURNS else 1


def upright(image: Image.Image, turn: int) -> Image.Image:
    """The image as its EXIF orientation wants it seen."""
    return image if turn not in _TURNS else image.transpose(_TURNS[turn])


def counted_frames(image: Image.Image) -> int:
    """How many frames it has. `JobRefused` when all of them together are too much to decode."""
    count = int(getattr(image, "n_frames", 1))
    one = image.width * image.height
    if count * one > max(ANIMATION_PIXELS, one):
        raise JobRefused("media-too-heavy", limit=f"{ANIMATION_PIXELS // 1_000_000} megapixels in all frames")
    return count


def _decode_frames(image: Image.Image, *, moving: bool) -> tuple[int, int]:
    """Decodes the picture, or every picture of an animation; how many there are and how many milliseconds they last."""
    count = counted_frames(image) if moving else 1
    milliseconds = 0
    for index in range(count):
        if count > 1:
            image.seek(index)
        image.load()
        milliseconds += frame_milliseconds(image)
    return count, milliseconds
