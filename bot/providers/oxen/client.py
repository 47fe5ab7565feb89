"""`OxenProvider`: the port of generations on Oxen.ai's queue.

`submit` is the only call that costs money and is never repeated here. Everything else may be repeated by the caller,
who also owns waiting and backing off; nothing is retried inside.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import httpx

from bot.domain.errors import NotStarted, OutcomeUnknown, Unavailable
from bot.domain.generations import Generation, GenerationState, PreparedBody, Submission
from bot.domain.identity import Clock
from bot.domain.models import ModelSpec, Pricing
from bot.domain.reasons import reason
from bot.providers.oxen import search
from bot.providers.oxen.addresses import Resolver, origin_of, system_resolver
from bot.providers.oxen.body import prepare
from bot.providers.oxen.catalogue import Catalogue
from bot.providers.oxen.download import ResultFetcher
from bot.providers.oxen.pinned import load_pinned
from bot.providers.oxen.rows import row_of
from bot.providers.oxen.values import as_list, as_object, as_text
from bot.providers.oxen.wire import Answer, call, reading, refused_read, refused_submission, submitting

_NOT_FOUND: Final = 404
_CANCEL_HAS_NO_EFFECT: Final = frozenset({400, 404, 409, 410, 422})
"""Answers to cancelling what has ended or is unknown; which one Oxen gives is not documented."""


def new_http_client() -> httpx.AsyncClient:
    """A client whose single steps cannot hang. The environment's proxies and .netrc are not used.

    httpx and httpcore log addresses with their signatures below WARNING; that is turned off.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.AsyncClient(timeout=httpx.Timeout(30, connect=10, pool=10), trust_env=False)


