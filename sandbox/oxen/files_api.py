"""`/api/repos/…/file/main/…`: result files, and the off-host copy that redirects lead to."""

from aiohttp import web

from sandbox.oxen.answers import FAULT, Refusal
from sandbox.oxen.wire import not_found
from sandbox.oxen.world import World

_OTHER_HOST = "localhost"
_WEB_PAGE = "<!doctype html><title>Sign in</title><p>This is no video."


class FilesApi:
    """Serves clips."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Needs the key or a signature (the vendor's door lets both in, so this handler looks for itself)."""
        refusal = self._world.results.refusal(request, self._world.settings, now_ms=self._world.clock())
        if refusal is not None:
            return refusal
        name = request.match_info["path"]
        order = request.get(FAULT)
        if order is not None and order.kind == "redirect":
            location = order.location or self._world.results.cdn_link(name.rsplit("/", 1)[-1], _OTHER_HOST)
            raise web.HTTPFound(location)
        if order is not None and order.kind == "not_video":
            return web.Response(text=_WEB_PAGE, content_type="video/mp4")
        if order is not None and order.kind == "truncate":
            return self._whole(name)
        return self._found(name)

    async def cdn(self, request: web.Request) -> web.StreamResponse:
        """Open to anybody; the call log shows whether a key was sent here, which would be a leak."""
        return self._found(request.match_info["path"])

    def _found(self, name: str) -> web.StreamResponse:
        response = self._world.results.serve(name)
        if response is None:
            raise Refusal(404, not_found())
        return response

    def _whole(self, name: str) -> web.Response:
        """In memory, for whoever cuts it short."""
        data = self._world.results.read(name)
        if data is None:
            raise Refusal(404, not_found())
        return web.Response(body=data, content_type="video/mp4")
