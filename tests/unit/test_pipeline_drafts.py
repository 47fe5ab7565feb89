"""Drafts that wait: what their person sees, what they may change, and what it comes to."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.domain.conform import Anchor, Part
from bot.domain.consent import Choice
from bot.domain.drafts import DraftView, Renumbering
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart
from bot.domain.models import ModelSpec
from bot.domain.prompts import Names, mend_proof
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Reference, stands_for_person
from bot.domain.requests import Parameters, Request
from tests.fakes_provider import PRICE_USD_MICROS, default_spec
from tests.pipeline_rig import ADA, BOB, DRAFT_LIFE_MS, GUILD, MAX_ATTEMPTS, Rig, codes

HOUR_MS = 3_600_000


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def found(view: DraftView) -> list[str]:
    return [finding.reason.code for finding in view.findings]


def numbers(view: DraftView) -> dict[str, tuple[int, int]]:
    """Name → number over all, number within the kind."""
    return {one.name: (one.number, one.kind_number) for one in view.request.references}


def reference(view: DraftView, name: str) -> Reference:
    return next(one for one in view.request.references if one.name == name)


async def edit(rig: Rig, view: DraftView, prompt: str, *files: str) -> DraftView:
    return await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt=prompt,
        names=Names(),
        offers=[rig.offer(name) for name in files],
    )


async def name(rig: Rig, view: DraftView, file: str, alias: str | None, *, shows_person: bool = False) -> DraftView:
    return await rig.drafts.describe(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        reference_id=reference(view, file).id,
        alias=alias,
        shows_person=shows_person,
    )


async def renumber(rig: Rig, view: DraftView, file: str, to_number: int | None) -> DraftView:
    change = Renumbering(reference_id=reference(view, file).id, to_number=to_number)
    return await rig.drafts.renumber(view.request.id, person_id=ADA, version=view.request.version, change=change)


async def mend(rig: Rig, view: DraftView, finding: int, choice: int = 0) -> DraftView:
    proof = mend_proof(view.findings[finding], choice)
    return await rig.drafts.mend(view.request.id, person_id=ADA, version=view.request.version, proof=proof)


def bobs_avatar(rig: Rig) -> Offer:
    return replace(
        rig.posted_by(BOB, "Bob", content=b"image png\nbob"),
        source=OfferSource.AVATAR,
        message_id=None,
        stands_for=stands_for_person(BOB),
    )


# --- what is seen ----------------------------------------------------------------------------------------------------


async def test_a_draft_shows_what_the_model_will_read_and_what_it_will_cost(rig: Rig) -> None:
    view = await rig.draft("the first image waves", "hero.png", takes=2)
    assert (view.rendered, view.findings) == ("@Image1 waves", ())
    assert view.price_usd_micros == 2 * 4 * PRICE_USD_MICROS
    assert (view.vendor_tokens, view.barred) == ({}, frozenset())


async def test_errors_come_first_and_each_reason_once(rig: Rig) -> None:
    view = await rig.draft("[7] @Image1 and @Image9 and @Image9", "hero.png")
    assert found(view) == ["unknown-reference", "loose-mention-unresolved"]
    assert [finding.reason.code for finding in view.errors] == ["unknown-reference"]


async def test_nobody_else_sees_or_changes_a_draft(rig: Rig) -> None:
    view = await rig.draft()
    for attempt in (
        rig.drafts.look(view.request.id, person_id=BOB),
        rig.drafts.confirm(view.request.id, person_id=BOB, version=view.request.version),
        rig.drafts.discard(view.request.id, person_id=BOB),
        rig.drafts.mend(view.request.id, person_id=BOB, version=view.request.version, proof=""),
    ):
        with pytest.raises(Refused, match="draft-not-yours"):
            await attempt
    assert await rig.drafts.mine(GUILD, BOB) == ()


async def test_a_draft_that_is_not_known_or_still_prepared_says_so(rig: Rig) -> None:
    with pytest.raises(Refused, match="request-unknown"):
        await rig.drafts.look("0000000000000", person_id=ADA)
    await rig.store.create_draft("0a1b2c3d4e5f6", rig.wish("@Image1 waves", "hero.png"), now_ms=rig.clock())
    with pytest.raises(Refused, match="draft-preparing"):
        await rig.drafts.look("0a1b2c3d4e5f6", person_id=ADA)
    assert await rig.drafts.mine(GUILD, ADA) == ()


async def test_one_s_drafts_are_there_after_a_restart_newest_first(rig: Rig) -> None:
    first = await rig.draft()
    rig.clock.now_ms += 1
    second = await rig.draft()
    await rig.restart()
    assert [view.request.id for view in await rig.drafts.mine(GUILD, ADA)] == [second.request.id, first.request.id]


async def test_the_sheet_has_a_tile_for_each_reference_with_its_number(rig: Rig) -> None:
    view = await rig.draft("@Image1 walks like @Video1", "hero.png", "walk.mp4")
    sheet = await rig.drafts.sheet(view)
    assert sheet is not None
    assert sheet.decode().splitlines()[1:] == ["#1 @Image1 hero.png", "#2 @Video1 walk.mp4"]


async def test_a_sheet_that_cannot_be_drawn_is_left_out(rig: Rig) -> None:
    async def broken(parts: Sequence[AnimaticPart], into: Path) -> None:
        raise Refused(reason("media-too-heavy", name="x", limit="1 s"))

    view = await rig.draft()
    rig.rooms.media.reference_sheet = broken
    assert await rig.drafts.sheet(view) is None


async def test_bytes_that_are_gone_take_no_other_tile_with_them(rig: Rig) -> None:
    view = await rig.draft("@Image1 and @Image2", "hero.png", "alley.png")
    del rig.contents.contents[reference(view, "hero.png").content]
    assert await rig.drafts.sheet(view) is not None


async def test_a_picture_that_its_owner_took_back_is_not_drawn_again(rig: Rig) -> None:
    theirs = rig.posted_by(BOB, "sea.png", content=b"image png\nsea")
    wish = rig.wish("@Image1 and @Image2", "hero.png", ask=True)
    view = await rig.waiting(replace(wish, offers=(*wish.offers, theirs)))
    drawn = list[list[bytes]]()

    async def draws(parts: Sequence[AnimaticPart], into: Path) -> None:
        drawn.append([Path(part.path).read_bytes() for part in parts])
        into.touch()

    rig.rooms.media.reference_sheet = draws
    await rig.drafts.sheet(view)
    await rig.privacy.withdraw(1, owner_id=BOB, person_id=BOB)

    after = await rig.drafts.look(view.request.id, person_id=ADA)
    await rig.drafts.sheet(after)

    assert after.barred == {reference(view, "sea.png").id}
    assert [list(map(bool, contents)) for contents in drawn] == [[True, True], [True, False]]


async def test_what_a_form_needs_is_there_without_asking_the_vendor(rig: Rig) -> None:
    view = await rig.draft()

    async def asked() -> ModelSpec:
        raise AssertionError("the vendor was asked")

    rig.provider.model = asked
    shown = await rig.drafts.shown(view.request.id, person_id=ADA, version=view.request.version)
    assert shown == view.request
    with pytest.raises(Refused, match="draft-not-yours"):
        await rig.drafts.shown(view.request.id, person_id=BOB, version=view.request.version)


async def test_words_alone_have_no_sheet(rig: Rig) -> None:
    assert await rig.drafts.sheet(await rig.waiting(rig.wish("a paper boat", ask=True))) is None


# --- confirming ------------------------------------------------------------------------------------------------------


async def test_a_confirmed_draft_is_made_as_it_was_shown(rig: Rig) -> None:
    view = await rig.draft("the first image waves", "hero.png")
    assert (await rig.confirmed(view)).request.state.value == "queued"
    await rig.settle()
    assert rig.provider.bodies[0]["prompt"] == view.rendered
    assert len(rig.provider.started) == 1


async def test_a_second_click_on_confirm_is_no_second_order(rig: Rig) -> None:
    view = await rig.draft()
    first, second = await asyncio.gather(rig.confirmed(view), rig.confirmed(view))
    await rig.settle()
    third = await rig.confirmed(view)
    assert {first.request.id, second.request.id, third.request.id} == {view.request.id}
    assert len(rig.provider.started) == 1


async def test_what_is_confirmed_is_what_was_shown(rig: Rig) -> None:
    view = await rig.draft()
    await edit(rig, view, "@Image1 hides")
    with pytest.raises(Refused, match="draft-changed"):
        await rig.confirmed(view)
    assert await rig.state(view.request.id) == "draft"


async def test_a_draft_with_errors_cannot_be_confirmed_and_waits_on(rig: Rig) -> None:
    view = await rig.draft("@Image7 waves at @Video1", "hero.png")
    with pytest.raises(Refused) as caught:
        await rig.confirmed(view)
    assert codes(caught.value) == ["unknown-reference", "unknown-reference"]
    assert await rig.state(view.request.id) == "draft"


async def test_a_used_up_quota_leaves_the_draft_waiting(rig: Rig) -> None:
    view = await rig.draft()
    await rig.limit(takes_a_day=0)
    with pytest.raises(Refused, match="person-quota-none"):
        await rig.confirmed(view)
    await rig.limit(takes_a_day=1)
    assert (await rig.confirmed(view)).request.state.value == "queued"


async def test_an_acceptance_whose_answer_was_lost_goes_its_way(rig: Rig) -> None:
    view = await rig.draft()
    rig.faults.strike("request.queued", Unavailable(reason("database-unavailable")))
    with pytest.raises(Unavailable):
        await rig.confirmed(view)
    await rig.settle()
    assert len(rig.provider.started) == 1


# --- ending ----------------------------------------------------------------------------------------------------------


async def test_a_discarded_draft_is_over_and_nobody_else_hears_of_it(rig: Rig) -> None:
    view = await rig.draft()
    clicks = [rig.drafts.discard(view.request.id, person_id=ADA) for _ in range(2)]
    assert [each.request.state.value for each in await asyncio.gather(*clicks)] == ["cancelled", "cancelled"]
    assert (await rig.drafts.discard(view.request.id, person_id=ADA)).request.state.value == "cancelled"
    with pytest.raises(Refused, match="draft-over"):
        await rig.confirmed(view)
    await rig.pass_time(DRAFT_LIFE_MS)
    assert (rig.discord.messages, rig.provider.started) == ({}, [])


async def test_what_was_confirmed_is_not_discarded(rig: Rig) -> None:
    view = await rig.draft()
    await rig.confirmed(view)
    for attempt in (
        rig.drafts.discard(view.request.id, person_id=ADA),
        rig.drafts.look(view.request.id, person_id=ADA),
        edit(rig, view, "other"),
    ):
        with pytest.raises(Refused, match="draft-confirmed"):
            await attempt
    assert await rig.state(view.request.id) == "queued"


async def test_a_change_that_a_confirmation_overtook_says_so(rig: Rig) -> None:
    """Both clicks have read the same row; the slower one finds that it moved on."""
    view = await rig.draft()
    move = rig.store.move

    async def overtaken(*arguments: Any, **fields: Any) -> Request:  # noqa: ANN401  passed on
        rig.store.move = move
        await rig.confirmed(view)
        return await move(*arguments, **fields)

    rig.store.move = overtaken
    with pytest.raises(Refused, match="draft-confirmed"):
        await edit(rig, view, "other")
    assert await rig.state(view.request.id) == "queued"


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_draft_that_nobody_confirms_expires_quietly(rig: Rig, restarts: bool) -> None:  # noqa: FBT001
    view = await rig.draft()
    if restarts:
        await rig.restart()
    await rig.pass_time(DRAFT_LIFE_MS)
    request = await rig.request(view.request.id)
    assert (request.state.value, request.failure) == ("expired", reason("draft-expired"))
    assert rig.discord.messages == {}
    with pytest.raises(Refused, match="draft-over"):
        await rig.drafts.look(view.request.id, person_id=ADA)


async def test_a_draft_is_over_at_its_time_even_before_anybody_says_so(rig: Rig) -> None:
    view = await rig.draft()
    rig.clock.now_ms += DRAFT_LIFE_MS
    with pytest.raises(Refused, match="draft-over"):
        await rig.confirmed(view)
    assert await rig.drafts.mine(GUILD, ADA) == ()


async def test_every_change_lets_a_draft_wait_anew_but_no_longer_than_a_day(rig: Rig) -> None:
    view = await rig.draft()
    made_ms = view.request.created_at_ms
    for _change in range(30):
        await rig.pass_time(HOUR_MS)
        if rig.clock() >= made_ms + 24 * HOUR_MS:
            break
        assert await rig.state(view.request.id) == "draft"
        view = await edit(rig, view, f"@Image1 waves at {rig.clock()}")
    assert view.request.expires_at_ms == made_ms + 24 * HOUR_MS
    await rig.settle()
    assert await rig.state(view.request.id) == "expired"


async def test_trouble_with_a_waiting_draft_does_not_make_its_card_stale(rig: Rig) -> None:
    view = await rig.draft()
    for _failure in range(MAX_ATTEMPTS + 1):
        await rig.advance.stumble(view.request.id, reason("internal-error"))
    assert (await rig.confirmed(view)).request.state.value == "queued"


async def test_looking_changes_nothing(rig: Rig) -> None:
    view = await rig.draft()
    await rig.pass_time(HOUR_MS)
    assert (await rig.drafts.look(view.request.id, person_id=ADA)).request == view.request


# --- the prompt ------------------------------------------------------------------------------------------------------


async def test_a_mend_by_click_settles_its_finding(rig: Rig) -> None:
    view = await rig.draft("@Image1 waves", "hero.png", "alley.png")
    assert found(view) == ["unused-reference"]
    mended = await mend(rig, view, 0)
    assert (mended.findings, mended.rendered) == ((), "@Image1 waves @Image2")


async def test_a_choice_of_mends_is_the_person_s(rig: Rig) -> None:
    wish = rig.wish("@hero waves at @Video1", "hero.png", "hero.mp4")
    view = await rig.waiting(wish)
    assert found(view)[0] == "ambiguous-reference"
    assert (await mend(rig, view, 0, 1)).rendered == "@Video1 waves at @Video1"


@pytest.mark.parametrize("proof", ["", "0", "0.0", "0123456789ab"])
async def test_a_mend_that_is_not_there_changes_nothing(rig: Rig, proof: str) -> None:
    view = await rig.draft("@Image1 waves", "hero.png", "alley.png")
    with pytest.raises(Refused, match="draft-changed"):
        await rig.drafts.mend(view.request.id, person_id=ADA, version=view.request.version, proof=proof)
    assert await rig.drafts.look(view.request.id, person_id=ADA) == view


async def test_a_mend_is_the_one_that_was_clicked_though_other_findings_came_first_meanwhile(rig: Rig) -> None:
    """Somebody's word moves the findings and leaves the version as it is."""
    wish = rig.wish("@Image1 waves [7]", "hero.png", ask=True)
    view = await rig.waiting(replace(wish, offers=(*wish.offers, rig.posted_by(BOB, "sea.png"))))
    codes = ["loose-mention-unresolved", "unused-reference"]
    assert found(view) == codes
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))
    assert found(await rig.drafts.look(view.request.id, person_id=ADA)) == ["files-forbidden", *codes]

    mended = await mend(rig, view, 1)

    assert mended.request.written_prompt == "@Image1 waves [7] @Image2"
    assert found(mended) == ["files-forbidden", "loose-mention-unresolved"]


