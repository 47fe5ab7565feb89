"""Do files fit the model as they are? Each reason names the file, the limit and the way out."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.domain.conform import FROM_START, Anchor, Part
from bot.domain.media import Kind
from bot.domain.reasons import reason
from bot.domain.references import Offer, Reference, numbered
from bot.domain.words import SENTENCES, say
from bot.media.planner import plan
from bot.references import declared_bytes, declared_reasons, file_reasons, planned, tray_reasons
from tests.fakes_references import LIMITS, make_references


def with_facts(name: str, **facts: object) -> Reference:
    (made,) = make_references(name)
    return replace(made, id=name, facts=replace(made.facts, **facts))


IMAGE = with_facts("hero.png")
VIDEO = with_facts("walk.mp4", seconds=4.0, width=720, height=720)
AUDIO = with_facts("theme.mp3", seconds=5.0)


def told(*references: Reference) -> Mapping[str, str]:
    """Code → sentence."""
    reasons = file_reasons(numbered(references), LIMITS)
    assert all(why.code in SENTENCES for why in reasons)
    return {why.code: say(why) for why in reasons}


def test_files_that_fit_have_no_reason() -> None:
    assert told(IMAGE, VIDEO, AUDIO) == {}
    assert told() == {}


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        (with_facts("a.webm", format="webm", seconds=4.0), "format-not-accepted-now", ["a.webm", "WebM", "MP4 or MOV"]),
        (with_facts("a.png", byte_count=30_000_001), "file-too-large-now", ["a.png", "30.0 MB", "image"]),
        (with_facts("a.mp4", width=100, height=100), "frame-too-small-now", ["a.mp4", "100×100", "409,600"]),
        (with_facts("a.mp4", width=1920, height=1080), "frame-too-large-now", ["a.mp4", "1920×1080", "927,408"]),
    ],
)
def test_a_file_that_does_not_fit_is_told_with_its_limit(reference: Reference, code: str, words: list[str]) -> None:
    sentences = told(IMAGE, reference)
    assert list(sentences) == [code]
    assert all(word in sentences[code] for word in words)
    assert "Attach it again" in sentences[code], "when it came, the model took it; it is made to fit if it comes now"


def test_the_limits_themselves_are_allowed() -> None:
    assert (
        told(with_facts("a.mp4", seconds=15.0, width=640, height=640), with_facts("a.png", byte_count=30_000_000)) == {}
    )


def test_what_files_come_to_together_is_the_plan_s_to_say() -> None:
    assert told(*(with_facts(f"{number}.mp4", seconds=60.0, byte_count=40_000_000) for number in range(9)), AUDIO) == {}


def test_a_kind_the_model_does_not_take_is_told_for_each_file() -> None:
    limits = replace(LIMITS, kinds={Kind.IMAGE: LIMITS.kinds[Kind.IMAGE]})
    reasons = file_reasons(numbered([IMAGE, VIDEO, AUDIO]), limits)
    assert [(why.code, why.arguments["name"]) for why in reasons] == [
        ("kind-not-accepted", "walk.mp4"),
        ("kind-not-accepted", "theme.mp3"),
    ]


def film(name: str, seconds: float, part: Part = FROM_START) -> Reference:
    return replace(with_facts(name, seconds=seconds, width=720, height=720), part=part)


def test_the_plan_is_made_of_what_was_decided_and_chosen_in_order_and_by_name() -> None:
    late = Part(anchor=Anchor.AT, at_seconds=4.0)
    made = planned(plan, numbered([IMAGE, film("a.mp4", 20.0, late), film("b.mp4", 2.0)]), LIMITS)
    assert [None if file.target is None else file.target.start_seconds for file in made.files] == [None, 4.0, None]
    assert made.files[0].record == IMAGE.decided

    refused = planned(plan, numbered([film(f"{number}.mp4", 2.0) for number in range(4)]), LIMITS)
    assert "“0.mp4”, “1.mp4”, “2.mp4” and 1 more" in say(refused.reasons[0])


def test_what_discord_declares_is_checked_before_any_download() -> None:
    offers = [Offer(name=f"{size}.png", url="u", byte_count=size) for size in (10, None, 11)]
    reasons = declared_reasons(offers, max_bytes=10, max_files=2)
    assert [why.code for why in reasons] == ["too-many-references", "file-too-large"]
    assert say(reasons[1]) == "“11.png” is 11 B, over the limit of 10 B per file. Attach a smaller version."
    assert declared_reasons(offers[:2], max_bytes=10, max_files=2) == ()


def offer(byte_count: int | None, **changes: object) -> Offer:
    return replace(Offer(name="a.png", url="u", byte_count=byte_count), **changes)  # pyright: ignore[reportArgumentType]


REFUSED = reason("files-forbidden", name="a.png")


def test_a_file_larger_than_any_of_its_sort_is_told_with_that_limit() -> None:
    (why,) = declared_reasons([offer(5, max_bytes=4)], max_bytes=10, max_files=2)
    assert (why.code, why.arguments["limit"]) == ("file-too-large", "4 B")


def test_what_is_held_counts_as_a_file_but_was_looked_at_before() -> None:
    """A tray may hold what was fetched while a larger limit held."""
    assert declared_reasons([offer(11, held=IMAGE)] * 2, max_bytes=10, max_files=2) == ()
    (why,) = declared_reasons([offer(11, held=IMAGE), offer(9), offer(9)], max_bytes=10, max_files=2)
    assert why.code == "too-many-references"


def test_what_is_refused_already_counts_as_no_file() -> None:
    assert declared_reasons([offer(11, refusal=REFUSED)] * 9, max_bytes=10, max_files=2) == ()


def test_the_allowance_counts_what_will_be_fetched() -> None:
    assert declared_bytes([offer(3), offer(10), offer(0)], max_bytes=10) == (3, 13)
    assert declared_bytes([], max_bytes=10) == (0, 0)


def test_an_unknown_size_takes_the_most_of_the_allowance_and_what_is_not_fetched_takes_nothing() -> None:
    assert declared_bytes([offer(None)], max_bytes=10) == (1, 10)
    assert declared_bytes([offer(None, max_bytes=4), offer(None, max_bytes=40)], max_bytes=10) == (2, 14)
    unfetched = [offer(3, held=IMAGE), offer(3, refusal=REFUSED), offer(11), offer(5, max_bytes=4)]
    assert declared_bytes(unfetched, max_bytes=10) == (0, 0)


def test_a_tray_holds_what_fits_by_count_whatever_it_is() -> None:
    odd = [with_facts("a.mp4", format="webm", seconds=99.0, byte_count=90_000_000, width=1, height=1), AUDIO]
    assert tray_reasons(numbered(odd), LIMITS) == ()
    assert tray_reasons(numbered([AUDIO]), LIMITS) == ()


def test_a_tray_takes_no_more_files_than_the_model() -> None:
    images = [with_facts(f"{number}.png") for number in range(13)]
    assert [why.code for why in tray_reasons(numbered(images), LIMITS)] == ["too-many-references", "too-many-of-kind"]
    assert tray_reasons(numbered(images[:9]), LIMITS) == ()
    silent = replace(LIMITS, kinds={Kind.IMAGE: LIMITS.kinds[Kind.IMAGE]})
    assert [why.code for why in tray_reasons(numbered([IMAGE, AUDIO]), silent)] == ["kind-not-accepted"]
