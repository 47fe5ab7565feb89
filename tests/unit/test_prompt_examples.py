"""The examples of the prompt language's document, word for word, and every form of its table."""

import pytest

from bot.domain.prompts import Parsed, PromptStyle, Severity
from bot.domain.references import Reference
from bot.domain.words import say
from bot.prompting import natural_numbering, parse, render
from tests.fakes_references import FOUR, LIMITS, make_references

PEOPLE = {42: "Ada"}
LINT = {"unused-reference", "no-reference-mentioned"}


def read(text: str, references: tuple[Reference, ...] = FOUR) -> Parsed:
    return parse(text, references, limits=LIMITS, people=PEOPLE)


def rendered(text: str, references: tuple[Reference, ...] = FOUR) -> str:
    return render(read(text, references).prompt, PromptStyle.AT, natural_numbering(references))


def codes(parsed: Parsed) -> list[str]:
    return [finding.reason.code for finding in parsed.findings]


def own_codes(text: str, references: tuple[Reference, ...] = FOUR) -> list[str]:
    """The codes of what is said about mentions themselves."""
    return [code for code in codes(read(text, references)) if code not in LINT]


UNUSED = "unused-reference"


@pytest.mark.parametrize(
    ("written", "expected", "found"),
    [
        ("@image1 walks down @IMG 2", "@Image1 walks down @Image2", [UNUSED, UNUSED]),
        ("hero.png walks like #3 to @theme", "@Image1 walks like @Video1 to @Audio1", [UNUSED]),
        (
            "the first image in the style of the second picture",
            "@Image1 in the style of @Image2",
            [UNUSED, UNUSED],
        ),
        ("[Image 1] dances, [video1] moves", "@Image1 dances, @Video1 moves", [UNUSED, UNUSED]),
        ("让图片1像视频1一样走路", "让@Image1像@Video1一样走路", [UNUSED, UNUSED]),
        ("@hero waves at @walk", "@Image1 waves at @Video1", [UNUSED, UNUSED]),
        ("mail bob@image1.com about \\#1", "mail bob@image1.com about #1", ["no-reference-mentioned"]),
        (
            "[1] wide shot [2] close-up [7] end",
            "@Image1 wide shot @Image2 close-up [7] end",
            ["loose-mention-unresolved", UNUSED, UNUSED],
        ),
        (
            "hey @everyone, <@42> smiles",
            "hey everyone, Ada smiles",
            ["mention-replaced", "mention-replaced", "no-reference-mentioned"],
        ),
        ("@Image1@Image2 kiss", "@Image1@Image2 kiss", [UNUSED, UNUSED]),
    ],
)
def test_the_documents_examples_hold(written: str, expected: str, found: list[str]) -> None:
    assert rendered(written) == expected
    assert codes(read(written)) == found


def test_an_image_that_does_not_exist_is_refused_with_what_exists() -> None:
    (finding,) = read("@Image3 waves").findings
    assert finding.reason.code == "unknown-reference"
    assert finding.severity is Severity.ERROR
    assert (finding.start, finding.end) == (0, 7)
    sentence = say(finding.reason)
    assert "@Image1 hero.png, @Image2 alley.jpg" in sentence
    assert "walk.mp4" not in sentence


def test_a_number_is_never_cut_in_two() -> None:
    assert codes(read("@Image12")) == ["unknown-reference"]


