"""From the plan on the draft's card to the bytes that the model gets: what was shown, once, before anything is paid."""

import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bot.domain.conform import Anchor, Part, SetPlan, Target
from bot.domain.consent import Choice
from bot.domain.drafts import DraftView, Renumbering
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import Kind
from bot.domain.models import KindLimits
from bot.domain.reasons import reason
from bot.domain.requests import Request
from bot.domain.words import money_line, say
from bot.media.tools import SandboxedMedia
from tests import media_samples
from tests.pipeline_rig import ADA, BOB, GUILD, RETRY_MS, Killed, Rig

A, B = "a.long", "b.long"
BOTH = "@Video1 and then @Video2"
NOT_CONFORMED = Refused(reason("not-conformed", name="original"))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def films(rig: Rig, *names: str) -> DraftView:
    """The draft of films of 21 seconds each, shown to its person."""
    return await rig.waiting(rig.wish(" ".join(f"@Video{n}" for n, _ in enumerate(names, 1)), *names))


async def confirmed(rig: Rig, view: DraftView) -> str:
    """Confirmed, and everything done that can be done before the vendor is."""
    await rig.confirmed(view)
    await rig.settle()
    return view.request.id


async def choose(rig: Rig, view: DraftView, part: Part, *, number: int = 1, version: int | None = None) -> DraftView:
    request = view.request
    return await rig.drafts.choose_part(
        request.id,
        person_id=ADA,
        version=request.version if version is None else version,
        reference_id=request.references[number - 1].id,
        part=part,
    )


def targets(plan: SetPlan) -> list[Target]:
    return [file.target for file in plan.files if file.target is not None]


def sent(rig: Rig) -> list[bytes]:
    """What the vendor can fetch now, in order."""
    return [content for message in rig.staged for _, content in sorted(message.files.items())]


def meanwhile(rig: Rig, happens: Callable[[], Awaitable[object]]) -> None:
    """Once, while the next file is made."""

    async def once() -> None:
        rig.media.meanwhile = nothing
        await happens()

    async def nothing() -> None:
        pass

    rig.media.meanwhile = once


async def ended_at_no_cost(rig: Rig, request_id: str, state: str) -> Request:
    """Nothing was paid, its person was told if it failed, and nothing is left lying about."""
    snapshot = await rig.snapshot(request_id)
    assert snapshot.request.state.value == state
    assert (rig.provider.started, rig.staged) == ([], [])
    assert len(rig.notices) == (1 if state == "failed" else 0)
    assert {take.state.value for take in snapshot.takes} == {"cancelled"}
    assert money_line(snapshot.known_cost_usd_micros) == "Nothing was spent."
    return snapshot.request


# --- the plan is shown first -----------------------------------------------------------------------------------------


async def test_several_long_films_are_trimmed_together_instead_of_refused(rig: Rig) -> None:
    view = await films(rig, A, B)
    assert view.errors == ()
    assert [target.seconds for target in targets(view.plan)] == [7.5, 7.5]
    assert [(reference.name, file.target is not None) for reference, file in view.planned] == [(A, True), (B, True)]


async def test_nothing_is_converted_before_it_is_confirmed(rig: Rig) -> None:
    view = await rig.waiting(rig.wish(BOTH, A, "wave.gif"))
    await rig.settle()
    assert rig.media.conformed == []
    assert [rig.contents.contents[one.content] for one in view.request.references] == list(
        rig.downloader.files.values()
    )
    assert len(rig.contents.contents) == 2, "the files as they came, and nothing else"


async def test_a_change_is_seen_before_it_is_made_and_tidying_holds_nobody_up(rig: Rig) -> None:
    assert (await rig.submit(rig.wish("@Video1", A))).request.state.value == "draft"
    tidied = (await rig.submit(rig.wish("@Image1", "home.jpg"))).request
    assert tidied.state.value == "queued"
    await rig.settle()
    assert sent(rig) == [b"image jpeg\nfrom 0, made of image jpeg exif\nhome.jpg"]


async def test_a_set_that_no_plan_makes_fit_is_an_error_of_the_draft_and_is_said_once(rig: Rig) -> None:
    view = await rig.waiting(rig.wish("@Audio1", "theme.mp3"))
    assert [finding.reason.code for finding in view.errors] == ["audio-needs-visual"]
    with pytest.raises(Refused, match="audio-needs-visual"):
        await rig.confirmed(view)


