"""What a sheet of references shows, and that no file keeps the others from being shown."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import io
from hashlib import shake_256
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from bot.domain.errors import Refused
from bot.domain.media import AnimaticPart, Kind
from bot.media import lettering
from bot.media.tools import SandboxedMedia
from tests import media_samples

Box = tuple[int, int, int, int]
ACROSS, DOWN = 401, 301
"""A tile's size where three stand in a row."""


def box(index: int) -> Box:
    """Where the tile stands in a row of three."""
    left = 24 + index * (ACROSS + 14)
    return left, 24, left + ACROSS, 24 + DOWN


def labels(index: int) -> Box:
    left, _, right, foot = box(index)
    return left, foot, right, foot + 82


def part(folder: Path, data: bytes, kind: Kind = Kind.IMAGE, label: str = "#1 @Image1 hero.png") -> AnimaticPart:
    path = folder / f"{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return AnimaticPart(path=str(path), kind=kind, label=label)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (400, 300)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


async def sheet_of(folder: Path, *parts: AnimaticPart, media: SandboxedMedia | None = None) -> Image.Image:
    into = folder / "sheet.png"
    await (media or SandboxedMedia()).reference_sheet(parts, into)
    with Image.open(into, formats=["PNG"]) as sheet:
        return sheet.convert("RGB")


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    around = image.crop((at[0] - 4, at[1] - 4, at[0] + 4, at[1] + 4))
    return all(abs(seen - meant) < 16 for seen, meant in zip(ImageStat.Stat(around).mean, colour, strict=True))


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def brightest(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).extrema[0][1]


def middle(index: int) -> tuple[int, int]:
    return (box(index)[0] + box(index)[2]) // 2, (box(index)[1] + box(index)[3]) // 2


async def test_tiles_stand_in_the_order_of_the_parts(tmp_path: Path) -> None:
    colours = ((200, 30, 30), (30, 200, 30), (30, 30, 200))

    sheet = await sheet_of(tmp_path, *(part(tmp_path, plain(colour)) for colour in colours))

    assert all(near(sheet, middle(index), colour) for index, colour in enumerate(colours))


async def test_a_picture_is_shown_whole_and_upright(tmp_path: Path) -> None:
    wide, turned = plain((200, 30, 30), (900, 100)), media_samples.jpeg((640, 480), orientation=6)

    sheet = await sheet_of(tmp_path, part(tmp_path, wide), part(tmp_path, turned), part(tmp_path, wide))

    left, top, right, foot = box(0)
    assert near(sheet, (left + 10, middle(0)[1]), (200, 30, 30))
    assert near(sheet, (right - 10, middle(0)[1]), (200, 30, 30))
    assert not near(sheet, (middle(0)[0], top + 60), (200, 30, 30))
    assert not near(sheet, (middle(0)[0], foot - 60), (200, 30, 30))
    assert near(sheet, (middle(1)[0] + 80, top + 45), (230, 40, 40))  # the mark was at the stored picture's top left


async def test_a_drawing_on_a_clear_ground_can_be_seen_whether_it_is_dark_or_light(tmp_path: Path) -> None:
    drawings: list[bytes] = []
    for level in (0, 255):
        image = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
        image.paste((level, level, level, 255), (100, 100, 200, 200))
        file = io.BytesIO()
        image.save(file, "PNG")
        drawings.append(file.getvalue())

    sheet = await sheet_of(tmp_path, *(part(tmp_path, data) for data in (*drawings, drawings[0])))

    for index in (0, 1):
        tile = sheet.crop(box(index)).convert("L")
        drawn = ImageStat.Stat(tile.crop((120, 120, 180, 180))).mean[0]
        ground = ImageStat.Stat(tile.crop((220, 120, 380, 180))).mean[0]
        assert abs(drawn - ground) > 80


async def test_a_small_emoji_is_not_blown_up_to_the_whole_tile(tmp_path: Path) -> None:
    red = part(tmp_path, plain((200, 30, 30), (48, 48)))

    sheet = await sheet_of(tmp_path, red, red, red)

    assert near(sheet, middle(0), (200, 30, 30))
    assert not near(sheet, (middle(0)[0] - 100, middle(0)[1]), (200, 30, 30))


@pytest.mark.parametrize("make", [media_samples.mp4, media_samples.webm, media_samples.moving_gif])
async def test_a_clip_is_told_from_a_picture_by_its_plate(tmp_path: Path, make: media_samples.Maker) -> None:
    clip = part(tmp_path, make(), Kind.VIDEO)
    picture = part(tmp_path, media_samples.png())

    sheet = await sheet_of(tmp_path, clip, picture, picture)

    tiles = [sheet.crop(box(index)) for index in range(2)]
    plates = [tile.crop((ACROSS - 90, DOWN - 40, ACROSS - 12, DOWN - 12)).convert("L") for tile in tiles]
    assert ImageStat.Stat(tiles[0].convert("L")).stddev[0] > 20
    assert ImageStat.Stat(plates[0]).mean[0] < ImageStat.Stat(plates[1]).mean[0] - 40


async def test_a_clip_shows_another_frame_than_its_first(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (160, 120), colour) for colour in ("black", "#c81e1e", "#1ec81e", "#1e1ec8")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    clip = part(tmp_path, file.getvalue(), Kind.VIDEO)

    sheet = await sheet_of(tmp_path, clip, clip, clip)

    assert near(sheet, middle(0), (200, 30, 30))


