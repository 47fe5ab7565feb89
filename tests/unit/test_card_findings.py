"""What is told of a clip beside it, and how one goes on from it."""

from dataclasses import fields, replace
from typing import Any

import pytest

from bot import cards
from bot.cards.findings import findings_block
from bot.domain.conform import ClipFindings
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import Bill
from bot.domain.requests import Parameters, Take
from bot.domain.states import RequestState
from tests.fakes_delivery import NOW_MS, make_reference, make_snapshot, make_take

ASKED = Parameters(duration_seconds=5, resolution="720p")
AS_ASKED = MediaFacts(
    kind=Kind.VIDEO, format="mp4", byte_count=23_000_000, width=1280, height=720, seconds=5.04, audio_codec="aac"
)
AGAIN = "“Again” makes a new one, at the price of a new one."


def clip(ordinal: int = 1, facts: MediaFacts = AS_ASKED, **found: float) -> Take:
    return make_take(ordinal, clip_facts=facts, clip_findings=ClipFindings(facts=facts, **found))


def told(*takes: Take, asked: Parameters = ASKED, several: bool = False) -> str:
    return findings_block(takes, asked, several=several, kept_until_ms=1_790_000_000_000)


@pytest.mark.parametrize(
    "take",
    [
        clip(),
        clip(black_seconds=0.9, frozen_seconds=2.8, silent_seconds=4.5),  # a fade, a held shot, a quiet beginning
        make_take(clip_facts=replace(AS_ASKED, width=None, height=None, seconds=None)),
        make_take(clip_facts=None),
    ],
)
def test_of_a_clip_as_asked_for_and_of_what_was_not_measured_nothing_is_told(take: Take) -> None:
    assert told(take) == ""


@pytest.mark.parametrize(
    ("take", "fact"),
    [
        (clip(black_seconds=1.2), "Black for 1.2 s."),
        (clip(frozen_seconds=3.0), "A still picture for 3 s."),
        (clip(black_seconds=2.0, frozen_seconds=2.0), "Black for 2 s."),
        (clip(silent_seconds=5.0), "Silent, although sound was asked for."),
        (clip(facts=replace(AS_ASKED, seconds=4.5)), "4.5 s long, although 5 s were asked for."),
        (clip(facts=replace(AS_ASKED, width=640, height=360)), "640×360, although 720p was asked for."),
    ],
)
def test_what_is_otherwise_is_told_as_a_fact_with_what_can_be_done(take: Take, fact: str) -> None:
    assert told(take) == f"{fact}\n{AGAIN}"


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        *(("720p", size) for size in ((1470, 630), (1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280))),
        *(("480p", size) for size in ((992, 432), (864, 496), (752, 560), (640, 640), (560, 752), (496, 864))),
        ("720p", (720, 720)),
        ("as it likes", (64, 64)),
    ],
)
def test_any_shape_of_the_resolution_asked_for_is_as_asked(asked: str, size: tuple[int, int]) -> None:
    facts = replace(AS_ASKED, width=size[0], height=size[1])
    assert told(clip(facts=facts), asked=replace(ASKED, resolution=asked)) == ""


def test_silence_and_length_are_told_only_where_something_else_was_asked_for() -> None:
    quiet = clip(facts=replace(AS_ASKED, seconds=9.0, audio_codec=None), silent_seconds=9.0)
    assert told(quiet, asked=Parameters(duration_seconds=None, audio=False)) == ""


def test_of_several_takes_each_has_its_line() -> None:
    takes = (clip(1), clip(2, black_seconds=1.0, silent_seconds=5.0), clip(3, frozen_seconds=2.0))
    assert told(*takes, several=True).splitlines() == [
        "Take 2: black for 1 s · silent, although sound was asked for.",
        "Take 3: a still picture for 2 s.",
        AGAIN,
    ]


def test_a_clip_made_smaller_says_so_and_is_nothing_to_ask_again_for() -> None:
    smaller = replace(clip(), shrunk_clip="22" * 32, shrunk_facts=replace(AS_ASKED, byte_count=10 << 20))
    assert told(smaller).splitlines() == [
        "Made smaller to fit here: 10 MiB of 23.0 MB.",
        "The original is kept until <t:1790000000:f>.",
    ]


# --- in the post -----------------------------------------------------------------------------------------------------


def post(*takes: Take, of: int | None = None, further: bool = False) -> cards.Sheet:
    """The post of these takes, the request having `of` takes."""
    every = tuple(clip(ordinal) for ordinal in range(1, (of or len(takes)) + 1))
    snapshot = make_snapshot(RequestState.DELIVERING, *every, parameters=ASKED)
    names = [f"{take.id}.mp4" for take in takes]
    return cards.result(snapshot, names, rendered_prompt="@Image1", vendor_tokens={}, takes=takes, further=further)


def pressed(sheet: cards.Sheet) -> dict[str, str]:
    """Label → custom id, of all buttons."""
    buttons: list[dict[str, Any]] = [
        node
        for box in sheet.to_components()
        for row in box.get("components", [])  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType,reportAttributeAccessIssue]
        for node in row.get("components", [])  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    ]
    return {button["label"]: button["custom_id"].split(":", 1)[1] for button in buttons}


def test_what_was_found_stands_in_the_post_that_brings_the_clip() -> None:
    assert any("Take 2: black for 1 s." in text for text in post(clip(2, black_seconds=1.0), of=2, further=True).texts)


def test_one_goes_on_from_each_clip_in_the_message_that_brought_it() -> None:
    request = "0a1b2c3d4e5f6"
    assert pressed(post(clip(1)))["Continue"] == f"continue:{request}:1"
    together = pressed(post(*(clip(ordinal) for ordinal in (1, 2, 3, 4))))
    assert [together[f"Continue take {ordinal}"] for ordinal in (1, 2, 3, 4)] == [
        f"continue:{request}:{ordinal}" for ordinal in (1, 2, 3, 4)
    ]
    assert list(pressed(post(clip(2), of=2, further=True))) == ["Continue take 2"]


def test_the_fullest_post_is_one_that_discord_takes() -> None:
    facts = replace(AS_ASKED, seconds=14.5, width=640, height=360)
    takes = tuple(
        replace(
            clip(ordinal, facts, black_seconds=4.0, frozen_seconds=8.0, silent_seconds=14.5),
            shrunk_facts=replace(facts, byte_count=9_876_543),
        )
        for ordinal in range(1, 11)
    )
    long = "walk " * 1000
    references = tuple(make_reference(number, name="n" * 100, alias="a" * 32) for number in range(1, 16))
    snapshot = make_snapshot(
        RequestState.DELIVERING,
        *takes,
        parameters=ASKED,
        written_prompt=long,
        references=references,
        bill=Bill(**{each.name: 10**13 for each in fields(Bill)}),
    )
    names = [f"{take.id}.mp4" for take in takes]

    sheet = cards.result(snapshot, names, rendered_prompt=long + "x", vendor_tokens={}, takes=takes, now_ms=NOW_MS)

    assert sheet.total_children_count <= 40
    assert sum(len(text.encode("utf-16-le")) // 2 for text in sheet.texts) <= 4000
    assert any(AGAIN in text and "more" in text for text in sheet.texts)
