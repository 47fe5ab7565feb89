"""From a wish to a place in the lane: what is refused, when, and what it leaves behind."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.consent import Choice
from bot.domain.drafts import GuildChoices
from bot.domain.errors import Refused, Unavailable
from bot.domain.models import Pricing
from bot.domain.prompts import Finding, Names
from bot.domain.reasons import reason
from bot.domain.references import OfferSource, stands_for_person
from bot.domain.requests import Parameters, Snapshot, Wish
from tests.fakes_provider import PRICE_USD_MICROS, default_spec
from tests.pipeline_rig import ADA, BOB, GUILD, Defect, Killed, Rig, codes

MADE = ["request.draft", "request.queued"]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def refusal(rig: Rig, wish: Wish) -> Refused:
    with pytest.raises(Refused) as caught:
        await rig.submit(wish)
    return caught.value


async def nothing_was_spent(rig: Rig) -> bool:
    await rig.settle()
    return (rig.provider.started, rig.discord.messages, await rig.takes_today()) == ([], {}, 0)


def warned(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.reason.code for finding in findings]


async def test_a_wish_gets_its_place_in_the_lane_with_what_it_points_to(rig: Rig) -> None:
    snapshot = await rig.submit(rig.wish("@Image1 waves at hero.png", "hero.png", takes=2))

    assert snapshot.request.state.value == "queued"
    assert snapshot.standing is not None
    assert snapshot.standing.place == 1
    assert [reference.name for reference in snapshot.request.references] == ["hero.png"]
    assert [take.state.value for take in snapshot.takes] == ["planned", "planned"]
    assert rig.faults.passed == MADE


# --- the first look --------------------------------------------------------------------------------------------------


async def test_nothing_is_downloaded_or_stored_when_the_first_look_refuses(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png", missing_permissions=("Attach Files",))

    assert codes(await refusal(rig, wish)) == ["missing-permissions"]
    assert rig.downloader.fetched == []
    assert await rig.every_request() == []
    assert await nothing_was_spent(rig)


async def test_the_first_look_tells_every_reason_at_once(rig: Rig) -> None:
    wish = rig.wish(
        "x",
        *(f"{n}.png" for n in range(13)),
        takes=9,
        missing_permissions=("Attach Files",),
        parameters=Parameters(resolution="8k"),
    )
    huge = replace(wish.offers[0], byte_count=10**9)

    found = codes(await refusal(rig, replace(wish, offers=(huge, *wish.offers[1:]))))

    assert found == [
        "missing-permissions",
        "parameter-not-offered",
        "parameter-not-offered",
        "too-many-references",
        "file-too-large",
    ]
    assert rig.downloader.fetched == []


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        (Parameters(duration_seconds=3), "duration"),
        (Parameters(duration_seconds=16), "duration"),
        (Parameters(resolution="1080p"), "resolution"),
        (Parameters(aspect_ratio="2:1"), "aspect_ratio"),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
async def test_a_parameter_that_is_not_offered_is_refused_with_what_is(
    rig: Rig, chosen: Parameters, name: str, version: str
) -> None:
    rig.provider.spec = default_spec(version)

    why = (await refusal(rig, rig.wish("@Image1 waves", "hero.png", parameters=chosen))).reason

    assert (why.code, why.arguments["name"]) == ("parameter-not-offered", name)
    offered = str(why.arguments["choices"]).split(", ")
    assert offered
    assert not {"-1", "adaptive"} & set(offered), "these are the vendor's words; people read “auto”"


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
async def test_leaving_it_to_the_model_is_offered_by_every_schema(rig: Rig, version: str) -> None:
    rig.provider.spec = default_spec(version)
    await rig.ask(parameters=Parameters(duration_seconds=None, aspect_ratio="auto"))
    await rig.settle()
    assert len(rig.provider.started) == 1


async def test_what_the_schema_lacks_is_announced_as_dropped_and_not_sent(rig: Rig) -> None:
    rig.provider.spec = default_spec("v3")
    draft = await rig.waiting(rig.wish("@Image1 waves", "hero.png", parameters=Parameters(seed=42)))

    (dropped,) = draft.findings
    assert (dropped.reason.code, dropped.reason.arguments) == ("parameter-dropped", {"name": "seed"})
    accepted = await rig.confirmed(draft)
    assert accepted.request.findings == draft.findings
    await rig.settle()
    assert "seed" not in rig.provider.bodies[0]


async def test_what_the_schema_has_is_sent_and_not_announced(rig: Rig) -> None:
    rig.provider.spec = default_spec("v1")
    snapshot = await rig.submit(rig.wish("@Image1 waves", "hero.png", parameters=Parameters(seed=42, audio=False)))

    assert snapshot.request.findings == ()
    await rig.settle()
    assert rig.provider.bodies[0]["seed"] == 42
    assert rig.provider.bodies[0]["generate_audio"] is False


@pytest.mark.parametrize(
    ("chosen", "field", "name"),
    [
        (Parameters(audio=False), "generate_audio", "audio"),
        (Parameters(duration_seconds=5), "duration", "duration"),
        (Parameters(aspect_ratio="1:1"), "aspect_ratio", "aspect_ratio"),
    ],
)
async def test_any_choice_that_a_drifted_schema_cannot_take_is_announced(
    rig: Rig, chosen: Parameters, field: str, name: str
) -> None:
    spec = default_spec("v1")
    rig.provider.spec = replace(spec, fields={key: value for key, value in spec.fields.items() if key != field})
    draft = await rig.waiting(rig.wish("@Image1 waves", "hero.png", parameters=chosen))

    assert [each.reason.arguments.get("name") for each in draft.findings] == [name]


# --- after the download ----------------------------------------------------------------------------------------------


async def test_when_no_file_can_be_used_every_reason_is_told_and_the_draft_ends_failed_at_no_cost(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "notes.txt", "gone.png")
    del rig.downloader.files[wish.offers[1].url]

    assert codes(await refusal(rig, wish)) == ["file-not-media", "source-gone"]
    (draft,) = await rig.every_request()
    assert draft.state.value == "failed"
    assert draft.failure is not None
    assert draft.failure.code == "file-not-media"
    assert await nothing_was_spent(rig)


async def test_one_file_that_cannot_be_used_stops_no_other_and_its_fate_is_told(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "notes.txt", "hero.png", "huge.png")
    huge = replace(wish.offers[2], byte_count=10**9)

    draft = await rig.waiting(replace(wish, offers=(*wish.offers[:2], huge)))

    assert [reference.name for reference in draft.request.references] == ["hero.png"]
    assert [(fate.name, fate.refused) for fate in draft.request.fates] == [
        ("notes.txt", True),
        ("hero.png", False),
        ("huge.png", True),
    ]
    assert [fate.reason and fate.reason.code for fate in draft.request.fates] == [
        "file-not-media",
        None,
        "file-too-large",
    ]
    assert draft.findings == ()
    assert await nothing_was_spent(rig)


async def test_a_picture_that_is_not_allowed_does_not_refuse_the_words_that_mention_its_owner(rig: Rig) -> None:
    avatar = replace(
        rig.posted_by(BOB, "Bob"), source=OfferSource.AVATAR, message_id=None, stands_for=stands_for_person(BOB)
    )
    wish = rig.wish(f"<@{BOB}> waves", names=Names(people={BOB: "Bob"}))

    draft = await rig.waiting(replace(wish, offers=(avatar,)))

    assert draft.rendered == "Bob waves"
    assert [fate.reason and fate.reason.code for fate in draft.request.fates] == ["avatar-forbidden"]
    assert rig.downloader.fetched == []


async def test_what_is_wrong_with_the_prompt_and_the_set_waits_to_be_mended_and_nothing_is_said_twice(rig: Rig) -> None:
    draft = await rig.waiting(rig.wish("dance to @Image9", "harp.mp3"))

    assert warned(draft.findings) == ["audio-needs-visual", "unknown-reference"]
    assert draft.errors == draft.findings
    assert await nothing_was_spent(rig)


async def test_what_the_set_and_the_prompt_both_find_is_said_once(rig: Rig) -> None:
    draft = await rig.waiting(rig.wish("@Image1 waves", *(f"{n}.png" for n in range(10))))
    assert [finding.reason.code for finding in draft.errors] == ["too-many-of-kind"]


async def test_the_same_file_twice_is_one_reference_and_the_person_is_asked(rig: Rig) -> None:
    """What comes after it has other numbers than those it was offered under."""
    wish = rig.wish("@Image1 waves")
    twice = (rig.offer("hero.png", b"image png\nsame"), rig.offer("again.png", b"image png\nsame"))

    draft = await rig.waiting(replace(wish, offers=twice))

    assert [(one.name, one.also) for one in draft.request.references] == [("hero.png", ("again.png",))]
    assert [fate.reason and fate.reason.code for fate in draft.request.fates] == [None, "same-file-twice"]


async def test_a_file_that_cannot_be_published_keeps_the_draft_from_being_confirmed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, staging=False)
    draft = await rig.waiting(rig.wish("@Image1 waves at @Video1", "hero.png", "walk.mp4"))
    (found,) = draft.errors
    assert (found.reason.code, found.reason.arguments["name"]) == ("publisher-missing", "walk.mp4")
    assert await nothing_was_spent(rig)


# --- is anybody asked? -----------------------------------------------------------------------------------------------


async def test_with_nothing_to_say_nobody_is_asked(rig: Rig) -> None:
    assert (await rig.submit(rig.wish("@Image1 waves", "hero.png"))).request.state.value == "queued"


async def test_who_wants_to_see_it_is_asked(rig: Rig) -> None:
    draft = await rig.waiting(rig.wish("@Image1 waves", "hero.png", ask=True))
    assert (draft.findings, draft.price_usd_micros) == ((), 4 * PRICE_USD_MICROS)


async def test_a_finding_is_shown_before_anything_is_spent(rig: Rig) -> None:
    draft = await rig.waiting(rig.wish("@Image1 waves", "hero.png", "alley.png"))
    assert warned(draft.findings) == ["unused-reference"]
    assert await nothing_was_spent(rig)


@pytest.mark.parametrize(("above", "state"), [(399_999, "draft"), (400_000, "queued")])
async def test_what_costs_more_than_the_threshold_is_asked(rig: Rig, above: int, state: str) -> None:
    await rig.choices.change(GUILD, GuildChoices(ask_above_usd_micros=above), by=ADA)
    assert (await rig.submit(rig.wish("@Image1 waves", "hero.png"))).request.state.value == state


async def test_an_unknown_price_is_asked_where_it_is_taken_at_all(rig: Rig) -> None:
    rig.provider.spec = replace(rig.provider.spec, pricing=Pricing())
    assert codes(await refusal(rig, rig.wish("@Image1 waves", "hero.png"))) == ["price-unknown"]
    rig.defaults = replace(rig.defaults, unpriced=True)
    draft = await rig.waiting(rig.wish("@Image1 waves", "hero.png"))
    assert draft.price_usd_micros is None


async def test_a_guild_may_want_to_be_asked_always_and_another_is_not(rig: Rig) -> None:
    await rig.choices.change(GUILD, GuildChoices(skip_card=False), by=ADA)
    assert (await rig.submit(rig.wish("@Image1 waves", "hero.png"))).request.state.value == "draft"
    assert (await rig.submit(rig.wish("@Image1 waves", "hero.png", guild=GUILD + 1))).request.state.value == "queued"


async def test_a_guild_s_choices_stand_over_the_defaults(rig: Rig) -> None:
    defaults = GuildChoices(skip_card=True, ask_above_usd_micros=5_000_000)
    assert await rig.choices.show(GUILD) == defaults
    assert await rig.choices.change(GUILD, GuildChoices(skip_card=False), by=ADA) == replace(defaults, skip_card=False)
    assert await rig.choices.show(GUILD) == replace(defaults, skip_card=False)


# --- what is free is bounded -----------------------------------------------------------------------------------------


async def test_nothing_is_fetched_once_the_day_s_allowance_is_used_up(rig: Rig) -> None:
    rig.allow(person_files=2)
    await rig.submit(rig.wish("@Image1 waves", "hero.png"))
    fetched = list(rig.downloader.fetched)

    found = await refusal(rig, rig.wish("@Image1 and @Image2", "a.png", "b.png"))

    assert codes(found) == ["free-person-files"]
    assert rig.downloader.fetched == fetched
    assert [each.state.value for each in await rig.every_request()] == ["queued", "failed"]


async def test_bytes_that_we_hold_and_files_that_are_refused_cost_no_allowance(rig: Rig) -> None:
    rig.allow(person_files=1)
    first = (await rig.submit(rig.wish("@Image1 waves", "hero.png"))).request
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))
    again = (await rig.drafts.again(first.id, rig.wish())).request
    barred = replace(rig.wish("@Image1 waves"), offers=(rig.posted_by(BOB, "bob.png"),))
    assert [one.name for one in again.references] == ["hero.png"]
    assert codes(await refusal(rig, barred)) == ["files-forbidden"]


async def test_what_others_used_up_meanwhile_is_refused_by_the_second_look(rig: Rig) -> None:
    """The first look finds room for both; acceptance has room for one."""
    await rig.limit(takes_a_day=3)
    first, second = rig.wish("@Image1 waves", "hero.png", takes=2), rig.wish("@Image1 hides", "hero.png", takes=2)
    fetch = rig.downloader.fetch

    async def fetch_while_another_is_accepted(*args: object) -> int:
        rig.downloader.fetch = fetch  # pyright: ignore[reportAttributeAccessIssue]
        await rig.submit(second)
        return await fetch(*args)  # pyright: ignore[reportArgumentType]

    rig.downloader.fetch = fetch_while_another_is_accepted  # pyright: ignore[reportAttributeAccessIssue]
    assert codes(await refusal(rig, first)) == ["person-quota-used"]
    assert sorted(each.state.value for each in await rig.every_request()) == ["failed", "queued"]


async def test_an_outage_of_the_file_server_is_told_and_the_draft_does_not_linger(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png")
    rig.downloader.files[wish.offers[0].url] = Unavailable(reason("source-unavailable", name="hero.png"))

    with pytest.raises(Unavailable, match="source-unavailable"):
        await rig.submit(wish)
    await rig.restart()
    await rig.settle()
    assert [each.state.value for each in await rig.every_request()] == ["failed"]
    assert await nothing_was_spent(rig)


async def test_an_acceptance_whose_answer_was_lost_is_answered_and_goes_its_way(rig: Rig) -> None:
    """Told that it failed, its person would ask again, and pay twice."""
    rig.faults.strike("request.queued", Unavailable(reason("database-unavailable")))
    snapshot = await rig.submit(rig.wish("@Image1 waves", "hero.png"))
    assert snapshot.request.state.value == "queued"
    await rig.settle()
    assert len(rig.provider.started) == 1


async def test_a_defect_is_told_and_its_draft_is_not_made_after_all(rig: Rig) -> None:
    """The person reads that it failed and asks again: a restart must not make a second video of the first wish."""
    rig.contents.contents = _Broken()
    with pytest.raises(ExceptionGroup):
        await rig.submit(rig.wish("@Image1 waves", "hero.png"))
    await rig.restart()
    await rig.settle()
    assert [each.state.value for each in await rig.every_request()] == ["failed"]
    assert await nothing_was_spent(rig)


class _Broken(dict[str, bytes]):
    def __setitem__(self, key: str, value: bytes) -> None:
        raise Defect


# --- once ------------------------------------------------------------------------------------------------------------


async def test_the_same_interaction_twice_is_one_request(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png")
    first, second = await rig.submit(wish), await rig.submit(wish)
    assert first.request.id == second.request.id
    await rig.settle()
    assert len(rig.provider.started) == 1
    assert (await rig.submit(wish)).request.state.value == "working"


async def test_the_same_interaction_twice_at_once_is_one_request(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png")
    first, second = await asyncio.gather(rig.submit(wish), rig.submit(wish))
    assert first.request.id == second.request.id
    await rig.settle()
    assert len(rig.provider.started) == 1


async def test_a_draft_that_lost_its_process_is_carried_on_by_the_next(rig: Rig) -> None:
    draft = await rig.store.create_draft("0a1b2c3d4e5f6", rig.wish("@Image1 waves", "hero.png"), now_ms=rig.clock())
    await rig.restart()
    await rig.settle()
    assert await rig.state(draft.request.id) == "working"
    assert len(rig.provider.started) == 1


async def test_a_refused_draft_that_lost_its_process_is_told_in_the_channel(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "notes.txt")
    draft = await rig.store.create_draft("0a1b2c3d4e5f6", wish, now_ms=rig.clock())
    await rig.restart()
    await rig.settle()
    assert await rig.state(draft.request.id) == "failed"
    assert [notice.channel_id for notice in rig.notices] == [wish.place.channel_id]


async def test_a_draft_that_nobody_expects_any_more_is_not_made(rig: Rig) -> None:
    await rig.store.create_draft("0a1b2c3d4e5f6", rig.wish("@Image1 waves", "hero.png"), now_ms=rig.clock())
    await rig.pass_time(20 * 60_000)
    await rig.restart()
    await rig.go_on(3)
    (draft,) = await rig.every_request()
    assert (draft.state.value, draft.failure) == ("failed", reason("draft-too-old"))
    assert (rig.downloader.fetched, rig.provider.started, len(rig.notices)) == ([], [], 1)


async def test_who_was_refused_to_their_face_is_not_told_in_the_channel_too(rig: Rig) -> None:
    await refusal(rig, rig.wish("@Image1 waves", "notes.txt"))
    (draft,) = await rig.every_request()
    rig.engine.wake(draft.id)
    await rig.settle()
    assert rig.notices == []


async def test_that_word_is_not_lost_when_discord_is_down_just_then(rig: Rig) -> None:
    await rig.store.create_draft("0a1b2c3d4e5f6", rig.wish("@Image1 waves", "notes.txt"), now_ms=rig.clock())
    await rig.restart()
    rig.discord.down = True
    await rig.settle()
    rig.discord.down = False
    await rig.pass_time(60_000)
    assert len(rig.notices) == 1


# --- a draft that lost its process and needs its person --------------------------------------------------------------

LOST = "0a1b2c3d4e5f6"


async def lost_draft(rig: Rig) -> None:
    """Stored, and then the process ended: the answer to the command never came."""
    await rig.store.create_draft(LOST, rig.wish("@Image1 waves", "hero.png", ask=True), now_ms=rig.clock())
    await rig.restart()


async def test_whoever_lost_their_answer_in_a_restart_is_called_back_once(rig: Rig) -> None:
    await lost_draft(rig)
    await rig.settle()
    await rig.restart()
    await rig.settle()

    assert await rig.state(LOST) == "draft"
    assert len(rig.callbacks) == 1
    assert len(rig.discord.messages) == 1, "the channel sees nothing else of a draft"
    await rig.drafts.look(LOST, person_id=ADA)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_process_that_ends_while_it_calls_back_does_not_make_it_two(rig: Rig, forgotten: bool) -> None:  # noqa: FBT001
    await lost_draft(rig)
    rig.faults.strike("posted:callback")
    with pytest.raises(Killed):
        await rig.settle()
    if forgotten:
        rig.discord.forget_nonces()
    await rig.restart()
    await rig.settle()
    assert len(rig.callbacks) == 1


async def test_a_call_back_is_not_lost_when_discord_is_down_just_then(rig: Rig) -> None:
    await lost_draft(rig)
    rig.discord.down = True
    await rig.settle()
    await rig.restart()
    rig.discord.down = False
    await rig.pass_time(60_000)
    assert len(rig.callbacks) == 1


async def test_where_nobody_can_be_called_back_the_draft_waits_all_the_same(rig: Rig) -> None:
    await lost_draft(rig)
    rig.discord.refusals["callback"] = "delivery-forbidden"
    await rig.settle()
    del rig.discord.refusals["callback"]
    await rig.restart()
    await rig.settle()
    assert rig.callbacks == []
    assert [view.request.id for view in await rig.drafts.mine(GUILD, ADA)] == [LOST]


async def test_what_was_collected_before_the_process_ended_is_not_collected_again(rig: Rig) -> None:
    async def killed(*_args: object, **_more: object) -> Snapshot:
        raise Killed

    accept = rig.store.accept
    rig.store.accept = killed
    with pytest.raises(Killed):
        await rig.submit(rig.wish("@Image1 waves", "hero.png"))
    rig.store.accept = accept
    fetched = list(rig.downloader.fetched)
    await rig.restart()
    await rig.settle()
    assert rig.downloader.fetched == fetched
    assert len(rig.provider.started) == 1


async def test_who_has_their_answer_is_not_called_back(rig: Rig) -> None:
    await rig.draft()
    await rig.restart()
    await rig.settle()
    assert rig.discord.messages == {}


async def test_a_caller_that_goes_away_leaves_a_draft_that_the_next_process_carries_on(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png", ask=True)
    rig.downloader.files[wish.offers[0].url] = b"image png\nhero"
    fetching = asyncio.Event()

    async def fetch_for_ever(*_args: object) -> int:
        fetching.set()
        return await asyncio.get_running_loop().create_future()

    fetch = rig.downloader.fetch
    rig.downloader.fetch = fetch_for_ever  # pyright: ignore[reportAttributeAccessIssue]
    async with asyncio.TaskGroup() as tasks:
        caller = tasks.create_task(rig.submit(wish))
        await fetching.wait()
        caller.cancel()
    rig.downloader.fetch = fetch  # pyright: ignore[reportAttributeAccessIssue]
    await rig.restart()
    await rig.settle()
    (draft,) = await rig.every_request()
    assert draft.state.value == "draft"
    assert len(rig.callbacks) == 1


async def test_the_same_interaction_answers_the_draft_that_waits(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png", ask=True)
    first, second = await rig.submit(wish), await rig.submit(wish)
    assert first.request == second.request


# --- a restart between ------------------------------------------------------------------------------------------------


async def test_a_process_that_ends_before_the_card_got_through_calls_its_person_back(rig: Rig) -> None:
    request_id = (await rig.submit(rig.wish("@Image1 waves", "hero.png", ask=True))).request.id
    await rig.settle()
    assert rig.callbacks == [], "they are being answered"
    await rig.restart()
    await rig.settle()
    await rig.restart()
    await rig.settle()
    assert (await rig.state(request_id), len(rig.callbacks)) == ("draft", 1)


async def test_whoever_has_the_card_is_not_called_back(rig: Rig) -> None:
    view = await rig.draft()
    await rig.restart()
    await rig.settle()
    assert (await rig.state(view.request.id), rig.callbacks) == ("draft", [])


async def test_a_card_that_got_through_stands_though_that_cannot_be_stored(rig: Rig) -> None:
    request = (await rig.submit(rig.wish("@Image1 waves", "hero.png", ask=True))).request
    view = await rig.drafts.look(request.id, person_id=ADA)

    async def down(*_args: object, **_more: object) -> None:
        raise Unavailable(reason("database-unavailable"))

    rig.store.record_post = down  # pyright: ignore[reportAttributeAccessIssue]
    await rig.drafts.answered(view)


async def test_a_draft_that_waits_though_its_answer_stumbled_is_not_called_back_at_once(rig: Rig) -> None:
    """The stored state is known again at once, and its person is answered by it."""
    move = rig.store.move

    async def stored_but_lost(*args: object, **changes: object) -> object:
        rig.store.move = move
        await move(*args, **changes)  # pyright: ignore[reportArgumentType]
        raise Unavailable(reason("database-unavailable"))

    rig.store.move = stored_but_lost  # pyright: ignore[reportAttributeAccessIssue]
    snapshot = await rig.submit(rig.wish("@Image1 waves", "hero.png", ask=True))
    await rig.settle()
    assert (snapshot.request.state.value, rig.callbacks) == ("draft", [])


async def test_who_was_told_of_a_failure_is_not_told_again_after_a_restart(rig: Rig) -> None:
    async def down(*_args: object, **_changes: object) -> object:
        rig.store.move = move
        raise Unavailable(reason("database-unavailable"))

    move = rig.store.move
    rig.store.move = down  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(Unavailable):
        await rig.submit(rig.wish("@Image1 waves", "hero.png", ask=True))
    await rig.restart()
    await rig.settle()
    assert [each.state.value for each in await rig.every_request()] == ["failed"]
    assert rig.discord.messages == {}


@pytest.mark.parametrize("late_ms", [0, 20 * 60_000])
async def test_a_refusal_after_a_restart_is_told_though_the_next_process_ends_too(rig: Rig, late_ms: int) -> None:
    """Refused for its files, or given up because the bot was away too long."""
    await rig.store.create_draft(LOST, rig.wish("@Image1 waves", "notes.txt"), now_ms=rig.clock())
    rig.clock.now_ms += late_ms
    await rig.restart()
    rig.faults.strike("request.failed")
    with pytest.raises(Killed):
        await rig.settle()
    assert (await rig.state(LOST), rig.notices) == ("failed", [])
    for _process in range(2):
        await rig.restart()
        await rig.settle()
    assert len(rig.notices) == 1


async def test_a_draft_that_is_prepared_again_and_again_is_charged_once(rig: Rig) -> None:
    rig.allow(person_files=1)
    wish = rig.wish("@Image1 waves", "hero.png", ask=True)
    url = wish.offers[0].url
    there = rig.downloader.files[url]
    rig.downloader.files[url] = Unavailable(reason("source-unavailable", name="hero.png"))
    await rig.store.create_draft(LOST, wish, now_ms=rig.clock())
    await rig.restart()
    await rig.pass_time(10_000)
    assert len(rig.downloader.fetched) > 2
    rig.downloader.files[url] = there
    await rig.pass_time(10_000)
    assert (await rig.state(LOST), len((await rig.request(LOST)).references)) == ("draft", 1)


async def test_the_same_interaction_again_is_answered_though_its_own_draft_fills_the_line(rig: Rig) -> None:
    await rig.limit(waiting=1)
    wish = rig.wish("@Image1 waves", "hero.png", ask=True)
    first = await rig.submit(wish)
    assert (await rig.submit(wish)).request == first.request
    assert codes(await refusal(rig, rig.wish("@Image1 waves", "hero.png"))) == ["too-many-own-drafts"]
