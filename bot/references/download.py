"""Fetching what people attached: bounded in bytes and time, from listed origins only, and never a word of the URL.

Discord's file URLs are signed and expire after about a day
(https://docs.discord.com/developers/reference#signed-attachment-cdn-urls).
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import aiofiles
import aiofiles.os
import httpx

from bot.domain.errors import Refused, Unavailable
from bot.domain.reasons import reason
from bot.domain.references import Offer, display_name
from bot.domain.words import byte_size
from bot.references.origins import PUBLIC_ORIGINS, is_public, origin_of

_MAX_REDIRECTS = 3
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_HEADERS = {"User-Agent": "Rushes", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to be fetched: what it is called, and the most bytes it may have."""

    name: str
    most_bytes: int

    def check_size(self, byte_count: int | None) -> None:
        """`Refused` (file-too-large); an unknown size is none."""
        if byte_count is not None and byte_count > self.most_bytes:
            size, limit = byte_size(byte_count), byte_size(self.most_bytes)
            raise Refused(reason("file-too-large", name=self.name, size=size, limit=limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Haste:
    """How long a fetch may take and how slow it may be. After `grace_seconds` the mean rate must be kept."""

    total_seconds: float = 120.0
    silence_seconds: float = 15.0
    grace_seconds: float = 10.0
    min_bytes_per_second: int = 8_192
    attempts: int = 3
    first_pause_seconds: float = 0.5


class HttpDownloader:
    """The `Downloader` of production. An async context manager: leaving it closes its connections.

    It speaks to httpx's transport, not to its client: the client logs every URL, follows redirects by itself and
    unpacks compressed bodies.
    """

    def __init__(
        self,
        *,
        allowed_origins: frozenset[str],
        max_bytes: int,
        total_seconds: float | None = None,
        haste: Haste | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`allowed_origins` such as `https://cdn.discordapp.com`; `jitter` answers a number from 0 to 1."""
        self._allowed = allowed_origins
        self._max_bytes = max_bytes
        self._haste = haste or Haste(total_seconds=total_seconds or Haste().total_seconds)
        self._transport = transport or httpx.AsyncHTTPTransport()
        self._pause = pause
        self._jitter = jitter

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def fetch(self, offer: Offer, into: Path) -> int:
        """Streams the offer's file to `into` and answers its byte count; on failure no file is left.

        `Refused`: file-too-large, source-not-allowed, source-gone. `Unavailable`: source-unavailable, after a few
        tries and in any case after `total_seconds`.
        """
        wanted = Wanted(display_name(offer.name), offer.most_bytes(self._max_bytes))
        wanted.check_size(offer.byte_count)
        try:
            async with asyncio.timeout(self._haste.total_seconds):
                return await self._tried(wanted, offer.url, into)
        except TimeoutError:
            raise _unavailable(wanted.name, "took longer than allowed") from None
        finally:
            await self._tidy(into)

    async def _tried(self, wanted: Wanted, url: str, into: Path) -> int:
        for attempt in range(1, self._haste.attempts):
            try:
                return await self._once(wanted, url, into)
            except Unavailable:
                pause_seconds = self._haste.first_pause_seconds * 2 ** (attempt - 1)
                await self._pause(pause_seconds * (0.5 + self._jitter()))
        return await self._once(wanted, url, into)

    async def _once(self, wanted: Wanted, url: str, into: Path) -> int:
        async with self._opened(wanted.name, url) as response:
            length = response.headers.get("Content-Length", "")
            wanted.check_size(int(length) if length.isdecimal() else None)
            part = _part(into)
            byte_count = await self._save(wanted, response, part)
        await aiofiles.os.replace(part, into)
        return byte_count

    @asynccontextmanager
    async def _opened(self, name: str, url: str) -> AsyncGenerator[httpx.Response]:
        """The answer with the file; redirects are followed by hand, and on the list only."""
        for _ in range(_MAX_REDIRECTS + 1):
            self._check_origin(name, url)
            with _at_the_door(name):
                response = await self._transport.handle_async_request(self._request(url))
            try:
                self._check_peer(name, url, response)
                target = response.headers.get("Location") if response.is_redirect else None
                if target is None:
                    _check_status(name, response.status_code)
                    yield response
                    return
                url = _joined(url, target)
            finally:
                await response.aclose()
        raise Refused(reason("source-not-allowed", name=name), detail="too many redirects")

    def _request(self, url: str) -> httpx.Request:
        patience = httpx.Timeout(self._haste.silence_seconds).as_dict()
        return httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": patience})

    async def _save(self, wanted: Wanted, response: httpx.Response, part: Path) -> int:
        """Writes the body as it comes, and counts it."""
        byte_count = 0
        started = asyncio.get_running_loop().time()
        async with aiofiles.open(part, "wb") as file:
            with _at_the_door(wanted.name):
                async for chunk in response.aiter_raw():
                    byte_count += len(chunk)
                    wanted.check_size(byte_count)
                    self._check_rate(wanted.name, byte_count, asyncio.get_running_loop().time() - started)
                    await file.write(chunk)
        return byte_count

    def _check_rate(self, name: str, byte_count: int, seconds: float) -> None:
        if seconds > self._haste.grace_seconds and byte_count < seconds * self._haste.min_bytes_per_second:
            raise _unavailable(name, "trickles")

    def _check_origin(self, name: str, url: str) -> None:
        origin = origin_of(url)
        if origin is None or origin not in self._allowed:
            raise Refused(reason("source-not-allowed", name=name))

    def _check_peer(self, name: str, url: str, response: httpx.Response) -> None:
        """Looks at the address that really answered, so that no name can be turned around between look and use."""
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        if origin_of(url) in PUBLIC_ORIGINS and peer and not is_public(str(peer[0])):
            raise Refused(reason("source-not-allowed", name=name), detail="a public name at a private address")

    async def _tidy(self, into: Path) -> None:
        part = _part(into)
        if await aiofiles.os.path.exists(part):
            await aiofiles.os.remove(part)


def _part(into: Path) -> Path:
    return into.with_name(f"{into.name}.part")


def _joined(url: str, target: str) -> str:
    try:
        return str(httpx.URL(url).join(target))
    except (httpx.InvalidURL, ValueError):
        return ""  # on no list


def _check_status(name: str, status: int) -> None:
    if status == HTTPStatus.OK:
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN or status < HTTPStatus.BAD_REQUEST:
        raise _unavailable(name, f"status {status}")
    raise Refused(reason("source-gone", name=name), detail=f"status {status}")


@contextmanager
def _at_the_door(name: str) -> Generator[None]:
    """Foreign errors stop here. Only their class goes on: a message or a cause could carry the signed URL."""
    try:
        yield
    except httpx.HTTPError as error:
        raise _unavailable(name, type(error).__name__) from None


def _unavailable(name: str, why: str) -> Unavailable:
    return Unavailable(reason("source-unavailable", name=name), detail=why)