async def test_a_click_on_a_stale_card_changes_nothing(rig: Rig) -> None:
    view = await rig.draft("@Image1 waves", "hero.png", "alley.png")
    mended = await mend(rig, view, 0)
    for attempt in (
        mend(rig, view, 0),
        edit(rig, view, "other"),
        name(rig, view, "hero.png", "hero2"),
        renumber(rig, view, "hero.png", None),
        rig.drafts.shown(view.request.id, person_id=ADA, version=view.request.version),
    ):
        with pytest.raises(Refused, match="draft-changed"):
            await attempt
    assert await rig.drafts.look(view.request.id, person_id=ADA) == mended


async def test_the_prompt_is_kept_as_it_is_written(rig: Rig) -> None:
    edited = await edit(rig, await rig.draft(), "  @IMG 1\n waves  ")
    assert (edited.request.written_prompt, edited.rendered) == ("  @IMG 1\n waves  ", "  @Image1\n waves  ")


@pytest.mark.parametrize(("prompt", "code"), [(" \n", "empty-prompt"), ("x" * 6_001, "prompt-too-long")])
async def test_an_empty_or_endless_prompt_is_refused_and_the_old_one_stands(rig: Rig, prompt: str, code: str) -> None:
    view = await rig.draft()
    with pytest.raises(Refused, match=code):
        await edit(rig, view, prompt)
    assert await rig.drafts.look(view.request.id, person_id=ADA) == view


