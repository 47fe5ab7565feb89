"""Prompts as people write them: the data file's cases in both styles, and every word of every language's table."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, cast

import pytest

from bot.domain.media import Kind
from bot.domain.prompts import Parsed, PromptStyle
from bot.domain.references import Reference
from bot.prompting import natural_numbering, parse, parse_rendered, render
from bot.prompting.languages import LANGUAGES, Language
from tests.fakes_references import LIMITS, make_references

DATA = Path(__file__).parents[1] / "data" / "prompt_cases.toml"
TOKEN = re.compile(r"@(Image|Video|Audio)([0-9]+)")


class Case(TypedDict, total=False):
    """One line of the file."""

    written: str
    rendered: str
    bracket: str
    codes: list[str]
    references: list[str]


class Data(TypedDict):
    """The file."""

    references: list[str]
    cases: dict[str, list[Case]]


FILE = cast("Data", tomllib.loads(DATA.read_text(encoding="utf-8")))
CASES = [(language, case) for language, cases in FILE["cases"].items() for case in cases]


def references_of(case: Case) -> tuple[Reference, ...]:
    given = [one.partition("=") for one in case.get("references", FILE["references"])]
    return make_references(*(name for name, _, _ in given), aliases={name: alias for name, _, alias in given if alias})


def own_codes(parsed: Parsed) -> list[str]:
    about_files = {"unused-reference", "no-reference-mentioned"}
    return [found.reason.code for found in parsed.findings if found.reason.code not in about_files]


def unused(parsed: Parsed) -> list[str]:
    return [
        str(found.reason.arguments["token"]) for found in parsed.findings if found.reason.code == "unused-reference"
    ]


def expected(case: Case, style: PromptStyle) -> str:
    """In brackets: as given, else with the other tokens."""
    if style is PromptStyle.BRACKET:
        return case.get("bracket") or TOKEN.sub(r"[\1 \2]", case.get("rendered", ""))
    return case.get("rendered", "")


def test_there_are_cases_enough_in_each_language() -> None:
    assert len(CASES) >= 150
    assert {language: len(cases) >= 10 for language, cases in FILE["cases"].items()} == {
        language.code: True for language in LANGUAGES
    }
    assert len({case.get("written") for _, case in CASES}) == len(CASES)


@pytest.mark.parametrize("style", PromptStyle)
@pytest.mark.parametrize(("language", "case"), CASES, ids=[f"{code}: {case.get('written')}" for code, case in CASES])
def test_it_reads_as_the_person_meant_it(language: str, case: Case, style: PromptStyle) -> None:
    references = references_of(case)
    parsed = parse(case.get("written", ""), references, limits=LIMITS, style=style)
    assert own_codes(parsed) == case.get("codes", [])
    assert bool(parsed.errors) == ("rendered" not in case)
    if not parsed.errors:
        numbering = natural_numbering(references)
        said = render(parsed.prompt, style, numbering)
        assert said == expected(case, style)
        assert parse_rendered(said, style, numbering) == parsed.prompt


@pytest.mark.parametrize(("language", "case"), CASES, ids=[f"{code}: {case.get('written')}" for code, case in CASES])
def test_exactly_the_files_that_are_not_mentioned_are_called_unused(language: str, case: Case) -> None:
    references = references_of(case)
    parsed = parse(case.get("written", ""), references, limits=LIMITS)
    mentioned = set(parsed.prompt.mentioned)
    missing = [f"@{one.kind.word}{one.kind_number}" for one in references if one.id not in mentioned]
    assert unused(parsed) == ([] if parsed.errors or not mentioned else missing)


# --- every word of the tables ----------------------------------------------------------------------------------------

MANY = make_references(
    *(f"{number}.png" for number in range(1, 16)),
    *(f"{number}.mp4" for number in range(1, 16)),
    *(f"{number}.mp3" for number in range(1, 16)),
)


def kind_words(language: Language) -> Iterator[tuple[str, Kind]]:
    for kind, words in ((Kind.IMAGE, language.image), (Kind.VIDEO, language.video), (Kind.AUDIO, language.audio)):
        yield from ((word, kind) for word in words)


def rendered(text: str) -> str:
    return render(parse(text, MANY, limits=LIMITS).prompt, PromptStyle.AT, natural_numbering(MANY))


WORDS = [(language, word, kind) for language in LANGUAGES for word, kind in kind_words(language)]
ORDINALS = [
    (language, ordinal, number)
    for language in LANGUAGES
    for ordinal, number in (*language.ordinals.items(), *language.ordinal_prefixes.items())
]


@pytest.mark.parametrize(("language", "word", "kind"), WORDS, ids=[f"{one.code} {word}" for one, word, _ in WORDS])
def test_every_kind_word_counts_in_every_form(language: Language, word: str, kind: Kind) -> None:
    token = f"@{kind.word}3"
    for form in (
        "@{0}3",
        "@{0} 3",
        "@{0}_3",
        "@{0}-3",
        "@{0}:3",
        "@{0}#3",
        "[{0} 3]",
        "<{0}3>",
        "{{{0} 3}}",
        "【{0}3】",
    ):
        for written in (word, word.upper(), word.capitalize()):
            assert rendered(form.format(written)) == token
    loose = f"{word} 3" if word in language.strict_only else token
    assert rendered(f"{word} 3") == loose
    assert rendered(f"({word} 3), {word} 3!") == f"({loose}), {loose}!"
    assert rendered(f"{word}３") == (f"{word}３" if word in language.strict_only else token)


@pytest.mark.parametrize(("language", "word", "kind"), WORDS, ids=[f"{one.code} {word}" for one, word, _ in WORDS])
def test_no_kind_word_counts_where_the_number_is_something_else(language: Language, word: str, kind: Kind) -> None:
    for text in (
        f"{word} 16:9",
        f"{word} 1.5",
        f"{word} 1-3",
        f"{word} 50%",
        f"{word} 3k",
        f"{word} three",
        f"#{word}",
    ):
        assert rendered(text) == text


@pytest.mark.parametrize(
    ("language", "ordinal", "number"), ORDINALS, ids=[f"{one.code} {ordinal}" for one, ordinal, _ in ORDINALS]
)
def test_every_ordinal_counts_before_every_kind(language: Language, ordinal: str, number: int) -> None:
    gap = " " if language.ordinals else ""
    for word, kind in kind_words(language):
        if word not in language.strict_only:
            assert rendered(f"{ordinal}{gap}{word}, {ordinal}{gap}{word}") == ", ".join([f"@{kind.word}{number}"] * 2)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one.ordinals], ids=lambda one: one.code)
def test_an_ordinal_takes_an_article_along_and_is_none_after_a_word_for_another(language: Language) -> None:
    ordinal, number = next(iter(language.ordinals.items()))
    for article in language.articles:
        agreeing = ordinal if len(article) > 1 else next(word for word in language.ordinals if word.endswith(article))
        assert rendered(f"x {article} {agreeing} {language.image[0]}") == f"x @Image{number}"
    for before in language.not_after:
        text = f"{before} {ordinal} {language.image[0]}"
        assert rendered(text) == text


FEW = make_references(*(f"{number}.{ending}" for ending in ("png", "mp4", "mp3") for number in (1, 2, 3)))
MEASURES = [(language, measure) for language in LANGUAGES for measure in sorted(language.measures)]


@pytest.mark.parametrize(("language", "measure"), MEASURES, ids=[f"{one.code} {word}" for one, word in MEASURES])
def test_a_number_that_counts_something_is_no_mention_and_is_said_to_be_none(language: Language, measure: str) -> None:
    for text in (f"{language.video[0]} 2 {measure}", f"{language.image[0]} 2-{measure}, x"):
        parsed = parse(text, FEW, limits=LIMITS)
        assert own_codes(parsed) == ["loose-mention-unresolved"]
        assert parsed.prompt.mentioned == ()
        assert rendered(text) == text
        assert own_codes(parse(text.replace("2", "99"), FEW, limits=LIMITS)) == []


LONGER = [(language, word) for language in LANGUAGES for word in sorted(language.no_measures)]


@pytest.mark.parametrize(("language", "word"), LONGER, ids=[f"{one.code} {word}" for one, word in LONGER])
def test_a_longer_word_that_begins_like_a_measure_is_none(language: Language, word: str) -> None:
    assert rendered(f"{language.image[0]}2{word}") == f"@Image2{word}"


NUMBER_WORDS = [(language, word) for language in LANGUAGES for word in sorted(language.number_words)]


@pytest.mark.parametrize(("language", "word"), NUMBER_WORDS, ids=[f"{one.code} {word}" for one, word in NUMBER_WORDS])
def test_a_word_for_number_may_stand_between_a_kind_and_its_number(language: Language, word: str) -> None:
    for text in (f"{language.image[0]} {word} 2", f"{language.image[0]} {word}2"):
        assert rendered(text) == "@Image2"


COMPOUNDS = [(language, word) for language in LANGUAGES for word in sorted(language.compounds)]


@pytest.mark.parametrize(("language", "word"), COMPOUNDS, ids=[f"{one.code} {word}" for one, word in COMPOUNDS])
def test_a_kind_in_a_longer_thing_is_no_mention_and_is_said_to_be_none(language: Language, word: str) -> None:
    text = f"{next(iter(language.ordinals))} {language.video[0]} {word}"
    assert rendered(text) == text
    assert own_codes(parse(text, FEW, limits=LIMITS)) == ["loose-mention-unresolved"]


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one.ordinal_prefixes], ids=lambda one: one.code)
def test_only_what_may_follow_a_kind_word_follows_a_mention_in_a_script_without_spaces(language: Language) -> None:
    ordinal = next(iter(language.ordinal_prefixes))
    for follower in sorted(language.followers):
        assert rendered(f"{ordinal}{language.video[0]}{follower}") == f"@Video1{follower}"
    assert rendered(f"{ordinal}{language.video[0]}館") == f"{ordinal}{language.video[0]}館"
