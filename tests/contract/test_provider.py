"""One suite over every adapter of `Provider`: the fake in memory, and Oxen's against a real process on loopback.

The process answers as Oxen documents it, in each of the three schema versions that the model's page has had.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot.domain.errors import NotStarted, OutcomeUnknown, Rejected, Unavailable
from bot.domain.generations import Generation, GenerationState, Material, PreparedBody, Submission
from bot.domain.media import Kind
from bot.domain.ports import Provider
from bot.domain.requests import Parameters
from bot.providers.oxen.client import OxenProvider
from sandbox.oxen.operator import OxenOperator
from tests.fakes_provider import MODEL_ID, MODELS_DIRECTORY, RETRY_AFTER_MS, FakeProvider, Fault, default_spec

VERSIONS = ("v1", "v2", "v3")
_DAY_MS = 86_400_000
MODERATED = "The request was blocked by our content safety filter."
COMMON_PROMPT = "a paper boat in the rain"
"""For tests that wait for a render: the process renders the same wish once."""
READS = ("queue_list", "queue_get", "generations", "cancel", "file")


class Bench(Protocol):
    """A provider and a hand at its vendor. Generations stay active until they are told otherwise."""

    @property
    def provider(self) -> Provider: ...
    @property
    def now_ms(self) -> int: ...
    async def submissions_meet(self, fault: Fault) -> None: ...
    async def reads_fail(self) -> None: ...
    async def finish(self, generation_id: str, *, with_url: bool = True) -> None: ...
    async def fail(self, generation_id: str, text: str) -> None: ...
    async def forget(self, generation_id: str) -> None: ...
    async def results_vanish(self) -> None: ...
    async def started(self, prompt: str) -> int: ...


@dataclass
class FakeBench:
    provider: FakeProvider

    @property
    def now_ms(self) -> int:
        return self.provider.clock()

    async def submissions_meet(self, fault: Fault) -> None:
        self.provider.fail_submits(fault)

    async def reads_fail(self) -> None:
        self.provider.down = True

    async def finish(self, generation_id: str, *, with_url: bool = True) -> None:
        self.provider.finish(generation_id, with_url=with_url)

    async def fail(self, generation_id: str, text: str) -> None:
        self.provider.fail(generation_id, text)

    async def forget(self, generation_id: str) -> None:
        self.provider.forget(generation_id)

    async def results_vanish(self) -> None:
        self.provider.result_gone = True

    async def started(self, prompt: str) -> int:
        return sum(body["prompt"] == prompt for body in self.provider.bodies)


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class OxenBench:
    provider: OxenProvider
    operator: OxenOperator
    key: list[str] = field(default_factory=list[str])

    @property
    def now_ms(self) -> int:
        return wall_clock()

    async def submissions_meet(self, fault: Fault) -> None:
        if fault is Fault.KEY:
            self.key[0] = "wrong"
            return
        kind, details = _FAULTS[fault]
        await self.operator.fault("enqueue", kind, **details)

    async def reads_fail(self) -> None:
        for where in READS:
            await self.operator.fault(where, "status", code=503, times=None)

    async def finish(self, generation_id: str, *, with_url: bool = True) -> None:
        if not with_url:
            await self.operator.fault("generations", "no_result_url", times=None, generation_id=generation_id)
        await self.operator.release()
        assert (await self.operator.ended(generation_id)).error_message is None
        await self.operator.hold("queued")

    async def fail(self, generation_id: str, text: str) -> None:
        await self.operator.fail(generation_id, text)

    async def forget(self, generation_id: str) -> None:
        await self.operator.lose(generation_id)

    async def results_vanish(self) -> None:
        await self.operator.fault("file", "status", code=404, times=None)

    async def started(self, prompt: str) -> int:
        return sum(row.body["prompt"] == prompt for row in await self.operator.generations())


_FAULTS: dict[Fault, tuple[Any, dict[str, Any]]] = {
    Fault.RATE_LIMITED: ("429", {"retry_after_seconds": RETRY_AFTER_MS / 1000}),
    Fault.CREDITS: ("status", {"code": 402}),
    Fault.REJECTED: ("status", {"code": 400, "body": {"error": {"message": "The prompt was flagged."}}}),
    Fault.LOST_BEFORE: ("drop_before", {}),
    Fault.LOST_AFTER: ("drop_after", {}),
}


@dataclass(frozen=True)
class Server:
    base: str
    key: str
    control: str


@contextmanager
def running(data: Path) -> Generator[Server]:
    """A process of its own for this module, stopped by its handle."""
    options = ["--data", str(data), "--render-seconds", "0", "--quick-render"]
    process = subprocess.Popen([sys.executable, "-m", "sandbox.oxen", *options], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            yield Server(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with running(tmp_path_factory.mktemp("oxen")) as started:
        yield started


@asynccontextmanager
async def oxen_bench(server: Server, version: str) -> AsyncGenerator[OxenBench]:
    key = [server.key]
    async with (
        OxenOperator(server.control) as operator,
        OxenProvider(
            base_url=f"{server.base}/api/ai",
            key=lambda: key[0],
            model_id=MODEL_ID,
            models=MODELS_DIRECTORY,
            clock=wall_clock,
            max_result_bytes=64_000_000,
        ) as provider,
    ):
        await operator.clear_faults()
        await operator.change(schema_version=version)
        await operator.hold("queued")
        yield OxenBench(provider, operator, key)
        await operator.clear_faults()
        for row in await operator.generations():  # or the next test's `finish` would render them all
            if row.status in {"queued", "processing"}:
                await operator.fail(row.generation_id, "the test is over")


@pytest.fixture(params=[f"{name}-{version}" for name in ("fake", "oxen") for version in VERSIONS])
async def bench(request: pytest.FixtureRequest) -> AsyncGenerator[Bench]:
    name, _, version = request.param.partition("-")
    if name == "fake":
        yield FakeBench(FakeProvider(clock=wall_clock, spec=default_spec(version)))
        return
    async with oxen_bench(request.getfixturevalue("server"), version) as oxen:
        yield oxen


@pytest.fixture
def prompt() -> str:
    """Words of this test's own: the process remembers every generation of the module."""
    return f"a paper boat {secrets.token_hex(8)}"


