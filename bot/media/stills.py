"""The job `still`: the first picture of one that moves, as a PNG of pixels only. Runs inside the media child."""

import os
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Final

from PIL import Image

from bot.media import pictures
from bot.media.pictures import ANIMATION_PIXELS, orientation, picture, upright
from bot.media.protocol import JobSpec

Say = Callable[[Mapping[str, object]], None]

_MOST_FRAMES: Final = 1000
"""So many clear frames are looked through for one that shows something."""

_OPAQUE: Final = (255, 255)


def work(spec: JobSpec, _say: Say) -> Mapping[str, object]:
    """Writes the PNG into the output descriptor. Raises `JobRefused`, or whatever a decoder raises."""
    if "output" not in spec:
        raise AssertionError("a still needs an output")
    with picture(spec["sources"][0]) as image:
        turn = orientation(image)
        still = _pixels(first_visible(image))
    with os.fdopen(os.dup(spec["output"]), "r+b") as file:
        upright(still, turn).save(file, "PNG")
    return {"done": True}


def warm_up() -> None:
    """Saves a tiny picture, so that every import is there before the walls go up."""
    pictures.warm_up()
    _pixels(Image.new("RGBA", (1, 1))).save(BytesIO(), "PNG")


def first_visible(image: Image.Image) -> Image.Image:
    """The first frame that is not wholly clear; the first of all when none is found."""
    first = None
    for frame in _frames(image):
        if _shows_something(frame):
            return frame
        first = frame if first is None else first
    return image if first is None else first


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    """The animation's frames as RGBA or RGB, as many as it is reasonable to look at.

    An animated PNG may begin with a picture for programs that cannot play it, which is none of its frames.
    """
    start = 1 if getattr(image, "default_image", False) else 0
    count = max(1, min(_MOST_FRAMES, ANIMATION_PIXELS // (image.width * image.height)))
    for index in range(start, start + count):
        try:
            image.seek(index)
        except EOFError:
            return
        yield image.convert("RGBA" if image.has_transparency_data else "RGB")


def _shows_something(frame: Image.Image) -> bool:
    return frame.mode != "RGBA" or frame.getchannel("A").getbbox() is not None


def _pixels(frame: Image.Image) -> Image.Image:
    """The pixels without anything that was said about them, and without an alpha channel that hides nothing."""
    if frame.mode != "RGBA" or frame.getchannel("A").getextrema() == _OPAQUE:
        frame = frame.convert("RGB")
    frame.info = {}
    return frame
