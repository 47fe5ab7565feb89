"""After files were moved or taken out, every mention still means its file, and nothing else in the text changed."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.prompts import Mention, Names, Prompt, PromptStyle, Text
from bot.domain.references import Reference, numbered, stands_for_emoji, stands_for_person
from bot.prompting import natural_numbering, parse_rendered, read, renumbered, written
from tests.fakes_references import FOUR, make_references
from tests.prompt_texts import FRAGMENTS, SPEC, texts

NAMES = Names(people={42: "Ada", 44: "Image1"})
HERO, ALLEY, WALK, THEME = FOUR
CASE = Sequence[Reference]


def after(text: str, references: CASE, *, before: CASE = FOUR) -> str:
    return renumbered(text, before, numbered(references), names=NAMES)


def prompt(text: str, references: CASE) -> Prompt:
    return read(text, references, spec=SPEC, names=NAMES).prompt


def mentions(text: str, references: CASE) -> list[str]:
    return [part.reference_id for part in prompt(text, references).segments if isinstance(part, Mention)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@image1 meets @IMG 2", "@Image2 meets @Image1"),
        ("#1, [2], image 1, the first image, 图片2", "@Image2, @Image1, @Image2, @Image2, @Image1"),
        ("让图片1像视频1一样走路", "让@Image2像@Video1一样走路"),
        ('hero.png, @hero and @"alley.jpg" stay', 'hero.png, @hero and @"alley.jpg" stay'),
        ("\\@Image1 and \\#2 and \\hero.png", "\\@Image1 and \\#2 and \\hero.png"),
        ("see https://x.y/@Image1, bob@image1.com, 16:9", "see https://x.y/@Image1, bob@image1.com, 16:9"),
        ("  two  spaces \n\n ½ [7] @bob <@42>", "  two  spaces \n\n ½ [7] @bob <@42>"),
        ("[Image 1]3", "[Image 2]3"),
        ("[Image 1]hero.png", "[Image 2]hero.png"),
        ("#2 first image", "@Image1 \\first image"),
    ],
)
def test_mentions_by_number_are_written_anew_and_the_rest_stays(source: str, expected: str) -> None:
    assert after(source, [ALLEY, HERO, WALK, THEME]) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@Image1 sees @Image2 and #3", "hero.png sees @Image1 and @Video1"),
        ("hero.png and @hero's hat", "hero.png and hero.png's hat"),
        ("foo@Image1", "foo hero.png"),
        ("让图片1走路", "让hero.png走路"),
        ("\\hero.png and \\@hero", "hero.png and \\@hero"),
    ],
)
def test_a_file_that_is_gone_becomes_its_name_in_words(source: str, expected: str) -> None:
    assert after(source, [ALLEY, WALK, THEME]) == expected


def test_words_that_would_mention_another_file_are_escaped() -> None:
    before = make_references("hero.png", "my hero.png", "[Image 1].png", "image 1")
    assert after('@"my hero" waves', before[:1], before=before) == "my \\hero.png waves"
    assert after("@3 waves", before[:1], before=before) == "\\[Image 1].png waves"
    assert after('@"image 1" waves', before[:1], before=before) == "\\image 1 waves"


def test_a_name_that_now_means_nothing_or_a_number_is_replaced() -> None:
    before = make_references("a.png", "b.png", "image2.png")
    moved = [before[2], before[0], before[1]]
    assert after("@image2.png and @image2", moved, before=before) == "@image2.png and @Image3"
    renamed = [replace(before[0], alias="image3"), *before[1:]]
    assert after("@image3", renamed, before=[replace(before[0], alias="x"), *before[1:]]) == "@Image3"


def test_a_name_taken_away_becomes_the_number() -> None:
    aliased = replace(HERO, alias="Knight")
    assert after("@knight waves", [HERO, ALLEY], before=[aliased, ALLEY]) == "@Image1 waves"


def test_avatars_and_emoji_stay_while_their_pictures_do() -> None:
    person = replace(HERO, name="Ada", stands_for=(stands_for_person(42),))
    emoji = replace(ALLEY, stands_for=(stands_for_emoji(7),))
    before = numbered([person, emoji])
    assert after("<@42> and <:cat:7>", [emoji, person], before=before) == "<@42> and <:cat:7>"
    assert after("<@!42> and <:cat:7>", [emoji], before=before) == "Ada and <:cat:7>"


def test_a_thousand_mentions_are_rewritten() -> None:
    assert after("#1" * 1000, [ALLEY, HERO]) in {"#1" * 1000, "@Image2" + "#1" * 999}
    assert after("@1 " * 1000, [ALLEY, HERO]) == "@Image2 " * 1000


kept = st.lists(st.sampled_from(FOUR), unique_by=lambda one: one.id)
source_texts = st.one_of(st.lists(st.sampled_from((*FRAGMENTS, " ", " ", " and ")), max_size=10).map("".join), texts)


@settings(deadline=None, max_examples=300)
@given(source_texts, kept)
@example("[Image 1][2]#1 first image", [ALLEY, HERO])
@example("\\hero.png@hero[Image 1].mp4", [ALLEY])
@example("@hero@Image1@Image2", [WALK])
@example("http://[Image 1]", [ALLEY, HERO])
def test_every_mention_means_the_same_file_afterwards(text: str, references: list[Reference]) -> None:
    if read(text, FOUR, spec=SPEC, names=NAMES).errors:
        return
    left = {one.id for one in references}
    now = numbered(references)
    assert mentions(after(text, references), now) == [one for one in mentions(text, FOUR) if one in left]


@settings(deadline=None, max_examples=150)
@given(source_texts, st.permutations(FOUR))
@example("@Image1第二张图片图片1", [HERO, ALLEY, WALK, THEME])
@example("第二张图片图片1", [ALLEY, HERO, WALK, THEME])
@example("clip 1 hour, I picture 2 things, 世界第一图片", [ALLEY, HERO, WALK, THEME])
def test_the_model_reads_the_same_words_whatever_the_order(text: str, references: list[Reference]) -> None:
    """But for a space where two things would run together."""
    if read(text, FOUR, spec=SPEC, names=NAMES).errors:
        return
    now = numbered(references)
    assert squeezed(prompt(after(text, references), now)) == squeezed(prompt(text, FOUR))


def squeezed(of: Prompt) -> list[str]:
    spelled = "".join(part.text if isinstance(part, Text) else f"\0{part.reference_id}\0" for part in of.segments)
    return [re.sub(r"\s+", "", spelled)]


FILES = make_references("hero.png", "my hero.png", "image2.png", "2", "[Image 1].png", "first image.mp4", "a.mp3")


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                "@hero",
                "my hero.png",
                "@image2.png",
                "@2",
                '@"2"',
                "image ",
                "#1",
                "@5",
                "first image.mp4",
                "the ",
                "[Image 2]",
                " ",
                "x",
                '@"first image"',
                "second video",
                "\\",
                "[2]",
                ".png",
                "1",
            ]
        ),
        max_size=8,
    ).map("".join),
    st.lists(st.sampled_from(FILES), unique_by=lambda one: one.id),
)
def test_so_it_is_where_names_look_like_mentions(text: str, references: list[Reference]) -> None:
    if read(text, FILES, spec=SPEC, names=NAMES).errors:
        return
    left = {one.id for one in references}
    now = numbered(references)
    changed = after(text, references, before=FILES)
    assert mentions(changed, now) == [one for one in mentions(text, FILES) if one in left]


# --- read and written: what the pipeline uses ------------------------------------------------------------------------

FACES = replace(SPEC, face_kinds=frozenset({HERO.kind}))


def test_the_model_s_numbers_put_faces_first_and_people_read_ours() -> None:
    references = (HERO, replace(ALLEY, shows_person=True), WALK, THEME)
    outcome = read("hero.png, @Image2, @walk @Image9", references, spec=FACES, names=NAMES)
    assert written(outcome.prompt, FACES, references) == "@Image2, @Image1, @Video1 Image9"
    assert "@Image1 hero.png, @Image2 alley.jpg" in str(outcome.errors[0].reason.arguments["existing"])
    assert written(outcome.prompt, SPEC, references) == "@Image1, @Image2, @Video1 Image9"
    bracket = replace(FACES, style=PromptStyle.BRACKET)
    assert written(outcome.prompt, bracket, references).startswith("[Image 2], [Image 1], [Video 1]")


def test_the_length_is_counted_in_the_model_s_numbers() -> None:
    references = make_references(*(f"{number}.png" for number in range(1, 11)))
    faces = (*references[:9], replace(references[9], shows_person=True))
    spec = replace(SPEC, limits=replace(SPEC.limits, max_prompt_characters=7), face_kinds=frozenset({HERO.kind}))
    assert "prompt-too-long" in [one.reason.code for one in read("@10", references, spec=spec, names=NAMES).errors]
    assert "prompt-too-long" not in [one.reason.code for one in read("@10", faces, spec=spec, names=NAMES).errors]


def test_read_names_people_roles_and_channels_and_finds_collected_pictures() -> None:
    names = Names(people={42: "Ada"}, roles={1: "@Crew"}, channels={2: "studio"})
    references = (
        replace(HERO, stands_for=(stands_for_emoji(7), stands_for_person(9))),
        replace(ALLEY, also=("street.png",)),
    )
    outcome = read("<@42> <@&1> <#2> <:cat:7> <@!9> <:dog:8> street.png @street", references, spec=SPEC, names=names)
    said = written(outcome.prompt, SPEC, references)
    assert said == "Ada Crew studio @Image1 @Image1 :dog: @Image2 @Image2"
    assert parse_rendered(said, SPEC.style, natural_numbering(references)) == outcome.prompt
