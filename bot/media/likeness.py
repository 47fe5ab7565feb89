"""The picture that stands for a reference in a drawing, whatever it came as. Used inside the media child only.

It has the colours that what is made of the file for a model would have: the same steps lead to it.
"""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

from typing import Final

from PIL import Image

from bot.media import conform_pictures, pictures
from bot.media.conform_pictures import eight_bits, in_srgb
from bot.media.formats import PILLOW_NAMES
from bot.media.moving import Size, footage
from bot.media.pictures import orientation, picture, upright
from bot.media.protocol import JobRefused, SourceSpec
from bot.media.stills import first_visible

_SPARE: Final = 2
"""So many times finer than it is drawn: what is scaled down further looks the same."""


def likeness(source: SourceSpec, size: Size) -> Image.Image:
    """The picture upright, in sRGB (RGB or RGBA), with pixels enough to be drawn at that size.

    Of what moves: the first frame that shows anything. `JobRefused`, or whatever a decoder raises.
    """
    if source["format"] not in PILLOW_NAMES:
        return _of_film(source)
    with picture(source) as image:
        side = _SPARE * max(size)
        image.draft(None, (side, side))  # a large JPEG is decoded small at once
        turn, profile = orientation(image), image.info.get("icc_profile")
        image.load()  # GIF and WebP have their size, and their alpha, only now
        frame = first_visible(image) if getattr(image, "is_animated", False) else image
        ready = in_srgb(_reduced(eight_bits(frame), side), profile)
        return upright(ready if ready.mode == "RGBA" else ready.convert("RGB"), turn)


def warm_up() -> None:
    """What pictures and their colours need, loaded before the walls go up."""
    pictures.warm_up()
    conform_pictures.warm_up()


def _of_film(source: SourceSpec) -> Image.Image:
    """A film that is used as a picture: its first frame from where the part begins."""
    with footage(source) as film:
        moment = next(film.play(), None)
        if moment is None:
            raise JobRefused("file-unreadable", detail="no frame decodes")
        return moment.covering(moment.size)


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """Fewer pixels before colours are worked on, while the shorter side stays as long as that."""
    factor = min(image.size) // side
    return image.reduce(factor) if factor > 1 else image
