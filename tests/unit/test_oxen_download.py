import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from bot.domain.errors import Rejected, RushesError, Unavailable
from bot.providers.oxen.addresses import is_public, system_resolver
from bot.providers.oxen.client import OxenProvider, new_http_client
from tests.fakes_provider import MODEL_ID, MODELS_DIRECTORY, RESULT, raw_server

VENDOR = "https://vendor.example"
PUBLIC = ("93.184.215.14",)
MAX_BYTES = 1_000

Handler = Callable[[httpx.Request], httpx.Response]


class Web:
    """Answers by `host/path` (the Host header, as addresses are pinned) and remembers what was asked."""

    def __init__(self, pages: dict[str, httpx.Response | Exception]) -> None:
        self.pages = pages
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.pages.get(request.headers["Host"] + request.url.path, httpx.Response(404))
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("Authorization") for request in self.requests]


def provider_of(
    web: Handler, addresses: Sequence[str] | Exception = PUBLIC, allow_origins: Sequence[str] = (), **changes: object
) -> OxenProvider:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        if isinstance(addresses, Exception):
            raise addresses
        return addresses

    arguments: dict[str, object] = {
        "base_url": f"{VENDOR}/api/ai",
        "key": lambda: "key",
        "model_id": MODEL_ID,
        "models": MODELS_DIRECTORY,
        "clock": lambda: 0,
        "max_result_bytes": MAX_BYTES,
        "http": httpx.AsyncClient(transport=httpx.MockTransport(web)),
        "allow_origins": allow_origins,
        "resolve": resolve,
    }
    return OxenProvider(**{**arguments, **changes})  # pyright: ignore[reportArgumentType]


def found() -> httpx.Response:
    return httpx.Response(200, content=RESULT)


def moved(to: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"Location": to})


async def failure(provider: OxenProvider, into: Path, url: str = f"{VENDOR}/r.mp4") -> RushesError:
    with pytest.raises(RushesError) as caught:
        await provider.download(url, into)
    assert not into.exists()
    assert "sig=" not in f"{caught.value} {caught.value.detail} {caught.value.reason.arguments}"
    return caught.value


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


async def test_a_result_is_written_and_counted(into: Path) -> None:
    web = Web({"vendor.example/r.mp4": found()})
    assert await provider_of(web).download(f"{VENDOR}/r.mp4?sig=1", into) == len(RESULT)
    assert into.read_bytes() == RESULT
    assert web.keys == ["Bearer key"]


async def test_a_relative_address_is_the_vendors(into: Path) -> None:
    web = Web({"vendor.example/api/repos/r.mp4": found()})
    assert await provider_of(web).download("/api/repos/r.mp4", into) == len(RESULT)


async def test_a_redirect_leaves_the_key_at_home(into: Path) -> None:
    web = Web(
        {
            "vendor.example/r.mp4": moved("https://storage.example/a?sig=1", 307),
            "storage.example/a": moved("/b?sig=2"),
            "storage.example/b": found(),
        }
    )
    await provider_of(web).download(f"{VENDOR}/r.mp4", into)
    assert web.keys == ["Bearer key", None, None]
    assert into.read_bytes() == RESULT


@pytest.mark.parametrize(
    "near", ["https://vendor.example:8443", "https://vendor.example.evil.example", "https://evil.example"]
)
async def test_only_the_very_origin_of_the_vendor_gets_the_key(into: Path, near: str) -> None:
    web = Web({f"{httpx.URL(near).netloc.decode()}/r.mp4": found()})
    await provider_of(web).download(f"{near}/r.mp4", into)
    assert web.keys == [None]


async def test_the_checked_address_is_the_one_that_is_used(into: Path) -> None:
    web = Web({"storage.example/a": found()})
    await provider_of(web).download("https://storage.example/a", into)
    request = web.requests[0]
    assert (request.url.host, request.headers["Host"]) == (PUBLIC[0], "storage.example")
    assert request.extensions["sni_hostname"] == "storage.example"


async def test_the_next_address_is_tried_when_one_does_not_answer(into: Path) -> None:
    def web(request: httpx.Request) -> httpx.Response:
        if request.url.host == "2606:4700::1":
            raise httpx.ConnectError("no route")
        return found()

    addresses = ["2606:4700::1", *PUBLIC]
    assert await provider_of(web, addresses).download("https://storage.example/a", into) == len(RESULT)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], [*PUBLIC, "192.168.0.1"], []],
)
async def test_a_private_address_is_refused(into: Path, addresses: list[str]) -> None:
    web = Web({"vendor.example/r.mp4": moved("https://inside.example/a?sig=1")})
    error = await failure(provider_of(web, addresses), into)
    assert (type(error), error.reason.code) == (Rejected, "result-gone")
    assert len(web.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["http://storage.example/a?sig=1", "ftp://storage.example/a", "file:///etc/passwd", "https://u:p@storage.example/a"],
)  # fmt: skip
async def test_other_schemes_and_credentials_are_refused(into: Path, url: str) -> None:
    web = Web({"vendor.example/r.mp4": moved(url)})
    error = await failure(provider_of(web), into)
    assert isinstance(error, Rejected)
    assert len(web.requests) == 1


