"""The Oxen on loopback keeps the vendor's documented contract: a real process, asked by raw httpx."""

import asyncio
import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from aiohttp import web
from PIL import Image

from sandbox.oxen.contract import Contract
from sandbox.oxen.operator import OxenOperator

MODEL = "bytedance-seedance-2-0-fast-reference-to-video"
CONTRACT = Path(
    os.environ.get("OXEN_OPENAPI", Path(__file__).parents[3] / "shared" / "contracts" / "oxen_hub_openapi.json")
)
NOT_FOUND = {
    "error": {"type": "resource_not_found", "title": "The requested resource could not be found"},
    "status": "error",
    "status_message": "resource_not_found",
}
QUICK: Mapping[str, Any] = {"resolution": "480p", "aspect_ratio": "1:1", "generate_audio": False}
V1: Mapping[str, Any] = {"model": MODEL, "prompt": "A fox", "duration": "4", **QUICK}
V3: Mapping[str, Any] = {"model": MODEL, "prompt": "A fox", "duration": 4, **QUICK}


@dataclass(frozen=True, slots=True)
class Oxen:
    base: str
    http: httpx.AsyncClient
    operator: OxenOperator

    async def enqueue(self, body: Mapping[str, Any]) -> str:
        answer = await self.http.post("/api/ai/queue", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["generations"][0]["generation_id"]

    async def row(self, generation_id: str) -> dict[str, Any]:
        return (await self.http.get(f"/api/ai/queue/{generation_id}")).raise_for_status().json()


async def shows(vendor: Oxen, generation_id: str, status: str) -> None:
    """Waits until the row says so."""
    async with asyncio.timeout(10):
        while True:
            if (await vendor.row(generation_id))["status"] == status:
                return
            await asyncio.sleep(0.02)


def started(data: Path, *flags: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    command = (sys.executable, "-m", "sandbox.oxen", "--data", str(data), "--render-seconds", "0", *flags)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def stopped(process: subprocess.Popen[str]) -> int:
    with process:
        process.terminate()
        return process.wait(10)


@asynccontextmanager
async def clients(ready: Mapping[str, str]) -> AsyncGenerator[Oxen]:
    headers = {"Authorization": f"Bearer {ready['key']}"}
    async with (
        httpx.AsyncClient(base_url=ready["base"], headers=headers, trust_env=False, timeout=20) as http,
        OxenOperator(ready["control"]) as operator,
    ):
        yield Oxen(ready["base"], http, operator)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mapping[str, str]]:
    contract = ("--contract", str(CONTRACT)) if CONTRACT.is_file() else ()
    running, ready = started(tmp_path_factory.mktemp("oxen"), "--quick-render", *contract)
    yield ready
    assert stopped(running) == 0


@pytest.fixture
async def vendor(process: Mapping[str, str]) -> AsyncIterator[Oxen]:
    """The module's one process, made as new."""
    async with clients(process) as running:
        await running.operator.reset()
        yield running


@pytest.fixture
def contract() -> Contract:
    if not CONTRACT.is_file():
        pytest.skip(f"the vendor's OpenAPI file is not at {CONTRACT} (set OXEN_OPENAPI)")
    return Contract(CONTRACT)


def png(width: int = 64, height: int = 64, colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def wav(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(seconds * 8000) * 2))
    return out.getvalue()


def mp4(seconds: int, width: int = 640, height: int = 640) -> bytes:
    out = io.BytesIO()
    container: Any = av.open(out, "w", format="mp4")  # Any: the stub of `add_stream` is generic over every codec's name
    stream = container.add_stream("libx264", rate=12, options={"preset": "ultrafast"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    for _ in range(seconds * 12):
        container.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
    container.mux(stream.encode())
    container.close()
    return out.getvalue()


@asynccontextmanager
async def files(served: Mapping[str, bytes]) -> AsyncGenerator[str]:
    """A file server on loopback; `/forbidden` answers 403."""

    async def serve(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name == "forbidden":
            return web.Response(status=403)
        return web.Response(body=served[name]) if name in served else web.Response(status=404)

    app = web.Application()
    app.add_routes([web.get("/{name}", serve)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


def measured(data: bytes) -> tuple[int, int, float, bool]:
    """Width, height, seconds and whether there is sound; decodes every frame."""
    with av.open(io.BytesIO(data), mode="r") as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        sound = bool(container.streams.audio)
        return stream.codec_context.width, stream.codec_context.height, frames / 24, sound


async def test_references_become_a_playable_video_of_the_asked_shape(vendor: Oxen) -> None:
    picture, clip, sound = png(), mp4(2), wav(1.5)
    async with files({"a.png": picture, "b.mp4": clip, "c.wav": sound}) as at:
        references = {
            "input_images": [f"{at}/a.png"], "input_videos": [f"{at}/b.mp4"], "input_audios": [f"{at}/c.wav"],
        }  # fmt: skip
        body = {**V1, **references, "prompt": "@Image1 meets @Video1", "aspect_ratio": "9:16", "generate_audio": True}
        await vendor.operator.hold()
        generation_id = await vendor.enqueue(body)
        listed = (await vendor.http.get("/api/ai/queue")).json()
        assert [row["generation_id"] for row in listed["generations"]] == [generation_id]
        assert listed["count"] == 1
        await vendor.operator.release()
        known = await vendor.operator.ended(generation_id)
    assert known.error_message is None
    row = await vendor.row(generation_id)
    assert row["status"] == "succeeded"
    assert row["input_images"] == body["input_images"], "parameters are echoed at the top level"
    assert (await vendor.http.get("/api/ai/queue")).json() == {"count": 0, "generations": []}
    async with httpx.AsyncClient(trust_env=False) as stranger:
        video = (await stranger.get(row["result_url"])).raise_for_status().content
    assert measured(video) == (496, 864, 4.0, True)
    assert [(one.field, one.kind, one.sha256, one.byte_count) for one in known.references] == [
        ("input_images", "image", hashlib.sha256(picture).hexdigest(), len(picture)),
        ("input_videos", "video", hashlib.sha256(clip).hexdigest(), len(clip)),
        ("input_audios", "audio", hashlib.sha256(sound).hexdigest(), len(sound)),
    ]
    report = await vendor.operator.report()
    assert (report.posts, report.accepted, report.generations, report.violations) == (1, 1, 1, ())


async def test_what_is_left_to_the_model_follows_the_references(vendor: Oxen) -> None:
    wide = "data:image/png;base64," + base64.b64encode(png(210, 90)).decode()
    body = {**V1, "input_images": [wide], "aspect_ratio": "auto"}
    known = await vendor.operator.ended(await vendor.enqueue(body))
    assert known.result is not None
    assert (known.result.width, known.result.height) == (992, 432)
    assert known.cost == Decimal("0.48")


async def test_bad_references_fail_with_the_documented_texts(vendor: Oxen) -> None:
    long, text = wav(16), b"#!/bin/sh"
    async with files({"a.png": png(), "text.png": text, "long.wav": long, "big.mp4": mp4(2, 1280, 720)}) as at:
        cases: list[tuple[Mapping[str, Any], str]] = [
            ({"input_images": [f"{at}/forbidden"]}, f"403 Client Error: Forbidden for url: {at}/forbidden"),
            ({"input_images": [f"{at}/gone"]}, f"404 Client Error: Not Found for url: {at}/gone"),
            ({"input_images": ["http://127.0.0.1:1/a.png"]}, "Could not download http://127.0.0.1:1/a.png"),
            ({"input_images": ["ftp://host/a.png"]}, "unsupported_url_scheme"),
            ({"input_images": [f"{at}/text.png"]}, "Unsupported image format"),
            ({"input_images": [f"{at}/a.png"] * 10}, "Too many input files"),
            ({"input_audios": [f"{at}/long.wav"]}, "Audio requires at least one image or video"),
            ({"input_images": [f"{at}/a.png"], "input_audios": [f"{at}/long.wav"]}, "must not exceed 15 seconds"),
            ({"input_videos": [f"{at}/big.mp4"]}, ""),
            ({"input_videos": [f"{at}/a.png"]}, "Unsupported video format"),
            ({"duration": "3"}, "Invalid duration"),
            ({"duration": 4}, "Invalid duration"),
            ({"resolution": "1080p"}, "Invalid resolution"),
            ({"prompt": ""}, "Field required"),
        ]
        started = [(await vendor.enqueue({**V1, **change}), text) for change, text in cases]
        for generation_id, expected in started:
            known = await vendor.operator.ended(generation_id)
            if not expected:
                assert known.status == "succeeded", "1280x720 is within the frame area"
                continue
            assert known.status == "failed"
            assert expected in (known.error_message or "")
            assert known.cost == 0
            row = await vendor.row(generation_id)
            assert (row["status"], row["result_url"]) == ("failed", None)


@pytest.mark.parametrize(
    ("version", "good", "bad"),
    [
        ("v1", {**V1, "seed": 7}, {**V1, "duration": 4, "watermark": False}),
        ("v2", {**V3, "watermark": False, "input_face_images": []}, {**V3, "duration": "4", "seed": 7}),
        ("v3", {**V3, "aspect_ratio": "adaptive", "duration": -1}, {**V3, "aspect_ratio": "auto", "seed": 7}),
    ],
)
async def test_each_schema_version_is_held_to(
    vendor: Oxen, version: str, good: Mapping[str, Any], bad: Mapping[str, Any]
) -> None:
    await vendor.operator.change(schema_version=version)
    record = (await vendor.http.get(f"/api/ai/models/{MODEL}")).json()
    shape = record["request_schema"]["properties"]
    assert shape["duration"]["type"] == ("string" if version == "v1" else "integer")
    assert ("seed" in shape, "watermark" in shape) == (version == "v1", version != "v1")
    assert ("[Image 1]" in shape["prompt"]["description"]) == (version == "v2")
    await vendor.operator.hold("queued")
    await vendor.enqueue(good)
    assert (await vendor.operator.report()).violations == ()
    await vendor.enqueue(bad)
    violations = (await vendor.operator.report()).violations
    wrong = "aspect_ratio" if version == "v3" else "duration"
    ours = {(one.post, one.field) for one in violations if one.source == "model"}
    assert ours == {(2, wrong), (2, "")}


async def test_faces_are_fetched_from_their_own_field_and_numbered_first(vendor: Oxen) -> None:
    await vendor.operator.change(schema_version="v3")
    face, plain = png(colour="tan"), png(colour="teal")
    async with files({"face.png": face, "plain.png": plain}) as at:
        body = {**V3, "prompt": "@Image1 looks at @Image2"}
        body |= {"input_images": [f"{at}/plain.png"], "input_face_images": [f"{at}/face.png"]}
        generation_id = await vendor.enqueue(body)
        known = await vendor.operator.ended(generation_id)
    assert known.status == "succeeded", known.error_message
    assert [(one.field, one.number) for one in known.references] == [("input_face_images", 1), ("input_images", 2)]
    assert known.materials == {
        "input_face_images": (hashlib.sha256(face).hexdigest(),),
        "input_images": (hashlib.sha256(plain).hexdigest(),),
    }
    row = await vendor.row(generation_id)
    assert (row["input_images"], row["input_face_images"]) == (body["input_images"], body["input_face_images"])


@pytest.mark.parametrize(
    ("version", "prompt", "undefined"),
    [
        ("v3", "@Image1, @Image2 and @Image3", ["@Image3 is nothing"]),
        ("v3", "a@Image9.example and https://x.example/@Image9", []),
        ("v3", "@Audio1 sings", ["@Audio1 is nothing"]),
        ("v2", "[Image 2] and [Image 3], not @Image7", ["[Image 3] is nothing"]),
    ],
)
async def test_a_token_that_no_reference_has_is_a_violation(
    vendor: Oxen, version: str, prompt: str, undefined: list[str]
) -> None:
    await vendor.operator.change(schema_version=version)
    await vendor.operator.hold("queued")
    one = "data:image/png;base64," + base64.b64encode(png()).decode()
    await vendor.enqueue({**V3, "prompt": prompt, "input_images": [one], "input_face_images": [one]})
    assert [each.message for each in (await vendor.operator.report()).violations] == undefined


async def test_enqueue_checks_what_the_vendor_checks_and_nothing_else(vendor: Oxen) -> None:
    async def refused(body: object, key: str | None = None) -> tuple[int, Any]:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        answer = await vendor.http.post("/api/ai/queue", json=body, headers=headers)
        return answer.status_code, answer.json()

    assert await refused({**V1, "model": "bad"}) == (400, {"error": {"message": "Model not found: bad"}})
    status, body = await refused({**V1, "num_generations": 5})
    assert (status, body["error"]["detail"]) == (400, "num_generations must be an integer between 1 and 4")
    assert (await refused([]))[0] == 400
    status, body = await refused(V1, key="wrong")
    assert (status, body["error"]["type"], body["status_message"]) == (401, "unauthenticated", "unauthenticated")
    await vendor.operator.change(balance="0.10")
    status, body = await refused(V1)
    assert (status, body["error"]["type"]) == (402, "insufficient_credits")
    assert await vendor.operator.generations() == ()
    await vendor.operator.change(balance="100")
    await vendor.operator.hold("queued")
    answer = await vendor.http.post("/api/ai/queue", json={**V1, "num_generations": 2})
    assert [row["status"] for row in answer.json()["generations"]] == ["queued", "queued"]


async def test_credits_can_run_out_after_acceptance(vendor: Oxen) -> None:
    await vendor.operator.hold("queued")
    generation_id = await vendor.enqueue(V1)
    await vendor.operator.change(balance="0.10")
    await vendor.operator.release()
    assert (await vendor.operator.ended(generation_id)).error_message == "Insufficient credits"


async def test_a_cancelled_generation_stays_cancelled(vendor: Oxen) -> None:
    await vendor.operator.hold()
    generation_id = await vendor.enqueue(V1)
    answer = await vendor.http.delete(f"/api/ai/queue/{generation_id}")
    assert (answer.status_code, answer.json()) == (200, {"status": "success", "generation_id": generation_id})
    await vendor.operator.release()
    row = await vendor.row(generation_id)
    assert (row["status"], row["result_url"], row["error_message"]) == ("cancelled", None, None)
    assert (await vendor.http.delete(f"/api/ai/queue/{generation_id}")).status_code == 200
    missing = await vendor.http.delete("/api/ai/queue/00000000-0000-4000-8000-000000000000")
    assert (missing.status_code, missing.json()) == (404, NOT_FOUND)


async def test_a_lost_answer_leaves_exactly_one_row_and_a_refused_call_none(vendor: Oxen) -> None:
    await vendor.operator.hold("queued")
    await vendor.operator.fault("enqueue", "drop_before")
    await vendor.operator.fault("enqueue", "drop_after")
    for expected in (0, 1):
        with pytest.raises(httpx.TransportError):
            await vendor.http.post("/api/ai/queue", json=V1)
        assert len(await vendor.operator.generations()) == expected
    report = await vendor.operator.report()
    assert (report.posts, report.accepted, report.counts["enqueue"]) == (1, 1, 2)
    assert [call.status for call in report.calls if call.where == "enqueue"] == [None, None]


async def test_faults_answer_as_ordered_and_then_stop(vendor: Oxen) -> None:
    await vendor.operator.fault("queue_list", "429", retry_after_seconds=3)
    await vendor.operator.fault("queue_list", "status", code=502)
    answers = [await vendor.http.get("/api/ai/queue") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 502, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[1].json()["status"] == 502
    assert [fault.struck for fault in await vendor.operator.faults()] == [1, 1]


async def test_jobs_can_be_made_to_go_wrong(vendor: Oxen) -> None:
    for kind in ("fail", "stuck", "lost", "no_result_url", "unknown_status"):
        await vendor.operator.fault("job", kind)
    await vendor.operator.hold()
    failed, stuck, lost, without, strange = [await vendor.enqueue(V1) for _ in range(5)]
    await shows(vendor, strange, "paused")
    await vendor.operator.release()
    assert "content safety" in ((await vendor.operator.ended(failed)).error_message or "")
    assert (await vendor.http.get(f"/api/ai/queue/{lost}")).status_code == 404
    await vendor.operator.ended(without)
    assert (await vendor.row(without))["result_url"] is None
    assert (await vendor.row(stuck))["status"] == "processing"
    await vendor.operator.fail(stuck, "upstream gave up")
    assert (await vendor.row(stuck))["error_message"] == "upstream gave up"


async def test_events_tell_of_success_and_failure_but_not_of_cancelling(vendor: Oxen) -> None:
    await vendor.operator.change(keep_alive_seconds=0.05)
    async with vendor.http.stream("GET", "/api/events") as stream, asyncio.timeout(20):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await anext(lines) == ": keep-alive"
        await vendor.operator.hold()
        cancelled = await vendor.enqueue(V1)
        await vendor.http.delete(f"/api/ai/queue/{cancelled}")
        await vendor.operator.release()
        assert await vendor.operator.publish("deployment_ready", {"id": 1}) == 1
        assert await next_event(lines, "deployment_ready") == {"id": 1}
        failed = await vendor.enqueue({**V1, "duration": "3"})
        assert await next_event(lines) == {
            "generation_id": failed, "status": "failed", "media_type": "video", "error": "Invalid duration",
        }  # fmt: skip
        succeeded = await vendor.enqueue(V1)
        event = await next_event(lines)
        assert event.pop("url").startswith(f"{vendor.base}/api/repos/")
        assert event == {
            "generation_id": succeeded, "status": "succeeded", "media_type": "video", "model": MODEL,
        }  # fmt: skip


async def next_event(lines: AsyncIterator[str], expected: str = "media_generation_completed") -> dict[str, Any]:
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            assert name == expected
            return json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended")


async def test_an_event_stream_can_be_cut(vendor: Oxen) -> None:
    async with vendor.http.stream("GET", "/api/events") as stream, asyncio.timeout(10):
        assert await vendor.operator.cut_streams() == 1
        assert [chunk async for chunk in stream.aiter_raw()] == []


async def test_history_has_pages_and_costs(vendor: Oxen) -> None:
    done = [await vendor.enqueue(V1) for _ in range(3)]
    failed = await vendor.enqueue({**V1, "duration": "3"})
    for generation_id in (*done, failed):
        await vendor.operator.ended(generation_id)
    pages = [
        (await vendor.http.get("/api/ai/generations", params={"page": page, "page_size": 3})).json() for page in (1, 2)
    ]
    assert [(page["count"], page["page_number"], page["total_pages"], page["total_entries"]) for page in pages] == [
        (3, 1, 2, 4),
        (1, 2, 2, 4),
    ]
    assert {Decimal(page["total_cost"]) for page in pages} == {Decimal("1.44")}
    costs = {row["generation_id"]: row["cost"] for page in pages for row in page["generations"]}
    assert costs == dict.fromkeys(done, "0.48") | {failed: "0"}
    only = (await vendor.http.get("/api/ai/generations", params={"status": "failed"})).json()
    assert [row["generation_id"] for row in only["generations"]] == [failed]
    one = (await vendor.http.get(f"/api/ai/generations/{done[0]}")).json()
    assert (one["status"], one["generation"]["cost"]) == ("success", "0.48")
    assert (await vendor.operator.report()).balance == Decimal(1000) - Decimal("1.44")
    assert (await vendor.http.get("/api/ai/generations", params={"page_size": 1001})).status_code == 400


async def test_a_result_needs_the_key_or_a_signature_that_still_holds(vendor: Oxen) -> None:
    generation_id = await vendor.enqueue(V1)
    await vendor.operator.ended(generation_id)
    url = httpx.URL((await vendor.row(generation_id))["result_url"])
    bare = url.copy_with(query=None)
    async with httpx.AsyncClient(trust_env=False) as stranger:
        whole = (await stranger.get(url)).raise_for_status().content
        part = await stranger.get(url, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert (await stranger.get(bare)).status_code == 401
        assert (await stranger.get(url.copy_set_param("signature", "0" * 64))).status_code == 403
        await vendor.operator.change(link_seconds=-1)
        expired = (await vendor.row(generation_id))["result_url"]
        assert (await stranger.get(expired)).status_code == 403
    assert (await vendor.http.get(bare)).content == whole
    await vendor.operator.change(result_links="bearer")
    assert (await vendor.row(generation_id))["result_url"] == str(bare)


async def test_a_result_can_be_cut_short_replaced_or_moved_off_host(vendor: Oxen) -> None:
    generation_id = await vendor.enqueue(V1)
    await vendor.operator.ended(generation_id)
    url = (await vendor.row(generation_id))["result_url"]
    for kind in ("truncate", "not_video", "redirect"):
        await vendor.operator.fault("file", kind)
    with pytest.raises(httpx.RemoteProtocolError):
        await vendor.http.get(url)
    assert b"<!doctype html>" in (await vendor.http.get(url)).content
    moved = await vendor.http.get(url)
    assert moved.status_code == 302
    assert httpx.URL(moved.headers["Location"]).host == "localhost"
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(moved.headers["Location"])).content[4:8] == b"ftyp"
    assert [call.authorized for call in (await vendor.operator.report()).calls if call.where == "cdn"] == [False]


async def test_the_old_contract_forgets_what_has_ended(vendor: Oxen) -> None:
    await vendor.operator.change(async_contract="2026-04-14")
    await vendor.operator.hold()
    answer = await vendor.http.post("/api/ai/queue", json=V1)
    (entry,) = answer.json()["generations"]
    assert entry["status"] == "processing"
    row = await vendor.row(entry["generation_id"])
    assert row["model"] == MODEL
    assert not {"status", "model_name", "result_url"} & row.keys()
    await vendor.operator.release()
    await vendor.operator.ended(entry["generation_id"])
    gone = await vendor.http.get(f"/api/ai/queue/{entry['generation_id']}")
    assert gone.status_code == 404
    assert gone.json() == {name: value for name, value in NOT_FOUND.items() if name != "status_message"}


async def test_every_body_fits_the_vendors_openapi_file(vendor: Oxen, contract: Contract) -> None:
    def fits(name: str, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        assert [*contract.problems(name, answer.json())] == []

    await vendor.operator.change(schema_version="v3")
    http = vendor.http
    await vendor.operator.hold()
    accepted = await http.post("/api/ai/queue", json={**V3, "num_generations": 2, "target_directory": "takes"})
    fits("QueueCreateResponse", accepted)
    first, second = (row["generation_id"] for row in accepted.json()["generations"])
    failed = await vendor.enqueue({**V3, "duration": 3})
    for path in ("/api/ai/queue", "/api/ai/queue?status=processing", "/api/ai/queue?status=cancelled"):
        fits("QueueListResponse", await http.get(path))
    fits("QueueDeleteResponse", await http.delete(f"/api/ai/queue/{second}"))
    fits("QueueGenerationResponse", await http.get(f"/api/ai/queue/{first}"))
    await vendor.operator.release()
    await vendor.operator.ended(first)
    await vendor.operator.ended(failed)
    for generation_id in (first, second, failed):
        fits("QueueGenerationResponse", await http.get(f"/api/ai/queue/{generation_id}"))
        fits("GenerationsShowResponse", await http.get(f"/api/ai/generations/{generation_id}"))
    fits("GenerationsListResponse", await http.get("/api/ai/generations"))
    fits("GenerationsListResponse", await http.get("/api/ai/generations?namespace=nobody"))
    for path in ("/api/ai/models", "/api/ai/models?developer_name=ByteDance", "/api/ai/models/search?search=seed"):
        fits("ListModelsResponse", await http.get(path))
    fits("Model", await http.get(f"/api/ai/models/{MODEL}"))
    missing = await http.get("/api/ai/models/none")
    assert (missing.status_code, missing.json()) == (404, {"error": {"message": "Model not found: none"}})
    await vendor.operator.change(schema_version="v1", schema_key="json_request_schema")
    assert "json_request_schema" in (await http.get(f"/api/ai/models/{MODEL}")).json()
    await vendor.enqueue({**V1, "num_generations": 1})
    await http.post("/api/ai/queue", json={**V1, "target_directory": 5})
    report = await vendor.operator.report()
    assert [(one.source, one.post, one.field) for one in report.violations] == [
        ("model", 2, "duration"),
        ("openapi", 4, "target_directory"),
    ]
    assert {(one.post, one.field) for one in report.contradictions} == {(3, "duration"), (4, "duration")}


async def test_it_stops_at_once_when_told_whatever_goes_on(tmp_path: Path) -> None:
    running, ready = started(tmp_path)
    async with clients(ready) as vendor, vendor.http.stream("GET", "/api/events"):
        await vendor.operator.hold()
        await vendor.enqueue(V1)
        assert await asyncio.to_thread(stopped, running) == 0
