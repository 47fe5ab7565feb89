"""Free drafts: what is drawn, for whom, how often, and that nothing is paid."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.conform import Anchor, Part
from bot.domain.consent import Choice
from bot.domain.drafts import DraftView
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPlan, MediaFacts
from bot.domain.policies import Access
from bot.domain.reasons import reason
from bot.domain.requests import Parameters
from bot.domain.words import say
from tests.fakes_references import LabelledMedia
from tests.pipeline_rig import ADA, BOB, GUILD, Rig, codes

DAY_MS = 24 * 3_600_000


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def animatic(rig: Rig, view: DraftView) -> bytes:
    request = view.request
    return await rig.drafts.animatic(request.id, person_id=request.person.id, version=request.version)


async def drawn(rig: Rig, view: DraftView) -> AnimaticPlan:
    await animatic(rig, view)
    return rig.media.drawn[-1]


def labels(plan: AnimaticPlan) -> list[str]:
    return [part.label for part in plan.parts]


async def test_a_free_draft_is_drawn_from_the_files_and_the_prompt_and_nothing_is_paid(rig: Rig) -> None:
    view = await rig.draft("hero.png waves", "hero.png")

    film = await animatic(rig, view)

    assert film == b"video mp4 4\n@Image1 waves\n@Image1 hero.png"
    assert rig.provider.started == []
    assert await rig.state(view.request.id) == "draft"
    assert view.request == await rig.request(view.request.id)


async def test_nothing_of_a_free_draft_is_kept(rig: Rig, tmp_path: Path) -> None:
    view = await rig.draft()
    before = dict(rig.contents.contents)

    await animatic(rig, view)

    assert rig.contents.contents == before
    assert list(tmp_path.iterdir()) == []


async def test_files_are_shown_in_the_order_of_the_prompt_then_the_others(rig: Rig) -> None:
    view = await rig.draft("@Image2 meets @Video1", "a.png", "b.png", "walk.mp4", "song.mp3")

    plan = await drawn(rig, view)

    assert labels(plan) == ["@Image2 b.png", "@Video1 walk.mp4", "@Image1 a.png", "@Audio1 song.mp3"]


@pytest.mark.parametrize(
    ("chosen", "size"), [("16:9", (854, 480)), ("1:1", (640, 640)), ("9:16", (480, 854)), ("21:9", (978, 420))]
)
async def test_its_shape_is_the_chosen_one_at_480p_with_even_sides(
    rig: Rig, chosen: str, size: tuple[int, int]
) -> None:
    plan = await drawn(rig, await rig.draft(parameters=Parameters(aspect_ratio=chosen)))

    assert (plan.width, plan.height) == size


@pytest.mark.parametrize(
    ("first", "size"),
    [
        ("image png exif 900x1600", (480, 854)),
        ("image png exif 8000x400", (978, 420)),
        ("image png exif 400x4000", (420, 978)),
    ],
)
async def test_a_shape_left_open_is_that_of_the_first_file_within_what_films_have(
    rig: Rig, first: str, size: tuple[int, int]
) -> None:
    wish = rig.wish("waves", parameters=Parameters(), ask=True)
    offers = [rig.offer("first.png", f"image png exif {first}\n".encode()), rig.offer("hero.png")]

    plan = await drawn(rig, await rig.waiting(replace(wish, offers=tuple(offers))))

    assert (plan.width, plan.height) == size


@pytest.mark.parametrize(
    ("chosen", "files", "seconds"),
    [
        (9, ["hero.png"], 9),
        (None, ["hero.png"], 5),
        (None, ["walk.mp4", "run.mp4", *(f"{number}.png" for number in range(3))], 9),
        (None, ["walk.mp4", "run.mp4", "jump.mp4", *(f"{number}.png" for number in range(9))], 15),
    ],
)
async def test_it_lasts_as_long_as_was_chosen_or_as_its_files_need(
    rig: Rig, chosen: int | None, files: list[str], seconds: float
) -> None:
    view = await rig.draft("they walk", *files, parameters=Parameters(duration_seconds=chosen))

    assert (await drawn(rig, view)).seconds == seconds


async def test_sound_is_as_chosen(rig: Rig) -> None:
    assert (await drawn(rig, await rig.draft(parameters=Parameters(audio=True)))).audio
    assert not (await drawn(rig, await rig.draft(parameters=Parameters(audio=False)))).audio


async def test_of_a_long_file_the_chosen_part_is_shown(rig: Rig) -> None:
    wish = rig.wish("@Video1 goes on", ask=True)
    view = await rig.waiting(replace(wish, offers=(rig.offer("long.mp4", b"video mp4 40\n"),)))

    view = await rig.drafts.choose_part(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        reference_id=view.request.references[0].id,
        part=Part(anchor=Anchor.AT, at_seconds=20),
    )
    (part,) = (await drawn(rig, view)).parts

    assert (part.start_seconds, part.seconds) == (20, 15)


async def test_what_its_owner_forbids_is_left_out(rig: Rig) -> None:
    bobs = rig.posted_by(BOB, "bob.png")
    view = await rig.waiting(replace(rig.wish("@Image1 and @Image2", ask=True), offers=(bobs, rig.offer("mine.png"))))
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))

    plan = await drawn(rig, await rig.drafts.look(view.request.id, person_id=ADA))

    assert labels(plan) == ["@Image2 mine.png"]


async def test_with_nothing_left_to_draw_it_is_refused_and_not_counted(rig: Rig) -> None:
    rig.allow(person_animatics=1)
    view = await rig.draft()
    held = dict(rig.contents.contents)
    rig.contents.contents.clear()

    with pytest.raises(Refused) as refused:
        await animatic(rig, view)
    rig.contents.contents.update(held)

    assert codes(refused.value) == ["nothing-to-draw"]
    assert await animatic(rig, view)


async def test_a_draft_with_errors_can_be_drawn_as_well(rig: Rig) -> None:
    view = await rig.draft("@Image1 and @Image9", "hero.png")
    assert view.errors

    assert await animatic(rig, view)


async def test_a_days_free_drafts_are_counted_before_they_are_drawn(rig: Rig) -> None:
    rig.allow(person_animatics=2, guild_animatics=3)
    adas, bobs = await rig.draft(), await rig.draft(person=BOB)

    await animatic(rig, adas)
    await animatic(rig, adas)
    with pytest.raises(Refused) as of_ada:
        await animatic(rig, adas)
    await animatic(rig, bobs)
    with pytest.raises(Refused) as of_all:
        await animatic(rig, bobs)

    assert (codes(of_ada.value), codes(of_all.value)) == (["free-person-animatics"], ["free-guild-animatics"])
    assert len(rig.media.drawn) == 3


async def test_only_its_person_has_it_drawn_and_only_as_it_was_shown(rig: Rig) -> None:
    view = await rig.draft()

    with pytest.raises(Refused, match="draft-not-yours"):
        await rig.drafts.animatic(view.request.id, person_id=BOB, version=view.request.version)
    with pytest.raises(Refused, match="draft-changed"):
        await rig.drafts.animatic(view.request.id, person_id=ADA, version=view.request.version + 1)


class Patient(LabelledMedia):
    """Draws when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts:
        self.begun.set()
        await self.go.wait()
        return await super().animatic(plan, into)