async def test_a_file_that_no_change_reaches_is_held_against_the_limits_of_now(rig: Rig) -> None:
    """The model takes less than when the file came: nothing is known that could be done to it."""
    view = await rig.draft("@Image1 waves", "hero.png")
    rig.provider.spec = replace(rig.provider.spec, limits=_without_format(rig, "png"))
    (found,) = (await rig.drafts.look(view.request.id, person_id=ADA)).errors
    assert (found.reason.code, found.reason.arguments["name"]) == ("format-not-accepted-now", "hero.png")


async def test_what_the_publisher_cannot_carry_is_asked_of_the_file_as_it_is_planned(tmp_path: Path) -> None:
    rig = Rig(tmp_path, staging=False)
    photograph = rig.offer("large.heic", b"image heic\n" + b"x" * 999_000)
    wish = rig.wish("@Image1 and @Video1", A)
    view = await rig.waiting(replace(wish, offers=(photograph, *wish.offers)))
    assert [(one.reason.code, one.reason.arguments["name"]) for one in view.errors] == [("publisher-missing", A)]


def _without_format(rig: Rig, form: str):  # noqa: ANN202  limits
    limits = rig.provider.spec.limits
    pictures = limits.kinds[Kind.IMAGE]
    fewer = tuple(each for each in pictures.formats if each != form)
    return replace(limits, kinds={**limits.kinds, Kind.IMAGE: replace(pictures, formats=fewer)})


# --- the part that is used -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "start"),
    [
        (Part(), "0"),
        (Part(anchor=Anchor.MIDDLE), "3"),
        (Part(anchor=Anchor.END), "6"),
        (Part(anchor=Anchor.AT, at_seconds=4.5), "4.5"),
        (Part(anchor=Anchor.AT, at_seconds=20.0), "6"),
    ],
)
async def test_the_part_that_was_chosen_is_what_the_model_gets(rig: Rig, part: Part, start: str) -> None:
    view = await choose(rig, await films(rig, A), part)
    assert view.request.references[0].part == part
    assert [f"{target.start_seconds:g}" for target in targets(view.plan)] == [start]
    await confirmed(rig, view)
    assert sent(rig) == [f"video mp4 15\nfrom {start}, made of video mp4 21.0\na.long".encode()]


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), float("-inf")])
async def test_what_is_no_moment_of_a_file_is_refused_and_changes_nothing(rig: Rig, seconds: float) -> None:
    view = await films(rig, A)
    with pytest.raises(Refused, match="part-not-a-moment"):
        await choose(rig, view, Part(anchor=Anchor.AT, at_seconds=seconds))
    assert (await rig.drafts.look(view.request.id, person_id=ADA)).request == view.request


async def test_a_part_is_chosen_by_its_person_of_what_they_were_shown(rig: Rig) -> None:
    view = await films(rig, A)
    with pytest.raises(Refused, match="draft-changed"):
        await choose(rig, view, Part(), version=view.request.version - 1)
    with pytest.raises(Refused, match="draft-changed"):
        await rig.drafts.choose_part(
            view.request.id, person_id=ADA, version=view.request.version, reference_id="gone", part=Part()
        )
    with pytest.raises(Refused, match="draft-not-yours"):
        await rig.drafts.choose_part(
            view.request.id, person_id=BOB, version=view.request.version, reference_id="gone", part=Part()
        )


async def test_a_part_of_a_file_that_is_not_cut_means_nothing_until_it_is(rig: Rig) -> None:
    view = await rig.draft("@Video1 and @Image1", "walk.mp4", "hero.png")
    last = Part(anchor=Anchor.END)
    view = await choose(rig, await choose(rig, view, last), last, number=2)
    assert targets(view.plan) == []
    view = await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt=f"{BOTH} and @Image1",
        names=view.request.names,
        offers=[rig.offer("more.mp4", b"video mp4 14\n"), rig.offer("most.mp4", b"video mp4 13\n")],
    )
    assert [target.start_seconds for target in targets(view.plan)] == [0.0, 0.0]
    assert view.request.references[0].part == last


# --- the plan is carried out -----------------------------------------------------------------------------------------


async def test_the_plan_that_was_shown_is_what_is_carried_out(rig: Rig) -> None:
    view = await films(rig, A, B)
    request_id = await confirmed(rig, view)
    assert [plan.target for plan in rig.media.conformed] == targets(view.plan)
    request = await rig.request(request_id)
    assert [one.target for one in request.references] == targets(view.plan)
    assert [one.made and one.made.target for one in request.references] == targets(view.plan)
    assert [replace(one, target=None, made=None) for one in request.references] == list(view.request.references)
    assert sent(rig) == [rig.contents.contents[one.as_sent.content] for one in request.references]
    assert sent(rig) == [f"video mp4 7.5\nfrom 0, made of video mp4 21.0\n{name}".encode() for name in (A, B)]
    assert [one.as_sent.token for one in request.references] == [one.token for one in view.request.references]