async def test_a_prompt_that_is_too_long_for_the_model_is_kept_and_said(rig: Rig) -> None:
    edited = await edit(rig, await rig.draft(), "@Image1 " + "x" * 5_000)
    assert found(edited) == ["prompt-too-long"]


# --- further files ---------------------------------------------------------------------------------------------------


async def test_further_files_come_last_and_no_number_changes(rig: Rig) -> None:
    view = await rig.draft("@Image1 and @Image2", "hero.png", "alley.png")
    edited = await edit(rig, view, "@Image1, @Image2, @Image3, @Video1", "walk.mp4", "hat.png")
    assert numbers(edited) == {"hero.png": (1, 1), "alley.png": (2, 2), "walk.mp4": (3, 1), "hat.png": (4, 3)}
    assert [one.id for one in edited.request.references[:2]] == [one.id for one in view.request.references]
    assert [fate.name for fate in edited.request.fates] == ["hero.png", "alley.png", "walk.mp4", "hat.png"]
    assert edited.findings == ()


async def test_the_same_bytes_again_are_a_further_name(rig: Rig) -> None:
    view = await rig.draft()
    again = rig.offer("again.png", b"image png\nhero.png")
    edited = await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt="@again waves",
        names=Names(),
        offers=[again],
    )
    (only,) = edited.request.references
    assert (only.also, edited.rendered) == (("again.png",), "@Image1 waves")
    assert edited.request.fates[1].reason == reason(
        "same-file-twice", name="again.png", other="hero.png", token="@Image1"
    )