async def prepared(bench: Bench, prompt: str, *urls: str, faces: Collection[str] = ()) -> PreparedBody:
    materials = tuple(Material(reference_id=url, kind=Kind.IMAGE, url=url, shows_person=url in faces) for url in urls)
    parameters = Parameters(duration_seconds=4, resolution="480p", aspect_ratio="16:9", audio=False)
    spec = await bench.provider.model()
    return bench.provider.prepare(
        spec, Submission(model_id=MODEL_ID, prompt=prompt, parameters=parameters, materials=materials)
    )


def own_url(prompt: str, number: int, *, signature: str = "first") -> str:
    """Every take's references are published under URLs of its own."""
    return f"https://staging.invalid/{prompt.rsplit(maxsplit=1)[-1]}/{number}/a.png?signature={signature}"


async def begun(bench: Bench, prompt: str) -> str:
    return await bench.provider.submit((await prepared(bench, prompt)).body)


def ids(generations: tuple[Generation, ...]) -> list[str]:
    return [generation.id for generation in generations]


async def test_a_generation_is_active_until_it_has_a_result_and_a_price(bench: Bench, tmp_path: Path) -> None:
    generation_id = await begun(bench, COMMON_PROMPT)
    assert (await bench.provider.look(generation_id)).state is GenerationState.ACTIVE
    assert generation_id in ids(await bench.provider.active())
    await bench.finish(generation_id)
    done = await bench.provider.look(generation_id)
    assert done.state is GenerationState.SUCCEEDED
    assert (done.cost_usd_micros or 0) > 0
    assert generation_id not in ids(await bench.provider.active())
    assert done.result_url is not None
    into = tmp_path / "clip.mp4"
    assert await bench.provider.download(done.result_url, into) == into.stat().st_size
    assert into.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("own_urls", [0, 1])
async def test_a_lost_answer_is_found_and_nobody_pays_twice(bench: Bench, prompt: str, own_urls: int) -> None:
    urls = [own_url(prompt, number) for number in range(own_urls)]
    body = (await prepared(bench, prompt, *urls)).body
    since_ms = bench.now_ms
    await bench.submissions_meet(Fault.LOST_AFTER)
    with pytest.raises(OutcomeUnknown):
        await bench.provider.submit(body)
    found = await bench.provider.find(body, since_ms=since_ms, claimed=())
    assert len(found) == 1
    assert found[0].state is GenerationState.ACTIVE
    assert await bench.provider.find(body, since_ms=since_ms, claimed=ids(found)) == ()
    assert await bench.started(prompt) == 1


