"""What animatics and contact sheets look and sound like."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from bot.domain.media import AnimaticPart, AnimaticPlan, Kind
from bot.media import lettering
from bot.media.tools import SandboxedMedia
from tests import media_samples


def plan_of(
    *parts: AnimaticPart, width: int = 160, height: int = 120, seconds: float = 1.0, caption: str = ""
) -> AnimaticPlan:
    return AnimaticPlan(width=width, height=height, seconds=seconds, parts=parts, caption=caption, audio=True)


def part(folder: Path, name: str, kind: Kind) -> AnimaticPart:
    return AnimaticPart(path=str(media_samples.write(folder, name)), kind=kind, label=f"@{kind.word}1 {name}")


def frames_of(path: Path) -> list[Image.Image]:
    with av.open(path, "r") as opened:
        return [cast("Image.Image", frame.to_image()) for frame in opened.decode(video=0)]


def sound_of(path: Path) -> tuple[float, float]:
    """Seconds, and the loudest sample."""
    seconds = loudest = 0.0
    with av.open(path, "r") as opened:
        for frame in opened.decode(audio=0):
            seconds += frame.samples / frame.sample_rate
            samples = memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]
            loudest = max(loudest, *map(abs, samples))
    return seconds, loudest


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean)


async def test_a_still_moves_slowly(tmp_path: Path) -> None:
    plan = plan_of(part(tmp_path, "hero.png", Kind.IMAGE), seconds=2)

    await SandboxedMedia().animatic(plan, tmp_path / "out.mp4")

    frames = frames_of(tmp_path / "out.mp4")
    assert difference(frames[0], frames[-1]) > 3 * difference(frames[20], frames[21])


async def test_every_part_is_shown_for_its_share(tmp_path: Path) -> None:
    colours = ((200, 30, 30), (30, 200, 30), (30, 30, 200))
    parts: list[AnimaticPart] = []
    for index, colour in enumerate(colours):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (80, 60), colour).save(path)
        parts.append(AnimaticPart(path=str(path), kind=Kind.IMAGE, label=""))

    await SandboxedMedia().animatic(plan_of(*parts, seconds=1.5), tmp_path / "out.mp4")

    frames = frames_of(tmp_path / "out.mp4")
    assert len(frames) == 36
    for position, colour in ((0, 0), (11, 0), (12, 1), (23, 1), (24, 2), (35, 2)):
        pixel = frames[position].getpixel((80, 60))
        assert isinstance(pixel, tuple)
        assert max(abs(seen - meant) for seen, meant in zip(pixel, colours[colour], strict=True)) < 25


@pytest.mark.parametrize(
    ("name", "kind"), [("moving.gif", Kind.VIDEO), ("moving.webp", Kind.VIDEO), ("clip.webm", Kind.VIDEO)]
)
async def test_short_clips_of_every_sort_are_looped(tmp_path: Path, name: str, kind: Kind) -> None:
    plan = plan_of(part(tmp_path, name, kind), seconds=2.5)

    facts = await SandboxedMedia().animatic(plan, tmp_path / "out.mp4")

    frames = frames_of(tmp_path / "out.mp4")
    assert facts.seconds == pytest.approx(2.5, abs=0.1)
    assert difference(frames[0], frames[4]) > 1
    assert difference(frames[48], frames[52]) > 1


async def test_without_pictures_the_prompt_fills_a_title_card(tmp_path: Path) -> None:
    facts = await SandboxedMedia().animatic(plan_of(caption="Rain on neon"), tmp_path / "out.mp4")

    card = frames_of(tmp_path / "out.mp4")[0]
    assert (facts.width, facts.height) == (160, 120)
    assert ImageStat.Stat(card.convert("L")).extrema[0][1] > 200


@pytest.mark.parametrize("name", ["song.mp3", None])
async def test_sound_is_heard_for_the_whole_time_even_if_there_is_none(tmp_path: Path, name: str | None) -> None:
    parts = [] if name is None else [part(tmp_path, name, Kind.AUDIO)]

    await SandboxedMedia().animatic(plan_of(*parts, seconds=2), tmp_path / "out.mp4")

    seconds, loudest = sound_of(tmp_path / "out.mp4")
    assert seconds == pytest.approx(2, abs=0.1)
    assert 0.02 < loudest <= 1


async def test_odd_prompts_and_tiny_frames_are_no_obstacle(tmp_path: Path) -> None:
    caption = "日本語 🎬 \x00\u202e " + "W" * 500
    plan = plan_of(part(tmp_path, "clear.png", Kind.IMAGE), width=64, height=48, seconds=0.5, caption=caption)

    facts = await SandboxedMedia().animatic(plan, tmp_path / "out.mp4")

    assert (facts.width, facts.height) == (64, 48)


async def test_the_file_plays_while_it_loads(tmp_path: Path) -> None:
    await SandboxedMedia().animatic(plan_of(), tmp_path / "out.mp4")

    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_words_are_wrapped_and_shortened_to_fit() -> None:
    font = lettering.typeface(20)

    lines = lettering.wrapped("one two three four five six seven eight nine ten", font, width=120, lines=2)

    assert len(lines) == 2
    assert all(font.getlength(line) <= 120 for line in lines)
    assert lines[-1].endswith("…")


def test_letters_without_a_glyph_are_drawn_by_their_nearest_or_left_out() -> None:
    assert lettering.drawable("naïve  Łódź\nСтоп") == "naive Lodz …"
    assert lettering.drawable("one 日本語 two") == "one … two"


async def test_a_contact_sheet_has_six_frames_that_differ(tmp_path: Path) -> None:
    clip = media_samples.write(tmp_path, "clip.mp4")

    await SandboxedMedia().contact_sheet([clip], tmp_path / "sheet.png", labels=["Take 1"])

    with Image.open(tmp_path / "sheet.png", formats=["PNG"]) as sheet:
        width, height = sheet.size
        tiles = [sheet.crop((28 + index * 258, height - 120, 278 + index * 258, height - 40)) for index in range(6)]
    assert width == 1596
    assert all(difference(one, other) > 1 for one, other in pairwise(tiles))
