import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.errors import NotStarted, OutcomeUnknown, ProviderError, Rejected, RushesError, Unavailable
from bot.domain.generations import GenerationState
from bot.providers.oxen.client import OxenProvider, new_http_client
from bot.providers.oxen.echo import match
from bot.providers.oxen.pinned import PinnedFile
from bot.providers.oxen.rows import Row, row_of, rows_of
from bot.providers.oxen.schema import _Price  # pyright: ignore[reportPrivateUsage]
from bot.providers.oxen.wire import retry_after_ms
from tests.fakes_provider import MODEL_ID, MODELS_DIRECTORY, raw_server

BASE = "https://vendor.example/api/ai"
KEY = "key-s3cret"
BODY = {
    "model": MODEL_ID,
    "num_generations": 1,
    "prompt": "my secret wish",
    "input_images": ["https://c.example/1?sig=x"],
}
ACCEPTED = {"generations": [{"generation_id": "g1", "status": "queued"}]}
NOW_MS = 1_775_091_431_000

Handler = Callable[[httpx.Request], httpx.Response]


def provider_of(handler: Handler, **changes: object) -> OxenProvider:
    arguments: dict[str, object] = {
        "base_url": BASE,
        "key": lambda: KEY,
        "model_id": MODEL_ID,
        "models": MODELS_DIRECTORY,
        "clock": lambda: NOW_MS,
        "max_result_bytes": 1_000_000,
        "http": httpx.AsyncClient(transport=httpx.MockTransport(handler)),
    }
    return OxenProvider(**{**arguments, **changes})  # pyright: ignore[reportArgumentType]


def answering(status: int, payload: object = None, *, text: str | None = None, **headers: str) -> Handler:
    content = json.dumps(payload) if text is None else text
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(status, content=content, headers=names)


def raising(error: Exception) -> Handler:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    return handler


class Routes:
    """Answers by path; whatever is not named is 404. Remembers what was asked."""

    def __init__(self, routes: Mapping[str, object]) -> None:
        self.routes = dict(routes)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.routes.get(request.url.path.removeprefix("/api/ai"))
        if answer is None:
            return httpx.Response(404, json={"error": {"type": "resource_not_found"}, "status": "error"})
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


# --- submitting -----------------------------------------------------------------------------------------------------


async def test_the_body_is_sent_as_it_was_stored_with_the_key_of_this_moment() -> None:
    keys = iter(["old", " new\n"])
    routes = Routes({"/queue": ACCEPTED})
    provider = provider_of(routes, key=lambda: next(keys))
    assert await provider.submit(BODY) == "g1"
    assert await provider.submit(BODY) == "g1"
    assert [request.headers["Authorization"] for request in routes.requests] == ["Bearer old", "Bearer new"]
    assert json.loads(routes.requests[0].content) == BODY
    assert routes.requests[0].method == "POST"