async def test_a_lost_answer_is_found_by_files_that_show_a_person(bench: Bench, prompt: str) -> None:
    """In schemas with a field for them they are echoed there, and nowhere else."""
    face, other = own_url(prompt, 1), own_url(prompt, 2)
    body = (await prepared(bench, prompt, face, other, faces=[face])).body
    elsewhere = (await prepared(bench, prompt, own_url(prompt, 3), own_url(prompt, 4))).body
    since_ms = bench.now_ms
    await bench.submissions_meet(Fault.LOST_AFTER)
    with pytest.raises(OutcomeUnknown):
        await bench.provider.submit(body)
    assert len(await bench.provider.find(body, since_ms=since_ms, claimed=())) == 1
    assert await bench.provider.find(elsewhere, since_ms=since_ms, claimed=()) == ()
    has_place = Kind.IMAGE in (await bench.provider.model()).face_kinds
    assert body["input_images"] == ([other] if has_place else [face, other])
    assert body.get("input_face_images") == ([face] if has_place else None)


async def test_a_lost_generation_is_found_after_it_has_ended_too(bench: Bench, prompt: str) -> None:
    body = (await prepared(bench, prompt)).body
    since_ms = bench.now_ms
    await bench.submissions_meet(Fault.LOST_AFTER)
    with pytest.raises(OutcomeUnknown):
        await bench.provider.submit(body)
    [found] = await bench.provider.find(body, since_ms=since_ms, claimed=())
    await bench.fail(found.id, MODERATED)
    [again] = await bench.provider.find(body, since_ms=since_ms, claimed=())
    assert (again.id, again.state) == (found.id, GenerationState.FAILED)


async def test_what_never_arrived_is_not_found(bench: Bench, prompt: str) -> None:
    body = (await prepared(bench, prompt)).body
    await bench.submissions_meet(Fault.LOST_BEFORE)
    with pytest.raises(OutcomeUnknown):
        await bench.provider.submit(body)
    assert await bench.provider.find(body, since_ms=bench.now_ms, claimed=()) == ()
    assert await bench.started(prompt) == 0


async def test_takes_of_one_request_are_told_apart_by_their_own_urls(bench: Bench, prompt: str) -> None:
    bodies = [(await prepared(bench, prompt, own_url(prompt, number))).body for number in (1, 2)]
    generations = [await bench.provider.submit(body) for body in bodies]
    renewed = (await prepared(bench, prompt, own_url(prompt, 2, signature="renewed"))).body
    assert ids(await bench.provider.find(renewed, since_ms=bench.now_ms, claimed=())) == [generations[1]]


async def test_words_find_only_what_began_since(bench: Bench, prompt: str) -> None:
    generation_id = await begun(bench, prompt)
    body = (await prepared(bench, prompt)).body
    assert ids(await bench.provider.find(body, since_ms=bench.now_ms, claimed=())) == [generation_id]
    assert await bench.provider.find(body, since_ms=bench.now_ms + 2 * _DAY_MS, claimed=()) == ()


async def test_words_that_may_be_ours_by_another_clock_are_never_said_to_be_missing(bench: Bench, prompt: str) -> None:
    await begun(bench, prompt)
    body = (await prepared(bench, prompt)).body
    with pytest.raises(Unavailable) as caught:
        await bench.provider.find(body, since_ms=bench.now_ms + 3_600_000, claimed=())
    assert caught.value.reason.code == "outcome-unknown"


async def test_too_many_requests_start_nothing_and_say_how_long_to_wait(bench: Bench, prompt: str) -> None:
    await bench.submissions_meet(Fault.RATE_LIMITED)
    with pytest.raises(NotStarted) as caught:
        await begun(bench, prompt)
    assert caught.value.retry_after_ms == RETRY_AFTER_MS
    assert await bench.started(prompt) == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.CREDITS, "vendor-credits"), (Fault.KEY, "vendor-key"), (Fault.REJECTED, "rejected-prompt")],
)
async def test_a_definite_no_is_classified(bench: Bench, prompt: str, fault: Fault, code: str) -> None:
    await bench.submissions_meet(fault)
    with pytest.raises(Rejected) as caught:
        await begun(bench, prompt)
    assert caught.value.reason.code == code
    assert await bench.started(prompt) == 0


