"""From the lane to a kept clip: each take is paid for once, whatever the vendor answers or fails to."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.conform import ClipFindings
from bot.domain.errors import Refused, Rejected, Unavailable
from bot.domain.generations import Generation, PreparedBody
from bot.domain.media import Kind, MediaFacts, Sniffed
from bot.domain.models import ModelSpec
from bot.domain.reasons import reason
from bot.domain.requests import Take
from tests.fakes_provider import RETRY_AFTER_MS, Fault
from tests.pipeline_rig import ADA, CLIP, MAX_ATTEMPTS, RETRY_MS, SETTLE_LOOKS, SETTLE_MS, WATCH_MS, Defect, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def orders(rig: Rig, milliseconds: int, *, step_ms: int = 500) -> list[int]:
    """When orders came in, in ms from now."""
    since_ms, seen, times = rig.clock(), len(rig.provider.started), list[int]()
    await rig.settle()
    for _ in range(milliseconds // step_ms):
        times += [rig.clock() - since_ms] * (len(rig.provider.started) - seen)
        seen = len(rig.provider.started)
        await rig.pass_time(step_ms)
    return times


# --- the way through -------------------------------------------------------------------------------------------------


async def test_a_request_is_ordered_once_and_parked(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()

    (take,) = await rig.takes(request_id)
    assert take.state.value == "rendering"
    assert take.generation_id == rig.provider.started[0]
    assert rig.engine.due == {}, "a rendering take is parked: nobody carries it"
    assert rig.card.shown[-1] == "working"


async def test_a_finished_video_is_fetched_kept_and_delivered_once(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=484_000)
    await rig.look()

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.state.value == "delivered"
    assert snapshot.known_cost_usd_micros == 484_000
    assert [list(message.files.values()) for message in rig.clips] == [[CLIP]]
    assert rig.card.shown[-1] == "delivered"
    assert rig.notices == []
    assert rig.staged == []
    assert await rig.store.open_requests() == ()


async def test_what_is_sent_points_to_the_take_s_own_publications(rig: Rig) -> None:
    await rig.submit(rig.wish("@Image2 meets @Image1", "hero.png", "alley.png", takes=2))
    await rig.settle()

    first, second = (body["input_images"] for body in rig.provider.bodies)
    assert len(rig.staged) == 2
    assert first != second
    assert rig.provider.bodies[0]["prompt"] == "@Image2 meets @Image1"


async def test_asking_again_while_it_renders_changes_nothing(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    before = await rig.snapshot(request_id)
    for _ in range(3):
        assert await rig.advance(request_id) is None
    assert await rig.snapshot(request_id) == before


async def test_an_unknown_request_wants_nothing(rig: Rig) -> None:
    assert await rig.advance("0000000000000") is None


# --- lost answers ----------------------------------------------------------------------------------------------------


async def test_an_answer_lost_after_acceptance_is_found_and_not_paid_again(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rig.ask()
    await rig.settle()
    assert await rig.take_states(request_id) == ["submitting"]

    await rig.pass_time(SETTLE_MS)
    assert await rig.take_states(request_id) == ["rendering"]
    assert len(rig.provider.started) == 1


async def test_a_lost_answer_is_looked_for_again_when_the_vendor_lists_it_late(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    rig.provider.hides_starts = True
    request_id = await rig.ask()
    await rig.pass_time((SETTLE_LOOKS - 1) * SETTLE_MS)
    rig.provider.hides_starts = False
    await rig.pass_time(SETTLE_MS)

    assert await rig.take_states(request_id) == ["rendering"]
    assert len(rig.provider.started) == 1


async def test_an_order_that_never_arrived_is_sent_again_only_after_every_look(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_BEFORE)
    await rig.ask()

    times = await orders(rig, 3 * SETTLE_LOOKS * SETTLE_MS)
    assert len(times) == 1
    assert times[0] >= SETTLE_LOOKS * SETTLE_MS
    assert rig.provider.asked.count("find") == SETTLE_LOOKS


async def test_waking_it_often_does_not_shorten_the_search(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_BEFORE)
    request_id = await rig.ask()
    await rig.settle()
    started_ms = rig.clock()
    while not rig.provider.started:
        rig.engine.wake(request_id)
        await rig.pass_time(1_000)
    assert rig.clock() - started_ms >= (SETTLE_LOOKS - 1) * SETTLE_MS


async def test_the_vendor_s_outage_is_no_answer(rig: Rig) -> None:
    """While nobody can look, nothing is ordered again, however long it takes."""
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.down = True
    await rig.pass_time(20 * SETTLE_MS)
    assert await rig.take_states(request_id) == ["submitting"]
    rig.provider.down = False
    await rig.pass_time(2 * SETTLE_MS)
    assert await rig.take_states(request_id) == ["rendering"]
    assert len(rig.provider.started) == 1


async def test_what_cannot_be_told_apart_waits_for_the_operator_and_is_never_paid_again(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rig.ask_in_words()
    await rig.settle()
    await rig.provider.submit(rig.provider.bodies[0])  # somebody else with the same key and the same words
    await rig.go_on(60)

    (take,) = await rig.takes(request_id)
    assert take.state.value == "needs_review"
    assert take.failure == reason("needs-review")
    assert len(rig.provider.started) == 2


async def test_what_could_not_be_told_is_looked_at_again_later_and_adopted_when_it_can_be(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rig.ask_in_words()
    await rig.settle()
    another = await rig.provider.submit(rig.provider.bodies[0])
    await rig.pass_time(SETTLE_MS)
    assert await rig.take_states(request_id) == ["needs_review"]
    rig.provider.forget(another)
    await rig.pass_time(15 * 60_000)

    (take,) = await rig.takes(request_id)
    assert (take.state.value, take.generation_id) == ("rendering", rig.provider.started[0])
    assert len(rig.provider.started) == 2


async def test_the_same_words_are_not_ordered_while_others_with_them_wait_for_the_operator(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    first = await rig.ask_in_words()
    await rig.settle()
    await rig.provider.submit(rig.provider.bodies[0])
    await rig.pass_time(SETTLE_MS)
    second = await rig.ask_in_words(person=8)
    await rig.pass_time(SETTLE_MS)
    assert await rig.take_states(first) == ["needs_review"]
    assert await rig.take_states(second) == ["planned"]
    assert len(rig.provider.started) == 2


async def test_a_process_that_slept_before_the_paid_call_does_not_pay_on_an_old_intent(rig: Rig) -> None:
    """While it slept another may have looked, found nothing, and ordered."""
    begin = rig.store.begin_submission

    async def fall_asleep(take: Take, prepared: PreparedBody, *, now_ms: int) -> Take | None:
        begun = await begin(take, prepared, now_ms=now_ms)
        rig.store.begin_submission = begin
        rig.clock.now_ms += 60_000
        return begun

    rig.store.begin_submission = fall_asleep
    request_id = await rig.ask()
    await rig.settle()
    assert (await rig.take_states(request_id), rig.provider.started) == (["planned"], [])
    await rig.go_on(20)
    assert (await rig.take_states(request_id), len(rig.provider.started)) == (["rendering"], 1)


async def test_a_wish_to_cancel_that_comes_while_it_is_being_published_stops_the_order(rig: Rig) -> None:
    request_id = await rig.ask()
    model = rig.provider.model

    async def cancelled_meanwhile() -> ModelSpec:
        rig.provider.model = model
        await rig.cancel(request_id, person_id=ADA, moderator=False)
        return await model()

    rig.provider.model = cancelled_meanwhile
    await rig.settle()
    assert (await rig.state(request_id), rig.provider.started, rig.staged) == ("cancelled", [], [])


async def test_a_vendor_whose_rows_prove_nothing_is_not_paid_again(rig: Rig) -> None:
    async def cannot_tell(*_args: object, **_kwargs: object) -> tuple[Generation, ...]:
        raise Unavailable(reason("outcome-unknown"))

    rig.provider.find = cannot_tell
    rig.provider.fail_submits(Fault.LOST_BEFORE)
    request_id = await rig.ask()
    await rig.go_on(60)
    assert await rig.take_states(request_id) == ["needs_review"]
    assert rig.provider.started == []


async def test_answers_that_are_lost_for_ever_end_the_request_instead_of_ordering_for_ever(rig: Rig) -> None:
    rig.provider.fail_submits(*[Fault.LOST_BEFORE] * 50)
    request_id = await rig.ask()
    await rig.go_on(300)

    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("failed", reason("gave-up-vendor"))
    assert rig.provider.faults_left == 50 - MAX_ATTEMPTS
    assert (await rig.snapshot(request_id)).known_cost_usd_micros == 0
    assert len(rig.notices) == 1


# --- definite answers ------------------------------------------------------------------------------------------------


async def test_an_order_that_was_not_started_is_tried_again_with_growing_waits(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.NOT_STARTED, Fault.NOT_STARTED, Fault.NOT_STARTED)
    request_id = await rig.ask()
    assert await orders(rig, 30_000) == [(1 + 2 + 4) * RETRY_MS]
    (take,) = await rig.takes(request_id)
    assert (take.state.value, take.failure) == ("rendering", None)


async def test_the_vendor_s_own_wish_to_wait_is_honoured(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.RATE_LIMITED)
    await rig.ask()
    assert await orders(rig, 30_000) == [RETRY_AFTER_MS]


async def test_waking_it_does_not_shorten_a_wait(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.RATE_LIMITED)
    request_id = await rig.ask()
    await rig.settle()
    rig.engine.wake(request_id)
    await rig.pass_time(RETRY_AFTER_MS - 1)
    assert rig.provider.started == []


async def test_a_wait_outlives_the_process(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.RATE_LIMITED)
    await rig.ask()
    await rig.settle()
    rig.clock.now_ms -= 60_000  # a restart takes a minute in the rig
    await rig.restart()
    await rig.settle()
    assert rig.provider.started == []
    await rig.pass_time(RETRY_AFTER_MS)
    assert len(rig.provider.started) == 1


async def test_an_order_that_is_never_started_is_given_up_with_its_reason_at_no_cost(rig: Rig) -> None:
    rig.provider.fail_submits(*[Fault.NOT_STARTED] * 50)
    request_id = await rig.ask()
    await rig.go_on()

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.state.value == "failed"
    assert snapshot.request.failure == reason("gave-up-vendor")
    assert snapshot.known_cost_usd_micros == 0
    assert rig.provider.faults_left == 50 - MAX_ATTEMPTS
    assert (len(rig.notices), rig.clips, rig.staged) == (1, [], [])
    assert rig.card.shown[-1] == "failed"


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.CREDITS, "vendor-credits"), (Fault.KEY, "vendor-key"), (Fault.REJECTED, "rejected-prompt")],
)
async def test_a_no_is_not_asked_again(rig: Rig, fault: Fault, code: str) -> None:
    rig.provider.fail_submits(fault)
    request_id = await rig.ask()
    await rig.go_on()

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.state.value == "failed"
    assert snapshot.request.failure == reason(code)
    assert snapshot.known_cost_usd_micros == 0
    assert rig.provider.started == []
    assert (len(rig.notices), rig.staged) == (1, [])


async def test_references_that_cannot_be_published_end_the_take_before_anything_is_paid(rig: Rig) -> None:
    request_id = await rig.ask()
    rig.contents.contents.clear()
    await rig.go_on()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("failed", reason("bytes-gone", name="hero.png"))
    assert rig.provider.started == []


# --- several takes ---------------------------------------------------------------------------------------------------


async def test_two_equal_takes_in_words_are_never_both_unsettled_and_each_has_its_own(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER, Fault.LOST_AFTER)
    request_id = await rig.ask_in_words(takes=2)
    for _ in range(40):
        assert (await rig.take_states(request_id)).count("submitting") <= 1
        await rig.pass_time(RETRY_MS)

    takes = await rig.takes(request_id)
    assert [take.state.value for take in takes] == ["rendering", "rendering"]
    assert sorted(take.generation_id or "" for take in takes) == rig.provider.started
    assert len(rig.provider.started) == 2


async def test_two_people_with_the_same_words_each_get_their_own(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER, Fault.LOST_BEFORE)
    first, second = await rig.ask_in_words(person=7), await rig.ask_in_words(person=8)
    await rig.pass_time(3 * SETTLE_LOOKS * SETTLE_MS)

    owned = [take.generation_id for each in (first, second) for take in await rig.takes(each)]
    assert sorted(each or "" for each in owned) == rig.provider.started
    assert len(rig.provider.started) == 2


async def test_takes_with_files_do_not_wait_for_one_another(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.LOST_AFTER)
    request_id = await rig.ask(takes=2)
    await rig.settle()
    assert await rig.take_states(request_id) == ["submitting", "rendering"]


async def test_one_take_s_trouble_does_not_stop_another_s_way(rig: Rig) -> None:
    request_id = await rig.ask(takes=2)
    publish = rig.rooms.publisher.publish

    async def first_cannot(take_id: str, *rest: object) -> object:
        if take_id.endswith("-1"):
            raise Unavailable(reason("discord-unavailable"))
        return await publish(take_id, *rest)  # pyright: ignore[reportArgumentType]

    rig.rooms.publisher.publish = first_cannot  # pyright: ignore[reportAttributeAccessIssue]
    await rig.settle()
    assert await rig.take_states(request_id) == ["planned", "rendering"]


# --- fetching --------------------------------------------------------------------------------------------------------


async def test_a_result_whose_address_lapsed_is_asked_for_anew(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    generation_id = rig.provider.started[0]
    rig.provider.finish(generation_id)
    row = rig.provider.rows[generation_id]
    rig.provider.rows[generation_id] = replace(row, result_url="https://vendor.invalid/lapsed.mp4")
    await rig.watch.look()
    rig.provider.rows[generation_id] = row
    await rig.settle()
    await rig.pass_time(RETRY_MS)
    assert await rig.state(request_id) == "delivered"
    assert len(rig.clips) == 1


async def test_a_result_that_is_gone_for_good_ends_the_take_with_its_cost(rig: Rig) -> None:
    rig.provider.result_gone = True
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=484_000)
    await rig.go_on()

    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.state.value == "failed"
    assert snapshot.request.failure == reason("result-gone")
    assert snapshot.known_cost_usd_micros == 484_000
    assert rig.provider.asked.count("download") == MAX_ATTEMPTS
    assert len(rig.provider.started) == 1


@pytest.mark.parametrize("result", [b"<html>maintenance</html>", b"image png\n", b"broken mp4\n", b""])
async def test_a_result_that_is_no_video_is_not_delivered_and_its_cost_is_told(rig: Rig, result: bytes) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=484_000, result=result)
    await rig.go_on()

    snapshot = await rig.snapshot(request_id)
    assert (snapshot.request.state.value, snapshot.request.failure) == ("failed", reason("result-not-video"))
    assert snapshot.known_cost_usd_micros == 484_000
    assert (rig.clips, len(rig.notices)) == ([], 1)


async def test_a_result_that_is_too_large_is_not_downloaded_again_and_again(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    tries: list[str] = []

    async def too_large(url: str, into: Path) -> int:
        tries.append(url)
        raise Rejected(reason("result-too-large", limit="256 MiB"))

    rig.provider.download = too_large
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on()
    assert (await rig.request(request_id)).failure == reason("result-too-large", limit="256 MiB")
    assert len(tries) == 1


async def test_a_video_that_is_too_much_work_to_look_into_is_delivered_all_the_same(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()

    async def too_heavy(path: Path) -> ClipFindings:
        raise Refused(reason("media-too-heavy", name=path.name, limit="10 s"))

    async def too_heavy_even_to_measure(path: Path, sniffed: Sniffed) -> MediaFacts:
        assert sniffed.kind is Kind.VIDEO
        return (await too_heavy(path)).facts

    rig.rooms.clips.check_clip = too_heavy  # pyright: ignore[reportAttributeAccessIssue]
    rig.rooms.media.probe = too_heavy_even_to_measure  # pyright: ignore[reportAttributeAccessIssue]
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)
    (take,) = await rig.takes(request_id)
    assert (take.clip_facts, take.clip_findings) == (
        MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=len(CLIP)),
        None,
    )


async def unreadable(path: Path) -> ClipFindings:
    raise Refused(reason("file-unreadable", name=path.name, found="mp4"))


async def test_a_video_that_can_be_measured_is_delivered_although_it_cannot_be_looked_into(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.rooms.clips.check_clip = unreadable  # pyright: ignore[reportAttributeAccessIssue]
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on()

    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)
    (take,) = await rig.takes(request_id)
    assert take.clip_facts == MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=len(CLIP), seconds=5.0)
    assert take.clip_findings is None


@pytest.mark.parametrize("measured", [Kind.AUDIO, None])
async def test_what_can_neither_be_looked_into_nor_measured_as_a_video_is_none(rig: Rig, measured: Kind | None) -> None:
    request_id = await rig.ask()
    await rig.settle()

    async def probe(path: Path, sniffed: Sniffed) -> MediaFacts:
        if measured is None:
            return (await unreadable(path)).facts
        return MediaFacts(kind=measured, format=sniffed.format, byte_count=len(CLIP))

    rig.rooms.clips.check_clip = unreadable  # pyright: ignore[reportAttributeAccessIssue]
    rig.rooms.media.probe = probe  # pyright: ignore[reportAttributeAccessIssue]
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on()

    (take,) = await rig.takes(request_id)
    assert (await rig.state(request_id), rig.clips) == ("failed", [])
    assert take.failure == reason("result-not-video")
    assert rig.contents.contents[take.clip or ""] == CLIP, "it is paid for"


async def test_what_was_found_of_a_video_is_kept_with_it(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], result=b"video mp4 5.0 black=1.5 frozen=3 silent=5\n")
    await rig.go_on()
    (take,) = await rig.takes(request_id)
    found = take.clip_findings
    assert found is not None
    assert (found.facts, found.black_seconds, found.frozen_seconds, found.silent_seconds) == (
        take.clip_facts,
        1.5,
        3.0,
        5.0,
    )


async def test_what_came_in_place_of_a_video_is_kept_for_whoever_looks_into_it(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], result=b"<html>maintenance</html>")
    await rig.go_on()
    (take,) = await rig.takes(request_id)
    assert take.clip is not None
    assert rig.contents.contents[take.clip] == b"<html>maintenance</html>"


async def test_a_cost_that_is_said_a_little_later_is_still_booked(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=None)
    await rig.watch.look()
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=484_000)
    await rig.settle()
    assert (await rig.snapshot(request_id)).known_cost_usd_micros == 484_000


async def test_a_download_that_breaks_off_is_begun_again(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    rig.provider.finish(rig.provider.started[0])
    await rig.watch.look()
    rig.provider.down = True
    await rig.pass_time(WATCH_MS)
    assert await rig.take_states(request_id) == ["fetching"]
    rig.provider.down = False
    await rig.go_on()
    assert await rig.state(request_id) == "delivered"


# --- twice at once, and defects --------------------------------------------------------------------------------------


async def test_carried_twice_at_once_it_is_paid_once_and_posted_once(rig: Rig) -> None:
    rig.provider.finishes_at_once = True
    request_id = await rig.ask(takes=2)
    for _ in range(20):
        rig.engine.due.clear()
        both = await asyncio.gather(rig.advance(request_id), rig.advance(request_id), return_exceptions=True)
        assert not any(isinstance(each, Defect) for each in both)
        await rig.watch.look()
    await rig.settle()

    assert await rig.state(request_id) == "delivered"
    assert len(rig.provider.started) == 2
    assert (len(rig.clips), len(rig.posted("card"))) == (1, 1)


async def test_a_defect_before_anything_is_paid_ends_the_request_after_some_tries(rig: Rig) -> None:
    request_id = await rig.ask()

    def broken(*_args: object) -> None:
        raise Defect

    rig.provider.prepare = broken  # pyright: ignore[reportAttributeAccessIssue]
    await rig.go_on()
    request = await rig.request(request_id)
    assert (request.state.value, request.failure) == ("failed", reason("internal-error"))
    assert request.attempts == MAX_ATTEMPTS
    assert (rig.provider.started, len(rig.notices), rig.staged) == ([], 1, [])


async def test_a_defect_while_fetching_is_tried_again(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    put, tries = rig.contents.put, list[Path]()

    async def broken_at_first(path: Path) -> str:
        tries.append(path)
        if len(tries) < MAX_ATTEMPTS:
            raise Defect
        return await put(path)

    rig.contents.put = broken_at_first
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


async def test_a_defect_while_fetching_that_stays_never_gives_up_the_paid_clip(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    put = rig.contents.put

    async def broken(path: Path) -> str:
        raise Defect

    rig.contents.put = broken
    rig.provider.finish(rig.provider.started[0], cost_usd_micros=484_000)
    await rig.go_on()
    assert await rig.take_states(request_id) == ["fetching"]
    rig.contents.put = put
    await rig.go_on()
    assert (await rig.state(request_id), len(rig.clips)) == ("delivered", 1)


async def test_one_take_s_defect_does_not_keep_back_another_s_clip(rig: Rig) -> None:
    request_id = await rig.ask(takes=2)
    await rig.settle()
    download = rig.provider.download
    first = rig.provider.started[0]

    async def broken(url: str, into: Path) -> int:
        if first in url:
            raise Defect
        return await download(url, into)

    rig.provider.download = broken
    for generation in rig.provider.started:
        rig.provider.finish(generation)
    await rig.go_on()
    assert await rig.take_states(request_id) == ["fetching", "fetched"]


async def test_our_own_full_disk_is_waited_out(rig: Rig) -> None:
    request_id = await rig.ask()
    await rig.settle()
    download = rig.provider.download

    async def disk_full(url: str, into: Path) -> int:
        raise OSError(28, "No space left on device")

    rig.provider.download = disk_full
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on()
    assert ((await rig.request(request_id)).attempts, await rig.take_states(request_id)) == (0, ["fetching"])
    rig.provider.download = download
    await rig.go_on()
    assert await rig.state(request_id) == "delivered"