async def test_another_file_of_the_same_name_gets_a_name_of_its_own(rig: Rig) -> None:
    view = await rig.draft()
    other = rig.offer("hero.png", b"image png\nanother one")
    edited = await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt="@Image1 @Image2",
        names=Names(),
        offers=[other],
    )
    assert list(numbers(edited)) == ["hero.png", "hero (2).png"]


async def test_a_further_file_that_cannot_be_used_is_listed_and_stops_nothing(rig: Rig) -> None:
    edited = await edit(rig, await rig.draft(), "@Image1 hides", "notes.txt")
    assert [fate.reason and fate.reason.code for fate in edited.request.fates] == [None, "file-not-media"]
    assert (edited.rendered, len(edited.request.references)) == ("@Image1 hides", 1)


async def test_more_files_than_the_model_takes_are_not_fetched(rig: Rig) -> None:
    view = await rig.draft("@Image1 waves", *(f"{n}.png" for n in range(8)))
    fetched = list(rig.downloader.fetched)
    with pytest.raises(Refused, match="too-many-references"):
        await edit(rig, view, "@Image1 waves", *(f"more{n}.png" for n in range(5)))
    assert rig.downloader.fetched == fetched


async def test_an_avatar_that_is_mentioned_once_more_is_not_fetched_once_more(rig: Rig) -> None:
    mention = f"<@{BOB}>"
    await rig.privacy.choose(GUILD, BOB, Choice(avatar=True))
    avatar = bobs_avatar(rig)
    names = Names(people={BOB: "Bob"})
    view = await rig.waiting(replace(rig.wish(f"{mention} waves", names=names, ask=True), offers=(avatar,)))
    assert view.rendered == "@Image1 waves"
    edited = await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt=f"{mention} hides",
        names=names,
        offers=[avatar],
    )
    assert edited.rendered == "@Image1 hides"
    assert (len(rig.downloader.fetched), len(edited.request.fates)) == (1, 1)


