"""What is said of a prompt and its references as a whole."""

from dataclasses import replace

import pytest

from bot.domain.models import ModelLimits
from bot.domain.prompts import Finding, PromptStyle, Severity
from bot.domain.references import Reference
from bot.domain.words import SENTENCES, say
from bot.prompting import parse
from tests.fakes_references import FOUR, LIMITS, make_references


def found(text: str, references: tuple[Reference, ...], limits: ModelLimits = LIMITS) -> list[Finding]:
    return list(parse(text, references, limits=limits).findings)


def codes(text: str, references: tuple[Reference, ...], limits: ModelLimits = LIMITS) -> list[str]:
    return [finding.reason.code for finding in found(text, references, limits)]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\u2060\ufeff", "\u2800 \u3164", "\x00\xad\u3000\ufe0f"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    assert codes(text, ()) == ["empty-prompt"]


def test_a_mention_alone_is_a_prompt() -> None:
    assert codes("@Image1", FOUR[:1]) == []


def test_what_the_model_reads_is_counted() -> None:
    limits = replace(LIMITS, max_prompt_characters=9)
    assert codes("@1 x", FOUR[:1], limits) == []
    assert codes("@1 xy", FOUR[:1], limits) == ["prompt-too-long"]
    bracket = parse("@1", FOUR[:1], limits=replace(limits, max_prompt_characters=8), style=PromptStyle.BRACKET)
    assert [finding.reason.arguments for finding in bracket.errors] == [{"count": 9, "limit": 8}]


def test_too_many_files_are_refused_in_all_and_of_a_kind() -> None:
    references = make_references(*(f"{number}.png" for number in range(13)))
    reasons = {finding.reason.code: finding.reason.arguments for finding in found("@1", references)}
    names = "“0.png”, “1.png”, “2.png” and 10 more"
    assert reasons["too-many-references"] == {"count": 13, "names": names, "limit": 12, "surplus": 1}
    assert reasons["too-many-of-kind"] == {"count": 13, "kind": "image", "names": names, "limit": 9, "surplus": 4}


def test_sound_alone_is_refused_where_the_model_needs_a_picture() -> None:
    assert "audio-needs-visual" in codes("sing", FOUR[3:])
    assert "audio-needs-visual" not in codes("sing", FOUR[3:], replace(LIMITS, audio_needs_visual=False))
    assert "audio-needs-visual" not in codes("sing", FOUR)
    assert "audio-needs-visual" not in codes("sing", ())


def test_each_unused_file_is_named_and_none_at_all_is_one_warning() -> None:
    unused = [finding.reason.arguments for finding in found("@1 and @3", FOUR)]
    assert unused == [{"token": "@Image2", "name": "alley.jpg"}, {"token": "@Audio1", "name": "theme.mp3"}]
    (warning,) = found("a walk", FOUR)
    assert warning.reason.code == "no-reference-mentioned"
    assert warning.severity is Severity.WARNING


def test_nothing_is_said_of_unused_files_while_a_mention_is_wrong() -> None:
    assert codes("@Image9", FOUR) == ["unknown-reference"]


def test_every_finding_has_a_whole_sentence() -> None:
    texts = ["@Image9", "@hero.x.png", "@image2", "#9", "<@1>", "@hero", "", "x" * 3000, "hi"]
    references = make_references("image2.png", "hero.png", "hero.jpg", "theme.mp3")
    sentences = [say(finding.reason) for text in texts for finding in found(text, references)]
    sentences += [say(finding.reason) for finding in found("@Image1", ())]
    assert all(finding.reason.code in SENTENCES for text in texts for finding in found(text, references))
    assert not [
        sentence for sentence in sentences if "(mention)" in sentence or "{" in sentence or "(name)" in sentence
    ]


def test_what_is_quoted_is_short_on_one_line_and_pings_nobody() -> None:
    finding = found(f'@"{"very long " * 9}"', FOUR)[0]
    assert len(str(finding.reason.arguments["mention"])) <= 60
    finding = found("@everyone", FOUR)[0]
    assert "@everyone" not in say(finding.reason)
