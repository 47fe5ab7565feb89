"""HTTP with the vendor: the one door foreign exceptions stop at, and answers sorted by consequence.

Two tables rule here. Reading may be repeated, so all that goes wrong is `Unavailable`. Submitting may have been paid
for, so only what proves that nothing was started is anything but `OutcomeUnknown` (oxen.md 1.0 and 4).
"""

import asyncio
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx

from bot.domain.errors import NotStarted, OutcomeUnknown, Rejected, RushesError, Unavailable
from bot.domain.identity import Clock
from bot.domain.reasons import reason
from bot.providers.oxen.failures import classify, error_text

_LONGEST_TEXT: Final = 500
_LONGEST_WAIT_MS: Final = 24 * 3_600_000
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_OK: Final = frozenset({200, 201, 202})
_CREDITS, _KEY, _RATE = "vendor-credits", "vendor-key", "vendor-rate-limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as read: `payload` is `None` when the body is no JSON; `text` is for the operator's log only."""

    status: int
    payload: object
    text: str
    retry_after_ms: int | None

    @property
    def ok(self) -> bool:
        """True for the statuses that carry what was asked for."""
        return self.status in _OK

    @property
    def detail(self) -> str:
        """Status and the vendor's words."""
        return f"HTTP {self.status}: {error_text(self.payload) or self.text}"


def answer_of(response: httpx.Response, *, now_ms: int, content: bytes | None = None) -> Answer:
    """Reads a complete response, or one whose body shall not be read (`content=b""`)."""
    content = response.content if content is None else content
    try:
        payload: object = json.loads(content)
    except ValueError:  # not JSON, or not text at all
        payload = None
    return Answer(
        status=response.status_code,
        payload=payload,
        text=content[:_LONGEST_TEXT].decode("utf-8", "replace"),
        retry_after_ms=retry_after_ms(response.headers.get("Retry-After"), now_ms=now_ms),
    )


def retry_after_ms(header: str | None, *, now_ms: int) -> int | None:
    """Milliseconds to wait by a `Retry-After` in seconds or as a date; `None` when absent or unreadable."""
    if header is None:
        return None
    wait = _seconds_as_ms(header.strip())
    if wait is None:
        wait = _until_ms(header.strip(), now_ms)
    return None if wait is None else min(max(0, wait), _LONGEST_WAIT_MS)


def _seconds_as_ms(text: str) -> int | None:
    try:
        return int(float(text) * 1000)
    except (ValueError, OverflowError):
        return None


def _until_ms(text: str, now_ms: int) -> int | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return int((at - datetime.fromtimestamp(0, UTC)).total_seconds() * 1000) - now_ms


@contextmanager
def reading() -> Generator[None]:
    """The door of everything that may be repeated: transport failures become `Unavailable`."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
        raise Unavailable(reason("vendor-unreachable"), detail=_name(error)) from error


@contextmanager
def submitting() -> Generator[None]:
    """The door of the paid call: `NotStarted` only when the request cannot have been sent."""
    try:
        yield
    except _BEFORE_SENDING as error:
        raise NotStarted(reason("vendor-unreachable"), detail=_name(error)) from error
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise OutcomeUnknown(reason("outcome-unknown"), detail=_name(error)) from error


def _name(error: Exception) -> str:
    """The kind of failure without its text, which may hold an address."""
    return type(error).__name__


def refused_read(answer: Answer) -> Unavailable:
    """What an answer means that did not carry what was read for."""
    return Unavailable(reason(_read_code(answer)), retry_after_ms=answer.retry_after_ms, detail=answer.detail)


def _read_code(answer: Answer) -> str:
    codes = {401: _KEY, 403: _KEY, 402: _CREDITS, 429: _RATE}
    return codes.get(
        answer.status, "vendor-unreachable" if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "vendor-strange"
    )


def refused_submission(answer: Answer) -> RushesError:
    """What an answer to the paid call means when it names no generation."""
    said = error_text(answer.payload)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotStarted(reason(_RATE), retry_after_ms=answer.retry_after_ms, detail=answer.detail)
    if not _proves_nothing_started(answer):
        return OutcomeUnknown(reason("outcome-unknown"), detail=answer.detail)
    verdict = classify(said or answer.text, otherwise="rejected-parameters")
    if answer.status == HTTPStatus.PAYMENT_REQUIRED or verdict.code == _CREDITS:
        return Rejected(reason(_CREDITS), detail=answer.detail)
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Rejected(reason(_KEY), detail=answer.detail)
    if answer.payload is None or answer.status < HTTPStatus.BAD_REQUEST:
        return Rejected(reason("vendor-strange"), detail=answer.detail)  # a web page or a redirect: wrong base_url
    return Rejected(verdict, detail=answer.detail)


def _proves_nothing_started(answer: Answer) -> bool:
    """Redirects and 4xx do, but for 408: the server gave up waiting, and says nothing of what it had read."""
    redirect_or_refusal = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return redirect_or_refusal and answer.status != HTTPStatus.REQUEST_TIMEOUT


async def call(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    seconds: float,
    now: Clock,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> Answer:
    """One request, redirects not followed, at most `seconds` in all. Raises what httpx raises: call it in a door."""
    async with asyncio.timeout(seconds):
        response = await http.request(method, url, headers=headers, params=query, json=body, follow_redirects=False)
    return answer_of(response, now_ms=now())