async def test_an_avatar_that_is_allowed_meanwhile_is_used_and_not_called_refused_any_more(rig: Rig) -> None:
    avatar = bobs_avatar(rig)
    view = await rig.waiting(replace(rig.wish(f"<@{BOB}> waves", ask=True), offers=(avatar,)))
    for allowed, listed in ((False, ["avatar-forbidden"]), (True, [None])):
        await rig.privacy.choose(GUILD, BOB, Choice(avatar=allowed))
        view = await rig.drafts.edit(
            view.request.id,
            person_id=ADA,
            version=view.request.version,
            prompt=f"<@{BOB}> hides",
            names=Names(people={BOB: "Bob"}),
            offers=[avatar],
        )
        assert [fate.reason and fate.reason.code for fate in view.request.fates] == listed
    assert view.rendered == "@Image1 hides"


# --- names and people ------------------------------------------------------------------------------------------------


async def test_a_name_of_its_own_reaches_the_file(rig: Rig) -> None:
    view = await rig.draft("@villain waves at @Image1", "hero.png", "alley.png")
    named = await name(rig, view, "alley.png", "@villain")
    assert (named.rendered, reference(named, "alley.png").alias) == ("@Image2 waves at @Image1", "villain")


async def test_a_file_that_loses_its_name_is_still_meant(rig: Rig) -> None:
    view = await name(rig, await rig.draft("@villain waves", "hero.png"), "hero.png", "villain")
    for alias in ("rogue", None, ""):
        view = await name(rig, view, "hero.png", alias)
        assert (view.rendered, view.findings) == ("@Image1 waves", ())


@pytest.mark.parametrize("alias", ["two words", "a.b", "x" * 33, "-", "héros!", "<@7>", "3", "image1"])
async def test_what_cannot_be_a_name_is_refused(rig: Rig, alias: str) -> None:
    view = await rig.draft("@Image1", "hero.png")
    if alias == "image1":  # it would mean this very file all the same
        assert reference(await name(rig, view, "hero.png", alias), "hero.png").alias == alias
        return
    with pytest.raises(Refused, match="alias-not-a-name"):
        await name(rig, view, "hero.png", alias)