@pytest.mark.parametrize(
    ("handler", "kind", "code"),
    [
        (raising(httpx.ConnectError("refused")), NotStarted, "vendor-unreachable"),
        (raising(httpx.ConnectTimeout("slow")), NotStarted, "vendor-unreachable"),
        (raising(httpx.PoolTimeout("busy")), NotStarted, "vendor-unreachable"),
        (raising(httpx.ReadTimeout("slow")), OutcomeUnknown, "outcome-unknown"),
        (raising(httpx.WriteTimeout("slow")), OutcomeUnknown, "outcome-unknown"),
        (raising(httpx.ReadError("reset")), OutcomeUnknown, "outcome-unknown"),
        (raising(httpx.WriteError("reset")), OutcomeUnknown, "outcome-unknown"),
        (raising(httpx.RemoteProtocolError("gone")), OutcomeUnknown, "outcome-unknown"),
        (answering(429, {"status_message": "rate_limited"}), NotStarted, "vendor-rate-limited"),
        (answering(402, {"error": {"type": "insufficient_credits"}}), Rejected, "vendor-credits"),
        (answering(400, {"error_message": "Insufficient credits"}), Rejected, "vendor-credits"),
        (answering(403, {"error": "You have run out of credits."}), Rejected, "vendor-credits"),
        (answering(402, text="pay"), Rejected, "vendor-credits"),
        (answering(401, {"error": {"type": "unauthenticated"}}), Rejected, "vendor-key"),
        (answering(403, {"error": "Forbidden"}), Rejected, "vendor-key"),
        (answering(401, text="<html>"), Rejected, "vendor-key"),
        (answering(400, {"error": {"detail": "Invalid duration"}}), Rejected, "rejected-parameters"),
        (answering(404, {"error": {"message": f"Model not found: {MODEL_ID}"}}), Rejected, "rejected-parameters"),
        (answering(422, {"error": "prompt was flagged"}), Rejected, "rejected-prompt"),
        (answering(400, {"error": "something new"}), Rejected, "rejected-parameters"),
        (answering(404, text="<html>"), Rejected, "vendor-strange"),
        (answering(301, text="", Location="https://elsewhere.example"), Rejected, "vendor-strange"),
        (answering(408, {"error": "timeout"}), OutcomeUnknown, "outcome-unknown"),
        (answering(500, {"error": "Internal server error"}), OutcomeUnknown, "outcome-unknown"),
        (answering(502, {"error": {"type": "upstream"}, "status": 502}), OutcomeUnknown, "outcome-unknown"),
        (answering(503, text="<html>"), OutcomeUnknown, "outcome-unknown"),
        (answering(504, text=""), OutcomeUnknown, "outcome-unknown"),
        (answering(200, text="<html>maintenance</html>"), OutcomeUnknown, "outcome-unknown"),
        (answering(200, {}), OutcomeUnknown, "outcome-unknown"),
        (answering(200, {"generations": []}), OutcomeUnknown, "outcome-unknown"),
        (answering(200, {"generations": [{"status": "queued"}]}), OutcomeUnknown, "outcome-unknown"),
        (answering(200, {"generations": None}), OutcomeUnknown, "outcome-unknown"),
        (answering(200, []), OutcomeUnknown, "outcome-unknown"),
        (answering(204, text=""), OutcomeUnknown, "outcome-unknown"),
    ],
)
async def test_an_error_says_what_it_means_for_money(handler: Handler, kind: type[ProviderError], code: str) -> None:
    with pytest.raises(RushesError) as caught:
        await provider_of(handler).submit(BODY)
    assert (type(caught.value), caught.value.reason.code) == (kind, code)
    told = f"{caught.value} {caught.value.args} {caught.value.reason.arguments}"
    assert KEY not in told
    assert "secret wish" not in told
    assert "sig=x" not in told


@pytest.mark.parametrize("status", ["queued", "processing", None])
async def test_either_contracts_word_for_accepted_is_accepted(status: str | None) -> None:
    answer = {"generations": [{"generation_id": "g1", "status": status}]}
    assert await provider_of(answering(200, answer)).submit(BODY) == "g1"


@pytest.mark.parametrize("key", ["", "  ", "naïve", "two\nlines"])
async def test_without_a_usable_key_nothing_is_sent(key: str) -> None:
    routes = Routes({"/queue": ACCEPTED})
    provider = provider_of(routes, key=lambda: key)
    with pytest.raises(NotStarted) as caught:
        await provider.submit(BODY)
    assert caught.value.reason.code == "vendor-key"
    with pytest.raises(Unavailable):
        await provider.active()
    assert not routes.requests


def broken_key() -> str:
    raise FileNotFoundError("/run/secrets/oxen")


async def test_an_unreadable_key_file_is_no_crash() -> None:
    with pytest.raises(NotStarted):
        await provider_of(answering(200, ACCEPTED), key=broken_key).submit(BODY)


@pytest.mark.parametrize(
    ("header", "wait_ms"),
    [
        (None, None),
        ("7", 7_000),
        ("0.5", 500),
        ("-3", 0),
        ("999999999", 86_400_000),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Thu, 02 Apr 2026 00:57:21 GMT", 10_000),
        ("Thu, 02 Apr 2026 00:57:21 -0000", 10_000),
        ("Thu, 02 Apr 2026 00:00:00 GMT", 0),
    ],
)
async def test_retry_after_is_honoured_in_seconds_and_as_a_date(header: str | None, wait_ms: int | None) -> None:
    assert retry_after_ms(header, now_ms=NOW_MS) == wait_ms


async def test_the_vendors_wait_reaches_the_caller() -> None:
    provider = provider_of(answering(429, {}, Retry_After="7"))
    with pytest.raises(NotStarted) as submitted:
        await provider.submit(BODY)
    with pytest.raises(Unavailable) as read:
        await provider.look("g1")
    assert (submitted.value.retry_after_ms, read.value.retry_after_ms) == (7_000, 7_000)
    assert read.value.reason.code == "vendor-rate-limited"