@pytest.mark.parametrize(
    "mention",
    [
        *("@Image1", "@image 1", "@img_1", "@Img-1", "@IMAGE:1", "@pic1", "@photo 1", "@picture#1", "@Image01"),
        *("[Image 1]", "[image1]", "<image 1>", "{img_1}", "【图片1】", "[ Image 1 ]", "@1", "#1", "[1]"),
        *("@hero.png", "@HERO.PNG", "@hero", '@"hero.png"', '@"hero"', "@“hero.png”", "hero.png", "Hero.PNG"),
        *("image 1", "Image1", "picture 1", "image #1", "image no. 1", "the first image", "first image", "1st photo"),
        *("the 1st image", "图片1", "照片 1", "第一张图片", "第1张照片", "@图1", "画像1", "1枚目の画像", "最初の写真"),
        *("이미지 1", "첫 번째 이미지", "imagen 1", "la primera imagen", "imagem 1", "a primeira imagem", "image n°1"),
        *("la première image", "Bild 1", "das erste Bild", "Bild Nr. 1", "immagine 1", "la prima immagine"),
        *("изображение 1", "первая картинка", "＠Ｉｍａｇｅ１", "［Ｉｍａｇｅ　１］", "＃１", "@Image①", "ﾋﾞﾃﾞｵ1"),
        *(
            "@clip1",
            "@vid-1",
            "Video1",
            "视频1",
            "第一段视频",
            "動画1",
            "동영상 1",
            "vidéo 1",
            "vide\u0301o 1",
            "видео 1",
        ),
        *("@sound1", "@voice1", "@music1", "@Audio:1", "{audio1}", "<audio 1>", "音频1", "áudio 1", "Musik 1"),
    ],
)
def test_every_form_finds_its_reference(mention: str) -> None:
    """Alone and in the middle of a sentence; nothing but the mention is replaced."""
    assert own_codes(mention) == []
    token = rendered(mention)
    assert token in {"@Image1", "@Video1", "@Audio1"}
    assert rendered(f"Look: {mention}, and go") == f"Look: {token}, and go"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("@Image1's hat", "@Image1's hat"),
        ("(@Image1)", "(@Image1)"),
        ("hero.png's hat (hero.png).", "@Image1's hat (@Image1)."),
        ("image 1/image 2", "@Image1/@Image2"),
        ("@hero-style light", "@Image1-style light"),
        ("foo@Image1", "foo@Image1"),
        ("the\tfirst image", "the\t@Image1"),
        ("[Image 1]2", "@Image1 2"),
        ("图片1号", "@Image1号"),
        ("@Image1.Then she", "@Image1.Then she"),
        ("_image 1_ and __@Image2__", "_@Image1_ and __@Image2__"),
        ("@Image1ㅋㅋ, 이미지 1ㅋㅋ, @hero.pngㅋㅋ", "@Image1ㅋㅋ, @Image1ㅋㅋ, @Image1ㅋㅋ"),
        ("#1-#2, image 1-image 2", "@Image1-@Image2, @Image1-@Image2"),
        ("image 1\ufe0f\u20e3, @2\ufe0f\u20e3 [1\ufe0f\u20e3]", "@Image1, @Image2 @Image1"),
        ("hero.png/walk.mp4", "@Image1/@Video1"),
        ("[1][2]", "@Image1@Image2"),
        ("see:\\image 1, 在\\图片1, _\\image 1_", "see:image 1, 在图片1, _image 1_"),
        ("[@Image1, @Image2]", "[@Image1, @Image2]"),
    ],
)
def test_a_mention_ends_where_a_reader_ends_it(written: str, expected: str) -> None:
    assert rendered(written) == expected
    assert own_codes(written) == []


@pytest.mark.parametrize(
    "text",
    [
        *("https://x.y/@Image1", "see http://x.y/hero.png?a[1]=#2", "www.hero.png/@Image1", "bob@image1.com"),
        *("user.name+tag@hero.png", "IMG_0012.jpg", "image1.png", "my.hero.png", "clips/hero.png", "hero.png.bak"),
        *("heroes", "a 10 second video", "a ten-second clip", "a second image", "another second image", "video 16:9"),
        *("image 1.5", "audio 5.1", "images 1-3", "video 1-3", "#ff0000", "#123", "&#39;", "array[2]", "C#2", "地图1"),
        *(
            "first image 9x",
            "text[1][2]",
            "assets/2/hero.png",
            "C:\\hero.png",
            "media\\hero.png ..\\hero.png",
            "my_image 1, image 1_final",
            "photo 1×2, photo 1 x 2",
            "preimage 1",
            "image1x",
            "@ 5pm",
            "a @ b",
            "@",
            "@@",
            "my son 1",
            "[]",
            "<>",
            "{1}",
            "video 4k",
        ),
        *("first image-based", "C:\\new", "a\\b", "  two  spaces \n\n lines ", "👩‍🚀 ½ ﷺ", "@Image½"[1:]),
    ],
)
def test_what_is_no_mention_is_left_alone(text: str) -> None:
    assert rendered(text) == text
    assert own_codes(text) == []


@pytest.mark.parametrize(
    "text", ["image 9", "#9", "[9]", "the ninth image", "图片9", "Video2", "second clip", "Bild 7"]
)
def test_a_loose_mention_of_nothing_stays_text_with_a_warning(text: str) -> None:
    assert rendered(text) == text
    assert own_codes(text) == ["loose-mention-unresolved"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "@Image9",
            "@9",
            "@0",
            "@Image0",
            "[Image 9]",
            "<video 7>",
            "{audio9}",
            "【图片9】",
            "@nobody.png",
            '@"no such"',
        ),
        *("@Imgae1", "@heor", "@her", "@Image", "@hero-2", "@hero.jpg", "@Image1st", f"@Image{'9' * 5000}"),
    ],
)
def test_a_strict_mention_of_nothing_is_an_error(text: str) -> None:
    assert "unknown-reference" in own_codes(text)
    assert read(text).prompt.mentioned == ()


