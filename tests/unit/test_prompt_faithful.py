"""The prompt language's rules 1, 6, 7 and 8: what holds for every text."""

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from types import FrameType
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bot.prompting
from bot.domain.prompts import Mention, Prompt, PromptStyle, Text
from bot.prompting import natural_numbering, parse, parse_rendered, render
from bot.prompting.tokens import settled
from tests.fakes_references import FOUR, LIMITS, make_references

calm = settings(deadline=None)
NUMBERING = natural_numbering(FOUR)
PEOPLE = {42: "Ada", 43: "@Image9", 44: "Image1", 45: "[Image 9]", 46: "", 47: "2", 48: "<@5>everyone", 49: ".de"}
STYLES = tuple(PromptStyle)

FRAGMENTS = (
    *("@Image1", "@image 2", "@Image12", "@3", "@9", "@hero.png", "@hero", '@"walk.mp4"', "@everyone", "@here", "@bob"),
    *(
        "[Image 1]",
        "<video 1>",
        "{audio1}",
        "【图片1】",
        "[2]",
        "[7]",
        "#2",
        "#9",
        "图片1",
        "视频1",
        "第二张图片",
        "image 1",
    ),
    *("the first image", "second clip", "hero.png", "theme.mp3", "Video2", "IMG_0012.jpg", "＠Ｉｍａｇｅ１", "@Imgae1"),
    *("<@42>", "<@!43>", "<@44>", "<@45>", "<@46>", "<@47>", "<@48>", "<@49>", "<@&5>", "<#6>", "<:cat:7>", "<t:0:R>"),
    *("https://x.y/", "http://", "www.", "www.a", "ftp", "://", "bob@image1.com", "a@Image1.de", "foo", ".mp4", ".com"),
    *(
        "@",
        "[",
        "]",
        "<",
        ">",
        "\\",
        "\\@Image1",
        "\\[Image 1]",
        "\\#1",
        "\\@42",
        "\\<@42>",
        "#",
        "{",
        "}",
        "-",
        "_",
        ".",
    ),
    *(" ", "  ", "\n", "1", "2", "12", "Image", "Image ", "Image 1", "Image1", "s", "'s", "é", "½", "²", "ﷺ", "\u0301"),
    *("everyone", "here", "42>", "a", "像", "の", "이미지 1", '"', "“", "”", "5>", "\u200b", "\ud800", "İ", "ß"),
)
texts = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=10).map("".join),
    st.text(max_size=60),
)
segments = st.lists(
    st.one_of(texts.map(Text), st.sampled_from([Mention(reference.id) for reference in FOUR])), max_size=6
)

TOKENS = {
    PromptStyle.AT: re.compile(r"@(?:Image|Video|Audio)[0-9]+"),
    PromptStyle.BRACKET: re.compile(r"\[(?:Image|Video|Audio) [0-9]+\]"),
}


@calm
@given(texts)
@example("[Image 1]2")
@example("foo[Image 1].mp4")
@example("https://x.y/<@42>[Image 1]")
@example("[[Image 9]\\]")
@example("@<@44>")
@example("[Image 1]-x@Image2.com")
def test_what_was_parsed_survives_rendering_in_every_style(text: str) -> None:
    prompt = parse(text, FOUR, limits=LIMITS, people=PEOPLE).prompt
    for style in STYLES:
        assert parse_rendered(render(prompt, style, NUMBERING), style, NUMBERING) == prompt


@calm
@given(segments)
def test_a_prompt_made_by_hand_survives_once_it_is_settled(parts: list[Text | Mention]) -> None:
    tidy = Prompt(settled(parts))
    assert settled(tidy.segments) == tidy.segments
    for style in STYLES:
        rendered = render(Prompt(tuple(parts)), style, NUMBERING)
        assert parse_rendered(rendered, style, NUMBERING) == tidy


@calm
@given(texts)
def test_no_undefined_token_reaches_the_model(text: str) -> None:
    prompt = parse(text, FOUR, limits=LIMITS, people=PEOPLE).prompt
    for style in STYLES:
        read = parse_rendered(render(prompt, style, NUMBERING), style, NUMBERING)
        for part in read.segments:
            if isinstance(part, Text):
                assert all(_left_alone(part.text, found) for found in TOKENS[style].finditer(part.text))


def _left_alone(text: str, found: re.Match[str]) -> bool:
    """True for what stands in a URL or an e-mail address."""
    word = text[: found.end()].rsplit(maxsplit=1)[-1]
    after = text[found.end() :]
    in_url = re.search(r"(?i:https?|ftp)://|www\.[A-Za-z0-9]", word) is not None
    return in_url or re.match(r"[A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+", after) is not None