async def test_a_configured_origin_may_be_private_but_gets_no_key(into: Path) -> None:
    web = Web({"vendor.example/r.mp4": moved("http://localhost:9/a"), "localhost:9/a": found()})
    await provider_of(web, ["127.0.0.1"], allow_origins=["http://localhost:9"]).download(f"{VENDOR}/r.mp4", into)
    assert web.keys == ["Bearer key", None]


async def test_a_name_that_cannot_be_resolved_is_tried_again(into: Path) -> None:
    web = Web({"vendor.example/r.mp4": moved("https://storage.example/a")})
    error = await failure(provider_of(web, socket.gaierror("nothing")), into)
    assert isinstance(error, Unavailable)


async def test_redirects_have_an_end(into: Path) -> None:
    web = Web({"vendor.example/r.mp4": moved("/r.mp4")})
    assert isinstance(await failure(provider_of(web), into), Unavailable)
    assert len(web.requests) == 6


@pytest.mark.parametrize(
    ("response", "kind", "code"),
    [
        (httpx.Response(401), Rejected, "result-gone"),
        (httpx.Response(403), Rejected, "result-gone"),
        (httpx.Response(404), Rejected, "result-gone"),
        (httpx.Response(410), Rejected, "result-gone"),
        (httpx.Response(429), Unavailable, "vendor-rate-limited"),
        (httpx.Response(500), Unavailable, "vendor-unreachable"),
        (httpx.Response(206, content=b"x"), Unavailable, "vendor-strange"),
        (httpx.Response(200, content=b""), Rejected, "result-missing"),
        (httpx.Response(200, content=bytes(MAX_BYTES + 1)), Rejected, "result-too-large"),
        (httpx.ReadError("reset"), Unavailable, "vendor-unreachable"),
    ],
)
async def test_what_is_no_result_leaves_no_file(
    into: Path, response: httpx.Response | Exception, kind: type[RushesError], code: str
) -> None:
    error = await failure(provider_of(Web({"vendor.example/r.mp4": response})), into)
    assert (type(error), error.reason.code) == (kind, code)


async def test_a_file_of_exactly_the_limit_fits(into: Path) -> None:
    web = Web({"vendor.example/r.mp4": httpx.Response(200, content=bytes(MAX_BYTES))})
    assert await provider_of(web).download(f"{VENDOR}/r.mp4", into) == MAX_BYTES


async def test_a_full_disk_is_not_the_vendors_fault(tmp_path: Path) -> None:
    web = Web({"vendor.example/r.mp4": found()})
    error = await failure(provider_of(web), tmp_path / "nowhere" / "clip.mp4")
    assert (type(error), error.reason.code) == (Unavailable, "storage-unavailable")


async def served(into: Path, *pieces: bytes, seconds: float = 5, then_silent: bool = False) -> RushesError:
    """What comes of a download from a server that says these bytes."""
    async with raw_server(*pieces, then_silent=then_silent) as base, new_http_client() as http:
        provider = provider_of(Web({}), base_url=f"{base}/api/ai", http=http, download_seconds=seconds)
        return await failure(provider, into, f"{base}/r.mp4")


async def test_a_body_that_never_says_its_length_is_cut_at_the_limit(into: Path) -> None:
    chunk = b"%x\r\n" % 600 + bytes(600) + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await served(into, head, chunk, chunk, then_silent=True)).reason.code == "result-too-large"


async def test_half_a_file_is_no_file(into: Path) -> None:
    error = await served(into, b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", RESULT)
    assert isinstance(error, Unavailable)


async def test_a_trickle_cannot_hold_a_worker(into: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"
    error = await served(into, head, RESULT, seconds=0.3, then_silent=True)
    assert isinstance(error, Unavailable)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:4700::1", True),
        ("0.0.0.0", False),  # noqa: S104  not bound to
        ("100.64.0.1", False),
        ("172.16.0.1", False),
        ("192.0.2.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:0a00:0001::", False),
        ("not an address", False),
    ],
)
def test_public_addresses_are_told_from_our_own(address: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(address) is public


async def test_the_systems_resolver_answers_addresses() -> None:
    assert "127.0.0.1" in await system_resolver("127.0.0.1", 80)
