"""Fetches what a body points to, for real and without credentials."""

import asyncio
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.domain.media import Kind
from sandbox.oxen.checks import MAX_BYTES_EACH, Wanted, value_error
from sandbox.oxen.views import ReferenceView

_TIMEOUT_SECONDS = 20.0
_MEASURE_SECONDS = 60.0
_DATA_FIELDS = frozenset({"input_images"})
"""Data URIs are documented for images only [D IE]; face fields were seen to refuse them [C]; video and sound likewise,
because ModelArk takes those by URL alone [U]."""


class Unfetchable(Exception):
    """The text is the generation's `error_message`."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reference that is here."""

    wanted: Wanted
    path: Path
    view: ReferenceView


class Fetcher:
    """Downloads references into a folder. `views` grows as it goes, so that a failed job still shows what it saw."""

    def __init__(self, client: httpx.AsyncClient, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock
        self._facts: dict[str, dict[str, Any]] = {}

    async def fetch_all(
        self, everything: Sequence[Wanted], folder: Path, views: list[ReferenceView]
    ) -> tuple[Fetched, ...]:
        """All of them in order, measured. `Unfetchable` at the first that cannot be had."""
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        paths: list[Path] = []
        for place, one in enumerate(everything):
            path = folder / str(place)
            views.append(await self._noted(one, path))
            paths.append(path)
            if (error := views[-1].error) is not None:
                raise Unfetchable(error)
        await self._measure({view.sha256 or "": path for view, path in zip(views, paths, strict=True)})
        views[:] = [view.model_copy(update=self._facts[view.sha256 or ""]) for view in views]
        return tuple(Fetched(*one) for one in zip(everything, paths, views, strict=True))

    async def _measure(self, paths: Mapping[str, Path]) -> None:
        """By SHA-256: the same bytes are measured once."""
        new = {key: path for key, path in paths.items() if key not in self._facts}
        self._facts.update(zip(new, await _measured(list(new.values())), strict=True))

    async def _noted(self, one: Wanted, path: Path) -> ReferenceView:
        is_data = one.url.startswith("data:")
        view = ReferenceView(
            field=one.field,
            kind=one.kind.value,
            number=one.number,
            source="data" if is_data else "url",
            url=one.url[:64] if is_data else one.url,
            fetched_at_ms=self._clock(),
        )
        try:
            data, content_type = _decoded(one) if is_data else await self._downloaded(one)
        except Unfetchable as error:
            return view.model_copy(update={"error": str(error)})
        await asyncio.to_thread(path.write_bytes, data)
        found = {"sha256": hashlib.sha256(data).hexdigest(), "byte_count": len(data), "content_type": content_type}
        return view.model_copy(update=found)

    async def _downloaded(self, one: Wanted) -> tuple[bytes, str | None]:
        if urlsplit(one.url).scheme not in {"http", "https"}:
            raise Unfetchable("unsupported_url_scheme")
        try:
            async with self._client.stream("GET", one.url, timeout=_TIMEOUT_SECONDS) as answer:
                if not answer.is_success:
                    raise Unfetchable(_http_error(answer, one.url))
                return await _limited(answer, one.kind), answer.headers.get("content-type")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unfetchable(value_error(f"Could not download {one.url}: {type(error).__name__}")) from error


def _http_error(answer: httpx.Response, url: str) -> str:
    """The documented `… 403 Client Error: Forbidden for url: …`, which is how Python's requests says it [D IE]."""
    side = "Client" if answer.status_code < 500 else "Server"
    return value_error(f"{answer.status_code} {side} Error: {answer.reason_phrase} for url: {url}")


async def _limited(answer: httpx.Response, kind: Kind) -> bytes:
    """The body, cut just past the limit: one byte more is enough to refuse it."""
    data = bytearray()
    async for chunk in answer.aiter_bytes():
        data += chunk
        if len(data) > MAX_BYTES_EACH[kind]:
            break
    return bytes(data[: MAX_BYTES_EACH[kind] + 1])


def _decoded(one: Wanted) -> tuple[bytes, str | None]:
    head, comma, payload = one.url.partition(",")
    if one.field not in _DATA_FIELDS or not comma or not head.endswith(";base64"):
        raise Unfetchable("unsupported_url_scheme")
    try:
        return base64.b64decode(payload, validate=True), head.removeprefix("data:").removesuffix(";base64")
    except binascii.Error as error:
        raise Unfetchable(value_error("Invalid base64 data")) from error


async def _measured(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Facts of the files, from a process of their own."""
    if not paths:
        return []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.oxen.measure", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_MEASURE_SECONDS):
            out, _ = await process.communicate(json.dumps([str(path) for path in paths]).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return json.loads(out)