async def test_the_form_of_a_sound_shows_where_it_is_loud(tmp_path: Path) -> None:
    tone, quiet = media_samples.wav(seconds=1), bytearray(media_samples.wav(seconds=1))
    half = len(quiet) // 2
    quiet[half:] = bytes(len(quiet) - half)

    sheet = await sheet_of(
        tmp_path,
        part(tmp_path, tone, Kind.AUDIO),
        part(tmp_path, bytes(quiet), Kind.AUDIO),
        part(tmp_path, plain((9, 9, 9))),
    )

    def lit(index: int, start: int, end: int) -> float:
        left, top, _, _ = box(index)
        return ImageStat.Stat(sheet.crop((left + start, top + 20, left + end, top + 240)).convert("L")).mean[0]

    assert lit(0, 220, 380) == pytest.approx(lit(0, 20, 180), rel=0.1)
    assert lit(1, 220, 380) < lit(1, 20, 180) / 2


async def test_every_tile_has_its_own_label(tmp_path: Path) -> None:
    data = plain((60, 60, 60))
    texts = ("#1 @Image1 hero.png", "#2 @Image2 hero.png", "日本語 🎬 \x00\u202e" + "W\u0301" * 3000)

    sheet = await sheet_of(tmp_path, *(part(tmp_path, data, label=text) for text in texts))

    one, other, odd = (sheet.crop(labels(index)) for index in range(3))
    assert difference(one, other) > 0.3
    for text in (one, other, odd):
        assert brightest(text) > 200
    assert brightest(sheet.crop((box(2)[2] + 1, box(2)[3], sheet.width, sheet.height))) < 40


def test_a_name_that_is_too_long_keeps_its_ending() -> None:
    font = lettering.typeface(24)
    name = "a walk along the harbour in the evening, second attempt.mp4"

    short = lettering.shortened_inside(name, font, 300)

    assert font.getlength(short) <= 300
    assert short.startswith("a walk")
    assert short.endswith(".mp4")
    assert lettering.shortened_inside("hero.png", font, 300) == "hero.png"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (media_samples.cut(media_samples.png()), Kind.IMAGE),
        (media_samples.cut(media_samples.mp4(index_first=False)), Kind.VIDEO),
        (media_samples.png(), Kind.AUDIO),
        (media_samples.mp3(), Kind.VIDEO),
        (media_samples.hls_playlist("file:///etc/passwd"), Kind.VIDEO),
        (media_samples.long_gif((1000, 1000), frames=601), Kind.VIDEO),
        (b"", Kind.IMAGE),
    ],
)
async def test_what_cannot_be_shown_says_so_between_its_neighbours(tmp_path: Path, data: bytes, kind: Kind) -> None:
    red = part(tmp_path, plain((200, 30, 30)))

    sheet = await sheet_of(tmp_path, red, part(tmp_path, data, kind), red)

    assert near(sheet, middle(0), (200, 30, 30))
    assert near(sheet, middle(2), (200, 30, 30))
    assert near(sheet, (box(1)[0] + 40, box(1)[1] + 40), (32, 32, 40))
    assert brightest(sheet.crop(box(1))) > 200
    assert brightest(sheet.crop(labels(1))) > 200


def heavy(folder: Path) -> AnimaticPart:
    """A clip that takes seconds to decode."""
    return part(folder, media_samples.long_gif((1000, 1000), frames=600), Kind.VIDEO, "#2 @Video1 heavy.gif")


async def test_a_file_that_ends_the_child_leaves_the_others_to_be_shown(tmp_path: Path) -> None:
    red = part(tmp_path, plain((200, 30, 30)))

    sheet = await sheet_of(tmp_path, red, heavy(tmp_path), red, media=SandboxedMedia(draw_cpu_seconds=1))

    assert near(sheet, middle(0), (200, 30, 30))
    assert near(sheet, middle(2), (200, 30, 30))
    assert near(sheet, (box(1)[0] + 40, box(1)[1] + 40), (32, 32, 40))


async def test_a_sheet_whose_files_end_every_child_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    parts = [heavy(tmp_path)] * 3

    with pytest.raises(Refused) as refused:
        await sheet_of(tmp_path, *parts, media=SandboxedMedia(draw_cpu_seconds=1))

    assert refused.value.reason.code == "media-too-heavy"
    assert refused.value.reason.arguments["name"] == "#2 @Video1 heavy.gif"
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


async def test_even_noise_makes_a_sheet_under_two_megabytes(tmp_path: Path) -> None:
    size = (700, 525)
    noise = io.BytesIO()
    Image.frombytes("RGB", size, shake_256(b"noise").digest(size[0] * size[1] * 3)).save(noise, "PNG")
    parts = [part(tmp_path, noise.getvalue()) for _ in range(4)]

    await sheet_of(tmp_path, *parts)

    assert (tmp_path / "sheet.png").stat().st_size < 1_700_000


def screen_bomb(side: int) -> bytes:
    """A GIF that claims a huge screen and draws one pixel."""
    screen, dot = side.to_bytes(2, "little") * 2, bytes(4) + b"\x01\0\x01\0"
    return b"GIF89a" + screen + b"\x80\0\0" + b"\0\0\0\xff\xff\xff," + dot + b"\0\x02\x02\x44\x01\0;"


async def test_a_gif_that_grows_into_a_bomb_is_too_heavy(tmp_path: Path) -> None:
    path, media = tmp_path / "bomb.gif", SandboxedMedia()
    first, dot = media_samples.long_gif((16, 16), frames=1), screen_bomb(65_535)
    frame = dot[dot.index(b",") : -1].replace(b"\x01\0\x01\0", b"\xff\xff\xff\xff", 1)
    path.write_bytes(first[:-1] + frame + b";")

    with pytest.raises(Refused) as refused:
        await media.probe(path, media.sniff(path.read_bytes()))

    assert refused.value.reason.code == "media-too-heavy"