@pytest.mark.parametrize("alias", ["héros", "英雄", "영웅", "герой", "my-hero_2", "हिन्दी"])
async def test_a_name_may_be_in_any_script(rig: Rig, alias: str) -> None:
    view = await name(rig, await rig.draft("@Image1", "hero.png"), "hero.png", alias)
    assert (await edit(rig, view, f"@{alias} waves")).rendered == "@Image1 waves"


@pytest.mark.parametrize("alias", ["alley", "ALLEY", "ａｌｌｅｙ", "image2", "2", "rogue"])
async def test_a_name_that_means_another_file_is_refused(rig: Rig, alias: str) -> None:
    view = await rig.draft("@Image1 @Image2", "hero.png", "alley.png")
    view = await name(rig, view, "alley.png", "rogue")
    with pytest.raises(Refused) as caught:
        await name(rig, view, "hero.png", alias)
    assert (caught.value.reason.code, caught.value.reason.arguments["token"]) == ("alias-taken", "@Image2")


async def test_files_that_show_a_person_go_to_their_own_field_under_the_vendor_s_numbers(rig: Rig) -> None:
    rig.provider.spec = default_spec("v3")
    view = await rig.draft("@Image1 waves at @Image2", "alley.png", "face.png")
    view = await name(rig, view, "face.png", None, shows_person=True)
    face, alley = reference(view, "face.png"), reference(view, "alley.png")
    assert view.rendered == "@Image2 waves at @Image1"
    assert view.vendor_tokens == {face.id: "@Image1", alley.id: "@Image2"}
    assert numbers(view) == {"alley.png": (1, 1), "face.png": (2, 2)}

    await rig.confirmed(view)
    await rig.settle()
    body = rig.provider.bodies[0]
    assert body["prompt"] == view.rendered
    assert [rig.fetched(body, field) for field in ("input_face_images", "input_images")] == [
        [rig.contents.contents[face.content]],
        [rig.contents.contents[alley.content]],
    ]


# --- numbers ---------------------------------------------------------------------------------------------------------


async def test_what_is_taken_out_leaves_every_mention_with_its_file(rig: Rig) -> None:
    view = await rig.draft("@Image1 meets @Image2 and #3", "hero.png", "alley.png", "hat.png")
    left = await renumber(rig, view, "alley.png", None)
    assert numbers(left) == {"hero.png": (1, 1), "hat.png": (2, 2)}
    assert left.rendered == "@Image1 meets alley.png and @Image2"
    assert [fate.name for fate in left.request.fates] == ["hero.png", "hat.png"]


async def test_what_is_moved_takes_its_mentions_along(rig: Rig) -> None:
    view = await rig.draft("@Image1 meets @Image2 and #3", "hero.png", "alley.png", "hat.png")
    moved = await renumber(rig, view, "hat.png", 1)
    assert list(numbers(moved)) == ["hat.png", "hero.png", "alley.png"]
    assert moved.rendered == "@Image2 meets @Image3 and @Image1"


async def test_what_was_refused_stays_listed_and_what_came_twice_says_its_new_number(rig: Rig) -> None:
    wish = rig.wish("@Image1 @Image2", "notes.txt", "hero.png", "hat.png", ask=True)
    twin = rig.offer("twin.png", b"image png\nhat.png")
    view = await rig.waiting(replace(wish, offers=(*wish.offers, twin)))
    left = await renumber(rig, view, "hero.png", None)
    assert [(fate.name, fate.reason and fate.reason.arguments.get("token")) for fate in left.request.fates] == [
        ("notes.txt", None),
        ("hat.png", None),
        ("twin.png", "@Image1"),
    ]


async def test_a_place_that_is_not_there_is_refused(rig: Rig) -> None:
    view = await rig.draft()
    for number in (0, 2):
        with pytest.raises(Refused) as caught:
            await renumber(rig, view, "hero.png", number)
        assert caught.value.reason == reason("no-such-file", number=number, count=1)


# --- again -----------------------------------------------------------------------------------------------------------


async def test_again_is_a_new_draft_of_what_was_asked_though_the_files_are_gone_from_discord(rig: Rig) -> None:
    wish = rig.wish("@star waves", "hero.png", takes=2, parameters=Parameters(duration_seconds=6), ask=True)
    view = await name(rig, await rig.waiting(wish), "hero.png", "star")
    await rig.confirmed(view)
    await rig.settle()
    rig.downloader.files.clear()

    again = await rig.drafts.again(view.request.id, rig.wish("not this"))

    request = again.request
    assert (request.state.value, request.written_prompt) == ("draft", "@star waves")
    assert (request.take_count, request.parameters) == (2, Parameters(duration_seconds=6))
    assert [(one.name, one.alias, one.source.value) for one in request.references] == [("hero.png", "star", "again")]
    assert request.id != view.request.id
    assert request.references[0].owner_id is None