async def test_files_go_on_being_called_what_they_were_though_they_become_another_kind(rig: Rig) -> None:
    """The token in the prompt and the field that the file is sent in are of the kind that it is used as."""
    wish = rig.wish("@Image1 blinks beside @Video1")
    offers = (rig.offer("blink.webp", b"image webp 0.04\nblink"), rig.offer("wave.gif"))
    await confirmed(rig, await rig.waiting(replace(wish, offers=offers)))
    (body,) = rig.provider.bodies
    assert [rig.fetched(body, "input_images"), rig.fetched(body, "input_videos")] == [
        [b"image jpeg\nfrom 0, made of image webp 0.04\nblink"],
        [b"video mp4 2\nfrom 0, made of image gif 1.5\nwave.gif"],
    ]
    assert body["prompt"] == "@Image1 blinks beside @Video1"


async def test_each_file_that_is_ready_is_told(rig: Rig) -> None:
    view = await films(rig, A, B)
    owed = list[bool]()

    async def look() -> None:
        owed.append(view.request.id in rig.cards.owed)
        rig.cards.owed.clear()

    rig.media.meanwhile = look
    await confirmed(rig, view)
    assert owed == [True, True], "queued or begun, and then one more ready"


async def test_a_request_of_an_earlier_release_goes_through_as_its_files_are(rig: Rig) -> None:
    request = (await rig.submit(rig.wish("@Image1 and @Video1", "hero.png", "walk.mp4"))).request
    rig.store.forget_records()
    await rig.restart()
    await rig.settle()
    assert rig.media.conformed == []
    assert sent(rig) == list(rig.downloader.files.values())
    assert await rig.state(request.id) == "working"


async def test_where_a_photograph_was_taken_never_leaves(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Ada"
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    media_samples.painting((320, 240)).save(buffer, "JPEG", exif=exif)
    rig = Rig(tmp_path, tools=SandboxedMedia())
    wish = rig.wish("@Image1 waves")
    await rig.submit(replace(wish, offers=(rig.offer("home.jpg", buffer.getvalue()),)))
    await rig.settle()
    (picture,) = sent(rig)
    assert b"Camera of Ada" in buffer.getvalue()
    assert b"Camera of Ada" not in picture
    with Image.open(io.BytesIO(picture)) as opened:
        assert (opened.format, opened.size, dict(opened.getexif())) == ("JPEG", (320, 240), {})


# --- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_killed_process_converts_no_file_twice(rig: Rig, nth: int) -> None:
    view = await films(rig, A, B)
    await rig.confirmed(view)
    for _ in range(nth):
        rig.faults.strike("recorded-made")
        with pytest.raises(Killed):
            await rig.settle()
        await rig.restart()
    await rig.settle()
    assert [plan.target for plan in rig.media.conformed] == targets(view.plan)
    assert len(rig.provider.started) == 1


async def test_what_was_made_but_not_recorded_is_kept_once_though_it_is_made_again(rig: Rig) -> None:
    view = await films(rig, A)
    await rig.confirmed(view)
    rig.faults.strike("conformed")
    with pytest.raises(Killed):
        await rig.settle()
    await rig.restart()
    await rig.settle()
    assert len(rig.contents.contents) == 2
    assert len(rig.provider.started) == 1


async def test_again_uses_what_was_made(rig: Rig) -> None:
    first = await confirmed(rig, await films(rig, A, B))
    before = list(rig.media.conformed)
    again = (await rig.drafts.again(first, rig.wish())).request
    await confirmed(rig, await rig.drafts.look(again.id, person_id=ADA))
    assert rig.media.conformed == before
    assert sent(rig)[2:] == sent(rig)[:2]


async def test_again_with_another_part_makes_that_one_anew(rig: Rig) -> None:
    first = await confirmed(rig, await films(rig, A, B))
    again = await rig.drafts.look((await rig.drafts.again(first, rig.wish())).request.id, person_id=ADA)
    await confirmed(rig, await choose(rig, again, Part(anchor=Anchor.END), number=2))
    assert [plan.target and plan.target.start_seconds for plan in rig.media.conformed] == [0.0, 0.0, 13.5]
    assert sent(rig)[3].startswith(b"video mp4 7.5\nfrom 13.5")


async def test_again_without_need_of_a_change_sends_the_file_as_it_came(rig: Rig) -> None:
    """It was cut for the sake of another file: what was made of it then is not what is shown now."""
    first = await confirmed(rig, await short_films(rig))
    again = await rig.drafts.look((await rig.drafts.again(first, rig.wish())).request.id, person_id=ADA)
    alone = await rig.drafts.renumber(
        again.request.id,
        person_id=ADA,
        version=again.request.version,
        change=Renumbering(reference_id=again.request.references[1].id),
    )
    assert targets(alone.plan) == []
    await confirmed(rig, alone)
    assert sent(rig)[2:] == [b"video mp4 9\nnine"]


async def test_what_was_made_and_swept_is_made_again(rig: Rig) -> None:
    first = await confirmed(rig, await films(rig, A))
    made = (await rig.request(first)).references[0].made
    assert made is not None
    again = (await rig.drafts.again(first, rig.wish())).request
    await rig.contents.discard(made.content)
    await confirmed(rig, await rig.drafts.look(again.id, person_id=ADA))
    assert len(rig.media.conformed) == 2
    assert len(rig.provider.started) == 2


# --- what may go wrong costs nothing ---------------------------------------------------------------------------------


async def test_a_file_that_cannot_be_converted_costs_nothing_and_its_person_is_told_which(rig: Rig) -> None:
    rig.media.troubles.append(NOT_CONFORMED)
    ended = await ended_at_no_cost(rig, await confirmed(rig, await films(rig, A, B)), "failed")
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.arguments) == ("not-conformed", {"name": A})
    assert "“a.long” could not be made into a file that the model takes" in say(ended.failure)
    assert len(rig.media.conformed) == 1, "no further file is made for a request that is over"


