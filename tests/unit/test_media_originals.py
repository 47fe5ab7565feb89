"""Drawings of files as people send them: whatever can be used has its tile on a sheet and its scene in an animatic."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from hashlib import shake_256
from pathlib import Path
from typing import Final, cast

import av
import pytest
from av.video.frame import VideoFrame
from PIL import Image, ImageChops, ImageDraw, ImageStat

from bot.domain.conform import Verdict
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind
from bot.media.tools import SandboxedMedia
from tests import media_samples
from tests.corpus import LIMITS, corpus, manifest

Colour = tuple[int, int, int]
ACROSS, DOWN = 401, 301
"""A tile's size where three stand in a row."""

SECONDS: Final[Sequence[Colour]] = (
    *((200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (200, 30, 200), (30, 200, 200)),
)
"""What `colours` shows, each for a second."""


def tile(sheet: Image.Image, index: int = 0) -> Image.Image:
    left = 24 + index * (ACROSS + 14)
    return sheet.crop((left, 24, left + ACROSS, 24 + DOWN))


def colour(image: Image.Image, at: tuple[int, int] | None = None) -> Colour:
    """The mean around a place, the middle unless said otherwise."""
    x, y = at or (image.width // 2, image.height // 2)
    red, green, blue = ImageStat.Stat(image.convert("RGB").crop((x - 4, y - 4, x + 4, y + 4))).mean
    return round(red), round(green), round(blue)


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def near(one: Colour, other: Colour, *, by: int = 16) -> bool:
    return all(abs(seen - meant) < by for seen, meant in zip(one, other, strict=True))


def part(folder: Path, data: bytes, kind: Kind = Kind.IMAGE, **used: float) -> AnimaticPart:
    path = folder / f"{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return AnimaticPart(path=str(path), kind=kind, label="#1", **used)


async def sheet_of(folder: Path, *parts: AnimaticPart) -> Image.Image:
    """A sheet of three; what is missing is repeated."""
    into = folder / "sheet.png"
    await SandboxedMedia().reference_sheet((*parts, *parts, *parts)[:3], into)
    with Image.open(into, formats=["PNG"]) as sheet:
        return sheet.convert("RGB")


async def film_of(folder: Path, *parts: AnimaticPart, seconds: float = 1.0) -> Path:
    into = folder / "film.mp4"
    plan = AnimaticPlan(width=160, height=120, seconds=seconds, parts=parts, caption="", audio=True, frame_rate=10)
    await SandboxedMedia().animatic(plan, into)
    return into


def frames(path: Path) -> list[Image.Image]:
    with av.open(path, "r") as opened:
        return [cast("Image.Image", frame.to_image()) for frame in opened.decode(video=0)]


def loudest(path: Path, start: float, end: float) -> float:
    """The loudest sample between two moments."""
    found = 0.0
    with av.open(path, "r") as opened:
        for frame in opened.decode(audio=0):
            if start <= float(frame.time or 0) < end:
                found = max(found, *map(abs, memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]))
    return found


def saved(image: Image.Image, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def film(pictures: Sequence[Image.Image], *, hdr: int = 0, keyframes: int = 250) -> bytes:
    """H.264 of these pictures, ten a second; `hdr`: the transfer (ITU-T H.273) of a film in BT.2020."""
    file = io.BytesIO()
    with av.open(file, mode="w", format="mp4") as output:
        options = {"preset": "ultrafast", "crf": "10", "g": str(keyframes)}
        stream = output.add_stream("libx264", rate=Fraction(10), options=options)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p10le" if hdr else "yuv420p"
        if hdr:
            stream.colorspace, stream.color_primaries, stream.color_trc, stream.color_range = 9, 9, hdr, 1
        for number, picture in enumerate(pictures):
            made = cast("VideoFrame", VideoFrame.from_image(picture))
            frame = made.reformat(format=stream.pix_fmt, dst_colorspace=9 if hdr else None)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


def colours(*, keyframes: int = 250) -> bytes:
    return film([Image.new("RGB", (160, 120), each) for each in SECONDS for _ in range(10)], keyframes=keyframes)


def colours_gif() -> bytes:
    file = io.BytesIO()
    first, *rest = (Image.new("RGB", (160, 120), each) for each in SECONDS)
    first.save(file, "GIF", save_all=True, append_images=rest, duration=1000)
    return file.getvalue()


# --- everything that can be used -------------------------------------------------------------------------------------


async def usable(media: SandboxedMedia) -> list[AnimaticPart]:
    folder = corpus()
    expected = manifest(folder)["entries"]
    files = [folder / one["name"] for one in expected if one["verdict"] != "reject" and (folder / one["name"]).exists()]
    parts: list[AnimaticPart] = []
    for file in files:
        record = await media.record(file, LIMITS)
        if record.verdict is not Verdict.REJECT and record.used_kind is not None:
            parts.append(AnimaticPart(path=str(file), kind=record.used_kind, label=file.name))
    assert len(parts) > 20
    return parts


async def test_whatever_can_be_used_has_its_tile(tmp_path: Path) -> None:
    media = SandboxedMedia()
    blank = tile(await sheet_of(tmp_path, part(tmp_path, b"")))
    unseen: list[str] = []
    parts = await usable(media)
    for first in range(0, len(parts), 3):
        three = parts[first : first + 3]
        sheet = await sheet_of(tmp_path, *three)
        unseen += [one.label for index, one in enumerate(three) if difference(tile(sheet, index), blank) < 2]
    assert unseen == []


async def test_whatever_can_be_used_has_its_scene(tmp_path: Path) -> None:
    media = SandboxedMedia()
    refused: list[str] = []
    for one in await usable(media):
        plan = AnimaticPlan(width=64, height=48, seconds=0.5, parts=(one,), caption="", audio=True, frame_rate=4)
        facts = await media.animatic(plan, tmp_path / "film.mp4")
        if (facts.frame_count, facts.audio_codec) != (2, "aac"):
            refused.append(one.label)
    assert refused == []


# --- pictures --------------------------------------------------------------------------------------------------------


async def test_a_film_that_is_used_as_a_picture_is_shown_as_one(tmp_path: Path) -> None:
    still = part(tmp_path, film([Image.new("RGB", (160, 120), (200, 30, 30))]))

    shown = tile(await sheet_of(tmp_path, still))

    assert near(colour(shown), (200, 30, 30))
    assert near(colour(shown, (ACROSS - 40, DOWN - 26)), (200, 30, 30))  # no plate with a length
    assert all(near(colour(frame), (200, 30, 30)) for frame in frames(await film_of(tmp_path, still)))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
async def test_of_what_moves_and_is_used_as_a_picture_the_first_frame_that_shows_anything_is_shown(
    tmp_path: Path, form: str
) -> None:
    still = part(tmp_path, media_samples.clear_start(form))

    shown = tile(await sheet_of(tmp_path, still))
    scene = frames(await film_of(tmp_path, still))[0]

    assert near(colour(shown, (155, 135)), (255, 40, 40))
    assert near(colour(scene, (45, 45)), (255, 40, 40), by=40)


async def test_a_picture_for_programs_that_play_no_apng_is_not_shown(tmp_path: Path) -> None:
    sorry, *played = (Image.new("RGB", (160, 120), each) for each in SECONDS[:3])
    file = io.BytesIO()
    sorry.save(file, "PNG", save_all=True, append_images=played, default_image=True)

    assert near(colour(tile(await sheet_of(tmp_path, part(tmp_path, file.getvalue())))), SECONDS[1])


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (saved(Image.new("I;16", (160, 120), 128 * 257)), (128, 128, 128)),
        (saved(Image.new("CMYK", (160, 120), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        (saved(Image.new("CMYK", (160, 120), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
        (saved(Image.new("P", (160, 120), 0)), (0, 0, 0)),
        (saved(Image.new("1", (160, 120), 1)), (255, 255, 255)),
    ],
    ids=["16 bits", "CMYK JPEG", "CMYK TIFF", "palette", "1 bit"],
)
async def test_pictures_of_every_sort_have_their_colours(tmp_path: Path, data: bytes, seen: Colour) -> None:
    picture = part(tmp_path, data)

    assert near(colour(tile(await sheet_of(tmp_path, picture))), seen)
    assert near(colour(frames(await film_of(tmp_path, picture))[0]), seen)


# --- films -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
async def test_a_film_in_hdr_is_not_washed_out(tmp_path: Path, transfer: int) -> None:
    stripes = Image.new("RGB", (160, 120), (30, 30, 30))
    draw = ImageDraw.Draw(stripes)
    draw.rectangle((0, 0, 79, 119), fill=(190, 60, 60))
    clip = part(tmp_path, film([stripes] * 4, hdr=transfer), Kind.VIDEO)

    for shown in (tile(await sheet_of(tmp_path, clip)), frames(await film_of(tmp_path, clip))[3]):
        red, _, _ = vivid = colour(shown, (shown.width // 4, shown.height // 2))
        dark = colour(shown, (shown.width * 3 // 4, shown.height // 2))
        assert max(vivid) - min(vivid) > 100
        assert red > 150
        assert max(dark) < 60


@pytest.mark.parametrize(
    "make", [colours, partial(colours, keyframes=10), colours_gif], ids=["one keyframe", "many", "GIF"]
)
async def test_of_a_clip_the_part_that_is_used_is_shown_and_nothing_else(
    tmp_path: Path, make: media_samples.Maker
) -> None:
    whole = part(tmp_path, make(), Kind.VIDEO)
    fourth = part(tmp_path, make(), Kind.VIDEO, start_seconds=3.0, seconds=1.0)

    sheet = await sheet_of(tmp_path, whole, fourth)
    shown = frames(await film_of(tmp_path, fourth, seconds=2.5))

    assert near(colour(tile(sheet, 0)), SECONDS[1], by=24)
    assert near(colour(tile(sheet, 1)), SECONDS[3], by=24)
    assert [frame for frame in shown if not near(colour(frame, (80, 100)), SECONDS[3], by=30)] == []


async def test_a_part_that_begins_behind_the_end_is_the_whole_clip(tmp_path: Path) -> None:
    late = part(tmp_path, colours(), Kind.VIDEO, start_seconds=60.0, seconds=2.0)

    assert near(colour(tile(await sheet_of(tmp_path, late))), SECONDS[0], by=24)


async def test_a_clips_sound_and_its_pictures_are_read_without_getting_in_each_others_way(tmp_path: Path) -> None:
    noise = Image.frombytes("RGB", (320, 240), shake_256(b"noise").digest(320 * 240 * 3))
    pictures = [
        Image.blend(ImageChops.offset(noise, 7 * turn), Image.new("RGB", noise.size, SECONDS[turn // 10]), 0.6)
        for turn in range(30)
    ]
    silent = film(pictures)
    clips = [part(tmp_path, data, Kind.VIDEO) for data in (silent, with_sound(silent, seconds=3))]
    assert len(silent) > 1_000_000

    alone, together = [frames(await film_of(tmp_path, clip, seconds=3)) for clip in clips]

    assert max(difference(one, other) for one, other in zip(alone, together, strict=True)) < 5


def with_sound(silent: bytes, *, seconds: float) -> bytes:
    """The film with a tone, in one file."""
    file = io.BytesIO()
    with (
        av.open(io.BytesIO(silent), "r") as pictures,
        av.open(io.BytesIO(media_samples.m4a(seconds=seconds)), "r") as sound,
        av.open(file, "w", format="mp4") as output,
    ):
        shown = output.add_stream_from_template(pictures.streams.video[0])
        heard = output.add_stream_from_template(sound.streams.audio[0])
        for packet in pictures.demux(video=0):
            if packet.dts is not None:
                packet.stream = shown
                output.mux(packet)
        for noise in sound.demux(audio=0):
            if noise.dts is not None:
                noise.stream = heard
                output.mux(noise)
    return file.getvalue()


# --- sounds ----------------------------------------------------------------------------------------------------------


def quiet_then_loud() -> bytes:
    """A second of silence, then one of a tone."""
    data = bytearray(media_samples.wav(seconds=2))
    start = data.index(b"data") + 8
    half = (len(data) - start) // 2
    data[start : start + half] = bytes(half)
    return bytes(data)


@pytest.mark.parametrize(("start", "heard"), [(0.0, False), (1.0, True)])
async def test_of_a_sound_the_part_that_is_used_is_heard(tmp_path: Path, start: float, *, heard: bool) -> None:
    sound = part(tmp_path, quiet_then_loud(), Kind.AUDIO, start_seconds=start, seconds=1.0)

    film = await film_of(tmp_path, sound, seconds=1.0)

    assert (loudest(film, 0.2, 0.7) > 0.05) is heard


async def test_the_form_of_a_sound_marks_the_part_that_is_used(tmp_path: Path) -> None:
    sound = part(tmp_path, media_samples.wav(seconds=2), Kind.AUDIO, start_seconds=1.0, seconds=1.0)

    shown = tile(await sheet_of(tmp_path, sound)).convert("L")

    left, right = (ImageStat.Stat(shown.crop((x, 40, x + 150, 200))).mean[0] for x in (25, 225))
    assert right > left * 1.5