async def test_again_by_somebody_else_uses_files_of_whoever_asked_first(rig: Rig) -> None:
    first = (await rig.submit(rig.wish("@Image1 waves", "hero.png"))).request
    confirmed, waiting = [(await rig.drafts.again(first.id, rig.wish(person=BOB))).request for _ in range(2)]
    assert (confirmed.person.id, confirmed.references[0].owner_id) == (BOB, ADA)
    await rig.drafts.confirm(confirmed.id, person_id=BOB, version=confirmed.version)

    await rig.privacy.choose(GUILD, ADA, Choice(files=False))
    view = await rig.drafts.look(waiting.id, person_id=BOB)
    assert [finding.reason.code for finding in view.errors] == ["files-forbidden"]
    own = await rig.drafts.look((await rig.drafts.again(confirmed.id, rig.wish())).request.id, person_id=ADA)
    assert own.errors == (), "one's own files are never forbidden to oneself"


async def test_again_an_avatar_needs_its_owner_s_word_still(rig: Rig) -> None:
    await rig.privacy.choose(GUILD, BOB, Choice(avatar=True))
    avatar = bobs_avatar(rig)
    first = (await rig.submit(replace(rig.wish(f"<@{BOB}> waves"), offers=(avatar,)))).request
    await rig.privacy.choose(GUILD, BOB, Choice(avatar=False))
    with pytest.raises(Refused, match="avatar-forbidden"):
        await rig.drafts.again(first.id, rig.wish())


async def test_again_with_bytes_that_were_swept_says_which(rig: Rig) -> None:
    first = (await rig.submit(rig.wish("@Image1 and @Image2", "hero.png", "hat.png"))).request
    del rig.contents.contents[first.references[0].content]
    again = (await rig.drafts.again(first.id, rig.wish())).request
    assert [fate.reason and fate.reason.code for fate in again.fates] == ["bytes-gone", None]


async def test_again_elsewhere_or_of_somebody_s_private_draft_is_refused(rig: Rig) -> None:
    asked = (await rig.submit(rig.wish("@Image1 waves", "hero.png"))).request
    draft = (await rig.draft()).request
    with pytest.raises(Refused, match="not-here"):
        await rig.drafts.again(asked.id, rig.wish(guild=GUILD + 1))
    with pytest.raises(Refused, match="draft-not-yours"):
        await rig.drafts.again(draft.id, rig.wish(person=BOB))
    with pytest.raises(Refused, match="request-unknown"):
        await rig.drafts.again("0000000000000", rig.wish())


async def test_again_of_a_draft_that_was_never_looked_at_starts_from_its_files(rig: Rig) -> None:
    await rig.store.create_draft("0a1b2c3d4e5f6", rig.wish("@Image1 waves", "hero.png"), now_ms=rig.clock())
    await rig.pass_time(20 * 60_000)
    await rig.restart()
    await rig.settle()
    again = (await rig.drafts.again("0a1b2c3d4e5f6", rig.wish())).request
    assert [one.name for one in again.references] == ["hero.png"]


# --- sheets are drawn once -------------------------------------------------------------------------------------------


class Artist:
    """Counts what is drawn, and how much of it at once; lets others run while it draws."""

    def __init__(self, rig: Rig) -> None:
        self.drawn = self.at_once = self.most_at_once = 0
        self._draw = rig.rooms.media.reference_sheet
        rig.rooms.media.reference_sheet = self  # pyright: ignore[reportAttributeAccessIssue]

    async def __call__(self, parts: Sequence[AnimaticPart], into: Path) -> None:
        self.drawn += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        await self._draw(parts, into)
        self.at_once -= 1


async def test_a_sheet_is_drawn_once_however_often_it_is_shown(rig: Rig) -> None:
    artist = Artist(rig)
    view = await rig.draft("@Image1 meets @Image2", "hero.png", "hat.png")
    first = await rig.drafts.sheet(view)
    assert first is not None
    assert [await rig.drafts.sheet(view) for _ in range(5)] == [first] * 5
    assert artist.drawn == 1
    moved = await renumber(rig, view, "hat.png", 1)
    assert await rig.drafts.sheet(moved) != first
    assert artist.drawn == 2


async def test_a_sheet_without_a_picture_that_was_forbidden_is_another_one(rig: Rig) -> None:
    artist = Artist(rig)
    offer = rig.posted_by(BOB, "bob.png", message=5)
    view = await rig.waiting(replace(rig.wish("@Image1 waves", ask=True), offers=(offer,)))
    await rig.drafts.sheet(view)
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))
    await rig.drafts.sheet(await rig.drafts.look(view.request.id, person_id=ADA))
    assert artist.drawn == 2


