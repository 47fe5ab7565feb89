"""One suite for every `Downloader`: the real one against a server on loopback, and the fake."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.errors import Refused, RushesError, Unavailable
from bot.domain.ports import Downloader
from bot.domain.reasons import reason
from bot.domain.references import Offer
from bot.domain.words import byte_size
from bot.references.download import Haste, HttpDownloader
from bot.references.origins import is_public, origin_of
from tests.fakes_references import FakeDownloader

LIMIT = 1_000_000
CONTENT = b"picture" * 1000
SECRET = "hm=5ecre7"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Cdn:
    """Files by path; `asked` counts requests a path, `handlers` answer instead of files."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    handlers: dict[str, Handler] = field(default_factory=dict[str, Handler])
    asked: list[str] = field(default_factory=list[str])
    origin: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.handlers:
            return await self.handlers[request.path](request)
        content = self.files.get(request.path)
        return web.Response(status=404) if content is None else web.Response(body=content)

    def offer(self, path: str, *, name: str = "hero.png", byte_count: int | None = None) -> Offer:
        return Offer(name=name, url=f"{self.origin}{path}?ex=1&{SECRET}", byte_count=byte_count)


@pytest_asyncio.fixture
async def cdn() -> AsyncGenerator[Cdn]:
    made = Cdn()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.origin = str(server.make_url("")).rstrip("/")
        yield made


pauses: list[float] = []


async def no_pause(seconds: float) -> None:
    pauses.append(seconds)


def real(cdn: Cdn, *, origins: frozenset[str] | None = None, haste: Haste | None = None) -> HttpDownloader:
    return HttpDownloader(
        allowed_origins=frozenset({cdn.origin}) if origins is None else origins,
        max_bytes=LIMIT,
        haste=haste,
        pause=no_pause,
        jitter=lambda: 0.5,
    )


