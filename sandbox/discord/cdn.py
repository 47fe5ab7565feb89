"""Files behind signed, expiring links (docs: reference, "Signed Attachment CDN URLs")."""

from __future__ import annotations

import hashlib
import hmac
import io
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web
from PIL import Image, UnidentifiedImageError

from sandbox.discord import pictures

GONE_TEXT = "This content is no longer available."


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came in."""

    filename: str
    data: bytes
    content_type: str | None = None


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """A file the CDN holds; `folder` tells message attachments from slash and modal uploads."""

    id: int
    folder: str
    channel_id: int
    filename: str
    data: bytes
    content_type: str | None
    sha256: str
    title: str | None = None
    description: str | None = None
    spoiler: bool = False
    width: int | None = None
    height: int | None = None

    @property
    def path(self) -> str:
        return f"/{self.folder}/{self.channel_id}/{self.id}/{quote(self.filename)}"


def safe_name(filename: str) -> str:
    """The name as Discord keeps it: ASCII letters, digits, dot, dash, underscore."""
    kept = re.sub(r"[^A-Za-z0-9._-]", "", re.sub(r"\s+", "_", filename.rsplit("/", 1)[-1]))
    return kept if kept.strip("._") else f"unknown{kept}" if kept else "unknown"


def _type_of(upload: Upload) -> str | None:
    guessed, _ = mimetypes.guess_type(upload.filename)
    if guessed:
        return guessed
    return None if upload.content_type in {None, "application/octet-stream"} else upload.content_type


def _size_of(data: bytes, content_type: str | None) -> tuple[int | None, int | None]:
    if not (content_type or "").startswith("image/"):
        return None, None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None, None


class Cdn:
    """Keeps files in memory and signs links to them; the secret lives as long as the process."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        secret: bytes,
        link_life_seconds: Callable[[], float],
        new_id: Callable[[], int],
    ) -> None:
        self.base = ""
        self._clock = clock
        self._secret = secret
        self._life = link_life_seconds
        self._new_id = new_id
        self._files: dict[str, StoredFile] = {}
        self._assets: dict[str, tuple[bytes, str]] = {}
        self._pictures: dict[str, bytes] = {}

    def keep(self, upload: Upload, *, channel_id: int, ephemeral: bool = False) -> StoredFile:
        """Store a file for a channel (`ephemeral`: a slash or modal upload)."""
        name, content_type = safe_name(upload.filename), _type_of(upload)
        width, height = _size_of(upload.data, content_type)
        file = StoredFile(
            id=self._new_id(),
            folder="ephemeral-attachments" if ephemeral else "attachments",
            channel_id=channel_id,
            filename=name,
            data=upload.data,
            content_type=content_type,
            sha256=hashlib.sha256(upload.data).hexdigest(),
            title=None if name == upload.filename else upload.filename.rsplit(".", 1)[0],
            spoiler=name.startswith("SPOILER_"),
            width=width,
            height=height,
        )
        self._files[file.path] = file
        return file

    def forget(self, file: StoredFile) -> None:
        """The file is gone; its links answer 404."""
        self._files.pop(file.path, None)

    def forget_ephemeral(self) -> int:
        """Drop all slash and modal uploads, as Discord does "after a set period"; returns how many."""
        gone = [path for path, file in self._files.items() if file.folder == "ephemeral-attachments"]
        for path in gone:
            del self._files[path]
        return len(gone)

    def revoke_links(self, secret: bytes) -> None:
        """Every link handed out so far stops working; the files stay."""
        self._secret = secret

    def add_asset(self, path: str, data: bytes, content_type: str) -> None:
        """Serve unsigned bytes (emoji, avatar, sticker) at `/cdn/{path}`."""
        self._assets["/" + path.lstrip("/")] = (data, content_type)

    def add_picture(self, stem: str, data: bytes) -> None:
        """Serve a picture unsigned at `/cdn/{stem}.{format}`, in any format of `pictures.FORMATS` and `?size=`."""
        self._pictures["/" + stem] = data

    def url(self, file: StoredFile) -> str:
        """A freshly signed link; the trailing `&` is Discord's."""
        issued = int(self._clock())
        # Rounded up, so that a life below a second is one and not none.
        expires = issued + max(1, int(self._life()))
        return f"{self.base}{file.path}?ex={expires:x}&is={issued:x}&hm={self._sign(file.path, expires, issued)}&"

    def _sign(self, path: str, expires: int, issued: int) -> str:
        return hmac.new(self._secret, f"{path}|{expires:x}|{issued:x}".encode(), hashlib.sha256).hexdigest()

    def opaque(self, value: int) -> str:
        """40 hexadecimal digits nobody can guess, for tokens."""
        return hmac.new(self._secret, f"token|{value}".encode(), hashlib.sha256).hexdigest()[:40]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET or HEAD of a file, with Range."""
        path = request.rel_url.raw_path.removeprefix("/cdn")
        if (asset := self._assets.get(path)) is not None:
            return _bytes_response(request, asset[0], asset[1])
        if (picture := self._pictures.get(path.rpartition(".")[0])) is not None:
            return _picture_response(request, picture, path.rpartition(".")[2])
        file = self._files.get(path)
        if file is None or not self._is_valid(path, request):
            return web.Response(status=404, text=GONE_TEXT)
        return _bytes_response(request, file.data, file.content_type or "application/octet-stream")

    def _is_valid(self, path: str, request: web.Request) -> bool:
        try:
            expires, issued = int(request.query["ex"], 16), int(request.query["is"], 16)
        except (KeyError, ValueError):
            return False
        signed = hmac.compare_digest(self._sign(path, expires, issued), request.query.get("hm", ""))
        return signed and issued <= self._clock() < expires


def _picture_response(request: web.Request, data: bytes, form: str) -> web.Response:
    shown = pictures.rendered(data, form, size=request.query.get("size"))
    if shown is None:
        return web.Response(status=415, text="Unsupported Media Type")
    return _bytes_response(request, shown, pictures.FORMATS[form])


def _bytes_response(request: web.Request, data: bytes, content_type: str) -> web.Response:
    headers = {"Accept-Ranges": "bytes", "Content-Type": content_type, "Cache-Control": "public, max-age=31536000"}
    try:
        span = request.http_range
    except ValueError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    if span.start is None and span.stop is None:
        return web.Response(body=data, headers=headers)
    start, stop, _ = span.indices(len(data))
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], headers=headers)
