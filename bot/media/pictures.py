"""Opens and measures untrusted pictures the one safe way: Pillow's plugin is forced to what was sniffed.

Without that, Pillow tries every plugin it has, and runs Ghostscript for EPS. Used inside the media child only.
"""

import importlib
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import pillow_heif
from PIL import Image, ImageFile

from bot.domain.conform import Measured
from bot.domain.media import Kind, MediaFacts
from bot.media.formats import ANIMATIONS, MAX_PICTURE_PIXELS, PILLOW_NAMES
from bot.media.measurement import Finding, Measurement, TooManyPixels
from bot.media.protocol import JobRefused, SourceSpec, rewound

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
_CLOCKWISE: Final = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""How far, in degrees clockwise, an EXIF orientation turns a picture (mirrored or not)."""

SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations that turn a picture by a quarter."""

_LATE_IMPORTS: Final = ("PIL.MpoImagePlugin", "PIL.TiffImagePlugin")
"""Multi-picture JPEG and EXIF tags: what Pillow imports in the middle of opening a file."""

_HARMLESS_TAGS: Final = frozenset({0x0100, 0x0101, 0x0102, 0x0112, 0x011A, 0x011B, 0x0128, 0x0213, 0x8769})
"""EXIF: size, depth, orientation, resolution and its unit, where colour samples sit, the pointer to more."""

_HARMLESS_DETAILS: Final = frozenset({0x9000, 0x9101, 0xA000, 0xA001, 0xA002, 0xA003})
"""EXIF's second table: versions, components, colour space, size."""

_DETAILS_TABLE: Final = 0x8769
_MOST_HARMLESS_EXIF: Final = 512
"""Bytes: with a preview picture in it, EXIF is larger."""

Image.MAX_IMAGE_PIXELS = MAX_PICTURE_PIXELS
ImageFile.LOAD_TRUNCATED_IMAGES = False
pillow_heif.options.DECODE_THREADS = 1
pillow_heif.register_heif_opener()  # pyright: ignore[reportUnknownMemberType]  its options have no types
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
        raise TooManyPixels(MAX_PICTURE_PIXELS) from error


def measure_picture(source: SourceSpec) -> MediaFacts:
    """Decodes the picture whole. One that moves (GIF, WebP) is a video. Raises `JobRefused`."""
    with picture(source) as image:
        frame_count, milliseconds = _decode_frames(image, moving=source["format"] in ANIMATIONS)
        return _facts(source["format"], image, frame_count, milliseconds)


def survey(source: SourceSpec) -> Measurement:
    """Measures the picture for a decision: decoded whole (of a moving PNG: its first picture). Raises `JobRefused`."""
    with picture(source) as image:
        frame_count, milliseconds = _decode_frames(image, moving=source["format"] in ANIMATIONS)
        animated = int(getattr(image, "n_frames", 1)) > 1 and source["format"] in ANIMATIONS | {"png"}
        turn, moves = orientation(image), frame_count > 1
        facts = _facts(source["format"], image, frame_count, milliseconds)
        findings = {Finding.ORIENTATION} if turn != 1 else set[Finding]()
        if image.mode == "CMYK":
            findings.add(Finding.CMYK)
        measured = Measured(
            rotation=_CLOCKWISE.get(turn, 0),
            frame_rate=round(frame_count * 1000 / milliseconds, 3) if moves and milliseconds else None,
            pixel_format=image.mode.lower(),
            alpha=image.has_transparency_data,
            animated=animated,
            metadata=_tells(image),
            video_streams=1 if moves else 0,
        )
    return Measurement(facts=facts, measured=measured, findings=frozenset(findings))


def _facts(format_name: str, image: Image.Image, frame_count: int, milliseconds: float) -> MediaFacts:
    """Of a decoded picture as displayed; with more than one frame it is a video."""
    moves = frame_count > 1
    width, height = image.size[::-1] if orientation(image) in SIDEWAYS else image.size
    return MediaFacts(
        kind=Kind.VIDEO if moves else Kind.IMAGE,
        format=format_name,
        byte_count=0,
        width=width,
        height=height,
        seconds=milliseconds / 1000 if moves else None,
        frame_count=frame_count if moves else None,
        video_codec=format_name if moves else None,
    )


def _tells(image: Image.Image) -> bool:
    """True when EXIF or XMP say more than how the picture is to be shown."""
    if image.info.get("xmp") or image.info.get("Raw profile type exif"):
        return True
    raw = image.info.get("exif")
    if raw is None:
        return False
    if isinstance(raw, bytes) and len(raw) > _MOST_HARMLESS_EXIF:
        return True
    try:
        exif = image.getexif()
        return not (_HARMLESS_TAGS.issuperset(exif) and _HARMLESS_DETAILS.issuperset(exif.get_ifd(_DETAILS_TABLE)))
    except Exception:  # noqa: BLE001  broken EXIF raises whatever it likes; it is better taken out
        return True


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