async def test_cancelling_ends_it_and_may_be_repeated(bench: Bench, prompt: str) -> None:
    generation_id = await begun(bench, prompt)
    await bench.provider.cancel(generation_id)
    await bench.provider.cancel(generation_id)
    cancelled = await bench.provider.look(generation_id)
    assert (cancelled.state, cancelled.cost_usd_micros) == (GenerationState.CANCELLED, 0)
    assert generation_id not in ids(await bench.provider.active())


async def test_a_cancel_that_comes_too_late_changes_nothing(bench: Bench) -> None:
    generation_id = await begun(bench, COMMON_PROMPT)
    await bench.finish(generation_id)
    await bench.provider.cancel(generation_id)
    assert (await bench.provider.look(generation_id)).state is GenerationState.SUCCEEDED


async def test_a_failure_keeps_the_vendors_words_and_gets_our_code(bench: Bench, prompt: str) -> None:
    generation_id = await begun(bench, prompt)
    await bench.fail(generation_id, MODERATED)
    failed = await bench.provider.look(generation_id)
    assert (failed.state, failed.failure_text, failed.cost_usd_micros) == (GenerationState.FAILED, MODERATED, 0)
    assert failed.failure is not None
    assert failed.failure.code == "rejected-content"


async def test_what_the_vendor_does_not_know_is_missing(bench: Bench, prompt: str) -> None:
    generation_id = await begun(bench, prompt)
    await bench.forget(generation_id)
    for unknown in (generation_id, "00000000-0000-4000-8000-00000000dead"):
        assert (await bench.provider.look(unknown)).state is GenerationState.MISSING
    assert generation_id not in ids(await bench.provider.active())


async def test_success_without_a_url_is_left_to_the_caller(bench: Bench) -> None:
    generation_id = await begun(bench, COMMON_PROMPT)
    await bench.finish(generation_id, with_url=False)
    done = await bench.provider.look(generation_id)
    assert (done.state, done.result_url) == (GenerationState.SUCCEEDED, None)


async def test_a_result_that_is_gone_leaves_no_file(bench: Bench, tmp_path: Path) -> None:
    generation_id = await begun(bench, COMMON_PROMPT)
    await bench.finish(generation_id)
    url = (await bench.provider.look(generation_id)).result_url
    await bench.results_vanish()
    with pytest.raises(Rejected) as caught:
        await bench.provider.download(url or "", tmp_path / "clip.mp4")
    assert caught.value.reason.code == "result-gone"
    assert not (tmp_path / "clip.mp4").exists()


async def test_a_vendor_that_is_down_is_unavailable_and_never_missing(
    bench: Bench, prompt: str, tmp_path: Path
) -> None:
    generation_id = await begun(bench, prompt)
    body = (await prepared(bench, prompt)).body
    await bench.reads_fail()
    reads: list[Callable[[], Any]] = [
        bench.provider.active,
        lambda: bench.provider.look(generation_id),
        lambda: bench.provider.cancel(generation_id),
        lambda: bench.provider.find(body, since_ms=bench.now_ms, claimed=()),
    ]
    for read in reads:
        with pytest.raises(Unavailable):
            await read()


async def test_equal_submissions_prepare_equal_bodies(bench: Bench, prompt: str) -> None:
    first, second = await prepared(bench, prompt), await prepared(bench, prompt)
    assert first == second


# --- Oxen's alone: what a fake cannot show --------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_live_schema_is_recognised_and_no_body_breaks_it(server: Server, version: str, prompt: str) -> None:
    async with oxen_bench(server, version) as bench:
        spec = await bench.provider.model()
        assert (spec.live, spec.schema_version, spec.drift) == (True, version, ())
        assert spec.pricing.per_second("720p") == 240_000
        before = len((await bench.operator.report()).violations)
        await begun(bench, prompt)
        assert len((await bench.operator.report()).violations) == before


@pytest.mark.parametrize("key_name", ["request_schema", "json_request_schema"])
async def test_the_schema_is_read_under_either_name(server: Server, key_name: str) -> None:
    async with oxen_bench(server, "v3") as bench:
        await bench.operator.change(schema_key=key_name)
        assert (await bench.provider.model()).live
        await bench.operator.change(schema_key="request_schema")


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_server_error_proves_nothing(server: Server, code: int, prompt: str) -> None:
    async with oxen_bench(server, "v1") as bench:
        await bench.operator.fault("enqueue", "status", code=code)
        with pytest.raises(OutcomeUnknown):
            await begun(bench, prompt)


