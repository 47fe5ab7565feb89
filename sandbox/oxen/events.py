"""Server-sent events: broadcast to whoever listens now, nothing kept [D]."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

KEEP_ALIVE = b": keep-alive\n\n"
_CUT = b""


class Hub:
    """The connected streams. A stream that does not read fast enough loses nothing here, but nothing is repeated."""

    def __init__(self) -> None:
        self._streams: set[asyncio.Queue[bytes]] = set()

    def __len__(self) -> int:
        """How many listen now."""
        return len(self._streams)

    def publish(self, name: str, data: Mapping[str, Any]) -> None:
        """Sends an event to everyone connected at this moment."""
        frame = f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
        for stream in self._streams:
            stream.put_nowait(frame)

    def cut(self) -> int:
        """Ends every stream; answers how many."""
        for stream in self._streams:
            stream.put_nowait(_CUT)
        return len(self._streams)

    async def serve(self, request: web.Request, *, keep_alive_seconds: float) -> web.StreamResponse:
        """One stream, until either side leaves."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        stream: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams.add(stream)
        try:
            await response.prepare(request)
            with suppress(ConnectionResetError):
                await _pump(stream, response, keep_alive_seconds)
        finally:
            self._streams.discard(stream)
        return response


async def _pump(stream: asyncio.Queue[bytes], response: web.StreamResponse, keep_alive_seconds: float) -> None:
    while True:
        try:
            frame = await asyncio.wait_for(stream.get(), keep_alive_seconds)
        except TimeoutError:
            frame = KEEP_ALIVE
        if frame == _CUT:
            return
        await response.write(frame)
