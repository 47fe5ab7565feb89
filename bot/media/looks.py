"""What every sheet looks like: its colours, round corners, and small dark plates with words on pictures."""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from typing import Final

from PIL import Image, ImageDraw

from bot.media.lettering import typeface

GROUND: Final = (19, 19, 24)
INK: Final = (240, 240, 244)
ACCENT: Final = (255, 190, 92)
_PLATE: Final = (*GROUND, 190)


def rounded(size: tuple[int, int], *, radius: int = 8) -> Image.Image:
    """A mask with round corners."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=radius, fill=255)
    return mask


def plate(text: str, *, pixels: int, plays: bool = False) -> Image.Image:
    """Words in letters of that height on a dark plate (RGBA), behind a small play sign if it `plays`."""
    font, edge = typeface(pixels), max(4, pixels * 2 // 5)
    sign = pixels if plays else 0
    size = (round(font.getlength(text)) + sign + 2 * edge, pixels + pixels // 2)
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=max(5, pixels // 3), fill=_PLATE)
    if plays:
        top, foot = pixels * 0.4, size[1] - pixels * 0.4
        draw.polygon(((edge, top), (edge, foot), (edge + pixels * 0.65, size[1] / 2)), fill=ACCENT)
    draw.text((edge + sign, size[1] / 2), text, font=font, fill=INK, anchor="lm")
    return image