class OxenProvider:
    """Adapter of `Provider`. Use it in `async with`, or `aclose()` it; an `http` that was handed in stays open.

    `base_url` is the inference base (`https://hub.oxen.ai/api/ai`); its origin alone gets the key, and may be plain
    http and private, as may `allow_origins` (`https://host[:port]`). `key` is asked at every call: a rotated key works
    at once. `models` is the directory of the pinned files. `prices` win over those of the live record.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: Callable[[], str],
        model_id: str,
        models: Path,
        clock: Clock,
        max_result_bytes: int,
        namespace: str | None = None,
        prices: Pricing | None = None,
        http: httpx.AsyncClient | None = None,
        allow_origins: Collection[str] = (),
        resolve: Resolver = system_resolver,
        call_seconds: float = 60,
        submit_seconds: float = 120,
        download_seconds: float = 600,
    ) -> None:
        """Raises `PinnedError` when the pinned files are missing or wrong."""
        self._base_url = httpx.URL(base_url.rstrip("/"))
        self._key = key
        self._namespace = namespace or None
        self._clock = clock
        self._own_http = http is None
        self._http = http or new_http_client()
        self._call_seconds, self._submit_seconds = call_seconds, submit_seconds
        vendor = origin_of(self._base_url)
        self._fetcher = ResultFetcher(
            http=self._http,
            vendor=vendor,
            trusted=frozenset({vendor, *(origin_of(httpx.URL(origin)) for origin in allow_origins)}),
            authorization=self._authorization,
            resolve=resolve,
            clock=clock,
            max_bytes=max_result_bytes,
            seconds=download_seconds,
        )
        self._catalogue = Catalogue(
            model_id=model_id,
            pinned=load_pinned(models, model_id),
            get=self._get,
            clock=clock,
            prices=prices or Pricing(),
        )

    async def __aenter__(self) -> Self:
        """Itself; nothing is connected yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes what it opened."""
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections, if they are its own."""
        if self._own_http:
            await self._http.aclose()

    @property
    def known(self) -> ModelSpec:
        """The model as it was last seen, without asking the vendor."""
        return self._catalogue.known

    async def model(self) -> ModelSpec:
        """The live model, cached for an hour; the last known or the pinned one when it cannot be had. Never raises."""
        return await self._catalogue.spec()

    def prepare(self, spec: ModelSpec, submission: Submission) -> PreparedBody:
        """See `body.prepare`; adds the namespace that is billed, if one is set."""
        return prepare(spec, submission, namespace=self._namespace)

    async def submit(self, body: Mapping[str, object]) -> str:
        """`POST /queue`, once. `NotStarted`, `Rejected` or `OutcomeUnknown`."""
        try:
            headers = self._authorization()
        except Unavailable as error:
            raise NotStarted(error.reason, detail=error.detail) from error
        with submitting():
            answer = await self._call("POST", "/queue", headers=headers, seconds=self._submit_seconds, body=body)
        if not answer.ok:
            raise refused_submission(answer)
        return _generation_id(answer)

    async def find(
        self, body: Mapping[str, object], *, since_ms: int, claimed: Collection[str]
    ) -> tuple[Generation, ...]:
        """See `search.find`. A row may appear late: nothing found just after a lost answer is no proof yet."""
        return await search.find(self._get, body, since_ms=since_ms, claimed=claimed)

    async def active(self) -> tuple[Generation, ...]:
        """`GET /queue` as it is: by default the active rows of the namespace, of every model."""
        rows = search.listed(await self._get("/queue", {}))
        generations = (row.generation() for row in rows)
        return tuple(each for each in generations if each.state is GenerationState.ACTIVE)

    async def look(self, generation_id: str) -> Generation:
        """`GET /generations/{id}`, which knows the cost, else `GET /queue/{id}`. `MISSING` when both say 404.

        `SUCCEEDED` may come without `result_url` for a while: the caller looks again and decides when it is enough.
        """
        for route in ("/generations", "/queue"):
            answer = await self._get(f"{route}/{quote(generation_id, safe='')}", {})
            if answer.status == _NOT_FOUND:
                continue
            row = row_of(answer.payload, generation_id) if answer.ok else None
            if row is None:
                raise refused_read(answer)
            return row.generation()
        return Generation(id=generation_id, state=GenerationState.MISSING, vendor_status="")

    async def cancel(self, generation_id: str) -> None:
        """`DELETE /queue/{id}`. What has ended already, or is unknown, is no error."""
        path = f"/queue/{quote(generation_id, safe='')}"
        headers = self._authorization()
        with reading():
            answer = await self._call("DELETE", path, headers=headers, seconds=self._call_seconds)
        if not answer.ok and answer.status not in {204, *_CANCEL_HAS_NO_EFFECT}:
            raise refused_read(answer)

    async def download(self, url: str, into: Path) -> int:
        """See `ResultFetcher.fetch`. A relative address is the vendor's own."""
        with reading():
            target = self._base_url.join(url)
        return await self._fetcher.fetch(target, into)

    async def _get(self, path: str, query: Mapping[str, str]) -> Answer:
        scope = {"namespace": self._namespace} if self._namespace and path in {"/queue", "/generations"} else {}
        headers = self._authorization()
        with reading():
            return await self._call("GET", path, headers=headers, seconds=self._call_seconds, query={**query, **scope})

    async def _call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        seconds: float,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        url = f"{self._base_url}{path}"
        return await call(
            self._http, method, url, headers=headers, seconds=seconds, now=self._clock, query=query, body=body
        )

    def _authorization(self) -> dict[str, str]:
        """The header with the key as it is now. `Unavailable` when there is none that could be sent."""
        try:
            key = self._key().strip()
        except (OSError, ValueError) as error:  # a key file that cannot be read
            raise Unavailable(reason("vendor-key"), detail=type(error).__name__) from error
        if not key or not key.isascii() or not key.isprintable():
            raise Unavailable(reason("vendor-key"), detail="the key is empty or not printable ASCII")
        return {"Authorization": f"Bearer {key}"}


def _generation_id(answer: Answer) -> str:
    """The id in `{"generations": [{"generation_id": …}]}`; one is asked for, so the first is it."""
    for item in as_list(as_object(answer.payload).get("generations")):
        if generation_id := as_text(as_object(item).get("generation_id")):
            return generation_id
    raise OutcomeUnknown(reason("outcome-unknown"), detail=f"no generation in the answer; {answer.detail}")
