"""Avatars, custom emoji, stickers, and other sites' pictures through Discord's proxy. Their links are unsigned."""

from __future__ import annotations

import hashlib
import io
from urllib.parse import urlsplit

from PIL import Image, ImageDraw

from sandbox.discord.cdn import Upload
from sandbox.discord.errors import ControlError
from sandbox.discord.pictures import is_gif, size_of
from sandbox.discord.wire import Json
from sandbox.discord.world import Emoji, User, World

STICKER_FORMATS = {"png": 1, "apng": 2, "lottie": 3, "gif": 4}
_STICKER_FILES = {"lottie": ("json", "application/json"), "gif": ("gif", "image/gif")}
_AVATAR_COLOURS = ("#5865f2", "#747f8d", "#3ba55c", "#faa61a", "#ed4245", "#eb459e")


def add_default_avatars(world: World) -> None:
    """The plain ones that people without an avatar have: `embed/avatars/{(id >> 22) % 6}.png`."""
    for number, colour in enumerate(_AVATAR_COLOURS):
        image = Image.new("RGB", (256, 256), colour)
        ImageDraw.Draw(image).ellipse((64, 64, 192, 192), fill="white")
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        world.cdn.add_picture(f"embed/avatars/{number}", buffer.getvalue())


def set_avatar(world: World, user: User, upload: Upload) -> None:
    """The picture is the person's avatar from now on; an animated one's hash begins with `a_`."""
    size_of(upload.data)
    moves = "a_" if is_gif(upload.data) else ""
    user.avatar = moves + hashlib.sha256(upload.data).hexdigest()[:32]
    world.cdn.add_picture(f"avatars/{user.id}/{user.avatar}", upload.data)


def add_emoji(world: World, name: str, upload: Upload) -> Emoji:
    """A custom emoji whose picture is at `emojis/ID.webp` (and .png, and .gif if it is one)."""
    size_of(upload.data)
    emoji = Emoji(id=world.new_id(), name=name, animated=is_gif(upload.data))
    world.emojis.append(emoji)
    world.cdn.add_picture(f"emojis/{emoji.id}", upload.data)
    return emoji


def add_sticker(world: World, name: str, kind: str, upload: Upload) -> Json:
    """A sticker, as `sticker_items` of a message have it. PNG and APNG are at `stickers/ID.png`, as they came."""
    if kind not in STICKER_FORMATS:
        raise ControlError(f"kinds of stickers are {sorted(STICKER_FORMATS)}")
    sticker_id = world.new_id()
    extension, content_type = _STICKER_FILES.get(kind, ("png", "image/png"))
    world.cdn.add_asset(f"stickers/{sticker_id}.{extension}", upload.data, content_type)
    return {"id": str(sticker_id), "name": name, "format_type": STICKER_FORMATS[kind]}


def add_external(world: World, url: str, upload: Upload) -> Json:
    """Another site's picture, as an embed's `image` has it: its own address, and Discord's proxy for it."""
    width, height = size_of(upload.data)
    parts = urlsplit(url)
    path = f"external/{hashlib.sha256(url.encode()).hexdigest()[:43]}/{parts.scheme}/{parts.netloc}{parts.path}"
    world.cdn.add_asset(path, upload.data, upload.content_type or "application/octet-stream")
    return {"url": url, "proxy_url": f"{world.cdn.base}/{path}", "width": width, "height": height}
