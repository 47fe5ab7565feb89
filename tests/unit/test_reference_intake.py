"""Does a set of files fit the model? Each reason names the file, the limit and the way out."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.domain.media import Kind
from bot.domain.reasons import reason
from bot.domain.references import Offer, Reference, numbered
from bot.domain.words import SENTENCES, say
from bot.references import declared_bytes, declared_reasons, set_reasons, tray_reasons
from tests.fakes_references import LIMITS, make_references


def with_facts(name: str, **facts: object) -> Reference:
    (made,) = make_references(name)
    return replace(made, id=name, facts=replace(made.facts, **facts))


IMAGE = with_facts("hero.png")
VIDEO = with_facts("walk.mp4", seconds=4.0, width=720, height=720)
AUDIO = with_facts("theme.mp3", seconds=5.0)


def told(*references: Reference) -> Mapping[str, str]:
    """Code → sentence."""
    reasons = set_reasons(numbered(references), LIMITS)
    assert all(why.code in SENTENCES for why in reasons)
    return {why.code: say(why) for why in reasons}


def test_a_set_that_fits_has_no_reason() -> None:
    assert told(IMAGE, VIDEO, AUDIO) == {}
    assert told() == {}


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        (with_facts("a.webm", format="webm", seconds=4.0), "format-not-accepted", ["a.webm", "WebM", "MP4 or MOV"]),
        (with_facts("a.png", byte_count=30_000_001), "file-too-large-for-model", ["a.png", "30.0 MB", "image"]),
        (with_facts("a.mp4", width=100, height=100), "frame-too-small", ["a.mp4", "100×100", "409,600"]),
        (with_facts("a.mp4", width=1920, height=1080), "frame-too-large", ["a.mp4", "1920×1080", "927,408"]),
        (with_facts("a.mp4", byte_count=50_000_001), "kind-too-large-together", ["video", "50.0 MB"]),
        (with_facts("a.mp4", seconds=15.07), "kind-too-long-together", ["video", "15.07 s", "at most 15 s"]),
        (with_facts("a.mp4", seconds=1.5), "kind-too-short-together", ["video", "1.5 s", "at least 2 s"]),
    ],
)
def test_a_file_that_does_not_fit_is_told_with_its_limit(reference: Reference, code: str, words: list[str]) -> None:
    sentences = told(IMAGE, reference)
    assert list(sentences) == [code]
    assert all(word in sentences[code] for word in words)


@pytest.mark.parametrize("seconds", [2.0, 15.0])
def test_the_limits_themselves_are_allowed(seconds: float) -> None:
    assert told(with_facts("a.mp4", seconds=seconds, width=640, height=640, byte_count=50_000_000)) == {}


def test_what_mp3_adds_to_a_sound_that_was_cut_to_fit_is_allowed_and_no_more() -> None:
    assert told(IMAGE, with_facts("a.mp3", seconds=15.03)) == {}
    assert list(told(IMAGE, with_facts("a.mp3", seconds=15.04))) == ["kind-too-long-together"]
    assert list(told(IMAGE, with_facts("a.wav", format="wav", seconds=15.03))) == ["kind-too-long-together"]


@pytest.mark.parametrize("seconds", [1.996, 15.004])
def test_what_clocks_round_is_allowed(seconds: float) -> None:
    assert told(with_facts("a.mp4", seconds=seconds, width=640, height=640)) == {}


def test_lengths_are_counted_together_and_per_kind() -> None:
    videos = [with_facts(f"{number}.mp4", seconds=6.0) for number in range(3)]
    assert list(told(*videos)) == ["kind-too-long-together"]
    assert told(videos[0], videos[1], with_facts("a.mp3", seconds=9.0)) == {}


def test_an_unknown_length_is_not_guessed() -> None:
    assert told(with_facts("a.mp4"), with_facts("b.mp4", seconds=20.0)) == {}


def test_counts_are_told_with_what_to_take_out() -> None:
    images = [with_facts(f"{number}.png") for number in range(13)]
    sentences = told(*images)
    assert sentences["too-many-references"].endswith("at most 12 in all. Take 1 out.")
    assert sentences["too-many-of-kind"].endswith("at most 9. Take 4 out.")


def test_a_kind_the_model_does_not_take_is_told_for_each_file() -> None:
    limits = replace(LIMITS, kinds={Kind.IMAGE: LIMITS.kinds[Kind.IMAGE]})
    reasons = set_reasons(numbered([IMAGE, VIDEO, AUDIO]), limits)
    assert [(why.code, why.arguments["name"]) for why in reasons] == [
        ("kind-not-accepted", "walk.mp4"),
        ("kind-not-accepted", "theme.mp3"),
    ]


def test_sound_alone_needs_a_picture() -> None:
    assert list(told(AUDIO)) == ["audio-needs-visual"]


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