@pytest.mark.parametrize(
    ("text", "nearest"), [("@Imgae1", "@Image1"), ("@heor", "hero.png"), ("@them", "theme.mp3"), ("@Video4", "@Video1")]
)
def test_the_nearest_is_offered(text: str, nearest: str) -> None:
    (finding,) = read(text).errors
    assert nearest in str(finding.reason.arguments["nearest"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("\\@Image1", "Image1"),
        ("\\@Image9", "Image9"),
        ("\\[Image 1]", "Image 1"),
        ("\\#1", "#1"),
        ("\\[2]", "[2]"),
        ("\\image 1", "image 1"),
        ("\\hero.png", "hero.png"),
        ("\\@hero", "hero"),
        ("\\@everyone", "everyone"),
        ("\\<@42>", "Ada"),
        ("\\\\", "\\\\"),
    ],
)
def test_a_backslash_takes_a_mention_back(written: str, expected: str) -> None:
    assert rendered(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<@42>", "Ada"),
        ("<@!42>", "Ada"),
        ("<@7>", "someone"),
        ("<@&7>", "a role"),
        ("<#7>", "a channel"),
        ("</video make:123>", "/video make"),
        ("<:Party_Cat:7>", ":Party_Cat:"),
        ("<a:dance:7>", ":dance:"),
        ("<t:0>", "1970-01-01 00:00 UTC"),
        ("<t:86400:d>", "1970-01-02"),
        ("<t:99999999999999>", "some time"),
        ("<id:customize>", "customize"),
        ("<id:linked-roles>", "linked-roles"),
        ("<id:linked-roles:7>", "linked-roles"),
        ("<sound:7:8>", "a sound"),
        ("@8:00", "8:00"),
        ("@1.5", "1.5"),
        ("@here", "here"),
        ("＠everyone", "everyone"),
        ("@bob", "bob"),
        ("@小明 jumps", "小明 jumps"),
    ],
)
def test_discords_markup_becomes_readable_text(written: str, expected: str) -> None:
    assert rendered(written) == expected
    assert own_codes(written) == ["mention-replaced"]


def test_a_collected_avatar_or_emoji_is_a_mention() -> None:
    parsed = parse("<@42> and <:cat:7>", FOUR, limits=LIMITS, avatars={42: "ref-1"}, emoji={7: "ref-2"})
    assert parsed.prompt.mentioned == ("ref-1", "ref-2")


def test_names_of_roles_and_channels_are_used_when_known() -> None:
    parsed = parse("<@&1> in <#2>", (), limits=LIMITS, roles={1: "@Crew"}, channels={2: "studio"})
    assert render(parsed.prompt, PromptStyle.AT, natural_numbering(())) == "Crew in studio"


def test_a_number_wins_over_a_file_of_that_name_and_says_so() -> None:
    references = make_references("image2.png", "cat.png")
    assert rendered("@image2 and @image2.png", references) == "@Image2 and @Image1"
    (warning,) = [finding for finding in read("@image2", references).findings if finding.reason.code not in LINT]
    assert warning.reason.code == "name-shadowed"
    assert warning.reason.arguments["name"] == "image2.png"


def test_a_number_that_is_also_the_files_own_name_needs_no_warning() -> None:
    assert own_codes("@image1", make_references("image1.png")) == []


@pytest.mark.parametrize(
    ("written", "name", "expected", "mend"),
    [
        ("@Image1 dances", "image1 dances.png", "@Image1 dances", "@Image1 dances"),
        ("@1 girl runs", "1 girl.png", "@Image1 girl runs", "@1 girl"),
        ("@image1 copy the pose", "image1 copy.png", "@Image1 copy the pose", "@image1 copy"),
    ],
)
def test_a_number_wins_over_a_longer_name_that_reads_on_like_a_sentence(
    written: str, name: str, expected: str, mend: str
) -> None:
    references = make_references("cat.png", name)
    assert rendered(written, references) == expected
    (warning,) = [found for found in read(written, references).findings if found.reason.code not in LINT]
    assert (warning.reason.code, written[warning.start : warning.end]) == ("name-shadowed", mend)
    assert rendered(f'@{name}, @"{name}"', references) == "@Image2, @Image2"


def test_two_files_of_one_stem_are_asked_about() -> None:
    references = make_references("hero.png", "hero.jpg")
    (finding,) = read("@hero", references).errors
    assert finding.reason.code == "ambiguous-reference"
    assert finding.reason.arguments["candidates"] == "@Image1 hero.png or @Image2 hero.jpg"
    assert rendered("@hero.jpg", references) == "@Image2"


def test_names_with_spaces_signs_and_any_script_are_found() -> None:
    references = make_references("my hero.png", "英雄.png", "a (1).png", "Ünï.png")
    assert rendered('my hero.png @"My Hero" @my hero', references) == "@Image1 @Image1 @Image1"
    assert rendered("让英雄.png跳舞 @英雄跳", references) == "让@Image2跳舞 @Image2跳"
    assert rendered("a (1).png, @a (1)", references) == "@Image3, @Image3"
    assert rendered("u\u0308nï.png", references) == "@Image4"


def test_an_alias_is_a_name() -> None:
    references = make_references("IMG_0012.png", aliases={"IMG_0012.png": "Knight"})
    assert rendered("@knight and IMG_0012.png", references) == "@Image1 and @Image1"


def test_each_style_has_its_own_token() -> None:
    prompt = read("@hero and video 1").prompt
    assert render(prompt, PromptStyle.BRACKET, natural_numbering(FOUR)) == "[Image 1] and [Video 1]"