@pytest.mark.parametrize(
    ("answer", "silent"),
    [
        (b"", False),
        (b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", False),
        (b"nonsense\r\n\r\n", False),
    ],
)
async def test_a_connection_lost_after_sending_leaves_the_outcome_unknown(answer: bytes, silent: bool) -> None:  # noqa: FBT001
    async with raw_server(answer, then_silent=silent) as base, new_http_client() as http:
        provider = provider_of(answering(500), base_url=f"{base}/api/ai", http=http, submit_seconds=0.3)
        with pytest.raises(OutcomeUnknown):
            await provider.submit(BODY)


async def test_a_closed_port_means_not_started() -> None:
    async with raw_server() as base:
        pass
    async with new_http_client() as http:
        with pytest.raises(NotStarted):
            await provider_of(answering(500), base_url=base, http=http).submit(BODY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)

# --- looking --------------------------------------------------------------------------------------------------------

ROW: dict[str, object] = {
    "generation_id": "g1",
    "model_name": MODEL_ID,
    "prompt": "my secret wish",
    "media_type": "video",
    "status": "succeeded",
    "result_url": "https://vendor.example/api/repos/r.mp4",
    "error_message": None,
    "enqueued_at": 1775091431,
    "started_at": 1775091432,
    "completed_at": 1775091590,
    "input_images": ["https://c.example/1?sig=another"],
}


async def test_history_is_asked_first_because_it_knows_the_cost() -> None:
    wrapped = {"status": "success", "generation": ROW | {"cost": "1.2100005"}}
    generation = await provider_of(Routes({"/generations/g1": wrapped, "/queue/g1": ROW})).look("g1")
    assert generation.state is GenerationState.SUCCEEDED
    assert generation.cost_usd_micros == 1_210_001
    assert generation.result_url == ROW["result_url"]
    assert generation.enqueued_at_ms == 1775091431000


@pytest.mark.parametrize(
    ("changes", "state", "code"),
    [
        ({"status": "queued"}, GenerationState.ACTIVE, None),
        ({"status": "processing"}, GenerationState.ACTIVE, None),
        ({"status": "paused"}, GenerationState.ACTIVE, None),
        ({"status": None}, GenerationState.ACTIVE, None),
        ({"status": 7, "cost": "much", "enqueued_at": "early"}, GenerationState.ACTIVE, None),
        ({"status": "paused", "cost": "1e999999", "enqueued_at": 10**30}, GenerationState.ACTIVE, None),
        ({"status": "succeeded", "result_url": None}, GenerationState.SUCCEEDED, None),
        ({"status": "failed", "error_message": "Insufficient credits"}, GenerationState.FAILED, "vendor-credits"),
        ({"status": "failed", "error_message": None}, GenerationState.FAILED, "vendor-failed"),
        ({"status": "cancelled"}, GenerationState.CANCELLED, "vendor-cancelled"),
    ],
)
async def test_every_status_has_a_meaning(changes: dict[str, object], state: GenerationState, code: str | None) -> None:
    generation = await provider_of(Routes({"/queue/g1": ROW | changes})).look("g1")
    assert generation.state is state
    assert (generation.failure.code if generation.failure else None) == code
    if not changes.get("result_url", "there"):
        assert generation.result_url is None


async def test_the_older_contracts_names_are_read() -> None:
    old = {"model": MODEL_ID, "status": "failed", "error": "Content policy violation", "url": "https://v.example/x"}
    generation = await provider_of(Routes({"/queue/g1": old})).look("g1")
    assert generation.failure_text == "Content policy violation"
    assert generation.result_url == "https://v.example/x"


@given(row=st.dictionaries(st.sampled_from([*ROW, "model", "cost", "url", "error", "generation"]), JSON))
def test_no_row_however_odd_can_stop_us(row: dict[str, object]) -> None:
    for found in (row_of(row, "g1"), *(rows_of({"generations": [row, row]}) or ())):
        if found is not None:
            assert found.generation().state in GenerationState
            match(BODY, found.echo, enqueued_at_ms=found.enqueued_at_ms, since_ms=0)


async def test_missing_needs_a_404_of_both_routes() -> None:
    assert (await provider_of(Routes({})).look("g1")).state is GenerationState.MISSING
    for answer in (httpx.Response(500), httpx.Response(200, text="<html>"), httpx.Response(200, json=[])):
        with pytest.raises(Unavailable):
            await provider_of(Routes({"/queue/g1": answer})).look("g1")


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "vendor-key"), (403, "vendor-key"), (402, "vendor-credits"), (429, "vendor-rate-limited"),
     (500, "vendor-unreachable"), (502, "vendor-unreachable"), (400, "vendor-strange"), (302, "vendor-strange")],
)  # fmt: skip
async def test_reading_is_only_ever_unavailable(status: int, code: str) -> None:
    provider = provider_of(answering(status, {"error": "no"}))
    for read in (provider.active(), provider.look("g1"), provider.find(BODY, since_ms=0, claimed=())):
        with pytest.raises(Unavailable) as caught:
            await read
        assert caught.value.reason.code == code


