"""The first picture of one that moves. Used inside the media child only."""

from collections.abc import Iterator
from typing import Final

from PIL import Image

from bot.media.pictures import ANIMATION_PIXELS

_MOST_FRAMES: Final = 1000
"""So many clear frames are looked through for one that shows something."""


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
