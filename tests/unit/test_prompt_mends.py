"""Mends: each one settles its finding and changes no other mention."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.prompts import Finding, Mention, Names, Parsed, PromptStyle, mended
from bot.domain.references import Reference
from bot.domain.words import say
from bot.prompting import read
from tests.fakes_references import FOUR, make_references
from tests.prompt_texts import SPEC, texts

NAMES = Names(people={42: "Ada", 44: "Image1"})
SHADOWED = make_references("image2.png", "cat.png", "hero.png", "hero.jpg", "image1 x.png", "video1", "walk.mp4")


def parsed(text: str, references: tuple[Reference, ...] = FOUR) -> Parsed:
    return read(text, references, spec=SPEC, names=NAMES)


def mends(text: str, code: str, references: tuple[Reference, ...] = FOUR) -> list[tuple[str, ...]]:
    return [found.mends for found in parsed(text, references).findings if found.reason.code == code]


def mentions(outcome: Parsed) -> list[str]:
    return [part.reference_id for part in outcome.prompt.segments if isinstance(part, Mention)]


@pytest.mark.parametrize(
    ("text", "mend"),
    [("@1 @2 @3", " @Audio1"), ("@1 @2 @3\n", "@Audio1"), ("@1 @2 https://x.y/@Audio1", " @Video1")],
)
def test_an_unused_file_is_added_at_the_end(text: str, mend: str) -> None:
    found = next(one for one in parsed(text).findings if one.reason.code == "unused-reference")
    assert (found.mends, found.start, found.end) == ((mend,), len(text), len(text))
    assert found.reason not in [one.reason for one in parsed(mended(text, found, 0)).findings]


@pytest.mark.parametrize(("text", "gap"), [("a walk", " "), ("", ""), ("a walk ", "")])
def test_when_none_is_mentioned_one_click_adds_all(text: str, gap: str) -> None:
    assert mends(text, "no-reference-mentioned") == [(f"{gap}@Image1 @Image2 @Video1 @Audio1",)]


def test_a_mention_of_nothing_becomes_one_of_the_nearest() -> None:
    assert mends("@heor waves", "unknown-reference") == [("@Image1",)]
    assert mends("@Image3 waves", "unknown-reference") == [("@Image2", "@Image1")]
    assert mends("[Video 4] waves", "unknown-reference") == [("@Video1",)]
    assert mends("@nobody.png waves", "unknown-reference") == [()]


def test_an_ambiguous_name_is_a_choice() -> None:
    assert mends("@hero waves", "ambiguous-reference", SHADOWED) == [("@Image3", "@Image4")]


def test_a_shadowed_file_is_reached_by_its_name() -> None:
    assert mends("@image2 waves", "name-shadowed", SHADOWED) == [("@image2.png",)]
    assert mends("@video1 waves", "name-shadowed", SHADOWED) == [('@"video1"',)]
    for text in ("@image2", "@video1"):
        (found,) = [one for one in parsed(text, SHADOWED).findings if one.reason.code == "name-shadowed"]
        assert f"write “{found.mends[0]}” for the file" in say(found.reason)


def test_the_mend_of_a_longer_shadowed_name_takes_its_words_along() -> None:
    references = make_references("cat.png", "image1 dances.png")
    (found,) = [one for one in parsed("@Image1 dances on", references).findings if one.reason.code == "name-shadowed"]
    assert mended("@Image1 dances on", found, 0) == '@"image1 dances.png" on'
    assert 'write “@"image1 dances.png"” for the file' in say(found.reason)


def test_what_may_be_an_amount_is_escaped() -> None:
    assert mends("clip 1 hour, 图片2张", "loose-mention-unresolved") == [("\\clip 1",), ("\\图片2",)]


def test_a_mend_far_into_a_long_text_is_found_without_reading_all_of_it() -> None:
    text = "hero.png walks past @theme. " * 200 + "[Image 9]2 " + "@Image1 sings to alley.jpg. " * 10
    assert mends(text, "unknown-reference") == [("[Image 2]", "[Image 1]")]


def test_what_was_meant_as_text_is_escaped() -> None:
    assert mends("[7] and #9, image 8", "loose-mention-unresolved") == [("\\[7]",), ("\\#9",), ("\\image 8",)]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("[Image 9]2", "[Image 2]"),
        ("foo[Image 9].com", "[Image 2]"),
        ("http://x.y[Image 9]", "[Image 2]"),
        ("[Image 9]hero.png", "[Image 2]"),
    ],
)
def test_a_mend_that_would_read_as_something_else_in_its_place_is_written_more_plainly(text: str, mend: str) -> None:
    assert [one.mends[0] for one in parsed(text).errors] == [mend]


def test_where_a_number_would_be_a_longer_name_the_mend_is_in_brackets() -> None:
    references = make_references("bob.png", "image1 x.png")
    assert mends("@Image7 x", "unknown-reference", references) == [("@Image2", "[Image 1]")]
    assert mends("@bobb x", "unknown-reference", references) == [("[Image 1]",)]
    assert mends("@bobb y", "unknown-reference", references) == [("@Image1",)]


def test_what_holds_for_all_files_has_nothing_to_click() -> None:
    spec = replace(SPEC, limits=replace(SPEC.limits, max_files=1, max_prompt_characters=3))
    for found in read("@1 @2 @3 @4", FOUR, spec=spec, names=NAMES).findings:
        assert found.mends == ()


def check(text: str, references: tuple[Reference, ...]) -> None:
    before = parsed(text, references)
    said = Counter(found.reason.code for found in before.findings)
    for found in before.findings:
        for choice in range(len(found.mends)):
            changed = mended(text, found, choice)
            after = parsed(changed, references)
            again = Counter(one.reason.code for one in after.findings)
            shift = len(found.mends[choice])
            same_place = [
                one
                for one in after.findings
                if one.reason.code == found.reason.code and found.start <= one.start < found.start + shift
            ]
            assert same_place == []
            if found.reason.code not in {"unused-reference", "no-reference-mentioned"}:
                assert again[found.reason.code] < said[found.reason.code]
            added = len(mentions(after)) - len(mentions(before))
            kept = mentions(before)
            if found.reason.code == "name-shadowed":
                assert added == 0
                assert sum(old != new for old, new in zip(kept, mentions(after), strict=True)) <= 1
            else:
                assert added == _expected_new(found, references)
                assert _is_part(kept, mentions(after))


def _expected_new(found: Finding, references: tuple[Reference, ...]) -> int:
    return {"loose-mention-unresolved": 0, "no-reference-mentioned": len(references)}.get(found.reason.code, 1)


def _is_part(few: list[str], many: list[str]) -> bool:
    """True when `few` is `many` with some left out."""
    rest = iter(many)
    return all(one in rest for one in few)


@settings(deadline=None, max_examples=150)
@given(texts)
@example("[Image 9]hero.png @9 first image \\@Image9 [Image 9][2]")
@example("http://a[Image 9]b #9.mp4 \\")
@example("@Imgae1.com a@b.co/[Image 9]")
def test_every_mend_settles_its_finding_and_changes_no_other_mention(text: str) -> None:
    check(text, FOUR)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            ["@image2", "@hero", "@video1", "@Image9", " ", "x", ".png", "@", "image 2", "[Image 7]", "1", "\\", ".com"]
        ),
        max_size=9,
    ).map("".join)
)
def test_so_it_is_where_names_look_like_numbers(text: str) -> None:
    check(text, SHADOWED)


def test_a_text_full_of_mistakes_is_read_a_bounded_number_of_times() -> None:
    outcome = parsed("[7]" * 700)
    assert len([one for one in outcome.findings if one.reason.code == "loose-mention-unresolved"]) == 700
    assert 0 < len([one for one in outcome.findings if one.mends and one.start < 2100]) < 30


def test_findings_speak_of_our_numbers_whatever_the_model_counts() -> None:
    bracket = replace(SPEC, style=PromptStyle.BRACKET)
    (found,) = read("@heor", FOUR, spec=bracket, names=NAMES).findings
    assert found.mends == ("@Image1",)