async def test_transport_failures_while_reading_are_unavailable() -> None:
    provider = provider_of(raising(httpx.ReadTimeout("slow")))
    for read in (provider.active(), provider.look("g1"), provider.cancel("g1")):
        with pytest.raises(Unavailable) as caught:
            await read
        assert isinstance(caught.value.__cause__, httpx.ReadTimeout)


async def test_active_is_one_call_and_one_odd_row_costs_no_other() -> None:
    rows = [ROW | {"status": "processing"}, {"status": "queued"}, "odd", None, ROW | {"generation_id": "g2"}]
    routes = Routes({"/queue": {"count": 5, "generations": rows}})
    found = await provider_of(routes, namespace="studio").active()
    assert [generation.id for generation in found] == ["g1"]
    assert [request.url.params["namespace"] for request in routes.requests] == ["studio"]


@pytest.mark.parametrize("status", [200, 204, 404, 400, 409, 410, 422])
async def test_cancelling_what_has_ended_is_no_error(status: int) -> None:
    await provider_of(answering(status, {"status": "success"})).cancel("g/1")


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_cancel_that_may_not_have_arrived_is_unavailable(status: int) -> None:
    with pytest.raises(Unavailable):
        await provider_of(answering(status, {})).cancel("g1")


async def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    routes = Routes({})
    await provider_of(routes).look("../queue?x=1")
    assert [request.url.raw_path for request in routes.requests] == [
        b"/api/ai/generations/..%2Fqueue%3Fx%3D1",
        b"/api/ai/queue/..%2Fqueue%3Fx%3D1",
    ]


# --- finding --------------------------------------------------------------------------------------------------------


class Lists:
    """The queue by status, and pages of history."""

    def __init__(
        self, *, queue: Mapping[str, Sequence[object]] | None = None, pages: Sequence[Sequence[object]] | None = None
    ) -> None:
        self.queue: Mapping[str, Sequence[object]] = queue or {}
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url.copy_with(scheme="http", host="v", path=request.url.path)))
        assert request.url.params["model"] == MODEL_ID
        if request.url.path.endswith("/queue"):
            rows = self.queue.get(request.url.params["status"], [])
            return httpx.Response(200, json={"count": len(rows), "generations": rows})
        if self.pages is None:
            return httpx.Response(404)
        page = int(request.url.params["page"])
        rows: Sequence[object] = self.pages[page - 1] if page <= len(self.pages) else ()
        total = {"total_pages": len(self.pages)}
        return httpx.Response(200, json={"generations": rows, **total})


async def test_a_lost_generation_is_found_once_wherever_it_is_listed() -> None:
    other = ROW | {"generation_id": "g0", "input_images": ["https://c.example/other"]}
    lists = Lists(queue={"succeeded": [ROW]}, pages=[[other], [ROW | {"cost": "0.5"}]])
    found = await provider_of(lists).find(BODY, since_ms=NOW_MS, claimed=())
    assert [(generation.id, generation.cost_usd_micros) for generation in found] == [("g1", 500_000)]


async def test_what_is_claimed_is_not_found_again() -> None:
    lists = Lists(queue={"processing": [ROW, ROW | {"generation_id": "g2"}]})
    found = await provider_of(lists).find(BODY, since_ms=NOW_MS, claimed={"g1"})
    assert [generation.id for generation in found] == ["g2"]


def test_what_a_row_or_a_record_says_stands_in_no_errors_text() -> None:
    with pytest.raises(ValidationError) as odd_row:
        Row.model_validate({"generation_id": ["secret"], "prompt": "secret"})
    with pytest.raises(ValidationError) as odd_price:
        _Price.model_validate({"cost_per_second": "secret"})
    with pytest.raises(ValidationError) as odd_file:
        PinnedFile.model_validate({"model_id": ["secret"], "limits": "secret"})

    assert "secret" not in f"{odd_row.value} {odd_price.value} {odd_file.value}"


async def test_rows_of_another_model_are_not_ours() -> None:
    lists = Lists(queue={"processing": [ROW | {"model_name": "another"}]})
    assert await provider_of(lists).find(BODY, since_ms=NOW_MS, claimed=()) == ()