async def test_its_place_is_the_next_one_s(rig: Rig) -> None:
    await rig.limit(running=1)
    rig.media.troubles.append(NOT_CONFORMED)
    view = await films(rig, A)
    await rig.confirmed(view)
    following = await rig.ask("hero.png")
    await rig.settle()
    assert [await rig.state(one) for one in (view.request.id, following)] == ["failed", "working"]


async def test_a_service_that_does_not_answer_is_waited_for(rig: Rig) -> None:
    rig.media.troubles.append(Unavailable(reason("storage-unavailable")))
    request_id = await confirmed(rig, await films(rig, A))
    assert (await rig.state(request_id), rig.provider.started) == ("preparing", [])
    await rig.pass_time(RETRY_MS)
    assert (await rig.state(request_id), len(rig.provider.started)) == ("working", 1)


async def test_bytes_that_are_gone_are_told(rig: Rig) -> None:
    view = await films(rig, A)
    await rig.contents.discard(view.request.references[0].content)
    ended = await ended_at_no_cost(rig, await confirmed(rig, view), "failed")
    assert ended.failure == reason("bytes-gone", name=A)


async def test_whoever_cancels_is_heard_between_two_files(rig: Rig) -> None:
    view = await films(rig, A, B)
    meanwhile(rig, lambda: rig.cancel(view.request.id, person_id=ADA, moderator=False))
    await ended_at_no_cost(rig, await confirmed(rig, view), "cancelled")
    assert len(rig.media.conformed) == 1


async def test_a_file_that_is_forbidden_meanwhile_goes_nowhere(rig: Rig) -> None:
    offers = tuple(rig.posted_by(BOB, name) for name in (A, B))
    view = await rig.waiting(replace(rig.wish(BOTH), offers=offers))
    meanwhile(rig, lambda: rig.privacy.choose(GUILD, BOB, Choice(files=False)))
    ended = await ended_at_no_cost(rig, await confirmed(rig, view), "failed")
    assert ended.failure is not None
    assert ended.failure.code == "files-forbidden"
    assert len(rig.media.conformed) == 1


MEANWHILE = {
    "no cut is needed any more": {"max_seconds_together": 60.0},
    "the cut is another one": {"max_seconds_together": 4.0},
    "films become of another size": {"max_area_pixels": 600_000},
    "together they do not fit at all": {"max_count": 1},
}


def model_takes(rig: Rig, **films_limits: float) -> None:
    """From now on."""
    limits = rig.provider.spec.limits
    changed: KindLimits = replace(limits.kinds[Kind.VIDEO], **films_limits)  # pyright: ignore[reportArgumentType]
    rig.provider.spec = replace(rig.provider.spec, limits=replace(limits, kinds={**limits.kinds, Kind.VIDEO: changed}))


async def short_films(rig: Rig) -> DraftView:
    """Films of 9 and 10 s: each fits by itself, and both are cut to 7.5 s for the other's sake."""
    both = (rig.offer("nine.mp4", b"video mp4 9\nnine"), rig.offer("ten.mp4", b"video mp4 10\nten"))
    view = await rig.waiting(replace(rig.wish(BOTH), offers=both))
    assert [(one.record and one.record.steps, one.target) for one in view.request.references] == [((), None)] * 2
    assert [target.seconds for target in targets(view.plan)] == [7.5, 7.5]
    return view


