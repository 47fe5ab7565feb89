"""From a wish to a place in the lane: what is refused, when, and what it leaves behind."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import Refused, Unavailable
from bot.domain.prompts import Finding
from bot.domain.reasons import reason
from bot.domain.requests import Parameters, Wish
from tests.fakes_provider import default_spec
from tests.pipeline_rig import Defect, Rig, codes

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
    usage = await rig.store.usage(100, 7, now_ms=rig.clock())
    return (rig.provider.started, rig.discord.messages, usage.person_takes_today) == ([], {}, 0)


def warned(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.reason.code for finding in findings]


async def test_a_wish_gets_its_place_in_the_lane_with_what_it_points_to(rig: Rig) -> None:
    snapshot = await rig.submit(rig.wish("@Image1 waves at hero.png", "hero.png", takes=2))

    assert snapshot.request.state.value == "queued"
    assert snapshot.place_in_line == 1
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
    snapshot = await rig.submit(rig.wish("@Image1 waves", "hero.png", parameters=Parameters(seed=42)))

    (dropped,) = snapshot.request.findings
    assert (dropped.reason.code, dropped.reason.arguments) == ("parameter-dropped", {"name": "seed"})
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
    snapshot = await rig.submit(rig.wish("@Image1 waves", "hero.png", parameters=chosen))

    assert [each.reason.arguments.get("name") for each in snapshot.request.findings] == [name]


# --- after the download ----------------------------------------------------------------------------------------------


async def test_every_file_s_fate_is_told_and_the_draft_ends_failed_at_no_cost(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves", "hero.png", "notes.txt", "gone.png")
    del rig.downloader.files[wish.offers[2].url]

    assert codes(await refusal(rig, wish)) == ["file-not-media", "source-gone"]
    (draft,) = await rig.every_request()
    assert draft.state.value == "failed"
    assert draft.failure is not None
    assert draft.failure.code == "file-not-media"
    assert await nothing_was_spent(rig)


async def test_the_prompt_and_the_set_are_refused_together_and_nothing_is_said_twice(rig: Rig) -> None:
    assert codes(await refusal(rig, rig.wish("dance to @Image9", "harp.mp3"))) == [
        "audio-needs-visual",
        "unknown-reference",
    ]
    assert await nothing_was_spent(rig)


async def test_what_the_set_and_the_prompt_both_find_is_said_once(rig: Rig) -> None:
    assert codes(await refusal(rig, rig.wish("@Image1 waves", *(f"{n}.png" for n in range(10))))) == [
        "too-many-of-kind"
    ]


async def test_the_same_file_twice_is_one_reference_and_the_person_is_told(rig: Rig) -> None:
    wish = rig.wish("@Image1 waves")
    twice = (rig.offer("hero.png", b"image png\nsame"), rig.offer("again.png", b"image png\nsame"))

    snapshot = await rig.submit(replace(wish, offers=twice))

    assert [reference.name for reference in snapshot.request.references] == ["hero.png"]
    assert warned(snapshot.request.findings) == ["same-file-twice"]


async def test_a_file_that_cannot_be_published_is_refused_before_acceptance(rig: Rig) -> None:
    rig.rooms.publisher._max_bytes_each = 5  # pyright: ignore[reportAttributeAccessIssue]
    why = await refusal(rig, rig.wish("@Image1 waves", "hero.png"))
    assert codes(why) == ["publisher-too-large"]
    assert why.reason.arguments["name"] == "hero.png"
    assert await nothing_was_spent(rig)


async def test_what_others_used_up_meanwhile_is_refused_by_the_second_look(rig: Rig) -> None:
    """The first look finds room for both; acceptance has room for one."""
    rig.policy = replace(rig.policy, takes_per_person_per_day=3)
    first, second = rig.wish("@Image1 waves", "hero.png", takes=2), rig.wish("@Image1 hides", "hero.png", takes=2)
    fetch = rig.downloader.fetch

    async def fetch_while_another_is_accepted(*args: object) -> int:
        rig.downloader.fetch = fetch  # pyright: ignore[reportAttributeAccessIssue]
        await rig.submit(second)
        return await fetch(*args)  # pyright: ignore[reportArgumentType]

    rig.downloader.fetch = fetch_while_another_is_accepted  # pyright: ignore[reportAttributeAccessIssue]
    assert codes(await refusal(rig, first)) == ["person-quota"]
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
    wish = rig.wish("@Image2 waves", "hero.png")
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
    await refusal(rig, rig.wish("@Image2 waves", "hero.png"))
    (draft,) = await rig.every_request()
    rig.engine.wake(draft.id)
    await rig.settle()
    assert rig.notices == []


async def test_that_word_is_not_lost_when_discord_is_down_just_then(rig: Rig) -> None:
    await rig.store.create_draft("0a1b2c3d4e5f6", rig.wish("@Image2 waves", "hero.png"), now_ms=rig.clock())
    await rig.restart()
    rig.discord.down = True
    await rig.settle()
    rig.discord.down = False
    await rig.pass_time(60_000)
    assert len(rig.notices) == 1