async def test_a_row_that_does_not_echo_references_is_neither_ours_nor_not() -> None:
    silent = {name: value for name, value in ROW.items() if name != "input_images"}
    lists = Lists(queue={"processing": [silent]})
    with pytest.raises(Unavailable) as caught:
        await provider_of(lists).find(BODY, since_ms=NOW_MS, claimed=())
    assert caught.value.reason.code == "outcome-unknown"
    lists.queue = {"processing": [silent, ROW | {"generation_id": "g2"}]}
    found = await provider_of(lists).find(BODY, since_ms=NOW_MS, claimed=())
    assert [generation.id for generation in found] == ["g2"]


async def test_a_list_that_cannot_be_read_whole_proves_nothing() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        broken = request.url.params.get("status") == "failed"
        return httpx.Response(500 if broken else 200, json={"generations": []})

    with pytest.raises(Unavailable):
        await provider_of(handler).find(BODY, since_ms=NOW_MS, claimed=())


def paged(count: int, newest: int, step: int) -> list[object]:
    return [
        ROW
        | {
            "generation_id": f"h{newest + number}",
            "enqueued_at": newest + step * number,
            "prompt": "x",
            "input_images": [],
        }
        for number in range(count)
    ]


async def test_history_is_read_no_further_than_it_is_measured_to_be_older() -> None:
    ancient = paged(3, 1_000_000, -1)
    newest_first = Lists(pages=[ancient, paged(3, 900_000, -1), paged(3, 800_000, -1)])
    await provider_of(newest_first).find(BODY, since_ms=NOW_MS, claimed=())
    assert sum("/generations" in url for url in newest_first.asked) == 1
    oldest_first = Lists(pages=[paged(3, 1_000_000, 1), paged(3, 1_100_000, 1), [ROW]])
    found = await provider_of(oldest_first).find(BODY, since_ms=NOW_MS, claimed=())
    assert [generation.id for generation in found] == ["g1"]


async def test_pages_that_repeat_themselves_come_to_an_end() -> None:
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(200, json={"generations": [ROW]})

    found = await provider_of(handler).find(BODY, since_ms=0, claimed=())
    assert [generation.id for generation in found] == ["g1"]
    assert len(calls) == 7


# --- the model ------------------------------------------------------------------------------------------------------


async def test_the_model_is_asked_for_once_an_hour() -> None:
    now = [NOW_MS]
    schema = {"properties": {"prompt": {"type": "string"}}}
    routes = Routes({f"/models/{MODEL_ID}": {"request_schema": schema}})
    provider = provider_of(routes, clock=lambda: now[0])
    specs = await asyncio.gather(*(provider.model() for _ in range(3)))
    assert all(spec.live for spec in specs)
    now[0] += 3_599_999
    await provider.model()
    assert len(routes.requests) == 1
    now[0] += 1
    await provider.model()
    assert len(routes.requests) == 2


async def test_without_a_record_v1_is_pinned_and_the_vendor_is_left_alone_for_a_minute() -> None:
    now = [NOW_MS]
    routes = Routes({})
    provider = provider_of(routes, clock=lambda: now[0])
    spec = await provider.model()
    assert (spec.schema_version, spec.live, spec.pricing.per_second("720p")) == ("v1", False, None)
    await provider.model()
    assert len(routes.requests) == 1
    routes.routes[f"/models/{MODEL_ID}"] = {"request_schema": {"properties": {"prompt": {"type": "string"}}}}
    now[0] += 60_000
    assert (await provider.model()).live


async def test_the_last_record_is_better_than_none() -> None:
    now = [NOW_MS]
    routes = Routes({f"/models/{MODEL_ID}": {"request_schema": {"properties": {"prompt": {"type": "string"}}}}})
    provider = provider_of(routes, clock=lambda: now[0])
    assert (provider.known.live, provider.known.schema_version) == (False, "v1")
    first = await provider.model()
    assert provider.known == first
    routes.routes = {}
    now[0] += 3_600_000
    assert await provider.model() == first


# --- secrets --------------------------------------------------------------------------------------------------------


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        async with raw_server(answer) as base, new_http_client() as http:
            provider = provider_of(answering(500), base_url=base, http=http)
            with pytest.raises(OutcomeUnknown):
                await provider.submit(BODY)
            with pytest.raises(Unavailable):
                await provider.active()
    assert KEY not in caplog.text
    assert "/queue" not in caplog.text
    assert "secret" not in caplog.text