async def ended_as_changed(rig: Rig, request_id: str) -> None:
    ended = await ended_at_no_cost(rig, request_id, "failed")
    assert ended.failure == reason("plan-changed")
    assert "“Again” shows what they would become now." in say(reason("plan-changed"))


@pytest.mark.parametrize("limits", MEANWHILE.values(), ids=MEANWHILE)
async def test_a_model_that_takes_otherwise_meanwhile_ends_it_before_anything_is_made(
    rig: Rig, limits: dict[str, float]
) -> None:
    view = await short_films(rig)
    await rig.confirmed(view)
    model_takes(rig, **limits)
    await rig.settle()
    await ended_as_changed(rig, view.request.id)
    assert rig.media.conformed == []


@pytest.mark.parametrize("limits", MEANWHILE.values(), ids=MEANWHILE)
async def test_a_model_that_takes_otherwise_after_the_first_is_made_gets_none_of_it(
    rig: Rig, limits: dict[str, float]
) -> None:
    view = await short_films(rig)

    async def change() -> None:
        model_takes(rig, **limits)

    meanwhile(rig, change)
    await ended_as_changed(rig, await confirmed(rig, view))
    assert len(rig.media.conformed) == 1


async def test_a_file_that_was_to_go_as_it_came_is_not_cut_unseen(rig: Rig) -> None:
    view = await rig.draft("@Video1 and @Image1", "walk.mp4", "hero.png")
    await rig.confirmed(view)
    model_takes(rig, max_seconds_together=2.0)
    await rig.settle()
    await ended_as_changed(rig, view.request.id)
    assert rig.media.conformed == []


async def test_a_format_that_is_not_taken_any_more_ends_what_was_confirmed(rig: Rig) -> None:
    view = await rig.draft("@Image1 waves", "hero.png")
    await rig.confirmed(view)
    rig.provider.spec = replace(rig.provider.spec, limits=_without_format(rig, "png"))
    await rig.settle()
    await ended_as_changed(rig, view.request.id)


@pytest.mark.parametrize(("seconds", "becomes"), [(60.0, [None, None]), (4.0, [2.0, 2.0])])
async def test_again_shows_and_sends_what_the_files_become_now(
    rig: Rig, seconds: float, becomes: list[float | None]
) -> None:
    """What was made for the plan of then is there still, and is not sent."""
    first = await confirmed(rig, await short_films(rig))
    model_takes(rig, max_seconds_together=seconds)
    again = await rig.drafts.look((await rig.drafts.again(first, rig.wish())).request.id, person_id=ADA)
    assert [one.made is not None for one in again.request.references] == [True, True]
    assert [one.target for one in again.request.references] == [None, None]
    assert [file.target and file.target.seconds for file in again.plan.files] == becomes
    await confirmed(rig, again)
    lengths = [bytes(content.split(b"\n", 1)[0]) for content in sent(rig)]
    now = [b"video mp4 9", b"video mp4 10"] if becomes == [None, None] else [b"video mp4 2", b"video mp4 2"]
    assert lengths == [b"video mp4 7.5", b"video mp4 7.5", *now]


async def test_what_an_earlier_release_accepted_is_told_why_it_does_not_fit_any_more(rig: Rig) -> None:
    request = (await rig.submit(rig.wish("@Video1 and @Video2", "walk.mp4", "run.mp4"))).request
    rig.store.forget_records()
    model_takes(rig, max_count=1)
    await rig.settle()
    ended = await ended_at_no_cost(rig, request.id, "failed")
    assert ended.failure is not None
    assert ended.failure.code == "too-many-of-kind"


async def test_a_refused_confirmation_leaves_its_card_valid(rig: Rig) -> None:
    view = await short_films(rig)
    await rig.limit(takes_a_day=0)
    for _ in range(2):
        with pytest.raises(Refused, match="person-quota"):
            await rig.confirmed(view)
    assert (await rig.drafts.look(view.request.id, person_id=ADA)).request == view.request
    await rig.limit(takes_a_day=9)
    accepted = (await rig.confirmed(view)).request
    assert accepted.version == view.request.version + 1
    assert [one.target for one in accepted.references] == targets(view.plan)


async def test_nothing_stays_in_the_scratch_folder(rig: Rig, tmp_path: Path) -> None:
    rig.media.troubles.append(NOT_CONFORMED)
    await confirmed(rig, await films(rig, A))
    await confirmed(rig, await films(rig, B))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
