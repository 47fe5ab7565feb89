"""The tray: files of several messages put together, in order, for a request that comes later."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.consent import Choice
from bot.domain.drafts import TrayView
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from tests.pipeline_rig import ADA, BOB, CHANNEL, GUILD, TRAY_LIFE_MS, Rig, codes


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def add(rig: Rig, *names: str, person: int = ADA) -> TrayView:
    return await rig.tray.add(rig.tray_wish(*(rig.offer(name) for name in names), person=person))


async def shown(rig: Rig, person: int = ADA) -> list[str]:
    return names(await rig.tray.show(CHANNEL + GUILD, person))


def names(view: TrayView) -> list[str]:
    return [reference.name for reference in view.references]


def fates(view: TrayView) -> list[str | None]:
    return [fate.reason and fate.reason.code for fate in view.fates]


async def test_files_of_several_messages_make_one_video_in_their_order(rig: Rig) -> None:
    for name in ("hero.png", "walk.mp4", "hat.png"):
        await add(rig, name)
    rig.downloader.files.clear()
    wish = rig.wish("@Image1 in @Image2 walks like @Video1", use_tray=True)

    request = (await rig.submit(wish)).request

    assert request.state.value == "queued"
    assert [(one.name, one.source.value) for one in request.references] == [
        ("hero.png", "tray"),
        ("walk.mp4", "tray"),
        ("hat.png", "tray"),
    ]
    await rig.settle()
    (staged,) = rig.staged
    assert list(staged.files.values()) == [rig.contents.contents[one.content] for one in request.references]
    assert await shown(rig) == ["hero.png", "walk.mp4", "hat.png"], "it is kept after use"


async def test_the_tray_is_taken_only_where_it_is_wanted_and_no_file_is_given(rig: Rig) -> None:
    await add(rig, "hero.png")
    given = await rig.submit(rig.wish("@Image1 waves", "alley.png", use_tray=True))
    unwanted = await rig.submit(rig.wish("a paper boat"))
    assert [one.name for one in given.request.references] == ["alley.png"]
    assert unwanted.request.references == ()


async def test_what_the_tray_held_when_it_was_asked_for_is_what_a_restart_finds(rig: Rig) -> None:
    await add(rig, "hero.png")
    rig.faults.strike("request.draft", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await rig.submit(rig.wish("@Image1 waves", use_tray=True))
    await rig.tray.clear(rig.place(), ADA)
    await rig.restart()
    await rig.settle()
    (request,) = await rig.every_request()
    assert [one.name for one in request.references] == ["hero.png"]
    assert len(rig.provider.started) == 1


async def test_a_file_lies_there_as_it_came_and_the_draft_says_what_it_will_become(rig: Rig) -> None:
    view = await rig.tray.add(rig.tray_wish(rig.offer("wave.gif"), rig.offer("walk.long")))
    assert [one.token for one in view.references] == ["@Video1", "@Video2"]
    assert set(rig.contents.contents.values()) == set(rig.downloader.files.values())

    draft = await rig.waiting(rig.wish("@Video1 and @Video2", use_tray=True))

    assert [one.record for one in draft.request.references] == [one.record for one in view.references]
    targets = [file.target for _, file in draft.planned]
    assert [target and (target.loop_to_seconds, target.seconds) for target in targets] == [(2.0, None), (None, 13.0)]
    assert rig.media.conformed == []


async def test_an_empty_tray_is_no_file(rig: Rig) -> None:
    assert (await rig.submit(rig.wish("a paper boat", use_tray=True))).request.references == ()


# --- adding ----------------------------------------------------------------------------------------------------------


async def test_every_file_s_fate_is_told(rig: Rig) -> None:
    view = await add(rig, "hero.png", "notes.txt")
    assert (names(view), fates(view)) == (["hero.png"], [None, "file-not-media"])
    assert view.expires_at_ms == rig.clock() + TRAY_LIFE_MS
    assert (await rig.tray.show(CHANNEL + GUILD, ADA)).fates == ()


async def test_a_message_without_files_is_refused_and_so_is_one_without_any_that_can_be_used(rig: Rig) -> None:
    with pytest.raises(Refused, match="nothing-to-use"):
        await rig.tray.add(rig.tray_wish())
    with pytest.raises(Refused) as caught:
        await add(rig, "notes.txt", "more.txt")
    assert codes(caught.value) == ["file-not-media", "file-not-media"]
    assert await shown(rig) == []


async def test_the_same_bytes_again_are_a_further_name_of_the_file_that_lies_there(rig: Rig) -> None:
    await add(rig, "alley.png", "hero.png")
    view = await rig.tray.add(rig.tray_wish(rig.offer("star.png", b"image png\nhero.png")))
    assert names(view) == ["alley.png", "hero.png"]
    assert view.references[1].also == ("star.png",)
    (fate,) = view.fates
    assert fate.reason == reason("same-file-twice", name="star.png", other="hero.png", token="@Image2")
    assert fate.reference_id == view.references[1].id


async def test_two_files_of_one_name_are_told_apart(rig: Rig) -> None:
    await add(rig, "hero.png")
    view = await rig.tray.add(rig.tray_wish(rig.offer("hero.png", b"image png\nanother")))
    assert names(view) == ["hero.png", "hero (2).png"]


async def test_more_of_a_kind_than_the_model_takes_do_not_go_in(rig: Rig) -> None:
    await add(rig, *(f"{n}.mp4" for n in range(3)))
    with pytest.raises(Refused, match="too-many-of-kind"):
        await add(rig, "one-more.mp4")
    assert await shown(rig) == ["0.mp4", "1.mp4", "2.mp4"]


async def test_nothing_is_fetched_for_a_full_tray(rig: Rig) -> None:
    await add(rig, *(f"{n}.png" for n in range(9)))
    await add(rig, *(f"{n}.mp4" for n in range(3)))
    fetched = list(rig.downloader.fetched)
    with pytest.raises(Refused) as caught:
        await add(rig, "one-more.mp3")
    assert caught.value.reason == reason("tray-full", limit=12, count=13)
    assert rig.downloader.fetched == fetched


async def test_nothing_is_fetched_once_the_day_s_allowance_is_used_up(rig: Rig) -> None:
    rig.allow(person_files=1)
    await add(rig, "hero.png")
    with pytest.raises(Refused, match="free-person-files"):
        await add(rig, "alley.png")
    assert len(rig.downloader.fetched) == 1


async def test_a_file_that_is_too_large_stops_no_other(rig: Rig) -> None:
    huge = replace(rig.offer("huge.png"), byte_count=10**9)
    view = await rig.tray.add(rig.tray_wish(huge, rig.offer("hero.png")))
    assert (names(view), fates(view)) == (["hero.png"], ["file-too-large", None])


async def test_what_others_do_not_allow_does_not_go_in(rig: Rig) -> None:
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))
    view = await rig.tray.add(rig.tray_wish(rig.posted_by(BOB, "bob.png"), rig.offer("hero.png")))
    assert (names(view), fates(view)) == (["hero.png"], ["files-forbidden", None])
    assert len(rig.downloader.fetched) == 1


async def test_what_is_forbidden_while_it_lies_there_is_not_used(rig: Rig) -> None:
    await rig.tray.add(rig.tray_wish(rig.posted_by(BOB, "bob.png"), rig.offer("hero.png")))
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))
    request = (await rig.submit(rig.wish("@Image1 waves", use_tray=True))).request
    assert [one.name for one in request.references] == ["hero.png"]
    assert [fate.reason and fate.reason.code for fate in request.fates] == ["files-forbidden", None]


# --- keeping order ---------------------------------------------------------------------------------------------------


async def test_files_are_named_moved_and_taken_out(rig: Rig) -> None:
    await add(rig, "hero.png", "alley.png", "hat.png")
    named = await rig.tray.name(rig.place(), ADA, number=2, alias="lane")
    assert named.references[1].alias == "lane"
    assert names(await rig.tray.move(rig.place(), ADA, number=3, to_number=1)) == ["hat.png", "hero.png", "alley.png"]
    left = await rig.tray.remove(rig.place(), ADA, number=2)
    assert [(one.number, one.name, one.alias) for one in left.references] == [
        (1, "hat.png", None),
        (2, "alley.png", "lane"),
    ]
    request = (await rig.submit(rig.wish("@lane under @Image1", use_tray=True))).request
    assert rig.rooms.render(request.prompt, rig.provider.spec, request.references) == "@Image2 under @Image1"  # pyright: ignore[reportArgumentType]
    assert names(await rig.tray.clear(rig.place(), ADA)) == []


async def test_a_name_of_another_file_is_refused(rig: Rig) -> None:
    await add(rig, "hero.png", "alley.png")
    with pytest.raises(Refused) as caught:
        await rig.tray.name(rig.place(), ADA, number=1, alias="alley")
    assert caught.value.reason == reason("alias-taken", name="alley", token="@Image2")


async def test_numbers_that_are_not_there_are_refused(rig: Rig) -> None:
    place = rig.place()
    for attempt in (
        rig.tray.clear(place, ADA),
        rig.tray.remove(place, ADA, number=1),
        rig.tray.move(place, ADA, number=1, to_number=1),
        rig.tray.name(place, ADA, number=1, alias="x"),
    ):
        with pytest.raises(Refused, match="tray-empty"):
            await attempt
    await add(rig, "hero.png")
    for attempt in (
        rig.tray.remove(place, ADA, number=2),
        rig.tray.move(place, ADA, number=1, to_number=0),
        rig.tray.name(place, ADA, number=-1, alias="x"),
    ):
        with pytest.raises(Refused, match="no-such-file"):
            await attempt
    assert await shown(rig) == ["hero.png"]


async def test_a_tray_is_one_person_s_and_empties_itself(rig: Rig) -> None:
    await add(rig, "hero.png")
    await add(rig, "alley.png", person=BOB)
    assert (await shown(rig), await shown(rig, BOB)) == (["hero.png"], ["alley.png"])
    await rig.pass_time(TRAY_LIFE_MS)
    assert await shown(rig) == []


async def test_all_trays_of_a_person_together_are_bounded(rig: Rig) -> None:
    rooms = rig.rooms.drafting
    for channel in range(rooms.tray_files_per_person // 9):
        files = [rig.offer(f"{channel}-{number}.png") for number in range(9)]
        wish = rig.tray_wish(*files)
        await rig.tray.add(replace(wish, place=replace(wish.place, channel_id=1000 + channel)))
    wish = rig.tray_wish(*(rig.offer(f"last-{number}.png") for number in range(9)))

    with pytest.raises(Refused, match="trays-full"):
        await rig.tray.add(replace(wish, place=replace(wish.place, channel_id=2000)))

    assert (await rig.tray.show(2000, ADA)).references == ()


@pytest.mark.parametrize("guild", [GUILD, 12345])
async def test_who_may_ask_nothing_there_gets_nothing_fetched(rig: Rig, guild: int) -> None:
    if guild == GUILD:
        await rig.policies.block(GUILD, ADA, why="spam", by=99)
    else:
        rig.serve(GUILD)
    with pytest.raises(Refused) as refused:
        await rig.tray.add(rig.tray_wish(rig.offer("hero.png"), guild=guild))
    assert codes(refused.value) == ["blocked" if guild == GUILD else "guild-not-served"]
    assert rig.contents.contents == {}
