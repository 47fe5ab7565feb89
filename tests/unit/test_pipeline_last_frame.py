"""“Continue”: a clip's last frame, as a file of the person for whom the clip was made."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.consent import Choice
from bot.domain.errors import Refused
from bot.domain.media import Kind, MediaFacts
from bot.domain.policies import Access
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Origin
from bot.domain.requests import Person
from bot.pipeline.last_frame import LastFrame
from tests.pipeline_rig import ADA, BOB, CLIP, GUILD, Rig, codes

FRAME = b"image png\nlast frame of "
ELSEWHERE = 101


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def delivered(rig: Rig, *results: bytes, takes: int = 1, upload_limit_bytes: int = 10 << 20) -> str:
    request_id = await rig.ask(takes=takes, upload_limit_bytes=upload_limit_bytes)
    await rig.settle()
    for generation_id, result in zip(rig.provider.started, results or [CLIP] * takes, strict=True):
        rig.provider.finish(generation_id, result=result)
    await rig.look()
    return request_id


def asking(person: int) -> Person:
    return Person(id=person, name="Ada")


async def frame(rig: Rig, request_id: str, *, ordinal: int = 1, person: int = ADA, guild: int = GUILD) -> Offer:
    return await LastFrame(rig.rooms)(request_id, ordinal=ordinal, place=rig.place(guild), person=asking(person))


async def refusal(rig: Rig, request_id: str, *, ordinal: int = 1, person: int = ADA, guild: int = GUILD) -> list[str]:
    with pytest.raises(Refused) as refused:
        await frame(rig, request_id, ordinal=ordinal, person=person, guild=guild)
    return codes(refused.value)


async def test_it_is_a_picture_that_belongs_to_whom_the_clip_belongs_to(rig: Rig) -> None:
    held = (await frame(rig, await delivered(rig), person=BOB)).held
    assert held is not None
    assert rig.contents.contents[held.content] == FRAME + CLIP
    assert (held.kind, held.decided.kind) == (Kind.IMAGE, Kind.IMAGE)
    assert held.origins == (Origin(source=OfferSource.CLIP, owner_id=ADA, message_id=rig.clips[0].id),)


async def test_a_draft_begins_with_it_and_the_model_gets_it(rig: Rig) -> None:
    offer = await frame(rig, await delivered(rig))
    wish = replace(rig.wish("@Image1 is the first frame. It rains", ask=True), offers=(offer,))
    view = await rig.waiting(wish)
    assert [one.token for one in view.request.references] == ["@Image1"]

    await rig.confirmed(view)
    await rig.settle()
    (message,) = rig.staged
    assert list(message.files.values()) == [FRAME + CLIP]


async def test_it_is_taken_from_the_clip_as_it_came_not_as_it_was_posted(rig: Rig) -> None:
    whole = CLIP + b"x" * 200
    rig.discord.upload_limit_bytes = 100
    request_id = await delivered(rig, whole, upload_limit_bytes=100)
    assert [len(one) for one in rig.clips[0].files.values()] == [100]
    held = (await frame(rig, request_id)).held
    assert held is not None
    assert rig.contents.contents[held.content] == FRAME + whole


@pytest.mark.parametrize("together", [True, False])
async def test_of_several_takes_it_is_the_one_that_was_pressed_from_its_own_message(
    rig: Rig,
    together: bool,  # noqa: FBT001
) -> None:
    results = [CLIP + b"one", CLIP + b"two"]
    request_id = await delivered(rig, *results, takes=2, upload_limit_bytes=(10 << 20) if together else 1)
    brought = {name: message.id for message in rig.clips for name in message.files}
    for ordinal, result in enumerate(results, 1):
        held = (await frame(rig, request_id, ordinal=ordinal)).held
        assert held is not None
        assert rig.contents.contents[held.content] == FRAME + result
        assert held.message_id == brought[f"{request_id}-{ordinal}.mp4"]


async def test_only_where_the_request_was_made(rig: Rig) -> None:
    assert await refusal(rig, await delivered(rig), guild=ELSEWHERE) == ["not-here"]
    assert await refusal(rig, "0000000000000") == ["request-unknown"]


async def test_only_from_a_clip_that_was_posted(rig: Rig) -> None:
    request_id = await rig.ask(takes=2)
    await rig.settle()
    assert await refusal(rig, request_id) == ["clip-not-posted"]
    first, second = rig.provider.started
    rig.provider.finish(first)
    rig.provider.fail(second)
    await rig.look()
    assert await refusal(rig, request_id, ordinal=2) == ["clip-not-posted"]
    assert await refusal(rig, request_id, ordinal=3) == ["clip-not-posted"]


async def test_of_a_clip_that_was_refused_there_is_nothing_to_go_on_from(rig: Rig) -> None:
    rig.discord.refusals["result-2"] = "delivery-forbidden"
    request_id = await delivered(rig, takes=2, upload_limit_bytes=1)
    assert await rig.state(request_id) == "kept"
    assert (await frame(rig, request_id, ordinal=1)).held is not None
    assert await refusal(rig, request_id, ordinal=2) == ["clip-not-posted"]


async def test_a_clip_that_is_no_longer_held_says_what_to_do(rig: Rig) -> None:
    request_id = await delivered(rig)
    rig.contents.contents.clear()
    assert await refusal(rig, request_id) == ["clip-bytes-gone"]


async def test_a_clip_that_is_no_longer_held_counts_as_no_file_looked_at(rig: Rig) -> None:
    request_id = await delivered(rig)
    held = dict(rig.contents.contents)
    rig.contents.contents.clear()
    rig.allow(person_files=2)
    assert await refusal(rig, request_id) == await refusal(rig, request_id) == ["clip-bytes-gone"]
    rig.contents.contents.update(held)
    assert (await frame(rig, request_id)).held is not None


async def test_a_clip_whose_bytes_go_while_they_are_copied_says_what_to_do(rig: Rig) -> None:
    request_id = await delivered(rig)

    async def still_there(key: str) -> bool:
        return rig.contents.contents.pop(key) != b""

    rig.contents.holds = still_there
    assert await refusal(rig, request_id) == ["clip-bytes-gone"]


async def look(rig: Rig, request_id: str, *, ordinal: int = 1, person: int = ADA, guild: int = GUILD) -> list[str]:
    """The codes of why there is nothing to go on from."""
    try:
        await LastFrame(rig.rooms).look(request_id, ordinal=ordinal, place=rig.place(guild), person=asking(person))
    except Refused as refused:
        return codes(refused)
    return []


async def test_a_look_tells_what_would_be_refused_and_counts_and_makes_nothing(rig: Rig) -> None:
    request_id = await delivered(rig)
    rig.allow(person_files=1)
    before = dict(rig.contents.contents)

    assert await look(rig, request_id, person=BOB) == await look(rig, request_id, person=BOB) == []
    assert rig.contents.contents == before
    assert (await frame(rig, request_id, person=BOB)).held is not None, "the day's one file is still to be had"
    assert await look(rig, request_id, guild=ELSEWHERE) == ["not-here"]
    assert await look(rig, request_id, ordinal=2) == ["clip-not-posted"]
    assert await look(rig, "0000000000000") == ["request-unknown"]
    await rig.privacy.choose(GUILD, ADA, Choice(files=False))
    assert await look(rig, request_id, person=BOB) == ["files-forbidden"]
    rig.contents.contents.clear()
    assert await look(rig, request_id) == ["clip-bytes-gone"]


@pytest.mark.parametrize("shows_person", [True, False])
async def test_it_shows_a_real_person_when_what_the_clip_was_made_from_does(
    rig: Rig,
    shows_person: bool,  # noqa: FBT001
) -> None:
    view = await rig.draft("@Image1 meets @Image2", "hero.png", "sea.png")
    view = await rig.drafts.describe(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        reference_id=view.request.references[1].id,
        alias=None,
        shows_person=shows_person,
    )
    request_id = (await rig.confirmed(view)).request.id
    await rig.settle()
    await rig.finish(request_id)

    held = (await frame(rig, request_id)).held
    assert held is not None
    assert held.shows_person is shows_person


async def test_a_clip_whose_end_cannot_be_read_says_what_to_do(rig: Rig) -> None:
    request_id = await delivered(rig)

    async def broken(path: Path, into: Path) -> MediaFacts:
        raise Refused(reason("file-unreadable", name=path.name, found=into.name))

    rig.rooms.clips.last_frame = broken  # pyright: ignore[reportAttributeAccessIssue]
    assert await refusal(rig, request_id) == ["clip-without-end"]


async def test_it_is_not_taken_against_the_will_of_who_asked_for_the_clip(rig: Rig) -> None:
    request_id = await delivered(rig)
    offer = await frame(rig, request_id, person=BOB)
    view = await rig.waiting(replace(rig.wish("@Image1 is the first frame", person=BOB, ask=True), offers=(offer,)))

    await rig.privacy.choose(GUILD, ADA, Choice(files=False))

    assert await refusal(rig, request_id, person=BOB) == ["files-forbidden"]
    assert (await frame(rig, request_id)).held is not None
    assert (await rig.drafts.look(view.request.id, person_id=BOB)).barred


async def test_not_after_the_message_that_brought_the_clip_was_taken_back(rig: Rig) -> None:
    request_id = await delivered(rig)
    await rig.privacy.withdraw(rig.clips[0].id, owner_id=ADA, person_id=ADA)
    assert await refusal(rig, request_id) == ["files-withdrawn"]


async def test_it_counts_as_a_file_looked_at(rig: Rig) -> None:
    request_id = await delivered(rig)
    rig.allow(person_files=2)
    assert (await frame(rig, request_id)).held is not None
    assert await refusal(rig, request_id) == ["free-person-files"]


async def test_who_may_ask_nothing_there_gets_no_form_and_no_frame(rig: Rig) -> None:
    request_id = await delivered(rig)
    held = dict(rig.contents.contents)
    await rig.policies.block(GUILD, BOB, why="spam", by=99)
    assert await look(rig, request_id, person=BOB) == await refusal(rig, request_id, person=BOB) == ["blocked"]
    closed = Access(denied_channels=frozenset({rig.place().channel_id}))
    await rig.policies.change(GUILD, lambda policy: replace(policy, access=closed), by=99)
    assert await look(rig, request_id) == await refusal(rig, request_id) == ["channel-denied"]
    rig.serve(ELSEWHERE)
    assert await look(rig, request_id) == await refusal(rig, request_id) == ["guild-not-served"]
    assert rig.contents.contents == held