async def test_a_sheet_of_another_part_of_a_long_file_is_another_one_and_shows_it(rig: Rig) -> None:
    drawn: list[AnimaticPart] = []

    async def draws(parts: Sequence[AnimaticPart], into: Path) -> None:
        drawn.extend(parts)
        into.write_bytes(b"sheet")

    rig.rooms.media.reference_sheet = draws
    offer = rig.offer("long.mp4", b"video mp4 40\n")
    view = await rig.waiting(replace(rig.wish("@Video1 goes on", ask=True), offers=(offer,)))
    await rig.drafts.sheet(view)
    end = await rig.drafts.choose_part(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        reference_id=view.request.references[0].id,
        part=Part(anchor=Anchor.END),
    )
    await rig.drafts.sheet(end)
    assert [(each.start_seconds, each.seconds) for each in drawn] == [(0, 15), (25, 15)]


async def test_one_person_has_one_sheet_drawn_at_a_time(rig: Rig) -> None:
    artist = Artist(rig)
    views = [await rig.draft("@Image1 waves", f"{number}.png") for number in range(5)]
    await asyncio.gather(*(rig.drafts.sheet(view) for view in [*views, *views]))
    assert (artist.drawn, artist.most_at_once) == (5, 1)


async def test_only_so_many_sheets_are_kept(rig: Rig) -> None:
    await rig.limit(waiting=99)
    artist = Artist(rig)
    views = [await rig.draft("@Image1 waves", f"{number}.png") for number in range(65)]
    for view in views:
        await rig.drafts.sheet(view)
    await rig.drafts.sheet(views[-1])
    assert artist.drawn == 65
    await rig.drafts.sheet(views[0])
    assert artist.drawn == 66


# --- names from alt texts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alt", ["hero", "hero!", "image2", "o'neil"])
async def test_whatever_its_alt_text_a_file_may_be_said_to_show_a_person(rig: Rig, alt: str) -> None:
    wish = rig.wish("@Image1 @Image2 wave", "a.png", "b.png", ask=True)
    view = await rig.waiting(replace(wish, offers=tuple(replace(offer, alt=alt) for offer in wish.offers)))
    for file in ("a.png", "b.png"):
        view = await name(rig, view, file, reference(view, file).alias, shows_person=True)
    assert [one.shows_person for one in view.request.references] == [True, True]


async def test_a_file_that_comes_later_does_not_take_a_name_that_is_given(rig: Rig) -> None:
    view = await name(rig, await rig.draft(), "hero.png", "knight")
    offer = replace(rig.offer("later.png"), alt="Knight")
    view = await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt="@knight and @Image2",
        names=Names(),
        offers=[offer],
    )
    assert [one.alias for one in view.request.references] == ["knight", None]
    assert found(view) == []


async def test_somebody_first_mentioned_in_an_edit_is_called_by_name(rig: Rig) -> None:
    view = await rig.draft("@Image1 waves")

    edited = await rig.drafts.edit(
        view.request.id,
        person_id=ADA,
        version=view.request.version,
        prompt=f"@Image1 waves at <@{BOB}>",
        names=Names(people={BOB: "Bob"}),
        offers=(),
    )

    assert edited.rendered == "@Image1 waves at Bob"


async def test_who_is_blocked_changes_words_but_gets_no_further_file_fetched(rig: Rig) -> None:
    view = await rig.draft()
    held = dict(rig.contents.contents)
    await rig.policies.block(GUILD, ADA, why="spam", by=99)
    edit = partial(rig.drafts.edit, view.request.id, person_id=ADA, prompt="@Image1 runs", names=Names())
    with pytest.raises(Refused, match="blocked"):
        await edit(version=view.request.version, offers=(rig.offer("sea.png"),))
    assert rig.contents.contents == held
    assert (await edit(version=view.request.version, offers=())).request.written_prompt == "@Image1 runs"


async def test_a_refused_confirm_leaves_its_card_as_good_as_it_was(rig: Rig) -> None:
    view = await rig.draft()
    shown = await rig.request(view.request.id)
    await rig.limit(takes_a_day=0)
    confirm = partial(rig.drafts.confirm, shown.id, person_id=ADA, version=shown.version, roles=(5,))
    for _press in range(2):
        with pytest.raises(Refused, match="person-quota"):
            await confirm()
    assert await rig.request(shown.id) == shown
    await rig.limit(takes_a_day=5)
    queued = (await confirm()).request
    assert (queued.state.value, queued.person.roles) == ("queued", (5,))
