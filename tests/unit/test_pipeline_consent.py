"""What people allow others to do with their files: honoured before fetching, at each look, and before paying."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.consent import EVERYWHERE, Choice
from bot.domain.errors import Refused
from bot.domain.prompts import Names
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Origin, stands_for_person
from bot.domain.requests import Person, Snapshot, Wish
from bot.domain.states import RequestState
from tests.fakes_provider import Fault
from tests.pipeline_rig import ADA, BOB, GUILD, RETRY_MS, Rig, codes

MESSAGE = 555
FORBIDDEN = reason("files-forbidden", name="bob.png")
WITHDRAWN = reason("files-withdrawn", name="bob.png")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def wish_with_bobs_file(rig: Rig, *, takes: int = 1, person: int = ADA) -> Wish:
    wish = rig.wish("@Image1 waves", takes=takes, person=person)
    return replace(wish, offers=(rig.posted_by(BOB, "bob.png", message=MESSAGE),))


async def queued(rig: Rig) -> Snapshot:
    return await rig.submit(wish_with_bobs_file(rig))


async def forbid(rig: Rig, guild: int = GUILD) -> int:
    return await rig.privacy.choose(guild, BOB, Choice(files=False))


async def ended(rig: Rig, request_id: str) -> tuple[str, object, int, int]:
    """How it ended, how often it was ordered, and how often that was told."""
    await rig.go_on(3)
    request = await rig.request(request_id)
    return request.state.value, request.failure, len(rig.provider.started), len(rig.notices)


async def test_what_is_forbidden_is_not_even_fetched(rig: Rig) -> None:
    await forbid(rig)
    with pytest.raises(Refused) as caught:
        await queued(rig)
    assert codes(caught.value) == ["files-forbidden"]
    assert rig.downloader.fetched == []


async def test_forbidding_everywhere_holds_in_every_guild_and_in_one_only_there(rig: Rig) -> None:
    await forbid(rig, GUILD + 1)
    assert (await queued(rig)).request.state.value == "queued"
    await forbid(rig, EVERYWHERE)
    with pytest.raises(Refused, match="files-forbidden"):
        await queued(rig)


async def test_one_s_own_files_are_never_forbidden_to_oneself(rig: Rig) -> None:
    await forbid(rig, EVERYWHERE)
    assert (await rig.submit(wish_with_bobs_file(rig, person=BOB))).request.state.value == "queued"


async def test_what_was_said_can_be_seen_and_taken_back(rig: Rig) -> None:
    await forbid(rig)
    await rig.privacy.choose(EVERYWHERE, BOB, Choice(avatar=True))
    assert await rig.privacy.choices(GUILD, BOB) == (Choice(files=False), Choice(avatar=True))
    await rig.privacy.choose(GUILD, BOB, Choice(files=True))
    assert (await queued(rig)).request.state.value == "queued"


# --- while it waits --------------------------------------------------------------------------------------------------


async def test_a_queued_request_with_a_forbidden_file_ends_is_told_and_costs_nothing(rig: Rig) -> None:
    request = (await queued(rig)).request
    assert await forbid(rig) == 1
    assert await rig.state(request.id) == "failed"
    assert await ended(rig, request.id) == ("failed", FORBIDDEN, 0, 1)
    usage = (await rig.overview.quotas(GUILD, Person(id=ADA, name="Ada"))).usage
    assert (await rig.takes_today(), usage.person_waiting) == (0, 0)


async def test_those_behind_it_move_up(rig: Rig) -> None:
    first, behind = await queued(rig), await rig.submit(rig.wish("@Image1 waves", "hero.png"))
    await forbid(rig)
    assert behind.request.id in rig.cards.owed
    assert first.request.id != behind.request.id


async def test_the_process_may_end_right_after_the_word_was_stored(rig: Rig) -> None:
    request = (await queued(rig)).request
    await rig.store.choose(BOB, GUILD, Choice(files=False), now_ms=rig.clock())
    await rig.restart()
    assert await ended(rig, request.id) == ("failed", FORBIDDEN, 0, 1)
    assert rig.posted("card") == []


async def test_a_request_that_is_claimed_already_finds_out_before_it_publishes_or_pays(rig: Rig) -> None:
    request = (await queued(rig)).request
    await rig.dispatch()
    assert await rig.state(request.id) == "preparing"
    assert await forbid(rig) == 1
    assert await ended(rig, request.id) == ("failed", FORBIDDEN, 0, 1)
    assert "staged" not in rig.faults.passed


async def test_the_last_word_is_the_transaction_s_before_paying(rig: Rig) -> None:
    """Forbidden just as the take is about to be ordered: its references are taken back."""
    request = (await queued(rig)).request
    begin = rig.store.begin_submission

    async def forbidden_just_then(*args: object, **more: object) -> object:
        rig.store.begin_submission = begin
        await rig.store.choose(BOB, GUILD, Choice(files=False), now_ms=rig.clock())
        return await begin(*args, **more)  # pyright: ignore[reportArgumentType]

    rig.store.begin_submission = forbidden_just_then  # pyright: ignore[reportAttributeAccessIssue]
    assert await ended(rig, request.id) == ("failed", FORBIDDEN, 0, 1)
    (take,) = await rig.takes(request.id)
    assert (take.cost_usd_micros, take.withdrawn, rig.staged) == (0, True, [])


async def test_what_waits_to_be_ordered_again_is_stopped_at_once(rig: Rig) -> None:
    rig.provider.fail_submits(Fault.NOT_STARTED)
    request = (await queued(rig)).request
    await rig.settle()
    assert await rig.take_states(request.id) == ["planned"]
    assert await forbid(rig) == 1
    await rig.settle()
    assert await rig.state(request.id) == "failed"
    await rig.pass_time(10 * RETRY_MS)
    assert rig.provider.started == []


async def test_what_is_ordered_already_stands(rig: Rig) -> None:
    request = (await queued(rig)).request
    await rig.settle()
    assert await forbid(rig) == 0
    await rig.finish(request.id)
    assert await rig.state(request.id) == "delivered"


async def test_of_several_takes_those_not_yet_ordered_are_stopped(rig: Rig) -> None:
    request = (await rig.submit(wish_with_bobs_file(rig, takes=2))).request
    rig.provider.fail_submits(Fault.NOT_STARTED)
    await rig.settle()
    assert sorted(await rig.take_states(request.id)) == ["planned", "rendering"]
    assert await forbid(rig) == 0, "the request itself goes on, and nobody is told that it ended"
    rig.provider.finish(rig.provider.started[0])
    await rig.go_on(3)
    assert (await rig.state(request.id), len(rig.provider.started), len(rig.clips)) == ("delivered", 1, 1)


async def test_a_draft_stays_says_what_is_wrong_and_cannot_be_confirmed(rig: Rig) -> None:
    view = await rig.waiting(replace(wish_with_bobs_file(rig), ask=True))
    assert await forbid(rig) == 0
    seen = await rig.drafts.look(view.request.id, person_id=ADA)
    assert [finding.reason for finding in seen.errors] == [FORBIDDEN]
    with pytest.raises(Refused, match="files-forbidden"):
        await rig.confirmed(view)
    assert await rig.state(view.request.id) == "draft"


async def test_a_draft_is_confirmed_again_once_it_is_allowed_again(rig: Rig) -> None:
    view = await rig.waiting(replace(wish_with_bobs_file(rig), ask=True))
    await forbid(rig)
    await rig.privacy.choose(GUILD, BOB, Choice(files=True))
    assert (await rig.confirmed(view)).request.state.value == "queued"


# --- a message taken back --------------------------------------------------------------------------------------------


async def test_files_taken_back_are_taken_back_from_everybody_and_asked_about_in_trays(rig: Rig) -> None:
    request = (await queued(rig)).request
    await rig.tray.add(rig.tray_wish(rig.posted_by(BOB, "bob.png", message=MESSAGE), rig.offer("hero.png")))
    assert await rig.privacy.withdraw(MESSAGE, owner_id=BOB, person_id=BOB) == 1
    assert await ended(rig, request.id) == ("failed", WITHDRAWN, 0, 1)
    asked = (await rig.submit(replace(rig.wish(), offers=(), prompt="@Image2 waves at @Image1", use_tray=True))).request
    assert asked.state is RequestState.DRAFT, "its numbers are not those that the person saw: they are asked"
    assert [(fate.name, fate.refused) for fate in asked.fates] == [("bob.png", True), ("hero.png", False)]
    with pytest.raises(Refused, match="files-withdrawn"):
        await rig.submit(wish_with_bobs_file(rig, person=BOB))


async def test_a_retry_does_not_bring_them_back(rig: Rig) -> None:
    request = (await queued(rig)).request
    await rig.settle()
    await rig.finish(request.id)
    await rig.privacy.withdraw(MESSAGE, owner_id=BOB, person_id=BOB)
    with pytest.raises(Refused, match="files-withdrawn"):
        await rig.drafts.again(request.id, rig.wish())


async def test_nobody_takes_back_the_files_of_others(rig: Rig) -> None:
    request = (await queued(rig)).request
    with pytest.raises(Refused, match="withdraw-not-yours"):
        await rig.privacy.withdraw(MESSAGE, owner_id=BOB, person_id=ADA)
    await rig.settle()
    assert (await rig.state(request.id), len(rig.provider.started)) == ("working", 1)


# --- the same bytes from several -------------------------------------------------------------------------------------

SAME = b"image png\nsame"
CY = 9


def bobs(rig: Rig) -> Offer:
    return rig.posted_by(BOB, "bob.png", message=MESSAGE, content=SAME)


def of_cy(rig: Rig) -> Offer:
    return rig.posted_by(CY, "cy.png", message=MESSAGE + 1, content=SAME)


def own(rig: Rig) -> Offer:
    return rig.posted_by(ADA, "ada.png", message=MESSAGE + 2, content=SAME)


async def confirmed(rig: Rig, *offers: Offer, prompt: str = "@Image1 waves") -> str:
    wish = replace(rig.wish(prompt, names=Names(people={BOB: "Bob"}), ask=True), offers=offers)
    return (await rig.confirmed(await rig.waiting(wish))).request.id


@pytest.mark.parametrize("order", [1, -1])
async def test_of_two_owners_one_s_no_leaves_the_other_s_file_and_both_end_it(rig: Rig, order: int) -> None:
    first = await confirmed(rig, *[bobs(rig), of_cy(rig)][::order])
    assert await forbid(rig) == 0
    assert await rig.state(first) == "queued"
    assert await rig.privacy.choose(GUILD, CY, Choice(files=False)) == 1
    state, failure, started, notices = await ended(rig, first)
    assert (state, getattr(failure, "code", ""), started, notices) == ("failed", "files-forbidden", 0, 1)


@pytest.mark.parametrize("order", [1, -1])
async def test_what_one_posted_oneself_is_one_s_own_whoever_posted_it_too(rig: Rig, order: int) -> None:
    request_id = await confirmed(rig, *[bobs(rig), own(rig)][::order])
    assert await forbid(rig) == 0
    assert await rig.privacy.withdraw(MESSAGE, owner_id=BOB, person_id=BOB) == 0
    await rig.settle()
    await rig.finish(request_id)
    assert await rig.state(request_id) == "delivered"


async def test_a_tray_keeps_what_its_person_posted_too(rig: Rig) -> None:
    await rig.tray.add(rig.tray_wish(bobs(rig)))
    await rig.tray.add(rig.tray_wish(own(rig)))
    await rig.privacy.withdraw(MESSAGE, owner_id=BOB, person_id=BOB)
    (left,) = (await rig.tray.show(rig.place().channel_id, ADA)).references
    assert {origin.owner_id for origin in left.origins} == {ADA, BOB}
    assert (await rig.submit(rig.wish("@Image1 waves", use_tray=True))).request.state.value == "queued"


async def test_what_is_forwarded_ends_with_its_original(rig: Rig) -> None:
    """Whoever forwarded it counts as its owner; the author of the original may take it back all the same."""
    forward = replace(of_cy(rig), source=OfferSource.FORWARD, forwarded_id=MESSAGE)
    request_id = await confirmed(rig, forward)
    assert await rig.privacy.withdraw(MESSAGE, owner_id=BOB, person_id=BOB) == 1
    assert (await ended(rig, request_id))[0] == "failed"
    with pytest.raises(Refused, match="files-withdrawn"):
        await rig.submit(replace(rig.wish(), offers=(forward,)))


def bobs_avatar(rig: Rig) -> Offer:
    meaning = stands_for_person(BOB)
    return replace(bobs(rig), name="Bob", source=OfferSource.AVATAR, message_id=None, stands_for=meaning)


async def with_avatar(rig: Rig) -> str:
    await rig.privacy.choose(GUILD, BOB, Choice(avatar=True))
    wish = rig.wish(f"<@{BOB}> waves at @Image1", names=Names(people={BOB: "Bob"}))
    return (await rig.waiting(replace(wish, offers=(of_cy(rig), bobs_avatar(rig))))).request.id


async def test_an_avatar_that_is_allowed_no_more_becomes_the_name_and_its_bytes_stay_another_s(rig: Rig) -> None:
    draft_id = await with_avatar(rig)
    seen = await rig.drafts.look(draft_id, person_id=ADA)
    assert (seen.rendered, seen.errors) == ("@Image1 waves at @Image1", ())

    await rig.privacy.choose(GUILD, BOB, Choice(avatar=False))

    seen = await rig.drafts.look(draft_id, person_id=ADA)
    assert (seen.rendered, seen.errors, seen.barred) == ("Bob waves at @Image1", (), frozenset())
    accepted = (await rig.confirmed(seen)).request
    (reference,) = accepted.references
    assert reference.stands_for == ()
    assert Origin(source=OfferSource.AVATAR, owner_id=BOB) in reference.origins
    await rig.settle()
    assert rig.provider.bodies[0]["prompt"] == "Bob waves at @Image1"


async def test_an_avatar_forbidden_after_the_prompt_was_accepted_stops_it(rig: Rig) -> None:
    """What was confirmed is not changed behind its person's back; and the picture is not sent for the mention."""
    draft_id = await with_avatar(rig)
    await rig.confirmed(await rig.drafts.look(draft_id, person_id=ADA))
    assert await rig.privacy.choose(GUILD, BOB, Choice(avatar=False)) == 1
    assert await ended(rig, draft_id) == ("failed", reason("avatar-taken-back", name="cy.png"), 0, 1)

    again = (await rig.drafts.again(draft_id, rig.wish())).request
    assert (await rig.drafts.look(again.id, person_id=ADA)).rendered == "Bob waves at @Image1"


async def test_an_upload_used_again_by_somebody_else_is_its_person_s_beside_all_others(rig: Rig) -> None:
    request_id = await confirmed(rig, rig.offer("mine.png", SAME), bobs(rig))
    await rig.cancel(request_id, person_id=ADA, moderator=False)
    again = (await rig.drafts.again(request_id, rig.wish(person=CY))).request
    assert [origin.owner_id for origin in again.references[0].origins] == [ADA, BOB]