@pytest_asyncio.fixture(params=["real", "fake"])
async def downloader(request: pytest.FixtureRequest, cdn: Cdn) -> AsyncGenerator[Downloader]:
    """The CDN has a picture, a file that is too large, and a server that is down."""

    async def down(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    cdn.files |= {"/picture": CONTENT, "/empty": b"", "/huge": b"x" * (LIMIT + 1)}
    cdn.handlers["/down"] = down
    if request.param == "fake":
        files: dict[str, bytes | RushesError] = {cdn.offer(path).url: content for path, content in cdn.files.items()}
        files[cdn.offer("/down").url] = Unavailable(reason("source-unavailable", name="hero.png"))
        yield FakeDownloader(files, max_bytes=LIMIT)
        return
    async with real(cdn) as made:
        yield made


@pytest.mark.parametrize(("path", "content"), [("/picture", CONTENT), ("/empty", b"")])
async def test_the_bytes_arrive_and_are_counted(
    downloader: Downloader, cdn: Cdn, tmp_path: Path, path: str, content: bytes
) -> None:
    assert await downloader.fetch(cdn.offer(path), tmp_path / "file") == len(content)
    assert (tmp_path / "file").read_bytes() == content


async def test_no_more_is_fetched_than_a_file_of_that_sort_may_have(
    downloader: Downloader, cdn: Cdn, tmp_path: Path
) -> None:
    """Discord names no size of an emoji or an avatar; none is as large as an attachment may be."""
    fits = replace(cdn.offer("/picture"), byte_count=None, max_bytes=len(CONTENT))
    assert await downloader.fetch(fits, tmp_path / "file") == len(CONTENT)
    with pytest.raises(Refused) as caught:
        await downloader.fetch(replace(fits, max_bytes=len(CONTENT) - 1), tmp_path / "other")
    assert caught.value.reason.code == "file-too-large"
    assert caught.value.reason.arguments["limit"] == byte_size(len(CONTENT) - 1)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(("path", "code"), [("/gone", "source-gone"), ("/huge", "file-too-large")])
async def test_what_cannot_be_had_is_refused_and_leaves_no_file(
    downloader: Downloader, cdn: Cdn, tmp_path: Path, path: str, code: str
) -> None:
    with pytest.raises(Refused) as caught:
        await downloader.fetch(cdn.offer(path), tmp_path / "file")
    assert caught.value.reason.code == code
    assert caught.value.reason.arguments["name"] == "hero.png"
    assert list(tmp_path.iterdir()) == []


async def test_a_declared_size_over_the_limit_is_refused_unasked(
    downloader: Downloader, cdn: Cdn, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as caught:
        await downloader.fetch(cdn.offer("/picture", byte_count=LIMIT + 1), tmp_path / "file")
    assert caught.value.reason.arguments == {"name": "hero.png", "size": "1.0 MB", "limit": "1.0 MB"}
    assert cdn.asked == []


async def test_a_server_that_is_down_is_unavailable(downloader: Downloader, cdn: Cdn, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        await downloader.fetch(cdn.offer("/down"), tmp_path / "file")
    assert caught.value.reason.code == "source-unavailable"
    assert list(tmp_path.iterdir()) == []


# --- the real one: what only a network can do to it ----------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_file_that_is_gone_is_asked_for_once(cdn: Cdn, tmp_path: Path, status: int) -> None:
    async def gone(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    cdn.handlers["/file"] = gone
    async with real(cdn) as downloader:
        with pytest.raises(Refused) as caught:
            await downloader.fetch(cdn.offer("/file"), tmp_path / "file")
    assert caught.value.reason.code == "source-gone"
    assert cdn.asked == ["/file"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_stumbling_server_is_tried_again(cdn: Cdn, tmp_path: Path, status: int) -> None:
    async def stumbling(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status) if len(cdn.asked) < 3 else web.Response(body=CONTENT)

    cdn.handlers["/file"] = stumbling
    pauses.clear()
    async with real(cdn) as downloader:
        assert await downloader.fetch(cdn.offer("/file"), tmp_path / "file") == len(CONTENT)
    assert pauses == [0.5, 1.0]


async def test_a_connection_cut_half_way_is_tried_again_from_the_start(cdn: Cdn, tmp_path: Path) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        if len(cdn.asked) > 1:
            return web.Response(body=CONTENT)
        response = web.StreamResponse(headers={"Content-Length": str(len(CONTENT))})
        await response.prepare(request)
        await response.write(CONTENT[:100])
        assert request.transport is not None
        request.transport.close()
        return response

    cdn.handlers["/file"] = cut
    async with real(cdn) as downloader:
        await downloader.fetch(cdn.offer("/file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


async def test_a_body_without_a_length_is_cut_off_at_the_limit(cdn: Cdn, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 100_000)
        return response

    cdn.handlers["/file"] = endless
    async with real(cdn) as downloader:
        with pytest.raises(Refused) as caught:
            await downloader.fetch(cdn.offer("/file"), tmp_path / "file")
    assert caught.value.reason.code == "file-too-large"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("haste", "why"),
    [
        (Haste(grace_seconds=0.05, min_bytes_per_second=1_000_000, attempts=1), "trickles"),
        (Haste(total_seconds=0.3), "took longer than allowed"),
        (Haste(silence_seconds=0.1, attempts=1), "ReadTimeout"),
    ],
)
async def test_a_server_that_trickles_is_left(cdn: Cdn, tmp_path: Path, haste: Haste, why: str) -> None:
    left = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000 if why != "ReadTimeout" else 1):
            await response.write(b"x")
            await asyncio.sleep(0.02)
        await left.wait()
        return response

    cdn.handlers["/file"] = slow
    async with real(cdn, haste=haste) as downloader:
        with pytest.raises(Unavailable) as caught:
            await downloader.fetch(cdn.offer("/file"), tmp_path / "file")
    left.set()
    assert caught.value.detail == why
    assert list(tmp_path.iterdir()) == []


def _redirect_to(target: str) -> Handler:
    async def redirect(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    return redirect


async def test_a_redirect_on_the_list_is_followed(cdn: Cdn, tmp_path: Path) -> None:
    cdn.files["/picture"] = CONTENT
    cdn.handlers["/file"] = _redirect_to("/picture")
    async with real(cdn) as downloader:
        assert await downloader.fetch(cdn.offer("/file"), tmp_path / "file") == len(CONTENT)


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://[", "//localhost/x"])
async def test_a_redirect_off_the_list_is_refused(cdn: Cdn, tmp_path: Path, target: str) -> None:
    cdn.handlers["/file"] = _redirect_to(target)
    async with real(cdn) as downloader:
        with pytest.raises(Refused) as caught:
            await downloader.fetch(cdn.offer("/file"), tmp_path / "file")
    assert caught.value.reason.code == "source-not-allowed"


async def test_a_redirect_in_a_circle_ends(cdn: Cdn, tmp_path: Path) -> None:
    cdn.handlers["/file"] = _redirect_to("/file")
    async with real(cdn) as downloader:
        with pytest.raises(Refused):
            await downloader.fetch(cdn.offer("/file"), tmp_path / "file")
    assert len(cdn.asked) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://cdn.discordapp.com.evil.example/x",
        "https://cdn.discordapp.com@evil.example/x",
        "https://user:pass@cdn.discordapp.com/x",
        "https://cdn.discordapp.com:8443/x",
        "http://cdn.discordapp.com/x",
        "file:///etc/passwd",
        "//cdn.discordapp.com/x",
        "",
        "https://[::1",
    ],
)
async def test_only_listed_origins_are_asked(cdn: Cdn, tmp_path: Path, url: str) -> None:
    async with real(cdn, origins=frozenset({"https://cdn.discordapp.com"})) as downloader:
        with pytest.raises(Refused) as caught:
            await downloader.fetch(Offer(name="x.png", url=url, byte_count=None), tmp_path / "file")
    assert caught.value.reason.code == "source-not-allowed"


class _Turned(httpx.AsyncBaseTransport):
    """A network in which Discord's name leads to the inside."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"inside", extensions={"network_stream": self})

    def get_extra_info(self, _info: str) -> tuple[str, int]:
        return ("10.0.0.7", 443)


@pytest.mark.parametrize("host", ["cdn.discordapp.com", "media.discordapp.net", "images-ext-1.discordapp.net"])
async def test_a_public_name_at_a_private_address_is_refused(tmp_path: Path, host: str) -> None:
    origin = f"https://{host}"
    downloader = HttpDownloader(allowed_origins=frozenset({origin}), max_bytes=LIMIT, transport=_Turned())
    with pytest.raises(Refused) as caught:
        await downloader.fetch(Offer(name="x.png", url=f"{origin}/x", byte_count=None), tmp_path / "file")
    assert caught.value.reason.code == "source-not-allowed"


@pytest.mark.parametrize("path", ["/down", "/gone", "/cut"])
async def test_the_signed_url_is_in_no_log_and_no_error(
    cdn: Cdn, tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def down(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    cdn.handlers |= {"/down": down, "/cut": cut}
    with caplog.at_level(logging.INFO):
        async with real(cdn) as downloader:
            with pytest.raises(RushesError) as caught:
                await downloader.fetch(cdn.offer(path), tmp_path / "file")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp")]
    error = caught.value
    said = f"{error!r} {error} {error.detail} {error.reason} {error.__cause__!r} {error.__context__!r} {ours}"
    assert SECRET not in said
    assert path not in said


def test_origins_are_compared_whole() -> None:
    assert origin_of("HTTPS://CDN.discordapp.com:443/a?b") == "https://cdn.discordapp.com"
    assert origin_of("http://[::1]:8080/") == "http://[::1]:8080"
    assert origin_of("ftp://x") is None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("169.254.169.254", False),
        ("x", False),
    ],
)
def test_private_addresses_are_known(address: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(address) is public
