"""Result files: links to them, and serving them to whoever has the key or a signature that still holds."""

import hashlib
import hmac
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from sandbox.oxen.generations import Generation
from sandbox.oxen.settings import Settings
from sandbox.oxen.wire import problem, unauthenticated

_REPOSITORY = "generations"


class Results:
    """Signs with a secret of this process: links outlive nothing."""

    def __init__(self, folder: Path, *, secret: bytes) -> None:
        self.base = ""
        self.folder = folder
        self._secret = secret

    def link(self, row: Generation, settings: Settings, *, now_ms: int) -> str:
        """`{base}/api/repos/{ns}/{repo}/file/main/{path}?…`; the path names the generation."""
        repo, directory = row.body.get("target_repo") or _REPOSITORY, row.body.get("target_directory")
        name = f"{str(directory).strip('/')}/{row.id}.mp4" if directory else f"{row.id}.mp4"
        path = f"/api/repos/{quote(row.namespace)}/{quote(str(repo))}/file/main/{quote(name)}"
        if settings.result_links == "bearer":
            return self.base + path
        expires = now_ms + int(settings.link_seconds * 1000)
        return f"{self.base}{path}?expires={expires}&signature={self._sign(path, expires)}"

    def cdn_link(self, name: str, host: str) -> str:
        """Where redirects lead: the same bytes under another host name, for anybody [S]."""
        return f"{self.base.replace('127.0.0.1', host)}/cdn/{quote(name)}"

    def refusal(self, request: web.Request, settings: Settings, *, now_ms: int) -> web.Response | None:
        """401 without key and signature, 403 when the signature is wrong or has expired."""
        if request.headers.get("Authorization") == f"Bearer {settings.key}":
            return None
        signature, expires = request.query.get("signature"), request.query.get("expires", "")
        if signature is None:
            return web.json_response(unauthenticated(), status=HTTPStatus.UNAUTHORIZED)
        signed = expires.isdigit() and hmac.compare_digest(
            self._sign(request.rel_url.raw_path, int(expires)), signature
        )
        if signed and now_ms < int(expires):
            return None
        return web.json_response(problem("unauthorized", "The link has expired."), status=HTTPStatus.FORBIDDEN)

    def serve(self, name: str) -> web.StreamResponse | None:
        """The file with Range support, or `None` when there is none of that name."""
        path = self._path(name)
        return web.FileResponse(path, headers={"Content-Type": "video/mp4"}) if path.is_file() else None

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or `None` when there is none of that name."""
        path = self._path(name)
        return path.read_bytes() if path.is_file() else None

    def _path(self, name: str) -> Path:
        """Only the last part of a path counts: files lie flat."""
        return self.folder / Path(name).name

    def _sign(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}|{expires}".encode(), hashlib.sha256).hexdigest()
