"""Fetching a result: redirects by hand, the key for the vendor's own origin only, bounded in bytes and time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiofiles
import httpx

from bot.domain.errors import Rejected, Unavailable
from bot.domain.identity import Clock
from bot.domain.reasons import reason
from bot.domain.words import byte_size
from bot.providers.oxen.addresses import Origin, Resolver, checked_addresses, origin_of
from bot.providers.oxen.wire import answer_of, reading, refused_read

_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({400, 401, 403, 404, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFetcher:
    """Fetches results. `vendor` gets the key; `trusted` origins may be plain http and private (the vendor is one).

    `seconds` bounds the whole download, so that a trickle cannot hold a worker.
    """

    http: httpx.AsyncClient
    vendor: Origin
    trusted: frozenset[Origin]
    authorization: Callable[[], Mapping[str, str]]
    resolve: Resolver
    clock: Clock
    max_bytes: int
    seconds: float

    async def fetch(self, url: httpx.URL, into: Path) -> int:
        """Writes the file and answers its byte count; on failure no file is left.

        `Rejected` result-gone (401, 403, 404, 410: look for a fresh URL; or an address that is not allowed),
        result-too-large, result-missing (empty); else `Unavailable`.
        """
        with _no_remains(into), reading():
            async with asyncio.timeout(self.seconds), self._opened(url) as response:
                return await self._save(response, into)

    @asynccontextmanager
    async def _opened(self, url: httpx.URL) -> AsyncGenerator[httpx.Response]:
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._get(url)
            try:
                if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                    yield response
                    return
                url = url.join(response.headers["Location"])
            finally:
                await response.aclose()
        raise Unavailable(reason("vendor-strange"), detail="too many redirects")

    async def _get(self, url: httpx.URL) -> httpx.Response:
        """The first address that can be connected to answers; headers only, the body is streamed by the caller."""
        addresses = await checked_addresses(url, trusted=self.trusted, resolve=self.resolve)
        if not addresses:
            return await self.http.send(self._request(url, None), stream=True, follow_redirects=False)
        for address in addresses[:-1]:
            try:
                return await self.http.send(self._request(url, address), stream=True, follow_redirects=False)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self.http.send(self._request(url, addresses[-1]), stream=True, follow_redirects=False)

    def _request(self, url: httpx.URL, address: str | None) -> httpx.Request:
        """Connects to the checked address, while TLS and the Host header keep the name."""
        headers = {"Accept-Encoding": "identity", "Host": url.netloc.decode("ascii")}
        if origin_of(url) == self.vendor:
            headers |= self.authorization()
        if address is None:
            return self.http.build_request("GET", url, headers=headers)
        # A connection is pooled by address, whatever name it was verified for: it must not be used for another.
        headers["Connection"] = "close"
        name = {"sni_hostname": url.raw_host.decode("ascii")}
        return self.http.build_request("GET", url.copy_with(host=address), headers=headers, extensions=name)

    async def _save(self, response: httpx.Response, into: Path) -> int:
        self._check(response)
        byte_count = 0
        async with aiofiles.open(into, "wb") as file:
            async for chunk in response.aiter_bytes():
                byte_count += len(chunk)
                self._check_size(byte_count)
                await file.write(chunk)
        if byte_count == 0:
            raise Rejected(reason("result-missing"), detail="the result is empty")
        return byte_count

    def _check(self, response: httpx.Response) -> None:
        if response.status_code in _GONE:
            raise Rejected(reason("result-gone"), detail=f"HTTP {response.status_code}")
        if response.status_code != HTTPStatus.OK:
            raise refused_read(answer_of(response, now_ms=self.clock(), content=b""))
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal():
            self._check_size(int(announced))

    def _check_size(self, byte_count: int) -> None:
        if byte_count > self.max_bytes:
            raise Rejected(reason("result-too-large", limit=byte_size(self.max_bytes)), detail=f"{byte_count} bytes")


@contextmanager
def _no_remains(into: Path) -> Generator[None]:
    """Takes a half-written file away, and names failures of our own disk."""
    try:
        yield
    except OSError as error:
        into.unlink(missing_ok=True)
        raise Unavailable(reason("storage-unavailable"), detail=type(error).__name__) from error
    except BaseException:
        into.unlink(missing_ok=True)
        raise
