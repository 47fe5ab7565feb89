"""Makes a picture that a model takes: JPEG, PNG or WebP of pixels only, upright, in sRGB, within its bytes.

Also the first visible frame of what moves. Used inside the media child only.
"""

# Pillow leaves createProfile's type open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import IO, Final

from PIL import Image, ImageCms

from bot.media.pictures import orientation, picture, upright
from bot.media.protocol import ConformSpec, SourceSpec
from bot.media.stills import first_visible

Advance = Callable[[float], None]
"""Takes how much is done, 0 to 1."""

_NAMES: Final = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
_WITH_ALPHA: Final = frozenset({"png", "webp"})
_QUALITIES: Final = (92, 85, 75, 65)
_SMALLEST_SIDE: Final = 16
_SMALLER: Final = 0.75
_MOST_TRIES: Final = 12
_LONGEST_SIDE: Final = {"jpeg": 65_500, "png": 65_500, "webp": 16_383}
"""What the formats themselves can say."""

_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_LAB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))

_WHITE: Final = (255, 255, 255)
_DEEP: Final = 1 / 257
"""From 16 bits to 8: 65,535 becomes 255."""


def make_picture(source: SourceSpec, target: ConformSpec, file: IO[bytes], advance: Advance) -> None:
    """Writes the picture. Raises `JobRefused`, or whatever a decoder raises."""
    with picture(source) as image:
        if target["width"] and target["height"] and source["format"] == "jpeg":
            image.draft(None, _before_turning(image, (target["width"], target["height"])))
        turn, profile = orientation(image), image.info.get("icc_profile")
        image.load()  # GIF and WebP have their size, and their alpha, only now
        frame = first_visible(image) if getattr(image, "is_animated", False) else image
        pixels = upright(in_srgb(frame, profile), turn)
    advance(0.5)
    save_picture(pixels, target, file)


def save_picture(image: Image.Image, target: ConformSpec, file: IO[bytes]) -> None:
    """Writes the pixels and nothing else, at the target's size, in lower quality or smaller if the bytes are too many.

    Takes upright pixels in sRGB. When even a tiny picture has too many bytes, that is what is written.
    """
    image = _sized(_for_format(image, target["format"]), target)
    for attempt, options in _attempts(image, target["format"]):
        file.seek(0)
        file.truncate()
        attempt.save(file, _NAMES[target["format"]], **options)
        file.flush()
        if target["max_bytes"] is None or file.tell() <= target["max_bytes"]:
            return


def on_white(image: Image.Image) -> Image.Image:
    """The image as RGB; what is clear becomes white, as on a page."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground, layer = Image.new("RGB", image.size, _WHITE), image.convert("RGBA")
    ground.paste(layer, (0, 0), layer)
    return ground


def warm_up() -> None:
    """Converts and saves a tiny picture in every way, so that every import is there before the walls go up."""
    small = _by_profile(Image.new("RGBA", (2, 2)), _SRGB)
    for format_name in _NAMES:
        for mode in ("RGB", "RGBA", "L"):
            _for_format(small.convert(mode), format_name).save(BytesIO(), _NAMES[format_name], **_options(format_name))


def _before_turning(image: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    """The size to ask a JPEG decoder for (it halves by itself): enough for the upright size whichever way it lies."""
    return size if min(image.size) == 0 else (max(size), max(size))


def in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """The image in sRGB (L, RGB or RGBA), by its own colour profile where it has a sound one."""
    plain = eight_bits(image)
    if plain.mode == "LAB" and not profile:
        return _by_profile(plain, _LAB)
    if isinstance(profile, bytes) and profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            known = ImageCms.ImageCmsProfile(BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(known):
                return _by_profile(plain, known)
    return plain if plain.mode in {"L", "RGB", "RGBA"} else plain.convert("RGB")


def _by_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """The image turned into sRGB by littlecms; in place where that saves a copy."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    same = image.mode == mode
    made = ImageCms.profileToProfile(image, profile, _SRGB, outputMode=mode, inPlace=same)
    return image if made is None else made


def eight_bits(image: Image.Image) -> Image.Image:
    """The image as L, RGB, RGBA, CMYK or LAB: palettes resolved, 16 bits brought to 8."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * _DEEP).convert("L")
    if image.mode == "F":
        return image.point(lambda value: value * 1 + 0).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK", "LAB"} else image.convert("RGB")


def _for_format(image: Image.Image, format_name: str) -> Image.Image:
    """Alpha where the format has it and it hides something, else on white; nothing that was said about the pixels."""
    if image.mode == "RGBA" and (format_name not in _WITH_ALPHA or image.getchannel("A").getextrema() == (255, 255)):
        image = on_white(image)
    image.info = {}
    return image


def _sized(image: Image.Image, target: ConformSpec) -> Image.Image:
    """The image at the target's size, else at its own as far as the format can say it."""
    if target["width"] and target["height"]:
        size = target["width"], target["height"]
    else:
        shrink = min(1.0, _LONGEST_SIDE[target["format"]] / max(image.size))
        size = max(1, int(image.width * shrink)), max(1, int(image.height * shrink))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def _attempts(image: Image.Image, format_name: str) -> Iterator[tuple[Image.Image, dict[str, int]]]:
    """What to try, best first: lower qualities where there are any, then fewer pixels."""
    for quality in _QUALITIES if format_name != "png" else _QUALITIES[:1]:
        yield image, _options(format_name, quality)
    for _ in range(_MOST_TRIES):
        size = int(image.width * _SMALLER), int(image.height * _SMALLER)
        if min(size) < _SMALLEST_SIDE:
            return
        image = image.resize(size, Image.Resampling.LANCZOS)
        yield image, _options(format_name, _QUALITIES[1])


def _options(format_name: str, quality: int = _QUALITIES[0]) -> dict[str, int]:
    if format_name == "png":
        return {"compress_level": 6}
    return {"quality": quality}
