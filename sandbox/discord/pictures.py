"""Pictures in the format and size that somebody asks the CDN for (docs: reference, "CDN Formatting")."""

from __future__ import annotations

import io

from PIL import Image

from sandbox.discord.errors import ControlError

FORMATS = {
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
}
_PILLOW = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "jpeg": "JPEG"}
_GIF = b"GIF8"


def is_gif(data: bytes) -> bool:
    return data.startswith(_GIF)


def rendered(data: bytes, form: str, *, size: str | None) -> bytes | None:
    """The picture as `form`, its longer side at most `size` pixels; `None` for what the CDN answers 415 to.

    A GIF is had from a GIF only, and comes as it is.
    """
    if form == "gif":
        return data if is_gif(data) else None
    if form not in _PILLOW:
        return None
    with Image.open(io.BytesIO(data)) as image:
        shown = image.convert("RGB" if _PILLOW[form] == "JPEG" else "RGBA")
    if size is not None and size.isdigit():
        shown.thumbnail((int(size), int(size)))
    buffer = io.BytesIO()
    shown.save(buffer, _PILLOW[form])
    return buffer.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises ControlError for what is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except OSError as error:
        raise ControlError("that file is not a picture") from error
