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
from tests.prompt_texts import FRAGMENTS, texts

calm = settings(deadline=None)
NUMBERING = natural_numbering(FOUR)
PEOPLE = {42: "Ada", 43: "@Image9", 44: "Image1", 45: "[Image 9]", 46: "", 47: "2", 48: "<@5>everyone", 49: ".de"}
STYLES = tuple(PromptStyle)

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
        f"<id:linked-roles:{secret}>",
        f"<sound:{secret}:{secret}>",
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


MARKUP = re.compile(
    r"<(?:@[!&]?|#|a?:\w{1,32}:|/[^<>:@\n]{1,110}:|sound:[0-9]+:)[0-9]+>|<t:-?[0-9]+[:>]|<id:[a-z-]+[:>]"
)
PARTS = (
    "<",
    ">",
    "@",
    "#",
    ":",
    "cat",
    "7",
    "42",
    "t:",
    "0",
    "/",
    "a",
    "id:",
    "linked-roles",
    "sound:",
    "@Image1",
    "\\",
    "\\@",
    "!",
    "&",
    " ",
    "<@42>",
    "<:x:5>",
)


@calm
@given(st.one_of(texts, st.lists(st.sampled_from(PARTS), max_size=14).map("".join)))
@example("<:cat:\\@7>")
@example("<t:\\@0>")
@example("</x:\\@42>")
@example("</a @Image1:7>")
@example("</a @Image1 @Image2 b:7></c [Image 1]:8>")
@example("<id:linked-roles:7> <id:linked-\\@roles> <sound:1:2> <sound:\\@1:2>")
def test_no_mention_markup_is_in_any_output(text: str) -> None:
    prompt = parse(text, FOUR, limits=LIMITS, people=PEOPLE).prompt
    for style in STYLES:
        said = render(prompt, style, NUMBERING)
        assert all(_in_address(said, found.start()) for found in MARKUP.finditer(said))


def _in_address(text: str, index: int) -> bool:
    """True inside a URL, where nothing is touched."""
    word = text[:index].rsplit(maxsplit=1)[-1:]
    return bool(word) and re.search(r"://|www\.", word[0]) is not None


WORDS = st.text(alphabet="xyzñé,.!?-–— \n\t😀👩‍🚀中文字ｘ", max_size=12)
MENTIONS = {
    "@Image1": "@Image1",
    "@hero.png": "@Image1",
    "@“hero”": "@Image1",
    "[image 2]": "@Image2",
    "#3": "@Video1",
    "the first clip": "@Video1",
    "theme.mp3": "@Audio1",
    "图片2": "@Image2",
    "\\#1": "#1",
    "\\@hero": "hero",
    "<@42>": "Ada",
    "https://x.y/@Image1?a=[2]": "https://x.y/@Image1?a=[2]",
}


@calm
@given(WORDS, st.lists(st.tuples(st.sampled_from(sorted(MENTIONS)), WORDS), max_size=5))
def test_text_outside_mentions_is_unchanged_character_for_character(before: str, rest: list[tuple[str, str]]) -> None:
    source = before + "".join(f" {mention} {words}" for mention, words in rest)
    expected = before + "".join(f" {MENTIONS[mention]} {words}" for mention, words in rest)
    assert render(parse(source, FOUR, limits=LIMITS, people=PEOPLE).prompt, PromptStyle.AT, NUMBERING) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[" * 6000,
        "@" * 6000,
        "#1" * 3000,
        "[{<【" * 1500,
        "[[Image 1]]" * 545,
        "[" * 3000 + "Image 1" + "]" * 2900,
        "a" + "\u0301" * 5999,
        "\u0301\u0316" * 3000,
        "<@" * 3000,
        '@"' * 3000,
        "a." * 3000,
        "http://" * 857,
    ],
    ids=lambda text: text[:8].encode("unicode_escape").decode(),
)
def test_hostile_texts_of_six_thousand_characters_are_read_in_as_many_steps_as_prose(text: str) -> None:
    """Steps are calls; each reads a bounded way ahead. Prose of pure mentions is the costliest that people write."""
    prose = ("hero.png walks like video 1, @theme plays. " * 140)[:6000]
    parsed = parse(text, FOUR, limits=LIMITS)
    for style in STYLES:
        assert parse_rendered(render(parsed.prompt, style, NUMBERING), style, NUMBERING) == parsed.prompt
    assert _calls(text) <= 4 * _calls(prose)


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