@calm
@given(st.text(alphabet=st.characters(exclude_characters="@#[]<>{}【】\\", exclude_categories=["Nd", "Nl", "No"])))
@example("a  b\n\n\tc 👩‍🚀 für ﷺ ½ de\u0301ja\u0300 vu")
def test_text_without_a_mention_is_unchanged(text: str) -> None:
    prompt = parse(text, (), limits=LIMITS).prompt
    if not re.search(r"(?i)first|second|third|第|番目|번째|最初", text):
        assert render(prompt, PromptStyle.AT, NUMBERING) == text


@calm
@given(texts, texts)
def test_no_id_and_no_ping_comes_through(before: str, after: str) -> None:
    secret = 918273645546372819
    for markup in (
        f"<@{secret}>",
        f"<@!{secret}>",
        f"<@&{secret}>",
        f"<#{secret}>",
        f"</x:{secret}>",
        f"<a:x:{secret}>",
    ):
        parsed = parse(f"{before} {markup} {after}", FOUR, limits=LIMITS, people=PEOPLE)
        said = render(parsed.prompt, PromptStyle.AT, NUMBERING)
        assert str(secret) not in said
        assert not any(str(secret) in str(finding.reason.arguments) for finding in parsed.findings)


@calm
@given(texts)
@example("@\\@everyone")
@example("<@\\@42>")
@example("@@here")
def test_nobody_is_pinged(text: str) -> None:
    parsed = parse(text, FOUR, limits=LIMITS, people=PEOPLE)
    said = render(parsed.prompt, PromptStyle.AT, NUMBERING)
    assert re.search(r"<@[!&]?[0-9]+>", said) is None
    for found in re.finditer(r"@(?:everyone|here)\b", said):
        assert _left_alone(said, found)


@calm
@given(texts)
def test_findings_point_into_the_source(text: str) -> None:
    for finding in parse(text, FOUR, limits=LIMITS, people=PEOPLE).findings:
        assert 0 <= finding.start <= finding.end <= len(text)


UNITS = (
    *FRAGMENTS,
    *(
        "a@",
        "a.",
        "@a.",
        "b.1@c",
        "the ",
        "the first ",
        '@"',
        "@“",
        "1a",
        "</a",
        "<t:",
        "www",
        "h",
        "\u0301",
        "\u0315\u0300",
    ),
    *(
        "hero",
        "hero.",
        "image ",
        "@image",
        "[image",
        "第",
        "第十",
        "2nd ",
        "@ab",
        "first first ",
        "@\\",
        "\\\\",
        "http://@",
    ),
)
MANY = make_references(*(f"{'a ' * 40}{number}.png" for number in range(12)), "hero.png", "walk.mp4", "theme.mp3")


def _calls(text: str) -> int:
    """How many functions, Python's and C's, a parse calls: steps that can be counted."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        parse(text, MANY, limits=LIMITS, people=PEOPLE)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("unit", sorted({*UNITS, "a "}))
def test_twice_the_text_is_at_most_twice_the_steps(unit: str) -> None:
    empty, once, twice = (_calls((unit * 3000)[:length]) for length in (0, 1500, 3000))
    assert twice - empty <= 2.2 * (once - empty) + 200


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in pkgutil.iter_modules(bot.prompting.__path__, "bot.prompting."):
        for name, value in vars(importlib.import_module(module.name)).items():
            candidates = cast("dict[object, object]", value).values() if isinstance(value, dict) else (value,)
            for candidate in candidates:
                if isinstance(candidate, re.Pattern):
                    yield f"{module.name}.{name}", cast("re.Pattern[str]", candidate)


@pytest.mark.parametrize(
    ("name", "pattern"), list(_patterns()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_pattern_can_backtrack_without_bound(name: str, pattern: re.Pattern[str]) -> None:
    plain = re.sub(r"\\.", "", pattern.pattern)
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "C", plain)
    plain = plain.replace("(?=C*?www", "")  # reads one run of address characters, and each run once
    assert not re.search(r"[*+]", re.sub(r"[*+}]\+", "", plain)), name


def test_the_longest_prompt_with_the_most_references_is_read() -> None:
    references = make_references(*(f"file {number}.png" for number in range(15)))
    text = ("@Image1 " * 750)[:6000]
    parsed = parse(text, references, limits=LIMITS)
    assert len(parsed.prompt.mentioned) == 1
    assert len(render(parsed.prompt, PromptStyle.AT, natural_numbering(references))) == 6000