async def test_one_person_has_one_drawn_at_a_time_and_others_need_not_wait(tmp_path: Path) -> None:
    media = Patient()
    rig = Rig(tmp_path, tools=media)
    rig.allow(person_animatics=2)
    adas, bobs = await rig.draft(), await rig.draft(person=BOB)

    async with asyncio.TaskGroup() as group:
        first = group.create_task(animatic(rig, adas))
        await media.begun.wait()
        with pytest.raises(Refused) as refused:
            await animatic(rig, adas)
        other = group.create_task(animatic(rig, bobs))
        media.go.set()

    assert codes(refused.value) == ["animatic-being-drawn"]
    assert first.result() == other.result()
    assert await animatic(rig, adas)


async def test_one_that_is_too_large_for_the_place_is_made_smaller(rig: Rig) -> None:
    view = await rig.draft("@Image1 " + "walks on and on " * 20, "hero.png", upload_limit_bytes=100)

    film = await animatic(rig, view)

    assert len(film) == 100
    assert film.startswith(b"video mp4 4\n@Image1 walks on")


async def test_one_that_cannot_be_made_small_enough_says_so(rig: Rig) -> None:
    view = await rig.draft(upload_limit_bytes=3)

    with pytest.raises(Refused) as refused:
        await animatic(rig, view)

    assert codes(refused.value) == ["clip-does-not-fit", "animatic-counted"]


@pytest.mark.parametrize("failure", [Unavailable(reason("storage-unavailable")), OSError("disk full")])
async def test_one_that_could_not_be_drawn_just_now_is_said_to_have_counted(rig: Rig, failure: Exception) -> None:
    rig.allow(person_animatics=1)
    view = await rig.draft()

    async def breaks(*_arguments: object) -> MediaFacts:
        raise failure

    rig.rooms.media.animatic = breaks  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(Unavailable) as unavailable:
        await animatic(rig, view)
    assert "counts towards today's free drafts" in say(unavailable.value.reason)

    with pytest.raises(Refused) as refused:
        await animatic(rig, view)
    assert codes(refused.value) == ["free-person-animatics"], "it did count"


async def test_trouble_before_it_is_counted_is_not_said_to_have_counted(rig: Rig) -> None:
    rig.allow(person_animatics=1)
    view = await rig.draft()
    copy_to = rig.contents.copy_to

    async def away(key: str, path: Path) -> None:
        raise Unavailable(reason("storage-unavailable"), detail=f"{key} {path}")

    rig.contents.copy_to = away
    with pytest.raises(Unavailable, match="storage-unavailable"):
        await animatic(rig, view)
    rig.contents.copy_to = copy_to
    assert await animatic(rig, view)


async def test_nothing_is_drawn_for_who_may_ask_nothing_there(rig: Rig) -> None:
    view = await rig.draft("hero.png waves", "hero.png")
    await rig.policies.change(GUILD, lambda one: replace(one, access=Access(allowed_roles=frozenset({5}))), by=99)
    with pytest.raises(Refused, match="role-needed"):
        await animatic(rig, view)
    request = view.request
    assert await rig.drafts.animatic(request.id, person_id=ADA, version=request.version, roles=(5,))
    await rig.policies.block(GUILD, ADA, why="spam", by=99)
    with pytest.raises(Refused, match="blocked"):
        await rig.drafts.animatic(request.id, person_id=ADA, version=request.version, roles=(5,))
    assert len(rig.media.drawn) == 1