async def test_a_truncated_answer_is_an_unknown_outcome_that_is_found(server: Server, prompt: str) -> None:
    async with oxen_bench(server, "v1") as bench:
        await bench.operator.fault("enqueue", "truncate")
        since_ms = bench.now_ms
        with pytest.raises(OutcomeUnknown):
            await begun(bench, prompt)
        body = (await prepared(bench, prompt)).body
        assert len(await bench.provider.find(body, since_ms=since_ms, claimed=())) == 1


async def test_a_word_that_is_new_to_us_counts_as_active(server: Server, prompt: str) -> None:
    async with oxen_bench(server, "v1") as bench:
        generation_id = await begun(bench, prompt)
        await bench.operator.fault("generations", "unknown_status", message="paused", generation_id=generation_id)
        seen = await bench.provider.look(generation_id)
        assert (seen.state, seen.vendor_status) == (GenerationState.ACTIVE, "paused")


@pytest.mark.parametrize("links", ["presigned", "bearer"])
async def test_the_key_goes_to_the_vendor_and_not_along_a_redirect(server: Server, links: str, tmp_path: Path) -> None:
    async with oxen_bench(server, "v1") as bench:
        await bench.operator.change(result_links=links)
        generation_id = await begun(bench, COMMON_PROMPT)
        await bench.finish(generation_id)
        url = (await bench.provider.look(generation_id)).result_url or ""
        await bench.operator.fault("file", "redirect")
        with pytest.raises(Rejected):  # the redirect leads to a private address that nobody configured
            await bench.provider.download(url, tmp_path / "clip.mp4")
        other = server.base.replace("127.0.0.1", "localhost")
        await bench.operator.fault("file", "redirect")
        async with OxenProvider(
            base_url=f"{server.base}/api/ai",
            key=lambda: server.key,
            model_id=MODEL_ID,
            models=MODELS_DIRECTORY,
            clock=wall_clock,
            max_result_bytes=64_000_000,
            allow_origins=[other],
        ) as provider:
            assert await provider.download(url, tmp_path / "clip.mp4") > 0
        calls = (await bench.operator.report()).calls
        assert [call.authorized for call in calls if call.where == "file"][-2:] == [True, True]
        assert [call.authorized for call in calls if call.where == "cdn"][-1:] == [False]


async def test_half_a_result_is_fetched_again(server: Server, tmp_path: Path) -> None:
    async with oxen_bench(server, "v1") as bench:
        generation_id = await begun(bench, COMMON_PROMPT)
        await bench.finish(generation_id)
        url = (await bench.provider.look(generation_id)).result_url or ""
        await bench.operator.fault("file", "truncate")
        with pytest.raises(Unavailable):
            await bench.provider.download(url, tmp_path / "clip.mp4")
        assert await bench.provider.download(url, tmp_path / "clip.mp4") > 0


async def test_the_asynchronous_contract_of_april_still_works(server: Server, prompt: str) -> None:
    async with oxen_bench(server, "v1") as bench:
        await bench.operator.change(async_contract="2026-04-14")
        try:
            body = (await prepared(bench, prompt)).body
            generation_id = await bench.provider.submit(body)
            assert (await bench.provider.look(generation_id)).state is GenerationState.ACTIVE
            assert generation_id in ids(await bench.provider.active())
            assert ids(await bench.provider.find(body, since_ms=bench.now_ms, claimed=())) == [generation_id]
            await bench.provider.cancel(generation_id)
            assert (await bench.provider.look(generation_id)).state is GenerationState.MISSING
        finally:
            await bench.operator.change(async_contract="2026-05-11")


async def test_the_namespace_is_billed_and_searched(server: Server, prompt: str) -> None:
    async with (
        oxen_bench(server, "v3") as bench,
        OxenProvider(
            base_url=f"{server.base}/api/ai",
            key=lambda: server.key,
            model_id=MODEL_ID,
            models=MODELS_DIRECTORY,
            clock=wall_clock,
            max_result_bytes=1,
            namespace="studio",
        ) as provider,
    ):
        studio = OxenBench(provider, bench.operator)
        body = (await prepared(studio, prompt)).body
        generation_id = await provider.submit(body)
        assert (await bench.operator.generation(generation_id)).namespace == "studio"
        assert ids(await provider.find(body, since_ms=bench.now_ms, claimed=())) == [generation_id]
        assert generation_id in ids(await provider.active())
        assert generation_id not in ids(await bench.provider.active())
