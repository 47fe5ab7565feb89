"""Words on pictures: labels and captions that can be read on anything, in the typeface that comes with Pillow.

That typeface (Aileron) has little beyond ASCII: accents are left out ("ï" is drawn as "i"), and what has no Latin base
becomes one "…" per run, so that nobody reads boxes.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

WHITE: Final = (255, 255, 255, 255)
_SHADE: Final = (12, 12, 16, 176)
_ACCENT: Final = (255, 190, 92, 255)
_UNDRAWABLE: Final = "\U0010ffff"
_ELLIPSIS: Final = "…"
_BASES: Final = {
    **dict(zip("łŁøØđĐıßæÆœŒ", ("l", "L", "o", "O", "d", "D", "i", "ss", "ae", "AE", "oe", "OE"), strict=True)),
    **dict(zip("«»−×", ('"', '"', "-", "x"), strict=True)),
}
"""Letters and signs that Unicode does not decompose."""


@dataclass(frozen=True, slots=True)
class Sticker:
    """A transparent picture and where its top left corner goes."""

    picture: Image.Image
    left: int
    top: int

    def on(self, frame: Image.Image) -> None:
        """Puts it on a frame."""
        frame.paste(self.picture, (self.left, self.top), self.picture)


@cache
def typeface(pixels: int) -> FreeTypeFont:
    """The bundled typeface at a height in pixels."""
    font = ImageFont.load_default(max(8, pixels))
    if not isinstance(font, FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


def letter_pixels(width: int, height: int) -> int:
    """The height of a caption's letters on a frame of that size."""
    return max(9, round(min(width, height) * 0.038))


def drawable(text: str) -> str:
    """The text on one line, with every run of characters that the typeface lacks as one "…"."""
    runs = groupby("".join(map(_nearest, " ".join(text.split()))), key=_has_glyph)
    return "".join("".join(run) if known else _ELLIPSIS for known, run in runs).strip()


def wrapped(text: str, font: FreeTypeFont, *, width: int, lines: int) -> list[str]:
    """At most `lines` lines no wider than `width` pixels; the last one ends in "…" when something is left over."""
    words, result = drawable(text).split(), list[str]()
    while words and len(result) < lines:
        count = _fitting(words, font, width)
        result.append(" ".join(words[:count]))
        words = words[count:]
    if words and result:
        result[-1] = shortened(result[-1] + _ELLIPSIS, font, width)
    return [shortened(line, font, width) for line in result]


def label(text: str, *, pixels: int, left: int, top: int, width: int) -> Sticker:
    """A small dark plate with a name on it; its first word (the token) in the accent colour."""
    font = typeface(pixels)
    padding = max(3, pixels // 2)
    line = shortened(drawable(text), font, max(1, width - 2 * padding))
    size = (round(font.getlength(line)) + 2 * padding, pixels + 2 * (padding * 2 // 3) + pixels // 4)
    plate = Image.new("RGBA", size)
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=padding, fill=_SHADE)
    _write(draw, line, font, left=padding, top=padding * 2 // 3)
    return Sticker(plate, left, top)


def caption(text: str, *, width: int, height: int) -> Sticker | None:
    """The prompt at the foot of a frame, up to three lines on a shade that grows downwards; `None` without words."""
    pixels = letter_pixels(width, height)
    font, margin = typeface(pixels), round(pixels * 1.1)
    lines = wrapped(text, font, width=width - 2 * margin, lines=3)
    if not lines:
        return None
    pitch = round(pixels * 1.4)
    foot = min(height, pitch * len(lines) + 2 * margin)
    band = _shade(width, foot)
    draw = ImageDraw.Draw(band)
    for index, line in enumerate(lines):
        top = foot - margin - pitch * (len(lines) - index) + (pitch - pixels) // 2
        left = max(0, (width - round(font.getlength(line))) // 2)
        draw.text(
            (left, top), line, font=font, fill=WHITE, stroke_width=max(1, pixels // 12), stroke_fill=(0, 0, 0, 150)
        )
    return Sticker(band, 0, height - foot)


def _write(draw: ImageDraw.ImageDraw, line: str, font: FreeTypeFont, *, left: int, top: int) -> None:
    """A label's line: the token first, then the rest."""
    token, space, rest = line.partition(" ")
    accent = _ACCENT if token.startswith("@") else WHITE
    draw.text((left, top), token, font=font, fill=accent)
    draw.text((left + font.getlength(token + space), top), rest, font=font, fill=WHITE)


def _shade(width: int, height: int) -> Image.Image:
    """From clear at the top to dark at the foot."""
    ramp = (
        Image.linear_gradient("L").resize((width, height)).point([min(205, round(level * 1.3)) for level in range(256)])
    )
    shade = Image.new("RGBA", (width, height), (8, 8, 12, 0))
    shade.putalpha(ramp)
    return shade


def _fitting(words: Sequence[str], font: FreeTypeFont, width: int) -> int:
    """How many words fit on a line; at least one, which may then have to be shortened."""
    count = 1
    while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= width:
        count += 1
    return count


def shortened(line: str, font: FreeTypeFont, width: int) -> str:
    """The line, cut with "…" until it fits."""
    if font.getlength(line) <= width:
        return line
    kept = line.rstrip(_ELLIPSIS)
    while kept and font.getlength(kept + _ELLIPSIS) > width:
        kept = kept[:-1].rstrip()
    return kept + _ELLIPSIS


def shortened_inside(line: str, font: FreeTypeFont, width: int) -> str:
    """The line, with "…" in place of as much of its inside as it takes to fit: a file's name keeps its ending."""
    if font.getlength(line) <= width:
        return line
    for kept in range(len(line) - 1, 0, -1):
        tail = kept // 3
        cut = line[: kept - tail].rstrip() + _ELLIPSIS + line[len(line) - tail :].lstrip()
        if font.getlength(cut) <= width:
            return cut
    return _ELLIPSIS


@cache
def _nearest(character: str) -> str:
    """The character, or its base letter without accents when only that has a glyph."""
    if _has_glyph(character):
        return character
    plain = _BASES.get(character) or "".join(
        part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)
    )
    return plain if plain and all(map(_has_glyph, plain)) else character


@cache
def _has_glyph(character: str) -> bool:
    """True when the typeface draws something else than its sign for "missing"."""
    return character.isspace() or _drawn(character) != _drawn(_UNDRAWABLE)


def _drawn(character: str) -> bytes:
    canvas = Image.new("L", (64, 48))
    ImageDraw.Draw(canvas).text((8, 8), character, font=typeface(24), fill=255)
    return canvas.tobytes()
